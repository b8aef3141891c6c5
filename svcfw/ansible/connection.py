"""The connection plugin: the stock `ssh` connection, which passes its work to the multiplexer.

Its name and options are those of `ssh` (`synchronize` and others read them); it really uses stock ssh where no context
can be started. What core sets up for a task arrives here; how its commands run: payloads/commands.py. Never log
in_data: it holds the tasks' secrets.
"""

import functools
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any, TypeVar

from ansible import constants
from ansible.errors import AnsibleError, AnsibleFileNotFound
from ansible.plugins.connection import ssh
from ansible.utils.display import Display

from svcfw.agent.warm.job import Condition
from svcfw.ansible import agent_keys, become, here, options, shell_commands, ssh_environment
from svcfw.ansible.deferred import DeferredOperations
from svcfw.ansible.errors import translate
from svcfw.ansible.options import played, text
from svcfw.ansible.payloads.commands import Answer, Commands, NeedsStock
from svcfw.ansible.payloads.payload_cache import PayloadCache
from svcfw.ansible.processes import definitions
from svcfw.ansible.services import offering
from svcfw.ansible.session import MuxCalls
from svcfw.ansible.told import Told
from svcfw.core.wire.errors import Error, StartError
from svcfw.files.disk import replacement
from svcfw.mux.client.client import Client, DeferredError, Target, Wishes

Value = TypeVar('Value')

_display = Display()


