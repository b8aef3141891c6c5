#!/usr/bin/python
from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = """
module: artifact
short_description: put a file in its place that the controller downloads once for all hosts
version_added: 0.1.0
author: svcfw contributors
description:
  - The controller downloads O(src) once in a run, whatever the number of hosts, plays and forks, and hosts get it over
    their connections. They need no way to where it comes from.
  - A download is retried, goes by C(http_proxy), C(https_proxy) and C(no_proxy) of the environment of
    C(ansible-playbook), and is kept in C(~/.cache/svcfw/artifacts) (4 GiB at most) for further runs, which ask the
    server whether it is another one by now. With O(checksum) they do not even ask.
  - What is at O(dest) already is left alone if its content is the same.
  - A host may have what the task says for it, and nothing else; C(ansible_svcfw_services) and C(ansible_svcfw_files)
    need not name anything for that.
options:
  src:
    description:
      - A URL (C(http) or C(https), C(https) does not lead to C(http)), with C(account:password@) before the host where
        the server asks for that; hosts are told neither.
      - Or a file of the controller, which is found as M(ansible.builtin.copy) finds it, but sent as it is, also if it
        is a vault's.
    type: str
    required: true
  dest:
    description: The file on the host; or a folder there, for a file that is named as in O(src).
    type: path
    required: true
  checksum:
    description:
      - C(algorithm:digits), with C(sha1), C(sha256), C(sha384) or C(sha512). The task fails for another content.
      - Without it a content counts that was downloaded once in this run.
    type: str
extends_documentation_fragment:
  - ansible.builtin.files
attributes:
  check_mode:
    support: full
    description:
      - The controller downloads in check mode, too, where it has no O(checksum) to tell by whether the file on the host
        is another one.
  async:
    support: none
requirements:
  - the connection P(svcfw.svcfw.svcfw#connection), and Python 3.6 or later on the host
seealso:
  - module: ansible.builtin.get_url
"""

EXAMPLES = """
- name: Have a release on all hosts, none of which has a way to the internet
  svcfw.svcfw.artifact:
    src: https://example.org/releases/app-1.2.tar.gz
    checksum: sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    dest: /opt/app/app-1.2.tar.gz
    owner: app
    mode: "0640"
"""

RETURN = """
dest:
  description: The file on the host.
  type: str
  returned: success
src:
  description: Where it is from, without account and password.
  type: str
  returned: success
checksum:
  description: Of the content, C(algorithm:digits); C(sha256) where the task says none.
  type: str
  returned: success
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.svcfw.svcfw.plugins.module_utils.services import Services

_SERVICE = 'svcfw.ansible.services.ready.artifacts.Artifacts'


def main():
    module = AnsibleModule(
        argument_spec=dict(
            src=dict(type='str', required=True),
            dest=dict(type='path', required=True),
            checksum=dict(type='str'),
            # Of the action: how this is named for the service, and what the file is called.
            _key=dict(type='str', no_log=False),
            _name=dict(type='str'),
        ),
        add_file_common_args=True,
        supports_check_mode=True,
    )
    params = module.params
    dest = params['dest'] = place(module)
    checksum = params['checksum']
    if checksum and has(module, dest, checksum):
        changed = False
    elif checksum and module.check_mode:
        changed = True
    else:
        changed, checksum = bring(module, dest, checksum)
    if os.path.lexists(dest):
        changed = module.set_fs_attributes_if_different(module.load_file_common_arguments(params), changed)
    module.exit_json(changed=changed, dest=dest, src=params['src'], checksum=checksum)


def place(module):
    """The file that is meant by `dest`."""
    dest, name = module.params['dest'], module.params['_name']
    if dest.endswith('/') or os.path.isdir(dest):
        if not name:
            module.fail_json(msg='%s is a folder, and the name of a file is not to be seen from src' % dest)
        dest = os.path.join(dest, name)
    if not os.path.isdir(os.path.dirname(os.path.abspath(dest))) and not module.check_mode:
        module.fail_json(msg='%s is no folder' % os.path.dirname(dest))
    if os.path.exists(dest) and not os.path.isfile(dest):
        module.fail_json(msg='%s is no file' % dest)
    return dest


def has(module, path, checksum):
    """Whether a file is there and has this content."""
    algorithm, _, digits = checksum.partition(':')
    return os.path.isfile(path) and module.digest_from_file(path, algorithm) == digits


def bring(module, dest, checksum):
    """Have the file there; (whether it was not or, in check mode, is not, its checksum)."""
    with Services(module) as services:
        answer = obtained(module, services)
        sha256 = 'sha256:' + answer['sha256']
        if has(module, dest, sha256):
            return False, checksum or sha256
        if not module.check_mode:
            fresh = os.path.join(module.tmpdir, 'artifact')
            services.fetch(answer['path'], fresh)
            if not has(module, fresh, sha256):
                module.fail_json(msg='%s: it has changed on the controller meanwhile' % module.params['src'])
            module.atomic_move(fresh, dest, unsafe_writes=module.params['unsafe_writes'])
            services.moved(fresh, dest)
    return True, checksum or sha256


def obtained(module, services):
    try:
        return services.call(_SERVICE, 'obtain', key=module.params['_key'])
    except Exception as e:
        if getattr(e, 'typename', '').endswith('ArtifactError'):
            module.fail_json(msg=e.message)
        raise


if __name__ == '__main__':
    main()
