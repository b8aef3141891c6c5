"""`svcfw demo`: runs one playbook over svcfw and over the stock connection, and prints the times of both.

The target is this machine, by the transport `local`: needs no SSH server and no privilege, leaves no files.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TextIO

from svcfw.cli import plugins

PLAYBOOK = Path(__file__).with_name('demo.yml')

# Display name: variables of the inventory's only host.
CONNECTIONS: dict[str, dict[str, object]] = {
    'svcfw': {'ansible_connection': 'svcfw.svcfw.svcfw', 'ansible_svcfw_transport': 'local'},
    'stock': {'ansible_connection': 'local'},
}


def run(out: TextIO) -> int:
    """Run the playbook over each connection and write svcfw's output and both times to `out`; 0 if both succeeded."""
    if importlib.util.find_spec('ansible') is None:
        raise plugins.Refused('the demo needs ansible-core: pip install "svcfw[ansible]"')
    times: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix='svcfw-demo-') as top:
        for name, variables in CONNECTIONS.items():
            directory = Path(top, name)
            directory.mkdir()
            started = time.monotonic()
            done = play(directory, variables)
            times[name] = time.monotonic() - started
            if name == 'svcfw' or done.returncode:
                out.write(done.stdout)
            if done.returncode:
                return done.returncode
    ratio = times['stock'] / times['svcfw']
    out.write(f'connection: svcfw   {times["svcfw"]:6.2f} s\n')
    out.write(f'connection: local   {times["stock"]:6.2f} s   (stock, {ratio:.1f} times as long)\n')
    return 0


def play(directory: Path, variables: dict[str, object]) -> 'subprocess.CompletedProcess[str]':
    """Run ansible-playbook with all its files, and the multiplexer's, under `directory`; then end the multiplexer."""
    inventory = directory / 'inventory.json'
    remote = {'ansible_python_interpreter': sys.executable, 'ansible_remote_tmp': str(directory / 'remote')}
    inventory.write_text(json.dumps({'all': {'hosts': {'demo': {**variables, **remote}}}}))
    (directory / 'ansible.cfg').touch()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith('ANSIBLE_')},
        'ANSIBLE_CONFIG': str(directory / 'ansible.cfg'),
        'ANSIBLE_HOME': str(directory / 'ansible'),
        'XDG_RUNTIME_DIR': str(directory),
        'LC_ALL': os.environ.get('LC_ALL', 'C.UTF-8'),
    }
    command = [*ansible_playbook(), '-i', str(inventory), '-e', f'work={directory}/work', str(PLAYBOOK)]
    try:
        return subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    finally:
        stop = 'import sys; from svcfw.cli.main import main; sys.exit(main(["stop"]))'
        subprocess.run([sys.executable, '-c', stop], env=environment, stdout=subprocess.DEVNULL)


def ansible_playbook() -> list[str]:
    """The command for the ansible-playbook of this interpreter's ansible-core."""
    script = shutil.which('ansible-playbook', path=str(Path(sys.executable).parent))
    return [script] if script else [sys.executable, '-m', 'ansible', 'playbook']
