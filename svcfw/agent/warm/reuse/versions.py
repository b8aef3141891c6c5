"""Whether a dict was changed, without a look at what is in it (PEP 509: CPython 3.6 to 3.11; later ones tell no more).

To compare a dict writes to the reference counts of all that it holds. In a process that has forked since, as it does
for each program that a module runs, the kernel has to map each of their pages anew: twice the time of the comparison.
"""

import ctypes
import gc
import sys

#: Behind the head of each object and the number of items.
_OFFSET = object.__basicsize__ + ctypes.sizeof(ctypes.c_ssize_t)


def of(names):
    """Something with a `value` (int) that differs after each change of `names`, a dict or that of a class.

    None where nothing tells. It does not keep the dict.
    """
    if type(names) is type(vars(object)):
        names = gc.get_referents(names)[0]
    return ctypes.c_uint64.from_address(id(names) + _OFFSET) if IS_TOLD and type(names) is dict else None


def _tells():
    """Whether this interpreter has it, by trial."""
    if sys.implementation.name != 'cpython' or not (3, 6) <= sys.version_info < (3, 12):
        return False
    one, other = object(), object()
    names = {'a': one, 'b': one}
    version = ctypes.c_uint64.from_address(id(names) + _OFFSET)
    seen = [version.value]
    for change in (
        lambda: names.update(a=other),
        lambda: names.pop('a'),
        lambda: names.setdefault('a', one),
        lambda: names.__setitem__('c', one),
        lambda: names.__delitem__('c'),
        names.clear,
    ):
        change()
        seen.append(version.value)
    names.get('a'), list(names.values())
    return len(set(seen)) == len(seen) and version.value == seen[-1]


IS_TOLD = _tells()
