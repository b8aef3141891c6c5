"""`svcfw.main`: runs a program's function, and nothing where the module is imported."""

import logging
from typing import Any

import pytest

from svcfw.program import toplevel


class Router:
    made = 0
    closed = 0

    def __enter__(self) -> 'Router':
        Router.made += 1
        return self

    def __exit__(self, *exc_info: Any) -> None:
        Router.closed += 1


@pytest.fixture
def routers(monkeypatch: pytest.MonkeyPatch) -> type[Router]:
    monkeypatch.setattr(toplevel, 'Router', Router)
    monkeypatch.setattr(Router, 'made', 0)
    monkeypatch.setattr(Router, 'closed', 0)
    monkeypatch.setattr(logging, 'basicConfig', lambda **more: None)
    return Router


def test_the_function_of_a_program_runs_with_a_router(routers: type[Router]) -> None:
    got: list[Any] = []
    decorate = toplevel.main(logging.INFO)

    def run(router: Any) -> None:
        got.append(router)

    run.__module__ = '__main__'
    assert decorate(run) is run
    assert [type(each) for each in got] == [Router]
    assert (routers.made, routers.closed) == (1, 1)


def test_an_error_closes_the_router(routers: type[Router]) -> None:
    def run(router: Any) -> None:
        raise LookupError

    run.__module__ = '__main__'
    with pytest.raises(LookupError):
        toplevel.main(logging.INFO)(run)
    assert routers.closed == 1


def test_where_it_is_imported_nothing_runs(routers: type[Router]) -> None:
    @toplevel.main(logging.INFO)
    def run(router: Any) -> str:
        return 'called'

    assert routers.made == 0
    assert run(None) == 'called'
