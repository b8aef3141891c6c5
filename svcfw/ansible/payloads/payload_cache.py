"""Caches the payloads that ansible-core builds of its own modules from run to run.

Core scans a module's imports and packs them with it when a run first uses it: 120 to 300 ms of the controller's CPU for
each module and run, more than everything else a usual task costs. It keeps the result in a folder of the run. The cache
puts it there again as long as core would build exactly the same: only for modules of ansible-core itself, for exactly
these files of it (path, size, time), and only while no other folder of `module_utils` has a module by a name of core's.
Only from 2.19 on: before, the names in that folder do not tell core's own modules from others of the same name.

That folder is core's own affair. Should its layout change, nothing here has any effect, and `off` says so.

Core loads these files as pickles, so they can run code here, as their contents do on targets. A cache folder is what CI
systems restore and users share: each file counts only with a digest keyed with a secret that is kept elsewhere, and
what is offered is the very bytes that were checked.
"""

import hashlib
import hmac
import os
import secrets
import shutil
import stat
import sys
from pathlib import Path

import ansible
from ansible import constants
from ansible.plugins import loader

from svcfw.ansible.payloads import audited
from svcfw.mux import rundir

core_version = str(getattr(ansible, '__version__', '0.0'))
_FIRST_CORE = (2, 19)
_OWN_MODULES = 'ansible.modules.'
_CORE = Path(ansible.__file__).parent
_MODULE_UTILS = os.path.realpath(_CORE / 'module_utils')
#: Files and folders of ansible-core that determine the payloads of its modules.
_SOURCES = ('modules', 'module_utils', 'executor', 'config', '_internal')
#: Marks a run's folder as looked after: the name of the state, then those of the payloads that are from us.
_MARKER = '.svcfw'
_DIGEST = '.hmac'
_KEY_BYTES = 32
#: States of ansible-core whose payloads are kept: several installations, or one that is being worked on.
MAX_STATES = 5


