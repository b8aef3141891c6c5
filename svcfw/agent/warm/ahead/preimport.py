"""Imports what every module imports, once before the fork; and undoes it for payloads with other versions.

A module's own work takes a few milliseconds, the import of `module_utils` some fifty even from compiled code.
"""

import importlib.util
import os
import sys

from svcfw.agent.warm import child
from svcfw.agent.warm.ahead import spared

_COMMON = {
    'v1': ('ansible.module_utils.basic',),
    'v2': ('ansible.module_utils.basic', 'ansible.module_utils._internal._ansiballz._loader'),
}
#: Modules of the standard library that `basic` does not import, but those modules of ansible-core do which may follow
#: each other in one process (audited.MODULES, on the controller). A run that imports more ends it.
OFTEN = ('base64', 'codecs', 'filecmp', 'fnmatch', 'glob', 'grp', 'hmac')
# Its other name for what is __main__ as it is imported.
_MAIN_OF_MULTIPROCESSING = '__mp_main__'
_SIX = 'ansible.module_utils.six.'


class Preimport(object):
    """The `ansible` modules imported in the template; one object for a template."""

    def __init__(self, finder):
        self._finder = finder
        self._digests = {}
        self._learned = {}
        self._ahead = {}  # of modules of core: as of _imported, None for not yet
        self._tried = False
        self._judged = None
        self._fits = False

    def ensure(self, job):
        """Import for the first job what later ones will use too. Never raises; in the template only.

        The finder serves the job's members. Where an import fails, or refuses this Python by SystemExit, nothing is
        kept, and each module finds that out for itself.
        """
        if self._tried:
            return
        self._tried = True
        sys.path.insert(0, self._finder.root)
        try:
            for name in _COMMON[job.format]:
                importlib.import_module(name)
            if job.profile:
                _load_codecs(job.profile)
            spared.spare()
        except BaseException:
            _forget()
        finally:
            sys.path.remove(self._finder.root)
        self._digests = self._finder.digests([name for name in sys.modules if _is_ansible(name)])

    def learn(self, names):
        """Import what a run has imported (list of str), if it is of its payload or of the standard library.

        Of payloads, only what the member list has that the finder serves by now.
        """
        sys.path.insert(0, self._finder.root)
        try:
            for name in names:
                if name not in sys.modules and (self._finder.digests([name]) or _is_standard(name)):
                    _import_or_not(name)
        finally:
            sys.path.remove(self._finder.root)
        new = [name for name in sys.modules if _is_ansible(name) and name not in self._digests]
        self._learned.update(self._finder.digests(new))

    def import_ahead(self, fqn):
        """From the second job with this module of core on: import what it imports, for the forks that run it.

        Other forks do not get these modules (`settle`). Never raises; in the template only. The finder serves
        the module's payload.
        """
        if fqn not in self._ahead:
            self._ahead[fqn] = None
            return
        kept = self._ahead[fqn]
        if self._fits and (kept is None or not self._finder.carries(kept[1])):
            self._ahead[fqn] = {}, {}  # unless it can be done: each run imports for itself
            try:
                self._ahead[fqn] = self._imported(fqn)
            except Exception:
                pass

    def _imported(self, fqn):
        """What there is with the module that was not there before, without itself: ({name: module}, its digests).

        It is taken out again. Nothing if something is neither core's nor of the standard library: nobody watches
        whether it changes. What `six` refers to stays imported.
        """
        before = set(sys.modules)
        sys.path.insert(0, self._finder.root)
        try:
            _import_or_not(fqn)
        finally:
            sys.path.remove(self._finder.root)
        sys.modules.pop(_MAIN_OF_MULTIPROCESSING, None)
        held = [each for name, six in sys.modules.items() if name.startswith(_SIX) for each in vars(six).values()]
        new = {
            name: module
            for name, module in sys.modules.items()
            if name not in before and not name.startswith(_SIX) and not any(module is each for each in held)
        }
        for name in new:
            del sys.modules[name]
        for name in new:
            vars(_parent(name, new)).pop(name.rpartition('.')[2], None)
        child.clear_exit_functions()
        digests = self._finder.digests(new)
        is_whole = new.pop(fqn, None) is not None
        is_known = all(_is_ansible(name) or _is_standard(name) for name in new)
        return (new, digests) if is_whole and is_known else ({}, {})

    def _put_in(self, ahead):
        for name, module in ahead.items():
            if sys.modules.setdefault(name, module) is module:
                setattr(_parent(name, ahead), name.rpartition('.')[2], module)
        child.clear_exit_functions()

    def judge(self, member_list):
        """Before the fork: check whether the member list that the finder serves has exactly the imported modules."""
        if member_list is not self._judged:
            self._judged = member_list
            self._fits = bool(self._digests) and self._finder.carries(self._digests)

    def settle(self, member_list, is_core=False, fqn=''):
        """In the child of a job: keep the imported modules only if the job's payload has exactly those.

        is_core: it is one of core's own, which does not mind what others of its files are imported. fqn: the module, if
        it may have been prepared by `import_ahead`.
        """
        self.judge(member_list)
        digests = self._finder.digests(self._learned)
        if not self._fits or any(digests[name] != self._learned[name] for name in digests):
            _forget()
        elif not is_core:
            for name in self._learned.keys() - digests.keys():
                _forget_one(name)
        elif self._ahead.get(fqn) and self._finder.carries(self._ahead[fqn][1]):
            self._put_in(self._ahead[fqn][0])

    def forget_all(self):
        """Remove every `ansible` module from the interpreter."""
        _forget()


def _load_codecs(profile):
    # core looks the profile's encoder up by a module name made at run time
    json = importlib.import_module('ansible.module_utils.common.json')
    json.get_module_encoder(profile, json.Direction.MODULE_TO_CONTROLLER)
    json.get_module_decoder(profile, json.Direction.CONTROLLER_TO_MODULE)


def _forget():
    for name in [name for name in sys.modules if _is_ansible(name)]:
        del sys.modules[name]
    # `ansible.module_utils.six` puts an importer there
    sys.meta_path[:] = [finder for finder in sys.meta_path if not _is_ansible(type(finder).__module__)]


def _forget_one(name):
    parent, _, stem = name.rpartition('.')
    if sys.modules.pop(name, None) is not None:
        vars(sys.modules.get(parent, sys)).pop(stem, None)


def _parent(name, modules):
    """The package that has it as an attribute; an object that nobody has where there is none."""
    parent = name.rpartition('.')[0]
    return sys.modules.get(parent) or modules.get(parent) or type(sys)(parent)


def _import_or_not(name):
    try:
        importlib.import_module(name)
    except BaseException:
        sys.modules.pop(name, None)


def _is_standard(name):
    top = name.partition('.')[0]
    if top in sys.builtin_module_names or top in getattr(sys, 'stdlib_module_names', ()):  # since 3.10
        return True
    origin = str(getattr(importlib.util.find_spec(top), 'origin', ''))
    return origin.startswith(os.path.dirname(os.__file__) + os.sep) and '-packages' + os.sep not in origin


def _is_ansible(name):
    return name.partition('.')[0] in ('ansible', 'ansible_collections')
