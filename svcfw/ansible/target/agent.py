"""The agent: carries out the multiplexer's operations on a target. One thread, which never blocks for long.

Modules run in processes that a template forks (templates.py), commands as children of the agent itself (commands.py).
"""

import errno
import importlib
import os
import pwd
import sys
import time

from svcfw.ansible.target import files, interpreter, ops
from svcfw.ansible.target.commands import Commands
from svcfw.ansible.target.jobs import Job
from svcfw.ansible.target.template import TemplateGone
from svcfw.ansible.target.templates import Templates
from svcfw.ansible.target.transfer import Transfer
from svcfw.core import handles
from svcfw.core.dispatch import call_error, inline, takes_router
from svcfw.core.message import has_parent_authority
from svcfw.core.wire.frames import Frame

#: How long jobs may take to end by themselves when the context ends.
END_S = 1.0
_WARNING, _ERROR = 30, 40
#: What a shell shows for a program that is not there, and for one that cannot be run.
_NOT_FOUND, _NOT_RUN = 127, 126


@takes_router
@inline
def start(router):
    """Serve the operations of ops.py at the handle AGENT. Returns facts: home, user, uid, python, version, shell."""
    agent = Agent(router)
    name, home, _ = _account()
    return {
        'home': os.environ.get('HOME') or home,
        'user': name,
        'uid': os.getuid(),
        'python': sys.executable or '',
        'version': tuple(sys.version_info[:3]),
        'shell': agent.shell,
    }


def _account():
    """(name, home, shell) of this account; a container may run under a number that no account has."""
    try:
        account = pwd.getpwuid(os.getuid())
    except KeyError:
        return str(os.getuid()), '/', '/bin/sh'
    return account.pw_name, account.pw_dir, account.pw_shell or '/bin/sh'


class _Session(object):
    """What the agent knows about one client of the multiplexer."""

    def __init__(self):
        self.failed = False
        self.upload = None

    def abandon_upload(self):
        upload, self.upload = self.upload, None
        if upload is not None:
            upload.abandon()


