"""Agents are told that the controller is there, each time with the proof that was announced the time before."""

import hashlib
from typing import Any

from svcfw.mux.server.health.heartbeat import SILENCE_S, Heartbeat


class FakeNode:
    def __init__(self) -> None:
        self.facts: Any = {}
        self.dead: str | None = None
        self.heard: list[tuple[float, bytes, bytes]] = []
        self.below: list[FakeNode] = []

    def all_children(self) -> 'list[FakeNode]':
        return self.below

    def say_alive(self, silence_s: float, proof: bytes, expected: bytes) -> None:
        self.heard.append((silence_s, proof, expected))


def test_each_proof_is_the_one_that_was_announced() -> None:
    node, heartbeat = FakeNode(), Heartbeat()
    node.below = [FakeNode()]
    for _ in range(3):
        heartbeat.beat([node], 7)  # type: ignore[list-item]
    for each in (node, *node.below):
        assert [silence_s for silence_s, _, _ in each.heard] == [7 + SILENCE_S] * 3
        assert each.heard[0][1] == b''
        for (_, _, expected), (_, proof, _) in zip(each.heard, each.heard[1:], strict=False):
            assert hashlib.sha256(proof).digest() == expected
    assert node.heard[0][2] != node.below[0].heard[0][2]


def test_only_those_that_are_up_are_told() -> None:
    starting, dead, heartbeat = FakeNode(), FakeNode(), Heartbeat()
    starting.facts, dead.dead = None, 'gone'
    heartbeat.beat([starting, dead], 7)  # type: ignore[list-item]
    assert not starting.heard
    assert not dead.heard
