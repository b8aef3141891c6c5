"""A module as ansible-core hands it over, cut down to what `svcfw.ansible.payloads.payload` reads."""

import base64

PAYLOAD = '\n'.join([
    '#!/usr/bin/python3',
    '_ANSIBALLZ_WRAPPER = True',
    'def _ansiballz_main(**kwargs):',
    '    from ansible.module_utils._internal._ansiballz import _loader',
    '    _loader.run_module(',
    '        json_params=json_params,',
    '        profile=profile,',
    '        module_fqn=module_fqn,',
    '        modlib_path=modlib_path,',
    '        extensions=extensions,',
    '    )',
    '',
    '',
    '',
    'if __name__ == "__main__":',
    '    _ansiballz_main(',
    "ansible_module='ping',",
    "module_fqn='ansible.modules.ping',",
    "profile='modern',",
    'date_time=datetime.datetime(2026, 1, 1),',
    'rlimit_nofile=0,',
    """params='{"ANSIBLE_MODULE_ARGS": {"data": "geheim"}}',""",
    'extensions={},',
    f'zip_data={base64.b64encode(b"no zip").decode()!r},',
    ')',
    '',
]).encode()  # fmt: skip


def of_module(name: str) -> bytes:
    """The same of another module of core."""
    return PAYLOAD.replace(b'ping', name.encode())
