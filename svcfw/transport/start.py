"""Starter: starts a child context; connects a process, its dialogue and a link on the router's loop.

The second stage, and every frame for the child, are written before the child reads: no round trip is spent on a
handshake. While another program may read the child's input (a password prompt of sudo), the second stage is held back
until `release()`.
"""

import os

from svcfw.boot import first_stage
from svcfw.core import handles
from svcfw.core.latch import Latch
from svcfw.core.parent.relay import relay_of
from svcfw.core.stream import HAS_SHUT_DOWN
from svcfw.core.wire import limits
from svcfw.core.wire.errors import ChannelError, StartError
from svcfw.core.wire.link import Noise, Ready
from svcfw.transport import leaving
from svcfw.transport.dialogue import STDERR, STDIN, STDOUT, TTY, Fail, Send

#: Ids that a child may give to its own children before it has to request more.
CHILD_IDS = 64
#: Grace period before a child is killed that was told to end, or whose link was lost.
LEAVE_S = 5.0
#: Grace period of a process that lost its link before it was up.
GRACE_S = 1.0
#: Interval between checks whether a process has ended: the first, and the longest.
_POLL_S, _MAX_POLL_S = 0.002, 0.25
#: Longest line of a child's output that is logged whole.
MAX_LINE_BYTES = 8 * 1024
#: Bytes of output read at once: shorter lines make more records, while other links wait.
SHOWN_BYTES = 4 * 1024
#: Most reads of an ended program's output: more than a pipe holds.
MAX_LAST_READS = 20
INFO, WARNING = 20, 30
#: What a child has beside the core: {handle: module that serves it}, imported there when an ancestor first uses it.
EXTENSIONS = {handles.CALL_SERVICE: 'svcfw.service.starting', handles.CHILDREN: 'svcfw.transport.children'}


