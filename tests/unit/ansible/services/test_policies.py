"""Who may call, by what the controller attests."""

from types import SimpleNamespace
from typing import Any

import pytest

from svcfw.ansible.services.policies import AllowAccounts, AllowHosts


def message(**facts: object) -> Any:
    """From a context of which this is attested."""
    return SimpleNamespace(src_id=7, auth_id=7, router=SimpleNamespace(beside={7: facts}))


@pytest.mark.parametrize(
    ('name', 'allowed'), [('web1', True), ('web9', False), ('db1', False), ('WEB1', False), ('db7', True)]
)
def test_hosts_match_a_pattern_and_no_exception(name: str, allowed: bool) -> None:
    policy = AllowHosts(['web*', '!web9', 'db[67]'])
    assert policy.is_authorized(None, message(inventory_hostname=name)) is allowed  # type: ignore[arg-type]


@pytest.mark.parametrize('policy', [AllowHosts(['*']), AllowAccounts(['root'])])
@pytest.mark.parametrize('facts', [{}, {'inventory_hostname': None, 'login_account': None, 'become_account': None}])
def test_whom_nothing_is_attested_of_is_nobody(policy: Any, facts: dict[str, object]) -> None:
    assert not policy.is_authorized(None, message(**facts))


def test_what_is_attested_of_one_is_not_of_another() -> None:
    borrowed = message(inventory_hostname='web1')
    borrowed.src_id = 8
    assert not AllowHosts(['*']).is_authorized(None, borrowed)  # type: ignore[arg-type]
    borrowed.src_id, borrowed.auth_id = 7, 8
    assert not AllowHosts(['*']).is_authorized(None, borrowed)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ('login', 'become', 'allowed'),
    [('root', None, True), ('root', 'app', False), ('me', 'root', True), ('me', None, False), (None, None, False)],
)
def test_the_account_is_the_one_that_the_module_runs_as(login: object, become: object, allowed: bool) -> None:
    facts = message(login_account=login, become_account=become)
    assert AllowAccounts(['root']).is_authorized(None, facts) is allowed  # type: ignore[arg-type]


@pytest.mark.parametrize('policy', [AllowHosts, AllowAccounts])
def test_a_text_is_no_list(policy: Any) -> None:
    with pytest.raises(TypeError, match='is a list'):
        policy('web1')
