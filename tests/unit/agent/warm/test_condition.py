"""A job that runs only if a file is another one."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from svcfw.agent.warm import condition
from svcfw.agent.warm.job import Condition
from tests.support.need import need_root

CONTENT = b'the content\n'


def said(path: object, capsys: pytest.CaptureFixture[str], follow: bool = False) -> Any:
    """What is said in the place of the job's output; None where it runs."""
    wanted = Condition(str(path), follow, len(CONTENT), hashlib.sha1(CONTENT).hexdigest())
    try:
        condition.require(wanted)
    except SystemExit:
        return json.loads(capsys.readouterr().out)[condition.KEY]
    assert capsys.readouterr().out == ''
    return None


@pytest.mark.parametrize('content', [b'', b'another\n', b'the cOntent\n'])
def test_it_runs_over_another_content_and_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    (tmp_path / 'file').write_bytes(content)
    for path in (tmp_path / 'file', tmp_path / 'nothing', tmp_path / 'no' / 'where'):
        for follow in (False, True):
            assert said(path, capsys, follow) is None


def test_not_over_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / 'file').write_bytes(CONTENT)
    there = {'exists': True, 'isdir': False, 'islnk': False, 'checksum': hashlib.sha1(CONTENT).hexdigest()}
    assert said(tmp_path / 'file', capsys) == {'stat': there, 'nofollow': there}


def test_not_over_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there = {'exists': True, 'isdir': True, 'islnk': False, 'checksum': ''}
    assert said(tmp_path, capsys, follow=True) == {'stat': there, 'nofollow': there}


def test_links_are_followed_where_that_is_wanted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / 'file').write_bytes(CONTENT)
    (tmp_path / 'link').symlink_to('file')
    (tmp_path / 'dangling').symlink_to('nothing')
    assert said(tmp_path / 'link', capsys) is None  # the link is replaced
    found = said(tmp_path / 'link', capsys, follow=True)
    assert not found['stat']['islnk']
    assert found['nofollow']['islnk']
    assert found['nofollow']['lnk_source'] == str(tmp_path / 'file')
    assert said(tmp_path / 'dangling', capsys, follow=True) is None


def test_what_cannot_be_told_is_left_to_whoever_asks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / 'file').write_bytes(CONTENT)
    (tmp_path / 'loop').symlink_to('loop')
    for path in (tmp_path / 'file' / 'below', tmp_path / ('x' * 300)):
        assert said(path, capsys) == {'stat': None, 'nofollow': None}
    assert said(tmp_path / 'loop', capsys, follow=True) == {'stat': None, 'nofollow': None}


def test_a_pipe_is_not_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / 'pipe')
    assert said(tmp_path / 'pipe', capsys) is None


def test_one_that_may_not_be_read_is_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    need_root()
    (tmp_path / 'file').write_bytes(CONTENT)
    monkeypatch.setattr(os, 'access', lambda path, mode: False)
    assert said(tmp_path / 'file', capsys) is None
