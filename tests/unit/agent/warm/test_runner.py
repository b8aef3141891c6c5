"""How a run ends: the status and the words of an interpreter that ends; each case in a process of its own."""

import subprocess
import sys

import pytest

from tests.support.hosts import CHECKOUT

HEAD = f"""import atexit, os, sys
sys.path.insert(0, {str(CHECKOUT)!r})
from svcfw.agent.warm import runner
class Root:
    def remove(self): print("removed")
"""


def both(text: str) -> tuple[tuple[int, bytes, bytes], tuple[int, bytes, bytes]]:
    """(status, stdout, stderr) of a program, and of the same run as a job's is."""
    run = f'lambda: exec(compile({text!r}, "<stdin>", "exec"), {{}})'
    ran = f'{HEAD}os._exit(runner.finish(runner._guard({run}), Root()))'
    outcomes = []
    for words, source in ((['-'], text), (['-c', ran], '')):
        done = subprocess.run([sys.executable, *words], input=source.encode(), capture_output=True, check=False)
        outcomes.append((done.returncode, done.stdout, done.stderr))
    return outcomes[0], outcomes[1]


@pytest.mark.parametrize(
    'text',
    [
        'print("out")',
        'import sys; sys.exit()',
        'import sys; sys.exit(3)',
        'import sys; sys.exit(259)',
        'import sys; sys.exit(-1)',
        'import sys; sys.exit(1 << 70)',
        'import sys; sys.exit("words")',
        'import sys; sys.stderr.write("err"); raise SystemExit(True)',
        'import os; os._exit(7)',
        'import atexit; atexit.register(print, "at exit"); print("first")',
        'import threading; threading.Thread(target=print, args=("thread",)).start()',
        'raise KeyboardInterrupt',
    ],
)
def test_it_ends_as_an_interpreter_does(text: str) -> None:
    (status, out, err), (our_status, our_out, our_err) = both(text)
    assert our_status == status
    assert our_out.replace(b'removed\n', b'') == out
    assert (our_err.splitlines()[-1:] or [b''])[0] == (err.splitlines()[-1:] or [b''])[0]


def test_a_traceback_begins_with_the_modules_own_frame() -> None:
    _, (status, _, err) = both('def f():\n    raise ValueError("bad")\nf()\n')
    assert status == 1
    assert b'warm/runner.py' not in err
    assert err.startswith(b'Traceback (most recent call last):\n')
    assert err.rstrip().endswith(b'ValueError: bad')


def test_output_that_cannot_be_written_is_a_status_of_its_own() -> None:
    (status, *_), (our_status, *_) = both('import sys, os; os.close(1); sys.stdout.write("lost")')
    assert (status, our_status) == (120, 120)
