"""The time line of a cold `ansible -m ping`: what happens when, from strace of all processes of the controller.

    python -m benchmarks.timeline [--core 2.21] [--connection svcfw] [--strategy svcfw_linear] [--rounds 5]

Prints the round that took the median time, in milliseconds since `ansible` was started. Only a few system calls are
traced, and by a filter in the kernel, so that what is not traced costs nothing. Needs root and strace.
"""

import argparse
import os
import re
import subprocess
import tempfile
import time
from pathlib import Path

from tests.support.ansible import Controller
from tests.support.hosts import Farm, Host, running_farm
from tests.support.venvs import Core, need_core

CALLS = 'trace=execve,connect,accept4,exit_group'
#: Name of a mark, and what its first line looks like.
MARKS = (
    ('the multiplexer is started', r'execve\("[^"]*", \["[^"]*", "[^"]*svcfw/mux/__main__\.py"'),
    ('it takes its first client', r'accept4\(\d+, \{sa_family=AF_UNIX\}.* = \d'),
    ('ssh is started', r'execve\("[^"]*/ssh", \["ssh", "-o".* = 0'),
    ('ssh connects', r'connect\(\d+, \{sa_family=AF_INET, sin_port=htons\(PORT\)'),
    ('ssh ends its terminal: the context is up', r'--- SIGHUP'),
)
LINE = re.compile(r'\d+ +(\d+\.\d+) (.*)')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--core', default='2.21')
    parser.add_argument('--connection', default='svcfw')
    parser.add_argument('--strategy', default='')
    parser.add_argument('--rounds', type=int, default=5)
    options = parser.parse_args()
    core = need_core(options.core)
    print(f'ansible-core {core.line}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, {options.rounds} rounds')
    with tempfile.TemporaryDirectory(prefix='svcfw-line-') as top, running_farm(Path(top, 'farm')) as farm:
        lines = measure(core, farm, Path(top), options.connection, options.strategy, options.rounds)
    lines.sort(key=lambda marks: marks[-1][1])
    for name, at_s in lines[len(lines) // 2]:
        print(f'{at_s * 1000:7.0f}  {name}')


def measure(
    core: Core, farm: Farm, top: Path, connection: str, strategy: str, rounds: int
) -> list[list[tuple[str, float]]]:
    """The marks of each round; the first run, which fills caches, is none."""
    host = farm.host('h')
    env = {'ANSIBLE_STRATEGY': strategy, 'ANSIBLE_DEPRECATION_WARNINGS': '0'} if strategy else {}
    with Controller(core, top / 'controller', env) as controller:
        subprocess.run([core.script('svcfw'), 'enable'], env=controller.env, check=True, stdout=subprocess.DEVNULL)
        variables = {**host.inventory_vars(), 'ansible_python_interpreter': '/usr/bin/python3'}
        if connection:
            variables['ansible_connection'] = connection
        inventory = controller.directory / 'hosts.ini'
        words = ' '.join(f'{name}="{value}"' for name, value in variables.items())
        inventory.write_text(f'h {words}\n')
        marks = [run(core, controller, host, inventory, top / 'trace') for _ in range(rounds + 1)]
    return marks[1:]


def run(core: Core, controller: Controller, host: Host, inventory: Path, trace: Path) -> list[tuple[str, float]]:
    """One cold run."""
    controller.stop_mux()
    tracer = ['strace', '-f', '--seccomp-bpf', '-ttt', '-s', '80', '-e', CALLS, '-o', str(trace)]
    command = [*tracer, core.script('ansible'), 'all', '-i', str(inventory), '-m', 'ping']
    with subprocess.Popen(
        command, env=controller.env, cwd=controller.directory, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        said = ''
        while 'pong' not in said:
            word = process.stdout.readline()
            if not word:
                raise SystemExit(f'it failed:\n{said}')
            said += word
        answered = time.time()
        controller.stop_mux()  # strace waits for it
    return marks_of(trace.read_text(errors='replace'), host.port, answered)


def marks_of(trace: str, port: int, answered: float) -> list[tuple[str, float]]:
    """(name, seconds since the start), in order."""
    lines = [(float(found[1]), found[2]) for found in map(LINE.match, trace.splitlines()) if found]
    start = lines[0][0]
    marks = [('ansible is started', 0.0)]
    for name, pattern in MARKS:
        wanted = re.compile(pattern.replace('PORT', str(port)))
        at = next((when for when, text in lines if wanted.search(text)), None)
        if at is not None:
            marks.append((name, at - start))
    return [*marks, ('the result is shown', answered - start)]


if __name__ == '__main__':
    main()
