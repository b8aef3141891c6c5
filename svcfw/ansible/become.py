"""Privilege escalation through the task's own become plugin.

The plugin wraps a command before the connection gets it. Its instance is made to record what it wraps, so that the
command can run in a context of the other account, which the same plugin started once by wrapping our bootstrap. The
plugin's own checks recognise prompts and failures of that start; a wrong password becomes the user's error here.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from ansible.errors import AnsibleError

from svcfw.ansible.options import text
from svcfw.ansible.recorded import Recorded
from svcfw.ansible.shell_commands import is_plain
from svcfw.core.wire.codec import Codec
from svcfw.core.wire.values import Secret
from svcfw.mux.client.client import Become

# Placeholder in the key for the wrapped command, and for the random id that the plugin puts into each.
_PLACEHOLDER = 'svcfw-context'
_PLACEHOLDER_ID = 'svcfw-id'

# Attributes that every build sets; core and the stock connection read them afterwards. The first belongs to the others.
_BUILD_STATE = ('_id', 'success', 'prompt')
# Attributes that a plugin needs for a dialogue.
_NEEDED = (
    'build_become_command', 'name', 'success', 'prompt', 'get_option',
    'check_password_prompt', 'check_success', 'check_incorrect_password', 'check_missing_password',
)  # fmt: skip


# A password prompt, for plugins that set none because no password is given.
_PROMPT = re.compile(rb'(?i)\bpass(word|phrase|code)\b[^\r\n]*: ?\Z')
# util-linux's su -P, alone or after flags without a value.
_SHORT_PTY = re.compile(r'-[flmp]*P[a-zA-Z]*')
# The program could not ask for a password without a terminal; it gets one next.
_ASKS_FOR_TERMINAL = re.compile(rb'(?i)\b(tty|terminal)\b')


class NotRepeatable(Exception):
    """The become plugin's command cannot start a context; the text says why."""


_encode: Callable[[Any], bytes] = Codec().encode


class Escalation(NamedTuple):
    """A command `inner` that a become plugin was asked to wrap."""

    inner: str
    shell: Any
    plugin: Any
    build: Callable[[str, Any], str]  # the plugin's own method

    def become(self, play_context: Any, *, may_use_tty: bool | None = None) -> Become:
        """What the multiplexer needs to find or start the context of the other account. Raises NotRepeatable.

        may_use_tty: whether a plugin that does not need a terminal gets one: always, never, or (None) if its program
        asks.
        """
        if self.has_own_terminal:
            raise NotRepeatable('the become command runs its command on a terminal, which cannot carry a context')
        password = _password(self.plugin, play_context)
        with _build_state_kept(self.plugin):
            command, again = self._placeheld(), self._placeheld()
        if command != again:  # each task would get its own context
            raise NotRepeatable('the become plugin builds a different command each time')
        secret = Secret(password) if password else None
        key = _encode((text(self.plugin.name or ''), command, secret, _prompts(self.plugin)))
        dialogue = PluginDialogue(self.plugin, self.shell, self.build, password)
        needs_tty = _needs_tty(self.plugin) or may_use_tty
        return Become(key, dialogue, needs_tty, _temporary_folder(self.shell), has_password=bool(password))

    @property
    def needs_tty(self) -> bool:
        """Whether stock ansible runs the command on a terminal, modules included."""
        return _needs_tty(self.plugin)

    @property
    def has_own_terminal(self) -> bool:
        """Whether the command makes a terminal for what it runs, which is not 8-bit clean."""
        name = text(self.plugin.name or '').rpartition('.')[2]
        if name == 'machinectl':
            return True
        flags = text(_option(self.plugin, 'become_flags', None) or '') if name == 'su' else ''
        return any(word == '--pty' or _SHORT_PTY.fullmatch(word) for word in flags.split())

    def user(self, play_context: Any) -> str:
        """The name of the other account, as configured."""
        return text(_option(self.plugin, 'become_user', play_context) or '')

    def _placeheld(self) -> str:
        """The plugin's command without its random parts."""
        command = text(self.build(_PLACEHOLDER, self.shell))
        for name in _BUILD_STATE:
            random = getattr(self.plugin, name, None)
            if random and isinstance(random, str):
                command = command.replace(random, _PLACEHOLDER_ID)
        return command


class Escalations:
    """The wrapped commands of one connection, for all become plugins it is given."""

    def __init__(self, shell: Any, on_off: Callable[[str], None]) -> None:
        """`on_off(reason)` is called if a plugin is of an unknown kind, so that its commands are not recorded."""
        self._shell = shell
        self._recorded: Recorded[Escalation] = Recorded(getattr(shell, 'append_command', None))
        self._on_off = on_off
        #: The escalation of the present plugin, with an empty command.
        self.present: Escalation | None = None

    def attach(self, plugin: Any) -> None:
        """Record what `plugin` (an instance, patched in place) builds; or None. Once for each plugin."""
        self.present = None
        if plugin is None:
            return
        lacking = [name for name in _NEEDED if not hasattr(plugin, name)]
        if lacking:
            self._on_off(f'the become plugin has no {lacking[0]}')
            return
        original = plugin.build_become_command
        self.present = Escalation('', self._shell, plugin, original)

        def build_become_command(*args: Any, **kwargs: Any) -> str:
            command: str = original(*args, **kwargs)
            self._record(command, plugin, original, *args, **kwargs)
            return command

        plugin.build_become_command = build_become_command

    def _record(self, command: Any, plugin: Any, original: Any, *args: Any, **kwargs: Any) -> None:
        try:
            cmd, shell = _wrapped(*args, **kwargs)
        except TypeError:
            self._on_off('build_become_command is called with unexpected arguments')
            return
        if isinstance(command, str):
            self._recorded.put(command, Escalation(text(cmd), shell, plugin, original))
        else:
            self._on_off(f'build_become_command returns a {type(command).__name__}')

    def find(self, cmd: str, executables: tuple[str, ...]) -> Escalation | None:
        """The recorded escalation whose text is exactly `cmd`, else None."""
        return self._recorded.find(cmd, executables)


