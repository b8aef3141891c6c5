"""Jobs of warm processes as tests make them: what does not matter has a value already."""

import sys
from typing import Any

from svcfw.agent.warm.job import ModuleJob, SourceJob


def module_job(**fields: Any) -> ModuleJob:
    """A module's; `fields` are those of ModuleJob and what is set on one later."""
    sent = {name: fields.pop(name) for name in ModuleJob.fields if name in fields}
    given = {
        'interpreter': [sys.executable], 'env': {}, 'format': 'v1', 'module': 'm', 'fqn': 'm', 'params': b'{}', **sent,
    }  # fmt: skip
    job = ModuleJob(**given)
    for name, value in fields.items():
        setattr(job, name, value)
    return job


def source_job(text: str, python: object = sys.executable, env: dict[str, str] | None = None) -> SourceJob:
    """A program's."""
    return SourceJob([str(python)], env or {}, text.encode())
