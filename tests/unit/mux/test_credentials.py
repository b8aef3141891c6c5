"""Who is at the other end of a socket."""

import os
import socket
import struct

from svcfw.mux import credentials


def test_the_peer_is_known():
    one, other = socket.socketpair()
    with one, other:
        assert credentials.is_same_user(one)
        assert credentials.peer_pid(one) == os.getpid()


def test_another_user_is_known():
    class Peer:
        def getsockopt(self, level, option, size):
            return struct.pack('3i', 1, os.getuid() + 1, 1)

    assert not credentials.is_same_user(Peer())


def test_where_the_system_does_not_tell(monkeypatch):
    monkeypatch.delattr(socket, 'SO_PEERCRED')
    one, other = socket.socketpair()
    with one, other:
        assert credentials.is_same_user(one)
        assert credentials.peer_pid(one) == 0
