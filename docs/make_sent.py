"""Writes docs/sent.txt, the list of all files of svcfw that may be sent to a target: `python -m docs.make_sent`.

Who adds a file there has changed what runs on other people's hosts: tests/unit/boot/test_sent.py compares.
"""

from pathlib import Path

from svcfw.boot import bundle, public

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / 'docs' / 'sent.txt'
#: Sent by ansible-core, as any module of a collection, to hosts whose tasks name them.
_PLUGINS = ('modules', 'module_utils')
#: Not a module itself: it is put before the core.
_LOADER = 'svcfw/boot/loader.py'


def listing() -> str:
    """The text of the page."""
    every = {path for path, _ in bundle.sources().values()} | {_LOADER}
    plugins = [path for folder in _PLUGINS for path in (ROOT / 'ansible_plugins' / folder).glob('*.py')]
    return '\n'.join([
        '# All files of svcfw that may be sent to a target. Of a program: see "Which code travels" in guide.md.',
        *_section('To every context, minified, in the second stage', every),
        *_section('To a context that imports them', {_file(name) for name in public.names()} - every),
        *_section('By ansible-core, to hosts of tasks that name them', {_below(path) for path in plugins}),
        '',
    ])  # fmt: skip


def _section(title: str, paths: set[str]) -> list[str]:
    return ['', f'## {title}', '', *sorted(paths)]


def _file(name: str) -> str:
    place = ROOT.joinpath(*name.split('.'))
    return _below(place / '__init__.py' if place.is_dir() else place.with_suffix('.py'))


def _below(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


if __name__ == '__main__':
    PAGE.write_text(listing(), 'utf-8')
