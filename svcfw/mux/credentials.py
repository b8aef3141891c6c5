"""Who is at the other end of a UNIX socket."""

import os
import socket
import struct

#: struct ucred: pid, uid, gid (socket(7), SO_PEERCRED).
_UCRED = struct.Struct('3i')


def is_same_user(peer: socket.socket) -> bool:
    """Whether the process at the other end of a UNIX socket runs as this user. True where the system cannot tell."""
    if not hasattr(socket, 'SO_PEERCRED'):
        return True  # the folder's mode has admitted it
    _, uid, _ = _UCRED.unpack(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    return bool(uid == os.getuid())


def peer_pid(peer: socket.socket) -> int:
    """The process at the other end, of a listening socket the one that has called `listen` last; 0 if unknown."""
    if not hasattr(socket, 'SO_PEERCRED'):
        return 0
    return int(_UCRED.unpack(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))[0])
