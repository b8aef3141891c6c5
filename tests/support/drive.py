"""Starts a transport the way a starter does, with a plain poll loop instead of the core's: for tests of the parts."""

import os
import select
import time
from dataclasses import dataclass, field

from svcfw.core.wire.errors import StartError
from svcfw.transport import dialogue
from tests.support.timing import seconds

MARKER = b'\0svcfw test marker\0'


@dataclass
class Drive:
    """A launched (process, dialogue), driven by reading. `out` and `err` hold what came and was not consumed."""

    process: object
    dialogue: dialogue.Dialogue
    answers: dict = field(default_factory=dict)
    out: bytearray = field(default_factory=bytearray)
    err: bytearray = field(default_factory=bytearray)
    unsent: bytearray = field(default_factory=bytearray)
    asked: list = field(default_factory=list)
    ended: set = field(default_factory=set)

    def until_ready(self, marker=MARKER, timeout_s=None):
        """Drive until `marker` is on stdout; what follows it stays in `out`. Raises the StartError there is instead."""

        def ready():
            return marker in self.out

        if not self._until(ready, timeout_s):
            raise self.dialogue.timed_out(timeout_s or 0)
        del self.out[: self.out.index(marker) + len(marker)]

    def read(self, count, timeout_s=None):
        """Drive until `count` bytes came on stdout, and take them."""
        assert self._until(lambda: len(self.out) >= count, timeout_s), f'{len(self.out)} of {count} bytes came'
        taken = bytes(self.out[:count])
        del self.out[:count]
        return taken

    def until_end(self, timeout_s=None):
        """Drive until both streams ended; the exit status."""
        assert self._until(lambda: self.ended >= {'out', 'err'}, timeout_s, fail=False), 'still open'
        return self._status()

    def close(self):
        self.process.kill()
        self.process.close()
        self._status()

    def _status(self):
        deadline = time.monotonic() + seconds(10)
        while self.process.poll() is None:
            assert time.monotonic() < deadline, 'it does not end'
            time.sleep(0.005)
        return self.process.poll()

    def _until(self, condition, timeout_s, fail=True):
        deadline = time.monotonic() + (timeout_s or seconds(20))
        while not condition():
            if fail and 'out' in self.ended and 'err' in self.ended:
                raise self.process.failure or self.dialogue.ended(self._status())
            if not self._turn(deadline - time.monotonic()):
                return False
        return True

    def _turn(self, timeout_s):
        p = self.process
        readable = {p.out_fd: 'out', p.err_fd: 'err', p.tty_fd: 'tty'}
        poller = select.poll()
        for fd, name in readable.items():
            if fd is not None and name not in self.ended:
                poller.register(fd, select.POLLIN)
        if self.unsent:
            poller.register(p.in_fd, select.POLLOUT | (select.POLLIN if p.in_fd == p.out_fd else 0))
        events = poller.poll(max(0, timeout_s * 1000))
        for fd, mask in events:
            if mask & (select.POLLIN | select.POLLHUP | select.POLLERR) and fd in readable:
                self._read(fd, readable[fd])
            if mask & select.POLLOUT and self.unsent:
                try:
                    del self.unsent[: os.write(p.in_fd, self.unsent[: 1 << 20])]
                except BrokenPipeError:
                    self.unsent.clear()
                except BlockingIOError:
                    pass
        return bool(events)

    def _read(self, fd, name):
        try:
            data = os.read(fd, 1 << 17)
        except BlockingIOError:
            return
        except OSError:
            data = b''
        if not data:
            self.ended.add(name)
        elif name == 'out':
            self.out += data
        else:
            if name == 'err':
                self.err += data
            self._act(self.dialogue.receive(name if name == 'tty' else 'stderr', data))

    def _act(self, actions):
        for action in actions:
            if isinstance(action, dialogue.Fail):
                raise action.error
            if isinstance(action, dialogue.Send):
                os.write(self.process.tty_fd if action.target == dialogue.TTY else self.process.in_fd, action.data)
            else:
                self.asked.append(action.text)
                self._act(self.dialogue.answer(self.answers.get(action.kind)))


def start(launch, spec, second_stage=b'', answers=()):
    """Launch `spec`, with `second_stage` already on its way. Close the result."""
    process, talk = launch(spec, len(second_stage))
    return Drive(process, talk, dict(answers), unsent=bytearray(second_stage))


__all__ = ['MARKER', 'Drive', 'StartError', 'start']
