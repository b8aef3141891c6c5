"""Strategies for values that travel, and for ways to split a stream of bytes."""

from itertools import pairwise

from hypothesis import strategies as st

from svcfw.core.wire.values import Secret

#: Any code point, surrogates included.
text = st.text(st.characters(codec=None), max_size=40)
keys = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 70), 1 << 70)
    | st.floats(allow_nan=False)
    | text
    | st.binary(max_size=20)
)
hashable = st.recursive(
    keys, lambda inner: st.lists(inner, max_size=3).map(tuple) | st.frozensets(inner, max_size=3), max_leaves=5
)
big_ints = st.integers(-(1 << 8191), (1 << 8191) - 1)
leaves = (
    keys | big_ints | text.map(Secret) | st.binary(min_size=200, max_size=300) | st.text(min_size=200, max_size=300)
)


def containers(inner):
    items = st.lists(inner, max_size=5)
    dicts = st.dictionaries(hashable, inner, max_size=5)
    return items | items.map(tuple) | dicts | st.sets(hashable, max_size=5) | st.frozensets(hashable, max_size=5)


values = st.recursive(leaves, containers, max_leaves=20)


def shape(value):
    """The value with the types of all its parts, as equality alone takes 1, 1.0 and True for the same."""
    if isinstance(value, dict):
        return dict, [(shape(key), shape(item)) for key, item in value.items()]
    if isinstance(value, (set, frozenset)):
        return type(value), sorted(map(repr, map(shape, value)))
    if isinstance(value, (list, tuple)):
        return type(value), [shape(item) for item in value]
    return type(value), str(value) if isinstance(value, str) else repr(value)


def cut(data, places):
    """`data` in pieces, cut at these places; empty pieces are left out."""
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in pairwise(edges) if a < b]


places = st.lists(st.integers(0, 1 << 20), max_size=12)
