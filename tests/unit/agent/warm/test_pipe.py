import os
import socket

import pytest

from svcfw.agent.warm import pipe
from svcfw.core.wire.values import Secret
from tests.support.jobs import module_job


@pytest.fixture
def ends():
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setblocking(False)
    with ours, theirs:
        yield ours, theirs


def drain(sender, receiver):
    messages = []
    while True:
        alive = sender.flush()
        found = receiver.read()
        messages += found
        if not found and (not alive or not sender.queued_bytes):
            return messages


def test_messages_arrive_in_order_whatever_their_size(ends):
    sender, receiver = pipe.PipeWriter(ends[0]), pipe.PipeReader(ends[1])
    bodies = [b'', b'a', b'b' * 3_000_000, b'', b'c' * 70_000]
    for body in bodies:
        sender.put(pipe.ADD, body)
    assert sender.queued_bytes > 3_000_000
    assert drain(sender, receiver) == [(pipe.ADD, body) for body in bodies]
    assert sender.queued_bytes == 0


def test_descriptors_arrive_with_their_message(ends):
    sender, receiver = pipe.PipeWriter(ends[0]), pipe.PipeReader(ends[1])
    pairs = [os.pipe() for _ in range(3)]
    for number, (_, write_end) in enumerate(pairs):
        sender.put(pipe.RUN, b'%d' % number + b'x' * 500_000 * number, [write_end, write_end])
        os.close(write_end)
    for number, (kind, body) in enumerate(drain(sender, receiver)):
        assert (kind, body[:1]) == (pipe.RUN, b'%d' % number)
        for fd in receiver.take_fds(2):
            os.write(fd, body[:1])
            os.close(fd)
    assert receiver.other_fds() == []
    for number, (read_end, _) in enumerate(pairs):
        assert os.read(read_end, 9) == b'%d%d' % (number, number)
        assert os.read(read_end, 9) == b''
        os.close(read_end)


def test_the_end_is_seen_and_writes_fail_quietly(ends):
    sender, receiver = pipe.PipeWriter(ends[0]), pipe.PipeReader(ends[1])
    sender.put(pipe.ADD, b'half')
    sender.flush()
    ends[0].shutdown(socket.SHUT_WR)
    assert drain(sender, receiver) == [(pipe.ADD, b'half')]
    assert receiver.read() == []
    assert receiver.ended
    sender.put(pipe.ADD, b'more')
    assert not sender.flush()
    sender.drop()
    assert sender.queued_bytes == 0


def test_dropping_closes_the_copies(ends):
    before = sorted(os.listdir('/proc/self/fd'))
    read_end, write_end = os.pipe()
    sender = pipe.PipeWriter(ends[0])
    sender.put(pipe.RUN, b'', [write_end])
    os.close(write_end)
    sender.drop()
    assert os.read(read_end, 1) == b''
    os.close(read_end)
    assert sorted(os.listdir('/proc/self/fd')) == before


def test_jobs_keep_their_values_and_lose_their_subclasses():
    job = module_job(profile=Secret('p\udcff'), env={Secret('a'): Secret('b')}, members=[('n', b'd')], has_link=True)
    job_id, found = pipe.unpack_job(pipe.pack_job(7, job))
    assert job_id == 7
    assert found.values() == job.values()
    assert (type(found.profile), found.members, found.has_link) == (str, [('n', b'd')], True)


def test_members_that_the_receiver_has_are_left_out():
    job = module_job(member_list=b'm' * 32, members=[('n', b'd')])
    _, found = pipe.unpack_job(pipe.pack_job(7, job, has_members=False))
    assert (found.member_list, found.members) == (b'm' * 32, None)
