"""Data files for `importlib.resources.files` of Python 3.9, which supports only folders and zip files.

It makes a `zipfile.Path` of `spec.loader.archive`. Archive provides what that class needs.
"""

import zipfile


class Archive(zipfile.CompleteDirs):
    """Makes the package look like one in a zip file. folder: an Entry of `data`; root: a path."""

    mode = 'r'

    def __init__(self, folder, root):
        self.filename = root
        self._folder = folder
        self._at = str(folder)[len(root) + 1 :] + '/'

    def __del__(self):
        """No-op: there is no file to close."""

    def __fspath__(self):
        return self.filename

    def namelist(self):
        return [self._at, *self._names(self._at, self._folder)]

    def _names(self, at, folder):
        for entry in folder.iterdir():
            yield at + entry.name + ('/' if entry.is_dir() else '')
            if entry.is_dir():
                for name in self._names(at + entry.name + '/', entry):
                    yield name

    def _name_set(self):
        return self

    def __contains__(self, name):
        entry = self._entry(name)
        return entry.is_dir() if name.endswith('/') else entry.is_file()

    def open(self, name, mode='r', pwd=None, force_zip64=False):
        return self._entry(name).open('rb')

    def _entry(self, name):
        return self._folder.joinpath(name[len(self._at) :] if name.startswith(self._at) else '..')
