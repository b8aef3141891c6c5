"""The collections that parity is tested with, from PyPI's `ansible` package of the same ansible-core.

Only three of its ninety collections are kept (13 of 300 MB), below the tests' cache: `collections/12` and so on.
"""

import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

from tests.support.need import need
from tests.support.venvs import cache, locked

#: The release line of PyPI's `ansible` for each line of ansible-core.
PACKAGES = {'2.16': '9', '2.17': '10', '2.18': '11', '2.19': '12', '2.20': '13', '2.21': '14'}
COLLECTIONS = ('ansible/posix', 'community/general', 'community/crypto')


def need_collections(line: str, python: Path) -> Path:
    """The folder for ANSIBLE_COLLECTIONS_PATH, fetched with `python`'s pip on first use; skips if that fails."""
    package = PACKAGES[line]
    top = cache() / 'collections'
    folder = top / package
    top.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        if not folder.exists():
            problem = fetch(package, python, folder)
            need('collections', problem is None, f'no collections of ansible {package}: {problem}')
    return folder


def fetch(package: str, python: Path, folder: Path) -> str | None:
    """Put those of `ansible` line `package` into `folder`, whole or not at all; returns the problem, or None."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as directory:
        pip = [python, '-m', 'pip', 'download', '-q', '--no-deps', '--only-binary', ':all:', '--no-cache-dir']
        done = subprocess.run([*pip, '-d', directory, f'ansible=={package}.*'], capture_output=True, text=True)
        if done.returncode:
            return done.stderr.strip()
        (wheel,) = Path(directory).glob('ansible-*.whl')
        wanted = tuple(f'ansible_collections/{name}/' for name in COLLECTIONS)
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(directory, [name for name in archive.namelist() if name.startswith(wanted)])
        wheel.unlink()
        made = Path(directory) / 'made'
        made.mkdir(mode=0o755)
        shutil.move(Path(directory) / 'ansible_collections', made)
        made.rename(folder)
    return None
