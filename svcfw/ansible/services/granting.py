"""For services of playbooks: files that a caller may fetch because a service says so."""

import os

from svcfw.core import beside
from svcfw.core.message import Message


def let_fetch(msg: Message, path: str) -> str:
    """Let the module that has sent `msg` fetch the file `path` of the controller, or what is below that folder.

    Beside what ansible_svcfw_files names for it. Returns the absolute path, for the module to ask for. Call it before
    the answer that tells the module of it.
    """
    parent = msg.router.parent()
    absolute = os.path.abspath(path)
    if parent is None:
        raise ValueError('only a service of a run can let its callers fetch files')
    parent.send(beside.SERVICE_FILE, (msg.src_id, absolute))
    return absolute
