"""Responder: sends sources of modules, and data files of packages, to contexts that lack them.

Contexts get only what they were given reason to request: the package of a called function, and what the sources that
they were given import. Imports by a computed name (`importlib.import_module(plugin)`) need the program's permission.
Finding a module never imports it: otherwise a target could run code here by requesting a name.
"""

from __future__ import annotations

import ast
import importlib.machinery
import importlib.util
import logging
import re
import sys
import zlib
from collections import deque
from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Any

from svcfw.boot import bundle, data_files
from svcfw.boot.imports import imports, imports_of_ours, parents
from svcfw.boot.minify import minify
from svcfw.core import handles
from svcfw.core.context import Context
from svcfw.core.message import Message
from svcfw.core.wire.errors import CallError, DecodeError

#: (name, is a package, path for tracebacks, zlib source or None for "no such module")
Module = tuple[str, bool, str, bytes | None]

#: The declaration of an encoding (PEP 263), in one of the first two lines; sources are sent as UTF-8.
_COOKIE = re.compile(r'\A((?:[^\n]*\n)?[ \t\f]*)#[^\n]*?coding[:=][^\n]*')

#: Modules sent with the requested one, and their packed size, at most: more would delay the answer.
MAX_PRELOADED = 100
MAX_PRELOADED_BYTES = 512 * 1024

#: A longer name is no module's.
MAX_NAME_CHARS = 500
#: Refused packages that are remembered for each link, to be sent should they be allowed later. Beyond that all allowed
#: packages are sent.
MAX_REFUSED = 1000

_NEVER = frozenset(sys.stdlib_module_names)


