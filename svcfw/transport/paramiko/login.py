"""Logs in to a host with paramiko. Blocks at most for the time-outs of the Spec. Any thread."""

from __future__ import annotations

import functools
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import paramiko

from svcfw.core.wire.errors import StartError
from svcfw.transport import failures, messages
from svcfw.transport.paramiko.keys import Keys
from svcfw.transport.paramiko.known_hosts import Known, host_name, read_known
from svcfw.transport.paramiko.settings import Settings, settle
from svcfw.transport.spec import PARAMIKO, Spec
from svcfw.transport.ssh_config import option_settings

_FAST_CIPHER = 'aes128-gcm@openssh.com'
_MAX_JUMPS = 8
#: For the end of a thread whose socket is closed.
_END_S = 1.0


class Login:
    """One connection to a host, including jump hosts.

    Any thread may call `cancel` at any time: a running `connect` then raises, and a transport that it returned is
    closed.
    """

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._sockets: list[Any] = []
        self._proxies: list[subprocess.Popen[bytes]] = []
        self._transports: list[paramiko.Transport] = []
        self._is_cancelled = False
        self._depth = 0
        self._notes: list[str] = []

    def connect(self) -> paramiko.Transport:
        """An authenticated transport; the caller closes this Login when done. Raises StartError."""
        settings = settle(self._spec)
        return self._log_in(self._spec, settings, self._way_to(settings))

    def cancel(self) -> None:
        """Close everything at once. Does not block (Transport.close would)."""
        self._is_cancelled = True
        for sock in self._sockets:
            _shut(sock)

    def close(self) -> None:
        """Close what `connect` opened, in reverse order. Waits for paramiko's threads, for a second at most."""
        self.cancel()
        for transport in reversed(self._transports):
            transport.close()
        for sock in self._sockets:
            sock.close()
        for transport in self._transports:
            if transport.is_alive():  # its own `close` does not wait
                transport.join(_END_S)
        for proxy in self._proxies:
            proxy.kill()
            proxy.wait()

    # -- connecting

    def _way_to(self, settings: Settings) -> Any:
        """An object with the interface of a connected socket."""
        if settings.proxy_command:
            sock: Any = self._by_proxy(settings.proxy_command)
        elif settings.jumps:
            sock = self._through(settings.jumps, settings.host, settings.port)
        else:
            sock = self._dial(settings.host, settings.port)
        self._sockets.append(sock)
        if self._is_cancelled:
            _shut(sock)
        return sock

    def _dial(self, host: str, port: int) -> socket.socket:
        timeout_s = self._spec.timeout_s
        try:
            sock = socket.create_connection((host, port), timeout_s)
        except socket.gaierror as exc:
            raise self._error(
                'refused', f'the name {host} has no address ({exc.strerror})', messages.NO_ADDRESS
            ) from exc
        except TimeoutError as exc:
            raise self._error('timeout', f'no answer within {timeout_s:g} s', messages.UNREACHABLE) from exc
        except OSError as exc:
            if failures.is_exhausted(exc):
                raise
            cause = f'port {port} of {host} cannot be reached ({exc.strerror or exc})'
            raise self._error('refused', cause, messages.UNREACHABLE) from exc
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def _by_proxy(self, command: str) -> socket.socket:
        # paramiko.ProxyCommand would leave its process and pipes to the garbage collector.
        ours, theirs = socket.socketpair()
        with theirs:
            end = theirs.fileno()
            proxy = subprocess.Popen(
                ['/bin/sh', '-c', f'exec {command}'],
                stdin=end,
                stdout=end,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                cwd=self._spec.cwd,
            )
        self._proxies.append(proxy)
        return ours

    def _through(self, jumps: Sequence[str], host: str, port: int) -> Any:
        """A channel to host:port from the last jump host. Jump hosts get keys only: the password is the target's."""
        *before, last = jumps
        user, _, place = last.rpartition('@')
        name, _, jump_port = place.rpartition(':') if place.count(':') == 1 else (place, '', '')
        spec = Spec(
            transport=PARAMIKO,
            host=name,
            port=int(jump_port) if jump_port else None,
            user=user or None,
            host_key_checking=self._spec.host_key_checking,
            timeout_s=self._spec.timeout_s,
            env=self._spec.env,
            # The options that ssh passes on to the ssh it runs for a jump host.
            ssh_common_args=_config_file(self._spec),
        )
        settings = settle(spec)
        self._depth += 1
        if self._depth > _MAX_JUMPS:
            cause = f'more than {_MAX_JUMPS} jump hosts; does one lead back to itself?'
            raise self._error('config', cause, 'Correct ProxyJump in ssh_config.')
        sock = self._through(before, settings.host, settings.port) if before else self._way_to(settings)
        transport = self._log_in(spec, settings, sock)
        try:
            return transport.open_channel('direct-tcpip', (host, port), ('127.0.0.1', 0), timeout=self._spec.timeout_s)
        except paramiko.SSHException as exc:
            raise self._error('refused', f'jump host {name} cannot reach it ({exc})', messages.UNREACHABLE) from exc

    # -- authentication

    def _log_in(self, spec: Spec, settings: Settings, sock: Any) -> paramiko.Transport:
        transport = paramiko.Transport(sock)
        self._transports.append(transport)
        transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = spec.timeout_s
        name = settings.known_hosts_name or host_name(settings.host, settings.port)
        known = read_known(settings.known_hosts_files, name)
        _prefer(transport, known.types)
        started = time.monotonic()
        try:
            transport.start_client(timeout=spec.timeout_s)
            _check_host_key(spec, settings, name, known, transport.get_remote_server_key())
            self._authenticate(spec, settings, transport)
        except StartError as exc:
            if spec is self._spec:
                raise
            raise self._error(exc.kind, f'jump host {spec.host}: {exc.cause}', exc.remedy) from exc
        except paramiko.ssh_exception.IncompatiblePeer as exc:
            cause = f'paramiko here and the server have no algorithm in common: {exc}'
            raise self._error('config', cause, messages.NOTHING_IN_COMMON) from exc
        except (paramiko.SSHException, EOFError, OSError) as exc:
            if failures.is_exhausted(exc):
                raise
            raise self._hung_up(exc, time.monotonic() - started) from exc
        finally:
            _forget_answers(transport)
        return transport

    def _authenticate(self, spec: Spec, settings: Settings, transport: paramiko.Transport) -> None:
        allowed = _methods(lambda: transport.auth_none(settings.user))
        offered = allowed
        for method, attempt in self._ways(spec, settings, transport):
            if transport.is_authenticated():
                return
            if method in allowed:
                allowed = _methods(attempt) or allowed
            if not transport.is_active():
                raise self._error('auth', 'too many keys were offered before the right one', messages.TOO_MANY_KEYS)
        if not transport.is_authenticated():
            refused = 'the password was refused; ' if spec.password is not None and _asks_password(offered) else ''
            cause = f'{refused}login of {settings.user} refused; the server accepts {",".join(offered) or "nothing"}'
            raise self._error('auth', '; '.join([cause, *self._notes]), messages.CHECK_LOGIN)

    def _ways(
        self, spec: Spec, settings: Settings, transport: paramiko.Transport
    ) -> Iterator[tuple[str, Callable[[], object]]]:
        """(method, attempt) in the order to try. Each key is read when its turn comes."""
        user = settings.user
        with Keys(settings, spec, self._notes) as keys:
            for key in keys:
                yield 'publickey', functools.partial(transport.auth_publickey, user, key)
        if spec.password is None:
            return
        tried = []

        def password() -> object:
            tried.append('password')
            return transport.auth_password(user, str.__str__(spec.password), fallback=False)

        yield 'password', password
        # A refused password stays wrong for every other prompt, too.
        if not tried:
            yield 'keyboard-interactive', lambda: transport.auth_interactive(user, self._answers(spec))

    def _answers(self, spec: Spec) -> Callable[[str, str, list[tuple[str, bool]]], list[str]]:
        """Answers to keyboard-interactive: the password to the first prompt without echo, else nothing."""
        unused = [str.__str__(spec.password)]

        def answer(title: str, instructions: str, prompts: list[tuple[str, bool]]) -> list[str]:
            answers = []
            for prompt, echo in prompts:
                if not echo and unused and 'password' in prompt.lower():
                    answers.append(unused.pop())
                else:
                    self._notes.append(f'it asks "{prompt.strip()[:100]}", which has no answer here')
                    answers.append('')
            return answers

        return answer

    # -- errors

    def _error(self, kind: str, cause: str, remedy: str) -> StartError:
        return StartError(kind, self._spec.host, cause, remedy)

    def _hung_up(self, exc: Exception, elapsed_s: float) -> StartError:
        said = str(exc) or type(exc).__name__
        # paramiko has the same error for both; its clock has a resolution of 0.1 s.
        if elapsed_s > self._spec.timeout_s - 0.2:
            cause = f'the server did not continue the login for {elapsed_s:.1f} s ({said})'
            return self._error('timeout', cause, messages.UNREACHABLE)
        return self._error('refused', f'the server hung up before the login was through ({said})', messages.HUNG_UP)


