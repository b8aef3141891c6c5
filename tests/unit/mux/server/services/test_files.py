"""Which files of the controller a module may have; whose requests wait for what."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from svcfw.mux.server.services import files
from svcfw.mux.server.services.files import _FairInvoker, _Granted
from svcfw.mux.server.services.uploads import MAX_PARTS
from svcfw.service import AllowAny, Pool, RefusedError, Service, expose
from tests.support.routers import LONG, tree


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / 'real' / 'artifacts'
    (folder / 'deep').mkdir(parents=True)
    for name in ('app', 'deep/app'):
        (folder / name).write_text('x')
    (tmp_path / 'secret').write_text('x')
    (tmp_path / 'artifacts2').write_text('x')
    (folder / 'out').symlink_to(tmp_path / 'secret')
    (folder / 'in').symlink_to('deep/app')
    (tmp_path / 'alias').symlink_to('real')
    return tmp_path


def found(granted: list[Path], path: object) -> str | None:
    real = _Granted(lambda context_id: list(map(str, granted))).find(str(path), 5)
    return None if real is None else os.fsdecode(real)


@pytest.mark.parametrize('name', ['app', 'deep/app', 'in', 'deep/../app', './app', ''])
@pytest.mark.parametrize('way', ['real', 'alias'])
def test_what_is_in_a_granted_folder(place: Path, way: str, name: str) -> None:
    for granted in ('real', 'alias'):
        path = f'{place}/{way}/artifacts/{name}'
        expected = os.path.realpath(path) if granted == way or way == 'real' else None
        assert found([place / granted / 'artifacts'], path) == expected


@pytest.mark.parametrize(
    'path', ['real/artifacts/out', 'secret', 'real/artifacts/../../secret', 'artifacts2', 'real', 'real/artifacts2', '']
)
def test_what_is_not(place: Path, path: str) -> None:
    assert found([place / 'real' / 'artifacts'], place / path) is None


def test_one_file_is_granted_alone(place: Path) -> None:
    granted = place / 'real' / 'artifacts' / 'app'
    assert found([granted], granted) == str(granted)
    assert found([granted], granted.parent / 'deep' / 'app') is None
    assert found([], granted) is None


def test_a_path_has_a_bounded_number_of_parts(place: Path) -> None:
    granted = place / 'real' / 'artifacts'
    assert found([granted], f'{granted}/{"x/" * 20}x') is not None
    assert found([granted], f'{granted}/{"x/" * MAX_PARTS}x') is None


def test_an_open_file_is_where_it_leads(place: Path) -> None:
    granted = place / 'real' / 'artifacts'
    for path, is_granted in ((granted / 'app', True), (place / 'secret', False)):
        with path.open() as file:
            assert found([granted], f'/proc/self/fd/{file.fileno()}') == (str(path) if is_granted else None)


class Echo(Service):
    invoker_class = _FairInvoker

    @expose(policy=AllowAny())
    def echo(self, value: int) -> int:
        return value


class FullLink:
    """A link that says it has no room until `empty`."""

    def __init__(self, link: Any) -> None:
        self._link = link
        self.waiting: list[Callable[[], None]] = []
        self.full = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._link, name)

    def is_full(self) -> bool:
        return self.full

    def when_room(self, callback: Callable[[], None]) -> None:
        self.waiting.append(callback)

    def empty(self) -> None:
        self.full = False
        waiting, self.waiting = self.waiting, []
        for callback in waiting:
            callback()


def test_no_thread_waits_for_a_host_that_takes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its requests are carried out once there is room for their answers; those of others go on."""
    with tree() as made:
        master = made.master()
        stuck, other = made.child(master, 1, 'stuck'), made.child(master, 2, 'other')
        find = master.router.link_for
        full = FullLink(find(1))
        monkeypatch.setattr(master.router, 'link_for', lambda each: full if each == 1 else find(each))
        with Pool(master.router, [Echo(master.router)], size=1):
            top = [each.router.context(0) for each in (stuck, other)]
            late = [top[0].call_service_async(Echo, 'echo', value=n) for n in range(3)]
            assert top[1].call_service(Echo, 'echo', value=5) == 5
            assert all(reply.empty() for reply in late)
            master.do(full.empty)
            assert [reply.get(LONG) for reply in late] == [0, 1, 2]


def test_one_module_has_a_bounded_number_of_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, 'MAX_WAITING_OF_ONE', 2)
    with tree() as made:
        master = made.master()
        child = made.child(master, 1, 'child')
        full = FullLink(master.router.link_for(1))
        monkeypatch.setattr(master.router, 'link_for', lambda each: full)
        with Pool(master.router, [Echo(master.router)], size=1):
            top = child.router.context(0)
            replies = [top.call_service_async(Echo, 'echo', value=n) for n in range(3)]
            with pytest.raises(RefusedError, match='2 requests of this module'):
                replies[2].get(LONG)
            master.do(full.empty)
            assert [reply.get(LONG) for reply in replies[:2]] == [0, 1]
            assert top.call_service(Echo, 'echo', value=7) == 7
