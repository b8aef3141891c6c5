"""What an agent answers, as its name in a link."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from svcfw.ansible import agent_keys
from tests.support.timing import seconds

Serve = Callable[[bytes], str]


def string(data: bytes) -> bytes:
    return struct.pack('>I', len(data)) + data


def identities(*keys: bytes, comment: bytes = b'me@here') -> bytes:
    body = b'\x0c' + struct.pack('>I', len(keys)) + b''.join(string(key) + string(comment) for key in keys)
    return string(body)


@pytest.fixture
def serve(short_path: Path) -> Iterator[Serve]:
    """serve(answer): the path of an agent that gives `answer` to one request."""
    threads = []

    def start(answer: bytes) -> str:
        path = str(short_path / str(len(threads)))
        server = socket.socket(socket.AF_UNIX)
        server.bind(path)
        server.listen()

        def talk() -> None:
            with server, server.accept()[0] as client:
                assert client.recv(5) == b'\0\0\0\1\x0b'
                client.sendall(answer)

        threads.append(threading.Thread(target=talk, daemon=True))
        threads[-1].start()
        return path

    yield start
    for thread in threads:
        thread.join(seconds(10))


def test_the_same_keys_have_the_same_name_whatever_agent_holds_them(serve: Serve) -> None:
    first = agent_keys.digest(serve(identities(b'one', b'two')))
    assert first is not None
    assert agent_keys.digest(serve(identities(b'two', b'one', comment=b'elsewhere'))) == first


def test_other_keys_have_another(serve: Serve) -> None:
    answers = [identities(), identities(b'one'), identities(b'two'), identities(b'one', b'two'), identities(b'onetwo')]
    assert len({agent_keys.digest(serve(answer)) for answer in answers}) == len(answers)


@pytest.mark.parametrize(
    'answer',
    [
        b'',
        b'\0\0',
        string(b''),
        string(b'\x05'),
        string(b'\x0c'),
        string(b'\x0c\xff\xff\xff\xff'),
        identities(b'one')[:-3],
        string(b'\x0c' + struct.pack('>I', 1) + b'\xff\xff\xff\xffx'),
        struct.pack('>I', agent_keys.MAX_ANSWER_BYTES + 1),
    ],
)
def test_what_is_no_answer(serve: Serve, answer: bytes) -> None:
    assert agent_keys.digest(serve(answer)) is None


def test_nobody_there(tmp_path: Path) -> None:
    assert agent_keys.digest(str(tmp_path / 'absent')) is None


def test_one_that_does_not_answer(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_keys, 'TIMEOUT_S', 0.05)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(short_path / 'agent'))
        server.listen()
        assert agent_keys.digest(str(short_path / 'agent')) is None
