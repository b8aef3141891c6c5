"""Responder: sends sources of modules, and data files of packages, to contexts that lack them.

A context gets the modules that functions are called of there, those that the sources that it was sent import by a
statement, the packages of both, and what of svcfw runs on targets. What code imports by a name that it computes
(`importlib.import_module(plugin)`) has to be allowed by the program. Looking for a module never imports it: a target
could have code run here by asking for a name.

A context below another one asks by way of that one, which names it (svcfw.core.parent.relay), and may grant it what it
may have itself.
"""

from __future__ import annotations

import hashlib
import logging
import zlib
from collections import deque
from collections.abc import Hashable, Iterable
from typing import Any

from svcfw.boot import data_files, public, sources
from svcfw.boot.rights import ForAll, Rights
from svcfw.boot.sources import Source
from svcfw.core import handles, load
from svcfw.core.context import Context
from svcfw.core.message import Message
from svcfw.core.wire.errors import CallError, DecodeError

#: (name, is a package, path as tracebacks show it, zlib source; None for "there is none", b'' for "as you have it")
Module = tuple[str, bool, str, bytes | None]

#: Modules that travel with the one asked for, and their packed size, at most: more would delay the answer.
MAX_PRELOADED = 100
MAX_PRELOADED_BYTES = 512 * 1024
#: What of them is read and parsed for the first time to make one answer, and names that are looked for: the loop waits
#: meanwhile, some 100 ms at the most. What is left is asked for by name.
MAX_PARSED_BYTES = 256 * 1024
MAX_LOOKUPS = 1000
#: Calls that contexts behind one link make in those below them, of other modules each: what we remember for them.
MAX_GRANTS = 10_000


