"""Paramiko transport: reaches a host without an ssh program. Threads stand for the process.

Controller only, Python 3.11. `launch` returns at once; a thread logs in and starts the first stage, then two threads
copy bytes between the channel and our ends. All end with the channel, or when `kill` or `close` is called.
"""

from __future__ import annotations

import logging
import os
import socket
import threading

import paramiko

from svcfw.core.wire.errors import StartError
from svcfw.files.disk.descriptors import write_all
from svcfw.transport import failures, messages
from svcfw.transport.contract import Process
from svcfw.transport.dialogue import LoginDialogue
from svcfw.transport.paramiko.login import Login
from svcfw.transport.spec import Spec

_CHUNK_BYTES = 128 * 1024

# Our errors name the cause. Without a handler of the program's, logging would print it to stderr as well.
logging.getLogger('paramiko').addHandler(logging.NullHandler())


class ChannelProcess(Process):
    """A connection, which stands for a process: it has none here."""

    pid = None  # type: ignore[assignment]

    def __init__(self, spec: Spec, command: str) -> None:
        self.failure: StartError | None = None
        self._spec = spec
        self._command = command
        self._status: int | None = None
        self._login = Login(spec)
        ours, self._link = socket.socketpair()
        try:
            err_fd, self._err_fd = os.pipe()
        except OSError:
            ours.close()
            self._link.close()
            raise
        os.set_blocking(err_fd, False)
        ours.setblocking(False)
        self.err_fd = err_fd
        self.in_fd = self.out_fd = ours.detach()
        self._thread = threading.Thread(target=self._run, name=f'svcfw paramiko {spec.host}', daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        return f'<ChannelProcess on {self._spec.host}>'

    def poll(self) -> int | None:
        """None while it runs; then the remote exit status, 255 if there is none."""
        return None if self._thread.is_alive() else self._status

    def kill(self) -> None:
        """Close the connection; the host ends what ran there when its streams close."""
        self._login.cancel()
        try:
            self._link.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def close(self) -> None:
        """Close all our ends. The remote program reads end-of-file."""
        for fd in {fd for fd in self.release() if fd is not None}:
            os.close(fd)

    # -- threads

    def _run(self) -> None:
        status = 255
        try:
            transport = self._login.connect()
            channel = transport.open_session(timeout=self._spec.timeout_s)
            channel.exec_command(self._command)
            status = self._carry(channel)
        except StartError as exc:
            self.failure = failures.forget_origin(exc)
        except (paramiko.SSHException, EOFError, OSError) as exc:
            self.failure = _no_command(self._spec, exc)
        except Exception as exc:  # a bug of paramiko's or of ours must not leave the starter waiting
            self.failure = StartError('died', self._spec.host, f'paramiko failed: {exc!r}', 'Use the ssh transport.')
        finally:
            self._login.close()
            self._status = status
            os.close(self._err_fd)
            _shut_down(self._link)
            self._link.close()

    def _carry(self, channel: paramiko.Channel) -> int:
        """Copy bytes until the channel ends; returns its exit status."""
        pumps = [
            threading.Thread(target=self._pump_in, args=(channel,), name='svcfw paramiko in', daemon=True),
            threading.Thread(target=self._pump_err, args=(channel,), name='svcfw paramiko err', daemon=True),
        ]
        for pump in pumps:
            pump.start()
        self._pump_out(channel)
        status = channel.recv_exit_status() if not channel.closed or channel.exit_status_ready() else 255
        channel.close()
        _shut_down(self._link)
        for pump in pumps:
            pump.join()
        return status

    def _pump_in(self, channel: paramiko.Channel) -> None:
        try:
            for data in iter(lambda: self._link.recv(_CHUNK_BYTES), b''):
                channel.sendall(data)
            channel.shutdown_write()
        except (OSError, EOFError, paramiko.SSHException):
            pass  # the other direction sees the same end, and reports it

    def _pump_out(self, channel: paramiko.Channel) -> None:
        try:
            for data in iter(lambda: channel.recv(_CHUNK_BYTES), b''):
                self._link.sendall(data)
        except (OSError, EOFError, paramiko.SSHException):
            pass  # no reader is left

    def _pump_err(self, channel: paramiko.Channel) -> None:
        try:
            for data in iter(lambda: channel.recv_stderr(_CHUNK_BYTES), b''):
                write_all(self._err_fd, data)
        except (OSError, EOFError, paramiko.SSHException):
            pass


def launch(spec: Spec, size: int) -> tuple[ChannelProcess, LoginDialogue]:
    """Start connecting to `spec`: (ChannelProcess, LoginDialogue). The first stage reads `size` bytes from its stdin.

    Raises StartError: kind 'option' for an interpreter that cannot be quoted, 'busy' for an exhausted resource here.
    """
    text = spec.boot_text(size)
    try:
        return ChannelProcess(spec, text), LoginDialogue(spec.host, messages.SSH)
    except OSError as exc:
        raise failures.cannot_run(spec.host, 'a connection', exc, '') from exc


def _no_command(spec: Spec, exc: Exception) -> StartError:
    if isinstance(exc, OSError) and failures.is_exhausted(exc):
        return failures.cannot_run(spec.host, 'a connection', exc, '')
    cause = f'the server does not run commands ({exc or type(exc).__name__})'
    return StartError('died', spec.host, cause, messages.HUNG_UP)


def _shut_down(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
