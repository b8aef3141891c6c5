"""What is left of a multiplexer, its contexts and jobs when some of them are killed: nothing that runs on."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from svcfw.core.wire.errors import ChannelError, StartError
from svcfw.mux.client.client import Target
from tests.support.mux import HANG, in_thread, link, parent_of, written, zombies

HERE = Target(link())
# A module that tells its pid in a file, and does not end.
SLEEPER = """import os, time
with open({!r}, 'w') as file:
    file.write('%d\\n' % os.getpid())
time.sleep(1000)
"""


def test_killed_multiplexer(mux, tmp_path):
    client = mux.client()
    client.run_source(HERE, b'', [sys.executable], {})
    join = in_thread(client.run_command, HERE, HANG.format(tmp_path / 'pid'), None, '/bin/sh')
    written(tmp_path / 'pid')
    os.kill(client.mux_pid, signal.SIGKILL)
    with pytest.raises(ChannelError, match='The next task starts another one'):
        join()
    mux.wait_until_gone()  # context, agent, template, job: all
    assert mux.client().run_command(HERE, 'echo on', None, '/bin/sh').stdout == b'on\n'


def test_killed_multiplexer_with_a_job_that_ignores_signals(mux, tmp_path):
    client = mux.client()
    text = f'trap "" TERM; echo $$ > {tmp_path}/pid; while :; do sleep 1000; done'
    in_thread(client.run_command, HERE, text, None, '/bin/sh')
    written(tmp_path / 'pid')
    os.kill(client.mux_pid, signal.SIGKILL)
    mux.wait_until_gone()


def test_killed_multiplexer_with_a_module_that_ignores_signals(mux, tmp_path):
    client = mux.client()
    source = f"""import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
with open({str(tmp_path / 'pid')!r}, 'w') as file:
    file.write('%d\\n' % os.getpid())
while True:
    signal.pause()
"""
    in_thread(client.run_source, HERE, source.encode(), [sys.executable], {})
    written(tmp_path / 'pid')
    os.kill(client.mux_pid, signal.SIGKILL)
    mux.wait_until_gone()


def test_killed_client(mux, tmp_path):
    program = f"""import sys; from pathlib import Path; from svcfw.mux.client.client import Client, Target
