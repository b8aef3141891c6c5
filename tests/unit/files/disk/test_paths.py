"""Paths as text and bytes, and room for files."""

import os
from pathlib import Path

import pytest

from svcfw.files.disk.paths import decoded, encoded, room_for, temporary_name


@pytest.mark.parametrize('raw', [b'/plain', 'ä/ö'.encode(), b'/not\xffutf-8', b''])
def test_any_name_there_and_back(raw: bytes) -> None:
    assert encoded(decoded(raw)) == raw
    assert encoded(raw) == raw
    assert decoded(decoded(raw)) == decoded(raw)


def test_text_that_is_no_path() -> None:
    with pytest.raises(ValueError, match='utf-8'):
        encoded('\ud800')


def test_temporary_names_are_short_hidden_and_new() -> None:
    names = {temporary_name() for _ in range(100)}
    assert len(names) == 100
    assert all(name.startswith(b'.svcfw-') and len(name) < 30 for name in names)


def test_room_is_that_of_the_first_folder_above_that_is_there(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('x')
    status = os.statvfs(tmp_path)
    total = status.f_blocks * status.f_frsize
    for place in (tmp_path, tmp_path / 'file', tmp_path / 'not' / 'there', tmp_path / 'file' / 'below'):
        room = room_for(place if isinstance(place, str) else str(place))
        assert room is not None
        assert 0 < room <= total
