"""Requests in a shorter form: zlib with a dictionary of what nearly every one of them says.

A module's request is some 1,000 bytes long, of which all but 200 are in the one before. Each is packed for itself: none
depends on another one.
"""

import zlib

#: Shorter requests gain nothing; longer ones hold data of files, whose packing is not for us to decide.
MIN_BYTES, MAX_BYTES = 128, 65536

#: 4 KiB reach over the dictionary and a request; less memory to clear for each.
_WINDOW_BITS, _MEMORY_LEVEL = 12, 4
#: What is likely is at the end. Both sides are of the same svcfw, so it may be changed at will.
_LIKELY = (
    b'/var/tmp/ /etc/ "mode": "0644" "mode": "0755" "state": "directory" "state": "present" "owner": "root", '
    b'"group": "root" "force": true, "backup": false, "content": null "follow": false, "checksum": null, "dest": "'
    b'"src": "/home/ "name": "get_checksum": true, "get_size": false, "get_mime": false, "get_attributes": false, '
    b'"checksum_algorithm": "sha1", "_original_basename": " "recurse": false, "_diff_peek": null, '
    b'"_uses_shell": true "_uses_shell": false, "expand_argument_vars": true, "stdin_add_newline": true, '
    b'"strip_empty_ends": true, "argv": null, "chdir": null, "executable": null, "creates": null, "removes": null, '
    b'"stdin": null p/usr/bin/python3\x14\x00bv1\x12\x03fmodule\x87\x12\x03\x12\rfmodule\x10\x01p/usr/bin/python3'
    b'\x14\x00bv2vansible.legacy.commandwansible.modules.command'
    b'{"ANSIBLE_MODULE_ARGS": {"_raw_params": " {"ANSIBLE_MODULE_ARGS": {"path": "/home/ '
    b'"_ansible_check_mode": false, "_ansible_no_log": false, "_ansible_debug": false, "_ansible_diff": false, '
    b'"_ansible_verbosity": 0, "_ansible_version": "2. "_ansible_module_name": "ansible.legacy. '
    b'"_ansible_module_name": "ansible.builtin. "_ansible_syslog_facility": "LOG_USER", '
    b'"_ansible_selinux_special_fs": ["fuse", "nfs", "vboxsf", "ramfs", "9p", "vfat"], '
    b'"_ansible_string_conversion_action": "warn", "_ansible_socket": null, "_ansible_shell_executable": "/bin/sh", '
    b'"_ansible_keep_remote_files": false, "_ansible_tmpdir": null, "_ansible_tmpdir": "/home/ '
    b'.ansible/tmp/ansible-tmp-17 /root/.ansible/tmp/ansible-tmp-17 "_ansible_remote_tmp": "~/.ansible/tmp", '
    b'"_ansible_ignore_unknown_opts": true "_ansible_ignore_unknown_opts": false, "_ansible_target_log_info": null, '
    b'"_ansible_tracebacks_for": [], "_ansible_inject_invocation": false}}'
    b'fmodern\x00\x80\x02\x02\x00\x05@$\x00\x00\x00\x00\x00\x00\x0c '
    b'flegacy\x10\x00\x80\x02\x02\x00\x05@$\x00\x00\x00\x00\x00\x00\x0c '
)


def is_packed(request):
    """Whether to pack a request (bytes)."""
    return MIN_BYTES <= len(request) <= MAX_BYTES


def pack(request):
    packer = zlib.compressobj(6, zlib.DEFLATED, -_WINDOW_BITS, _MEMORY_LEVEL, zlib.Z_DEFAULT_STRATEGY, _LIKELY)
    return packer.compress(request) + packer.flush()


def unpack(packed):
    """The request. Raises zlib.error."""
    unpacker = zlib.decompressobj(-_WINDOW_BITS, _LIKELY)
    return unpacker.decompress(packed, MAX_BYTES)
