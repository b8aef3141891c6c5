"""Selects the transport for a Spec."""

import importlib

import svcfw
from svcfw.core.wire.errors import StartError
from svcfw.transport import local, openssh
from svcfw.transport import spec as specs

_NAMES = {specs.SSH: 'openssh', specs.PARAMIKO: 'paramiko', specs.LOCAL: 'local'}


def choice(spec):
    """The transport for `spec` and the reason: (one of specs.TRANSPORTS except AUTO, str for users)."""
    if spec.transport != specs.AUTO:
        return spec.transport, '%s (as set)' % _NAMES[spec.transport]
    if svcfw.is_target:
        return specs.SSH, 'openssh (the only transport for children of children)'
    if openssh.find_program(spec):
        return specs.SSH, 'openssh (%s found)' % spec.ssh_executable
    if spec.ssh_executable != specs.DEFAULT_PROGRAM:
        # An explicitly named program is used even if it does not exist.
        return specs.SSH, 'openssh (%s is named)' % spec.ssh_executable
    return specs.PARAMIKO, 'paramiko (no program %s)' % spec.ssh_executable


def launcher(spec):
    """The function that starts a child for `spec`: (size of second stage) -> (Process, Dialogue).

    Raises StartError, kind 'option', for a transport that is not available here.
    """
    transport, _ = choice(spec)
    if transport == specs.LOCAL:
        return lambda size: local.launch(spec, size)
    if transport == specs.SSH:
        return lambda size: openssh.launch(spec, size)
    if svcfw.is_target:
        cause = 'the paramiko transport starts children of the program itself only, not of other contexts'
        raise StartError('option', spec.host, cause, 'Leave `transport` out.')
    # Imported on use: it costs 100 ms, and only controllers have it.
    module = importlib.import_module('svcfw.transport.paramiko')
    return lambda size: module.launch(spec, size)
