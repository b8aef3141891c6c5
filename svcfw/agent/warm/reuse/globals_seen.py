"""Globals of modules, attributes of classes, what their containers hold: whether they are what they were.

Compared are references, two levels below a module's own names (one in the standard library); a container that was made
anew with the same contents counts as the same. Caches of functions (lru_cache) are emptied instead: what they hold may
have become wrong, as in any process that lives on.
"""

import functools
import sys

from svcfw.agent.warm.reuse import versions

_CACHED = type(functools.lru_cache()(len))
_MADE_BY_CLASS = 1 << 9  # Py_TPFLAGS_HEAPTYPE
# Caches of abstract classes, written in Python up to 3.6.
_ABC = ('_abc_cache', '_abc_negative_cache', '_abc_negative_cache_version')
# What a run is given and what is put back (snapshot.py), and caches of what follows from their keys alone.
_EXEMPT = {
    'sys': ('modules', 'path_importer_cache', 'argv', 'orig_argv', 'executable', 'stdin', 'stdout', 'stderr',
            '__stdin__', '__stdout__', '__stderr__'),
    're': ('_cache', '_cache2'),
    'encodings': ('_cache',),
    'linecache': ('cache',),
    '_strptime': ('_TimeRE_cache', '_regex_cache'),
    'tempfile': ('tempdir', '_name_sequence'),
    'platform': ('_uname_cache',),
    'ansible.module_utils.basic': ('_ANSIBLE_ARGS', '_ANSIBLE_PROFILE', '_PARSED_MODULE_ARGS'),
}  # fmt: skip


class GlobalsSeen(object):
    """As they are when this is made: 8 ms, and a copy of 1,500 pages in a process that was forked.

    ours: objects that can be reached from a module and are none of its state.
    """

    def __init__(self, ours=()):
        self._modules = {name: module for name, module in sys.modules.items() if name != '__main__'}
        # A place: (container, names to leave out, its keys, its values).
        self._telling = []  # what tells of changes (versions.of),
        self._told = []  # and the places of which it does
        self._silent = []  # the places of all other containers
        self._caches = []
        self._seen = {id(vars(each)) for each in ours}
        own = [name for name in self._modules if name.partition('.')[0] == 'ansible']
        # First those that are looked into more deeply: a container is looked into once.
        for name in own + [name for name in self._modules if name not in set(own)]:
            names = getattr(self._modules[name], '__dict__', None)
            if type(names) is dict:
                self._add(names, 2 if name in own else 1, _EXEMPT.get(name, ()))
        self._versions = [version.value for version in self._telling]
        self.empty_caches()

    def new_modules(self):
        """The names of modules that were not imported then, or are others now (list of str)."""
        return [
            name for name, module in sys.modules.items() if self._modules.get(name) is not module and name != '__main__'
        ]

    def empty_caches(self):
        """Those of functions; they were empty in the beginning."""
        for cached in self._caches:
            if cached.cache_info().currsize:
                cached.cache_clear()

    def changed(self):
        """The place of the first difference (str), or None."""
        try:
            # First all of them at once: there are hundreds, and few differ.
            now = [version.value for version in self._telling]
            places = self._silent
            if now != self._versions:
                places = [p for p, old, new in zip(self._told, self._versions, now) if old != new] + places
            for place in places:
                if not _is_same(*place):
                    return self._name(*place)
            self._versions = now  # what was changed was put back
        except Exception as exc:  # raised by what is there now when it is compared
            return str(exc)
        return None

    def _add(self, place, depth, exempt=()):
        if id(place) in self._seen:
            return
        self._seen.add(id(place))
        keys, values = _contents(place, exempt)
        version = versions.of(place)
        if version is None:
            self._silent.append((place, exempt, keys, values))
        else:
            self._telling.append(version)
            self._told.append((place, exempt, keys, values))
        if depth:
            for value in values.values() if exempt else values:
                self._look_into(value, depth - 1)

    def _look_into(self, value, depth):
        kind = type(value)
        if kind in (dict, list, set):
            self._add(value, depth)
        elif kind is _CACHED:
            self._caches.append(value)
        elif depth and isinstance(value, type):
            if value.__flags__ & _MADE_BY_CLASS:
                self._add(vars(value), depth, _ABC if _ABC[0] in vars(value) else ())
        elif depth and kind.__flags__ & _MADE_BY_CLASS:
            names = getattr(value, '__dict__', None)
            if type(names) is dict:
                self._add(names, depth)

    def _name(self, place, exempt, keys, values):
        """What is different of a place: where it is, and the key."""
        where = 'an object'
        for name, module in self._modules.items():
            names = getattr(module, '__dict__', None)
            if names is place:
                where = name
            elif type(names) is dict:
                where = next((name + '.' + key for key, value in names.items() if value is place), where)
        if isinstance(place, (list, set)):
            return where
        before = values if exempt else dict(zip(keys, values))
        gone = [key for key in before if key not in place]
        other = [key for key in place if key not in exempt and (key not in before or before[key] is not place[key])]
        return ' '.join(map(str, [where] + gone + other))


def _contents(place, exempt):
    """The keys and values of a place, as they are compared."""
    if isinstance(place, (list, set)):
        return [], list(place)
    if exempt:
        return [], _without(place, exempt)
    return list(place), list(place.values())


def _is_same(place, exempt, keys, values):
    if keys:
        return list(place) == keys and list(place.values()) == values
    return (_without(place, exempt) if exempt else list(place)) == values


def _without(place, exempt):
    return {key: value for key, value in place.items() if key not in exempt}
