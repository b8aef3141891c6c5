"""A sender and a receiver with data and grants under way between them: nothing overruns, nothing gets stuck."""

from collections import deque

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from svcfw.core.wire.windows import ReceiveWindow, SendWindow


class Transfer(RuleBasedStateMachine):
    @initialize(size=st.integers(1, 50), extra=st.integers(0, 200))
    def start(self, size, extra):
        self.maximum = size + extra
        self.sender = SendWindow(size)
        self.receiver = ReceiveWindow(size, self.maximum)
        self.data, self.grants = deque(), deque()
        self.held = 0

    @rule(n=st.integers(0, 60))
    def send(self, n):
        allowed = self.sender.take(n)
        assert allowed <= n
        if allowed:
            self.data.append((allowed, self.sender.starved))
            self.sender.starved = False

    @precondition(lambda self: self.data)
    @rule()
    def deliver_data(self):
        n, starved = self.data.popleft()
        self.receiver.received(n, starved)
        self.held += n

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def consume(self, data):
        n = data.draw(st.integers(1, self.held))
        self.held -= n
        grant = self.receiver.consumed(n)
        if grant:
            self.grants.append(grant)

    @precondition(lambda self: self.grants)
    @rule()
    def deliver_grant(self):
        self.sender.grant(self.grants.popleft())

    @invariant()
    def what_is_held_or_under_way_is_bounded(self):
        assert self.held + sum(n for n, _ in self.data) + self.sender.available + sum(self.grants) <= self.receiver.size
        assert self.receiver.size <= self.maximum

    @invariant()
    def an_idle_transfer_can_go_on(self):
        if not self.data and not self.grants and not self.held:
            assert self.sender.available > 0


Transfer.TestCase.settings = settings(deadline=None, stateful_step_count=40)
TestTransfer = Transfer.TestCase
