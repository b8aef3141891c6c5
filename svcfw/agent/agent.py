"""Agent: performs the multiplexer's operations on a target. One thread, which never blocks for long."""

import importlib
import os
import sys
import time
from collections import deque

from svcfw.agent import files, login_files, ops, packing, private
from svcfw.agent.jobs.download import DownloadJob
from svcfw.agent.jobs.output import Timed
from svcfw.agent.programs import Programs
from svcfw.agent.puts import CopyJob, Puts
from svcfw.agent.requests import Content, Members, decoded
from svcfw.agent.standing import Standing, own_account
from svcfw.core import handles
from svcfw.core.dispatch import call_error, inline, takes_router
from svcfw.core.message import has_parent_authority
from svcfw.core.wire.frames import Frame
from svcfw.transport import waking

#: The interval of checks, and what jobs have for their end.
LOOK_S, END_S = 0.005, 1.0
_WARNING, _ERROR = 30, 40


@takes_router
@inline
def start(router, is_lent=False, is_below=False):
    """Serve the operations of ops.py at the handle AGENT. Returns facts: home, user, uid, python, version, shell.

    is_lent: the account differs from the login account. is_below: an ancestor on this host has an agent.
    """
    agent = Agent(router, is_lent, is_below)
    if is_below:
        router.on_shutdown(waking.programs_above)
    router.loop.call_soon(private.hide)  # while the answer is on its way: it takes some milliseconds
    name, home, _ = own_account()
    return {
        'home': os.environ.get('HOME') or home,
        'user': name,
        'uid': os.getuid(),
        'python': sys.executable or '',
        'version': tuple(sys.version_info[:3]),
        'shell': agent.shell,
    }


def _is_from_above(message):
    """Policy: the parent needs no authority to pass on what it holds (ops.PASSED)."""
    return has_parent_authority(message) or message.src_id == message.router.parent_ids[0]


class _ClientState(object):
    """State of one client of the multiplexer."""

    def __init__(self, number):
        self.number = number
        self.failed = False
        self.is_timed = False
        self.takes_stale = False


