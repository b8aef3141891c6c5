"""What a child logs and prints reaches the parent's logging."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from svcfw.core import logs
from svcfw.core.context import Context
from svcfw.core.stream import HIGH_WATER_BYTES
from svcfw.core.waiter import Waiter
from svcfw.program.router import Router
from tests.support import bare, called, children
from tests.support.timing import seconds, wait_until


@pytest.fixture
def router(caplog: pytest.LogCaptureFixture) -> Iterator[Router]:
    caplog.set_level(logging.INFO)
    with children.router() as made:
        yield made


@pytest.fixture(params=children.PYTHONS)
def child(router: Router, request: pytest.FixtureRequest) -> Context:
    return children.start(router, request.param)


def wait_for(caplog: pytest.LogCaptureFixture, text: str) -> logging.LogRecord:
    def found() -> list[logging.LogRecord]:
        return [record for record in caplog.records if text in record.getMessage()]

    wait_until(found, seconds(20), f'{text!r} in the log')
    return found()[0]


def test_records(child: Context, caplog: pytest.LogCaptureFixture) -> None:
    child.call(called.log, 'my.module', logging.ERROR, 'it is bad: %s tëxt')
    record = wait_for(caplog, 'it is bad')
    assert (record.name, record.levelno) == ('svcfw.remote', logging.ERROR)
    assert record.getMessage() == 'child: my.module: it is bad: %s tëxt'
    child.call(called.log, 'my.module', logging.INFO, 'less so')
    wait_for(caplog, 'less so')
    assert 'not wanted' not in caplog.text, 'what is below the level of the parent stays there'


def test_logging_is_imported_by_who_uses_it_only(child: Context, caplog: pytest.LogCaptureFixture) -> None:
    assert not child.call(bare.has_imported, 'logging')
    child.call(called.log, 'my.module', logging.ERROR, 'the first record')
    assert wait_for(caplog, 'the first record').name == 'svcfw.remote'


def test_a_fork_logs_for_itself(child: Context, caplog: pytest.LogCaptureFixture) -> None:
    assert child.call(bare.log_in_a_fork, 'from the fork') == 0
    assert wait_for(caplog, 'from the fork').levelno == logging.INFO, 'as what is printed there'


def test_what_is_printed_comes_at_once(child: Context, caplog: pytest.LogCaptureFixture) -> None:
    assert child.call(called.say, 'hello\nworld') == '', 'there is nothing to read from stdin'
    assert wait_for(caplog, 'hello').getMessage() == 'child: hello'
    assert wait_for(caplog, 'world').levelno == logging.INFO


def test_what_cannot_be_printed_in_its_encoding_is_shown_all_the_same(child: Context, caplog: Any) -> None:
    child.call(called.say, 'ü\udc80!')
    wait_for(caplog, '!')


def test_stderr_and_warnings(child: Context, caplog: pytest.LogCaptureFixture) -> None:
    child.call(called.complain, 'oh no')
    wait_for(caplog, 'oh no')
    child.call(called.warn, 'beware')
    wait_for(caplog, 'UserWarning: beware')


def test_the_last_words_are_heard(router: Router, child: Context, caplog: pytest.LogCaptureFixture) -> None:
    child.call(called.say_without_newline, 'unfinished')
    child.shutdown()
    wait_for(caplog, 'unfinished')


def test_a_flood_of_records_neither_blocks_nor_fails(child: Context) -> None:
    assert child.call(called.log_much, 200, 100_000) == 'done'


class FakeStream:
    def __init__(self, full: bool) -> None:
        self._full = full

    def is_full(self) -> bool:
        return self._full


class FakeRouter:
    """As far as `forward` looks at one."""

    own_id = 3

    def __init__(self, stream: Any) -> None:
        self.sent: list[Any] = []
        self.send = self.sent.append
        self.codec = self
        self.encode = lambda value: value
        self._stream = stream

    def link_for(self, context_id: int) -> Any:
        assert context_id == 0
        return self._stream


class Text(str):
    """No exact str: cannot travel."""


def test_a_record_is_made_of_plain_values_and_cut() -> None:
    router = FakeRouter(FakeStream(False))
    logs.forward(router, True, Text('name'), Text('x' * 10**6))
    level, name, text = router.sent[0].payload
    assert (type(level), type(name), type(text)) == (int, str, str)
    assert len(text) == logs.MAX_TEXT_CHARS


@pytest.mark.parametrize('stream', [None, FakeStream(True)])
def test_a_record_is_dropped_where_there_is_no_way_or_no_room(stream: Any) -> None:
    router = FakeRouter(stream)
    logs.forward(router, 30, 'name', 'text')
    assert not router.sent
    assert HIGH_WATER_BYTES > logs.MAX_TEXT_CHARS


def test_a_child_that_ends_with_its_router_is_not_lost(caplog: pytest.LogCaptureFixture) -> None:
    with children.router() as router:
        children.start(router, children.PYTHONS[0])
        gone = Waiter(router.loop)

        def look() -> None:
            if router.starters:
                router.loop.call_later(0.01, look)
            else:
                gone.set()

        def wait_for_its_end() -> None:
            router.loop.call_soon(look)
            router.loop.wait(gone, router.loop.clock() + seconds(20))

        # It has been told goodbye, and ends before `close` comes to the children.
        router.on_shutdown(wait_for_its_end)
    assert gone.ready
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
