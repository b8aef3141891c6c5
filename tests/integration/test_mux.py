"""The multiplexer as its clients see it: how it is found or started, and how it ends."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from svcfw.core.wire.errors import ChannelError
from svcfw.mux import protocol, rundir
from svcfw.mux.client import client as mux_client
from svcfw.mux.client.client import Client, MuxError, Target
from tests.support.mux import HANG, in_thread, is_running, link, written
from tests.support.timing import seconds

HERE = Target(link())


def test_forty_workers_start_one_multiplexer(mux):
    program = (
        'import sys; from pathlib import Path; from svcfw.mux.client.client import Client\n'
        'client = Client.connect(runtime_dir=Path(sys.argv[1])); print(client.mux_pid, flush=True)\n'
        'sys.stdin.read(); client.close()'
    )
    workers = [
        subprocess.Popen(
            [sys.executable, '-c', program, str(mux.folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
        )
        for _ in range(40)
    ]  # fmt: skip
    pids = [worker.stdout.readline() for worker in workers]
    outputs = [worker.communicate(timeout=seconds(60)) for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * 40, outputs
    assert len(set(pids)) == 1
    assert mux.muxes() == [int(pids[0])]
    assert mux.log == ''


def test_no_multiplexer_is_started_to_be_asked_for(mux):
    assert Client.connect(runtime_dir=mux.folder, start=False) is None
    assert mux.processes() == []


def test_the_socket_of_a_dead_one_is_replaced(mux):
    first = mux.client()
    os.kill(first.mux_pid, signal.SIGKILL)
    mux.wait_until_gone()
    assert mux.socket.exists()
    assert mux.client().mux_pid != first.mux_pid


def test_the_socket_is_for_nobody_else(mux):
    mux.client()
    assert stat.S_IMODE(mux.folder.stat().st_mode) == 0o700


def test_another_version_has_another_multiplexer(mux, monkeypatch):
    first = mux.client()
    monkeypatch.setattr(protocol, 'VERSION', protocol.VERSION + 1)
    assert Client.connect(runtime_dir=mux.folder, start=False) is None
    assert rundir.socket_path(mux.folder).parent == mux.folder
    assert is_running(first.mux_pid)


def test_one_that_cannot_start_is_an_error_that_names_the_log(mux):
    (mux.folder / 'mux.log').mkdir()
    with pytest.raises(MuxError, match=r'mux\.log'):
        mux.client()
    shutil.rmtree(mux.folder / 'mux.log')


def test_one_that_ends_while_it_starts_is_an_error(mux, monkeypatch):
    monkeypatch.setenv('PYTHONHOME', '/nonexistent')
    with pytest.raises(MuxError, match='multiplexer'):
        mux.client()


def test_a_client_that_greets_nobody_is_dropped(mux):
    mux.client()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(seconds(20))
        sock.connect(str(mux.socket))
        sock.sendall(b'GET / HTTP/1.0\r\n\r\n' + bytes(100))
        assert sock.recv(1000) == b''
    assert mux.client().facts(HERE)['uid'] == os.getuid()


def test_stop_ends_everything(mux):
    client = mux.client()
    client.facts(HERE)
    client.run_source(HERE, b'', [sys.executable], {})
    assert len(mux.processes()) >= 3  # with an agent and its template
    assert mux_client.stop(mux.folder)
    assert mux.muxes() == []
    mux.wait_until_gone()
    assert not mux.socket.exists()
    with pytest.raises(ChannelError, match='The next task starts another one'):
        client.facts(HERE)
    assert not mux_client.stop(mux.folder)


def test_stop_in_the_middle_of_a_job(mux, tmp_path):
    client = mux.client()
    join = in_thread(client.run_command, HERE, HANG.format(tmp_path / 'pid'), None, '/bin/sh')
    written(tmp_path / 'pid')
    mux_client.stop(mux.folder)
    with pytest.raises(ChannelError):
        join()
    mux.wait_until_gone()


def test_sigterm_ends_everything(mux):
    client = mux.client()
    client.facts(HERE)
    os.kill(client.mux_pid, signal.SIGTERM)
    mux.wait_until_gone()


def test_signals_that_are_not_for_it_do_not_end_it(mux):
    client = mux.client()
    client.facts(HERE)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGUSR1):
        os.kill(client.mux_pid, number)
    mux.wait_for(lambda: 'most recent call first' in mux.log, 'its stack, for which SIGUSR1 asks')
    assert client.run_command(HERE, 'echo on', None, '/bin/sh').stdout == b'on\n'


def test_idle_contexts_and_then_the_multiplexer_end(mux):
    client = mux.client(idle_timeout_s=1)
    client.facts(HERE)
    client.run_source(HERE, b'', [sys.executable], {})
    mux.wait_for(lambda: not mux.agents(), 'the end of the idle context')
    assert is_running(client.mux_pid), 'it has a client'
    assert client.run_command(HERE, 'echo again', None, '/bin/sh').stdout == b'again\n'
    client.close()
    mux.wait_until_gone()
    assert not mux.socket.exists()
    assert mux.log == ''


def test_a_context_is_not_idle_while_a_job_runs(mux, tmp_path):
    client = mux.client(idle_timeout_s=1)
    os.mkfifo(tmp_path / 'fifo')
    join = in_thread(client.run_command, HERE, f'cat {tmp_path}/fifo', None, '/bin/sh')
    other = mux.client(idle_timeout_s=1)
    other.facts(Target(link(host='elsewhere')))
    agents = mux.agents()
    mux.wait_for(lambda: len(mux.agents()) < len(agents), 'the end of the idle one')
    with open(tmp_path / 'fifo', 'w') as fifo:
        fifo.write('still there')
    assert join().stdout == b'still there'


def test_a_job_of_a_client_that_left_does_not_keep_the_context(mux, tmp_path):
    client = mux.client(idle_timeout_s=1)
    in_thread(client.run_command, HERE, HANG.format(tmp_path / 'pid'), None, '/bin/sh')
    written(tmp_path / 'pid')
    client.abort()
    mux.wait_until_gone()


def test_the_folder_may_be_cleaned_away(mux):
    assert mux.processes() == []
    client = mux.client(idle_timeout_s=1)
    client.facts(HERE)
    shutil.rmtree(mux.folder)
    client.close()
    mux.wait_until_gone()
    mux.folder.mkdir(mode=0o700)


def test_one_that_was_replaced_leaves_the_socket_of_the_other(mux):
    first = mux.client(idle_timeout_s=1)
    mux.socket.unlink()
    second = mux.client(idle_timeout_s=60)
    assert second.mux_pid != first.mux_pid
    first.close()
    mux.wait_until_gone(first.mux_pid)
    assert mux.client().mux_pid == second.mux_pid
