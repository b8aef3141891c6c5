"""What a service host tells of what is said in it, and which services it makes."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from svcfw.core import beside
from svcfw.mux.service_host import serving
from svcfw.service.errors import RefusedError
from svcfw.service.service import Service


class Router:
    """A service host's, whose parent keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[Any] = []
        self.is_full = False
        self.loop = None
        self.services: Any = None
        self.log: Any = None

    def parent(self) -> Any:
        return SimpleNamespace(send=lambda handle, value: self.said.append((handle, value)))

    def link_for(self, number: int) -> Any:
        return SimpleNamespace(is_full=lambda: self.is_full)


@pytest.fixture
def router() -> Router:
    return Router()


def lines(router: Router) -> list[tuple[int, str]]:
    assert {handle for handle, _ in router.said} <= {beside.SERVICE_LINE}
    return [value for _, value in router.said]


def test_whole_lines_of_what_is_printed(router: Router) -> None:
    output = serving._Output(serving._Lines(router))  # type: ignore[arg-type]
    assert (output.writable(), output.write('one\ntw'), output.write('o\n\nrest')) == (True, 6, 7)
    assert lines(router) == [(logging.INFO, text) for text in ('one', 'two', ' ')]


def test_a_line_has_a_largest_length(router: Router) -> None:
    output = serving._Output(serving._Lines(router))  # type: ignore[arg-type]
    output.write('x' * 10 * serving.MAX_LINE_CHARS)
    assert len(output._rest) == serving.MAX_LINE_CHARS, 'nor does one without an end grow'
    output.write('y\n')
    [(_, text)] = lines(router)
    assert len(text) == serving.MAX_LINE_CHARS


def test_each_line_of_a_record_is_one(router: Router) -> None:
    handler = serving._Handler(serving._Lines(router))  # type: ignore[arg-type]

    handler.handle(logging.LogRecord('a', logging.ERROR, '', 1, 'no %s left\nat all', ('apples',), None))
    assert lines(router) == [(logging.ERROR, 'no apples left'), (logging.ERROR, 'at all')]


def test_a_log_does_not_hold_up_its_program(router: Router) -> None:
    router.is_full = True
    serving._Lines(router).tell(logging.INFO, 'much')  # type: ignore[arg-type]
    assert router.said == []


class Shop(Service):
    pass


class Other(Service):
    pass


def made_of(router: Router, get_service: Any, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(serving._activator, 'name', 'shop.apples.Shop')
    maker = serving.Maker.__new__(serving.Maker)
    maker.router = router  # type: ignore[assignment]
    router.services = SimpleNamespace(get_service=get_service)
    return bool(maker.make())


@pytest.mark.parametrize(
    ('error', 'is_made'),
    [
        (None, True),
        (ModuleNotFoundError("No module named 'shop'", name='shop'), False),
        (ModuleNotFoundError("No module named 'shop.apples'", name='shop.apples'), False),
    ],
)
def test_a_service_whose_module_is_not_there_yet_is_none(
    router: Router, error: Any, is_made: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def get_service(name: str) -> None:
        assert name == 'shop.apples.Shop'
        if error is not None:
            raise error

    assert made_of(router, get_service, monkeypatch) == is_made


@pytest.mark.parametrize('error', [ModuleNotFoundError('x', name='requests'), ModuleNotFoundError('x'), ValueError()])
def test_what_is_wrong_in_its_module_is_an_error(
    router: Router, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def get_service(name: str) -> None:
        raise error

    with pytest.raises(type(error)):
        made_of(router, get_service, monkeypatch)


def test_places_are_looked_in_first_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving.sys, 'path', ['/there'])
    serving.add_places(['/a', '/there', '/b'])
    serving.add_places(['/b'])
    assert serving.sys.path == ['/a', '/b', '/there']


def test_who_wants_to_know_of_a_host_that_is_out_is_told(router: Router, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    router.services = SimpleNamespace(defer=lambda function, *arguments: told.append((function, arguments)))
    for service in (SimpleNamespace(host_is_out=print), SimpleNamespace(), None):
        monkeypatch.setattr(serving._activator, 'service', service)
        serving.host_is_out('web1', router=router)  # type: ignore[arg-type]
    assert told == [(print, ('web1',))]


def test_a_process_makes_its_own_service_alone(router: Router, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving._activator, 'name', f'{__name__}.Shop')
    assert isinstance(serving._activator.activate(router, f'{__name__}.Shop'), Shop)  # type: ignore[arg-type]
    with pytest.raises(RefusedError, match='each service of a run has one of its own'):
        serving._activator.activate(router, f'{__name__}.Other')  # type: ignore[arg-type]


def test_without_services_there_are_no_numbers(router: Router) -> None:
    assert serving.stats(router=router) == {}  # type: ignore[arg-type]