class PayloadCache:
    """The payloads of one run and the cached ones. File errors are ignored: then core builds the payload.

    run_folder: ansible-core's folder for this run; kept: ours; key: the file with the secret of ours, outside of that.
    `off`: what this core does in another way than we know.
    """

    def __init__(self, run_folder: Path | None = None, kept: Path | None = None, key: Path | None = None) -> None:
        self.off = ''
        self._run_folder = run_folder or _core_folder()
        self._given = kept, key
        self._done: set[str] = set()

    @property
    def _kept(self) -> Path:
        """Seldom needed, and each worker would look for the home anew."""
        return self._given[0] or Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache', 'svcfw', 'payloads')

    @property
    def _key(self) -> Path:
        state_home = os.environ.get('XDG_STATE_HOME') or Path.home() / '.local' / 'state'
        return self._given[1] or Path(state_home, 'svcfw', 'payloads.key')

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
        if self._run_folder is None or fqn in self._done or not fqn.startswith(_OWN_MODULES):
            return
        self._done.add(fqn)
        try:
            state_name, *offered = (self._run_folder / _MARKER).read_text().split('\n')
            if not state_name:
                return
            state = self._kept / state_name
            # Each worker does this anew, so no glob and no expression: 2 ms.
            all_built = [
                name for name in os.listdir(self._run_folder) if name.startswith(f'{fqn}-') and name.endswith('-none')
            ]
            if not all_built:
                self.off = f'this ansible-core keeps what it builds in another place than {self._run_folder.name}'
            for name in all_built:
                if name not in offered and not (state / name).exists():
                    _store(state, name, (self._run_folder / name).read_bytes(), self._secret())
        except (OSError, rundir.RundirError):
            pass  # no marker: this run is not looked after

    def _fill(self) -> None:
        assert self._run_folder is not None
        self._kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        rundir.make_private(self._kept)
        state = self._kept / fingerprint()
        if not state.exists():
            self._forget_old_states()
        rundir.make_private(state)
        self._run_folder.mkdir(mode=0o700, exist_ok=True)
        secret = self._secret()
        offered = [payload.name for payload in state.glob(f'{_OWN_MODULES}*-none') if self._offer(payload, secret)]
        (self._run_folder / _MARKER).write_text('\n'.join([state.name, *offered]))

    def _offer(self, payload: Path, secret: bytes) -> bool:
        """Copy a kept payload into the run's folder; False if it is not what was stored, or if core was faster."""
        assert self._run_folder is not None
        content = _checked(payload, secret)
        if content is None:
            return False
        part = self._run_folder / f'.{payload.name}.{os.getpid()}'
        part.write_bytes(content)
        try:
            os.link(part, self._run_folder / payload.name)
        except FileExistsError:
            return False
        finally:
            part.unlink()
        return True

    def _secret(self) -> bytes:
        """The key of the digests, made if there is none. RundirError, OSError for one that others can read."""
        self._key.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._key.exists():
            part = self._key.with_name(f'{self._key.name}.{os.getpid()}')
            fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(fd, 'wb') as file:
                file.write(secrets.token_bytes(_KEY_BYTES))
            try:
                os.link(part, self._key)
            except FileExistsError:
                pass
            finally:
                part.unlink()
        with open(os.open(self._key, os.O_RDONLY | os.O_NOFOLLOW), 'rb') as file:
            status = os.fstat(file.fileno())
            key = file.read()
        is_ours = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o077
        if not is_ours or len(key) != _KEY_BYTES:
            raise rundir.RundirError(f'{self._key} is not a key that only its owner can read: remove it')
        return key

    def _withdraw(self) -> None:
        assert self._run_folder is not None
        marker = self._run_folder / _MARKER
        for name in marker.read_text().split('\n')[1:] if marker.exists() else ():
            (self._run_folder / name).unlink(missing_ok=True)
        # Nothing that is built from here on is kept.
        marker.write_text('')

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
    """Whether core's modules could import other `module_utils` than core's: a folder before these has one of their
    names."""
    others = [
        folder
        for folder in loader.module_utils_loader.print_paths().split(os.pathsep)
        if folder != _MODULE_UTILS and os.path.isdir(folder) and os.path.realpath(folder) != _MODULE_UTILS
    ]
    return bool(others) and not _names(_MODULE_UTILS).isdisjoint(name for folder in others for name in _names(folder))


def _names(folder: str) -> set[str]:
    """Of the modules in it, however they are written. Core makes its package itself, whatever `__init__` there is."""
    return {name.partition('.')[0].casefold() for name in os.listdir(folder)} - {'__init__', '__pycache__'}


def _store(state: Path, name: str, content: bytes, secret: bytes) -> None:
    """Write a payload and its digest, each at once under its name.

    Nothing waits for the disk: whatever a crash leaves behind, only what fits its digest is used.
    """
    for suffix, data in ((_DIGEST, _digest(state / name, content, secret)), ('', content)):
        part = state / f'{name}{suffix}.{os.getpid()}'
        with open(part, 'xb') as file:
            file.write(data)
        part.rename(state / (name + suffix))


def _digest(payload: Path, content: bytes, secret: bytes) -> bytes:
    """Also of what the payload is: another one of ours is not good in its place."""
    about = f'{payload.parent.name}/{payload.name}\0'.encode()
    return hmac.digest(secret, about + content, 'sha256')


def _checked(payload: Path, secret: bytes) -> bytes | None:
    """The content of a kept payload, if it is what was stored; one that is not is removed."""
    try:
        content = payload.read_bytes()
        if hmac.compare_digest(
            _digest(payload, content, secret), payload.with_name(payload.name + _DIGEST).read_bytes()
        ):
            return content
    except FileNotFoundError:
        pass
    payload.unlink(missing_ok=True)
    return None


def _version(text: str) -> tuple[int, int]:
    major, minor = audited.line(text).split('.')
    return int(major), int(minor)
