"""Runs under the Python of some ansible-core: reads a JSON list of requests, writes what core hands to a connection.

    build_payloads.py FOLDER < requests.json      each request: {"file", "module", "args", "vars", "library"}

FOLDER/<file> is the payload. Private parts of core are used here (and in tests only), the way `_configure_module` does.
"""

import inspect
import json
import os
import sys


def main():
    folder, requests = sys.argv[1], json.load(sys.stdin)
    from ansible.executor import module_common
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
        args = dict(request.get('args', {}), _ansible_check_mode=False, _ansible_no_log=False, _ansible_debug=False,
                    _ansible_diff=False, _ansible_verbosity=0, _ansible_version='2.0', _ansible_module_name=request['module'],
                    _ansible_syslog_facility='LOG_USER', _ansible_selinux_special_fs=[], _ansible_string_conversion_action='warn',
                    _ansible_socket=None, _ansible_shell_executable='/bin/sh', _ansible_keep_remote_files=False,
                    _ansible_tmpdir=None, _ansible_remote_tmp='~/.ansible/tmp', _ansible_ignore_unknown_opts=False,
                    _ansible_target_log_info=None)  # fmt: skip
        if named_only:
            args['_ansible_tracebacks_for'] = []
        variables = dict({'ansible_python_interpreter': '/usr/bin/python3'}, **request.get('vars', {}))
        if named_only:
            built = module_common.modify_module(
                module_name=request['module'], module_path=found.plugin_resolved_path, module_args=args, templar=templar,
                task_vars=variables, module_compression='ZIP_DEFLATED',
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
