"""An importer for the members of one payload, from memory."""

import importlib.machinery
import sys

#: Path of modules in memory. Nothing can exist below a device, and a path inside a zip is not real either.
MEMORY_ROOT = '/dev/null/svcfw/ansible_payload.zip'
#: Of so many payloads what is in them is kept ready, 10 KB each.
MAX_INDEXES = 64


class MemoryFinder(object):
    """Finder and loader in one (`sys.meta_path`), for a `Members` store and one member list at a time."""

    def __init__(self, members):
        self._members = members
        self._index = {}
        self._member_list = None
        self._indexes = {}  # the id of a member list: (it, its index)
        self._prepared = {}  # the same of those whose sources are compiled: it
        self._main = None
        self.root = MEMORY_ROOT

    def use(self, member_list, main, root=MEMORY_ROOT):
        """Serve `member_list` (list of (name, digest)) from now on; `main` is the module that runs as `__main__`.

        `root` is what `__file__` begins with: the payload's zip if there is one on the disk.
        """
        if member_list is not self._member_list:
            # Do not touch the same list again: each object touched in a fork is a copied page.
            self._member_list = member_list
            self._index = self._index_of(member_list)
        self._main = main
        self.root = root

    def carries(self, digests):
        """True if the member list has each of `digests` (dict: module name to digest) (bool)."""
        index = self._index
        return all(name in index and index[name][1] == digest for name, digest in digests.items())

    def digests(self, names):
        """Digests of those modules in `names` that the member list has: dict of name to digest."""
        return {name: self._index[name][1] for name in names if name in self._index}

    def prepare(self):
        """Compile in advance whatever is not compiled yet."""
        if id(self._member_list) not in self._prepared:
            for name, digest, _ in self._index.values():
                self._members.prepare(digest, MEMORY_ROOT + '/' + name)
            self._prepared[id(self._member_list)] = self._member_list

    def _index_of(self, member_list):
        """Of a loop's task, two modules take turns."""
        known = self._indexes.get(id(member_list))
        if known is None:
            if len(self._indexes) >= MAX_INDEXES:
                self._indexes, self._prepared = {}, {}
            known = self._indexes[id(member_list)] = member_list, index_of(member_list)
        return known[1]

    # --- the protocol of importers ---

    def find_spec(self, fullname, path=None, target=None):
        entry = self._index.get(fullname)
        if entry is None:
            return None
        filename = self.get_filename(fullname)
        # As a loader it has the protocol's methods; the base class would import all of importlib.abc.
        spec = importlib.machinery.ModuleSpec(fullname, None, origin=filename, is_package=entry[2])
        setattr(spec, 'loader', self)  # noqa: B010
        spec.has_location = True
        if entry[2]:
            spec.submodule_search_locations.append(filename.rpartition('/')[0])
        return spec

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(self.get_code(module.__name__), module.__dict__)

    def get_code(self, fullname):
        name, digest, _ = self._entry(fullname)
        return self._members.code(digest, MEMORY_ROOT + '/' + name)

    def get_source(self, fullname):
        """Called for tracebacks, also with the name `__main__`: may raise only ImportError."""
        content = self._members.content(self._entry(fullname)[1])
        return sys.modules['importlib.util'].decode_source(content)

    def get_filename(self, fullname):
        return self.root + '/' + self._entry(fullname)[0]

    def is_package(self, fullname):
        return self._entry(fullname)[2]

    def get_data(self, path):
        raise OSError('not kept as a file: ' + path)

    def _entry(self, fullname):
        entry = self._index.get(self._main if fullname == '__main__' else fullname)
        if entry is None:
            raise ImportError('not in the payload: ' + fullname, name=fullname)
        return entry


def index_of(member_list):
    """{module name: (member name, digest, is a package)} of the Python sources in a member list."""
    index = {}
    for name, digest in member_list:
        if name.endswith('/__init__.py'):
            index[name[:-12].replace('/', '.')] = (name, digest, True)
        elif name.endswith('.py'):
            index[name[:-3].replace('/', '.')] = (name, digest, False)
    return index
