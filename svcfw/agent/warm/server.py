"""The template process: receives members and jobs from its agent, runs each job in a fork, reports how it ended.

Single-threaded. When the agent's end of the socket is closed, jobs that still run are ended, politely first: nobody is
there any more to hear of them, and nothing is to be left behind.
"""

import gc
import importlib.util  # noqa: F401  (the finder uses it, and runpy in each child)
import os
import select
import signal
import socket
import struct
import sys
import time

from svcfw.agent import private, site_state
from svcfw.agent.warm import (
    child,
    environment,
    finder,
    members,
    pipe,
    runner,
    zip_file,
)
from svcfw.agent.warm.ahead import preimport, prepared
from svcfw.agent.warm.job import ModuleJob
from svcfw.agent.warm.reuse import worker, workers

#: Seconds between SIGTERM and SIGKILL.
KILL_AFTER_S = 5.0
# Objects since the last collection that are worth another one (20 ms) where there is no gc.freeze.
_NEW_OBJECTS = 5000


def serve(fd, has_to_announce=False):
    """Run the template on the socket `fd`; returns at its end. The caller then calls os._exit.

    has_to_announce: this interpreter was started for it, and says what it goes by before anything else.
    """
    start = child.StartState(is_fork=not has_to_announce)
    watched = site_state.watched() if has_to_announce else []
    child.leave_agent(keep=fd)
    server = TemplateServer(socket.socket(fileno=fd), start)
    if has_to_announce:
        server.announce(watched)
    server.run()


