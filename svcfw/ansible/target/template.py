"""The agent's hold on its template: a warm process that forks one child for each module run.

The template is forked from the agent before the agent has any thread, talks to it over a socket pair, and ends when
the agent's end is closed. The agent never waits for it: what does not fit into the socket is queued here
(`wants_write`, `flush`), and what comes back is read with `receive` when `fileno()` is readable. One thread, the
agent's, calls all this.
"""

import gc
import os
import socket
import struct
import sys

from svcfw.ansible.target import pipe, server, site_state

#: More than this queued means that the template has stopped reading; a job's members are a few MB at most.
MAX_QUEUED_BYTES = 256 * 1024 * 1024


class Started(object):
    """Job `job_id` (int) runs as process `pid`, the leader of a session of its own."""

    __slots__ = ('job_id', 'pid')

    def __init__(self, job_id, pid):
        self.job_id = job_id
        self.pid = pid


class Exited(object):
    """Job `job_id` has ended; `status` (int) is what waitpid gave. Its output may still have to be read."""

    __slots__ = ('job_id', 'status')

    def __init__(self, job_id, status):
        self.job_id = job_id
        self.status = status


class Lost(object):
    """The template died with job `job_id` in flight: how it ended is unknown. `pid` is None if it had not started."""

    __slots__ = ('job_id', 'pid')

    def __init__(self, job_id, pid):
        self.job_id = job_id
        self.pid = pid


class TemplateGone(Exception):
    """The template process is dead or closed: make another one."""


class Template(object):
    """A template process. The constructor forks it: OSError if there can be no further process or descriptor.

    `on_exit()` is called once, from `receive` or `flush`, when the process turns out to have died by itself.
    """

    def __init__(self, on_exit=None):
        self._on_exit = on_exit
        self._known = set()
        self._manifests = set()
        self._jobs = {}
        self._seen = site_state.snapshot()
        self._socket, theirs = socket.socketpair()
        self._pid = _fork(self._socket, theirs)
        theirs.close()
        self._socket.setblocking(False)
        self._sender = pipe.Sender(self._socket)
        self._events = b''
        self.closed = False

    def fileno(self):
        """The descriptor to watch for reading, and for writing while `wants_write()`."""
        return self._socket.fileno()

    def missing(self, digests):
        """Those of `digests` (iterable of 32 bytes) that the template lacks, as a list without repeats, in order."""
        known = self._known
        return [digest for digest in dict.fromkeys(digests) if digest not in known]

    def knows(self, job):
        """Whether `job` has a manifest that ran here before, so that all its members are there."""
        return job.get('manifest') in self._manifests

    def add(self, digest, content):
        """Give the template one member's content (bytes). A digest it has already is ignored."""
        if digest not in self._known:
            self._known.add(digest)
            self._send(pipe.ADD, digest + content)

    def run(self, job_id, job, stdout_fd, stderr_fd):
        """Start a job; `Started` and `Exited` follow. The caller keeps, and closes, its two descriptors.

        `job` is a dict: kind ('module' or 'source'), interpreter (list of words), env (dict of str); for a module also
        format, module, fqn, params (bytes or str), profile, rlimit_nofile, members (list of (name, digest)); for a
        source also source (bytes). A job may have a `manifest`, a name for its members, which then go over once.
        ValueError if a member has not been given with `add`.
        """
        if self.knows(job):
            job = {name: value for name, value in job.items() if name != 'members'}
        else:
            lacking = self.missing(digest for _, digest in job.get('members', ()))
            if lacking:
                raise ValueError('%d members of the job were never added' % len(lacking))
            if job.get('manifest') is not None:
                self._manifests.add(job['manifest'])
        self._jobs[job_id] = None
        self._send(pipe.RUN, pipe.pack_job(job_id, job), (stdout_fd, stderr_fd))

    def kill(self, job_id, signal_number):
        """Send a signal to the process group of a job. Nothing happens if it has ended."""
        self._send(pipe.KILL, struct.pack('>II', job_id, signal_number))

    def wants_write(self):
        """True while there is something to `flush` (bool)."""
        return self._sender.queued_bytes > 0

    def flush(self):
        """Write what the socket takes now; call when `fileno()` is writable. Never blocks."""
        if not self.closed and not self._sender.flush():
            self._socket_failed()

    def receive(self):
        """What has happened (list of Started, Exited, Lost), possibly nothing. Never blocks.

        After the template has died the list holds a Lost for each job in flight, `closed` is True and `on_exit` has
        been called; the caller then stops watching `fileno()` and closes this object.
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
        """True if what an interpreter finds at its start (site folders, itself) has changed since the fork."""
        return site_state.snapshot() != self._seen

    def close(self):
        """Let the template end. Jobs that run are ended too, and not reported."""
        self.closed = True
        self._drop()
        self._socket.close()
        self.reap()

    def reap(self):
        """True once the template process is gone and its exit status fetched; never blocks. Call until True."""
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
        whole = len(self._events) // pipe.EVENT.size * pipe.EVENT.size
        ready, self._events = self._events[:whole], self._events[whole:]
        for kind, job_id, value in pipe.EVENT.iter_unpack(ready):
            if kind == pipe.STARTED:
                self._jobs[job_id] = value
                yield Started(job_id, value)
            else:
                self._jobs.pop(job_id, None)
                yield Exited(job_id, value)

    def _socket_failed(self):
        """A write failed. What the template said before it died is still to be read: `receive` finds the end."""
        self._sender.drop()

    def _died(self):
        self.closed = True
        lost = [Lost(job_id, pid) for job_id, pid in self._jobs.items()]
        self._drop()
        self.reap()
        if self._on_exit is not None:
            self._on_exit()
        return lost

    def _drop(self):
        self._jobs.clear()
        self._sender.drop()


def _fork(ours, theirs):
    """Fork the template; returns its pid in the agent and never in the template."""
    # Whatever is garbage goes now: collected later, an old socket object would close a number in use for another.
    gc.collect()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            pass
    pid = os.fork()
    if pid:
        return pid
    try:
        server.serve(theirs.detach())
    finally:
        os._exit(1)
