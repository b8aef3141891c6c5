#!/usr/bin/env python3
"""A new style module whose first line names env."""

import sys

from ansible.module_utils.basic import AnsibleModule

module = AnsibleModule(argument_spec={})
module.exit_json(changed=False, major=sys.version_info[0], main=__name__)
