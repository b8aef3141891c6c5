#!/usr/bin/python
"""A module that brings a file along (ansible-core 2.21)."""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.embed import EmbedManager

TEXT = EmbedManager.embed('ansible_collections.svcfw.test.plugins.module_utils', 'text.txt')


def main():
    module = AnsibleModule(argument_spec={})
    with TEXT.path_context_manager as path, open(path) as f:
        module.exit_json(content=f.read())


if __name__ == '__main__':
    main()
