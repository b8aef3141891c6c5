#!/usr/bin/python
"""A module that goes on under another interpreter, as apt and dnf do."""

import sys

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common import respawn


def main():
    module = AnsibleModule(argument_spec={'interpreter': {}})
    if not respawn.has_respawned():
        found = respawn.probe_interpreters_for_module([module.params['interpreter']], 'json')
        respawn.respawn_module(found)
    module.exit_json(version=list(sys.version_info[:2]), respawned=respawn.has_respawned())


if __name__ == '__main__':
    main()
