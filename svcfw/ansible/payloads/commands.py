"""Commands: runs what core passes to `exec_command`, in the fastest of the ways that are exact.

    L0  a module whose payload is understood: from memory, in a fork of the warm interpreter
    L1  another program for a Python: its source, unchanged, in a fork of the warm interpreter
    L2  anything else: its text, by a shell, over the context
    L3  no context possible (no Python there): the stock connection, which is `local` where we are called that

Shell text is not interpreted: a command is known because its construction was recorded (`shell_commands`, `become`),
or because parsing and rebuilding gives the same text (`payload`). Never log in_data: it holds the tasks' secrets.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ansible import constants

from svcfw.agent.warm.job import Condition
from svcfw.ansible import become, options
from svcfw.ansible.deferred import DeferredOperations, Other
from svcfw.ansible.options import played, text
from svcfw.ansible.payloads import audited, payload
from svcfw.ansible.payloads.payload_cache import PayloadCache, core_version
from svcfw.ansible.recorded import Recorded
from svcfw.ansible.services import offering
from svcfw.ansible.session import MuxCalls
from svcfw.ansible.shell_commands import Operation
from svcfw.ansible.told import Told
from svcfw.core.wire.errors import StartError
from svcfw.mux.client.client import Become, Result, Target
from svcfw.mux.offer import Offer

#: What core's `copy` and `template` run for each item; other modules, and commands, may change where a home is.
_LEAVE_HOMES = frozenset({'ansible.modules.copy', 'ansible.modules.stat'})

#: Exit status, stdout, stderr.
Answer = tuple[int, bytes, bytes]


class NeedsStock(Exception):
    """The stock connection has to run this command; the text says why."""


class ConditionIgnored(Exception):
    """A module was not run, since it was to run on a condition alone."""


class Commands:
    """Those of one connection.

    plugin: the connection, for its options, shell and play context, which may change between two commands.
    target(account to become, or None): where they run now. The rest: what the connection has made.
    """

    def __init__(
        self,
        plugin: Any,
        escalations: become.Escalations,
        operations: Recorded[Operation],
        deferred: DeferredOperations,
        session: MuxCalls,
        told: Told,
        payloads: PayloadCache,
        more: offering.More,
        target: Callable[..., Target],
    ) -> None:
        self._plugin = plugin
        self._escalations = escalations
        self._operations = operations
        self._deferred = deferred
        self._session = session
        self._told = told
        self._payloads = payloads
        self._more = more
        self._target = target
        self._condition: Condition | None = None

    @contextmanager
    def on_condition(self, condition: Condition) -> Iterator[None]:
        """Meanwhile modules run only if this holds, and nothing else does: ConditionIgnored."""
        self._condition = condition
        try:
            yield
        finally:
            self._condition = None

    def execute(self, cmd: str, in_data: bytes | None, sudoable: bool) -> Answer:
        """Run a command. NeedsStock; what the multiplexer's client raises."""
        escalation = self._escalations.find(cmd, self._executables())
        if escalation is not None:
            try:
                return self._run_escalated(cmd, escalation, in_data, sudoable)
            except become.NotRepeatable as exc:
                self._session.settle(self._target())
                raise NeedsStock(str(exc)) from None
        if become.is_escalated(self._plugin.become, cmd):
            self._session.settle(self._target())
            raise NeedsStock('the become command is not one that the plugin was seen to build')
        if in_data is None:
            operation = self._operations.find(cmd, self._executables())
            answer = None if operation is None else self._deferred.perform(operation, self._target(), self._other)
            if answer is not None:
                self._told.way('answered ahead')
                return answer
        return self._run_as(cmd, None, self._target(), in_data, sudoable)

    def _other(self) -> Other | None:
        """The become account of the task, if any."""
        escalation = self._escalations.present
        # With a common group core grants access itself; the files belong to the login account then.
        if escalation is None or options.has_common_group(self._plugin._shell):
            return None
        try:
            target = self._target(self._other_account(escalation))
        except become.NotRepeatable:
            return None
        return Other(escalation.user(getattr(self._plugin, '_play_context', None)), target)

    def _other_account(self, escalation: become.Escalation) -> Become:
        play_context = getattr(self._plugin, '_play_context', None)
        return escalation.become(
            play_context, may_use_tty=options.escalates_on_tty(self._plugin, self._plugin.task_variables)
        )

    def _run_escalated(self, cmd: str, escalation: become.Escalation, in_data: bytes | None, sudoable: bool) -> Answer:
        child = self._other_account(escalation)
        dialogue = child.dialogue
        try:
            return self._run_as(cmd, escalation.inner, self._target(child), in_data, sudoable)
        except StartError as exc:
            if exc.status is None:
                raise
            # The become command was refused; its output is what it would have been for this command alone.
            said = dialogue.said()
            if self._wants_tty(in_data, sudoable) or escalation.needs_tty:
                return exc.status, said.replace(b'\r\n', b'\n').replace(b'\n', b'\r\n'), b''
            return exc.status, b'', said
        finally:
            dialogue.end()

    def _wants_tty(self, in_data: bytes | None, sudoable: bool) -> bool:
        """Whether stock ssh would request a terminal (stock local never does): output and line ends of `raw` depend on
        it."""
        return (
            in_data is None
            and sudoable
            and self._plugin.transport != 'local'
            and bool(self._plugin.get_option('use_tty'))
        )

    def _run_as(self, cmd: str, inner: str | None, target: Target, in_data: bytes | None, sudoable: bool) -> Answer:
        """Run `cmd`; `inner` is the command that a become plugin wrapped in it, `target` then that account's
        context."""
        try:
            result = self._run_warm(cmd, inner, target, in_data) if in_data is not None else None
        except StartError as exc:
            if exc.kind != 'interpreter':
                raise
            self._told.level('L2', f'no warm interpreter: {exc}')
            result = None
        if result is None:
            self.require_no_condition()
            self._deferred.forget_homes()
            if in_data is None:
                self._told.way('L2, commands that are no modules run as they are')
            tty = self._wants_tty(in_data, sudoable)
            executable = self._outer_shell() if inner is None else self._executables()[0]
            words = cmd if inner is None else inner
            more = _given(offering.offer(self._plugin, self._more, self._becomes(target), None))
            result = self._session.call(
                target,
                lambda client: client.run_command(target, words, in_data, executable=executable, tty=tty, **more),
            )
            if result.rc < 0 and self._plugin.transport != 'local':
                return 128 - result.rc, result.stdout, result.stderr  # as shells and sshd report a signal
        return result.rc, result.stdout, result.stderr

    def _run_warm(self, cmd: str, inner: str | None, target: Target, in_data: bytes) -> Result | None:
        """Run it as L0 or L1; None if neither is exact for `in_data`."""
        if inner is None:
            unwrapped = [payload.unwrap(cmd, executable) for executable in self._executables()]
            inner = next((each for each in unwrapped if each is not None), None)
            if inner is None:
                self._told.level('L2', 'the command is not one that only starts an interpreter')
                return None
        module, reason = None, 'started in another way'
        try:
            module = payload.split(in_data)
        except payload.UnknownForm as exc:
            reason = str(exc)
        matched = None if module is None else payload.match_module(inner, module)
        offered = offering.offer(
            self._plugin, self._more, self._becomes(target), None if module is None else module.module
        )
        if matched is not None:
            found, environment = matched
            self._told.level('L0', 'modules run from memory')
            more = {**_given(offered), **self._process(found)}
            if self._condition is not None:
                more['condition'] = self._condition
            if found.fqn not in _LEAVE_HOMES:
                self._deferred.forget_homes()
            result = self._session.call(target, lambda client: client.run_module(target, found, environment, **more))
            if self._plugin.get_option('svcfw_payload_cache'):
                self._payloads.keep(found.fqn)
            return result
        self.require_no_condition()
        self._deferred.forget_homes()
        python = payload.match_python_inner(inner)
        if python is not None:
            variables, words = python
            self._told.level('L1', f'a payload of unknown form ({reason}): its source runs in the warm interpreter')
            return self._session.call(
                target, lambda client: client.run_source(target, in_data, words, variables, **_given(offered))
            )
        self._told.level('L2', 'input for something else than a Python without arguments')
        return None

    def _process(self, module: payload.Payload) -> dict[str, Any]:
        """How a module may run: in a process forked ahead, in one that has run others."""
        is_wanted = self._plugin.get_option('svcfw_reuse') and audited.knows_core(core_version)
        return {
            'can_rehearse': is_wanted,
            'may_reuse': is_wanted and audited.may_reuse(module.fqn, module.params),
            'may_preimport': is_wanted and audited.may_preimport(module.fqn),
            'is_core': audited.is_core if audited.knows(module.fqn) else None,
        }

    def require_no_condition(self) -> None:
        """Only L0 knows of conditions. Raises ConditionIgnored."""
        if self._condition is not None:
            raise ConditionIgnored

    def _becomes(self, target: Target) -> str | None:
        """The account that a task at this target becomes."""
        present = self._escalations.present
        if target.become is None or present is None:
            return None
        return present.user(getattr(self._plugin, '_play_context', None))

    def _executables(self) -> tuple[str, ...]:
        """The shells in which core may have wrapped a command, never empty; first the one it uses within become."""
        named = (getattr(self._plugin._shell, 'executable', None), played(self._plugin, 'executable'), '/bin/sh')
        return tuple(dict.fromkeys(text(name) for name in named if name))

    def _outer_shell(self) -> str | None:
        """The shell for a plain command: the login shell (None), or the configured one where stock local would use
        that."""
        if self._plugin.transport != 'local':
            return None
        return next(iter((getattr(constants, 'DEFAULT_EXECUTABLE', None) or '').split()), '/bin/sh')


def _given(offered: Offer | None) -> dict[str, Any]:
    return {} if offered is None else {'offer': offered}
