"""Told: what a connection tells its user at which -v, and how often.

        -v     one line for a host and run: the transport, its Python, whether it was started for this run; and one for
        each way to run that is not the fastest
        -vv    the same for other accounts and interpreters; long transfers; repeated starts
        -vvv   as the stock connection, in its words: commands, results, files, the command line of ssh; also for each
               operation how it ran, its durations, and the number of bytes transferred
        -vvvv  ssh's output (`ssh -vvv`) during the login, also of a failed one

Never in_data, which holds the tasks' secrets; nothing of a command or its output where a task says no_log.

Each task has its own process, so what was said before is recorded in ansible-core's folder for the run, which core
removes. That folder's name also identifies the run to the multiplexer.
"""

import hashlib
import os
import shlex
import time
from collections.abc import Callable
from pathlib import Path

from ansible import constants

from svcfw.agent.warm.reuse.kinds import KINDS
from svcfw.ansible.options import text
from svcfw.ansible.progress import Progress
from svcfw.core.parent import printable
from svcfw.mux.client.client import Interest
from svcfw.mux.server.telling import About, Cost

#: Programs on the command line of ssh are cut to this length: our bootstrap is of no use to readers.
MAX_WORD_CHARS = 100
#: ssh's verbosity at -vvvv.
SSH_VERBOSITY = 3
_LEVELS = ('L0', 'L1', 'L2', 'L3')
_FOLDER = 'svcfw-told'
#: In this order; the rest of the time was spent on the controller.
_NOTHING = (0.0, 0.0, 0.0, 0, 0)

#: show(how many -v, line)
Show = Callable[[int, str], None]


class Told:
    """One connection's part. verbosity(): the -v in force now, of screen or log, whichever is higher.

    say(level as in `logging`, line): shows a line at any verbosity.
    """

    def __init__(
        self,
        show: Show,
        verbosity: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
        say: Callable[[int, str], None] = lambda level, line: None,
    ) -> None:
        #: The host of the lines, and whether the task says no_log.
        self.host = ''
        self.no_log = False
        self._show = show
        self._verbosity = verbosity
        self._clock = clock
        self._say = say
        self._said: set[str] = set()
        #: Of the present operation: how it runs, when it began, and its costs as the multiplexer reports them.
        self._way = ''
        self._began = 0.0
        self._costs: list[Cost] = []

    def interest(self, ssh_verbosity: int) -> Interest | None:
        """What the multiplexer is to report; ssh_verbosity: the -v that the user's options request from ssh."""
        if not self._verbosity():
            return None
        wanted = ssh_verbosity or (SSH_VERBOSITY if self._verbosity() > 3 else 0)
        return Interest(self.hear, wanted)

    @staticmethod
    def run() -> str:
        """What all processes of this run have in common, and no others."""
        return _run_folder() or f'run of {os.getppid()}'

    # -- how an operation runs

    def level(self, level: str, reason: str) -> None:
        """Report how an operation runs, L0 to L3, or what prevents a better way.

        All but L0 is shown at -v, once for a host and run.
        """
        reason = printable.line(reason)
        line = f'svcfw: {level}, {reason}'
        if level in _LEVELS:
            self._way = f'{level}, {reason}'
        if level != 'L0' and self._verbosity() and self._is_first(line):
            self._show(1, line)

    def way(self, way: str) -> None:
        """Record how an operation runs, for its line at -vvv."""
        self._way = way

    # -- operations

    def begins(self, line: str) -> None:
        """An operation begins."""
        self._way = ''
        self._costs = []
        self._began = self._clock()
        if line:
            self._show(3, line)

    def ends(self, result: tuple[int, bytes, bytes] | None = None) -> None:
        """The operation ends; with a result if it was a command."""
        total_s = self._clock() - self._began
        if self._verbosity() < 3:
            return
        if result is not None:
            self._show(3, str(result) if not self.no_log else _CENSORED.format(result[0]))
        way = '; '.join(filter(None, [self._way, *map(_process, self._costs)]))
        self._show(3, f'svcfw: {_spent(total_s, self._costs)}{"; " + way if way else ""}')

    def retries(self, error: Exception, pause_s: float) -> None:
        self._show(2, f'svcfw: trying again in {pause_s:.0f} s: {printable.lines(str(error))}')

    def progress(self, what: str) -> Progress:
        """A Progress for a transfer."""
        return Progress(what, lambda line: self._show(2, f'svcfw: {line}'))

    # -- news from the multiplexer

    def service(self, level: int, name: str, text: str) -> None:
        """A line of a service of this run, shown at any verbosity."""
        self._say(level, f'{name}: {printable.line(text)}')

    def hear(self, news: About | Cost) -> None:
        """See telling.py."""
        if isinstance(news, Cost):
            self._costs.append(news)
        elif not news.python:
            self._carried_by(news)  # the start failed: ssh's output may have the reason
        elif self._is_first(news.context):
            age = 'new' if news.is_new else 'reused'
            # The facts come from the target.
            python, user = printable.line(f'{news.python} {news.version}'), printable.line(news.user)
            if news.is_root:
                self._show(1, f'svcfw: {news.way}, {python}, {age} context')
                self._carried_by(news)
            else:
                self._show(2, f'svcfw: as {user}, {python}, {age} context')

    def _carried_by(self, news: About) -> None:
        if not news.is_root or not news.command:
            return
        self._show(3, f'SSH: EXEC {shlex.join(map(_short, news.command))}')
        for line in news.said.splitlines():
            self._show(4, f'SSH: {printable.line(line)}')
        if not news.is_new:
            self._show(4, 'svcfw: ssh spoke before this run began; after meta: reset_connection it will speak again')

    def _is_first(self, what: str) -> bool:
        """Whether this is the first message `what` about this host in this run."""
        if what in self._said:
            return False
        self._said.add(what)
        if not _run_folder():
            return True  # twice is better than never
        folder = Path(_run_folder(), _FOLDER)
        name = hashlib.sha256(f'{self.host}\0{what}'.encode('utf-8', 'replace')).hexdigest()[:24]
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            os.close(os.open(folder / name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            return False
        except OSError:
            pass  # twice is better than never
        return True


_CENSORED = 'rc={}, stdout and stderr censored due to no log'


def _run_folder() -> str:
    """Core's folder for this run; '' in a core of unknown form."""
    return text(getattr(constants, 'DEFAULT_LOCAL_TMP', None) or '')


def _short(word: str) -> str:
    return word if len(word) <= MAX_WORD_CHARS or word.startswith('-') else word[:MAX_WORD_CHARS] + '...'


def _process(cost: Cost) -> str:
    """Which run of its process a module's was, or why that was a new one."""
    if cost.run > 1:
        return f'same process, run {cost.run}'
    # The number comes from the target.
    why = KINDS[cost.why_new] if 0 <= cost.why_new < len(KINDS) else ''
    return f'new process, after the last one: {why}' if why else ''


def _spent(total_s: float, costs: list[Cost]) -> str:
    columns = zip(*(cost[: len(_NOTHING)] for cost in costs), _NOTHING, strict=True)
    in_mux_s, start_s, target_s, sent, received = map(sum, columns)
    parts = {
        'controller': total_s - in_mux_s,
        'start': start_s,
        'wait': in_mux_s - start_s - target_s,
        'target': target_s,
    }
    shown = ', '.join(f'{name} {max(0.0, spent):.3f}' for name, spent in parts.items() if spent or name != 'start')
    return f'{total_s:.3f} s ({shown}), {sent} bytes sent, {received} received'
