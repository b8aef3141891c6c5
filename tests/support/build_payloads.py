"""Runs under the Python of some ansible-core: reads a JSON list of requests, writes what core hands to a connection.

    build_payloads.py FOLDER < requests.json      each request: {"file", "module", "args", "vars", "library"}

FOLDER/<file> is the payload. Private parts of core are used here (and in tests only), the way `_configure_module` does.
"""

import inspect
import json
import os
import sys

# What an action adds to a module's arguments, as far as the core at hand knows it.
INTERNAL = {
    'check_mode': False, 'debug': False, 'diff': False, 'keep_remote_files': False, 'no_log': False,
    'remote_tmp': '~/.ansible/tmp', 'selinux_special_fs': [], 'shell_executable': '/bin/sh',
    'string_conversion_action': 'warn', 'syslog_facility': 'LOG_USER', 'tmpdir': None, 'verbosity': 0,
    'version': '2.0', 'tracebacks_for': [],
}  # fmt: skip


def main():
    folder, requests = sys.argv[1], json.load(sys.stdin)
    del sys.path[0]  # this folder, whose ansible.py is not the ansible that is meant
    from ansible.executor import module_common
    from ansible.module_utils.common.parameters import PASS_VARS
    from ansible.parsing.dataloader import DataLoader
    from ansible.plugins.loader import init_plugin_loader, module_loader
    from ansible.template import Templar

    init_plugin_loader([])
    templar = Templar(loader=DataLoader())
    named_only = 'become_plugin' in inspect.signature(module_common.modify_module).parameters
    for request in requests:
        if request.get('library'):
            module_loader.add_directory(request['library'])
        found = module_loader.find_plugin_with_context(request['module'])
        internal = {f'_ansible_{name}': value for name, value in INTERNAL.items() if name in PASS_VARS}
        args = dict(request.get('args', {}), _ansible_module_name=request['module'], **internal)
        variables = dict({'ansible_python_interpreter': '/usr/bin/python3'}, **request.get('vars', {}))
        if named_only:
            built = module_common.modify_module(
                module_name=request['module'], module_path=found.plugin_resolved_path, module_args=args,
                templar=templar, task_vars=variables, module_compression='ZIP_DEFLATED',
            )  # fmt: skip
            data = built.b_module_data
        else:
            data = module_common.modify_module(
                request['module'], found.plugin_resolved_path, args, templar, task_vars=variables,
                module_compression='ZIP_DEFLATED',
            )[0]  # fmt: skip
        with open(os.path.join(folder, request['file']), 'wb') as out:
            out.write(data)


if __name__ == '__main__':
    main()
