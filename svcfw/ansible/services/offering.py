"""What a task offers its module of the controller: services that it may call, files that it may fetch or write."""

import multiprocessing
import os
import sys
from typing import Any

from ansible.errors import AnsibleOptionsError
from ansible.utils import collection_loader

from svcfw.ansible.options import text
from svcfw.mux.offer import Offer, start_time

#: Beside a playbook, and in a role.
_FOLDER = 'services'


class More:
    """What an action offers its modules beside what the options say."""

    def __init__(self) -> None:
        self.services: list[str] = []
        self.files: list[str] = []
        #: Attested of its modules; what is known of the task otherwise cannot be stated here.
        self.facts: dict[str, str] = {}


def offer(plugin: Any, more: More, become_account: str | None, module: str | None) -> Offer | None:
    """The Offer of a connection plugin with its options set; None where there is nothing to offer.

    become_account: whom the task becomes; module: its name, None where that is not known.
    """
    services = _list(plugin, 'svcfw_services') + more.services
    files = _list(plugin, 'svcfw_files') + more.files
    uploads = _list(plugin, 'svcfw_uploads')
    if not services and not files and not uploads:
        return None
    main_process = _main_process()
    try:
        run = (main_process, start_time(main_process))
    except OSError:
        return None  # the run is over: this process has been left behind
    config = getattr(collection_loader, 'AnsibleCollectionConfig', None)
    collections = [text(path) for path in getattr(config, 'collection_paths', None) or ()]
    facts = {
        **more.facts,
        'inventory_hostname': _optional(plugin, 'svcfw_inventory_hostname'),
        'host': _optional(plugin, 'host'),
        'login_account': _optional(plugin, 'remote_user'),
        'become_account': become_account,
        'module': module,
        'run': '{}.{}'.format(*run),
    }
    path = [text(place) for place in sys.path] + collections
    return Offer(
        run,
        sys.executable,
        path,
        os.getcwd(),
        _places(plugin),
        services,
        _absolute(files),
        _absolute(uploads),
        int(plugin.get_option('svcfw_upload_bytes')),
        facts,
    )


def _main_process() -> int:
    """The process id of the run's main process; each task has a process of its own, which that has forked.

    As it was then: getppid() names another one once the main process has been killed.
    """
    parent = multiprocessing.parent_process()
    return os.getppid() if parent is None or parent.pid is None else parent.pid


def _places(plugin: Any) -> list[str]:
    """Folders with services that are there, the nearest first."""
    role, playbook = _optional(plugin, 'svcfw_role_path'), _optional(plugin, 'svcfw_playbook_dir')
    places = [os.path.join(place, _FOLDER) for place in (role, playbook) if place]
    places += [os.path.expanduser(place) for place in _list(plugin, 'svcfw_services_path')]
    if playbook:
        places.append(os.path.join(playbook, 'collections'))
    return [os.path.abspath(place) for place in places if os.path.isdir(place)]


def _absolute(paths: list[str]) -> list[str]:
    return [os.path.abspath(os.path.expanduser(each)) for each in paths]


def _optional(plugin: Any, name: str) -> str | None:
    value = plugin.get_option(name)
    return None if value is None else text(value)


def _list(plugin: Any, name: str) -> list[str]:
    value = plugin.get_option(name) or []
    if not isinstance(value, (list, tuple)) or not all(isinstance(each, str) for each in value):
        raise AnsibleOptionsError(f'{name} is a list of names, not {value!r}')
    return [text(each) for each in value]
