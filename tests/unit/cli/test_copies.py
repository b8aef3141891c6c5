import argparse

import pytest

from svcfw.cli import copies, main


@pytest.mark.parametrize(
    ('text', 'place'),
    [
        ('host', (None, 'host', None)),
        ('user@host', ('user', 'host', None)),
        ('user@host:2222', ('user', 'host', 2222)),
        ('[::1]:22', (None, '::1', 22)),
        ('u@[fe80::1%eth0]', ('u', 'fe80::1%eth0', None)),
    ],
)
def test_places(text: str, place: tuple[str | None, str, int | None]) -> None:
    assert copies.split_place(text) == place


@pytest.mark.parametrize('text', ['', '@host', 'host:', 'host:ssh', '::1'])
def test_what_is_no_place(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match='invalid host'):
        copies.split_place(text)
    assert main.main(['put', text, 'a', 'b']) == 1
    assert 'expected [USER@]HOST[:PORT]' in capsys.readouterr().err


def test_no_bar_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with copies._shown(argparse.Namespace(source='a/b/', quiet=False)) as progress:
        progress(1, 10)
    assert capsys.readouterr().err == ''
