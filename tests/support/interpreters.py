"""Other Pythons on this machine: those of pyenv, and what is on PATH."""

import os
import shutil
from pathlib import Path

import pytest

from tests.support.need import CAPABILITIES, need


def pyenv_root() -> Path:
    """Where pyenv would keep its Pythons, whether or not it is there."""
    return Path(os.environ.get('PYENV_ROOT') or Path('~/.pyenv').expanduser())


def find_python(version: str) -> str | None:
    """The path of a Python of `version` ('3.6'), pyenv's first (its shims on PATH fail for other versions), or None."""
    candidates = sorted(pyenv_root().glob(f'versions/{version}.*/bin/python{version}'))
    if candidates:
        return str(candidates[-1])
    found = shutil.which(f'python{version}')
    return None if found is None or 'shims' in Path(found).parts else found


def need_python(version: str) -> str:
    """The path of a Python of `version`; skips the calling test if there is none."""
    path = find_python(version)
    reason = f'no Python {version} on this machine'
    if f'python{version}' in CAPABILITIES:
        need(f'python{version}', path, reason)
    elif path is None:
        pytest.skip(reason)
    assert path is not None
    return path
