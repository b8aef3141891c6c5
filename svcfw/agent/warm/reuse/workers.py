"""The template's side of its workers (worker.py): which wait, which run, and what they say of their runs."""

import os
import select
import socket
import time

from svcfw.agent.warm import pipe
from svcfw.agent.warm.reuse import kinds

#: Workers that wait for a run. There is more than one only after runs side by side.
MAX_IDLE = 2
#: Seconds after which one that waits ends.
MAX_AGE_S = 120.0
#: Seconds in which a worker that waits has taken a job.
_SEND_S = 5.0
#: Seconds for them to end.
_END_S = 2.0
#: Seconds to wait for the end of a comparison, which takes a tenth of a fork, on a busy host too.
_COMPARISON_S = 0.25
_IMPORTS = (kinds.KINDS.index('the first run'), kinds.KINDS.index('an import'))
#: So many that end while they wait show that they cannot live here.
_MAX_DEATHS = 3


class Over(object):
    """A run has ended with status 0; which run of its process it was (int), and if the first, why that was a new one
    (a place in kinds.KINDS)."""

    def __init__(self, pid, runs, why_new):
        self.pid = pid
        self.runs = runs
        self.why_new = why_new


class Imported(object):
    """What a run has imported that its process did not have (list of str)."""

    def __init__(self, names):
        self.names = names


class _Worker(object):
    def __init__(self, pid, sock, is_reused, digests, member_lists):
        self.pid = pid
        self.is_reused = is_reused
        self.socket = sock
        self.reader = pipe.PipeReader(sock)
        self.digests = set(digests)
        self.member_lists = set(member_lists)
        self.born = time.monotonic()
        self.is_compared = False


class Workers(object):
    """members: the Members of the template. member_lists: its member lists, by name, as jobs bring them."""

    def __init__(self, members, member_lists):
        self._members = members
        self._member_lists = member_lists
        self._idle = []
        self._busy = {}
        self._deaths = 0
        self._why_new = 0  # why the last of them ended

    def fork(self, be_worker, is_reused, is_busy=False):
        """Fork a worker; returns its pid. OSError.

        be_worker(sock): its life, in the forked process; never returns. is_reused: it is for runs that others may
        follow. is_busy: it has a job to begin with.
        """
        ours, theirs = socket.socketpair()
        try:
            pid = os.fork()
            if pid == 0:
                ours.close()
                self.close()
                be_worker(theirs)
        finally:
            theirs.close()
        ours.setblocking(False)
        worker = _Worker(pid, ours, is_reused, self._members.digests(), self._member_lists)
        if is_busy:
            self._busy[pid] = worker
        else:
            self._idle.append(worker)
        return pid

    def wants_spare(self, is_reused):
        """Whether one should be forked for the next run of this kind."""
        there = self._idle + [worker for worker in self._busy.values() if worker.is_compared]
        return self._deaths < _MAX_DEATHS and not any(worker.is_reused == is_reused for worker in there)

    def expire(self):
        """End those that are too old and wait; returns in how many seconds there is one to end, None for never."""
        now = time.monotonic()
        for worker in [worker for worker in self._idle if now - worker.born >= MAX_AGE_S]:
            self._idle.remove(worker)
            worker.socket.close()
        return min([worker.born + MAX_AGE_S - now for worker in self._idle], default=None)

    def take(self, job_id, job, fds):
        """The pid of a worker that runs the job from now on, None if there is none."""
        self.expire()
        # One that is reused is worth more than the only run of another kind.
        fitting = [worker for worker in self._idle if job.may_reuse or not worker.is_reused]
        for worker in sorted(fitting, key=lambda worker: worker.is_reused, reverse=True):
            self._idle.remove(worker)
            if self._send(worker, job_id, job, fds):
                self._busy[worker.pid] = worker
                return worker.pid
            worker.socket.close()
        return None

    def _send(self, worker, job_id, job, fds):
        writer = pipe.PipeWriter(worker.socket)
        worker.socket.settimeout(_SEND_S)
        lacking = {digest for _, digest in job.members} - worker.digests
        if lacking:
            writer.put(pipe.ADD, pipe.pack(self._members.of(lacking)))
            worker.digests |= lacking
        has_members = job.member_list not in worker.member_lists
        if job.member_list is not None:
            worker.member_lists.add(job.member_list)
        writer.put(pipe.RUN, pipe.pack_job(job_id, job, has_members), fds)
        is_sent = writer.flush()
        worker.socket.setblocking(False)
        return is_sent

    def sockets(self):
        """Those on which workers may have something to say."""
        return [worker.socket for worker in self._busy.values() if not worker.reader.ended]

    def reports(self):
        """What workers say (list of Over and Imported)."""
        found = []
        for worker in list(self._busy.values()):
            for kind, body in worker.reader.read():
                values = pipe.unpack(body)
                if kind == pipe.OVER:
                    worker.is_compared = True
                    found.append(Over(worker.pid, values[0], self._why_new if values[0] == 1 else 0))
                else:
                    found += self._judge(worker, *values)
        return found

    def await_comparisons(self):
        """Wait, if only shortly, for processes that may be able to run the next job."""
        sockets = [worker.socket for worker in self._busy.values() if worker.is_compared and not worker.reader.ended]
        if sockets and not any(worker.is_reused for worker in self._idle):
            select.select(sockets, [], [], _COMPARISON_S)

    def _judge(self, worker, why_no_other, more):
        if not why_no_other:
            worker.is_compared = False
            del self._busy[worker.pid]
            self._keep(worker)
        else:
            self._why_new = why_no_other
        return [Imported(more.split())] if why_no_other in _IMPORTS else []

    def _keep(self, worker):
        self._idle.append(worker)
        while len(self._idle) > MAX_IDLE:
            self._idle.pop(0).socket.close()

    def ended(self, pid):
        """The process has ended."""
        worker = self._busy.pop(pid, None)
        if worker is not None:
            worker.socket.close()
        for worker in [worker for worker in self._idle if worker.pid == pid]:
            self._deaths += 1
            self._idle.remove(worker)
            worker.socket.close()

    def end(self):
        """End those that wait, and see to it that they have ended: their account may be about to be removed."""
        self.close()
        deadline = time.monotonic() + _END_S
        while True:
            try:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    if time.monotonic() > deadline:
                        return
                    time.sleep(0.0005)
            except ChildProcessError:
                return

    def close(self):
        """Let those that wait end."""
        for worker in self._idle + list(self._busy.values()):
            worker.socket.close()
        self._idle = []
