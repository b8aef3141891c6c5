"""What is known of a caller: what a context above both says, and nothing that the caller says itself."""

from types import SimpleNamespace
from typing import Any

import pytest

from svcfw.service.callers import caller


def message(auth_id: int = 7, **facts: Any) -> Any:
    return SimpleNamespace(src_id=7, auth_id=auth_id, router=SimpleNamespace(beside={7: facts}))


def test_facts_are_attributes() -> None:
    found = caller(message(host='web1', user='root'))
    assert (found.id, found.host, found.user) == (7, 'web1', 'root')
    assert repr(found) == "Caller(host='web1', id=7, user='root')"


def test_no_fact_is_its_number() -> None:
    assert caller(message(id=1)).id == 7


def test_what_is_not_attested_is_an_error_that_says_so() -> None:
    with pytest.raises(AttributeError, match='nothing is attested of context 7 by the name user'):
        caller(message()).user  # noqa: B018


def test_what_is_sent_on_behalf_of_another_is_attested_of_nobody() -> None:
    with pytest.raises(AttributeError):
        caller(message(auth_id=8, host='web1')).host  # noqa: B018
