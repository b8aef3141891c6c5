"""A file on its way to the controller goes on, whenever the receiver grants what it has taken."""

import os

import pytest

from svcfw.agent import ops
from svcfw.agent.jobs.download import READ_BYTES, DownloadJob
from svcfw.core.wire.pace import Pace


class Message:
    class frame:  # noqa: N801
        reply_to = 7

    def __init__(self):
        self.replies = []

    def reply(self, value):
        self.replies.append(value)


class Clock:
    now = 0.0

    def __call__(self):
        self.now += 0.001
        return self.now


@pytest.mark.parametrize('size', [0, 1, READ_BYTES, READ_BYTES + 1, 40 * READ_BYTES + 5])
def test_all_that_came_is_granted(tmp_path, size):
    data = os.urandom(size)
    (tmp_path / 'file').write_bytes(data)
    message, over = Message(), []
    transfer = DownloadJob(message, 1, str(tmp_path / 'file'), lambda: Pace().flow(), Clock(), over.append, over.append)
    transfer.pump()
    taken = 0
    while not over:
        parts = message.replies[taken:]
        assert {kind for kind, _, _ in parts} == {ops.PART}
        taken += len(parts)
        transfer.grant(sum(len(part) + len(other) for _, part, other in parts))
    assert over == [transfer]
    assert b''.join(reply[1] for reply in message.replies[:-1]) + message.replies[-1][2] == data
    assert message.replies[-1][0] == ops.DONE
