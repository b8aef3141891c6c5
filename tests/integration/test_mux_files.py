"""Files through a multiplexer: waited for or not, large, odd, and such as cannot be had."""

import os
import subprocess

import pytest

from svcfw.agent import ops
from svcfw.agent.requests import Fetch
from svcfw.mux.client.client import DeferredError, Target
from svcfw.mux.requests import PutPart
from tests.support.mux import command, fds, link, resident_bytes

HERE = Target(link())
MiB = 1024 * 1024


def test_deferred_operations_before_close_are_done(mux, tmp_path):
    (tmp_path / 'local').write_bytes(b'x' * 600_000)
    client = mux.client()
    client.mkdtemp(HERE, str(tmp_path / 'a' / 'b'), 0o77)
    client.put_file(HERE, str(tmp_path / 'local'), str(tmp_path / 'a' / 'b' / 'file'))
    client.close()
    target = tmp_path / 'a' / 'b' / 'file'
    mux.wait_for(lambda: target.exists() and target.stat().st_size == 600_000, 'the file')


def test_a_failure_comes_out_of_the_next_blocking_call_and_holds_it_back(mux, tmp_path):
    client = mux.client()
    client.mkdtemp(HERE, str(tmp_path), None)
    client.mkdtemp(HERE, str(tmp_path / 'after'), None)
    with pytest.raises(DeferredError) as raised:
        client.run_command(HERE, f'touch {tmp_path}/run', None, '/bin/sh')
    error = raised.value
    assert (error.op, error.path, error.status) == ('mkdtemp', str(tmp_path), 1)
    assert error.cause == f"mkdir: cannot create directory '{tmp_path}': File exists"
    assert list(tmp_path.iterdir()) == []
    client.mkdtemp(HERE, str(tmp_path / 'after'), None)
    client.flush(HERE)
    assert (tmp_path / 'after').is_dir()


def test_a_put_into_a_missing_folder(mux, tmp_path):
    (tmp_path / 'local').write_bytes(b'x' * 600_000)
    client = mux.client()
    client.put_file(HERE, str(tmp_path / 'local'), str(tmp_path / 'no' / 'file'))
    with pytest.raises(DeferredError, match='No such file or directory') as raised:
        client.flush(HERE)
    assert raised.value.op == 'put_file'
    client.flush(HERE)


def test_failures_of_one_client_are_not_those_of_another(mux, tmp_path):
    one, other = mux.client(), mux.client()
    one.mkdtemp(HERE, str(tmp_path), None)
    other.flush(HERE)
    assert other.run_command(HERE, 'echo on', None, '/bin/sh').rc == 0
    with pytest.raises(DeferredError):
        one.flush(HERE)


def test_a_put_to_a_full_disk(mux, tmp_path):
    full = tmp_path / 'full'
    full.mkdir()
    if os.getuid() or subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', full], check=False).returncode:
        pytest.skip('cannot mount a small file system')
    try:
        (tmp_path / 'local').write_bytes(bytes(3 * MiB))
        client = mux.client()
        client.put_file(HERE, str(tmp_path / 'local'), str(full / 'file'))
        with pytest.raises(DeferredError, match='No space left on device'):
            client.flush(HERE)
        assert list(full.iterdir()) == []
        client.flush(HERE)
    finally:
        subprocess.run(['umount', full], check=True)


def test_paths_that_are_no_text(mux, tmp_path):
    name = os.fsdecode(b'\xff caf\xc3\xa9 \n')
    (tmp_path / 'local').write_bytes(b'content')
    client = mux.client()
    folder = tmp_path / name
    client.mkdtemp(HERE, str(folder), None)
    client.put_file(HERE, str(tmp_path / 'local'), str(folder / name))
    client.chmod(HERE, [str(folder / name)], 'u+rwx')
    client.flush(HERE)
    assert (folder / name).read_bytes() == b'content'
    (tmp_path / 'fetched').touch()
    assert client.fetch_file(HERE, str(folder / name), str(tmp_path / 'fetched')) & 0o700 == 0o700
    assert (tmp_path / 'fetched').read_bytes() == b'content'
    client.remove(HERE, str(folder), True)
    client.flush(HERE)
    assert not folder.exists()