def _forget_answers(transport: paramiko.Transport) -> None:
    """paramiko keeps what it has logged in with, or was refused with, as long as the connection."""
    handler = transport.auth_handler
    if handler is not None:
        handler.password = handler.private_key = handler.interactive_handler = None


def _methods(attempt: Callable[[], object]) -> list[str]:
    """Make the attempt; returns the methods that the server accepts next, or [] if it does not say."""
    try:
        return list(attempt() or [])  # type: ignore[call-overload]
    except paramiko.BadAuthenticationType as exc:
        return list(exc.allowed_types)
    except paramiko.AuthenticationException as exc:
        if 'timeout' in str(exc).lower():
            raise
        return []


def _asks_password(methods: list[str]) -> bool:
    return 'password' in methods or 'keyboard-interactive' in methods


def _prefer(transport: paramiko.Transport, key_types: list[str]) -> None:
    """Prefer a host key of a known type: otherwise a server with several would look like a changed one."""
    options = transport.get_security_options()
    known = [name for kind in key_types for name in _signatures(kind) if name in options.key_types]
    options.key_types = tuple(known) + tuple(name for name in options.key_types if name not in known)
    if _FAST_CIPHER in options.ciphers:
        options.ciphers = (_FAST_CIPHER, *(name for name in options.ciphers if name != _FAST_CIPHER))


