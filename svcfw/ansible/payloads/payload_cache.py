"""Caches the payloads that ansible-core builds of its own modules from run to run.

Core scans a module's imports and packs them with it when a run first uses it: 120 to 300 ms of the controller's CPU for
each module and run, more than everything else a usual task costs. It keeps the result in a folder of the run. The cache
puts it there again as long as core would build exactly the same: only for modules of ansible-core itself, for exactly
these files of it (path, size, time), and only while no other folder of `module_utils` could precede core's. From 2.19
on, whose names in that folder distinguish core's own modules from others of the same name.

The folder's layout is core's own. If it changes, the cache has no effect, and `off` says so.
"""

import hashlib
import os
import re
import shutil
import sys
from pathlib import Path

import ansible
from ansible import constants
from ansible.plugins import loader

from svcfw.mux import rundir

core_version = str(getattr(ansible, '__version__', '0.0'))
_FIRST_CORE = (2, 19)
_OWN_MODULES = 'ansible.modules.'
_CORE = Path(ansible.__file__).parent
#: Files and folders of ansible-core that determine the payloads of its modules.
_SOURCES = ('modules', 'module_utils', 'executor', 'config', '_internal')
#: Marks a run's folder as processed.
_MARKER = '.svcfw'
_DIGEST = '.sha256'
#: Versions of ansible-core whose payloads are kept: several installations, or one under development.
MAX_STATES = 5


class PayloadCache:
    """The payloads of one run and the cached ones. File errors are ignored: then core builds the payload.

    run_folder: ansible-core's folder for this run; kept: ours. `off`: how this core differs from the known ones.
    """

    def __init__(self, run_folder: Path | None = None, kept: Path | None = None) -> None:
        self.off = ''
        self._run_folder = run_folder or _core_folder()
        self._kept = kept or Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache', 'svcfw', 'payloads')

    def offer(self) -> None:
        """Copy cached payloads to the run's folder, once; remove them if core might now build something else."""
        if _version(core_version) < _FIRST_CORE:
            return
        if self._run_folder is None:
            self.off = 'this ansible-core has no DEFAULT_LOCAL_TMP'
            return
        try:
            if _has_other_module_utils():
                self._withdraw()
            elif not (self._run_folder / _MARKER).exists():
                self._fill()
        except (OSError, rundir.RundirError):
            pass
        except (AttributeError, TypeError) as exc:
            self.off = f'the folders of module_utils cannot be told: {exc!r}'

    def keep(self, fqn: str) -> None:
        """Cache what core has built of the module `fqn` in this run."""
        if self._run_folder is None or not fqn.startswith(_OWN_MODULES):
            return
        try:
            state = self._kept / (self._run_folder / _MARKER).read_text()
            all_built = list(self._run_folder.glob(f'{fqn}-*-none'))
            if not all_built:
                self.off = f'this ansible-core keeps what it builds in another place than {self._run_folder.name}'
            for built in all_built:
                if not built.is_symlink() and not (state / built.name).exists():
                    _store(state, built.name, built.read_bytes())
        except OSError:
            pass  # no marker: this run's folder was not processed

    def _fill(self) -> None:
        assert self._run_folder is not None
        self._kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        rundir.make_private(self._kept)
        state = self._kept / fingerprint()
        if not state.exists():
            self._forget_old_states()
        rundir.make_private(state)
        self._run_folder.mkdir(mode=0o700, exist_ok=True)
        for payload in state.glob(f'{_OWN_MODULES}*-none'):
            if _is_whole(payload):
                try:
                    os.symlink(payload, self._run_folder / payload.name)
                except FileExistsError:
                    pass
        (self._run_folder / _MARKER).write_text(state.name)

    def _withdraw(self) -> None:
        assert self._run_folder is not None
        for payload in self._run_folder.glob(f'{_OWN_MODULES}*-none'):
            if payload.is_symlink():
                payload.unlink(missing_ok=True)
        # Nothing that is built from here on is cached.
        (self._run_folder / _MARKER).write_text('')

    def _forget_old_states(self) -> None:
        states = sorted(self._kept.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
        for state in states[MAX_STATES - 1 :]:
            shutil.rmtree(state, ignore_errors=True)


def _core_folder() -> Path | None:
    folder = getattr(constants, 'DEFAULT_LOCAL_TMP', None)
    return Path(folder, 'ansiballz_cache') if folder else None


def fingerprint() -> str:
    """Identifies the files of ansible-core and the interpreter; takes some 2 ms."""
    digest = hashlib.sha256(f'{sys.version} {core_version} {_CORE}'.encode())
    for name in _SOURCES:
        for folder, folders, files in os.walk(_CORE / name):
            folders[:] = sorted(each for each in folders if each != '__pycache__')
            for file in sorted(files):
                status = os.stat(f'{folder}/{file}')
                digest.update(
                    f'{folder}/{file} {status.st_size} {status.st_mtime_ns}\n'.encode(errors='surrogateescape')
                )
    return digest.hexdigest()[:32]


def _has_other_module_utils() -> bool:
    """Whether modules could import other `module_utils` than core's."""
    own = os.path.realpath(_CORE / 'module_utils')
    folders = loader.module_utils_loader.print_paths().split(os.pathsep)
    return any(os.path.isdir(folder) and os.path.realpath(folder) != own for folder in folders)


def _store(state: Path, name: str, content: bytes) -> None:
    """Write a payload and its digest, so that a crash leaves no partial file under its name."""
    for suffix, data in ((_DIGEST, hashlib.sha256(content).hexdigest().encode()), ('', content)):
        part = state / f'{name}{suffix}.{os.getpid()}'
        with open(part, 'xb') as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.rename(state / (name + suffix))


def _is_whole(payload: Path) -> bool:
    """Whether a cached payload is what was stored; removes it if not."""
    try:
        whole = (
            hashlib.sha256(payload.read_bytes()).hexdigest() == payload.with_name(payload.name + _DIGEST).read_text()
        )
    except FileNotFoundError:
        whole = False
    if not whole:
        payload.unlink(missing_ok=True)
    return whole


def _version(text: str) -> tuple[int, int]:
    found = re.match(r'(\d+)\.(\d+)', text)
    return (int(found[1]), int(found[2])) if found else (0, 0)