def test_remove_is_never_an_error(mux, tmp_path):
    (tmp_path / 'kept').mkdir()
    client = mux.client()
    client.remove(HERE, str(tmp_path / 'nothing'), True)
    client.remove(HERE, str(tmp_path / 'kept'), False)
    client.remove(HERE, '/proc/self/maps', True)
    client.flush(HERE)
    assert (tmp_path / 'kept').is_dir()


def test_a_large_file_there_and_back_in_little_memory(mux, tmp_path):
    size = 256 * MiB
    with open(tmp_path / 'local', 'wb') as file:
        file.truncate(size)
        file.write(b'start')
        file.seek(size - 3)
        file.write(b'end')
    client = mux.client()
    client.put_file(HERE, str(tmp_path / 'local'), str(tmp_path / 'remote'))
    client.flush(HERE)
    (tmp_path / 'fetched').touch()
    client.fetch_file(HERE, str(tmp_path / 'remote'), str(tmp_path / 'fetched'))
    subprocess.run(['cmp', tmp_path / 'local', tmp_path / 'fetched'], check=True)
    for pid in mux.processes():
        assert resident_bytes(pid) < 96 * MiB, command(pid)


@pytest.mark.parametrize('size', [0, 1, 256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1])
def test_files_of_all_sizes(mux, tmp_path, size):
    content = os.urandom(size)
    (tmp_path / 'local').write_bytes(content)
    (tmp_path / 'local').chmod(0o640)
    (tmp_path / 'remote').write_bytes(b'before')
    (tmp_path / 'fetched').write_bytes(b'longer than nothing')
    client = mux.client()
    client.put_file(HERE, str(tmp_path / 'local'), str(tmp_path / 'remote'))
    client.put_file(HERE, str(tmp_path / 'local'), str(tmp_path / 'new'))
    client.fetch_file(HERE, str(tmp_path / 'remote'), str(tmp_path / 'fetched'))
    assert (tmp_path / 'fetched').read_bytes() == (tmp_path / 'new').read_bytes() == content
    assert client.fetch_file(HERE, str(tmp_path / 'new'), str(tmp_path / 'fetched')) == 0o640


@pytest.mark.parametrize(('name', 'words'), [('.', 'Is a directory'), ('missing', 'No such file or directory')])
def test_what_cannot_be_fetched(mux, tmp_path, name, words):
    (tmp_path / 'fetched').touch()
    client = mux.client()
    with pytest.raises(DeferredError, match=words) as raised:
        client.fetch_file(HERE, str(tmp_path / name), str(tmp_path / 'fetched'))
    assert (raised.value.op, raised.value.path) == ('fetch_file', str(tmp_path / name))
    client.flush(HERE)


def test_named_pipes_hold_nobody_up(mux, tmp_path):
    os.mkfifo(tmp_path / 'fifo')
    (tmp_path / 'local').write_bytes(b'x')
    client = mux.client()
    assert client.fetch_file(HERE, str(tmp_path / 'fifo'), str(tmp_path / 'local')) >= 0
    client.put_file(HERE, str(tmp_path / 'local'), str(tmp_path / 'fifo'))
    with pytest.raises(DeferredError, match='No such device or address'):
        client.flush(HERE)
    client.flush(HERE)


def test_a_client_that_leaves_during_a_fetch(mux, tmp_path):
    with open(tmp_path / 'remote', 'wb') as file:
        file.truncate(1024 * MiB)
    client = mux.client()
    client.facts(HERE)
    (agent,) = mux.agents()
    before = fds(agent)
    client._request(HERE, Fetch(str(tmp_path / 'remote')), 1)
    client._line.receive()  # it is under way, and far from its end
    client.abort()
    mux.wait_for(lambda: fds(agent) == before, 'the file to be closed')
    assert mux.client().run_command(HERE, 'echo on', None, '/bin/sh').stdout == b'on\n'


def test_an_upload_that_breaks_off_leaves_nothing(mux, tmp_path):
    client = mux.client()
    client.facts(HERE)
    (agent,) = mux.agents()
    before = fds(agent)
    client._defer(HERE, PutPart(str(tmp_path / 'file'), 0o600, b'part', ops.PUT_FIRST, b'', 0))
    mux.wait_for(lambda: fds(agent) > before, 'the beginning')
    client.abort()
    mux.wait_for(lambda: fds(agent) == before, 'the file to be closed')
    assert list(tmp_path.iterdir()) == []
