"""From a connection plugin's options to the link: the multiplexer's key of the place they lead to.

Connections with the same link bytes share one warm context, so a link holds everything that decides where a login ends
and as whom, and nothing else: time-outs, for example, differ in `meta: reset_connection` and in the reboot action,
which have to find the same context.

The codec takes plain values only. Since ansible-core 2.19 options are subclasses of str, int, list (tagged with their
origin), hence `text`.
"""

import os
import shlex
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from ansible import constants
from ansible.errors import AnsibleError, AnsibleOptionsError

from svcfw.ansible import agent_keys, ssh_environment
from svcfw.core.wire.codec import Codec
from svcfw.core.wire.values import Secret
from svcfw.transport import spec as specs
from svcfw.transport import ssh_config

# Ansible's default, not the user's choice: -C limits a link to 43 MB/s, and a context needs no master.
DEFAULT_SSH_ARGS = '-C -o ControlMaster=auto -o ControlPersist=60s'

# They identify a user to a server as a key file does.
_AGENT_SOCKET = 'SSH_AUTH_SOCK'
_AUTHENTICATING_VARIABLES = (_AGENT_SOCKET, 'KRB5CCNAME')

AgentDigest = Callable[[str], bytes | None]
SendingOf = Callable[[tuple[str, ...]], ssh_environment.Sending]

# Set by a shell about itself: different in each one, and useless to what it starts.
_OF_NO_MEANING = frozenset({'_', 'OLDPWD'})

_encode: Callable[[Any], bytes] = Codec().encode


def text(value: Any) -> str:
    """`value` as a plain str, without ansible-core's tags and subclasses."""
    return str.__str__(value if isinstance(value, str) else str(value))


def played(plugin: Any, name: str, default: Any = None) -> Any:
    """An attribute of a connection's play context, which core deprecates."""
    return getattr(getattr(plugin, '_play_context', None), name, default)


def encode_link(
    plugin: Any,
    environ: Mapping[str, str] = os.environ,
    agent_digest: AgentDigest = agent_keys.digest,
    sending: SendingOf = ssh_environment.sending,
) -> bytes:
    """The link of a connection plugin with its options set. Takes some 150 us: the caller keeps it until they change.

    agent_digest: agent_keys.digest, or the same with a cache; sending: ssh_environment.sending likewise.
    The order of the keys is part of the format. Raises AnsibleOptionsError for an invalid option.
    """
    common_args, extra_args = (_words(plugin, name) or [] for name in ('ssh_common_args', 'ssh_extra_args'))
    ssh_args = None if plugin.get_option('ssh_args') == DEFAULT_SSH_ARGS else _words(plugin, 'ssh_args')
    has_user_args = bool(ssh_args or common_args or extra_args)
    password = _password(plugin)
    private_key_file = _private_key_file(plugin)
    if plugin.get_option('private_key'):
        common_args = ['-o', 'IdentitiesOnly=yes', *common_args]
    transport = text(plugin.get_option('svcfw_transport'))
    ssh_words = [*(ssh_args or ()), *common_args, *extra_args]
    folder = _folder(plugin, transport) if has_user_args or transport == specs.LOCAL else None
    shaping, set_by_config = _shaping_environment(transport, ssh_words, environ, folder, sending)
    # After the key that the plugin itself may have put there.
    agent, identities = _identities(ssh_words, environ, agent_digest)
    return _encode({
        'transport': transport,
        'host': text(plugin.get_option('host') or played(plugin, 'remote_addr')),
        'port': _number(plugin, 'port'),
        'user': _optional(plugin, 'remote_user'),
        'password': Secret(text(password)) if password else None,
        'private_key_file': private_key_file,
        'ssh_executable': _program(text(plugin.get_option('ssh_executable'))),
        'ssh_args': ssh_args,
        'ssh_common_args': common_args,
        'ssh_extra_args': extra_args,
        'host_key_checking': plugin.get_option('host_key_checking') is not False,
        'preferred_python': _optional(plugin, 'svcfw_python'),
        # Arguments may name files relative to where ansible was started (-F ssh.cfg, a ProxyCommand).
        # On this machine modules run where ansible was started.
        'cwd': folder,
        'env': {**shaping, **identities},
        'set_by_config': set_by_config,
        'agent': agent,
        # A user who asks for ssh's debugging output needs a login of this run.
        'spoken_to': f'{constants.DEFAULT_LOCAL_TMP} {ssh_verbosity(plugin)}' if ssh_verbosity(plugin) else None,
    })  # fmt: skip


def _folder(plugin: Any, transport: str) -> str:
    """Working directory of programs on this machine: core's choice for the stock `local`, if any."""
    chosen = getattr(plugin, 'cwd', None) if transport == specs.LOCAL else None
    return os.fsdecode(chosen) if chosen else os.getcwd()


def _shaping_environment(
    transport: str, ssh_words: list[str], environ: Mapping[str, str], folder: str | None, sending: SendingOf
) -> tuple[dict[str, str], list[str]]:
    """The environment variables that a module finds on the target, and those that ssh's configuration adds.

    On this machine it finds all of it, as with the stock `local`, and `folder` for the present one; ssh sends what its
    configuration names, paramiko nothing.
    """
    if transport == specs.LOCAL:
        found = {**environ, 'PWD': _shown_folder(folder or '/', environ.get('PWD'))}
        return {name: found[name] for name in sorted(found) if name not in _OF_NO_MEANING}, []
    if transport == specs.PARAMIKO:
        return {}, []
    sent = sending(tuple(ssh_words))
    return sent.of(environ), list(sent.assignments)