client = Client.connect(runtime_dir=Path({str(mux.folder)!r})); here = Target({link()!r})
client.mkdtemp(here, {str(tmp_path / 'made')!r}, None)
client.run_command(here, 'echo $$ > {tmp_path}/pid; sleep 1000; :', None, '/bin/sh')
"""
    worker = subprocess.Popen([sys.executable, '-c', program], cwd=Path(__file__).parents[2])
    pid = written(tmp_path / 'pid')
    worker.kill()
    worker.wait()
    mux.wait_until_gone(pid)
    mux.wait_for(lambda: not mux.processes('sleep 1000'), 'the end of what the job has started')
    assert (tmp_path / 'made').is_dir()


def test_aborted_module(mux, tmp_path):
    client = mux.client()
    source = SLEEPER.format(str(tmp_path / 'pid'))
    in_thread(client.run_source, HERE, source.encode(), [sys.executable], {})
    pid = written(tmp_path / 'pid')
    client.abort()
    mux.wait_until_gone(pid)
    assert mux.client().run_source(HERE, b'print(1)', [sys.executable], {}).stdout == b'1\n'


def test_killed_agent(mux, tmp_path):
    client = mux.client()
    client.facts(HERE)
    (agent,) = mux.agents()
    join = in_thread(client.run_command, HERE, HANG.format(tmp_path / 'pid'), None, '/bin/sh')
    pid = written(tmp_path / 'pid')
    os.kill(agent, signal.SIGKILL)
    with pytest.raises(ChannelError, match='here'):
        join()
    os.kill(pid, signal.SIGKILL)
    assert client.run_command(HERE, 'echo on', None, '/bin/sh').stdout == b'on\n'


def test_killed_agent_after_what_was_not_waited_for(mux, tmp_path):
    client = mux.client()
    client.facts(HERE)
    (agent,) = mux.agents()
    client.mkdtemp(HERE, str(tmp_path / 'made'), None)
    mux.wait_for((tmp_path / 'made').exists, 'the folder')
    os.kill(agent, signal.SIGKILL)
    mux.wait_until_gone(agent)
    # It may be done or not, nobody can say: the module must not run as if it were.
    with pytest.raises(ChannelError):
        client.run_command(HERE, 'echo on', None, '/bin/sh')
    assert client.run_command(HERE, 'echo on', None, '/bin/sh').stdout == b'on\n'


def test_killed_template(mux, tmp_path):
    client = mux.client()
    client.facts(HERE)
    (agent,) = mux.agents()
    source = SLEEPER.format(str(tmp_path / 'pid'))
    join = in_thread(client.run_source, HERE, source.encode(), [sys.executable], {})
    job = written(tmp_path / 'pid')
    (template,) = set(mux.agents()) - {agent, job}
    os.kill(template, signal.SIGKILL)
    result = join()
    assert result.rc == 128 + signal.SIGKILL
    assert b'was killed' in result.stderr
    mux.wait_until_gone(job, template)
    assert client.run_source(HERE, b'print(1)', [sys.executable], {}).stdout == b'1\n'
    mux.wait_for(lambda: not zombies(agent), 'the template to be reaped')


def test_a_template_that_is_out_of_date_is_replaced_and_reaped(mux, tmp_path):
    venv = tmp_path / 'venv'
    subprocess.run([sys.executable, '-m', 'venv', '--without-pip', '--symlinks', venv], check=True)
    python = str(venv / 'bin' / 'python')
    (site,) = venv.glob('lib/python*/site-packages')
    client = mux.client()
    source = b'import importlib.util, os; print(os.getppid(), importlib.util.find_spec("svcfw_new") is not None)'
    first, found = client.run_source(HERE, source, [python], {}).stdout.split()
    assert found == b'False'
    (site / 'svcfw_new.py').write_text('')
    second, found = client.run_source(HERE, source, [python], {}).stdout.split()
    assert found == b'True'
    assert first != second
    mux.wait_until_gone(int(first))
    agent = parent_of(int(second))
    mux.wait_for(lambda: not zombies(agent), 'the old template to be reaped')


def test_killed_while_it_starts_a_context(mux):
    client = mux.client()
    python = mux.folder / 'python'
    python.write_text(f'#!/bin/sh\necho $$ > {mux.folder}/pid\nexec sleep 1000\n')
    python.chmod(0o755)
    slow = Target(link(python=str(python)), timeout_s=1000)
    join = in_thread(client.facts, slow)
    pid = written(mux.folder / 'pid')
    os.kill(client.mux_pid, signal.SIGKILL)
    with pytest.raises(ChannelError):
        join()
    os.kill(pid, signal.SIGKILL)  # it reads nothing, so does not know


def test_a_context_that_does_not_start_in_time(mux):
    client = mux.client()
    python = mux.folder / 'python'
    python.write_text('#!/bin/sh\nexec sleep 1000\n')
    python.chmod(0o755)
    with pytest.raises(StartError) as raised:
        client.facts(Target(link(python=str(python)), timeout_s=1))
    assert raised.value.kind == 'timeout'
    assert raised.value.host == 'here'
    mux.wait_for(lambda: not mux.processes('sleep'), 'the end of what was started')
    assert client.facts(HERE)['uid'] == os.getuid()


def test_a_client_that_leaves_while_its_context_starts_has_nothing_begun(mux, tmp_path):
    python = mux.folder / 'python'
    os.mkfifo(mux.folder / 'gate')
    # It is started once to see whether it can be, and then once more.
    gate = f'test -p {mux.folder}/gate && read line < {mux.folder}/gate && rm {mux.folder}/gate'
    python.write_text(f'#!/bin/sh\n{gate}\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    target = Target(link(python=str(python)), timeout_s=60)
    client, other = mux.client(), mux.client()
    in_thread(client.run_command, target, f'touch {tmp_path}/run', None, '/bin/sh')
    join = in_thread(other.facts, target)
    client.abort()
    mux.client().facts(HERE)  # by now its end was noticed
    (mux.folder / 'gate').write_text('\n')
    join()
    other.run_command(target, ':', None, '/bin/sh')
    assert not (tmp_path / 'run').exists()
