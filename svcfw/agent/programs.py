"""Commands and modules that run for an agent.

Modules run in forks of a template (templates.py), commands as children of the agent itself (commands.py).
"""

import errno
import os
import socket
import zlib
from hashlib import sha256

from svcfw.agent import ops, private
from svcfw.agent.jobs.commands import Commands
from svcfw.agent.jobs.job import ProcessJob
from svcfw.agent.links.door import Door
from svcfw.agent.template.template import TemplateGone
from svcfw.agent.template.templates import Templates, UnfitInterpreter

#: Exit statuses of a shell for a program that does not exist, and for one that cannot be executed.
_NOT_FOUND, _NOT_RUN = 127, 126


class Programs(object):
    """Starts commands and modules (ops.COMMAND, ops.MODULE); each is a Job, in `jobs` until on_over(job).

    members: what modules consist of, by digest. shell: of this account. is_lent: as for Agent. on_knock(door): a job's
    process wants to be a context.
    """

    def __init__(self, router, shell, jobs, on_over, on_knock, is_lent=False):
        self.members = {}
        self._member_lists = {}
        self._loop = router.loop
        self._codec = router.codec
        self._shell = shell
        self._jobs = jobs
        self._is_lent = is_lent
        self._on_over = on_over
        self._on_knock = on_knock
        self._commands = Commands(router.loop, is_lent)
        self._templates = Templates(router.loop)
        self._commands.on_sigchld = self._templates.reap
        self._wiping = private.Wiping(router.loop, self.is_busy)

    def add_members(self, sizes, packed):
        """Hold these contents: list of (SHA-256, size), and all of them in this order, by zlib.

        ValueError where another account, whose agent has passed them on, says what they are not.
        """
        data, start = zlib.decompress(packed), 0
        for digest, size in sizes:
            content = data[start : start + size]
            if self._is_lent and sha256(content).digest() != digest:
                raise ValueError('a member that is not what its digest says')
            self.members[digest] = content
            start += size

    def packed_members(self, digests):
        """The fields of Members for a child, which is on this host: packed without effort."""
        contents = [self.members[digest] for digest in digests]
        sizes = [(digest, len(content)) for digest, content in zip(digests, contents)]
        return sizes, zlib.compress(b''.join(contents), 0)

    def command(self, message, session_id, request, variables):
        """Start a Command (requests.py); variables: what comes to its environment (dict of str)."""
        program = request.executable or self._shell
        # sshd starts a login shell under its bare name, with which its messages begin.
        name = request.executable or os.path.basename(program)
        terminal = request.terminal
        job = self._new_job(message, session_id, self._commands, ends_at_exit=terminal is not None)
        try:
            self._commands.start(job, [name, '-c', request.text], request.stdin, terminal, program, variables)
        except (OSError, ValueError) as e:
            self._on_over(job)
            status = _NOT_FOUND if getattr(e, 'errno', 0) == errno.ENOENT else _NOT_RUN
            message.reply((ops.DONE, status, b'', _text('%s: %s\n' % (program, getattr(e, 'strerror', None) or e))))

    def module(self, message, session_id, request):
        """Start what a Module (requests.py) asks for."""
        job = self._new_job(message, session_id, self._templates)
        fds = []
        try:
            fds += os.pipe()
            fds += os.pipe()
            if not request.job.may_reuse:  # core's own have no use for it
                fds += [end.detach() for end in socket.socketpair()]
            self._templates.run(job, self._described(request), request.start_s, self.members, fds[1::2])
        except Exception as e:
            self._on_over(job)
            for fd in fds:
                os.close(fd)
            if isinstance(e, UnfitInterpreter):
                message.reply((ops.UNFIT, str(e)))
                return
            if not isinstance(e, (OSError, TemplateGone)):
                raise
            message.reply((ops.DONE, 1, b'', _text('cannot start the module: %s\n' % e)))
            return
        for fd in fds[1::2]:
            os.close(fd)
        if len(fds) > 4:
            job.let_in_by(Door(self._loop, fds[4], job.key, self._on_knock))
        job.read_from(fds[0], 1)
        job.read_from(fds[2], 2)

    def _described(self, request):
        """The WarmJob of a Module, with the members of its member list: the same list object each time."""
        described, digest = request.job, request.member_list
        if digest is not None:
            if digest not in self._member_lists:
                self._member_lists[digest] = self._codec.decode(self.members[digest])
            described.member_list, described.members = digest, self._member_lists[digest]
        return described

    def _new_job(self, message, session_id, runner, ends_at_exit=False):
        job = ProcessJob(self._loop, message, session_id, runner.send_signal, self._on_over, ends_at_exit)
        self._jobs[job.key] = job
        return job

    def wipe(self, words):
        """Secrets come, or have come: see private.Wiping. words: the interpreter (list) of the module that has them.

        A template that was forked with them in memory would keep them, so it is started before.
        """
        self._wiping.begin()
        if words:
            self._templates.get_ready(tuple(words))

    def prepare_for(self, job_key, second_stage, sources):
        """As of Templates."""
        self._templates.prepare_for(job_key, second_stage, sources)

    def forget(self):
        """Drop all members."""
        self.members.clear()
        self._member_lists.clear()
        self._templates.retire()

    def end(self):
        """End the templates and their last jobs. Returns whether (bool) they have ended."""
        return self._templates.end()

    def is_busy(self):
        """Whether anything runs whose end was not told yet (bool)."""
        return self._commands.is_busy() or self._templates.is_busy()

    def still_running(self):
        """Whether anything still runs (bool), checked now. Only while ending: commands are not told."""
        # Call both: checking makes progress.
        return any([self._commands.still_running(), self._templates.still_running()])


def _text(text):
    return text.encode('utf-8', 'surrogateescape')