class Connection(ssh.Connection):
    """One host's connection for one task, including all items of its loop."""

    transport = 'ssh'  # `synchronize`, `reboot` and others check it; 'local' if the options say so
    has_pipelining = True
    has_tty = True  # for escalation, if it needs one, whatever the ssh arguments say

    # Replaced in tests.
    connect_client = staticmethod(Client.connect)
    begin_client = staticmethod(Client.begin)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._given = here.Given(*args, **kwargs)
        self._account_here: str | None = None
        self._folder_here: Any = None
        self._is_windows = self._is_stock = bool(getattr(self._shell, '_IS_WINDOWS', False))
        self._off: dict[str, str] = {}
        self._operations = shell_commands.record(self._shell, partial(self._turn_off, 'shell commands'))
        self._escalations = become.Escalations(self._shell, partial(self._turn_off, 'become'))
        self._told = Told(self._show, _verbosity, say=_say_line)
        self._session = MuxCalls(self._connect_mux, self._told.retries)
        self._deferred = DeferredOperations(self._session)
        self._modules_python: str | None = None
        self._agent_digest = functools.cache(agent_keys.digest)
        self._sending = functools.cache(ssh_environment.sending)
        self._link: bytes | None = None
        self.task_variables: Any = None  # of the present task
        self._judged_link: bytes | None = None
        self._payloads = PayloadCache()
        self._more = offering.More()
        self._commands = Commands(
            self, self._escalations, self._operations, self._deferred, self._session, self._told, self._payloads,
            self._more, self._target,
        )  # fmt: skip

    # -- what ansible-core sets up before a task or an item ----------------------------------------------------------

    def set_become_plugin(self, plugin: Any) -> None:
        """Called for each task and each item of a loop, with a new plugin or None."""
        super().set_become_plugin(plugin)
        self._escalations.attach(plugin)

    def set_options(self, task_keys: Any = None, var_options: Any = None, direct: Any = None) -> None:
        """Called for each task and each item."""
        self._link = None
        self.task_variables = var_options
        self._given.options(task_keys=task_keys, var_options=var_options, direct=direct)
        super().set_options(task_keys=task_keys, var_options=var_options, direct=direct)
        definitions.keep(self._load_name)
        self._name_transport()
        if self.get_option('svcfw_payload_cache'):
            self._payloads.offer()

    def _resolve_option_variables(self, variables: Any, templar: Any) -> Any:
        """Before set_options, in ansible-core from 2.17 on."""
        self._given.variables(variables, templar)
        self._modules_python = options.modules_python(variables, templar)
        return super()._resolve_option_variables(variables, templar)

    def get_option(self, option: str, hostvars: Any = None) -> Any:
        """Also one that only a later stock connection has: code that ours inherits finds what it is set to.

        On this machine tasks run as the account that runs the play. By that core tells whether become changes it, and
        whose home `~` is.
        """
        if option == 'remote_user' and self._account_here is not None:
            return self._account_here
        try:
            return super().get_option(option, hostvars=hostvars)
        except KeyError:
            try:
                return constants.config.get_config_value(option, plugin_type='connection', plugin_name='ssh')
            except (AnsibleError, AttributeError, TypeError):
                pass
            raise

    def set_option(self, *args: Any, **kwargs: Any) -> None:
        """Called by actions, for example `reboot` with its time-out."""
        self._link = None
        super().set_option(*args, **kwargs)
        self._name_transport()

    def update_vars(self, variables: Any) -> None:
        """Add what a play sees of its connection: of the user, what was set, as with the stock `local`."""
        account, self._account_here = self._account_here, None
        try:
            super().update_vars(variables)
        finally:
            self._account_here = account

    @property
    def cwd(self) -> Any:
        """Where core, before each command, has the stock `local` start its programs; None elsewhere."""
        return self._folder_here

    @cwd.setter
    def cwd(self, folder: Any) -> None:
        if folder != self._folder_here:
            self._folder_here = folder
            self._link = None

    def is_pipelining_enabled(self, wrap_async: bool = False) -> bool:
        """Called by core from 2.19 on. Here neither su nor a terminal prevents pipelining of modules.

        Core asks before it builds a module, which takes up to 0.3 s the first time: the login begins now.
        """
        self.begin()
        keeps_files = getattr(constants, 'DEFAULT_KEEP_REMOTE_FILES', None)
        if keeps_files is None:
            self._turn_off('modules through su', 'this ansible-core has no DEFAULT_KEEP_REMOTE_FILES')
        present = self._escalations.present
        if self._is_stock or keeps_files is None or (present is not None and present.has_own_terminal):
            return bool(self._stock().is_pipelining_enabled(wrap_async))
        return bool(self.get_option('pipelining')) and not wrap_async and not keeps_files

    # -- what actions call ------------------------------------------------------------------------------------------

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> Answer:
        """Run `cmd` in the fastest of the ways that are exact."""
        self._connect()
        self._say_off()
        if not self._is_stock:
            self._told.no_log = bool(played(self, 'no_log', True))
            self._told.begins(f'ESTABLISH {self.transport.upper()} CONNECTION FOR USER: {self.user}')
            if not self._told.no_log:
                self._show(3, f'EXEC {cmd}')
            try:
                answer = self._blocking(lambda: self._commands.execute(text(cmd), in_data or None, sudoable))
            except NeedsStock as exc:
                self._commands.require_no_condition()
                self._say_stock(exc)
            else:
                self._told.ends(answer)
                return answer
        stock: Answer = self._stock().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        return stock

    def put_file(self, in_path: str, out_path: str) -> Answer:
        """Copy a file of the controller to the target."""
        self._connect()
        if not self._is_stock:
            self._told.begins(f'PUT {in_path} TO {out_path}')
            local_path, remote_path = text(in_path), text(out_path)
            if not os.path.exists(local_path):
                raise AnsibleFileNotFound(f'file or module does not exist: {local_path}')
            progress = self._told.progress(f'PUT {in_path}')
            try:
                holds = not played(self, 'no_log', False)  # what is not to be logged is not kept over there
                self._blocking(
                    lambda: self._deferred.put_file(self._target(), local_path, remote_path, progress, holds=holds),
                    local_path,
                )
                self._told.ends()
                return 0, b'', b''
            except NeedsStock as exc:
                self._say_stock(exc)
            except OSError as exc:
                raise AnsibleError(f'failed to transfer file to {local_path} {remote_path}:\n\n{exc}') from exc
        stock: Answer = self._stock().put_file(in_path, out_path)
        return stock

    def fetch_file(self, in_path: str, out_path: str) -> Answer:
        """Copy a file of the target to the controller, atomically."""
        self._connect()
        if not self._is_stock:
            self._told.begins(f'FETCH {in_path} TO {out_path}')
            try:
                self._fetch(text(in_path), text(out_path))
                self._told.ends()
                return 0, b'', b''
            except NeedsStock as exc:
                self._say_stock(exc)
            except OSError as exc:
                raise AnsibleError(f'failed to transfer file to {in_path} {out_path}:\n\n{exc}') from exc
        stock: Answer = self._stock().fetch_file(in_path, out_path)
        return stock

    def reset(self) -> None:
        """End the context, so that the next command logs in again. Also called in the main process."""
        self._connect()
        self._deferred.forget_homes()
        had_context = False
        if not self._is_stock:
            try:
                had_context = self._session.reset(self._target())
            except Error as exc:
                self._show(3, f'svcfw: nothing to reset: {exc}')
        if not had_context and text(self.get_option('svcfw_transport')) in ('auto', 'ssh'):
            try:  # its master connection; whether an earlier task used stock ssh is not known here
                super().reset()
            except (OSError, AnsibleError) as exc:
                self._show(3, f'svcfw: no stock connection to reset: {exc}')
        self.close()

    def offer(self, services: Iterable[str] = (), facts: Mapping[str, str] | None = None) -> None:
        """For an action: services that modules may call, from now on, beside those that the options name.

        facts: what services are told of the caller beside what is known anyway. The last ones count.
        """
        self._more.services += services
        self._more.facts.update(facts or {})

    @contextmanager
    def offering_files(self, *files: str) -> Iterator[None]:
        """For an action: what modules may fetch meanwhile, beside what the options say."""
        before = list(self._more.files)
        self._more.files += files
        try:
            yield
        finally:
            self._more.files = before

    def begin(self) -> None:
        """Have the login account's context started, if there is none, without waiting. What fails is told later."""
        try:
            self._connect()
            if not self._is_stock:
                self._session.begin(self._target())
        except (Error, AnsibleError, OSError):
            pass

    @contextmanager
    def with_known_home(self) -> Iterator[None]:
        """For an action: `~` is the home as of the login, without asking whether it is another by now.

        For temporary folders alone. Then their making can fail, as an error whose cause is a DeferredError of
        `mkdtemp`: nothing has run.
        """
        self._deferred.takes_known_home = True
        try:
            yield
        finally:
            self._deferred.takes_known_home = False

    def on_condition(self, condition: Condition) -> AbstractContextManager[None]:
        """For an action: modules run only if this holds. ConditionIgnored: none ran."""
        return self._commands.on_condition(condition)

    def uses_context(self) -> bool:
        """Whether tasks run in a context of the multiplexer, as far as known."""
        self._connect()
        return not self._is_stock

    def close(self) -> None:
        """End of a task. Deferred operations are still performed; the context stays warm in the multiplexer."""
        self._say_off()
        self._session.close()
        self._connected = False

    def _name_transport(self) -> None:
        # rsync and others take 'ssh' as permission to start one: that works whatever transport the context uses.
        is_local = self.get_option('svcfw_transport') == 'local'
        self.transport = 'local' if is_local else type(self).transport
        self._account_here = here.account() if is_local else None

    def _stock(self) -> Any:
        """The connection that does what no context of ours can: never one that leaves this machine where we do not."""
        return self._given.stock_local(self.become, self.cwd) if self.transport == 'local' else super()

    # -- how -------------------------------------------------------------------------------------------------------

    def _connect(self) -> 'Connection':
        """Apply changed options; the first operation that needs the context starts it."""
        if self._link is None:
            self.host = self._told.host = text(self.get_option('host') or played(self, 'remote_addr'))
            self.port = self.get_option('port')
            self.user = self.get_option('remote_user')
            if self._account_here is not None and hasattr(self._play_context, 'remote_user'):
                self._play_context.remote_user = self._account_here  # for actions that go by that
            self._session.retries = int(self.get_option('reconnection_retries'))
            self._link = options.encode_link(self, agent_digest=self._agent_digest, sending=self._sending)
            if self._link != self._judged_link:
                self._judged_link = self._link
                self._judge()
        self._connected = True
        return self

    def _judge(self) -> None:
        """Check whether a context can serve this link, as far as the options tell."""
        reason = options.stock_only(self)
        self._is_stock = self._is_windows or reason is not None
        if reason is not None:
            self._say_stock(reason)

    def _connect_mux(self, *, start: bool) -> Client | None:
        interest = self._told.interest(options.ssh_verbosity(self))
        wishes = Wishes(options.idle_timeout_s(self), interest, self._modules_python, self._told.run())
        client = self.begin_client(wishes) if start else self.connect_client(wishes, start=False)
        if client is not None:
            client.on_said = self._told.service
        return client

    def _target(self, child: Any = None) -> Target:
        timeout_s = options.connect_timeout_s(self)
        if self._link is None:  # reading an option may set it on 2.16
            self._link = options.encode_link(self, agent_digest=self._agent_digest, sending=self._sending)
        return Target(link=self._link, become=child, timeout_s=timeout_s)

    def _blocking(self, operation: Callable[[], Value], local_path: str = '') -> Value:
        """`operation()`, with errors translated to stock ones; NeedsStock if the stock connection has to do it."""
        try:
            return operation()
        except StartError as exc:
            if exc.kind == 'nopython':
                self._is_stock = True
                raise NeedsStock(exc.cause) from exc
            has_password = bool(self.get_option('password') or played(self, 'password'))
            raise self._translated(exc, has_password=has_password) from exc
        except DeferredError as exc:
            command = self._deferred.command_for(exc.path)
            raise self._translated(exc, command=command, local_path=local_path) from exc
        except Error as exc:
            raise self._translated(exc) from exc

    def _translated(self, error: Error, **more: Any) -> Any:
        return translate(error, host=self.host, user=self.user, becoming=become.described(self.become), **more)

    def _fetch(self, remote_path: str, local_path: str) -> None:
        target = self._target()
        progress = self._told.progress(f'FETCH {remote_path}')

        def write(temporary: str) -> int:
            return self._session.call(
                target, lambda client: client.fetch_file(target, remote_path, temporary, progress)
            )

        self._blocking(lambda: replacement.replace(local_path, write), local_path)

    # -- what the user sees ----------------------------------------------------------------------------------------

    def _say_stock(self, reason: object) -> None:
        self._told.level('L3', f'stock {self.transport}: {reason}')

    def _show(self, verbosity: int, line: str) -> None:
        # Display decides what goes to the screen and what to the log.
        getattr(_display, 'v' * verbosity)(line, host=self.host)

    def _turn_off(self, path: str, reason: str) -> None:
        """Report, once the host is known, a fast path that this ansible-core does not support."""
        self._off.setdefault(path, reason)

    def _say_off(self) -> None:
        if self._payloads.off:
            self._turn_off('kept payloads', self._payloads.off)
        for path, reason in self._off.items():
            self._told.level('fast path off', f'{path}: {reason}')


def _say_line(level: int, line: str) -> None:
    if level >= logging.WARNING:
        _display.warning(line)
    else:
        _display.display(line)


def _verbosity() -> int:
    return max(_display.verbosity, int(getattr(constants, 'LOG_VERBOSITY', None) or 0))
