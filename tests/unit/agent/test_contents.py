"""Contents that an agent keeps: held ones are what their digest says, kept files are given only while unchanged."""

import hashlib
import os
from pathlib import Path

import pytest

from svcfw.agent.contents import MAX_KEPT, Contents, Kept


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


class TestHeld:
    def test_it_is_there_once_its_last_part_has_come(self) -> None:
        contents = Contents()
        digest = sha256(b'one two')
        contents.add(digest, b'one ', False)
        assert contents.get(digest) is None
        contents.add(digest, b'two', True)
        assert contents.get(digest) == b'one two'

    def test_two_may_arrive_at_the_same_time(self) -> None:
        contents = Contents()
        one, two = sha256(b'aabb'), sha256(b'ccdd')
        for digest, data, is_last in ((one, b'aa', False), (two, b'cc', False), (one, b'bb', True), (two, b'dd', True)):
            contents.add(digest, data, is_last)
        assert (contents.get(one), contents.get(two)) == (b'aabb', b'ccdd')

    def test_one_that_is_not_what_its_digest_says_is_dropped(self) -> None:
        contents = Contents()
        contents.add(sha256(b'good'), b'evil', True)
        assert contents.get(sha256(b'good')) is None
        contents.add(sha256(b'good'), b'good', True)
        assert contents.get(sha256(b'good')) == b'good'

    def test_what_is_dropped_is_gone(self) -> None:
        contents = Contents()
        contents.add(sha256(b'x'), b'x', True)
        contents.drop([sha256(b'x'), sha256(b'never there')])
        assert contents.get(sha256(b'x')) is None


class TestKept:
    @pytest.fixture
    def kept(self):
        made = Kept()
        yield made
        made.close()

    @staticmethod
    def put(kept: Kept, path: Path, content: bytes) -> bytes:
        path.write_bytes(content)
        digest = sha256(content)
        kept.add(digest, str(path))
        return digest

    def test_an_unchanged_file_can_be_read(self, kept: Kept, tmp_path: Path) -> None:
        fd = kept.open(self.put(kept, tmp_path / 'file', b'content'))
        assert fd is not None
        assert os.pread(fd, 100, 0) == b'content'
        os.close(fd)

    @pytest.mark.parametrize('change', ['removed', 'replaced', 'appended', 'touched'])
    def test_one_that_was_changed_cannot(self, kept: Kept, tmp_path: Path, change: str) -> None:
        path = tmp_path / 'file'
        digest = self.put(kept, path, b'content')
        if change == 'removed':
            path.unlink()
        elif change == 'replaced':
            (tmp_path / 'new').write_bytes(b'content')
            os.replace(tmp_path / 'new', path)
        elif change == 'appended':
            path.write_bytes(b'content and more')
        else:
            os.utime(path, (1, 1))
        assert kept.open(digest) is None

    def test_those_used_last_are_kept(self, kept: Kept, tmp_path: Path) -> None:
        digests = [self.put(kept, tmp_path / str(n), b'%d' % n) for n in range(MAX_KEPT)]
        os.close(kept.open(digests[0]))
        self.put(kept, tmp_path / 'more', b'more')
        assert kept.open(digests[1]) is None
        os.close(kept.open(digests[0]))

    def test_what_cannot_be_opened_is_not_kept(self, kept: Kept, tmp_path: Path) -> None:
        kept.add(b'digest', str(tmp_path / 'nowhere'))
        assert kept.open(b'digest') is None