def _shown_folder(folder: str, inherited: str | None) -> str:
    """PWD as a shell sets it that is started in `folder`: what it inherits, if that leads there."""
    with suppress(OSError):
        if inherited and os.path.isabs(inherited) and os.path.samefile(inherited, folder):
            return inherited
    return os.path.realpath(folder)


def _identities(
    ssh_words: list[str], environ: Mapping[str, str], agent_digest: AgentDigest
) -> tuple[bytes | None, dict[str, str]]:
    """(digest of the keys in the agent or None, the identifying variables).

    If the socket is not part of a link, the started program gets that of the client that has it started.
    """
    env = {name: environ[name] for name in _AUTHENTICATING_VARIABLES if name in environ}
    agent = None
    # A forwarded agent must exist as long as the context, and serves everybody on that host.
    if env.get(_AGENT_SOCKET) and not ssh_config.may_set('forwardagent', ssh_words):
        agent = agent_digest(env[_AGENT_SOCKET])
        if agent is not None:
            del env[_AGENT_SOCKET]
    return agent, env


def stock_only(plugin: Any) -> str | None:
    """Why only the stock connection can do what these options ask for; None in nearly every case."""
    if plugin.get_option('svcfw_transport') == specs.LOCAL:  # they are ssh's
        return None
    if plugin.get_option('pkcs11_provider'):
        return 'pkcs11_provider is set'
    if plugin.get_option('sshpass_prompt'):
        return 'sshpass_prompt is set'
    if plugin.get_option('private_key') and not hasattr(plugin, '_populate_agent'):
        return 'private_key is set, and this ansible-core puts it into an agent in another way'
    if plugin.get_option('password_mechanism') == 'disable' and _password(plugin):
        return 'password_mechanism is "disable"'
    return None


def modules_python(variables: Mapping[str, Any], templar: Any) -> str | None:
    """ansible_python_interpreter if it is a path: an interpreter to try early.

    It is no option of the plugin, because a value that cannot be templated yet must not break `raw`; and not part of a
    link: tasks of one host may name different ones, and share the context that the first has started.
    """
    try:
        value = templar.template(variables.get('ansible_python_interpreter'))
    except AnsibleError:
        return None
    path = text(value) if isinstance(value, str) else ''
    return path if path and path.startswith('/') and not any(map(str.isspace, path)) else None


def escalates_on_tty(plugin: Any, variables: Any) -> bool | None:
    """Whether become commands get a terminal: always or never if use_tty is set, else None (if they ask for it).

    variables: those that the plugin's options were set from; up to 2.16 core does not keep them.
    """
    value, origin = plugin.get_option_and_origin('use_tty', hostvars=variables)
    return None if origin == 'default' else bool(value)


def connect_timeout_s(plugin: Any) -> int:
    """Seconds for the start of a context, including the become dialogue."""
    # `meta: reset_connection` sees 0 or nothing: then the task's own time-out counts.
    return int(plugin.get_option('timeout') or played(plugin, 'timeout') or 10)


def has_common_group(shell: Any) -> bool:
    """Whether a common group of login and become account is configured, for access to temporary files."""
    try:
        return bool(shell.get_option('common_remote_group'))
    except KeyError:  # a custom shell plugin may lack it
        return False


def ssh_verbosity(plugin: Any) -> int:
    """Number of -v that the user requests from ssh, whatever ansible's own."""
    return int(plugin.get_option('verbosity') or 0)


def idle_timeout_s(plugin: Any) -> int:
    """Seconds that the multiplexer keeps unused contexts. Raises AnsibleOptionsError unless positive."""
    seconds = int(plugin.get_option('svcfw_idle_timeout'))
    if seconds <= 0:
        raise AnsibleOptionsError(f'svcfw_idle_timeout must be a positive number of seconds, not {seconds}')
    return seconds


def _optional(plugin: Any, name: str) -> str | None:
    value = plugin.get_option(name)
    return text(value) if value else None


def _number(plugin: Any, name: str) -> int | None:
    value = plugin.get_option(name)
    return None if value is None else int(value) + 0


def _words(plugin: Any, name: str) -> list[str] | None:
    value = plugin.get_option(name)
    if value is None:
        return None
    try:
        return [word.strip() for word in shlex.split(text(value)) if word.strip()]
    except ValueError as exc:
        raise AnsibleOptionsError(f'{name} cannot be split into arguments ({exc}): {text(value)}') from exc


def _program(name: str) -> str:
    return os.path.abspath(name) if os.sep in name else name


def _password(plugin: Any) -> Any:
    # The password of -k is not an option of the plugin where only the play context has it (reset_connection).
    return plugin.get_option('password') or played(plugin, 'password')


def _private_key_file(plugin: Any) -> str | None:
    if plugin.get_option('private_key'):
        # ansible-core 2.19 and later: puts the key into the agent, and leaves the public half in a file, whose name it
        # sets.
        populate = getattr(plugin, '_populate_agent', None)
        return None if populate is None else text(str(populate()))
    path = _optional(plugin, 'private_key_file')
    return os.path.abspath(os.path.expanduser(path)) if path else None
