"""What a task offers its module of the controller."""

import multiprocessing
import os
import subprocess
import sys
import types
from pathlib import Path

import pytest
from ansible.errors import AnsibleOptionsError

from svcfw.ansible.services import offering
from svcfw.mux.offer import decoded, start_time


def offer(connection, become=None, module='ping', more=None):
    return offering.offer(connection, more or offering.More(), become, module)


def test_nothing_is_offered_where_nothing_is_named(connect):
    assert offer(connect()) is None


def test_the_run_is_the_process_that_started_this_one(connect):
    made = offer(connect(ansible_svcfw_services=['a.B']))
    assert made.run == (os.getppid(), start_time(os.getppid()))
    assert (made.python, made.folder, made.services, made.files) == (sys.executable, os.getcwd(), ['a.B'], [])
    assert made.path[: len(sys.path)] == sys.path
    assert decoded(tuple(made)) == made


def test_the_run_is_the_same_when_its_main_process_is_gone(connect, monkeypatch):
    """A task's process that is left behind belongs to init, whose run would never be over."""
    with subprocess.Popen(['true']) as gone:
        pass
    parent = types.SimpleNamespace(pid=os.getpid())
    monkeypatch.setattr(multiprocessing, 'parent_process', lambda: parent)
    connection = connect(ansible_svcfw_services=['a.B'])
    assert offer(connection).run == (os.getpid(), start_time(os.getpid()))
    parent.pid = gone.pid
    assert offer(connection) is None


def test_facts_are_what_the_controller_knows(connect):
    connection = connect(
        ansible_svcfw_services=['a.B'], inventory_hostname='web1', ansible_host='10.0.0.1', ansible_user='me'
    )
    facts = offer(connection, 'root', 'setup').facts
    run = facts.pop('run')
    assert run.startswith(f'{os.getppid()}.')
    assert facts == {
        'inventory_hostname': 'web1', 'host': '10.0.0.1', 'login_account': 'me', 'become_account': 'root',
        'module': 'setup',
    }  # fmt: skip


def test_files_are_absolute(connect, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('HOME', '/home/me')
    assert offer(connect(ansible_svcfw_files=['a', '~/b', '/c/'])).files == [f'{tmp_path}/a', '/home/me/b', '/c']


def test_folders_for_uploads_are_absolute_and_bounded(connect, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    made = offer(connect(ansible_svcfw_uploads=['reports/web1', '/srv/x/']))
    assert (made.uploads, made.upload_bytes) == ([f'{tmp_path}/reports/web1', '/srv/x'], 1 << 30)
    assert offer(connect(ansible_svcfw_uploads=['/x'], ansible_svcfw_upload_bytes=5000)).upload_bytes == 5000
    assert decoded(tuple(made)) == made


def test_places_are_those_that_are_there_the_nearest_first(connect, tmp_path):
    for name in ('play/services', 'play/collections', 'role/services', 'more'):
        (tmp_path / name).mkdir(parents=True)
    made = offer(
        connect(
            ansible_svcfw_services=['a.B'],
            playbook_dir=str(tmp_path / 'play'),
            role_path=str(tmp_path / 'role'),
            ansible_svcfw_services_path=[str(tmp_path / 'more'), str(tmp_path / 'nowhere')],
        )
    )
    names = ['role/services', 'play/services', 'more', 'play/collections']
    assert made.places == [str(Path(tmp_path, name)) for name in names]


def test_an_action_may_offer_more(connect):
    more = offering.More()
    more.services.append('svcfw.x.Y')
    more.files.append('/srv/x')
    made = offer(connect(), more=more)
    assert (made.services, made.files) == (['svcfw.x.Y'], ['/srv/x'])
    made = offer(connect(ansible_svcfw_services=['a.B']), more=more)
    assert made.services == ['a.B', 'svcfw.x.Y']


@pytest.mark.parametrize('value', [[5], [['a.B']]])
def test_what_is_no_name_is_an_error(connect, value):
    with pytest.raises(AnsibleOptionsError, match='svcfw_services'):
        offer(connect(ansible_svcfw_services=value))
