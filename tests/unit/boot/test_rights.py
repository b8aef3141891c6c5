"""What one context may import, and what all may."""

import pytest

from svcfw.boot import bundle, rights
from svcfw.boot.rights import ForAll, Rights
from svcfw.boot.sources import MAX_NAME_CHARS


def test_it_has_the_core_from_its_start() -> None:
    assert Rights().sent == set(bundle.sources())


def test_a_called_module_brings_its_packages() -> None:
    made = Rights()
    made.call('one.two.three')
    assert made.called == {'one.two.three'}
    assert made.imported == {'one', 'one.two', 'one.two.three'}


def test_a_name_that_is_none_brings_nothing() -> None:
    made = Rights()
    made.call('x' * (MAX_NAME_CHARS + 1))
    assert made.imported == set()


def test_a_refusal_is_news_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rights, 'MAX_REFUSED', 2)
    made = Rights()
    assert [made.refuse(name) for name in ('a', 'a', 'b', 'c', 'x' * MAX_NAME_CHARS)] == [
        True, False, True, False, False,
    ]  # fmt: skip
    assert made.refused == {'a', 'b'}
    assert made.forgets


@pytest.mark.parametrize(
    ('name', 'allowed', 'denied'),
    [('tools', True, False), ('tools.a', True, True), ('tools.a.b', True, True), ('toolshed', False, False),
     ('other', False, False)],
)  # fmt: skip
def test_a_name_stands_for_what_is_in_it(name: str, allowed: bool, denied: bool) -> None:
    everyone = ForAll()
    assert not everyone.allows(name)
    everyone.allow(['tools'])
    everyone.deny(['tools.a'])
    assert (everyone.allows(name), everyone.denies(name)) == (allowed, denied)


def test_packages_on_the_way_to_one_are_allowed() -> None:
    everyone = ForAll()
    everyone.allow(['one.two.three'])
    assert everyone.allows('one')
    assert everyone.allows('one.two')
    assert not everyone.allows('one.other')


def test_the_last_word_counts_for_the_same_name() -> None:
    everyone = ForAll()
    everyone.deny(['tools'])
    everyone.allow(['tools'])
    assert not everyone.denies('tools')
