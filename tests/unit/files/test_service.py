"""How many transfers may be under way, whatever contexts a child says that there are."""

import resource
import types
from typing import Any

import pytest

from svcfw.files import service as module
from svcfw.files.service import FileService
from svcfw.service.errors import TransferError


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Of a router where ids 1000 to 1999 are behind link 1, and so on."""
    monkeypatch.setattr(module.resource, 'getrlimit', lambda which: (1024, 4096))
    made = FileService.__new__(FileService)
    made.router = types.SimpleNamespace(link_for=lambda context_id: context_id // 1000)  # type: ignore[assignment]
    made._count_transfers()  # type: ignore[attr-defined]
    return made


def begin(service: Any, first: int, count: int) -> list[Any]:
    return [service._begin(types.SimpleNamespace(src_id=first + n)) for n in range(count)]


def test_of_one_context(service: Any) -> None:
    ends = [begin(service, 1000, 1)[0] for _ in range(module.MAX_OF_ONE)]
    with pytest.raises(TransferError, match='64 transfers'):
        begin(service, 1000, 1)
    ends[0]()
    begin(service, 1000, 1)


def test_invented_descendants_count_together(service: Any) -> None:
    ends = begin(service, 1000, 256)
    with pytest.raises(TransferError, match='256 transfers'):
        begin(service, 1900, 1)
    begin(service, 2000, 256)
    with pytest.raises(TransferError, match='512 transfers are running'):
        begin(service, 3000, 1)
    for end in ends:
        end()
    begin(service, 3000, 1)


def test_a_system_without_limit(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.resource, 'getrlimit', lambda which: (resource.RLIM_INFINITY, -1))
    begin(service, 1000, 300)