class Agent(object):
    """The agent of one context. Loop thread only, which must be the main thread."""

    def __init__(self, router, is_lent=False, is_below=False):
        _, home, self.shell = own_account()
        self._router = router
        self._loop = router.loop
        self._sessions = {}
        self._jobs = {}
        self._acknowledged = 0
        self._pace = None
        self._puts = Puts(router.loop)
        shaping = login_files.watched(self.shell, os.environ.get('HOME') or home, dict(os.environ), is_lent)
        # Modules imported later must have the same version: after an upgrade a new context is needed.
        more = shaping + [path for path in (sys.executable, os.__file__) if path]
        self._standing = Standing(is_lent, more, is_below=is_below)
        self._programs = Programs(router, self.shell, self._jobs, self._over, self._on_knock, is_lent)
        self._children = self._links = self._gate = self._silence = None
        #: Whether requests have to wait for an import, and those that do.
        self._is_holding = False
        self._held = deque()
        self._answered = {  # type: dict
            ops.COMMAND: self._command,
            ops.MODULE: self._programs.module,
            ops.FETCH: self._fetch,
            ops.EXPAND: self._expand,
            ops.CHILD: self._child,
            ops.FLUSH: self._flush,
            ops.DISMISS: self._dismiss,
            ops.PUT_KEPT: self._put_kept,
            ops.WIPE: lambda message, session_id, request: message.reply(self._programs.wipe(request.interpreter)),
        }
        self._unanswered = {  # type: dict
            ops.MKDTEMP: self._mkdtemp,
            ops.PUT: self._put,
            ops.PUT_HELD: self._put_held,
            ops.CHMOD: self._chmod,
            ops.REMOVE: self._remove,
        }
        self._always = {  # type: dict
            ops.MEMBERS: lambda request: self._programs.add_members(request.sizes, request.packed),
            ops.FORGET: lambda request: self._programs.forget(),
            ops.CONTENT: lambda request: self._puts.contents.add(request.digest, request.data, request.is_last),
            ops.DROP: lambda request: self._puts.contents.drop(request.digests),
            ops.PASS: self._pass,
            ops.GRANT: self._grant,
            ops.CHILD_INPUT: self._child_input,
            ops.ENSURE: lambda request: files.ensure_directory(request.path, request.umask),
            ops.ALIVE: self._alive,
        }
        router.on_shutdown(self._end)
        router.add_handler(self._on_message, handles.AGENT, policy=_is_from_above)

    # -- requests

    def _on_message(self, message):
        if message.is_dead:
            return
        if self._is_holding:
            self._held.append(message)
        else:
            self._take(message)

    def _load(self, name):
        """Import a module of svcfw (name, str) that most targets never need.

        Its source may have to come from an ancestor, and the loop runs meanwhile: other requests must wait, because
        they would find the module incomplete, or be performed before earlier ones.
        """
        was_holding, self._is_holding = self._is_holding, True
        try:
            return importlib.import_module(name)
        finally:
            if not was_holding:
                self._is_holding = bool(self._held)
                if self._held:
                    self._loop.call_soon(self._go_on)

    def _go_on(self):
        """Process one waiting request; after the last one, later requests need not wait."""
        if not self._held:
            self._is_holding = False
            return
        try:
            self._take(self._held.popleft())
        finally:
            self._loop.call_soon(self._go_on)

    def _take(self, message):
        try:
            value = message.value()
            if type(value) is bytes:
                value = self._router.codec.decode(packing.unpack(value))
            self._carry_out(message, *value)
        finally:
            if len(message.frame.payload) >= ops.ACK_BYTES:
                self._acknowledged += len(message.frame.payload)
                self._router.context(message.src_id).send(handles.AGENT, self._acknowledged)

    def _carry_out(self, message, operation, session_id, values):
        if operation not in ops.PASSED and not has_parent_authority(message):
            message.refuse('only the controller may have that done')
            return
        if operation in self._always:
            self._always[operation](decoded(operation, values))
            return
        if operation == ops.END:
            self._end_session(session_id)
            return
        session = self._sessions.setdefault(session_id, _ClientState(session_id))
        if operation == ops.ANYWAY:
            session.takes_stale = True
        elif operation == ops.RELAY:
            self._relay(message, session, decoded(operation, values))
        elif operation == ops.TIMED:
            session.is_timed = True
        elif operation in self._answered:
            self._answer(message, session, operation, values)
        elif not session.failed:
            self._do(message, session, operation, values)

    def _answer(self, message, session, operation, values):
        if self._refused(message, session) or (operation != ops.FLUSH and self._is_stale(message, session)):
            return
        if session.is_timed:
            message = Timed(message, self._loop.clock)
        try:
            self._answered[operation](message, session.number, decoded(operation, values))
        except files.Failure as e:
            self._fail(message, session.number, operation, e)
        except Exception as e:
            # A bug of ours; the requester gets an answer all the same.
            message.fail(call_error(e))

    def _do(self, message, session, operation, values):
        try:
            request = decoded(operation, values)
            self._unanswered[operation](session, request)
        except Exception as e:
            session.failed = True
            self._puts.abandon(session.number)
            failure = e if isinstance(e, files.Failure) else files.Failure('', operation, e)
            self._fail(message, session.number, operation, failure)

    def _refused(self, message, session):
        """Whether the request is dropped or refused: after a failure nothing may run that could depend on it."""
        if session.failed:
            session.failed = not message.wants_reply()
            message.refuse('an earlier operation failed')
            return True
        return False

    def _is_stale(self, message, session):
        """Refuse what a new context might do differently. The multiplexer's own requests follow one that was
        checked."""
        if not session.number or session.takes_stale or not message.wants_reply():
            return False
        reason = self._standing.changed()
        if reason:
            message.refuse(ops.STALE + reason)
        return bool(reason)

    def _fail(self, message, session_id, operation, failure):
        value = (session_id, operation, failure.path, 1, str(failure))
        self._router.context(message.src_id).send(handles.AGENT, value)
        message.refuse(str(failure))

    def _relay(self, message, session, request):
        if self._refused(message, session) or self._is_stale(message, session):
            return
        f = message.frame
        self._router.send(Frame(request.context_id, f.src, f.auth, handles.AGENT, f.reply_to, 0, request.request))
        self._backpressure(f.src, request.context_id)

    def _backpressure(self, parent_id, child_id):
        """Backpressure for relayed requests: read no faster than the child does, as for frames through the router."""
        child = self._router.link_for(child_id)
        if child is not None and child.is_full():
            parent = self._router.link_for(parent_id)
            parent.pause_reading()
            child.when_room(parent.resume_reading)

    def _grant(self, request):
        job = self._jobs.get(request.key)
        if job is not None:
            job.grant(request.credit)

    def _flush(self, message, session_id, request):
        message.reply(None)

    def _dismiss(self, message, session_id, request):
        self._needed_children().dismiss(message, request.context_id)

    def _child(self, message, session_id, request):
        self._needed_children().start(message, session_id, request)

    def _needed_children(self):
        if self._children is None:
            module = self._load('svcfw.agent.children')
            self._children = module.Children(self._router)
        return self._children

    def _child_input(self, request):
        if self._children is not None:
            self._children.type(request.key, request.data)

    def _expand(self, message, session_id, request):
        message.reply(files.expand_user(request.text))

    def _alive(self, request):
        if self._silence is None:
            self._silence = self._load('svcfw.agent.links.silence').Silence(self._router, self._programs.is_busy)
        self._silence.heard(request.silence_s, request.proof, request.expected)

    # -- programs

    def _command(self, message, session_id, request):
        variables = {}
        if request.may_link:
            if self._gate is None:
                self._gate = self._load('svcfw.agent.links.gate').Gate(self._loop, self._on_knock)
            variables = self._gate.variables(message.frame.reply_to)
        self._programs.command(message, session_id, request, variables)

    def _on_knock(self, door):
        if self._is_holding:
            self._loop.call_later(LOOK_S, lambda: self._on_knock(door))
            return
        try:
            if self._links is None:
                links = self._load('svcfw.agent.links.links')
                self._links = links.Links(self._router, self._programs.prepare_for)
            self._links.open(door)
        except Exception:
            door.close()  # the process that has knocked reads end-of-file
            raise

    # -- files

    def _mkdtemp(self, session, request):
        files.make_directory(request.path, request.umask)

    def _put(self, session, request):
        self._puts.put(session.number, request)

    def _put_held(self, session, request):
        self._puts.put_held(request)

    def _put_kept(self, message, session_id, request):
        copy = CopyJob(self._loop, message, session_id, self._puts, request, self._over,
                       lambda e: self._fail(message, session_id, ops.PUT, e))  # fmt: skip
        self._jobs[copy.key] = copy
        try:
            copy.begin()
        except files.Failure:
            self._over(copy)
            raise

    def _chmod(self, session, request):
        files.make_accessible(request.paths)

    def _remove(self, session, request):
        try:
            files.remove(request.path, request.recursive)
        except files.Failure as e:
            self._router.log(self._router, _WARNING, str(e))
        self._puts.kept.sweep()

    def _fetch(self, message, session_id, request):
        transfer = DownloadJob(
            message, session_id, request.path, self._new_flow, self._loop.clock, self._over,
            lambda e: self._fail(message, session_id, ops.FETCH, e),
        )  # fmt: skip
        self._jobs[transfer.key] = transfer
        transfer.pump()

    def _new_flow(self):
        """A Flow to the controller; all share its link."""
        if self._pace is None:
            # Imported on first use: most targets never send much.
            self._pace = self._load('svcfw.core.wire.pace').Pace()
        return self._pace.flow()

    def _over(self, job):
        self._jobs.pop(job.key, None)
        self._puts.kept.sweep()

    def _pass(self, request):
        """Give a child members or contents that this agent holds: they cross the link to this host once."""
        child = self._router.context(request.context_id)
        if request.kind == ops.MEMBERS:
            members = Members(*self._programs.packed_members(request.digests))
            child.send(handles.AGENT, members.sent_by(0))
            return
        for digest in request.digests:
            content = self._puts.contents.get(digest)
            if content is not None:
                child.send(handles.AGENT, Content(digest, content, True).sent_by(0))

    # -- the end

    def _end_session(self, session_id):
        self._sessions.pop(session_id, None)
        self._puts.abandon(session_id)
        self._puts.kept.sweep()
        if self._children is not None:
            self._children.give_up(session_id)
        for job in list(self._jobs.values()):
            if job.session == session_id:
                job.kill()

    def _end(self):
        """The context ends: so does all that runs for it, this process being the last that could see to it."""
        if self._gate is not None:
            self._gate.close()
        for session_id in list(self._sessions):
            self._end_session(session_id)
        deadline = self._loop.clock() + END_S
        while self._programs.still_running() and self._loop.clock() < deadline:
            time.sleep(0.01)
        for job in list(self._jobs.values()):
            job.kill_now()
        self._end_processes(deadline)

    def _end_processes(self, deadline):
        """Leave no process of this account, which may be about to be removed: end the warm interpreters first."""
        starters = list(self._router.starters)
        for starter in starters:
            starter.stream.drain(max(0, deadline - self._loop.clock()))
        while self._loop.clock() < deadline:
            # Check both: checking makes progress.
            if all([self._programs.end(), *[starter.has_ended() for starter in starters]]):
                break
            time.sleep(0.002)
