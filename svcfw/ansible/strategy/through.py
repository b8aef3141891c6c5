"""Through: what our strategies add to ansible-core's.

    class StrategyModule(Through, core.StrategyModule): ...

Everything runs in the main process, before its workers fork. Whatever this core lacks of what is used here is left
alone: the strategy is its parent then, and says so once.
"""

from typing import Any

from ansible.template import Templar
from ansible.utils.display import Display

from svcfw.ansible.strategy import plugin
from svcfw.ansible.strategy.ahead import Ahead
from svcfw.ansible.strategy.variables import HOOKS, Variables

_display = Display()


class Through:
    """Mixed in before a strategy of core.

    like: the name that callbacks are to take it for, if they go by names. reaches: whether hosts whose turn has not
    come are connected.
    """

    like = ''
    reaches = True
    # Of core's strategies.
    _loader: Any
    _step: bool
    _tqm: Any
    _variable_manager: Any
    _workers: list[Any]

    def __init__(self, tqm: Any) -> None:
        super().__init__(tqm)  # type: ignore[call-arg]
        self._iterator: Any = None
        self._ahead: Ahead | None = None
        self._is_led = False
        name = plugin.load()
        lacking = [hook for hook in HOOKS if not hasattr(self._variable_manager, hook)]
        if name is None:
            self._say_off('the connection plugin svcfw.svcfw.svcfw is not found')
        elif lacking:
            self._say_off(f'this ansible-core has no {", ".join(lacking)}')
        else:
            self._is_led = True
            self._variable_manager = Variables(self._variable_manager, name, plugin.is_led, self._templar)

    def run(self, iterator: Any, play_context: Any, *args: Any) -> Any:
        """Run a batch of hosts of a play."""
        play = iterator._play
        if self.like and hasattr(play, 'strategy'):
            play.strategy = self.like  # the default callback shows tasks of `free` in another way
        self._iterator = iterator
        self._ahead = None
        return super().run(iterator, play_context, *args)  # type: ignore[misc]

    def _queue_task(self, host: Any, task: Any, task_vars: Any, play_context: Any) -> Any:
        """Called in the main process, for each task and host."""
        if self._is_led and not self._step:  # the user may not want the next step
            if self._ahead is None:
                reach = len(self._workers) if self.reaches else 0
                self._ahead = Ahead(self._hosts(), reach, self._get_variables, self._templar)
            self._ahead.queued(host, task, task_vars, play_context)
        return super()._queue_task(host, task, task_vars, play_context)  # type: ignore[misc]

    def _hosts(self) -> Any:
        """The hosts of this batch that take part in it still."""
        get: Any = getattr(self, 'get_hosts_left', None)
        return get(self._iterator) if get is not None else []

    def _get_variables(self, host: Any, task: Any) -> Any:
        return self._variable_manager.get_vars(play=self._iterator._play, host=host, task=task)

    def _templar(self, variables: Any) -> Any:
        return Templar(loader=self._loader, variables=variables)

    def _say_off(self, reason: str) -> None:
        _display.warning(f'svcfw: this strategy works as its parent: {reason}')
