"""In processes of their own: one that is stopped, and one below it that continues it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.mux import state
from tests.support.timing import seconds, wait_until

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.skipif(not sys.platform.startswith('linux'), reason='looks at /proc')

BELOW = """import sys
from svcfw.transport import waking
print('ready', flush=True)
sys.stdin.readline()
waking.programs_above()
sys.stdin.readline()
"""
ABOVE = f"""import subprocess, sys
sys.exit(subprocess.run([sys.executable, '-c', {BELOW!r}]).returncode)
"""


def test_a_stopped_program_above_is_continued() -> None:
    above = subprocess.Popen([sys.executable, '-c', ABOVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
    assert above.stdin is not None
    assert above.stdout is not None
    try:
        assert above.stdout.readline() == b'ready\n'
        os.kill(above.pid, signal.SIGSTOP)
        wait_until(lambda: state(above.pid) == 'T', seconds(20), 'that it is stopped')
        above.stdin.write(b'\n')
        above.stdin.flush()
        wait_until(lambda: state(above.pid) != 'T', seconds(20), 'that it is continued')
        above.stdin.write(b'\n')
        above.stdin.close()
        assert above.wait(seconds(20)) == 0
    finally:
        above.kill()
        above.wait()
        above.stdout.close()
