"""The agent: carries out the multiplexer's operations on a target. One thread, which never blocks for long.

Modules run in processes that a template forks (template.py), commands as children of the agent itself.
"""

import importlib
import os
import pwd
import signal
import sys

from svcfw.ansible.target import files, interpreter, jobs, ops
from svcfw.ansible.target.output import Output
from svcfw.ansible.target.template import Exited, Started, Template
from svcfw.core import handles
from svcfw.core.dispatch import inline, takes_router
from svcfw.core.message import has_parent_authority
from svcfw.core.wire.frames import Frame


@takes_router
@inline
def start(router):
    """Serve the operations of ops.py at the handle AGENT. Returns facts: home, user, uid, python, version, shell."""
    Agent(router)
    account = pwd.getpwuid(os.getuid())
    home = os.environ.get('HOME') or account.pw_dir
    return {
        'home': home,
        'user': account.pw_name,
        'uid': account.pw_uid,
        'python': sys.executable,
        'version': tuple(sys.version_info[:3]),
        'shell': account.pw_shell or '/bin/sh',
    }


class _Session(object):
    """What the agent knows about one client of the multiplexer."""

    def __init__(self):
        self.failed = False
        self.upload = None
        self.downloads = []


class Agent(object):
    def __init__(self, router):
        self._router = router
        self._loop = router.loop
        self._sessions = {}
        self._jobs = {}
        self._processes = {}
        self._members = {}
        self._template = None
        self._old_templates = []
        self._cwd = os.getcwd()
        self._shell = pwd.getpwuid(os.getuid()).pw_shell or '/bin/sh'
        self._children = None
        self._answered = {
            ops.COMMAND: self._command,
            ops.MODULE: self._module,
            ops.FETCH: self._fetch,
            ops.EXPAND: self._expand,
            ops.CHILD: self._child,
            ops.FLUSH: self._flush,
            ops.INTERPRETER: self._interpreter,
        }
        self._unanswered = {
            ops.MKDTEMP: self._mkdtemp,
            ops.PUT: self._put,
            ops.CHMOD: self._chmod,
            ops.REMOVE: self._remove,
        }
        self._watch_children()
        router.on_shutdown(self._end)
        router.add_handler(self._on_message, handles.AGENT, policy=has_parent_authority)

    # -- requests

    def _on_message(self, message):
        if message.is_dead:
            return
        operation, session_id, arguments = message.value()
        if operation == ops.MEMBERS:
            self._members.update(arguments[0])
        elif operation == ops.GRANT:
            self._grant(*arguments)
        elif operation == ops.CHILD_INPUT:
            if self._children is not None:
                self._children.type(*arguments)
        elif operation == ops.END:
            self._end_session(session_id)
        else:
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
            self._tell_failure(message, session_id, operation, e)
            message.refuse(str(e))
        except OSError as e:
            self._tell_failure(message, session_id, operation, files.Failure('', operation, e))
            message.refuse(str(e))

    def _do(self, message, session, session_id, operation, arguments):
        try:
            self._unanswered[operation](session, *arguments)
        except files.Failure as e:
            session.failed = True
            self._tell_failure(message, session_id, operation, e)

    def _refused(self, message, session):
        """After a failure nothing may run that could rest on it; the failure itself was told already."""
        if session.failed:
            session.failed = False
            message.refuse('an earlier operation failed')
            return True
        return False

    def _tell_failure(self, message, session_id, operation, failure):
        value = (session_id, operation, failure.path, 1, str(failure))
        self._router.context(message.src_id).send(handles.AGENT, value)

    def _relay(self, message, session, context_id, request):
        if not self._refused(message, session):
            f = message.frame
            self._router.send(Frame(context_id, f.src, f.auth, handles.AGENT, f.reply_to, 0, request))

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

    def _expand(self, message, session_id, text):
        message.reply(files.expand_user(text))

    # -- files

    def _mkdtemp(self, session, path, umask):
        files.make_directory(path, umask)

    def _put(self, session, path, mode, data, flags):
        if flags & ops.PUT_FIRST:
            session.upload = files.Upload(path, mode)
        session.upload.write(data)
        if flags & ops.PUT_LAST:
            session.upload.close()
            session.upload = None

    def _chmod(self, session, paths):
        files.make_accessible(paths)

    def _remove(self, session, path):
        try:
            files.remove(path)
        except files.Failure as e:
            self._router.log(self._router, 30, str(e))

    def _fetch(self, message, session_id, path):
        transfer = _Transfer(message, session_id, files.Download(path), self._over)
        self._jobs[transfer.key] = transfer
        transfer.pump()

    # -- processes

    def _command(self, message, session_id, executable, text, stdin, tty):
        job = self._new_job(message, session_id, ends_at_exit=tty)
        start_on = jobs.start_command_on_tty if tty else jobs.start_command
        try:
            process = start_on(job, [executable or self._shell, '-c', text], stdin, self._cwd)
        except OSError:
            self._over(job)
            raise
        self._processes[process.pid] = (process, job)
        self._reap()

    def _module(self, message, session_id, description):
        template = self._warm_template()
        for digest in template.missing(digest for _, digest in description.get('members', ())):
            template.add(digest, self._members[digest])
        job = self._new_job(message, session_id)
        out_r, out_w = os.pipe()
        err_r, err_w = os.pipe()
        try:
            template.run(job.key, description, out_w, err_w)
        finally:
            os.close(out_w)
            os.close(err_w)
        job.read_from(out_r, 1)
        job.read_from(err_r, 2)
        self._watch_template()

    def _new_job(self, message, session_id, ends_at_exit=False):
        job = jobs.Job(self._loop, message, session_id, self._over, ends_at_exit)
        self._jobs[job.key] = job
        return job

    def _over(self, job):
        self._jobs.pop(job.key, None)

    def _end_session(self, session_id):
        session = self._sessions.pop(session_id, None)
        if session is not None and session.upload is not None:
            session.upload.abandon()
        if self._children is not None:
            self._children.give_up(session_id)
        for job in list(self._jobs.values()):
            if job.session == session_id:
                job.kill()

    # -- the template

    def _warm_template(self):
        if self._template is not None and self._template.stale():
            self._retire(self._template)
        if self._template is None:
            self._template = Template()
        return self._template

    def _retire(self, template):
        """Make room for another one; the jobs of this one still run."""
        self._template = None
        self._old_templates.append(template)

    def _watch_template(self, template=None):
        template = template or self._template
        writable = (lambda: self._on_template_writable(template)) if template.wants_write() else None
        self._loop.watch(template.fileno(), lambda: self._on_template_readable(template), writable)

    def _on_template_writable(self, template):
        template.flush()
        self._watch_template(template)

    def _on_template_readable(self, template):
        fd = template.fileno()
        for event in template.receive():
            job = self._jobs.get(event.job_id)
            if job is None:
                continue
            if isinstance(event, Started):
                job.started(event.pid)
            elif isinstance(event, Exited):
                job.exited(jobs.exit_status(event.status))
            else:
                self._lost(job)
        if template.closed:
            self._loop.watch(fd)
            if template is self._template:
                self._template = None

    def _lost(self, job):
        """Its template died, so nobody can wait for it: end what is left of it, and say so."""
        job.abandon('the process that ran the module was killed')

    # -- children of this process

    def _watch_children(self):
        """A byte in a pipe for each SIGCHLD; needs the main thread, on which agents are started."""
        self._child_r, child_w = os.pipe()
        for fd in (self._child_r, child_w):
            os.set_blocking(fd, False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(child_w)
        self._loop.watch(self._child_r, self._on_sigchld)

    def _on_sigchld(self):
        try:
            os.read(self._child_r, 4096)
        except BlockingIOError:
            pass
        self._reap()

    def _reap(self):
        for pid, (process, job) in list(self._processes.items()):
            code = process.poll()
            if code is not None:
                del self._processes[pid]
                job.exited(code if code >= 0 else 128 - code)

    def _end(self):
        """The context ends: so does all that runs for it."""
        for job in list(self._jobs.values()):
            job.kill()
        for session_id in list(self._sessions):
            self._end_session(session_id)


class _Transfer(object):
    """A file on its way out, with the face of a Job."""

    def __init__(self, message, session, download, on_over):
        self.key = message.frame.reply_to
        self.session = session
        self._download = download
        self._on_over = on_over
        self._output = Output(message, self.pump)

    def pump(self):
        if self._download.pump(self._output):
            self._on_over(self)

    def grant(self, credit):
        self._output.grant(credit)

    def kill(self):
        self._download.close()
        self._on_over(self)
