"""What crosses the link to a host: each content once, whatever asks for it, as long as it can be had there."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from svcfw.ansible.payloads import payload
from svcfw.core.wire.errors import ChannelError
from svcfw.mux.client.client import DeferredError, Target
from tests.support.mux import Dialogue, account, fds, link
from tests.support.payloads import Task, build

HERE = Target(link())
MiB = 1024 * 1024
SMALL = 300_000
LARGE = 3 * MiB


def written_by(mux):
    """Bytes that the multiplexer has written: to its links, and answers to its clients."""
    (pid,) = mux.muxes()
    for line in Path(f'/proc/{pid}/io').read_text().splitlines():
        if line.startswith('wchar:'):
            return int(line.split()[1])
    raise AssertionError('no wchar')


def put(client, target, local, remote):
    client.put_file(target, str(local), str(remote))
    client.flush(target)
    assert Path(remote).read_bytes() == Path(local).read_bytes()


@pytest.mark.parametrize('size', [SMALL, LARGE])
def test_the_second_transfer_of_a_content_takes_less_than_a_kilobyte(mux, tmp_path, size):
    (tmp_path / 'local').write_bytes(os.urandom(size))
    (tmp_path / 'copy').write_bytes((tmp_path / 'local').read_bytes())
    put(mux.client(), HERE, tmp_path / 'local', tmp_path / 'first')
    before = written_by(mux)
    assert before > size
    other = mux.client()
    put(other, HERE, tmp_path / 'copy', tmp_path / 'second')
    assert written_by(mux) - before < 1024


def test_a_large_content_that_is_gone_is_sent_again(mux, tmp_path):
    (tmp_path / 'local').write_bytes(os.urandom(LARGE))
    client = mux.client()
    put(client, HERE, tmp_path / 'local', tmp_path / 'first')
    (agent,) = mux.agents()
    kept = fds(agent)
    (tmp_path / 'first').unlink()
    put(client, HERE, tmp_path / 'local', tmp_path / 'second')
    assert fds(agent) == kept
    with open(tmp_path / 'second', 'r+b') as file:
        file.write(b'another beginning')
    put(client, HERE, tmp_path / 'local', tmp_path / 'third')
    client.remove(HERE, str(tmp_path / 'second'), False)
    client.remove(HERE, str(tmp_path / 'third'), False)
    client.flush(HERE)
    assert fds(agent) == kept - 1


def test_contents_for_several_accounts_cross_the_link_once(mux, tmp_path):
    (tmp_path / 'local').write_bytes(os.urandom(SMALL))
    client = mux.client()
    one, other = (account(Dialogue('BOOT'), key) for key in (b'one', b'other'))
    for target in (HERE, one, other):
        client.run_command(target, ':', None, '/bin/sh')
    before = written_by(mux)
    for number, target in enumerate((one, other, HERE)):
        put(client, target, tmp_path / 'local', tmp_path / f'remote{number}')
    assert SMALL < written_by(mux) - before < SMALL + 8192


def test_modules_for_several_accounts_cross_the_link_once(mux, tmp_path):
    client = mux.client()
    one, other = (account(Dialogue('BOOT'), key) for key in (b'one', b'other'))
    for target in (HERE, one, other):
        client.run_command(target, ':', None, '/bin/sh')
    (data,) = build('2.19', [Task('ping')])
    ping = payload.split(data)
    assert ping is not None
    sizes = []
    for target in (one, other, HERE):
        before = written_by(mux)
        assert client.run_module(target, ping, {}).rc == 0
        sizes.append(written_by(mux) - before)
    assert sizes[0] > 100_000
    assert max(sizes[1:]) < 16 * 1024


def test_a_file_that_cannot_be_put_leaves_what_was_there_and_nothing_else(mux, tmp_path):
    full = tmp_path / 'full'
    full.mkdir()
    if os.getuid() or subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', full], check=False).returncode:
        pytest.skip('cannot mount a small file system')
    try:
        client = mux.client()
        client.facts(HERE)
        (agent,) = mux.agents()
        (full / 'file').write_bytes(b'before')
        before = fds(agent)
        for size in (LARGE, 900_000):
            (tmp_path / 'local').write_bytes(os.urandom(size))
            (full / 'ballast').write_bytes(bytes(MiB + MiB // 2))
            for name in ('file', 'new'):
                client.put_file(HERE, str(tmp_path / 'local'), str(full / name))
                with pytest.raises(DeferredError, match='No space left on device'):
                    client.flush(HERE)
            assert {path.name for path in full.iterdir()} == {'file', 'ballast'}
            assert (full / 'file').read_bytes() == b'before'
            assert fds(agent) == before
            (full / 'ballast').unlink()
        put(client, HERE, tmp_path / 'local', full / 'file')
    finally:
        subprocess.run(['umount', full], check=True)


@pytest.mark.parametrize('is_there', [True, False])
def test_an_agent_that_is_killed_leaves_what_was_there(mux, tmp_path, is_there):
    with open(tmp_path / 'local', 'wb') as file:
        file.truncate(512 * MiB)
    if is_there:
        (tmp_path / 'remote').write_bytes(b'before')
    names = set(tmp_path.iterdir())
    client = mux.client()
    client.facts(HERE)
    (agent,) = mux.agents()
    done = []

    def on_progress(size, total):
        if size > 4 * MiB and not done:
            done.append(os.kill(agent, signal.SIGKILL))

    def attempt():
        client.put_file(HERE, str(tmp_path / 'local'), str(tmp_path / 'remote'), on_progress)
        client.flush(HERE)

    with pytest.raises(ChannelError):
        attempt()
    assert set(tmp_path.iterdir()) == names
    assert not is_there or (tmp_path / 'remote').read_bytes() == b'before'
    (tmp_path / 'local').write_bytes(b'after')
    put(mux.client(), HERE, tmp_path / 'local', tmp_path / 'remote')
