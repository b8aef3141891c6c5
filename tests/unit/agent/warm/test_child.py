"""A forked process that looks newly started; each case in one of its own."""

import subprocess
import sys
from pathlib import Path

from tests.support.hosts import CHECKOUT

HEAD = f"""import atexit, logging, os, signal, sys
sys.path.insert(0, {str(CHECKOUT)!r})
from svcfw.agent.warm import child
"""


def outcome(text: str, *arguments: str, stdin: bytes = b'') -> str:
    done = subprocess.run(
        [sys.executable, '-c', HEAD + text, *arguments], input=stdin, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


def test_only_what_is_kept_stays_open() -> None:
    text = (
        'a, b = os.pipe(), os.pipe()\nchild.close_all_but(b[0])\n'
        'def is_open(fd):\n'
        '    try: return bool(os.fstat(fd))\n'
        '    except OSError: return False\n'
        'print(*map(is_open, [*a, *b, 0, 1, 2]))'
    )
    assert outcome(text) == 'False False True False True True True'


def test_output_goes_where_it_is_to(tmp_path: Path) -> None:
    text = (
        'start = child.StartState()\n'
        'out, err = [os.open(path, os.O_RDWR | os.O_CREAT) for path in sys.argv[1:]]\n'
        'child.take_output(out, err, start)\n'
        'print("to out"); sys.stdout.flush(); sys.stderr.write("to err\\n"); os.write(1, b"more\\n")\n'
        'sys.__stdout__.write("end"); sys.__stdout__.flush()'
    )
    assert outcome(text, str(tmp_path / 'out'), str(tmp_path / 'err')) == ''
    assert (tmp_path / 'out').read_text() == 'to out\nmore\nend'
    assert (tmp_path / 'err').read_text() == 'to err\n'


def test_streams_have_the_encodings_of_the_start_and_the_errors_that_are_wanted() -> None:
    text = (
        'start = child.StartState(); before = sys.stdout.encoding, sys.stderr.errors\n'
        'child.open_streams(start, "surrogateescape")\n'
        'print(sys.stdin.errors, sys.stdout.errors, before == (sys.stdout.encoding, sys.stderr.errors), end=" ")\n'
        'print(sys.stdout.name)'
    )
    assert outcome(text) == 'surrogateescape surrogateescape True <stdout>'


def test_nothing_of_the_agent_is_left() -> None:
    text = (
        'class Finder:\n    def find_spec(self, *args): return None\nFinder.__module__ = "svcfw.core.importer"\n'
        'sys.meta_path.insert(0, Finder()); sys.excepthook = print\n'
        'atexit.register(print, "the agent\'s")\n'
        'logging.root.addHandler(logging.NullHandler()); logging.disable(logging.CRITICAL)\n'
        'signal.signal(signal.SIGTERM, lambda *args: None); signal.signal(signal.SIGUSR1, signal.SIG_IGN)\n'
        'signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])\n'
        'child._fresh_signals(); child._fresh_hooks()\n'
        'print(any(type(each) is Finder for each in sys.meta_path), sys.excepthook is sys.__excepthook__, end=" ")\n'
        'print([name for name in sys.modules if name.partition(".")[0] == "svcfw"], logging.root.handlers, end=" ")\n'
        'print(logging.root.manager.disable, signal.getsignal(signal.SIGTERM) == signal.SIG_DFL, end=" ")\n'
        'print(signal.getsignal(signal.SIGUSR1) == signal.SIG_IGN, signal.pthread_sigmask(signal.SIG_BLOCK, []))'
    )
    assert outcome(text) == 'False True [] [] 0 True True set()', 'what is ignored stays ignored, as with nohup'


def test_exit_functions_that_are_registered_once_stay() -> None:
    text = (
        'import multiprocessing.util as util\n'
        'util._exit_function = lambda: print("ends its pools")\n'
        'atexit.register(print, "the agent\'s"); child.clear_exit_functions()'
    )
    assert outcome(text) == 'ends its pools'


def test_a_job_leads_a_session_and_keeps_the_old_streams() -> None:
    text = (
        'start = child.StartState(); pid = os.fork()\n'
        'if pid == 0:\n'
        '    child.become_leader(start)\n'
        '    print(os.getsid(0) == os.getpid(), len(start.replaced), flush=True); os._exit(0)\n'
        'os.waitpid(pid, 0)'
    )
    assert outcome(text) == 'True 6'


def test_the_words_that_started_it_are_without_our_code() -> None:
    assert outcome('print(child.StartState(is_fork=False).words == sys.orig_argv[:1], child.StartState().words)') == (
        'True None'
    )
