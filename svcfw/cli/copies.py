"""`svcfw put` and `svcfw get`: copy files and folders to and from another host."""

import argparse
import getpass
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

from svcfw.core.context import Context
from svcfw.files.service import FileService
from svcfw.program.router import Router

#: Called with the bytes done and the bytes in total, as far as they are known.
Progress = Callable[[int, int], None]

#: [user@]host[:port]; an IPv6 address in brackets.
_PLACE = re.compile(r'(?:(?P<user>[^@]+)@)?(?P<host>\[[^]]+\]|[^:@\[]+)(?::(?P<port>\d+))?')


def add_arguments(command: argparse.ArgumentParser, *, is_put: bool) -> None:
    """The arguments of `svcfw put` or `svcfw get`."""
    here, there = 'a file or folder of this machine', 'its name there'
    command.add_argument('place', metavar='[USER@]HOST[:PORT]', help='where to log in by ssh')
    command.add_argument('source', help=here if is_put else 'a file or folder of the host')
    command.add_argument('to', help=there if is_put else 'its name here')
    command.add_argument('-r', '--folder', action='store_true', help='a folder, with all that is in it')
    command.add_argument('-p', '--preserve', action='store_true', help='keep modes and times, of files also the owner')
    command.add_argument('-k', '--ask-pass', action='store_true', help='ask for the password')
    command.add_argument('-q', '--quiet', action='store_true', help='show no progress')
    command.add_argument('--python', metavar='PATH', help='the Python to use there')
    command.add_argument('--ssh-args', metavar='ARGS', default='', help='more arguments for ssh, in one word')
    if is_put:
        command.add_argument('-z', '--pack', action='store_true', help='compress a file where the connection is slow')


def put(arguments: argparse.Namespace) -> int:
    with _connected(arguments) as context, _shown(arguments) as progress:
        if arguments.folder:
            preserves = arguments.preserve
            result = FileService.put_tree(
                context, arguments.source, arguments.to, preserves=preserves, on_progress=progress
            )
            _tell_skipped(result)
        else:
            FileService.put(
                context, arguments.source, arguments.to,
                preserves=arguments.preserve, packs=arguments.pack, on_progress=progress,
            )  # fmt: skip
    return 0


def get(arguments: argparse.Namespace) -> int:
    with _connected(arguments) as context, _shown(arguments) as progress:
        transfer = FileService.get_tree if arguments.folder else FileService.fetch
        result = transfer(context, arguments.source, arguments.to, preserves=arguments.preserve, on_progress=progress)
        if arguments.folder:
            _tell_skipped(result)
    return 0


def split_place(text: str) -> tuple[str | None, str, int | None]:
    """(user, host, port) of [USER@]HOST[:PORT]. Raises ValueError."""
    match = _PLACE.fullmatch(text)
    if match is None:
        raise ValueError(f'invalid host {text!r}: expected [USER@]HOST[:PORT]')
    port = match['port']
    return match['user'], match['host'].strip('[]'), None if port is None else int(port)


@contextmanager
def _connected(arguments: argparse.Namespace) -> Iterator[Context]:
    user, host, port = split_place(arguments.place)
    password = getpass.getpass(f'Password for {arguments.place}: ') if arguments.ask_pass else None
    with Router() as router:
        yield router.ssh(
            host, username=user, port=port, password=password, python=arguments.python,
            ssh_common_args=arguments.ssh_args.split(),
        )  # fmt: skip


@contextmanager
def _shown(arguments: argparse.Namespace) -> Iterator[Progress]:
    """A progress bar on a terminal; nothing elsewhere."""
    name = os.path.basename(arguments.source.rstrip('/')) or arguments.source
    is_hidden = True if arguments.quiet else None  # None: where stderr is no terminal
    with tqdm(desc=name, unit='B', unit_scale=True, unit_divisor=1024, disable=is_hidden, file=sys.stderr) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield progress


def _tell_skipped(result: dict[str, object]) -> None:
    skipped = result['skipped']
    assert isinstance(skipped, list)
    if skipped:
        print(f'svcfw: not copied, neither files nor folders nor links: {skipped}', file=sys.stderr)
