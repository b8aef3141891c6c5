#!/usr/bin/python
"""The target's side of `svcfw.ansible.copy`. What changes a file is a method of core's own AnsibleModule, called as
core's modules `copy` and `file` call it in the plain cases; whatever is not plain is left to those.

One file: a module travels alone. For any Python that a target may have.
"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = """
module: svcfw_copy_tree
short_description: put the files of a folder in their places
version_added: 0.1.0
author: svcfw contributors
description:
  - A part of P(svcfw.svcfw.copy#action), of no use by itself.
options:
  dest:
    description: The folder, which need not exist.
    type: str
    required: true
  directory_mode:
    description: As of M(ansible.builtin.copy).
    type: raw
  files:
    description:
      - C(path) below O(dest), C(sha1), C(size), C(mode) or null, and C(source), a file to be moved there, or null.
    type: list
    elements: dict
    default: []
  base:
    description: The folder of the controller in which O(files) are, by C(path), to be fetched if they are lacking.
    type: str
  directories:
    description: Paths of directories.
    type: list
    elements: str
    default: []
  links:
    description: C(path) and C(target) of symbolic links.
    type: list
    elements: dict
    default: []
  follow:
    description: Whether attributes of links are those of their targets.
    type: bool
    default: true
extends_documentation_fragment:
  - ansible.builtin.files
"""

EXAMPLES = """
"""

RETURN = """
odd:
  description: Why nothing was done, if something is there that is not plain.
  type: str
  returned: sometimes
lacking:
  description:
    - Which of O(files), by number, have another content or none, no source, and cannot be fetched. Then nothing was
      done.
  type: list
  elements: int
  returned: always
"""

import errno
import os
import shutil
import stat
import sys

from ansible.module_utils.basic import AnsibleModule

#: What is fetched before it is put in its place: so much room is needed beside.
ROUND_BYTES, ROUND_FILES = 64 * 1024 * 1024, 500
#: Larger files are fetched one by one: they are resumed if they were cut off, and cross a link once for an account.
LARGE_BYTES = 4 * 1024 * 1024


class Odd(Exception):
    """Something that core's modules are to deal with."""


def main():
    module = AnsibleModule(
        argument_spec=dict(
            dest=dict(type='str', required=True),
            directory_mode=dict(type='raw'),
            files=dict(type='list', elements='dict', default=[]),
            base=dict(type='str'),
            directories=dict(type='list', elements='str', default=[]),
            links=dict(type='list', elements='dict', default=[]),
            follow=dict(type='bool', default=True),
        ),
        add_file_common_args=True,
        supports_check_mode=True,
    )
    tree = Tree(module)
    try:
        tree.check_arguments()
        lacking = tree.examine()
        if not module.check_mode and any(not tree.files[number]['source'] for number in lacking):
            services = reached(module)
            if services is None:
                module.exit_json(changed=False, lacking=lacking)
            fetch(services, tree, lacking)
            tree.make(frozenset(), frozenset(lacking))
        else:
            tree.make(frozenset(lacking))
    except (Odd, OSError) as exc:
        module.exit_json(changed=tree.changed, lacking=[], odd=str(exc))
    module.exit_json(changed=tree.changed, lacking=[])


def reached(module):
    """Services of the controller, from which to fetch; None where there are none."""
    if not module.params['base']:
        return None
    try:
        from ansible_collections.svcfw.svcfw.plugins.module_utils.services import Services
    except ImportError:
        return None
    return Services(module) if Services.available() else None


def fetch(services, tree, lacking):
    with services:
        try:
            tree.fetch(services, lacking)
        except Exception as exc:
            svcfw = sys.modules.get('svcfw')  # which there is once something was asked for
            if svcfw is None or not isinstance(exc, svcfw.Error):
                raise
            raise Odd(str(exc))  # what was put in its place counts


class Tree(object):
    """What is to be in the folder `dest`. `changed`: whether something was, or in check mode would be, changed."""

    def __init__(self, module):
        self.changed = False
        self.files = module.params['files']
        self._module = module
        self._dest = module.params['dest']

    def check_arguments(self):
        """Fail now, as a module fails, for what would make it fail once something was changed."""
        params = self._module.params
        if (params['owner'] or params['group']) and os.geteuid():
            raise Odd('who is not root may not be able to set owner and group')
        was_checked, self._module.check_mode = self._module.check_mode, True
        for mode in (params['mode'], params['directory_mode']):
            arguments = self._module.load_file_common_arguments(dict(params, mode=mode), path='/')
            self._module.set_fs_attributes_if_different(arguments, False)
        self._module.check_mode = was_checked

    def examine(self):
        """The numbers of files whose content is not there. Odd where core would do more than it is made to do here."""
        if os.path.lexists(self._dest) and not os.path.isdir(self._dest):
            raise Odd('%s is no directory' % self._dest)
        for path in self._folders():
            status = _lstat(path)
            if status is not None and not stat.S_ISDIR(status.st_mode):
                raise Odd('%s is no directory' % path)
        for link in self._module.params['links']:
            status = _lstat(link['path'])
            if status is not None and (not stat.S_ISLNK(status.st_mode) or os.readlink(link['path']) != link['target']):
                raise Odd('%s is in the place of a link' % link['path'])
        return [number for number, file in enumerate(self.files) if self._is_lacking(file)]

    def make(self, lacking, placed=frozenset()):
        """Bring everything to its state, but for files that are placed: files first, as their folders are made for
        them."""
        for number, file in enumerate(self.files):
            path = os.path.join(self._dest, file['path'])
            if number in placed:
                continue
            if number not in lacking:
                self._set(path, self._params(file['mode'] or self._module.params['mode']))
            elif self._module.check_mode:
                self.changed = True
            else:
                self._place(file, path)
        for path in self._module.params['directories']:
            self._make_directory(path)
        for link in self._module.params['links']:
            self._make_link(link)

    def fetch(self, services, lacking):
        """Fetch these files of the controller and put them in their places, a bounded number of bytes at a time."""
        for number, group in enumerate(self._rounds(lacking)):
            folder = os.path.join(self._module.tmpdir, 'svcfw-%d' % number)
            os.mkdir(folder, 0o700)
            try:
                self._fetch_some(services, group, folder)
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def _fetch_some(self, services, group, folder):
        paths = [os.path.join(self._module.params['base'], self.files[each]['path']) for each in group]
        into = os.path.join(folder, 'files')
        if self.files[group[0]]['size'] > LARGE_BYTES:
            services.fetch(paths[0], into)
            found = [into]
        else:
            found = services.fetch_files(paths, into)
        for each, source in zip(group, found):  # noqa: B905 - strict= is of Python 3.10
            file = dict(self.files[each], source=source)
            place = os.path.join(self._dest, file['path'])
            self._place(file, place)
            services.moved(source, place)

    def _rounds(self, numbers):
        group, size = [], 0
        for number in numbers:
            n = self.files[number]['size']
            if group and (size + n > ROUND_BYTES or len(group) >= ROUND_FILES or n > LARGE_BYTES):
                yield group
                group, size = [], 0
            group.append(number)
            size += n
            if n > LARGE_BYTES:
                yield group
                group, size = [], 0
        if group:
            yield group

    def _folders(self):
        """All folders below `dest` that are named or implied."""
        names = [os.path.join(self._dest, file['path']) for file in self.files]
        names += [link['path'] for link in self._module.params['links']]
        found = set(self._module.params['directories'])
        for path in [os.path.dirname(name) for name in names] + list(found):
            while len(path) > len(self._dest.rstrip('/')) and path not in ('', '/'):
                found.add(path)
                path = os.path.dirname(path)
        found.discard(self._dest.rstrip('/'))
        return sorted(found)

    def _is_lacking(self, file):
        path = os.path.join(self._dest, file['path'])
        status = _lstat(path)
        if status is not None and (not stat.S_ISREG(status.st_mode) or status.st_nlink > 1):
            raise Odd('%s is no file of its own' % path)
        if status is not None and not os.access(path, os.R_OK):
            raise Odd('%s cannot be read' % path)
        if status is not None and self._module.sha1(path) == file['sha1']:
            return False
        folder = os.path.dirname(path)
        if os.path.isdir(folder) and not os.access(folder, os.W_OK):
            raise Odd('%s cannot be written' % folder)
        return True

    # -- as the module `copy` does it

    def _place(self, file, path):
        source = file['source']
        if self._module.sha1(source) != file['sha1']:
            raise Odd('%s changed on the way' % file['path'])
        if _has_acl(source):
            raise Odd('temporary files have access control lists')
        folder = os.path.dirname(path)
        if not os.path.exists(folder):
            self._make_folders(folder)
        self._module.atomic_move(source, path, unsafe_writes=self._module.params['unsafe_writes'])
        self.changed = True
        params = self._params(file['mode'] or self._module.params['mode'])
        self._module.set_fs_attributes_if_different(self._module.load_file_common_arguments(params, path=path), True)

    def _make_folders(self, folder):
        made = []
        while not os.path.exists(folder):
            made.insert(0, folder)
            folder = os.path.dirname(folder)
        os.makedirs(made[-1])
        self.changed = True
        arguments = self._module.load_file_common_arguments(dict(self._module.params, dest=self._dest))
        arguments['mode'] = self._module.params['directory_mode']
        for path in made:
            self._module.set_fs_attributes_if_different(dict(arguments, path=path), True)

    # -- as the module `file` does it

    def _params(self, mode):
        return dict(self._module.params, mode=mode, follow=False)

    def _set(self, path, params):
        arguments = self._module.load_file_common_arguments(params, path=path)
        if self._module.set_fs_attributes_if_different(arguments, False, expand=False):
            self.changed = True

    def _make_directory(self, path):
        params = self._params(self._module.params['directory_mode'])
        if os.path.isdir(path):
            self._set(path, params)
            return
        self.changed = True
        if self._module.check_mode:
            return
        arguments = self._module.load_file_common_arguments(params, path=path)
        current = ''
        for name in path.strip('/').split('/'):
            current = '/'.join([current, name]) if os.path.isabs(path) else os.path.join(current, name)
            if not os.path.exists(current):
                try:
                    os.mkdir(current)
                except OSError as exc:
                    if exc.errno != errno.EEXIST or not os.path.isdir(current):
                        raise
                self._module.set_fs_attributes_if_different(dict(arguments, path=current), True, expand=False)

    def _make_link(self, link):
        path = link['path']
        if not os.path.islink(path):
            self.changed = True
            if not self._module.check_mode:
                os.symlink(link['target'], path)
        if self._module.check_mode and not os.path.exists(path):
            return
        params = dict(self._module.params, path=path)
        arguments = self._module.load_file_common_arguments(params)
        if params['follow'] and os.path.islink(path) and not os.path.exists(arguments['path']):
            return
        if self._module.set_fs_attributes_if_different(arguments, False, expand=False):
            self.changed = True


def _lstat(path):
    try:
        return os.lstat(path)
    except OSError as exc:
        if exc.errno in (errno.ENOENT, errno.ENOTDIR):
            return None
        raise


def _has_acl(path):
    try:
        return 'system.posix_acl_access' in os.listxattr(path)
    except (AttributeError, OSError):
        return False


if __name__ == '__main__':
    main()
