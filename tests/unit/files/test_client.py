"""What a client asks a receiver to set of a file, and which answers about folders it believes."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from svcfw.core.context import Context, Sender
from svcfw.files import client
from svcfw.service.errors import TransferError

METADATA = {'size': 3, 'mode': 0o640, 'owner': 'me', 'group': 'us', 'mtime_ns': 7, 'atime_ns': 8}


@pytest.mark.parametrize(
    ('given', 'wanted'),
    [
        ({}, {'default_mode': 0o640}),
        ({'mode': 0o600}, {'default_mode': 0o640, 'mode': 0o600}),
        ({'mode': 0}, {'default_mode': 0o640, 'mode': 0}),
        ({'owner': 'root', 'group': 'wheel'}, {'default_mode': 0o640, 'owner': 'root', 'group': 'wheel'}),
        ({'is_durable': True}, {'default_mode': 0o640, 'durable': True}),
        ({'preserves': True}, {name: METADATA[name] for name in METADATA if name != 'size'}),
        (
            {'preserves': True, 'owner': 'root'},
            {'mode': 0o640, 'owner': 'root', 'group': 'us', 'mtime_ns': 7, 'atime_ns': 8},
        ),
    ],
)
def test_what_is_said_comes_before_what_the_file_has(given: dict[str, Any], wanted: dict[str, Any]) -> None:
    usual = {'mode': None, 'owner': None, 'group': None, 'preserves': False, 'is_durable': False}
    source: Any = SimpleNamespace(metadata=METADATA)
    assert client._wanted(source, **{**usual, **given}) == wanted


class Closing:
    """In the place of TreeParts: notes whether it was closed."""

    def __init__(self, *args: Any) -> None:
        self.total = 0
        self.lacks_all: Any = None
        self.is_closed = False

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """answer(value): put_tree where the receiver answers that; what it was to send."""
    made: list[Closing] = []

    def parts(*args: Any) -> Closing:
        made.append(Closing())
        return made[-1]

    monkeypatch.setattr(client, 'TreeParts', parts)
    monkeypatch.setattr(client, 'Transfers', SimpleNamespace(of=lambda router: None))
    monkeypatch.setattr(client, 'send', lambda context, parts, into, to, on_progress: (into, parts.lacks_all))
    context = Context(SimpleNamespace(neighbour=lambda context: None), 5, 'web1')

    def answer(value: Any) -> Any:
        def call(*args: Any, **more: Any) -> Any:
            if isinstance(value, Exception):
                raise value
            return value

        monkeypatch.setattr(client, 'call', call)
        return client.put_tree(context, str(tmp_path), '/to'), made[-1].is_closed

    answer.made = made  # type: ignore[attr-defined]
    answer.into = Sender(context, 9)  # type: ignore[attr-defined]
    return answer


def test_a_folder_goes_where_the_receiver_says(folder: Any) -> None:
    assert folder({'into': folder.into, 'lacks_all': True}) == ((folder.into, True), False)


@pytest.mark.parametrize(
    'answer',
    [None, {}, {'lacks_all': 1}, {'lacks_all': True}, {'lacks_all': True, 'into': Sender(Context(None, 6), 9)}],
)
def test_a_malformed_answer_directs_it_nowhere(folder: Any, answer: Any) -> None:
    with pytest.raises(TransferError, match='malformed answer'):
        folder(answer)
    assert folder.made[-1].is_closed


def test_nothing_stays_open_where_the_receiver_refuses(folder: Any) -> None:
    with pytest.raises(TransferError, match='no room'):
        folder(TransferError('no room'))
    assert folder.made[-1].is_closed
