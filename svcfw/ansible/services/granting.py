"""For services of playbooks: files that a caller may fetch, or write, because a service says so."""

import os

from svcfw.core import beside
from svcfw.core.message import Message


def let_fetch(msg: Message, path: str) -> str:
    """Let the module that has sent `msg` fetch the file `path` of the controller, or what is below that folder.

    Beside what ansible_svcfw_files names for it. Returns the absolute path, for the module to ask for. Call it before
    the answer that tells the module of it.
    """
    return _let(msg, path, writes=False)


def let_put(msg: Message, path: str) -> str:
    """Let the module that has sent `msg` write the file `path` of the controller: it, and nothing below it.

    Its folder has to be there. Beside what ansible_svcfw_uploads names, within ansible_svcfw_upload_bytes. Returns the
    absolute path, as `let_fetch`.
    """
    return _let(msg, path, writes=True)


def _let(msg: Message, path: str, *, writes: bool) -> str:
    parent = msg.router.parent()
    absolute = os.path.abspath(path)
    if parent is None:
        raise ValueError('only a service of a run can let its callers have files')
    parent.send(beside.SERVICE_FILE, (msg.src_id, absolute, writes))
    return absolute
