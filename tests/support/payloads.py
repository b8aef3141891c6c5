"""Real payloads of real ansible-cores, and runs of them: cold as stock does it, warm as an agent does."""

import json
import os
import pickle
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from svcfw.agent.warm.job import ModuleJob, SourceJob, WarmJob
from svcfw.ansible.payloads import payload
from tests.support.hosts import CHECKOUT
from tests.support.timing import seconds
from tests.support.venvs import need_core

LIBRARY = Path(__file__).with_name('modules')
#: A job for `Template.run`, and the contents that it names: (digest, bytes).
Given = tuple[WarmJob, list[tuple[bytes, bytes]]]
LINES = ('2.16', '2.17', '2.18', '2.19', '2.20', '2.21', 'devel')


@dataclass(frozen=True)
class Task:
    """A module with its arguments; `env` is the task's environment, `variables` go into building the payload."""

    module: str
    args: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)

    def request(self, number: int) -> dict[str, Any]:
        library = str(LIBRARY) if (LIBRARY / f'{self.module}.py').exists() else None
        return {
            'file': str(number), 'module': self.module, 'args': dict(self.args), 'vars': dict(self.variables),
            'library': library,
        }  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """How a run ended: `status` as subprocess gives a return code (minus the signal), None if nobody knows.

    ran: as of template.Exited.
    """

    status: int | None
    stdout: bytes
    stderr: bytes
    ran: tuple[int, ...] = ()

    @property
    def result(self) -> dict[str, Any]:
        """What the module printed; AssertionError with the output if that is no JSON."""
        try:
            parsed = json.loads(self.stdout)
        except ValueError as exc:
            raise AssertionError(f'no result from the module: {self}') from exc
        assert isinstance(parsed, dict)
        return parsed


def build(line: str, tasks: Sequence[Task]) -> list[bytes]:
    """What ansible-core `line` hands to a connection for each task; skips the test where that core is not to be had."""
    return list(_build(line, json.dumps([task.request(number) for number, task in enumerate(tasks)])))


@cache
def _build(line: str, requests: str) -> tuple[bytes, ...]:
    core = need_core(line)
    env = {name: value for name, value in os.environ.items() if not name.startswith(('ANSIBLE_', 'PYTHON'))}
    with tempfile.TemporaryDirectory() as folder:
        env.update(ANSIBLE_LOCAL_TEMP=folder, HOME=folder, LC_ALL='C.UTF-8')
        command = [core.python, Path(__file__).with_name('build_payloads.py'), folder]
        done = subprocess.run(
            command, input=requests, env=env, cwd=folder, capture_output=True, text=True, timeout=seconds(240)
        )
        assert done.returncode == 0, done.stderr
        return tuple((Path(folder) / str(number)).read_bytes() for number in range(len(json.loads(requests))))


def job_of(data: bytes, python: str, env: Mapping[str, str]) -> Given:
    """The job that a payload is."""
    parts = payload.split(data)
    members = parts.members()
    job = ModuleJob(
        [python], dict(env), parts.format, parts.module, parts.fqn, parts.params, parts.profile,
        None if parts.secrets is None else list(parts.secrets), parts.rlimit_nofile,
    )  # fmt: skip
    job.members = [(name, digest) for name, digest, _ in members]
    return job, [(digest, content) for _, digest, content in members]


def source_job(source: bytes, python: str, env: Mapping[str, str]) -> Given:
    """The job of a program that is not understood."""
    return SourceJob([python], dict(env), source), []


def run_cold(source: bytes, python: str, env: Mapping[str, str], base_env: Mapping[str, str], cwd: Path) -> Outcome:
    """Feed a program to a new interpreter, as a shell on the target would."""
    done = subprocess.run(
        [python], input=source, env={**base_env, **env}, cwd=cwd, capture_output=True,
        timeout=seconds(120), check=False, start_new_session=True,
    )  # fmt: skip
    return Outcome(done.returncode, done.stdout, done.stderr)


def run_warm(jobs: Iterable[Given], python: str, base_env: Mapping[str, str], cwd: Path) -> list[Outcome]:
    """Run jobs one after another in one template under `python`."""
    program = f'import sys; sys.path.append({str(CHECKOUT)!r}); from tests.support.warm_driver import main; main()'
    done = subprocess.run(
        [python, '-c', program], input=pickle.dumps(list(jobs), 2), env=dict(base_env), cwd=cwd, capture_output=True,
        timeout=seconds(120), check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    results, report = pickle.loads(done.stdout)
    assert not report['leaked'], 'the agent has other descriptors than before'
    assert not report['left'], 'processes of jobs have outlived their template'
    return [
        Outcome(status if status is None else _code(status), stdout, stderr, ran)
        for status, stdout, stderr, ran in results
    ]


def _code(status: int) -> int:
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
