"""Records of other contexts, at the top of the tree: none is believed, none is kept."""

import logging
from typing import Any

import pytest

from svcfw.core import handles, logs
from svcfw.core.parent import logsink
from svcfw.core.wire.frames import Frame
from tests.support.routers import Peer, Served, Tree


class TestAtTheTop:
    @pytest.fixture
    def scene(self, made: Tree) -> tuple[Served, Peer]:
        top = made.master()
        logsink.receive(top.router)
        return top, made.peer(top, 1, 'evil', ids=(64, 127))

    def tell(self, scene: tuple[Served, Peer], value: Any) -> None:
        top, peer = scene
        peer.send(Frame(0, 1, 1, handles.FORWARD_LOG, 0, 0, top.router.codec.encode(value)))
        peer.send(Frame(0, 1, 1, handles.FORWARD_LOG, 5, 0, b'\xff'))
        peer.receive()

    def test_sizes_and_levels_are_bounded(self, scene: tuple[Served, Peer], caplog: pytest.LogCaptureFixture) -> None:
        self.tell(scene, (10**9, 'n' * 10**6, 't' * 10**6))
        (record,) = caplog.records
        assert record.levelno == logging.CRITICAL
        assert len(record.getMessage()) < logs.MAX_NAME_CHARS + logs.MAX_TEXT_CHARS + 10

    def test_names_and_levels_that_a_child_chooses_are_not_kept(self, scene: tuple[Served, Peer], caplog: Any) -> None:
        self.tell(scene, (30, 'warm', 'up'))
        loggers = set(logging.Logger.manager.loggerDict)
        for i in range(200):
            self.tell(scene, (-i if i % 2 else i + 10**6, f'name{i}.of.child', 'text'))
        for i in range(64):
            scene[1].send(Frame(0, 1, 1, handles.ADD_ROUTE, 0, 0, scene[0].router.codec.encode((64 + i, f'n{i}.x'))))
            value = scene[0].router.codec.encode((40, 'n', 't'))
            scene[1].send(Frame(0, 64 + i, 64 + i, handles.FORWARD_LOG, 0, 0, value))
        self.tell(scene, (30, 'and', 'last'))
        assert 'n63.x: n: t' in caplog.text
        assert set(logging.Logger.manager.loggerDict) == loggers
        assert len(getattr(logging.getLogger(logsink.LOGGER), '_cache', ())) <= logging.CRITICAL + 1  # none on 3.6

    def test_no_text_looks_like_another_record(self, scene: tuple[Served, Peer], caplog: Any) -> None:
        self.tell(scene, (30, 'a\nERROR root: forged', 'text\r\nERROR root: forged\x1b[31m'))
        (record,) = caplog.records
        assert record.getMessage() == ('evil: a\n  | ERROR root: forged: text\n  | ERROR root: forged\\x1b[31m')

    @pytest.mark.parametrize('value', [None, (1, 2, 3), ('40', 'a', 'b'), (40, 'a'), (40, None, 'b')])
    def test_nonsense_is_no_record(self, scene: tuple[Served, Peer], caplog: Any, value: Any) -> None:
        self.tell(scene, value)
        assert not caplog.records
