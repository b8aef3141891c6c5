"""Processes that hide their memory; what was freed of secrets is overwritten, once nothing runs any more."""

import os
import subprocess
import sys

import pytest

from svcfw.agent import private
from tests.support.hosts import CHECKOUT
from tests.support.jobs import module_job, source_job
from tests.support.loops import StillLoop
from tests.support.need import need_root
from tests.support.secrets_scan import found

SECRETIVE = """
import sys
from svcfw.agent import private
private.wipe_when_freed()
planted = sys.stdin.readline().strip()
made = [planted * n for n in range(1, 40)] + [(planted * n).encode() for n in range(1, 40)]
kept = [bytes(200) for _ in range(5000)]
more = [planted + str(n) for n in range(3000)]
del kept, made, more, planted
if sys.argv[1] == 'wipes':
    private.wipe_freed()
print('freed', flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize('wipes', [True, False])
def test_nothing_is_left_of_what_was_freed(wipes: bool) -> None:
    need_root()
    if not sys.platform.startswith('linux'):
        pytest.skip('looks into /proc')
    planted = f'planted-{os.urandom(8).hex()}'
    words = [sys.executable, '-c', SECRETIVE, 'wipes' if wipes else 'does not']
    with subprocess.Popen(
        words, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(planted + '\n')
        assert process.stdout.readline() == 'freed\n'
        # What the interpreter has read its standard input into is kept by that: once.
        left = found(process.pid, [planted.encode()]).get(planted.encode(), 0)
        process.stdin.write('\n')
    assert (left <= 2) is wipes


@pytest.mark.parametrize(('no_log', 'expected'), [('true', True), ('false', False)])
def test_a_job_of_a_task_with_no_log(no_log: str, expected: bool) -> None:
    assert private.has_secrets(module_job(params=f'{{"a": 1, "_ansible_no_log": {no_log}}}'.encode())) is expected
    assert not private.has_secrets(source_job('pass'))


def test_memory_is_wiped_once_nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, wiped, is_busy = StillLoop(), [], [True]
    monkeypatch.setattr(private, 'wipe_freed', lambda: wiped.append(loop.clock()))
    monkeypatch.setattr(private, 'wipe_when_freed', lambda: None)
    wiping = private.Wiping(loop, lambda: is_busy[0])
    wiping.begin()
    wiping.begin()
    loop.advance(private.WIPE_S)
    assert not wiped
    is_busy[0] = False
    loop.advance(private.WIPE_S)
    assert len(wiped) == 1
    loop.advance(10 * private.WIPE_S)
    assert len(wiped) == 1
    wiping.begin()
    loop.advance(private.WIPE_S)
    assert len(wiped) == 2


linux = pytest.mark.skipif(sys.platform != 'linux', reason='asks the kernel of Linux')

PROGRAM = f"""import ctypes, os, sys
sys.path.insert(0, {str(CHECKOUT)!r})
from svcfw.agent import private
def dumpable(): return ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)
"""


def outcome(text: str) -> str:
    done = subprocess.run([sys.executable, '-I', '-c', PROGRAM + text], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@linux
def test_a_hidden_process_leaves_no_core_until_it_is_shown() -> None:
    text = 'print(dumpable(), end=" "); private.hide(); print(dumpable(), end=" "); private.show(); print(dumpable())'
    assert outcome(text) == '1 0 1'


@linux
def test_what_it_starts_is_as_any_process() -> None:
    text = 'private.hide(); sys.stdout.flush(); os.execv(sys.executable, [sys.executable, "-c", """%s"""])'
    assert outcome(text % 'import ctypes; print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))') == '1'


@linux
def test_without_such_a_call_there_are_no_cores() -> None:
    text = (
        'import resource; sys.platform = "other"; private.hide()\n'
        'print(resource.getrlimit(resource.RLIMIT_CORE)[0], dumpable())'
    )
    assert outcome(text) == '0 1'
