"""What is left out of `run_command` of ansible-core, and what stays; see also tests/integration/test_run_command.py."""

import os
import selectors
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from svcfw.agent.warm.ahead import spared

BASIC = 'ansible.module_utils.basic'

#: As much of core as starts a command; `before` is what its function does between fork and exec.
COMMAND = """
import os, subprocess
class AnsibleModule:
    def _restore_signal_handlers(self):
        pass
    def run_command(self, args, umask=None, **options):
        def preexec():
            {before}
        return subprocess.Popen(args, preexec_fn=preexec, stdout=subprocess.PIPE, **options)
"""
UMASK = 'if umask: os.umask(umask)'


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is replaced is put back."""
    for kind in (selectors.DefaultSelector, selectors.PollSelector):
        monkeypatch.setattr(kind, 'select', kind.select)
    monkeypatch.setattr(subprocess.Popen, '__init__', subprocess.Popen.__init__)


def test_it_is_done_once() -> None:
    spared.spare()
    before = selectors.PollSelector.select, subprocess.Popen.__init__
    spared.spare()
    assert (selectors.PollSelector.select, subprocess.Popen.__init__) == before


def test_where_neither_is_imported_there_is_nothing_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    before = selectors.PollSelector.select, subprocess.Popen.__init__
    monkeypatch.delitem(sys.modules, 'selectors')
    monkeypatch.delitem(sys.modules, 'subprocess')
    spared.spare()
    assert (selectors.PollSelector.select, subprocess.Popen.__init__) == before


class TestSelecting:
    """It may wait for output when there is nothing left to wait for."""

    @pytest.fixture
    def waited(self, monkeypatch: pytest.MonkeyPatch) -> list[float | None]:
        """How long select() was asked to wait."""
        waits: list[float | None] = []
        for kind in (selectors.DefaultSelector, selectors.PollSelector):
            monkeypatch.setattr(kind, 'select', lambda self, timeout=None: waits.append(timeout) or [])
        spared.spare()
        return waits

    @pytest.mark.parametrize('kind', ['DefaultSelector', 'PollSelector'])
    def test_core_does_not_wait_for_nothing(self, waited: list[float | None], kind: str) -> None:
        text = f'import selectors\nwith selectors.{kind}() as one:\n    assert one.select(1) == []\n'
        exec(text, {'__name__': BASIC})
        exec(text, {'__name__': 'somebody.elses'})
        with_something = text.replace('    assert', '    one.register(pipe, selectors.EVENT_READ)\n    assert')
        readable, writable = os.pipe()
        exec(with_something, {'__name__': BASIC, 'pipe': readable})
        os.close(readable)
        os.close(writable)
        assert waited == [0, 1, 1]


class TestForking:
    """It has CPython fork, for a function that sets a umask where there is one."""

    @pytest.fixture
    def functions(self, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        """What Popen was given to call before exec, each time."""
        given: list[Any] = []
        init: Callable[..., None] = subprocess.Popen.__init__

        def record(self: Any, *args: Any, **kwargs: Any) -> None:
            given.append(kwargs.get('preexec_fn'))
            init(self, *args, **kwargs)

        monkeypatch.setattr(subprocess.Popen, '__init__', record)
        spared.spare()
        return given

    def run(self, before: str, umask: 'int | None' = None, **options: Any) -> str:
        """What a program prints that is started like this: its umask."""
        core: dict[str, Any] = {'__name__': BASIC}
        exec(COMMAND.format(before=before), core)
        with core['AnsibleModule']().run_command(['/bin/sh', '-c', 'umask'], umask, **options) as started:
            return str(started.stdout.read().decode().strip())

    @pytest.fixture
    def usual(self) -> Iterator[str]:
        """The umask that a program has of this process."""
        before = os.umask(0o22)
        yield '0022'
        os.umask(before)

    def test_not_without_a_umask(self, functions: list[Any], usual: str) -> None:
        assert self.run(UMASK) == usual
        assert functions == [None]

    @pytest.mark.parametrize(('umask', 'printed'), [(0o77, '0077'), (0, '0022')])
    def test_for_a_umask(self, functions: list[Any], usual: str, umask: int, printed: str) -> None:
        assert self.run(UMASK, umask) == printed
        assert functions[0].__name__ == 'preexec'

    def test_where_descriptors_are_inherited(self, functions: list[Any], usual: str) -> None:
        """CPython could use posix_spawn there."""
        assert self.run(UMASK, close_fds=False) == usual
        assert functions[0].__name__ == 'preexec'

    @pytest.mark.parametrize(
        'before',
        [
            'os.setsid()', 'os.umask(0o77)', 'umask or os.nice(0)', 'umask or os.umask(len)', 'umask or os.umask(63)',
            'if not umask: os.umask(0o77)', 'if umask is None: os.umask(0o77)',
            'self._restore_signal_handlers()\n            ' + UMASK, UMASK + '\n            os.nice(0)',
            'if self: os.umask(umask)', 'if umask: self.umask(umask)',
        ],
    )  # fmt: skip
    def test_for_what_is_not_known(self, functions: list[Any], before: str) -> None:
        """Of a release to come, or of one before 2.17."""
        with suppress(subprocess.SubprocessError):  # some cannot be called
            self.run(before)
        assert None not in functions

    @pytest.mark.parametrize('umask', [0, None])
    def test_for_a_umask_that_is_set_whatever_it_is(
        self, functions: list[Any], usual: str, umask: 'int | None'
    ) -> None:
        before = 'if umask is not None: os.umask(umask)'
        assert self.run(before, umask) == ('0022' if umask is None else '0000')
        assert None not in functions

    def test_for_another_os(self, functions: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
        core: dict[str, Any] = {'__name__': BASIC}
        exec(COMMAND.format(before=UMASK), core)
        core['os'] = object()
        core['AnsibleModule']().run_command(['true']).communicate()
        assert None not in functions

    def test_for_what_somebody_else_does(self, functions: list[Any]) -> None:
        subprocess.Popen(['true'], preexec_fn=os.getpid).wait()
        subprocess.Popen(['true'], preexec_fn=lambda: None).wait()
        subprocess.Popen(['true']).wait()
        assert [function is None for function in functions] == [False, False, True]
