"""Streams over real descriptors: partial writes, full queues, pauses, and every way to end."""

import fcntl
import os
import resource
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from svcfw.core.loop import Loop
from svcfw.core.stream import BURST_BYTES, HIGH_WATER_BYTES, TURN_S, Stream
from svcfw.core.waiter import Waiter
from svcfw.core.wire import limits
from svcfw.core.wire.errors import ChannelError
from svcfw.core.wire.frames import Frame
from svcfw.core.wire.link import Closed, Goodbye, Link, Ready
from tests.support.routers import LONG, Peer

#: More than the queue and the socket take together.
FULL_BYTES = HIGH_WATER_BYTES + 1024 * 1024


class End:
    """A stream, what it told, and the peer at the other end."""

    def __init__(self, marker: bytes | None = None) -> None:
        self.errors: list[Exception] = []
        self.loop = Loop(self.errors.append)
        ours, theirs = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        self.peer = Peer(theirs)
        self.events: list[Any] = []
        self.reasons: list[str] = []
        self.react: Any = lambda event: None
        fd = ours.detach()
        self.stream = Stream(self.loop, Link(marker), fd, fd, 'it', self._on_event, self._on_closed)
        self._waiting: list[tuple[Any, Waiter]] = []

    def _on_event(self, stream: Stream, event: Any) -> None:
        self.events.append(event)
        self._check()
        self.react(event)

    def _on_closed(self, stream: Stream, reason: str) -> None:
        self.reasons.append(reason)
        self._check()

    def _check(self) -> None:
        for condition, waiter in self._waiting:
            if condition():
                waiter.set()

    def drive_until(self, condition: Any) -> None:
        waiter = Waiter(self.loop)
        self._waiting.append((condition, waiter))
        self._check()
        assert self.loop.wait(waiter, self.loop.clock() + LONG), (self.events, self.reasons)

    def drive_until_closed(self) -> str:
        self.drive_until(lambda: self.reasons)
        return self.reasons[0]

    def payloads(self) -> list[bytes]:
        return [event.payload for event in self.events if isinstance(event, Frame)]

    def turn(self) -> None:
        """One round of the loop."""
        waiter = Waiter(self.loop)
        self.loop.call_soon(lambda: self.loop.call_soon(waiter.set))
        assert self.loop.wait(waiter, self.loop.clock() + LONG)

    def close(self) -> None:
        self.stream.close('the test is over')
        self.loop.close()
        self.peer.sock.close()


@pytest.fixture
def end() -> Iterator[End]:
    made = End()
    yield made
    made.close()


def frame(payload: bytes = b'', handle: int = 1) -> Frame:
    return Frame(0, 1, 1, handle, 0, 0, payload)


def in_thread(function: Any) -> tuple[threading.Thread, list[Any]]:
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(function())
        except Exception as exc:
            outcome.append(exc)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, outcome


class Watched:
    """A lock; `is_asked_for` is set when a thread is about to wait for it."""

    def __init__(self, lock: Any) -> None:
        self._lock = lock
        self.is_asked_for = threading.Event()

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            self.is_asked_for.set()
            self._lock.acquire()

    def __exit__(self, *exc_info: object) -> None:
        self._lock.release()


