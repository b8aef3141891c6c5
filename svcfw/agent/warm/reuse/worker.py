"""In a process forked ahead of the run that will use it: a rehearsal, one run after another, a comparison after each.

The rehearsal makes the pages that a run writes to the process's own. A run that others may follow says how it went
(pipe.OVER, pipe.RAN); they follow if the process is as it was before (snapshot.py). Any other run ends it as usual.
"""

import atexit
import gc
import os
import sys

from svcfw.agent import private
from svcfw.agent.warm import child, pipe, runner
from svcfw.agent.warm.reuse import kinds, snapshot

MAX_RUNS = 200
_BASIC = 'ansible.module_utils.basic'
_ARGUMENTS = b'{"ANSIBLE_MODULE_ARGS": {}}'
_SPEC = {'a': {}, 'b': {'type': 'path', 'default': '/'}, 'c': {'type': 'bool', 'default': False}, 'd': {'type': 'dict'}}


class Worker(object):
    """sock: to the template. tools: runner.Tools. run_once(job, fds): a run with which the process ends.

    member_lists: those known when it was forked, by name.
    """

    def __init__(self, sock, tools, member_lists, run_once):
        sock.setblocking(True)
        self._socket = sock
        self._reader = pipe.PipeReader(sock)
        self._tools = tools
        self._member_lists = member_lists
        self._run_once = run_once
        self._runs = 0
        self._null = os.open(os.devnull, os.O_RDWR)
        child.take_output(self._null, self._null, self._tools.start)
        self._given = snapshot.Given()
        self._snapshot = None

    def serve(self, has_snapshot, profile, prepared=None):
        """Run what the template sends until it closes the socket, or until no other run may follow. Never returns.

        has_snapshot: take it before the first run. profile: as of a job. prepared: a Prepared if the run is expected to
        become a context.
        """
        rehearse(profile)
        if prepared is not None:
            prepared.rehearse()
        self._end_run()
        self._clear_up()
        if has_snapshot:
            self._take_snapshot()
        while True:
            private.hide()
            job, fds = self._next_job()
            private.show()
            if not job['may_reuse']:
                self._socket.close()
                os.close(self._null)
                self._run_once(job, fds)
            self._run(job, fds)

    def run_first(self, job, fds):
        """Run the first job of its kind, without a rehearsal; say what it has imported. Never returns."""
        before = set(sys.modules)
        self._take(fds)
        status, root = runner.attempt(job, self._tools)
        self._report(kinds.KINDS.index('the first run'), ' '.join(set(sys.modules) - before))
        os._exit(runner.finish(status, root))

    def _take_snapshot(self):
        self._snapshot = snapshot.Snapshot([self._tools.finder, self._tools.members, self._tools.preimport])
        getattr(gc, 'freeze', int)()  # since 3.7; a collection after a run then visits what the run has left

    def _next_job(self):
        messages = []
        while True:
            for kind, body in messages:
                if kind == pipe.RUN:
                    job = pipe.unpack_job(body)[1]
                    if job.get('member_list') is not None:
                        job['members'] = self._member_lists.setdefault(job['member_list'], job.get('members'))
                    return job, self._reader.take_fds(2 + job['has_link'])
                self._tools.members.take_in(*pipe.unpack(body))
            messages = self._reader.read()
            if self._reader.ended:
                os._exit(0)

    def _run(self, job, fds):
        if self._snapshot is None:
            self._take_snapshot()
        self._runs += 1
        self._take(fds)
        status, root = runner.attempt(job, self._tools)
        try:
            kind, more = self._why_not_again(status, root)
        except Exception as exc:
            kind, more = kinds.KINDS.index('an error'), str(exc)
        self._report(kind, more)
        if kind:
            os._exit(runner.finish(status, root))

    def _why_not_again(self, status, root):
        """A place in kinds.KINDS, 0 if another run may follow, and more about it (str)."""
        if status:
            return kinds.KINDS.index('its status'), ''
        if not snapshot.has_one_thread():
            return kinds.KINDS.index('a thread'), ''
        for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
            stream.flush()
        root.remove()
        self._end_run()
        # Nobody has to wait for the comparison.
        self._socket.sendall(pipe.message(pipe.OVER, pipe.pack(self._runs)))
        self._clear_up()
        if self._runs >= MAX_RUNS:
            return kinds.KINDS.index('its number of runs'), ''
        return self._snapshot.difference()

    def _end_run(self):
        """As the end of the interpreter would."""
        atexit._run_exitfuncs()
        child.clear_exit_functions()
        child.take_output(self._null, self._null, self._tools.start)

    def _clear_up(self):
        self._given.restore()
        gc.collect()
        gc.disable()

    def _take(self, fds):
        child.take_output(fds[0], fds[1], self._tools.start)
        for fd in fds:
            os.close(fd)

    def _report(self, kind, more):
        self._socket.sendall(pipe.message(pipe.RAN, pipe.pack(kind, more[: pipe.MAX_TEXT])))


def rehearse(profile):
    """Make a module's object and end it, with nothing in it and nothing to be seen of it: no log, no file."""
    basic = sys.modules.get(_BASIC)
    if basic is None:
        return
    setattr(basic, '_ANSIBLE_ARGS', _ARGUMENTS)  # noqa: B010
    if hasattr(basic, '_ANSIBLE_PROFILE'):
        setattr(basic, '_ANSIBLE_PROFILE', profile)  # noqa: B010
    try:
        basic.AnsibleModule(argument_spec=_SPEC, supports_check_mode=True, no_log=True).exit_json(changed=False)
    except SystemExit:
        pass