class PluginDialogue:
    """Prompts of sudo, su and the like during the start of one context; called by the multiplexer's client.

    From `build` until `end`, which must always be called, the plugin has the state of our build.
    """

    def __init__(self, plugin: Any, shell: Any, build: Callable[[str, Any], str], password: str | None) -> None:
        self._plugin = plugin
        self._shell = shell
        self._build = build
        self._password = password
        self._kept: dict[str, Any] | None = None
        self._answered = False
        self._succeeded = False
        self._rest = b''
        self._said: list[bytes] = []

    def build(self, boot_command: str) -> str:
        """The text for `sh -c` that runs `boot_command` as the other account."""
        if self._kept is None:
            self._kept = _build_state(self._plugin)
        self._answered = self._succeeded = False
        self._rest = b''
        self._said = []
        return text(self._build(boot_command, self._shell))

    def receive(self, output: bytes) -> bytes | None:
        """The answer to type for `output`, if any. Raises AnsibleError for a wrong or missing password."""
        answer = None
        lines = (self._rest + output).splitlines(keepends=True)
        self._rest = b''
        for number, line in enumerate(lines, 1):
            if self._succeeded:
                break
            typed = self._examine(line)
            if typed is not None:
                answer = typed
            elif number == len(lines) and not line.endswith(b'\n'):
                self._rest = line  # possibly the beginning of a prompt
                if self._password is None and _PROMPT.search(line):
                    raise AnsibleError(f'Missing {self._plugin.name} password')  # otherwise it would wait for one
            elif not self._succeeded:
                self._said.append(line)
        return answer

    def said(self) -> bytes:
        """The command's output except for prompts."""
        return b''.join(self._said) + self._rest

    def end(self) -> None:
        """Restore the state in which ansible-core left the plugin."""
        if self._kept is not None:
            _restore(self._plugin, self._kept)
            self._kept = None

    def _examine(self, line: bytes) -> bytes | None:
        plugin = self._plugin
        if plugin.prompt and plugin.check_password_prompt(line):
            if self._password is None:
                raise AnsibleError(f'Missing {plugin.name} password')
            if self._answered:
                raise AnsibleError(f'Incorrect {plugin.name} password')
            self._answered = True
            return self._password.encode('utf-8', 'surrogateescape') + b'\n'
        if plugin.success and plugin.check_success(line):
            self._succeeded = True
        elif plugin.check_incorrect_password(line):
            raise AnsibleError(f'Incorrect {plugin.name} password')
        elif plugin.check_missing_password(line) and not _ASKS_FOR_TERMINAL.search(b''.join(self._said)):
            raise AnsibleError(f'Missing {plugin.name} password')
        return None


def is_escalated(plugin: Any, cmd: str) -> bool:
    """Whether `cmd` has the success mark of `plugin`'s last build, so that prompts must be answered.

    For a plugin without such a mark, any command counts.
    """
    if plugin is None:
        return False
    mark = getattr(plugin, 'success', None)
    return mark is None or (bool(mark) and mark in cmd)


def _wrapped(cmd: str, shell: Any) -> tuple[str, Any]:
    """The expected arguments of build_become_command."""
    return cmd, shell


def described(plugin: Any) -> str:
    """The target account and method of `plugin`, or '', for errors."""
    if plugin is None:
        return ''
    user = plugin.get_option('become_user') or 'another account'
    return f'becoming {text(user)} by {text(plugin.name)}'


def _password(plugin: Any, play_context: Any) -> str | None:
    value = _option(plugin, 'become_pass', play_context)
    return text(value) if value else None


def _option(plugin: Any, name: str, play_context: Any) -> Any:
    try:
        return plugin.get_option(name, playcontext=play_context)
    except TypeError:  # core deprecates play contexts
        return plugin.get_option(name)


def _temporary_folder(shell: Any) -> str:
    """Where core makes temporary directories as the login account; '' if only a shell can tell."""
    try:
        folder = text(shell.get_option('remote_tmp'))
    except KeyError:  # a custom shell plugin may lack it
        return ''
    return folder if is_plain(folder) else ''


def _prompts(plugin: Any) -> list[str]:
    """The configured password prompts. Part of the key: with a wrong one the start has to fail as in stock ansible."""
    names = sorted(name for name in getattr(plugin, 'option_definitions', ()) if 'prompt' in name)
    return [text(str(plugin.get_option(name))) for name in names]


def _needs_tty(plugin: Any) -> bool:
    # Up to 2.18 core excludes su from pipelining by name.
    return bool(getattr(plugin, 'require_tty', False)) or not getattr(plugin, 'pipelining', plugin.name != 'su')


@contextmanager
def _build_state_kept(plugin: Any) -> Iterator[None]:
    kept = _build_state(plugin)
    try:
        yield
    finally:
        _restore(plugin, kept)


def _build_state(plugin: Any) -> dict[str, Any]:
    return {name: getattr(plugin, name) for name in _BUILD_STATE if hasattr(plugin, name)}


def _restore(plugin: Any, state: dict[str, Any]) -> None:
    for name, value in state.items():
        setattr(plugin, name, value)
