"""ansible-core's own integration targets over svcfw, with the verdicts of stock ssh beside them.

    python3 dev.py run python -m tests.upstream                  # every target, over both connections
    python3 dev.py run python -m tests.upstream --core 2.19 --target become --target copy
    python3 dev.py run python -m tests.upstream --short --connection svcfw
    python3 dev.py run python -m tests.upstream --connection strategy    # ssh, with our strategies

The targets come out of the source distribution of the installed release; `upstream.toml` beside this file says which
are run, and of each other one why it is not. Needs root, and PyPI for the first run. What each target printed is kept
in `build/upstream`.

Exit status: 0 if no target's verdict is worse over svcfw than over ssh (without ssh beside it: if all pass), else 1.
"""

import argparse
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from tests.support.core_place import LED
from tests.support.core_runs import Verdict, run_target
from tests.support.core_source import need_source
from tests.support.core_targets import Target, names
from tests.support.hosts import CHECKOUT
from tests.support.venvs import Core, need_core

# Name of a column -> what ansible_connection is.
CONNECTIONS = {'ssh': 'ssh', 'svcfw': 'svcfw.svcfw.svcfw', 'strategy': LED}
BOTH = ['ssh', 'svcfw']
LIST = Path(__file__).with_suffix('.toml')


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    core = need_core(options.core)
    source = need_source(core)
    chosen = options.target or listed('short' if options.short else 'run', source)
    connections = [options.connection] if options.connection else BOTH
    verdicts: list[Verdict] = []
    for verdict in run_all(core, source, chosen, connections, options.jobs):
        print(line(verdict), flush=True)
        verdicts.append(verdict)
    print(table(verdicts, connections))
    return 1 if worse(verdicts) else 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='python -m tests.upstream', description=(__doc__ or '').splitlines()[0])
    parser.add_argument('--core', default='2.21', metavar='LINE', help='line of ansible-core, 2.21 by default')
    parser.add_argument('--target', action='append', metavar='NAME', help='only these; may be one that is left out')
    parser.add_argument('--connection', choices=CONNECTIONS, help='only this one; both by default')
    parser.add_argument('--short', action='store_true', help='only those that stand in the short list')
    parser.add_argument('--jobs', type=int, default=2, metavar='N', help='runs at the same time, 2 by default')
    return parser.parse_args(arguments)


def listed(which: str, source: Path) -> list[str]:
    """The targets of one of our lists ('run' or 'short') that the release has."""
    present = set(names(source))
    return [name for name in read_list()[which] if name in present]


def unlisted(source: Path) -> list[str]:
    """Targets of the release about which our list says nothing, or twice something."""
    content = read_list()
    patterns = [*content['run'], *(pattern for group in content['left_out'] for pattern in group['targets'])]
    return [name for name in names(source) if sum(fnmatchcase(name, pattern) for pattern in patterns) != 1]


def read_list() -> dict[str, Any]:
    return tomllib.loads(LIST.read_text())


def run_all(
    core: Core, source: Path, chosen: Sequence[str], connections: Sequence[str], jobs: int
) -> Iterator[Verdict]:
    """Run each target over each connection, `jobs` at a time; verdicts in the order in which they come."""
    logs = CHECKOUT / 'build' / 'upstream' / core.line
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(jobs) as pool:

        def run(name: str, column: str) -> Verdict:
            (logs / column).mkdir(parents=True, exist_ok=True)
            target = Target.load(source, name)
            directory = Path(scratch, column, name)
            return run_target(target, source, core, CONNECTIONS[column], directory, logs / column / f'{name}.log')

        runs = [pool.submit(run, name, column) for name in chosen for column in connections]
        for done in as_completed(runs):
            yield done.result()


def column_of(verdict: Verdict) -> str:
    return next(name for name, connection in CONNECTIONS.items() if connection == verdict.connection)


def worse(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Those over svcfw that failed where ssh passed or was not asked."""
    failed_anyway = {verdict.target for verdict in verdicts if column_of(verdict) == 'ssh' and not verdict.passed}
    return [v for v in verdicts if column_of(v) != 'ssh' and not v.passed and v.target not in failed_anyway]


def line(verdict: Verdict) -> str:
    """One verdict as it comes."""
    said = 'passed' if verdict.passed else 'FAILED'
    took = f'{verdict.seconds:.0f} s, {verdict.logins} logins'
    return f'{verdict.target:40} {column_of(verdict):6} {said} ({took}) {verdict.reason}'.rstrip()


def table(verdicts: Sequence[Verdict], connections: Sequence[str]) -> str:
    """Counts, and all that is not as it should be."""
    lines = ['']
    for column in connections:
        own = [verdict for verdict in verdicts if column_of(verdict) == column]
        lines.append(f'{column}: {sum(verdict.passed for verdict in own)} of {len(own)} targets passed')
    lines += [f'worse over svcfw: {line(each)}; see {each.log}' for each in worse(verdicts)]
    passed = {(verdict.target, column_of(verdict)) for verdict in verdicts if verdict.passed}
    failed = {verdict.target for verdict in verdicts if not verdict.passed}
    lines += [f'better over svcfw: {name}' for name in sorted(failed) if (name, 'svcfw') in passed]
    lines += [f'fails over both: {n}' for n in sorted(failed) if not {(n, 'ssh'), (n, 'svcfw')} & passed]
    return '\n'.join(lines)


if __name__ == '__main__':
    sys.exit(main())
