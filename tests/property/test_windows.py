"""A sender, and a receiver that grants what it has consumed: nothing overruns, nothing gets stuck."""

from collections import deque

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from svcfw.core.wire.windows import SendWindow


class Transfer(RuleBasedStateMachine):
    @initialize(size=st.integers(1, 50))
    def start(self, size):
        self.size = size
        self.sender = SendWindow(size)
        self.data, self.grants = deque(), deque()

    @rule(n=st.integers(0, 60))
    def send(self, n):
        allowed = self.sender.take(n)
        assert 0 <= allowed <= n
        if allowed:
            self.data.append(allowed)

    @precondition(lambda self: self.data)
    @rule()
    def consume(self):
        self.grants.append(self.data.popleft())

    @precondition(lambda self: self.grants)
    @rule()
    def deliver_grant(self):
        self.sender.grant(self.grants.popleft())

    @invariant()
    def credit_and_data_under_way_are_the_window(self):
        assert self.sender.available + sum(self.data) + sum(self.grants) == self.size


Transfer.TestCase.settings = settings(deadline=None, stateful_step_count=40)
TestTransfer = Transfer.TestCase
