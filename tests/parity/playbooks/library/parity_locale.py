#!/usr/bin/python
"""What the locale is within a module."""

import locale
import time

from ansible.module_utils.basic import AnsibleModule


def main():
    module = AnsibleModule(argument_spec={})
    module.exit_json(
        changed=False, locale=locale.setlocale(locale.LC_ALL), day=time.strftime('%A', time.gmtime(0)),
        encoding=locale.getpreferredencoding(False),
    )  # fmt: skip


if __name__ == '__main__':
    main()