class Starter(object):
    """One child from its start to its end. Everything runs on the router's loop thread.

    router; name (str) of the child; launch(size): see svcfw.transport.contract, `size` the length of the second
    stage. on_ready(context) or on_failed(StartError) is called once. hold_back: send nothing else until
    `release()`. more: what its configuration has beside, for a larger second stage (dict). `router.starters` has it
    until its process is gone. Raises what `launch` raises, StartError for a name that is
    too long, and ChannelError for a router that was shut down.
    """

    def __init__(self, router, name, launch, on_ready, on_failed, timeout_s, hold_back=False, more=None):
        if router.closed is not None:
            raise ChannelError(router.closed)
        relay = relay_of(router)
        self.context = router.context(relay.allocate_id(), name)
        self.dialogue = None
        self._router = router
        self._loop = router.loop
        self._on_ready, self._on_failed = on_ready, on_failed
        self._timeout_s = timeout_s
        self._marker = b'SVCFW-%s\n' % os.urandom(12).hex().encode()
        self._printed = b''
        self._is_ready = False
        self._has_failed = False
        self._is_leaving = False
        self._lost = self._last_line = ''
        ids = relay.reserve_ids(CHILD_IDS)
        self._size = first_stage.SEALED_STAGE_BYTES if more else first_stage.STAGE_BYTES
        self._configured = self._configure(ids, more or {})
        self._process, self.dialogue = launch(self._size)
        if router.parent_ids and not relay.has_starters:
            leaving.with_context(router, LEAVE_S)
        relay.has_starters = True
        router.starters.add(self)
        self._join(ids)
        if not hold_back:
            self.release()
        self._deadline = self._loop.call_later(timeout_s, self._on_timeout)

    def _configure(self, ids, more):
        router = self._router
        config = {
            'id': self.context.id,
            'name': self.context.name,
            'parents': (router.own_id, *router.parent_ids),
            'ids': ids,
            'marker': self._marker,
            'log_level': router.log_level,
            'extensions': EXTENSIONS,
        }
        try:
            room = first_stage.CONFIG_BYTES + self._size - first_stage.STAGE_BYTES
            return first_stage.configuration(dict(config, **more), room)
        except ValueError as e:
            raise StartError('option', self.context.name, str(e), 'Shorten its name.') from e

    def _join(self, ids):
        write_fd, read_fd, self._err_fd = self._process.release()
        self.stream = self._router.add_child(
            self.context,
            self._router.relay.link(self._marker),
            read_fd,
            write_fd,
            self._on_event,
            self._on_lost,
        )
        self._conduct = self._router.relay.conducts[self.stream]
        if ids:
            self._router.routes.grant(ids[0], ids[1], self.stream)
        self._loop.watch(self._err_fd, self._on_stderr)
        if self._process.tty_fd is not None:
            self._loop.watch(self._process.tty_fd, self._on_tty)

    @property
    def pid(self):
        """Of its process here, which leads a process group."""
        return self._process.pid

    @property
    def command(self):
        """The command that was started: list of str, empty if there is none."""
        return list(self._process.argv)

    def release(self):
        """Send the second stage: no other program reads the child's input any more."""
        if self._configured:
            configured, self._configured = self._configured, b''
            self.stream.write_ahead(first_stage.second_stage(self._router.bundle, configured, self._size))

    def give_up(self, error):
        """End the start; calls on_failed(error) unless the start has ended already."""
        if not self._is_ready:
            self._failed(error)

    def leave(self, leave_s=LEAVE_S):
        """Ask the child to end; kill it after `leave_s`, or at once if its link is not up."""
        if self._is_ready:
            self._is_leaving = True
            self.stream.say_goodbye()
            self._loop.call_later(leave_s, self._end)
        else:
            self.give_up(StartError('died', self.dialogue.host, 'the start was cancelled'))

    def disconnect(self):
        """Close the link now; the process ends, or is killed."""
        self._is_leaving = True
        self.stream.close('%s: it was disconnected' % self.context)

    def has_ended(self):
        """Whether its process has ended (checked now)."""
        return self._process.poll() is not None

    def act(self, actions):
        """Perform the actions of the dialogue."""
        for action in actions:
            if self._has_failed:
                return
            if isinstance(action, Send):
                self._type(action.target, action.data)
            elif isinstance(action, Fail):
                self._failed(action.error)

    def _type(self, target, data):
        if target == STDIN:
            self.stream.write_ahead(data)
        elif self._process.tty_fd is not None:
            try:
                os.write(self._process.tty_fd, data)
            except OSError:
                pass  # no reader is left: the end of the program follows

    # -- the program's output

    def _on_event(self, stream, event):
        if isinstance(event, Noise):
            self.act(self.dialogue.receive(STDOUT, event.data))
        elif isinstance(event, Ready):
            self._is_ready = True
            self._deadline.cancel()
            self.dialogue.forget()
            self._close_tty()
            self._on_ready(self.context)

    def _on_tty(self):
        data = _read(self._process.tty_fd)
        if data:
            self.act(self.dialogue.receive(TTY, data))
        elif data == b'':
            self._close_tty()

    def _on_stderr(self):
        data = _read(self._err_fd, SHOWN_BYTES if self._is_ready else limits.READ_BYTES)
        if data == b'':
            self._close_err()
        elif data and self._is_ready:
            self._show(data)
        elif data:
            self.act(self.dialogue.receive(STDERR, data))

    def _show(self, data):
        """Log a running child's output line by line, as far as its rate limit admits."""
        lines = (self._printed + data).split(b'\n')
        self._printed = lines.pop()[-MAX_LINE_BYTES:]
        if lines:
            self._last_line = _text(lines[-1])
        for number, line in enumerate(lines):
            if not self._conduct.admits(INFO, len(line), len(lines) - number):
                break
            self._router.log(self._router, INFO, '%s: %s' % (self.context.name, _text(line)))

    # -- the end

    def _on_timeout(self):
        self._failed(self.dialogue.timed_out(self._timeout_s))

    def _on_lost(self, stream, reason):
        """The link is lost; the process ends, or is killed."""
        self._lost = reason
        self._deadline.cancel()
        self._reap(self._loop.clock() + (LEAVE_S if self._is_ready else GRACE_S), _POLL_S)

    def _reap(self, deadline, pause_s):
        status = self._process.poll()
        if status is not None:
            self._read_last_words()
            self._log_loss(status)
            self._fail_to_start(self.dialogue.ended(status))
            self._close_tty()
            self._close_err()
            self._router.starters.discard(self)
            return
        if self._loop.clock() >= deadline:
            # A process of another account may survive the kill.
            self._process.kill()
            self._read_last_words()
            error = self.dialogue.ended(-9)
            if error.kind == 'died':
                error = StartError('died', error.host, '%s; then %s' % (self._lost, error.cause), error.remedy)
            self._fail_to_start(error)
        pause_s = min(2 * pause_s, _MAX_POLL_S)
        self._loop.call_later(pause_s, lambda: self._reap(deadline, pause_s))

    def _log_loss(self, status):
        """Log why the link was lost: the program's last output, which arrives after the loss, tells."""
        # A router that is shut down says goodbye to all children before it ends them one by one.
        if self._is_ready and not self._is_leaving and self._router.closed is None:
            text = '%s, and its program ended with status %d' % (self._lost, status)
            if self._last_line:
                text += '; its last output: ' + self._last_line
            has_shut_down = status == 0 and self._lost.endswith(HAS_SHUT_DOWN)  # as it was told to
            self._router.log(self._router, INFO if has_shut_down else WARNING, text)

    def _fail_to_start(self, error):
        if not self._is_ready:
            self._failed(self._process.failure or error)

    def _read_last_words(self):
        """Read the output that arrived before the end was noticed."""
        for _ in range(MAX_LAST_READS):
            data = _read(self._process.tty_fd) if self._process.tty_fd is not None and not self._is_ready else None
            if not data:
                break
            self.act(self.dialogue.receive(TTY, data))
        for _ in range(MAX_LAST_READS):  # its descendants may print for ever
            data = _read(self._err_fd) if self._err_fd is not None else None
            if not data:
                return
            if self._is_ready:
                self._show(data)
            else:
                self.act(self.dialogue.receive(STDERR, data))

    def _failed(self, error):
        if not self._has_failed:
            self._has_failed = True
            self._deadline.cancel()
            self._end()
            self.dialogue.forget()
            self._on_failed(error)

    def _end(self):
        self._process.kill()
        self.stream.close('it was given up')

    def _close_tty(self):
        if self._process.tty_fd is not None:
            self._loop.watch(self._process.tty_fd)
            self._process.close_tty()

    def _close_err(self):
        if self._err_fd is not None:
            self._loop.watch(self._err_fd)
            os.close(self._err_fd)
            self._err_fd = None
            if self._printed:
                self._show(b'\n')


def _text(line):
    return line[:MAX_LINE_BYTES].decode('utf-8', 'replace')


def _read(fd, size=limits.READ_BYTES):
    """The available data: bytes, b'' at the end, None for nothing yet."""
    try:
        return os.read(fd, size)
    except BlockingIOError:
        return None
    except OSError:
        return b''  # a terminal reports EIO when its last user is gone


def start_and_wait(router, name, launch, timeout_s):
    """Start a child and wait until its link is up; returns its Context. Any thread.

    Raises StartError; ChannelError for a router that was shut down; what `launch` raises.
    """
    outcome = Latch(router.loop)
    starters = []

    def start():
        try:
            starters.append(Starter(router, name, launch, outcome.put, outcome.put, timeout_s))
        except Exception as e:
            outcome.put(e)

    router.loop.call_soon(start)
    try:
        result = outcome.get(timeout_s + LEAVE_S)
    except BaseException:  # Ctrl-C: the result has no receiver
        router.loop.call_soon(lambda: [starter.leave() for starter in router.starters.intersection(starters)])
        raise
    if isinstance(result, Exception):
        raise result
    return result
