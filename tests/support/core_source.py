"""ansible-core's own tests, out of the source distribution of the release that is installed.

Downloaded from PyPI on first use and kept beside the environments (see venvs.py); nothing of it is in this repository.
"""

import re
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from tests.support.venvs import Core, cache, locked, site_packages

TARGETS = 'test/integration/targets'


def need_source(core: Core) -> Path:
    """The folder that holds `test/` of `core`'s very release; CalledProcessError if pip cannot download it."""
    directory = cache() / 'sources' / f'ansible_core-{release(core)}'
    directory.parent.mkdir(parents=True, exist_ok=True)
    with locked(directory):
        if not directory.exists():
            with tempfile.TemporaryDirectory(dir=directory.parent) as scratch:
                archive = download(core, Path(scratch))
                shutil.move(unpack(archive, Path(scratch)), directory)
    return directory


def release(core: Core) -> str:
    """The exact version installed: '2.21.5'."""
    (metadata,) = site_packages(core).glob('ansible_core-*.dist-info')
    return metadata.name.removeprefix('ansible_core-').removesuffix('.dist-info')


def download(core: Core, folder: Path) -> Path:
    """Fetch the source distribution into `folder`."""
    base = cache() / 'venvs' / f'core-{core.line}' / 'bin' / 'python'
    pip = [base, '-m', 'pip', 'download', '-q', '--disable-pip-version-check', '--no-deps']
    source = ['--no-binary', 'ansible-core', f'ansible-core=={release(core)}']
    subprocess.run([*pip, *source, '--dest', folder], check=True)
    (archive,) = folder.glob('ansible_core-*.tar.gz')
    return archive


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack what the integration tests need (`test/`); returns the folder above it."""
    wanted = re.compile(r'[^/]+/test/(integration|lib|support)/')
    with tarfile.open(archive) as tar:
        # 'tar', not 'data': targets have links that lead out of the archive on purpose.
        tar.extractall(folder, [each for each in tar if wanted.match(each.name)], filter='tar')
    return folder / archive.name.removesuffix('.tar.gz')