class Responder:
    """Answers GET_MODULE and GET_DATA for one router, on its loop. Any thread may call its methods."""

    def __init__(self, router: Any) -> None:
        self._router = router
        self._peers: dict[Hashable, _Peer] = {}
        self._sources: dict[str, _Source | None] = {}
        #: Packages allowed to all contexts, and packages denied to all.
        self._allowed: set[str] = set()
        self._denied: set[str] = set()
        router.add_handler(self._on_get_module, handles.GET_MODULE)
        router.add_handler(self._on_get_data, handles.GET_DATA)

    def allow(self, context: Context, module: str) -> None:
        """Allow a context, and those on the route to it, the package of `module`.

        Raises TypeError, with a remedy, for a program that cannot be sent.
        """
        package = module.partition('.')[0]
        if module == '__main__':
            self._require_program()
        peer = self._peer(context.id)
        peer.called.add(module)
        peer.allowed.add(package)
        if (package, context.id) in peer.refused or peer.forgets:
            # It remembers, or may remember, that there is no such module.
            peer.refused.discard((package, context.id))
            self.push(context, [module])

    def allow_everyone(self, packages: Iterable[str]) -> None:
        """Allow these packages to all descendant contexts, also to those that were refused before."""
        for package in map(_package, packages):
            self._denied.discard(package)
            self._allowed.add(package)
            for link, peer in list(self._peers.items()):
                refused = {context_id for name, context_id in list(peer.refused) if name == package}
                peer.refused -= {(package, context_id) for context_id in refused}
                for context_id in self._router.routes.behind(link) if peer.forgets else refused:
                    self.push(self._router.context(context_id), [package])

    def deny_everyone(self, packages: Iterable[str]) -> None:
        """Deny these packages to all contexts, whatever imports them."""
        self._denied |= set(map(_package, packages))

    def push(self, context: Context, names: Iterable[str]) -> None:
        """Send modules, with their imports, before they are requested: saves a round trip at the start."""
        peer = self._peer(context.id)
        modules = [module for name in names for module in self._with_imports(name, peer)]
        context.send(handles.LOAD_MODULE, modules)

    def forget(self, link: Hashable) -> None:
        """A link is gone: drop what it was allowed and sent."""
        self._peers.pop(link, None)

    def _peer(self, context_id: int) -> _Peer:
        link = self._router.link_for(context_id)
        # A context that is gone is not remembered.
        known = self._peers.get(link)
        if known is not None:
            return known
        return self._peers.setdefault(link, _Peer()) if link is not None else _Peer()

    def _on_get_module(self, message: Message) -> None:
        if message.is_dead:
            return
        name = message.small_value()
        if type(name) is not str:
            raise DecodeError('a module name is text')
        peer = self._peer(message.src_id)
        if not self._may_have(name.partition('.')[0], peer):
            self._refuse(name, peer, message.src_id)
        message.reply(self._with_imports(name, peer))

    def _on_get_data(self, message: Message) -> None:
        """Send a file of a package whose modules the context may have. Nothing is imported for that either."""
        if message.is_dead:
            return
        package, parts, wants_content = data_files.question(message.small_value())
        peer = self._peer(message.src_id)
        if not self._may_have(_package(package), peer):
            self._refuse(package, peer, message.src_id)
            message.reply(None)
            return
        spec = _spec_or_none(package)
        if spec is not None and not self._may_have_data(package, peer):
            spec = None
        try:
            message.reply(None if spec is None else data_files.look(spec, parts, wants_content=wants_content))
        except data_files.DataError as exc:
            message.fail(CallError('OSError', str(exc)))

    def _may_have(self, package: str, peer: _Peer) -> bool:
        return package not in self._denied and (package in peer.allowed or package in self._allowed)

    def _may_have_data(self, package: str, peer: _Peer) -> bool:
        """Any folder beside the program could be a namespace package, which a mere `try: import docker` requests.

        So files of a namespace package are sent only if a module in it is called, or imported by what was sent.
        """
        if _package(package) in self._allowed or not all(map(_is_namespace, [*parents(package), package])):
            return True
        reasons = [name for name in peer.called | peer.imported if name.startswith(package + '.')]
        return any(_spec_or_none(name) is not None and not _is_namespace(name) for name in reasons)

    def _refuse(self, name: str, peer: _Peer, context_id: int) -> None:
        """Remember a refused request, and log it once."""
        package = name.partition('.')[0]
        if (package, context_id) in peer.refused or len(name) >= MAX_NAME_CHARS:
            return
        if len(peer.refused) >= MAX_REFUSED:
            peer.forgets = True
            return
        is_news = all(package != known for known, _ in list(peer.refused))
        peer.refused.add((package, context_id))
        if is_news and _spec_or_none(package) is not None:
            context = self._router.context(context_id)
            remedy = f'router.allow_modules({package!r}) lets it have that'
            if package in self._denied:
                remedy = 'it is denied to all'
            text = f'{context}: refused module {name!r}, which nothing that was called there imports: {remedy}'
            self._router.log(self._router, logging.INFO, text)

    def _with_imports(self, name: str, peer: _Peer) -> list[Module]:
        """The module and, breadth first, those of its imports that this peer was not sent before."""
        source = self._asked_for(name, peer)
        if source is None:
            return [(name, False, '', None)]
        answer: list[Module] = []
        size = 0
        waiting: deque[tuple[str, _Source]] = deque([(name, source)])
        queued = {name}
        # A request for a package is on the way to the called module in it.
        for called in peer.called - peer.sent:
            found = self._source(called) if called.startswith(name + '.') else None
            if found is not None:
                queued.add(called)
                waiting.append((called, found))
        while waiting and len(answer) < MAX_PRELOADED and size < MAX_PRELOADED_BYTES:
            name, source = waiting.popleft()
            peer.sent.add(name)
            size += len(source.packed)
            answer.append((name, source.is_package, source.path, source.packed))
            for imported in source.imports:
                peer.allowed.add(imported.partition('.')[0])
                peer.imported.add(imported)
                if imported not in queued and imported not in peer.sent and self._may_have(_package(imported), peer):
                    queued.add(imported)
                    found = self._source(imported)
                    if found is not None:
                        waiting.append((imported, found))
        return answer

    def _asked_for(self, name: str, peer: _Peer) -> _Source | None:
        if not self._may_have(name.partition('.')[0], peer):
            return None
        source = self._sources.get(name) or _find(name)
        if source is not None:
            # Missing modules are not remembered: names are unlimited.
            self._sources[name] = source
        return source

    def _require_program(self) -> None:
        if self._sources.get('__main__') is None:
            try:
                self._sources['__main__'] = _program()
            except (OSError, SyntaxError, ValueError) as exc:
                raise TypeError(f'functions and classes of this program cannot be used elsewhere: {exc}') from exc

    def _source(self, name: str) -> _Source | None:
        if name not in self._sources:
            self._sources[name] = _find(name)
        return self._sources[name]


class _Peer:
    """State of the contexts behind one link."""

    def __init__(self) -> None:
        #: Packages they may have; modules called there; refused packages, each with the id of a requester, and whether
        #: there were more than are remembered; modules they were sent.
        self.allowed = {'svcfw'}
        self.called: set[str] = set()
        self.refused: set[tuple[str, int]] = set()
        self.forgets = False
        #: Imports of the sources that they were sent.
        self.imported: set[str] = set()
        self.sent = set(bundle.sources())


class _Source:
    """One module, ready to be sent."""

    def __init__(self, name: str, is_package: bool, path: str, text: str) -> None:
        self.is_package = is_package
        self.path = path
        if _package(name) == 'svcfw':  # minify knows only the style of this project
            text = minify(text)
            imported = imports_of_ours(text)
        else:
            tree = ast.parse(text)
            if name == '__main__':
                text = _without_main_guard(tree, text, path)
            imported = imports(tree, name if is_package else name.rpartition('.')[0])
            text = _COOKIE.sub(r'\1#', text, count=1)
        self.packed = zlib.compress(text.encode(), 6)
        self.imports = [*parents(name), *dict.fromkeys(imported)]


