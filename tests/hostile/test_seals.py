"""Who has taken the link to a context of another account, as from the agent of the login account, has nothing by it."""

import os
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from svcfw.agent import ops, requests
from svcfw.core import handles
from svcfw.core.wire.frames import Frame, pack_header
from svcfw.mux.server.child_node import ChildNode
from svcfw.mux.server.node import Node
from svcfw.mux.server.root_node import RootNode
from svcfw.program.router import Router
from svcfw.transport.spec import Spec
from tests.support.need import need_root
from tests.support.timing import seconds, wait_until

MARKER = 'SVCFW-test'


class Tree:
    """A login's context, and one below it as a become plugin starts it."""

    def __init__(self, router: Router) -> None:
        self.router = router
        self.root: Any = self.on_loop(lambda: RootNode(router, Spec(transport='local', host='h'), lambda: None))
        self._up(self.root)
        self.child: Any = self.on_loop(self._start)
        self._up(self.child)

    def _start(self) -> ChildNode:
        command = ['/bin/sh', '-c', self.root.boot_command(MARKER)]
        return ChildNode(self.root, 'other', 0, command, False, MARKER, seconds(20), lambda data: None)

    def on_loop(self, function: Callable[[], Any]) -> Any:
        done, results = threading.Event(), []

        def run() -> None:
            results.append(function())
            done.set()

        self.router.loop.call_soon(run)
        assert done.wait(seconds(20))
        return results[0]

    def _up(self, node: Node) -> None:
        errors: list[Any] = []
        self.on_loop(lambda: node.when_ready(errors.append))
        wait_until(lambda: errors, seconds(20), 'it is up')
        assert errors == [None]

    def run(self, node: Node, text: str) -> bytes:
        """The output of a command there."""
        answers: list[Any] = []
        command = requests.Command('/bin/sh', text, b'', None, False)
        self.on_loop(lambda: node.request(0, command, lambda message: answers.append(message.value())))
        wait_until(lambda: answers and answers[-1][0] == ops.DONE, seconds(20), 'the answer')
        return b''.join(answer[-2] for answer in answers)


@pytest.fixture
def tree() -> Iterator[Tree]:
    need_root()  # who may write to what the kernel keeps from others
    with Router() as router:
        yield Tree(router)


def descriptors(pid: int) -> dict[Path, str]:
    found = {}
    for path in Path(f'/proc/{pid}/fd').iterdir():
        with suppress(FileNotFoundError):  # that of this folder
            found[path] = os.readlink(path)
    return found


def take_link(tree: Tree, node: Node) -> int:
    """A descriptor that writes to the link of a context, as its parent does."""
    pid = int(tree.run(node, 'echo $PPID'))
    above = int(tree.run(tree.root, 'echo $PPID'))
    ends = set(descriptors(above).values())
    for path, name in descriptors(pid).items():
        if name.startswith('pipe:') and name in ends:
            flags = int(Path(f'/proc/{pid}/fdinfo/{path.name}').read_text().split()[3], 8)
            if flags & os.O_ACCMODE == os.O_RDONLY:
                return os.open(path, os.O_WRONLY)
    raise AssertionError(f'no link of {pid}')


def frames(tree: Tree, node: Node, place: Path) -> dict[str, Frame]:
    """What would leave `place` behind, by the name of the attack."""
    assert node.context is not None
    encode, dst, login = tree.router.codec.encode, node.context.id, tree.root.context.id
    command = encode(requests.Command('/bin/sh', f'echo x >> {place}', b'', None, False).sent_by(0))
    call = encode((('os', 'mkdir'), (str(place),), {}))
    return {
        'a command': Frame(dst, 0, 0, handles.AGENT, 1, 0, command),
        'a call': Frame(dst, 0, 0, handles.CALL_FUNCTION, 0, 0, call),
        'a command of the login': Frame(dst, login, login, handles.AGENT, 1, 0, command),
        'a call of the login': Frame(dst, login, login, handles.CALL_FUNCTION, 0, 0, call),
        'a call of the login in our name': Frame(dst, login, 0, handles.CALL_FUNCTION, 0, 0, call),
    }


ATTACKS = ['a command', 'a call', 'a command of the login', 'a call of the login', 'a call of the login in our name']


def write(link: int, frame: Frame) -> None:
    os.write(link, pack_header(frame) + frame.payload)


@pytest.mark.parametrize('attack', ['a command', 'a call'])
def test_who_has_the_key_has_it_done(tree: Tree, tmp_path: Path, attack: str) -> None:
    link = take_link(tree, tree.child)
    frame = frames(tree, tree.child, tmp_path / 'done')[attack]
    frame.payload = tree.child.seal.sealed(frame)
    write(link, frame)
    os.close(link)
    wait_until((tmp_path / 'done').exists, seconds(20), 'it is done')


@pytest.mark.parametrize('attack', ATTACKS)
def test_nothing_is_done(tree: Tree, tmp_path: Path, attack: str, caplog: pytest.LogCaptureFixture) -> None:
    link = take_link(tree, tree.child)
    write(link, frames(tree, tree.child, tmp_path / 'done')[attack])
    os.close(link)
    if 'login' in attack:  # whose name the link has: it is refused, and all goes on
        assert tree.run(tree.child, 'echo on') == b'on\n'
    else:
        wait_until(lambda: tree.child.dead, seconds(20), 'its end')
        wait_until(lambda: 'that it did not send: another process has this link' in caplog.text, seconds(20), 'a word')
    assert tree.run(tree.root, 'echo on') == b'on\n'
    assert not (tmp_path / 'done').exists()


def test_nothing_is_done_twice(tree: Tree, tmp_path: Path) -> None:
    seal, kept, place = tree.child.seal, [], tmp_path / 'done'
    sealed = seal.sealed

    def keep(frame: Frame, row: int = 0) -> bytes:
        payload = sealed(frame, row)
        kept.append(Frame(frame.dst, frame.src, frame.auth, frame.handle, frame.reply_to, frame.flags, payload))
        return payload

    link = take_link(tree, tree.child)
    seal.sealed = keep
    tree.run(tree.child, f'echo x >> {place}')
    assert kept
    for frame in kept:
        write(link, frame)
    wait_until(lambda: tree.child.dead, seconds(20), 'its end')
    os.close(link)
    assert place.read_text() == 'x\n'


def test_source_code_of_the_one_above_is_not_run(tree: Tree, tmp_path: Path) -> None:
    link = take_link(tree, tree.child)
    assert tree.child.context is not None
    source = f'open({str(tmp_path / "done")!r}, "w")'.encode()
    payload = tree.router.codec.encode([('svcfw.agent.links.silence', False, 'x', zlib.compress(source))])
    login = tree.root.context.id
    write(link, Frame(tree.child.context.id, login, login, handles.LOAD_MODULE, 0, 0, payload))
    os.close(link)
    tree.on_loop(lambda: tree.child.say_alive(seconds(60), b'', bytes(32)))  # which imports it
    assert tree.run(tree.child, 'echo on') == b'on\n'
    assert not (tmp_path / 'done').exists()
