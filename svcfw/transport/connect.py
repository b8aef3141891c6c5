"""Picks the transport for a Spec. Python 3.6."""

import importlib

from svcfw.transport import local, openssh
from svcfw.transport import spec as specs


def launcher(spec):
    """What starts the place that `spec` describes: a function (size of second stage) -> (Process, Dialogue)."""
    transport = spec.transport
    if transport == specs.AUTO:
        # A program that somebody has named is meant, also where it is not there.
        wants_ssh = spec.ssh_executable != specs.DEFAULT_PROGRAM or openssh.find_program(spec)
        transport = specs.SSH if wants_ssh else specs.PARAMIKO
    if transport == specs.LOCAL:
        return lambda size: local.launch(spec, size)
    if transport == specs.SSH:
        return lambda size: openssh.launch(spec, size)
    # Imported where it is used: it costs 100 ms, and controllers alone have it.
    module = importlib.import_module('svcfw.transport.paramiko')
    return lambda size: module.launch(spec, size)
