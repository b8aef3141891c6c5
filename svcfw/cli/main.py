"""The `svcfw` command: enables the short connection name, shows and stops the multiplexer, copies files, a demo."""

import argparse
import sys
from collections.abc import Callable, Sequence

import svcfw
from svcfw.cli import copies, demo, plugins, status
from svcfw.core.wire.errors import Error
from svcfw.mux.client import client


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with `argv` (default: the process's arguments); returns its exit status."""
    arguments = parser().parse_args(argv)
    action: Callable[[argparse.Namespace], int] = arguments.action
    try:
        return action(arguments)
    except (Error, OSError, ValueError, plugins.Refused) as exc:
        print(f'svcfw: {exc}', file=sys.stderr)
        return 1


def parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    top = argparse.ArgumentParser(prog='svcfw', description='Fast Ansible connections through warm Python contexts.')
    top.add_argument('--version', action='version', version=f'svcfw {svcfw.__version__}')
    commands = top.add_subparsers(required=True, metavar='COMMAND')
    for name, action, text in (
        ('enable', enable, 'let playbooks say `connection: svcfw` (links in ~/.ansible/plugins)'),
        ('disable', disable, 'take those links away'),
        ('stop', stop, 'end the multiplexer and with it all warm contexts of this user'),
        ('status', look, 'show contexts, and what is asked of them, by host'),
        ('demo', show, 'run a playbook against this machine, over svcfw and over the stock connection'),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(action=action)
    for name, action, text in (
        ('put', copies.put, 'copy a file or folder to a host'),
        ('get', copies.get, 'copy a file or folder from a host'),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(action=action)
        copies.add_arguments(command, is_put=name == 'put')
    return top


def enable(arguments: argparse.Namespace) -> int:
    for path in plugins.enable(plugins.source(), plugins.destination()):
        print(f'linked {path}')
    print('`connection: svcfw` works for this user now. Without it the name is svcfw.svcfw.svcfw.')
    return 0


def disable(arguments: argparse.Namespace) -> int:
    for path in plugins.disable(plugins.destination()):
        print(f'removed {path}')
    return 0


def stop(arguments: argparse.Namespace) -> int:
    print('stopped' if client.stop() else 'no multiplexer is running')
    return 0


def look(arguments: argparse.Namespace) -> int:
    return status.run(sys.stdout)


def show(arguments: argparse.Namespace) -> int:
    return demo.run(sys.stdout)
