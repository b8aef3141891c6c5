"""Where processes of commands knock that want to be contexts."""

import os
import socket
from collections.abc import Iterator

import pytest

from svcfw.agent.links import gate
from svcfw.agent.links.door import KNOCK, Door
from svcfw.agent.links.gate import VARIABLE, Gate
from tests.support.need import need_root
from tests.unit.agent.fakes import FakeRouter


class Site:
    def __init__(self) -> None:
        self.router = FakeRouter()
        self.doors: list[Door] = []
        self.gate = Gate(self.router.loop, self.doors.append)

    def address(self, key: int) -> tuple[str, bytes]:
        """The socket's name and the pass for a command."""
        name, shown = self.gate.variables(key)[VARIABLE].split(' ')
        return '\0' + name[1:], shown.encode()

    def is_ended(self, peer: socket.socket) -> bool:
        try:
            return peer.recv(1) == b''
        except BlockingIOError:
            return False
        except OSError:
            return True


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    for door in made.doors:
        door.close()
    made.gate.close()
    made.router.loop.close()


def connected(name: str) -> socket.socket:
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(name)
    peer.setblocking(False)
    return peer


def test_a_pass_stands_for_its_command(site: Site) -> None:
    for key in (5, 6):
        name, shown = site.address(key)
        with connected(name) as peer:
            peer.sendall(shown + KNOCK)
            site.router.until(lambda key=key: site.doors and site.doors[-1].key == key, 'a knock')


@pytest.mark.parametrize('shown', [b'0' * 32, b'short', b''])
def test_without_a_pass_nobody_gets_in(site: Site, shown: bytes) -> None:
    name, _ = site.address(5)
    with connected(name) as peer:
        peer.sendall(shown)
        peer.shutdown(socket.SHUT_WR)
        site.router.until(lambda: site.is_ended(peer), 'its end')
    assert not site.doors


def test_who_shows_nothing_is_turned_away(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, 'WAIT_S', 0.01)
    name, _ = site.address(5)
    with connected(name) as peer:
        site.router.until(lambda: site.is_ended(peer), 'its end')


def test_the_oldest_passes_are_forgotten(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, 'MAX_PASSES', 2)
    (name, oldest), *_ = [site.address(key) for key in range(3)]
    with connected(name) as peer:
        peer.sendall(oldest + KNOCK)
        site.router.until(lambda: site.is_ended(peer), 'its end')


def test_another_account_does_not_get_in(site: Site) -> None:
    need_root()
    name, shown = site.address(5)
    pid = os.fork()
    if pid == 0:
        try:
            os.setuid(65534)
            peer = socket.socket(socket.AF_UNIX)
            peer.connect(name)
            peer.sendall(shown + KNOCK)
            os._exit(0 if peer.recv(1) == b'' else 1)
        except OSError:
            os._exit(0)
        finally:
            os._exit(2)
    status: list[int] = []

    def has_ended() -> bool:
        done, found = os.waitpid(pid, os.WNOHANG)
        if done:
            status.append(found)
        return bool(done)

    site.router.until(has_ended, 'the end of the other account')
    assert status == [0]
    assert not site.doors
