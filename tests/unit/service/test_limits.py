"""What a pool holds of others' calls is bounded in bytes, by link and in all."""

import types
from typing import Any

import pytest

from svcfw.core.message import Message
from svcfw.core.wire.frames import Frame
from svcfw.service import limits as module
from svcfw.service.errors import RefusedError
from svcfw.service.limits import Held


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    """Of a router where ids 10 to 19 are behind link 1, and so on."""
    monkeypatch.setattr(module, 'COUNTED_BYTES', 10)
    monkeypatch.setattr(module, 'MAX_OF_LINK_BYTES', 1000)
    monkeypatch.setattr(module, 'MAX_BYTES', 1500)
    return Held(types.SimpleNamespace(link_for=lambda context_id: context_id // 10))


def message(size: int, src_id: int = 10) -> Any:
    return Message(None, Frame(0, src_id, src_id, 110, 7, 0, bytes(size)))


def test_all_behind_a_link_together(held: Held) -> None:
    kept = [message(500, src_id) for src_id in (10, 11)]
    for each in kept:
        held.admit(each)
    assert (kept[0].src_id, kept[0].frame.reply_to, len(kept[0].frame.payload)) == (10, 7, 500)
    with pytest.raises(RefusedError, match='1000 bytes of calls are waiting already'):
        held.admit(message(11, 12))
    held.admit(message(10, 12))  # so small that they are not counted
    held.admit(message(500, 20))
    kept.append(message(500, 20))
    held.admit(kept[-1])
    with pytest.raises(RefusedError, match='1500'):
        held.admit(message(11, 30))
    del kept[0]
    held.admit(message(11, 30))
    held.admit(message(500, 12))


def test_one_may_be_larger_if_it_is_alone(held: Held) -> None:
    large = message(5000)
    held.admit(large)
    with pytest.raises(RefusedError):
        held.admit(message(11, 20))
    del large
    held.admit(message(11, 20))


def test_nothing_is_remembered_of_what_is_gone(held: Held) -> None:
    for _ in range(5000):
        held.admit(message(500))
    held.admit(message(500, 20))
    assert len(held._bytes) <= 2
