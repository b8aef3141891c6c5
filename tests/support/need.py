"""Skips with a reason, which SVCFW_REQUIRE turns into failures where the capability has to be there (as in CI)."""

import os
import shutil

import pytest

CAPABILITIES = frozenset({
    'root', 'sshd', 'sudo', 'python3.6', 'python3.13', 'core-2.16', 'core-2.17', 'core-2.18', 'core-2.19', 'core-2.20',
    'core-2.21', 'core-devel', 'sshpass', 'mitogen', 'molecule', 'mypy', 'pip', 'collections', 'doas', 'rsync',
    'pexpect',
})  # fmt: skip


def required() -> frozenset[str]:
    """The capabilities that may not be missing: SVCFW_REQUIRE, separated by commas; ValueError for an unknown one."""
    names = frozenset(name for name in os.environ.get('SVCFW_REQUIRE', '').split(',') if name)
    unknown = names - CAPABILITIES
    if unknown:
        raise ValueError(f'SVCFW_REQUIRE names unknown capabilities: {", ".join(sorted(unknown))}')
    return names


def need(capability: str, present: object, reason: str) -> None:
    """Skip the calling test with `reason` unless `present`; fail it instead if SVCFW_REQUIRE names `capability`."""
    if capability not in CAPABILITIES:
        raise ValueError(f'unknown capability: {capability}')
    if present:
        return
    if capability in required():
        pytest.fail(f'{capability} is required here: {reason}', pytrace=False)
    pytest.skip(reason)


def is_long() -> bool:
    """Whether the long form of suites that have one is wanted: SVCFW_TEST_LONG=1."""
    return os.environ.get('SVCFW_TEST_LONG', '0') != '0'


def need_long(reason: str) -> None:
    """Skip unless the long form is wanted; say what it does beyond the short one."""
    if not is_long():
        pytest.skip(f'{reason}: with SVCFW_TEST_LONG=1')


def need_root() -> None:
    """Skip unless the test may mount, unshare and make accounts."""
    need('root', os.geteuid() == 0, 'needs root to make throw-away hosts')


def need_program(capability: str, name: str) -> str:
    """The path of an executable, looked for in the sbin folders too; skips if there is none."""
    path = shutil.which(name, path=os.environ.get('PATH', '') + ':/usr/sbin:/sbin:/usr/local/sbin')
    need(capability, path, f'no {name} on this machine')
    assert path is not None
    return path