def _package(module: str) -> str:
    return module.partition('.')[0]


def _spec_or_none(name: str) -> Any:
    """The module's spec if it exists here; a target may request any text as a name."""
    try:
        return _spec(name) if _is_name(name) else None
    except (AttributeError, ImportError, ValueError):
        return None


def _is_namespace(name: str) -> bool:
    """Whether this is a namespace package."""
    spec = _spec_or_none(name)
    return spec is not None and spec.origin is None and spec.submodule_search_locations is not None


def _is_name(name: str) -> bool:
    """Whether this may be the name of a module that is not in every Python."""
    is_one = len(name) <= MAX_NAME_CHARS and all(part.isidentifier() for part in name.split('.'))
    return is_one and _package(name) not in _NEVER


def _find(name: str) -> _Source | None:
    if name != '__main__' and not _is_name(name):
        return None
    try:
        if name == '__main__':
            return _program()
        spec = _spec(name)
        if spec is None:
            return None
        is_package = spec.submodule_search_locations is not None
        text = _source_text(spec)
        suffix = '/__init__.py' if is_package else '.py'
        return None if text is None else _Source(name, is_package, name.replace('.', '/') + suffix, text)
    except (AttributeError, ImportError, OSError, SyntaxError, ValueError):
        return None  # an extension module or the like, without source: the target has it or has not


def _program() -> _Source:
    """The running program. Raises OSError, SyntaxError, ValueError if it cannot be sent."""
    file = getattr(sys.modules['__main__'], '__file__', None)
    if file is None:
        raise ValueError('it was not started from a file (python -c, a notebook, ...). Put them into a module')
    return _Source('__main__', False, Path(file).name, _read(Path(file)))


def _source_text(spec: Any) -> str | None:
    """The source of a module; '' for a namespace package, None if there is none."""
    if spec.loader is None:
        return ''
    if hasattr(spec.loader, 'get_source'):
        return spec.loader.get_source(spec.name)
    # A loader that rewrites what it loads, as pytest's does, may not offer the source.
    return _read(Path(spec.origin)) if str(spec.origin).endswith('.py') else None


def _read(path: Path) -> str:
    return importlib.util.decode_source(path.read_bytes())


def _spec(name: str) -> Any:
    """The module's spec, found without importing its package."""
    loaded = sys.modules.get(name)
    if loaded is not None and loaded.__spec__ is not None:
        return loaded.__spec__
    path = None
    parent = name.rpartition('.')[0]
    if parent:
        parent_spec = _spec(parent)
        if parent_spec is None or parent_spec.submodule_search_locations is None:
            return None
        path = list(parent_spec.submodule_search_locations)
    for finder in sys.meta_path:
        try:
            spec = finder.find_spec(name, path)
        except KeyError:  # a namespace package in one that is not imported, where that of the library looks
            spec = _namespace(name, path or [])
        if spec is not None:
            return spec
    return None


def _namespace(name: str, path: list[str]) -> Any:
    spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
    folders = [Path(folder, name.rpartition('.')[2]) for folder in path]
    spec.submodule_search_locations = [str(folder) for folder in folders if folder.is_dir()]
    return spec


def _without_main_guard(tree: ast.Module, text: str, path: str) -> str:
    """A program's source, to be imported elsewhere, with its `if __name__ == '__main__':` blocks blanked.

    Raises ValueError for a program with neither such a block nor a function with `@svcfw.main()`: importing it would
    run
    it.
    """
    guards = [node for node in tree.body if isinstance(node, ast.If) and '__name__' in ast.unparse(node.test)]
    if not guards and not _has_main_function(tree):
        raise ValueError(
            f'{path} would run there when it is imported. '
            'Put what it does into a function with @svcfw.main(), or below `if __name__ == "__main__":`'
        )
    lines = text.split('\n')  # not splitlines(), to which a form feed ends a line
    for guard in guards:
        for number in range(guard.lineno, (guard.end_lineno or guard.lineno) + 1):
            lines[number - 1] = ''
    return '\n'.join(lines)


def _has_main_function(tree: ast.Module) -> bool:
    """Whether a function is decorated with `svcfw.main()`, under whatever names both were imported."""
    modules, functions = set(), set()
    for node in tree.body:
        if isinstance(node, ast.Import):
            modules |= {alias.asname or alias.name for alias in node.names if alias.name == 'svcfw'}
        elif isinstance(node, ast.ImportFrom) and node.module == 'svcfw' and not node.level:
            functions |= {alias.asname or alias.name for alias in node.names if alias.name == 'main'}
    calls = [
        decorator.func
        for node in tree.body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call)
    ]
    return any(
        (isinstance(call, ast.Name) and call.id in functions)
        or (isinstance(call, ast.Attribute) and call.attr == 'main' and ast.unparse(call.value) in modules)
        for call in calls
    )