def _signatures(key_type: str) -> tuple[str, ...]:
    # One RSA key has three signature algorithms (RFC 8332).
    return ('rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa') if key_type == 'ssh-rsa' else (key_type,)


def _check_host_key(spec: Spec, settings: Settings, name: str, known: Known, key: paramiko.PKey) -> None:
    shown = key.get_base64()
    if shown in known.revoked:
        raise StartError('hostkey', spec.host, 'its host key is marked as revoked', messages.REVOKED)
    if shown in known.keys or not settings.checks_host_key:
        return
    if key.get_name() in known.types:
        place = next(iter(known.keys.values()))
        remedy = messages.CHANGED_KEY.format(command=f'ssh-keygen -f {place.rpartition(":")[0]} -R "{name}"')
        raise StartError('hostkey', spec.host, f'its host key differs from the one in {place}', remedy)
    cause = f'its host key is unknown ({key.get_name()} {key.fingerprint})'
    raise StartError('hostkey', spec.host, cause, messages.KNOWN_HOSTS)


def _config_file(spec: Spec) -> list[str]:
    words = [*(spec.ssh_args or ()), *spec.ssh_common_args, *spec.ssh_extra_args]
    return [word for name, value in option_settings(words) if name == 'configfile' for word in ('-F', value)]


def _shut(sock: Any) -> None:
    try:
        if isinstance(sock, socket.socket):
            sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
