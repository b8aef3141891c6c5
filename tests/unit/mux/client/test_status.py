"""The question what is under way: asked without a greeting, and with an end where no answer comes."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from svcfw.core.wire.codec import Codec
from svcfw.core.wire.frames import Frame, FrameReader, pack_header
from svcfw.mux import protocol, rundir
from svcfw.mux.client import status
from svcfw.mux.client.starting import MuxError
from tests.support.timing import seconds


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / 'run'
    rundir.prepare(made)
    return made


@pytest.fixture
def served(folder: Path) -> Iterator[Callable[[Callable[[socket.socket], None]], None]]:
    """A multiplexer's socket, on which the given function answers one client."""
    threads: list[threading.Thread] = []
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(rundir.socket_path(folder)))
    listener.listen()

    def serve(function: Callable[[socket.socket], None]) -> None:
        def run() -> None:
            with listener.accept()[0] as client:
                client.settimeout(seconds(20))
                function(client)

        threads.append(threading.Thread(target=run))
        threads[-1].start()

    yield serve
    for thread in threads:
        thread.join()
    listener.close()


def question(client: socket.socket) -> Frame:
    reader = FrameReader()
    while True:
        for frame in reader.feed(client.recv(4096)):
            return frame


def test_what_is_answered(folder: Path, served: Any) -> None:
    asked: list[Frame] = []

    def answer(client: socket.socket) -> None:
        asked.append(question(client))
        payload = Codec().encode({'pid': 7, 'contexts': []})
        client.sendall(pack_header(Frame(0, 0, 0, protocol.RESULT, 1, 0, payload)) + payload)

    served(answer)
    assert status.ask(folder) == {'pid': 7, 'contexts': []}
    assert [(frame.handle, frame.reply_to) for frame in asked] == [(protocol.STATUS, 1)]


def test_one_that_was_just_ending_is_none(folder: Path, served: Any) -> None:
    served(lambda client: None)
    assert status.ask(folder) is None


def test_one_that_says_nothing_is_named(folder: Path, served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, 'ANSWER_S', 0.05)

    def keep_silent(client: socket.socket) -> None:
        question(client)
        client.recv(1)  # its end

    served(keep_silent)
    with pytest.raises(MuxError, match='does not answer'):
        status.ask(folder)


def test_where_none_runs_there_is_none(folder: Path) -> None:
    assert status.ask(folder) is None
    assert not os.path.exists(rundir.socket_path(folder)), 'it starts none'
