"""Artifacts: the service of the module `artifact`. It has each artifact once in a run, for all hosts."""

import fcntl
import logging
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from svcfw.ansible.services.granting import let_fetch
from svcfw.ansible.services.ready.artifact_cache import ArtifactCache, Known
from svcfw.ansible.services.ready.attested import requested
from svcfw.ansible.services.ready.download import ArtifactError, digest, download, shown
from svcfw.core.message import Message
from svcfw.core.router import Router
from svcfw.service.deduplicating import DeduplicatingInvoker
from svcfw.service.exposed import arg_spec, expose
from svcfw.service.policy import AllowAny
from svcfw.service.request import Request
from svcfw.service.service import Service

NAME = 'svcfw.ansible.services.ready.artifacts.Artifacts'
#: At the same time.
MAX_DOWNLOADS = 8
_RUN_PREFIX = 'run-'

_log = logging.getLogger(__name__)


class _Invoker(DeduplicatingInvoker):
    """All who ask for the same share one execution, and each has to be allowed it."""

    def enqueue(self, request: Request) -> Request | None:
        cast(Artifacts, self.service).admit(request)
        return super().enqueue(request)


class Artifacts(Service):
    """Who may have what is said by tasks (svcfw.ansible.services.ready.attested)."""

    invoker_class = _Invoker
    max_running = MAX_DOWNLOADS  # type: ignore[assignment]

    def __init__(self, router: Router) -> None:
        super().__init__(router)
        #: By their keys: what tasks have asked for.
        self._requests: dict[str, dict[str, Any]] = {}
        folder = _folder()
        self._cache = ArtifactCache(folder)
        self._run = _RunFolder(folder)

    @expose(policy=AllowAny())  # type: ignore[untyped-decorator]
    @arg_spec(spec={'key': str})  # type: ignore[untyped-decorator]
    def obtain(self, key: str) -> dict[str, Any]:
        """Where the artifact is for the caller to fetch: {'path', 'sha256'}. ArtifactError."""
        request = self._requests[key]
        if 'path' in request:
            return self._local(**request)
        path = self._run.place(key)
        sha256 = self._from_cache(path, **request) or self._from_server(path, **request)
        return {'path': path, 'sha256': sha256}

    def admit(self, request: Request) -> None:
        """Let the caller have what its task asks for. Loop thread. RefusedError."""
        key = request.arguments()['key']
        asked = self._requests[key] = requested(cast(Message, request), NAME, key)
        let_fetch(cast(Message, request), asked.get('path') or self._run.place(key))

    def on_shutdown(self) -> None:
        self._run.remove()

    @staticmethod
    def _local(path: str, checksum: str | None, version: str) -> dict[str, Any]:
        """A file of the controller; `version` only tells it from what it was before."""
        try:
            _check(path, path, checksum)
            return {'path': path, 'sha256': digest(path)}
        except OSError as exc:
            raise ArtifactError(f'{path}: {exc.strerror or exc}') from exc

    def _from_cache(self, path: str, url: str, checksum: str | None) -> str | None:
        """Without a word to the server, where the content is known by its checksum; its SHA-256."""
        algorithm, _, wanted = (checksum or '').partition(':')
        known = self._cache.known(url)
        sha256 = wanted if algorithm == 'sha256' else known and known.sha256
        if checksum is None or sha256 is None or not self._cache.take(sha256, path):
            return None
        return sha256 if digest(path, algorithm) == wanted else None

    def _from_server(self, path: str, url: str, checksum: str | None) -> str:
        known = self._cache.known(url) if checksum is None else None
        fresh = path + '.new'  # what hosts have been told of is never half
        try:
            validators = download(url, fresh, known and known.validators)
            if validators is None and known is not None:
                if self._cache.take(known.sha256, fresh):
                    os.replace(fresh, path)
                    return known.sha256
                validators = download(url, fresh)
            assert validators is not None
            _log.info('downloaded %s', shown(url))
            _check(fresh, shown(url), checksum)
            sha256 = digest(fresh)
            os.replace(fresh, path)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(fresh)
        self._cache.keep(url, Known(sha256, validators), path)
        return sha256


def _check(path: str, name: str, checksum: str | None) -> None:
    if checksum is not None:
        algorithm, _, wanted = checksum.partition(':')
        found = digest(path, algorithm)
        if found != wanted:
            raise ArtifactError(f'{name}: its checksum is {algorithm}:{found}, not {checksum}')


def _folder() -> Path:
    return Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache', 'svcfw', 'artifacts')


class _RunFolder:
    """What hosts of this run fetch: other runs, and the bound of the cache, leave it alone. Gone with the run."""

    def __init__(self, folder: Path) -> None:
        try:
            _remove_left_behind(folder)
            self._path, self._lock = _locked_folder(folder)
        except OSError:
            self._path, self._lock = _locked_folder(None)

    def place(self, key: str) -> str:
        return os.path.join(self._path, key)

    def remove(self) -> None:
        shutil.rmtree(self._path, ignore_errors=True)
        os.close(self._lock)


def _locked_folder(where: Path | None) -> tuple[str, int]:
    """A new folder and its lock, which says that its run is there. OSError."""
    while True:
        path = tempfile.mkdtemp(prefix=_RUN_PREFIX if where else 'svcfw-artifacts-', dir=where)
        with suppress(FileNotFoundError):  # another run has taken it for one left behind
            lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if os.path.isdir(path):
                return path, lock
            os.close(lock)


def _remove_left_behind(folder: Path) -> None:
    """Folders of runs that were killed."""
    for path in folder.glob(f'{_RUN_PREFIX}*'):
        with suppress(OSError):
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(fd)
