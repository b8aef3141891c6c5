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
        self._places = []  # (container, names to leave out, its keys, its values)
        self._versions = []  # of each container: (what tells of changes, or None, its value)
        self._caches = []
        self._seen = {id(vars(each)) for each in ours}
        own = [name for name in self._modules if name.partition('.')[0] == 'ansible']
        # First those that are looked into more deeply: a container is looked into once.
        for name in own + [name for name in self._modules if name not in set(own)]:
            names = getattr(self._modules[name], '__dict__', None)
            if type(names) is dict:
                self._add(names, 2 if name in own else 1, _EXEMPT.get(name, ()))
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
            for number, (version, seen) in enumerate(self._versions):
                if version is not None and version.value == seen:
                    continue
                place, exempt, keys, values = self._places[number]
                if keys is None:
                    is_same = list(place) == values
                elif exempt:
                    is_same = _without(place, exempt) == values
                else:
                    is_same = list(place) == keys and list(place.values()) == values
                if not is_same:
                    return self._name(place, exempt, keys, values)
                if version is not None:  # it was put back
                    self._versions[number] = version, version.value
        except Exception as exc:  # raised by what is there now when it is compared
            return str(exc)
        return None

    def _add(self, place, depth, exempt=()):
        if id(place) in self._seen:
            return
        self._seen.add(id(place))
        if isinstance(place, (list, set)):
            keys, values = None, list(place)
            self._places.append((place, exempt, keys, values))
        elif exempt:
            kept = _without(place, exempt)
            values = list(kept.values())
            self._places.append((place, exempt, [], kept))
        else:
            keys, values = list(place), list(place.values())
            self._places.append((place, exempt, keys, values))
        version = versions.of(place)
        self._versions.append((version, version and version.value))
        if depth:
            for value in values:
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
        if keys is None:
            return where
        before = values if isinstance(values, dict) else dict(zip(keys, values))
        gone = [key for key in before if key not in place]
        other = [key for key in place if key not in exempt and (key not in before or before[key] is not place[key])]
        return ' '.join(map(str, [where] + gone + other))


def _without(place, exempt):
    return {key: value for key, value in place.items() if key not in exempt}
