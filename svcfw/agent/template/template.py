"""Template: the agent's handle of a warm process whose forks run the modules.

The process is forked from the agent before the agent has any thread, or is an interpreter started for it; it uses a
socket pair, and ends when the agent's end is closed. The agent never waits for it: what does not fit into the socket is
queued here (`wants_write`, `flush`), and `receive` reads its messages when `fileno()` is readable. One thread, the
agent's, makes all calls.
"""

import os
import signal
import socket
import struct

from svcfw.agent import site_state
from svcfw.agent.template import start
from svcfw.agent.warm import pipe

#: A longer queue means that the template has stopped reading; a job's members are a few MB at most.
MAX_QUEUED_BYTES = 256 * 1024 * 1024


class Started(object):
    """Job `job_id` (int) runs as process `pid`, the leader of a session of its own."""

    __slots__ = ('job_id', 'pid')

    def __init__(self, job_id, pid):
        self.job_id = job_id
        self.pid = pid


class Exited(object):
    """Job `job_id` has ended; `status` (int) is that of waitpid. Output may still have to be read.

    ran: (which run of its process it was, place in kinds.KINDS of why that was a new one), or ().
    """

    __slots__ = ('job_id', 'status', 'ran')

    def __init__(self, job_id, status, ran=()):
        self.job_id = job_id
        self.status = status
        self.ran = ran


class Lost(object):
    """The template died with job `job_id` running: its outcome is unknown. `pid` is None if it had not started."""

    __slots__ = ('job_id', 'pid')

    def __init__(self, job_id, pid):
        self.job_id = job_id
        self.pid = pid


class Unfit(object):
    """The program is no usable template: job `job_id` has not run, and cannot run in one."""

    __slots__ = ('job_id',)

    def __init__(self, job_id):
        self.job_id = job_id


class TemplateGone(Exception):
    """The template process is dead or closed; the caller starts another one."""


