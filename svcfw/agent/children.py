"""Children of an agent's context: for another account, started by a become plugin's command, or another interpreter.

Loaded for the first child: most targets never need it.
"""

from svcfw.agent import ops, start_folder
from svcfw.agent.warm import locales
from svcfw.core import handles, sealed
from svcfw.core.sealed import child as sealed_child
from svcfw.core.sealed import seal
from svcfw.core.wire import limits
from svcfw.core.wire.errors import CallError, ChannelError, StartError
from svcfw.core.wire.frames import Frame
from svcfw.files.disk.paths import encoded
from svcfw.transport import failures, messages, process
from svcfw.transport.contract import Dialogue
from svcfw.transport.dialogue import STDIN, STDOUT, TTY, Fail, LoginDialogue, Send
from svcfw.transport.start import Starter

_OVERFULL = 'See whether the host has memory and processes left, or raise the timeout.'
#: How long a child may take to end before that is assumed, and the interval of checks.
DISMISS_S, LOOK_S = 7.0, 0.005
#: What a child starts with beside the core: it accepts only what the controller has sealed.
_SEALED = (sealed.__name__, seal.__name__, sealed_child.__name__)


class Children(object):
    """Children that are being started. Loop thread only."""

    def __init__(self, router):
        self._router = router
        self._starting = {}

    def start(self, message, session_id, request):
        """Start a child (requests.Child) and report its progress to `message`'s sender; see ops.CHILD."""
        child = _Child(self._router, message, session_id, request, self._over)
        self._starting[child.key] = child
        child.begin()

    def type(self, key, data):
        """Write data to where the child's command asked last."""
        child = self._starting.get(key)
        if child is not None:
            child.type(data)

    def dismiss(self, message, context_id):
        """End a child; `message` is answered once it has ended."""
        starter = next((each for each in self._router.starters if each.context.id == context_id), None)
        if starter is not None:
            starter.leave()
        self._answer_when_gone(message, starter, self._router.loop.clock() + DISMISS_S)

    def _answer_when_gone(self, message, starter, deadline):
        if starter not in self._router.starters or self._router.loop.clock() >= deadline:
            message.reply(None)
        else:
            self._router.loop.call_later(LOOK_S, lambda: self._answer_when_gone(message, starter, deadline))

    def give_up(self, session_id):
        """The session has ended: cancel its starts that wait for an answer to a prompt."""
        for child in list(self._starting.values()):
            if child.session == session_id:
                child.give_up()

    def _over(self, child):
        self._starting.pop(child.key, None)


class _Child(Dialogue):
    """One child being started; as its dialogue it passes the command's output to the requester."""

    def __init__(self, router, message, session, request, on_over):
        self.key = message.frame.reply_to
        self.session = session
        self._router = router
        self._message = message
        self._name = request.name
        self._argv = request.argv
        self._has_tty = request.has_tty
        self._marker = request.marker.encode()
        # After the marker the command has done its part.
        self._has_others_command = bool(request.marker)
        self._timeout_s = request.timeout_s
        self._key, self._digests, self._call = request.key, request.digests, request.call
        self._on_over = on_over
        self._asked_on = STDIN
        self._shown = b''
        self._shown_bytes = 0
        self._starter = None
        self._deadline = None
        self._is_linked = self._is_over = False
        self._words = LoginDialogue(request.name, messages.LOCAL)

    def begin(self):
        try:
            self._starter = Starter(
                self._router,
                self._name,
                self._launch,
                self._on_ready,
                self._on_failed,
                self._timeout_s,
                hold_back=bool(self._marker),
                more=self._more(),
            )
            self._key = b''
        except OSError as e:
            self._on_failed(failures.cannot_run(self._name, self._argv[0], e, '', 'become'))
        except (ValueError, StartError) as e:
            self._on_failed(e if isinstance(e, StartError) else StartError('become', self._name, str(e)))

    def _more(self):
        sources = {name: self._router.importer.sources[name] for name in _SEALED}
        return {'key': self._key, 'start': _SEALED[-1], 'sources': sources}

    def type(self, data):
        if not self._is_linked:
            self._words.prompted()
            self._starter.act([Send(self._asked_on, data)])

    def give_up(self):
        """The requester is gone. A start that needs no more answers continues: another session may use the child."""
        self._starter.give_up(StartError('become', self._name, 'the requester is gone'))

    def _launch(self, size):
        argv = self._argv[:1] + [encoded(word) for word in self._argv[1:]]
        environment, folder = locales.environment_before(), start_folder.to_enter()
        # What it starts may be the login shell of the account.
        return process.spawn(argv, tty=self._has_tty, env=environment, cwd=folder, pipes_in=True), self

    # -- the dialogue, for the starter

    def receive(self, source, data):
        self._words.receive(source, data)
        self._asked_on = TTY if source == TTY else STDIN
        if not self._marker:
            return []
        if source == STDOUT:
            self._shown = (self._shown + data)[-4096:]
            if self._marker in self._shown:
                self._marker = b''
                self._has_others_command = False
                self._starter.release()
                return []
        self._shown_bytes += len(data)
        if self._shown_bytes > limits.MAX_NOISE_BYTES:
            return [
                Fail(StartError('become', self._name, 'its command prints without end', 'Make login scripts silent.'))
            ]
        self._message.reply((ops.CHILD_OUTPUT, data))
        return []

    def ended(self, status):
        error = self._words.ended(status)
        if error.kind != 'died':
            return error
        refusal = status if status >= 0 and self._has_others_command else None
        return StartError('become', error.host, error.cause, error.remedy, refusal)

    def timed_out(self, seconds):
        return self._words.timed_out(seconds)

    # -- the result

    def _on_ready(self, context):
        self._is_linked = True
        self._deadline = self._router.loop.call_later(self._timeout_s, self._on_late)
        reply_to = self._router.add_handler(self._on_facts, respondent=context, once=True)
        self._pass_on(context, handles.LOAD_MODULE, 0, self._digests)
        self._pass_on(context, handles.CALL_FUNCTION, reply_to, self._call)

    def _pass_on(self, context, handle, reply_to, payload):
        own_id = self._router.own_id
        self._router.send(Frame(context.id, own_id, own_id, handle, reply_to, 0, payload))

    def _on_facts(self, message):
        if self._is_over:
            return
        try:
            facts = message.value()
        except (CallError, ChannelError) as e:
            self._no_agent(StartError('died', self._name, 'its agent failed to start: %s' % e, _OVERFULL))
            return
        self._end((ops.CHILD_READY, self._starter.context.id, facts))

    def _on_late(self):
        self._no_agent(
            StartError('timeout', self._name, 'its agent did not answer within %g s' % self._timeout_s, _OVERFULL)
        )

    def _no_agent(self, error):
        self._on_failed(error)
        self._starter.leave()

    def _on_failed(self, error):
        self._end((ops.CHILD_FAILED, error.kind, error.host, error.cause, error.remedy, error.status))

    def _end(self, answer):
        if not self._is_over:
            self._is_over = True
            if self._deadline is not None:
                self._deadline.cancel()
            self._on_over(self)
            self._message.reply(answer)
