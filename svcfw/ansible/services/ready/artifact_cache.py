"""ArtifactCache: what was downloaded in earlier runs, and what servers said of it. Any thread, several processes."""

import hashlib
import json
import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple

from svcfw.ansible.services.ready.download import Validators
from svcfw.files.disk.beside import Beside
from svcfw.files.disk.descriptors import write_all
from svcfw.files.disk.paths import decoded, temporary_name
from svcfw.files.store.cache_folder import CacheFolder
from svcfw.service.errors import CacheFolderError

#: Of contents; those that were used least lately go first.
MAX_BYTES = 4 << 30
#: URLs of which it is known what they led to.
MAX_URLS = 2000
_PIECE_BYTES = 1 << 20

_log = logging.getLogger(__name__)


class Known(NamedTuple):
    """What a URL led to the last time, in hexadecimal, and what tells whether that is so still."""

    sha256: str
    validators: Validators


class ArtifactCache:
    """The folders `contents` and `urls` below `folder`. Where they cannot be had safely nothing is kept."""

    def __init__(self, folder: Path, max_bytes: int = MAX_BYTES) -> None:
        self._urls = folder / 'urls'
        self._contents: CacheFolder | None = None
        try:
            for each in (folder, self._urls):
                each.mkdir(mode=0o700, parents=True, exist_ok=True)
            CacheFolder(str(self._urls), 0)  # of its checks alone
            self._contents = CacheFolder(str(folder / 'contents'), max_bytes)
        except (CacheFolderError, OSError) as exc:
            _log.warning('nothing is kept for the next run: %s', exc)

    def known(self, url: str) -> Known | None:
        """What is known of a URL whose content is there."""
        if self._contents is None:
            return None
        try:
            sha256, etag, last_modified = json.loads(self._place(url).read_text())
            known = Known(sha256, Validators(etag, last_modified))
            return known if self._contents.holds(bytes.fromhex(sha256)) else None
        except (OSError, ValueError, TypeError):
            return None

    def take(self, sha256: str, to: str) -> bool:
        """Copy a content to the file `to`; False, and no content there, if it is not here as it was."""
        digest = bytes.fromhex(sha256)
        fd = None if self._contents is None else self._contents.open(digest)
        if fd is None:
            return False
        found = hashlib.sha256()
        with open(fd, 'rb') as source, open(to, 'wb') as target:
            for piece in _pieces(source):
                found.update(piece)
                target.write(piece)
        if found.digest() == digest:
            return True
        assert self._contents is not None
        self._contents.drop(digest)
        return False

    def keep(self, url: str, known: Known, path: str) -> None:
        """Keep the file `path`, to which a URL has led."""
        if self._contents is None:
            return
        with open(path, 'rb') as file:
            size = os.fstat(file.fileno()).st_size
            if not self._contents.put(bytes.fromhex(known.sha256), _pieces(file), size):
                return
        place = self._place(url)
        try:
            fresh = Beside(str(place.with_name(decoded(temporary_name()))), str(place))
            try:
                write_all(fresh.fd, json.dumps((known.sha256, *known.validators)).encode())
                fresh.put_in_place()
            finally:
                fresh.abandon()
            self._forget_oldest()
        except OSError as exc:
            _log.warning('what is known of a URL is not kept: %s', exc)

    def _place(self, url: str) -> Path:
        return self._urls / f'{hashlib.sha256(url.encode()).hexdigest()}.json'

    def _forget_oldest(self) -> None:
        entries = list(os.scandir(self._urls))
        if len(entries) > MAX_URLS:
            for entry in sorted(entries, key=lambda entry: entry.stat().st_mtime)[: len(entries) - MAX_URLS]:
                with suppress(OSError):
                    os.unlink(entry.path)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(_PIECE_BYTES):
        yield piece
