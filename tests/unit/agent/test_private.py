"""Processes that hide their memory; each case in a process of its own."""

import subprocess
import sys

import pytest

from tests.support.hosts import CHECKOUT

pytestmark = pytest.mark.skipif(sys.platform != 'linux', reason='asks the kernel of Linux')

PROGRAM = f"""import ctypes, os, sys
sys.path.insert(0, {str(CHECKOUT)!r})
from svcfw.agent import private
def dumpable(): return ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)
"""


def outcome(text: str) -> str:
    done = subprocess.run([sys.executable, '-I', '-c', PROGRAM + text], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_hidden_process_leaves_no_core_until_it_is_shown() -> None:
    text = 'print(dumpable(), end=" "); private.hide(); print(dumpable(), end=" "); private.show(); print(dumpable())'
    assert outcome(text) == '1 0 1'


def test_what_it_starts_is_as_any_process() -> None:
    text = 'private.hide(); sys.stdout.flush(); os.execv(sys.executable, [sys.executable, "-c", """%s"""])'
    assert outcome(text % 'import ctypes; print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))') == '1'


def test_without_such_a_call_there_are_no_cores() -> None:
    text = (
        'import resource; sys.platform = "other"; private.hide()\n'
        'print(resource.getrlimit(resource.RLIMIT_CORE)[0], dumpable())'
    )
    assert outcome(text) == '0 1'