class Responder:
    """Answers GET_MODULE and GET_DATA for one router, on its loop. Any thread may call its methods."""

    def __init__(self, router: Any) -> None:
        self._router = router
        self._rights: dict[int, Rights] = {}
        self._sources: dict[str, Source | None] = {}
        self._for_all = ForAll()
        self._digests: dict[str, dict[str, bytes]] = {}
        self._grants: dict[Hashable, int] = {}
        router.add_handler(self._on_get_module, handles.GET_MODULE)
        router.add_handler(self._on_get_data, handles.GET_DATA)

    def allow(self, context: Context, module: str) -> None:
        """Let a context have `module`, with what it imports.

        Raises TypeError, with a remedy, for a program that cannot be sent.
        """
        if module == '__main__':
            self._require_program()
        rights = self._rights_of(context.id, keep=True)
        if module in rights.called:
            return
        rights.call(module)
        self._send_late(context, rights, [module])

    def allow_everyone(self, names: Iterable[str]) -> None:
        """Let all contexts below have these modules and packages, those too that asked in vain before."""
        names = list(names)
        self._for_all.allow(names)
        for context_id, rights in list(self._rights.items()):
            self._send_late(self._router.context(context_id), rights, names)

    def deny_everyone(self, names: Iterable[str]) -> None:
        """Let no context have these modules and packages, whatever imports them."""
        self._for_all.deny(names)

    def push(self, context: Context, names: Iterable[str]) -> None:
        """Send modules, with what they import, before they are asked for: saves a round trip at the start."""
        rights = self._rights_of(context.id, keep=True)
        modules = [module for name in names for module in self._with_imports(name, rights)]
        context.send(handles.LOAD_MODULE, modules)

    def digests(self, name: str) -> dict[str, bytes]:
        """Of a module of ours and what it imports, for a context of another account: see svcfw.core.sealed.child."""
        if name not in self._digests:
            n = load('svcfw.core.sealed.child').DIGEST_BYTES
            modules = self._with_imports(name, Rights())
            self._digests[name] = {
                each: hashlib.sha256(zlib.decompress(packed)).digest()[:n] for each, _, _, packed in modules if packed
            }
        return self._digests[name]

    def forget(self, context_id: int) -> None:
        """A context is gone: what it was allowed and sent counts no more."""
        self._rights.pop(context_id, None)

    def forget_link(self, link: Hashable) -> None:
        self._grants.pop(link, None)

    def _rights_of(self, context_id: int, keep: bool = False) -> Rights:
        """What a context may have. One that is gone is not remembered, nor one that a child merely says is there."""
        known = self._rights.get(context_id)
        if known is not None:
            return known
        if context_id not in self._router.child_ids and not (keep and self._router.link_for(context_id) is not None):
            return Rights()
        rights = self._rights.setdefault(context_id, Rights())
        if self._router.link_for(context_id) is None:  # it went meanwhile
            self.forget(context_id)
        return rights

    def _send_late(self, context: Context, rights: Rights, names: list[str]) -> None:
        """Send what was asked for in vain, and may be had now: it is remembered there that there is no such module."""
        wanted = {name for name in list(rights.refused) if self._may_have(name, rights)}
        if rights.forgets or wanted:
            rights.refused -= wanted
            self.push(context, [*names, *sorted(wanted - set(names))])

    # -- questions; on the loop

    def _on_get_module(self, message: Message) -> None:
        """(name), for the sender; (name, requester) by way of it; (name, callee, caller) for a grant."""
        if message.is_dead:
            return
        value = message.small_value()
        name, *others = value if type(value) is tuple and len(value) in (2, 3) else (value,)
        if type(name) is not str:
            raise DecodeError('a module name is text')
        self._require_behind(message.src_id, others)
        if len(others) == 2:
            self._grant(name, *others)
            return
        asker = others[0] if others else message.src_id
        rights = self._rights_of(asker)
        if not self._may_have(name, rights):
            self._refuse(name, rights, asker)
        is_known = asker in self._rights
        if not is_known and asker != message.src_id:
            # What it was sent is not remembered; what the context between was, is: that need not be sent again.
            rights.sent = set(self._rights_of(message.src_id).sent)
            is_known = message.src_id in self._rights
        modules = self._with_imports(name, rights, alone=not is_known)
        message.reply(modules if asker == message.src_id else self._by_way_of(message.src_id, modules))

    def _require_behind(self, sender: int, others: list[Any]) -> None:
        """Require that the contexts a context names are behind its own link. DecodeError."""
        link = self._router.link_for(sender)
        for other in others:
            if type(other) is not int or link is None or self._router.link_for(other) is not link:
                raise DecodeError('no context below the one that names it')

    def _by_way_of(self, context_id: int, modules: list[Module]) -> list[Module]:
        """An answer for another context, without what the one that passes it on has, which keeps all that it passes."""
        sent = self._rights_of(context_id).sent
        answer = [module if module[3] is None or module[0] not in sent else (*module[:3], b'') for module in modules]
        sent.update(name for name, _, _, packed in modules if packed is not None)
        return answer

    def _grant(self, name: str, called: int, caller: int) -> None:
        """A context calls a function of a module in one below: that one may have it, if the caller may."""
        link = self._router.link_for(caller)
        grants = self._grants.get(link, 0)
        if grants >= MAX_GRANTS or not self._may_have(name, self._rights_of(caller)):
            return
        self._grants[link] = grants + 1
        self.allow(self._router.context(called), name)

    def _on_get_data(self, message: Message) -> None:
        """A file of a package that the context may have. Nothing is imported for that either."""
        if message.is_dead:
            return
        value = message.small_value()
        others: list[Any] = []
        if type(value) is tuple and len(value) == 4:
            *value, other = value
            others = [other]
        package, parts, wants_content = data_files.question(tuple(value) if others else value)
        self._require_behind(message.src_id, others)
        asker = others[0] if others else message.src_id
        rights = self._rights_of(asker)
        found: data_files.Found = None
        if self._get(package, rights) is None:
            self._refuse(package, rights, asker)
        else:
            try:
                found = self._look(package, parts, rights, wants_content)
            except data_files.DataError as exc:
                message.fail(CallError('OSError', str(exc)))
                return
        message.reply(found)

    def _look(self, package: str, parts: list[str], rights: Rights, wants_content: bool) -> data_files.Found:
        spec = sources.spec_or_none(package)
        if spec is None:
            return None

        def may_have(name: str) -> bool:
            return self._may_have(name, rights)

        return data_files.look(spec, package, parts, may_have, wants_content=wants_content)

    # -- what a context may have

    def _may_have(self, name: str, rights: Rights) -> bool:
        """Whether a context may have a module of this name, if there is one."""
        if len(name) > sources.MAX_NAME_CHARS or self._for_all.denies(name):
            return False
        if self._for_all.allows(name):
            return True
        if name == '__main__':  # what was sent may well say `import __main__`
            return name in rights.called
        return name in rights.imported or name in public.names()

    def _get(self, name: str, rights: Rights) -> Source | None:
        """A module that a context may have; None where it may not, or where there is none."""
        if not self._may_have(name, rights) and not self._is_data_folder(name, rights):
            return None
        source = self._sources.get(name) or sources.find(name)
        if source is None:
            return None  # not remembered: anybody can think of names
        self._sources[name] = source
        return None if source.is_namespace and not self._is_used(name, rights) else source

    def _is_used(self, name: str, rights: Rights) -> bool:
        """Any folder beside the program could be a namespace package, which a mere `try: import docker` asks for.

        So such a one is a package only where a module in it is called, or imported by what was sent.
        """
        if self._for_all.allows(name) or self._is_data_folder(name, rights):
            return True
        below = [each for each in list(rights.imported) if each.startswith(name + '.')]
        modules = [self._source(each) for each in below]
        return any(module is not None and not module.is_namespace for module in modules)

    def _is_data_folder(self, name: str, rights: Rights) -> bool:
        """A folder, and no package, in one that the context may have: its files are files of that one in any case."""
        parent = name.rpartition('.')[0]
        if not parent or not sources.is_namespace(name) or self._for_all.denies(name):
            return False
        if sources.is_namespace(parent):
            return self._is_data_folder(parent, rights)
        return self._may_have(parent, rights)

    def _refuse(self, name: str, rights: Rights, context_id: int) -> None:
        """Remember what was asked for in vain, and tell of it once."""
        if not rights.refuse(name) or context_id not in self._rights or sources.spec_or_none(name) is None:
            return
        context = self._router.context(context_id)
        remedy = f'router.allow_modules({name!r}) lets it have that'
        if self._for_all.denies(name):
            remedy = 'it is denied to all'
        text = f'{context}: refused module {name!r}, which nothing that was called there imports: {remedy}'
        self._router.log(self._router, logging.INFO, text)

    # -- answers

    def _with_imports(self, name: str, rights: Rights, alone: bool = False) -> list[Module]:
        """The module and, breadth first, those it imports that this context was not sent before; or it alone."""
        source = self._get(name, rights)
        if source is None:
            return [(name, False, '', None)]
        answer: list[Module] = []
        size = 0
        budget = _Budget()
        waiting: deque[tuple[str, Source]] = deque([(name, source)])
        queued = {name}
        # Asked for a package, it is on its way to the module in it that was called.
        for called in rights.called - rights.sent:
            found = self._source(called) if called.startswith(name + '.') and self._may_have(called, rights) else None
            if found is not None:
                queued.add(called)
                waiting.append((called, found))
        while waiting and len(answer) < MAX_PRELOADED and size < MAX_PRELOADED_BYTES:
            name, source = waiting.popleft()
            rights.sent.add(name)
            size += len(source.packed)
            answer.append((name, source.is_package, source.path, source.packed))
            if name in public.names():  # which import others for what is not done on targets
                imported = [each for each in source.imports if each in public.names()]
            else:
                imported = self._imports(source)
                rights.imported.update(imported)
            if alone:
                break
            for each in imported:
                if each in queued or each in rights.sent or not self._may_have(each, rights):
                    continue
                queued.add(each)
                found = self._source(each, budget)
                if found is not None and not (found.is_namespace and not self._is_used(each, rights)):
                    waiting.append((each, found))
        return answer

    def _imports(self, source: Source) -> list[str]:
        """What a source imports; of `from package import *` what the package says that it is."""
        names = []
        for name in source.imports:
            package, _, last = name.rpartition('.')
            if last != '*':
                names.append(name)
            elif (starred := self._source(package)) is not None:
                names += [f'{package}.{each}' for each in starred.exported]
        return names

    def _require_program(self) -> None:
        if self._sources.get('__main__') is None:
            try:
                self._sources['__main__'] = sources.program()
            except (OSError, SyntaxError, ValueError) as exc:
                raise TypeError(f'functions and classes of this program cannot be used elsewhere: {exc}') from exc

    def _source(self, name: str, budget: _Budget | None = None) -> Source | None:
        """A module that something of ours names. Looks for it if that is within the budget."""
        if name in self._sources:
            return self._sources[name]
        package = name.rpartition('.')[0]
        if package in self._sources:
            above = self._sources[package]
            if above is None or not above.is_package:
                self._sources[name] = None  # something in a module
                return None
        if budget is not None and budget.is_spent:
            return None
        found = self._sources[name] = sources.find(name)
        if budget is not None:
            budget.spend(found)
        return found


class _Budget:
    """What may still be looked for and parsed for the answer to one question."""

    def __init__(self) -> None:
        self._bytes = MAX_PARSED_BYTES
        self._lookups = MAX_LOOKUPS

    @property
    def is_spent(self) -> bool:
        return self._bytes <= 0 or self._lookups <= 0

    def spend(self, found: Source | None) -> None:
        self._lookups -= 1
        if found is not None:
            self._bytes -= found.size
