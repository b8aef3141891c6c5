"""What the callback makes of the results of a run."""

from types import SimpleNamespace
from typing import Any

import pytest

from svcfw.ansible.services.summary import CallbackModule


class Client:
    def __init__(self) -> None:
        self.out: list[str] = []

    def host_is_out(self, run: tuple[int, int], host: str) -> None:
        self.out.append(host)

    def close(self) -> None:
        pass


def result(**of_task: Any) -> Any:
    return SimpleNamespace(_task=SimpleNamespace(**of_task), _host=SimpleNamespace(get_name=lambda: 'web1'))


def block(**sections: Any) -> Any:
    return SimpleNamespace(**{'rescue': [], 'always': [], '_parent': None, **sections})


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    client = Client()
    monkeypatch.setattr(CallbackModule, 'connect_client', staticmethod(lambda start: client))
    return client


def test_services_are_told_of_a_host_that_is_out(client: Client) -> None:
    CallbackModule().v2_runner_on_failed(result(_parent=block(_parent=block())))
    CallbackModule().v2_runner_on_unreachable(result(_parent=block(always=['task']), ignore_unreachable=None))
    assert client.out == ['web1', 'web1']


def test_they_are_not_where_the_playbook_goes_on_with_it(client: Client) -> None:
    callback = CallbackModule()
    callback.v2_runner_on_failed(result(_parent=block()), ignore_errors=True)
    callback.v2_runner_on_unreachable(result(ignore_unreachable=True))
    for section in ('rescue', 'always'):
        callback.v2_runner_on_failed(result(_parent=block(_parent=block(**{section: ['task']}))))
    assert client.out == []


def test_nobody_there_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CallbackModule, 'connect_client', staticmethod(lambda start: None))
    CallbackModule().v2_runner_on_failed(result())
    CallbackModule().v2_playbook_on_stats(None)
