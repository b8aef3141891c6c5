"""Data files of fetched packages, for `pkgutil.get_data` and `importlib.resources`.

They are requested on use, and not cached here. The program at the root answers (svcfw.boot.responder), within its
limits. The loader (svcfw/boot/loader.py) imports this on first use.
"""

import errno
import io
import os
import sys

from svcfw.core import handles
from svcfw.core.wire.errors import CallError, ChannelError

#: Apparent folder of fetched packages, and prefix of `__file__` of their modules.
ROOT = '<svcfw>'


class Data(object):
    """The loader's part for data files of the module `name`. Any thread; each question is a round trip.

    router: of this context; sources: the loader's, see there.
    """

    def __init__(self, router, sources, name):
        self._router = router
        self._sources = sources
        self._name = name

    def get_data(self, path):
        """The content (bytes) of a file in a package, by a path derived from `__file__` of its modules. Raises
        OSError."""
        parts = os.path.normpath(path).split('/')
        for length in range(len(parts) - 1, 1, -1):
            package = '.'.join(parts[1:length])
            if parts[0] == ROOT and self._is_package(package):
                return DataEntry(self._router, package, parts[length:]).read_bytes()
        raise FileNotFoundError(errno.ENOENT, 'no file of a package that came from above', path)

    def get_resource_reader(self, name):
        """The resources of a package, or of the one that contains a module; None for a module in none."""
        if not self._is_package(name):
            name = name.rpartition('.')[0]
        return Resources(DataEntry(self._router, name, ())) if self._is_package(name) else None

    @property
    def archive(self):
        """A zip file with the package for Python 3.9. Raises AttributeError in all other versions."""
        reader = self.get_resource_reader(self._name) if sys.version_info[:2] == (3, 9) else None
        if reader is None:
            raise AttributeError('archive')
        from svcfw.core.datafiles.archive import Archive

        return Archive(reader.files(), ROOT)

    def _is_package(self, name):
        return name in self._sources and self._sources[name][2]


class Resources(object):
    """The resources of one package: `importlib.abc.ResourceReader` and `TraversableResources`."""

    def __init__(self, folder):
        self._folder = folder

    def files(self):
        return self._folder

    def open_resource(self, resource):
        return self._folder.joinpath(resource).open('rb')

    def resource_path(self, resource):
        raise FileNotFoundError(resource)  # it has none: the caller makes a temporary file

    def is_resource(self, name):
        return self._folder.joinpath(name).is_file()

    def contents(self):
        return [entry.name for entry in self._folder.iterdir()]


class DataEntry(object):
    """A file or folder in a package, existing or not: `importlib.resources.abc.Traversable`."""

    def __init__(self, router, package, parts, is_folder=None):
        """is_folder: bool, if known."""
        self._router = router
        self._package = package
        self._parts = tuple(parts)
        self._is_folder = is_folder

    def __repr__(self):
        return 'Entry(%s)' % self

    def __str__(self):
        return '/'.join((ROOT, self._package.replace('.', '/')) + self._parts)

    def __eq__(self, other):
        return isinstance(other, DataEntry) and str(other) == str(self)

    def __hash__(self):
        return hash(str(self))

    @property
    def name(self):
        return self._parts[-1] if self._parts else self._package.rpartition('.')[2]

    def joinpath(self, *descendants):
        parts = [part for path in descendants for part in str(path).split('/') if part not in ('', '.')]
        return DataEntry(self._router, self._package, self._parts + tuple(parts))

    def __truediv__(self, child):
        return self.joinpath(child)

    def is_dir(self):
        return isinstance(self._ask(False), list) if self._is_folder is None else self._is_folder

    def is_file(self):
        return self._ask(False) is True if self._is_folder is None else not self._is_folder

    def iterdir(self):
        found = self._ask(False)
        if not isinstance(found, list):
            number = errno.ENOENT if found is None else errno.ENOTDIR
            raise OSError(number, os.strerror(number), str(self))
        return (DataEntry(self._router, self._package, self._parts + (name,), is_folder) for name, is_folder in found)

    def read_bytes(self):
        found = self._ask(True)
        if not isinstance(found, bytes):
            number = errno.ENOENT if found is None else errno.EISDIR
            raise OSError(number, os.strerror(number), str(self))
        return found

    def read_text(self, encoding=None, errors=None):
        with self.open('r', encoding=encoding, errors=errors) as file:
            return file.read()

    def open(self, mode='r', *args, **kwargs):
        """A file object, only for reading; further arguments as for `io.TextIOWrapper`."""
        if mode not in ('r', 'rt', 'rb'):
            raise ValueError('a resource is opened with "r" or "rb", not %r' % (mode,))
        file = io.BytesIO(self.read_bytes())
        return file if mode == 'rb' else io.TextIOWrapper(file, *args, **kwargs)

    def _ask(self, wants_content):
        """None, True for a file or its content (bytes); of a folder (name, is it a folder) of each entry. Raises
        OSError."""
        try:
            question = self._package, list(self._parts), wants_content
            return self._router.importer.above().request(handles.GET_DATA, question)
        except (CallError, ChannelError) as e:
            raise OSError(errno.EIO, e.message if isinstance(e, CallError) else str(e), str(self))