class Template(object):
    """A template process, started by the constructor. Raises OSError at limits of processes or descriptors.

    program: None for a fork of this process, or (path, name): the interpreter to start, and the name that it sees.
    `on_exit()` is called once, from `receive` or `flush`, when the process has died by itself.
    """

    def __init__(self, on_exit=None, program=None):
        self._on_exit = on_exit
        self._known = set()
        self._member_lists = set()
        self._prepared = set()
        self._jobs = {}
        self._ran = {}
        self._watch = None
        self._is_spent = False
        self._socket, theirs = socket.socketpair()
        code = b''
        try:
            if program is None:
                self._pid = start.fork(theirs)
            else:
                self._pid, code = start.start(theirs, *program)
        except BaseException:
            self._socket.close()
            raise
        finally:
            theirs.close()
        self._socket.setblocking(False)
        self._sender = pipe.PipeWriter(self._socket)
        self._events = b''
        #: Whether it can run jobs.
        self.is_ready = program is None
        #: Why it cannot, if it ends before it can.
        self.refusal = '%s does not start, is no CPython, or is older than 3.6' % (program or ('it',))[0]
        self.closed = False
        if code:
            self._sender.put_raw(code)
            self.flush()

    def fileno(self):
        """The descriptor to watch for reading, and for writing while `wants_write()`."""
        return self._socket.fileno()

    def missing(self, digests):
        """Those of `digests` (iterable of 32 bytes) that the template lacks: a list without repeats, in order."""
        known = self._known
        return [digest for digest in dict.fromkeys(digests) if digest not in known]

    def knows(self, job):
        """Whether a job with this member list ran here before, so that all its members are there."""
        return job.get('member_list') in self._member_lists

    def add(self, digest, content):
        """Send one member's content (bytes) to the template, unless it has this digest."""
        if digest not in self._known:
            self._known.add(digest)
            self._send(pipe.ADD, digest + content)

    def run(self, job_id, job, stdout_fd, stderr_fd, link_fd=None):
        """Start a job; `Started` and `Exited` follow. The caller keeps, and closes, its descriptors.

        link_fd: by which the job can become a context (see links.py), or None.

        `job` is a dict: kind ('module' or 'source'), interpreter (list of words), env (dict of str); for a module also
        format, module, fqn, params (bytes or str), profile, secrets (list of str, None if not to be handed over),
        rlimit_nofile, members (list of (name, digest)), condition (see warm/condition.py), can_rehearse (whether core
        is one for which a process may be forked ahead), may_reuse (whether others may run in its process); for a source
        also source (bytes). A job may have a `member_list`, a name for its members, which are then sent once.
        Raises ValueError if a member was not given with `add`.
        """
        if self.knows(job):
            job = {name: value for name, value in job.items() if name != 'members'}
        else:
            lacking = self.missing(digest for _, digest in job.get('members', ()))
            if lacking:
                raise ValueError('%d members of the job were never added' % len(lacking))
            if job.get('member_list') is not None:
                self._member_lists.add(job['member_list'])
        self._jobs[job_id] = None
        fds = [stdout_fd, stderr_fd]
        if link_fd is not None:
            job = dict(job, has_link=True)
            fds.append(link_fd)
        self._send(pipe.RUN, pipe.pack_job(job_id, job), fds)

    def prepare(self, job_id, second_stage, sources):
        """A job becomes a context: have those that follow find these modules of ours compiled.

        second_stage: of a context, without a configuration (bytes); sources: {name: (file name, source, is it a
        package)}, of which it takes what is new.
        """
        stage = b'' if self._prepared else second_stage
        new = [(name,) + source for name, source in sources.items() if name not in self._prepared]
        self._prepared.update(sources)
        self._send(pipe.PREPARE, pipe.pack(job_id, stage, new))

    def kill(self, job_id, signal_number):
        """Send a signal to the process group of a job. No-op if it has ended."""
        self._send(pipe.KILL, struct.pack('>II', job_id, signal_number))

    def wants_write(self):
        """True while there is something to `flush` (bool)."""
        return self._sender.queued_bytes > 0

    def flush(self):
        """Write what the socket takes; call when `fileno()` is writable. Never blocks."""
        if not self.closed and not self._sender.flush():
            self._socket_failed()

    def receive(self):
        """Events since the last call (list of Started, Exited, Lost, Unfit), possibly none. Never blocks.

        After the death of the template the list has a Lost for each running job, or an Unfit if it was never ready;
        `closed` is True and `on_exit` has been called. The caller then stops watching `fileno()` and closes this.
        """
        events = []
        while not self.closed:
            try:
                data = self._socket.recv(65536)
            except BlockingIOError:
                break
            except OSError:
                data = b''
            if not data:
                events.extend(self._died())
                break
            self._events += data
            events.extend(self._take_events())
        return events

    def stale(self):
        """True if an interpreter started now would differ; for a fork the agent checks that."""
        return self._is_spent or (self._watch is not None and self._watch.changed())

    def give_up(self):
        """Kill a process that is not ready by now; `receive` reports it."""
        if self.is_ready or self._pid is None:
            return
        try:
            os.killpg(self._pid, signal.SIGKILL)
        except ProcessLookupError:
            os.kill(self._pid, signal.SIGKILL)  # not yet a group leader

    def close(self):
        """Let the template end. Running jobs are killed, and not reported."""
        self.closed = True
        self._drop()
        self._socket.close()
        self.give_up()
        self.reap()

    def reap(self):
        """True once the template process has ended and was reaped; never blocks. Call until True."""
        if self._pid is not None:
            try:
                if os.waitpid(self._pid, os.WNOHANG)[0] == 0:
                    return False
            except ChildProcessError:
                pass
            self._pid = None
        return True

    def _send(self, kind, body, fds=()):
        if self.closed:
            raise TemplateGone('the template process is gone')
        if self._sender.queued_bytes + len(body) > MAX_QUEUED_BYTES:
            raise TemplateGone('the template process does not read')
        self._sender.put(kind, body, fds)
        self.flush()

    def _take_events(self):
        if not self.is_ready and not self._take_greeting():
            return
        whole = len(self._events) // pipe.EVENT.size * pipe.EVENT.size
        ready, self._events = self._events[:whole], self._events[whole:]
        for kind, job_id, value in pipe.EVENT.iter_unpack(ready):
            if kind == pipe.STARTED:
                self._jobs[job_id] = value
                yield Started(job_id, value)
            elif kind == pipe.SPENT:
                self._is_spent = True
            elif kind == pipe.RAN:
                self._ran[job_id] = (value & 0xFFFF, value >> 16)
            else:
                self._jobs.pop(job_id, None)
                yield Exited(job_id, value, self._ran.pop(job_id, ()))

    def _take_greeting(self):
        """Whether the greeting is complete: the paths that affect the interpreter, watched from now on."""
        if len(self._events) < pipe.EVENT.size:
            return False
        kind, _, size = pipe.EVENT.unpack_from(self._events)
        end = pipe.EVENT.size + size
        if kind != pipe.READY or len(self._events) < end:
            return False
        paths = self._events[pipe.EVENT.size : end].split(b'\0')
        self._events = self._events[end:]
        self._watch = site_state.Watch([os.fsdecode(path) for path in paths])
        self.is_ready = True
        return True

    def _socket_failed(self):
        """A write failed. Messages sent before the template died are still to be read: `receive` finds the end."""
        self._sender.drop()

    def _died(self):
        self.closed = True
        lost = [Lost(job_id, pid) if self.is_ready else Unfit(job_id) for job_id, pid in self._jobs.items()]
        self._drop()
        self.reap()
        if self._on_exit is not None:
            self._on_exit()
        return lost

    def _drop(self):
        self._jobs.clear()
        self._sender.drop()
