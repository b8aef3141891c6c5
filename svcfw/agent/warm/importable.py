"""The payload's entry of sys.path: modules come from memory, until another process has to import them.

multiprocessing's spawn and forkserver (the default from Python 3.14 on) give sys.path to a new interpreter, pickled or
as its repr(). Code that reads the entry for either gets the path of a real zip, which is written then. Other module
runs pay nothing.
"""

import os

from svcfw.agent.warm import zip_file


class Root(str):
    """`path`, where this process finds modules; the zip is made from `job` and `members`."""

    def __new__(cls, path, job, members):
        return str.__new__(cls, path)

    def __init__(self, path, job, members):
        self._job, self._members = job, members
        self._owner = os.getpid()
        self._folder = self._zip = None

    def __reduce_ex__(self, protocol):
        return str, (self._written(),)

    def __repr__(self):
        return repr(self._written())

    def remove(self):
        """The module has ended: remove the zip, if there is one. Not called in forks of the module."""
        if self._folder is not None and os.getpid() == self._owner:
            zip_file.remove_folder(self._folder)

    def _written(self):
        """The zip's path (str); if it cannot be written, that of the modules in memory."""
        if self._zip is None:
            try:
                self._folder = zip_file.make_folder(self._job)
                self._zip = zip_file.write(self._folder, self._job, self._members)
            except OSError:
                self._zip = str(self)
        return self._zip