class TemplateServer(object):
    """One template's state. `start`: what `child.StartState` recorded of the interpreter."""

    def __init__(self, sock, start):
        sock.setblocking(False)
        self._socket = sock
        self._start = start
        self._receiver = pipe.PipeReader(sock)
        self._members = members.Members()
        self._finder = finder.MemoryFinder(self._members)
        self._preimport = preimport.Preimport(self._finder)
        self._jobs = {}
        self._member_lists = {}
        self._foreign = None
        self._prepared = prepared.Prepared()
        self._tools = runner.Tools(self._members, self._finder, self._preimport, start)
        self._workers = workers.Workers(self._members, self._member_lists)
        self._spare = None  # what the next one is for: (whether it may be reused, profile) of the last job
        self._last_job_id = self._last_linked = 0  # and of the last which became a context
        self._imported = list(preimport.OFTEN)  # by runs, and not yet here
        self._kill_at = None
        self._has_secrets = False  # of a task with no_log, in memory that was freed
        self._events = bytearray()
        self._wake_read, self._wake_write = os.pipe()

    def announce(self, watched):
        """Report that it is ready: `watched` (list of str) are the paths that affect this interpreter."""
        text = b'\0'.join(os.fsencode(path) for path in watched)
        self._event(pipe.READY, 0, len(text))
        self._events += text

    def run(self):
        """Serve until the agent and all jobs are gone."""
        for fd in (self._wake_read, self._wake_write):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(self._wake_write)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        private.hide()
        sys.meta_path.insert(0, self._finder)
        sys.path_importer_cache[finder.MEMORY_ROOT] = None
        _freeze()
        self._report()
        while self._jobs or not self._receiver.ended:
            self._wait()
            self._hear_workers()
            self._reap()
            self._take_messages()
            self._report()
            if not self._jobs and not self._receiver.ended:
                self._get_ready()
            if self._receiver.ended:
                self._end_jobs()
        self._workers.end()

    def _wait(self):
        poll = select.poll()
        poll.register(self._wake_read, select.POLLIN)
        if not self._receiver.ended:
            poll.register(self._socket, select.POLLIN | (select.POLLOUT if self._events else 0))
        for sock in self._workers.sockets():
            poll.register(sock, select.POLLIN)
        waits_s = [self._workers.expire()]
        if self._kill_at is not None:
            waits_s.append(max(0, self._kill_at - time.monotonic()))
        known = [seconds for seconds in waits_s if seconds is not None]
        poll.poll(int(min(known) * 1000) + 1 if known else None)
        try:
            os.read(self._wake_read, 4096)
        except BlockingIOError:
            pass

    # --- the agent's messages ---

    def _take_messages(self):
        while not self._receiver.ended:
            messages = self._receiver.read()
            for kind, body in messages:
                if kind == pipe.ADD:
                    self._members.add(body[:32], body[32:])
                elif kind == pipe.RUN:
                    self._start_job(*pipe.unpack_job(body))
                elif kind == pipe.PREPARE:
                    self._prepare(*pipe.unpack(body))
                elif kind == pipe.KILL:
                    self._kill(*struct.unpack('>II', body))
            if not messages:
                return

    def _prepare(self, job_id, second_stage, sources):
        """A job becomes a context. For those that follow; without it these do for themselves what was to be done."""
        self._last_linked = job_id
        if not second_stage and not sources:
            return
        try:
            self._prepared.add(second_stage, sources)
        except Exception:
            self._prepared = prepared.Prepared()
        _freeze()

    def _start_job(self, job_id, job):
        fds = self._receiver.take_fds(3 if job.has_link else 2)
        folder = None
        try:
            self._fill_in_members(job)
            is_module = isinstance(job, ModuleJob)
            if is_module:
                self._warm_up(job)
            job.is_cold = self._is_spent() or bool(environment.needs_cold(job.env, job.interpreter))
            if is_module and (zip_file.needed(job) or job.is_cold):
                folder = zip_file.make_folder(job)
            can_be_spare = job.can_rehearse and not job.is_cold and folder is None
            has_secrets = private.has_secrets(job)
            if has_secrets:
                self._has_secrets = True
                private.wipe_when_freed()
            job.may_reuse = can_be_spare and job.may_reuse and not has_secrets
            self._spare, self._last_job_id = (job.may_reuse, job.profile) if can_be_spare else None, job_id
            pid = self._fork_or_find(job_id, job, fds, folder)
        except Exception as exc:  # disk full, limit of processes, a malformed job: only this job fails
            os.write(fds[1], ('cannot start the module: %s\n' % exc).encode('utf-8', 'backslashreplace'))
            self._forget_job(folder)
            self._event(pipe.EXITED, job_id, 1 << 8)
        else:
            self._jobs[pid] = (job_id, folder)
            self._event(pipe.STARTED, job_id, pid)
        finally:
            for fd in fds:
                os.close(fd)

    def _fork_or_find(self, job_id, job, fds, folder):
        """The pid of the process that runs the job."""
        if self._spare is not None:
            self._workers.await_comparisons()
            self._hear_workers()
            pid = self._workers.take(job_id, job, fds)
            if pid is not None:
                return pid
        if job.may_reuse:
            return self._workers.fork(
                lambda sock: self._be_worker(sock, lambda one: one.run_first(job, fds)), True, is_busy=True
            )
        pid = os.fork()
        if pid == 0:
            try:
                self._leave()
                self._run_once(job, fds, folder)
            finally:
                os._exit(1)
        return pid

    def _get_ready(self):
        """Nothing runs: prepare what later jobs will use."""
        if self._has_secrets:
            self._has_secrets = False
            private.wipe_freed()
        if self._imported:
            self._preimport.learn(self._imported)
            self._imported = []
            _freeze()
        self._fork_spare()

    def _fork_spare(self):
        """Fork a process for a job like the last one."""
        if self._spare is None or not self._workers.wants_spare(self._spare[0]):
            return
        (is_reused, profile), self._spare = self._spare, None
        ready = self._prepared if self._last_linked == self._last_job_id else None
        try:
            self._workers.fork(
                lambda sock: self._be_worker(sock, lambda one: one.serve(is_reused, profile, ready)), is_reused
            )
        except OSError:
            pass  # the next job may have more luck

    def _be_worker(self, sock, live):
        try:
            self._leave()
            live(worker.Worker(sock, self._tools, self._member_lists, self._run_once))
        finally:
            os._exit(1)

    def _leave(self):
        """In a fork: what only the template needs."""
        private.show()
        child.become_leader(self._start)
        self._socket.close()
        for fd in [self._wake_read, self._wake_write] + self._receiver.other_fds():
            os.close(fd)

    def _run_once(self, job, fds, folder=None):
        """The rest of a forked process's life."""
        child.take_output(fds[0], fds[1], self._start)
        for fd in fds[:2]:
            os.close(fd)
        job.link = (fds[2], self._prepared) if len(fds) > 2 else None
        runner.run(job, folder, self._tools)

    def _fill_in_members(self, job):
        """Complete a job's members: a member list comes with them once, the same list object represents it from then
        on."""
        if job.member_list is not None:
            job.members = self._member_lists.setdefault(job.member_list, job.members)

    def _warm_up(self, job):
        """Do before the fork what each child would otherwise do."""
        self._finder.use(job.members, job.fqn)
        self._finder.prepare()
        self._preimport.ensure(job)
        self._preimport.judge(job.members)
        if job.may_preimport:
            self._preimport.import_ahead(job.fqn)
        if self._foreign is None:
            self._foreign = site_state.Watch(site_state.foreign_files())
        _freeze()

    def _is_spent(self):
        """Whether a module imported here has changed on disk, which a fork would not see."""
        if self._foreign is None or not self._foreign.changed():
            return False
        self._event(pipe.SPENT, 0, 0)
        return True

    def _kill(self, job_id, signal_number):
        for pid, (running, _) in self._jobs.items():
            if running == job_id:
                _signal(pid, signal_number)

    def _end_jobs(self):
        """The agent is gone: SIGTERM, and SIGKILL for what still runs later."""
        if self._kill_at is None:
            self._kill_at = time.monotonic() + KILL_AFTER_S
            number = signal.SIGTERM
        elif time.monotonic() < self._kill_at:
            return
        else:
            number = signal.SIGKILL
        for pid in self._jobs:
            _signal(pid, number)

    # --- ends of jobs ---

    def _hear_workers(self):
        for said in self._workers.reports():
            if isinstance(said, workers.Imported):
                self._imported += said.names
            else:
                job_id, _ = self._jobs.pop(said.pid)
                self._event(pipe.RAN, job_id, said.runs | said.why_new << 16)
                self._event(pipe.EXITED, job_id, 0)

    def _reap(self):
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._hear_workers()  # of the one that has ended, too
            self._workers.ended(pid)
            job_id, folder = self._jobs.pop(pid, (None, None))
            self._forget_job(folder)
            if job_id is not None:
                self._event(pipe.EXITED, job_id, status)

    def _forget_job(self, folder):
        if folder:
            zip_file.remove_folder(folder)

    def _event(self, kind, job_id, value):
        self._events += pipe.EVENT.pack(kind, job_id, value)

    def _report(self):
        while self._events and not self._receiver.ended:
            try:
                sent = self._socket.send(self._events)
            except BlockingIOError:
                return
            except OSError:
                self._receiver.ended = True
                return
            del self._events[:sent]


def _signal(pid, number):
    """Signal a job's process group."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        os.kill(pid, number)  # not yet a group leader, and not yet reaped: still our own
    except OSError:
        pass  # it belongs to another account now


def _freeze():
    """Keep the garbage collector of each child from touching shared objects: it would copy their pages."""
    gc.disable()  # a child enables it again
    freeze = getattr(gc, 'freeze', None)  # since 3.7
    if freeze is not None:
        freeze()
    elif gc.get_count()[0] > _NEW_OBJECTS:
        gc.collect()  # makes them old objects, which a child's collections skip
