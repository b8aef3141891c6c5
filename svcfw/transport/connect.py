"""Picks the transport for a Spec. Python 3.6."""

import importlib

import svcfw
from svcfw.core.wire.errors import StartError
from svcfw.transport import local, openssh
from svcfw.transport import spec as specs

_NAMES = {specs.SSH: 'openssh', specs.PARAMIKO: 'paramiko', specs.LOCAL: 'local'}


def choice(spec):
    """Which transport `spec` comes to, and why: (one of specs.TRANSPORTS but AUTO, str as people shall read it)."""
    if spec.transport != specs.AUTO:
        return spec.transport, '%s (as set)' % _NAMES[spec.transport]
    if svcfw.is_target:
        return specs.SSH, 'openssh (the only one for children of children)'
    if openssh.find_program(spec):
        return specs.SSH, 'openssh (%s found)' % spec.ssh_executable
    if spec.ssh_executable != specs.DEFAULT_PROGRAM:
        # A program that somebody has named is meant, also where it is not there.
        return specs.SSH, 'openssh (%s is named)' % spec.ssh_executable
    return specs.PARAMIKO, 'paramiko (no program %s)' % spec.ssh_executable


def launcher(spec):
    """What starts the place that `spec` describes: a function (size of second stage) -> (Process, Dialogue).

    Raises StartError, kind 'option', for a transport that there is not here.
    """
    transport, _ = choice(spec)
    if transport == specs.LOCAL:
        return lambda size: local.launch(spec, size)
    if transport == specs.SSH:
        return lambda size: openssh.launch(spec, size)
    if svcfw.is_target:
        cause = 'paramiko is for children of the program itself, not of other contexts'
        raise StartError('option', spec.host, cause, 'Leave `transport` out.')
    # Imported where it is used: it costs 100 ms, and controllers alone have it.
    module = importlib.import_module('svcfw.transport.paramiko')
    return lambda size: module.launch(spec, size)