class Agent(object):
    """All that an agent does. Loop thread only, which must be the main one."""

    def __init__(self, router):
        self.shell = _account()[2]
        self._router = router
        self._loop = router.loop
        self._sessions = {}
        self._jobs = {}
        self._members = {}
        self._manifests = {}
        self._commands = Commands(router.loop)
        self._templates = Templates(router.loop)
        self._commands.on_sigchld = self._templates.reap
        self._children = None
        self._answered = {  # type: dict
            ops.COMMAND: self._command,
            ops.MODULE: self._module,
            ops.FETCH: self._fetch,
            ops.EXPAND: self._expand,
            ops.CHILD: self._child,
            ops.FLUSH: self._flush,
            ops.INTERPRETER: self._interpreter,
        }
        self._unanswered = {  # type: dict
            ops.MKDTEMP: self._mkdtemp,
            ops.PUT: self._put,
            ops.CHMOD: self._chmod,
            ops.REMOVE: self._remove,
        }
        self._always = {  # type: dict
            ops.MEMBERS: self._members.update,
            ops.FORGET: self._forget,
            ops.GRANT: self._grant,
            ops.CHILD_INPUT: self._child_input,
        }
        router.on_shutdown(self._end)
        router.add_handler(self._on_message, handles.AGENT, policy=has_parent_authority)

    # -- requests

    def _on_message(self, message):
        if message.is_dead:
            return
        operation, session_id, arguments = message.value()
        if operation in self._always:
            self._always[operation](*arguments)
            return
        if operation == ops.END:
            self._end_session(session_id)
            return
        session = self._sessions.setdefault(session_id, _Session())
        if operation == ops.RELAY:
            self._relay(message, session, *arguments)
        elif operation in self._answered:
            self._answer(message, session, session_id, operation, arguments)
        elif not session.failed:
            self._do(message, session, session_id, operation, arguments)

    def _answer(self, message, session, session_id, operation, arguments):
        if self._refused(message, session):
            return
        try:
            self._answered[operation](message, session_id, *arguments)
        except files.Failure as e:
            self._fail(message, session_id, operation, e)
        except Exception as e:
            # Ours to have prevented; whoever waits has to be told all the same.
            message.fail(call_error(e))

    def _do(self, message, session, session_id, operation, arguments):
        try:
            self._unanswered[operation](session, *arguments)
        except Exception as e:
            session.failed = True
            failure = e if isinstance(e, files.Failure) else files.Failure('', operation, e)
            self._fail(message, session_id, operation, failure)

    def _refused(self, message, session):
        """After a failure nothing may run that could rest on it; the failure itself was told already."""
        if session.failed:
            session.failed = not message.wants_reply()
            message.refuse('an earlier operation failed')
            return True
        return False

    def _fail(self, message, session_id, operation, failure):
        value = (session_id, operation, failure.path, 1, str(failure))
        self._router.context(message.src_id).send(handles.AGENT, value)
        message.refuse(str(failure))

    def _relay(self, message, session, context_id, request):
        if self._refused(message, session):
            return
        f = message.frame
        self._router.send(Frame(context_id, f.src, f.auth, handles.AGENT, f.reply_to, 0, request))
        child = self._router.link_for(context_id)
        if child is not None and child.is_full():
            # As for frames that pass through the router: take no more than the child does.
            parent = self._router.link_for(f.src)
            parent.pause_reading()
            child.when_room(parent.resume_reading)

    def _grant(self, key, credit):
        job = self._jobs.get(key)
        if job is not None:
            job.grant(credit)

    def _flush(self, message, session_id):
        message.reply(None)

    def _interpreter(self, message, session_id, words):
        message.reply((interpreter.hosts(words), interpreter.program(words)))

    def _child(self, message, session_id, *arguments):
        if self._children is None:
            module = importlib.import_module('svcfw.ansible.target.children')
            self._children = module.Children(self._router)
        self._children.start(message, session_id, *arguments)

    def _child_input(self, key, data):
        if self._children is not None:
            self._children.type(key, data)

    def _expand(self, message, session_id, text):
        message.reply(files.expand_user(text))

    # -- files

    def _mkdtemp(self, session, path, umask):
        files.make_directory(path, umask)

    def _put(self, session, path, mode, data, flags):
        if flags & ops.PUT_FIRST:
            session.abandon_upload()
            session.upload = files.Upload(path, mode)
        if session.upload is None:
            raise files.Failure(path, "cannot write '%s'" % path, 'its beginning is missing')
        session.upload.write(data)
        if flags & ops.PUT_LAST:
            upload, session.upload = session.upload, None
            upload.close()

    def _chmod(self, session, paths):
        files.make_accessible(paths)

    def _remove(self, session, path, recursive):
        try:
            files.remove(path, recursive)
        except files.Failure as e:
            self._router.log(self._router, _WARNING, str(e))

    def _fetch(self, message, session_id, path):
        transfer = Transfer(
            message, session_id, path, self._over, lambda e: self._fail(message, session_id, ops.FETCH, e)
        )
        self._jobs[transfer.key] = transfer
        transfer.pump()

    # -- processes

    def _command(self, message, session_id, executable, text, stdin, tty):
        program = executable or self.shell
        job = self._new_job(message, session_id, self._commands, ends_at_exit=tty)
        try:
            self._commands.start(job, [program, '-c', text], stdin, tty)
        except (OSError, ValueError) as e:
            self._over(job)
            status = _NOT_FOUND if getattr(e, 'errno', 0) == errno.ENOENT else _NOT_RUN
            message.reply((ops.DONE, status, b'', _text('%s: %s\n' % (program, getattr(e, 'strerror', None) or e))))

    def _module(self, message, session_id, description):
        job = self._new_job(message, session_id, self._templates)
        fds = []
        try:
            fds += os.pipe()
            fds += os.pipe()
            self._templates.run(job, self._with_members(description), self._members, (fds[1], fds[3]))
        except Exception as e:
            self._over(job)
            for fd in fds:
                os.close(fd)
            if not isinstance(e, (OSError, TemplateGone)):
                raise
            message.reply((ops.DONE, 1, b'', _text('the module cannot be started: %s\n' % e)))
            return
        for fd in (fds[1], fds[3]):
            os.close(fd)
        job.read_from(fds[0], 1)
        job.read_from(fds[2], 2)

    def _with_members(self, description):
        """A module's job with the list of (name, digest) that its manifest is, always the same object for one."""
        digest = description.get('manifest')
        if digest is None:
            return description
        if digest not in self._manifests:
            self._manifests[digest] = self._router.codec.decode(self._members[digest])
        return dict(description, members=self._manifests[digest])

    def _new_job(self, message, session_id, runner, ends_at_exit=False):
        job = Job(self._loop, message, session_id, runner.send_signal, self._over, ends_at_exit)
        self._jobs[job.key] = job
        return job

    def _over(self, job):
        self._jobs.pop(job.key, None)

    def _forget(self):
        self._members.clear()
        self._manifests.clear()
        self._templates.retire()

    # -- the end

    def _end_session(self, session_id):
        session = self._sessions.pop(session_id, None)
        if session is not None:
            session.abandon_upload()
        if self._children is not None:
            self._children.give_up(session_id)
        for job in list(self._jobs.values()):
            if job.session == session_id:
                job.kill()

    def _end(self):
        """The context ends: so does all that runs for it, this process being the last that could see to it."""
        for session_id in list(self._sessions):
            self._end_session(session_id)
        deadline = self._loop.clock() + END_S
        while self._still_running() and self._loop.clock() < deadline:
            time.sleep(0.01)
        for job in list(self._jobs.values()):
            job.doom()

    def _still_running(self):
        # Not one or the other: looking is what makes progress.
        return any([self._commands.still_running(), self._templates.still_running()])


def _text(text):
    return text.encode('utf-8', 'surrogateescape')