class TestSending:
    def test_a_frame_larger_than_the_socket_goes_in_parts(self, end: End) -> None:
        payload = os.urandom(1024 * 1024)
        end.stream.send(frame(payload))
        end.stream.send(frame(b'next'))
        end.stream.send(frame(b''))
        received: list[Any] = []

        def read() -> None:
            for _ in range(3):
                received.append(end.peer.receive())
            end.peer.send(frame(b'done'))

        thread, _ = in_thread(read)
        end.drive_until(end.payloads)
        thread.join(LONG)
        assert [each.payload for each in received] == [payload, b'next', b'']

    def test_frames_of_one_turn_are_written_at_its_end(self, end: End) -> None:
        end.loop.call_soon(lambda: [end.stream.send(frame(b'%d' % i)) for i in range(100)])
        end.turn()
        assert [end.peer.receive().payload for _ in range(100)] == [b'%d' % i for i in range(100)]

    def test_a_burst_of_a_thread_that_does_not_drive_is_written_in_few_pieces_and_to_its_end(
        self, end: End, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ('BURST_S', 'MAX_BURST_S'):
            monkeypatch.setattr(f'svcfw.core.stream.{name}', LONG)
        writes: list[None] = []
        write = end.stream._write
        monkeypatch.setattr(end.stream, '_write', lambda: (writes.append(None), write()))
        end.loop.ensure_standby()
        count = 1000
        thread, received = in_thread(lambda: [end.peer.receive().payload for _ in range(count)])
        for number in range(count):
            end.stream.send(frame(b'%064d' % number))
        thread.join(LONG)
        assert received == [[b'%064d' % number for number in range(count)]]
        assert len(writes) < count / 4, 'a quarter of what is held back goes at once at the least'

    def test_a_write_that_another_thread_does_at_once_leaves_nothing_behind(
        self, end: End, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The driving thread gets what is held back before the sending one has noted that it is."""
        for name in ('BURST_S', 'MAX_BURST_S'):
            monkeypatch.setattr(f'svcfw.core.stream.{name}', LONG)
        lock = Watched(end.stream._lock)
        end.stream._lock = lock
        threads: list[threading.Thread] = []

        def linger(function: Any) -> bool:
            lock.is_asked_for.clear()
            threads.append(in_thread(function)[0])
            return lock.is_asked_for.wait(LONG)

        monkeypatch.setattr(end.loop, 'linger', linger)
        for number in range(3):
            end.stream.send(frame(b'%d' % number))
            for thread in threads:
                thread.join(LONG)
        assert [end.peer.receive().payload for _ in range(3)] == [b'0', b'1', b'2']

    def test_a_large_frame_holds_back_nothing(self, end: End, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ('BURST_S', 'MAX_BURST_S'):
            monkeypatch.setattr(f'svcfw.core.stream.{name}', LONG)
        monkeypatch.setattr('svcfw.core.loop.LINGER_S', LONG)
        end.loop.ensure_standby()
        for payload in (b'first', b'second', bytes(BURST_BYTES)):
            end.stream.send(frame(payload))
        assert [end.peer.receive().payload for _ in range(3)] == [b'first', b'second', bytes(BURST_BYTES)]

    def test_a_thread_waits_while_the_queue_is_full_and_goes_on_when_the_peer_reads(self, end: End) -> None:
        big = bytes(FULL_BYTES)
        end.stream.send(frame(big))
        assert end.stream.is_full()
        thread, outcome = in_thread(lambda: end.stream.send(frame(b'after')))
        end.loop.ensure_standby()  # for what is left when the thread has done
        assert end.peer.receive().payload == big
        assert end.peer.receive().payload == b'after'
        thread.join(LONG)
        assert outcome == [None]

    def test_a_thread_that_waits_for_room_learns_that_the_peer_is_gone(self, end: End) -> None:
        end.stream.send(frame(bytes(FULL_BYTES)))
        thread, outcome = in_thread(lambda: end.stream.send(frame(b'never')))
        end.peer.sock.close()
        thread.join(LONG)
        assert [type(each) for each in outcome] == [ChannelError]

    def test_the_driving_thread_never_waits(self, end: End) -> None:
        end.loop.call_soon(lambda: [end.stream.send(frame(bytes(HIGH_WATER_BYTES))) for _ in range(3)])
        end.turn()
        assert end.stream.is_full()

    def test_room_that_is_there_is_told_at_once(self, end: End) -> None:
        called: list[int] = []
        end.stream.when_room(lambda: called.append(1))
        assert called

    def test_room_that_comes_is_told_and_so_is_the_end(self, end: End) -> None:
        called: list[str] = []
        end.stream.send(frame(bytes(FULL_BYTES)))
        end.stream.when_room(lambda: called.append('room'))
        end.stream.when_closed(lambda: called.append('closed'))
        assert not called
        end.stream.close('enough')
        end.stream.when_closed(lambda: called.append('closed before'))
        end.stream.when_room(lambda: called.append('no matter'))
        end.turn()
        assert sorted(called) == ['closed', 'closed before', 'no matter', 'room']

    def test_nothing_goes_on_a_closed_stream(self, end: End) -> None:
        end.stream.close('enough')
        with pytest.raises(ChannelError):
            end.stream.send(frame())
        end.stream.say_goodbye()
        end.stream.write_ahead(b'x')
        assert end.peer.is_closed()

    def test_nothing_goes_after_a_goodbye(self, end: End) -> None:
        end.stream.say_goodbye()
        end.stream.say_goodbye()
        with pytest.raises(ChannelError):
            end.stream.send(frame())
        assert isinstance(end.peer.receive(), Goodbye)

    def test_what_is_written_ahead_goes_before_any_frame(self, end: End) -> None:
        end.stream.write_ahead(b'program')
        end.stream.write_ahead(b'')
        end.stream.send(frame(b'x'))
        assert end.peer.sock.recv(7) == b'program'
        assert end.peer.receive().payload == b'x'

    def test_an_empty_buffer_does_not_hold_up_the_queue(self, end: End) -> None:
        end.loop.call_soon(lambda: (end.stream.write_ahead(b''), end.stream.send(frame(b'x'))))
        end.turn()
        assert end.peer.receive().payload == b'x'


class TestDraining:
    def test_it_writes_what_is_queued(self, end: End) -> None:
        payload = bytes(1024 * 1024)
        end.stream.send(frame(payload))
        thread, outcome = in_thread(end.peer.receive)
        end.stream.drain(LONG)
        thread.join(LONG)
        assert outcome[0].payload == payload

    def test_it_gives_up_in_time(self, end: End) -> None:
        end.stream.send(frame(bytes(1024 * 1024)))
        end.stream.drain(0.01)

    def test_it_works_on_a_high_descriptor(self) -> None:
        """select() takes none above 1023."""
        if resource.getrlimit(resource.RLIMIT_NOFILE)[0] <= 1100:
            pytest.skip('the limit of open files is too low')
        held = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
        try:
            end = End()
        finally:
            for fd in held:
                os.close(fd)
        end.stream.send(frame(bytes(100000)))
        thread, outcome = in_thread(end.peer.receive)
        end.stream.drain(LONG)
        thread.join(LONG)
        assert len(outcome[0].payload) == 100000
        end.close()


class TestReceiving:
    def test_events_come_in_their_order(self, end: End) -> None:
        for i in range(50):
            end.peer.send(frame(b'%d' % i))
        end.drive_until(lambda: len(end.events) == 50)
        assert end.payloads() == [b'%d' % i for i in range(50)]

    def test_a_callback_that_fails_takes_no_other_frame_with_it(self, end: End) -> None:
        def react(event: Any) -> None:
            if event.payload in (b'0', b'2'):
                raise KeyError(event.payload)

        end.react = react
        for i in range(4):
            end.peer.send(frame(b'%d' % i))
        end.drive_until(lambda: len(end.events) == 4)
        end.turn()
        assert end.payloads() == [b'0', b'1', b'2', b'3']
        assert len(end.errors) == 2

    def test_a_callback_that_waits_gets_the_frames_of_its_own_batch_in_their_order(self, end: End) -> None:
        waiter = Waiter(end.loop)

        def react(event: Any) -> None:
            if event.payload == b'wait':
                assert end.loop.wait(waiter, end.loop.clock() + LONG)
            elif event.payload == b'wait more':
                assert len(end.events) == 2
            elif event.payload == b'go on':
                waiter.set()

        end.react = react
        for payload in (b'wait', b'wait more', b'go on', b'last'):
            end.peer.send(frame(payload))
        end.drive_until(lambda: len(end.events) == 4)
        assert end.payloads() == [b'wait', b'wait more', b'go on', b'last']
        assert not end.errors

    def test_a_paused_stream_reads_as_soon_as_every_pause_is_over(self, end: End) -> None:
        end.stream.pause_reading()
        end.stream.pause_reading()
        end.peer.send(frame(b'x'))
        end.turn()
        end.stream.resume_reading()
        end.turn()
        assert not end.events
        end.stream.resume_reading()
        end.drive_until(lambda: end.events)

    def test_what_was_read_together_with_what_made_it_pause_waits_too(self, end: End) -> None:
        def react(event: Any) -> None:
            if event.payload in (b'0', b'2'):
                end.stream.pause_reading()

        end.react = react
        end.peer.sock.sendall(b''.join(Link().frame_header(frame(b'%d' % i)) + b'%d' % i for i in range(4)))
        for expected in ([b'0'], [b'0', b'1', b'2'], [b'0', b'1', b'2', b'3']):
            end.drive_until(lambda expected=expected: end.payloads()[: len(expected)] == expected)
            end.turn()
            assert end.payloads() == expected
            end.stream.resume_reading()
            end.turn()

    def test_a_pause_does_not_hold_up_writing(self, end: End) -> None:
        end.stream.pause_reading()
        payload = bytes(1024 * 1024)
        end.stream.send(frame(payload))
        end.stream.pause_reading()
        read, outcome = in_thread(end.peer.receive)
        waiter = Waiter(end.loop)
        in_thread(lambda: (read.join(LONG), waiter.set()))
        assert end.loop.wait(waiter, end.loop.clock() + LONG)
        assert outcome[0].payload == payload

    def test_a_pause_may_outlive_the_stream(self, end: End) -> None:
        end.stream.pause_reading()
        end.stream.close('enough')
        end.stream.resume_reading()


class Shared:
    """Two streams on one loop, whose clock goes on by `cost_s` for each frame that is handled."""

    def __init__(self, cost_s: float) -> None:
        self.now = 0.0
        self.turns: list[list[str]] = []
        self.reads: list[int] = []
        self.loop = Loop(print, lambda: self.now)
        self.peers: dict[str, Peer] = {}
        self.streams: dict[str, Stream] = {}
        self._cost_s = cost_s
        for name in ('evil', 'good'):
            ours, theirs = socket.socketpair()
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024 * 1024)
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1024 * 1024)
            self.peers[name] = Peer(theirs)
            fd = ours.detach()
            self.streams[name] = Stream(self.loop, Link(), fd, fd, name, self._on_event, lambda *args: None)

    def _on_event(self, stream: Stream, event: Any) -> None:
        self.turns[-1].append(stream.name)
        self.now += self._cost_s

    def flood(self, count: int) -> None:
        one = Link().frame_header(frame())
        self.peers['evil'].sock.sendall(one * count)

    def turn(self) -> list[str]:
        """What one turn of the loop has handled."""
        self.turns.append([])
        self.loop._turn(self.now)
        return self.turns[-1]

    def close(self) -> None:
        for name, stream in self.streams.items():
            stream.close('the test is over')
            self.peers[name].sock.close()
        self.loop.close()


@pytest.fixture(params=[TURN_S / 5, TURN_S * 3])
def shared(request: pytest.FixtureRequest) -> Iterator[Shared]:
    made = Shared(request.param)
    yield made
    made.close()


class TestFairness:
    def test_a_flood_is_handled_in_turns_with_what_others_send(self, shared: Shared) -> None:
        shared.flood(500)
        shared.turn()
        for _ in range(10):
            shared.peers['good'].send(frame())
            handled = shared.turn()
            assert handled.count('good') == 1
            assert 1 <= handled.count('evil') <= 2 * 5, 'what was read before, and what was then'

    def test_nothing_is_lost_or_read_before_its_time(self, shared: Shared) -> None:
        shared.flood(3000)
        held = []
        while sum(map(len, shared.turns)) < 3000:
            shared.turn()
            held.append(len(shared.streams['evil']._events))
        assert max(held) <= limits.READ_BYTES // 28

    def test_after_a_read_of_small_frames_less_is_read_at_once(self, shared: Shared) -> None:
        shared.flood(12000)
        shared.turn()
        while shared.streams['evil']._events:
            shared.turn()
        shared.turn()
        assert 0 < len(shared.streams['evil']._events) <= limits.SHORT_READ_BYTES // 28

    def test_what_was_read_waits_while_the_stream_is_paused(self, shared: Shared) -> None:
        shared.flood(100)
        shared.turn()
        shared.streams['evil'].pause_reading()
        assert [shared.turn() for _ in range(3)] == [[], [], []]
        shared.streams['evil'].resume_reading()
        while sum(map(len, shared.turns)) < 100:
            assert shared.turn()


class TestTheEnd:
    def test_a_lost_peer(self, end: End) -> None:
        end.peer.send(frame(b'last'))
        end.peer.sock.close()
        assert end.drive_until_closed() == 'it: the connection was lost'
        assert [type(event) for event in end.events] == [Frame, Closed]
        assert not end.events[1].clean

    def test_a_goodbye(self, end: End) -> None:
        end.peer.sock.sendall(Link().goodbye())
        assert end.drive_until_closed() == 'it: the peer has shut down'
        assert [type(event) for event in end.events] == [Goodbye]

    def test_a_callback_that_fails_at_the_end_does_not_prevent_it(self, end: End) -> None:
        end.react = lambda event: [][0]
        end.peer.sock.close()
        end.drive_until_closed()

    def test_bytes_that_are_no_frame(self, end: End) -> None:
        end.peer.sock.sendall(b'x' * 100)
        assert 'malformed frame' in end.drive_until_closed()

    def test_what_the_peer_said_before_it_refused_ours_is_heard(self, end: End) -> None:
        """It answers, leaves, and our next write fails before we have read."""
        end.stream.send(frame(bytes(1024 * 1024)))
        for i in range(3):
            end.peer.send(frame(b'%d' % i))
        end.peer.sock.shutdown(socket.SHUT_RD)
        end.peer.sock.sendall(Link().goodbye())
        assert end.drive_until_closed() == 'it: the peer has shut down'
        assert end.payloads() == [b'0', b'1', b'2']

    def test_the_last_words_are_heard_in_spite_of_a_pause(self, end: End) -> None:
        end.stream.pause_reading()
        end.peer.send(frame(b'last'))
        end.peer.sock.shutdown(socket.SHUT_RD)
        end.stream.send(frame(b'x'))
        assert 'Broken pipe' in end.drive_until_closed()
        assert end.payloads() == [b'last']

    def test_last_words_without_end_hold_up_nobody(self, end: End) -> None:
        """A peer that closes its reading end, and goes on writing as fast as we read."""
        end.react = lambda event: end.peer.send(event)
        end.peer.send(frame(b'more'))
        end.peer.sock.shutdown(socket.SHUT_RD)
        end.stream.send(frame(b'x'))
        assert 'Broken pipe' in end.drive_until_closed()

    def test_no_answer_to_last_words_is_kept(self, end: End) -> None:
        def react(event: Any) -> None:
            with pytest.raises(ChannelError):
                end.stream.send(frame(b'answer'))

        end.react = react
        end.peer.send(frame(b'question'))
        end.peer.sock.shutdown(socket.SHUT_RD)
        end.stream.send(frame(b'x'))
        assert 'Broken pipe' in end.drive_until_closed()
        assert not end.errors
        assert end.payloads() == [b'question']

    def test_a_peer_that_takes_no_more(self, end: End) -> None:
        end.peer.sock.shutdown(socket.SHUT_RD)
        end.stream.send(frame(b'x'))
        assert 'Broken pipe' in end.drive_until_closed()

    def test_a_peer_that_takes_no_more_and_talks_for_ever_is_heard_for_a_while(self, end: End) -> None:
        end.peer.sock.shutdown(socket.SHUT_RD)
        stop = threading.Event()

        def talk() -> None:
            while not stop.is_set():
                try:
                    end.peer.send(frame(bytes(10000)))
                except OSError:
                    return

        thread, _ = in_thread(talk)
        end.stream.send(frame(b'x'))
        assert 'Broken pipe' in end.drive_until_closed()
        stop.set()
        thread.join(LONG)

    def test_it_is_told_once_and_the_descriptors_are_closed(self) -> None:
        before = set(os.listdir('/proc/self/fd'))
        end = End()
        end.stream.close('first')
        end.stream.close('second')
        assert end.reasons == ['first']
        end.close()
        assert set(os.listdir('/proc/self/fd')) == before

    def test_two_descriptors(self) -> None:
        loop = Loop(lambda error: None)
        (read_fd, their_w), (their_r, write_fd) = os.pipe(), os.pipe()
        waiter = Waiter(loop)
        events: list[Any] = []
        stream = Stream(
            loop, Link(b'MARK'), read_fd, write_fd, 'it', lambda s, e: events.append(e), lambda s, reason: waiter.set()
        )
        stream.send(frame(bytes(1000000)))

        def read() -> int:
            with os.fdopen(their_r, 'rb') as file:
                return len(file.read(1000028))

        reader, outcome = in_thread(read)
        os.write(their_w, b'MARK')
        waited = Waiter(loop)
        in_thread(lambda: (reader.join(LONG), os.close(their_w), waited.set()))
        assert loop.wait(waiter, loop.clock() + LONG)
        assert outcome == [1000028]
        assert [type(event) for event in events] == [Ready, Closed]
        loop.close()

    @pytest.mark.skipif(not hasattr(fcntl, 'F_GETPIPE_SZ'), reason='pipes are as large as they are here')
    def test_a_pipe_that_much_comes_by_is_made_to_hold_more(self) -> None:
        loop = Loop(lambda error: None)
        (read_fd, their_w), (their_r, write_fd) = os.pipe(), os.pipe()
        waiter = Waiter(loop)
        Stream(loop, Link(), read_fd, write_fd, 'it', lambda s, e: waiter.set(), lambda s, reason: None)
        before = fcntl.fcntl(their_w, fcntl.F_GETPIPE_SZ)
        message = Link().frame_header(frame(bytes(before))) + bytes(before)
        writer, _ = in_thread(lambda: os.writev(their_w, [message]))
        assert loop.wait(waiter, loop.clock() + LONG)
        writer.join(LONG)
        assert fcntl.fcntl(their_w, fcntl.F_GETPIPE_SZ) > before
        for fd in (their_w, their_r):
            os.close(fd)
        loop.close()
