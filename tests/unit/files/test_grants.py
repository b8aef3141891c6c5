"""Who may fetch what."""

import os

import pytest

from svcfw.files.grants import Grants


class Context:
    def __init__(self, context_id):
        self.id = context_id


ONE, OTHER = Context(1), Context(2)


def raw(path):
    return os.fsencode(str(path))


def test_a_file_for_one_context_is_refused_to_another(tmp_path):
    (tmp_path / 'file').write_bytes(b'')
    grants = Grants()
    grants.add(str(tmp_path / 'file'), ONE)
    assert grants.find(str(tmp_path / 'file'), 1) == raw(tmp_path / 'file')
    assert grants.find(str(tmp_path / 'file'), 2) is None
    assert grants.find(str(tmp_path), 1) is None


def test_for_every_context(tmp_path):
    (tmp_path / 'file').write_bytes(b'')
    grants = Grants()
    grants.add(str(tmp_path / 'file'), None)
    assert grants.find(str(tmp_path / 'file'), 7)


def test_revoking(tmp_path):
    (tmp_path / 'file').write_bytes(b'')
    grants = Grants()
    mine, same = grants.add(str(tmp_path / 'file'), ONE), grants.add(str(tmp_path / 'file'), ONE)
    prefix = grants.add(str(tmp_path), OTHER, is_prefix=True)
    mine.revoke()
    mine.revoke()
    assert grants.find(str(tmp_path / 'file'), 1)
    same.revoke()
    assert grants.find(str(tmp_path / 'file'), 1) is None
    assert grants.find(str(tmp_path / 'file'), 2)
    prefix.revoke()
    assert grants.find(str(tmp_path / 'file'), 2) is None


def test_a_prefix_is_a_folder_and_no_text(tmp_path):
    for name in ('public', 'public-not'):
        (tmp_path / name).mkdir()
        (tmp_path / name / 'file').write_bytes(b'')
    grants = Grants()
    grants.add(str(tmp_path / 'public'), ONE, is_prefix=True)
    assert grants.find(str(tmp_path / 'public' / 'file'), 1)
    assert grants.find(str(tmp_path / 'public' / '..' / 'public' / 'file'), 1)
    assert grants.find(str(tmp_path / 'public' / '..' / 'public-not' / 'file'), 1) is None
    assert grants.find(str(tmp_path / 'public-not' / 'file'), 1) is None


def test_all_files(tmp_path):
    grants = Grants()
    grants.add('/', ONE, is_prefix=True)
    assert grants.find('/etc/passwd', 1)


def test_links_count_as_where_they_lead_to(tmp_path):
    (tmp_path / 'public').mkdir()
    (tmp_path / 'secret').write_bytes(b'')
    (tmp_path / 'public' / 'escape').symlink_to('../secret')
    (tmp_path / 'link').symlink_to('public')
    (tmp_path / 'public' / 'file').write_bytes(b'')
    grants = Grants()
    grants.add(str(tmp_path / 'link'), ONE, is_prefix=True)
    assert grants.find(str(tmp_path / 'public' / 'escape'), 1) is None
    assert grants.find(str(tmp_path / 'link' / 'file'), 1) == raw(tmp_path / 'public' / 'file')
    grants.add(str(tmp_path / 'public' / 'escape'), ONE)
    assert grants.find(str(tmp_path / 'secret'), 1)


def test_what_is_not_there_cannot_be_granted(tmp_path):
    with pytest.raises(FileNotFoundError):
        Grants().add(str(tmp_path / 'nothing'), ONE)
