"""What becomes of an interpreter between two tasks of a run is seen by the next module, as with stock ssh."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.support.ansible import Controller, Run, connection_vars
from tests.support.hosts import Farm
from tests.support.interpreters import need_python

WHO = """\
#!/usr/bin/python
import importlib
import sys

from ansible.module_utils.basic import AnsibleModule

module = AnsibleModule(argument_spec=dict(imports=dict(type='list', elements='str', default=[])))
found = {}
for name in module.params['imports']:
    try:
        found[name] = getattr(importlib.import_module(name), 'VERSION', 'no version')
    except ImportError as exc:
        found[name] = type(exc).__name__
module.exit_json(
    found=found,
    version=sys.version,
    executable=sys.executable,
    prefix=sys.prefix,
    flags=str(sys.flags),
    words=getattr(sys, 'orig_argv', None),
    path=[entry for entry in sys.path if 'payload' not in entry],
)
"""
# The interpreter's name, which is moved about.
PYTHON = '/opt/python'
SITE = '$(/opt/venv/bin/python -c "import site; print(site.getsitepackages()[0])")'
MAKE_VENV = 'rm -rf /opt/venv && {python} -m venv --without-pip /opt/venv'

Task = dict[str, Any]


class Pair:
    """Two hosts alike, one over stock ssh; each task runs on both."""

    def __init__(self, controller: Controller, farm: Farm, user: str = 'root') -> None:
        self.controller = controller
        self.hosts = {name: farm.host('twin') for name in ('stock', 'svcfw')}
        controller.trust(*self.hosts.values())
        (controller.directory / 'library').mkdir()
        (controller.directory / 'library' / 'who.py').write_text(WHO)
        self.inventory = {
            name: {**host.inventory_vars(user), 'ansible_pipelining': True} for name, host in self.hosts.items()
        }
        self.inventory['svcfw'] |= connection_vars('svcfw-ssh')

    def run(self, tasks: Sequence[Task], **keywords: Any) -> Run:
        return self.controller.play(self.inventory, tasks, '-v', **keywords)

    def assert_alike(self, tasks: Sequence[Task], **keywords: Any) -> list[Task]:
        """Run the tasks on both; what `who` saw was the same each time. Returns that."""
        run = self.run(tasks, **keywords)
        seen: dict[str, list[Task]] = {
            name: [told(event['result']) for event in run.results('who', name)] for name in self.hosts
        }
        for ours, theirs in zip(seen['svcfw'], seen['stock'], strict=True):
            assert ours == theirs, run.output
        assert len(seen['stock']) == len([task for task in tasks if 'who' in task]), run.output
        return seen['svcfw']


def told(result: Task) -> Task:
    kept = ('found', 'version', 'executable', 'prefix', 'flags', 'words', 'path', 'rc', 'msg', 'module_stderr')
    return {name: result[name] for name in kept if name in result}


def do(text: str) -> Task:
    return {'name': 'change', 'raw': f'{text} && true'}


def who(*imports: str, python: str = PYTHON, **keywords: Any) -> Task:
    variables = {'ansible_python_interpreter': python}
    return {'name': 'who', 'who': {'imports': list(imports)}, 'vars': variables, 'ignore_errors': True, **keywords}


@pytest.fixture
def pair(controller: Controller, farm: Farm) -> Pair:
    return Pair(controller, farm)


def link_to(version: str) -> Task:
    return do(f'ln -sfn {need_python(version)} {PYTHON}')


def test_a_link_that_is_moved_and_one_that_is_gone(pair: Pair) -> None:
    seen = pair.assert_alike([
        link_to('3.8'), who(), who(), link_to('3.13'), who(), do(f'rm {PYTHON}'), who(), link_to('3.8'), who(),
    ])  # fmt: skip
    assert [result.get('version', 'none')[:4] for result in seen] == ['3.8.', '3.8.', '3.13', 'none', '3.8.']


def test_the_interpreter_that_the_agent_itself_runs_in(pair: Pair) -> None:
    """`python3` on the account's PATH is what the first stage finds."""
    python = '/usr/local/bin/python3'
    seen = pair.assert_alike([
        do(f'ln -sfn {need_python("3.8")} {python}'), who(python=python),
        do(f'ln -sfn {need_python("3.13")} {python}'), who(python=python),
        do(f'rm {python}'), who(python='/usr/bin/python3'),
    ])  # fmt: skip
    assert [result.get('version', 'none')[:4] for result in seen[:2]] == ['3.8.', '3.13'], seen


def test_packages_come_change_and_go(pair: Pair) -> None:
    python = '/opt/venv/bin/python'
    seen = pair.assert_alike([
        do(MAKE_VENV.format(python=need_python('3.11'))), who('thing', 'other', python=python),
        do(f'mkdir {SITE}/thing && echo VERSION = 1 >{SITE}/thing/__init__.py'), who('thing', python=python),
        do(f'rm -r {SITE}/thing && mkdir {SITE}/thing && echo VERSION = 22 >{SITE}/thing/__init__.py'),
        who('thing', python=python),
        do(f'mkdir -p /srv/one && echo VERSION = 3 >/srv/one/other.py; echo /srv/one >{SITE}/a.pth'),
        who('other', python=python),
        do(f'mkdir -p /srv/two && echo VERSION = 44 >/srv/two/other.py; echo /srv/two >{SITE}/a.pth'),
        who('other', python=python),
        do(f'rm -r {SITE}/thing {SITE}/a.pth'), who('thing', 'other', python=python),
        do(f'echo "import sys; sys.flag = 1; sys.path.append(str(55))" >{SITE}/sitecustomize.py'), who(python=python),
        do(f'echo "import sys; sys.path.append(str(66))" >{SITE}/sitecustomize.py'), who(python=python),
        do('rm -rf /opt/venv'), who(python=python),
        do(MAKE_VENV.format(python=need_python('3.13'))), who('thing', python=python),
    ])  # fmt: skip
    assert [list(result.get('found', {}).values()) for result in seen[:6]] == [
        ['ModuleNotFoundError'] * 2, [1], [22], [3], [44], ['ModuleNotFoundError'] * 2
    ]  # fmt: skip
    assert [seen[6]['path'][-1], seen[7]['path'][-1]] == ['55', '66']
    assert 'version' not in seen[8]
    assert seen[9]['version'].startswith('3.13')


def test_what_pip_installs_from_a_working_copy(pair: Pair) -> None:
    python = '/opt/venv/bin/python'
    setup = 'from setuptools import setup; setup(name=str("thing"), version="1", py_modules=["thing"])'
    pip = f'{python} -m pip install --quiet --no-index --no-build-isolation --disable-pip-version-check'
    seen = pair.assert_alike([
        do(f'{need_python("3.8")} -m venv /opt/venv'), who('thing', python=python),
        do(f"mkdir /srv/thing && cd /srv/thing && echo VERSION = 1 >thing.py && echo '{setup}' >setup.py"),
        do(f'{pip} -e /srv/thing'), who('thing', python=python),
        do('echo VERSION = 22 >/srv/thing/thing.py'), who('thing', python=python),
        do(f'{python} -m pip uninstall --quiet -y thing'), who('thing', python=python),
    ])  # fmt: skip
    assert [result['found']['thing'] for result in seen] == ['ModuleNotFoundError', 1, 22, 'ModuleNotFoundError']


def test_the_users_own_packages(controller: Controller, farm: Farm) -> None:
    pair = Pair(controller, farm, 'plain')
    python = need_python('3.11')
    site = f'$({python} -c "import site; print(site.USER_SITE)")'
    seen = pair.assert_alike([
        who('thing', python=python),
        do(f'mkdir -p {site}; echo VERSION = 1 >{site}/thing.py'), who('thing', python=python),
        do(f'echo "import sys; sys.path.append(str(77))" >{site}/usercustomize.py'), who('thing', python=python),
        do(f'rm {site}/thing.py'), who('thing', python=python),
    ])  # fmt: skip
    assert [result['found']['thing'] for result in seen] == ['ModuleNotFoundError', 1, 1, 'ModuleNotFoundError']
    assert seen[2]['path'][-1] == '77'


def test_a_wrapper_and_what_it_starts(pair: Pair) -> None:
    def wrap(python: str) -> Task:
        return do(f'printf "#!/bin/sh\\nSEEN=1 exec {python} \\"\\$@\\"\\n" >{PYTHON}; chmod 755 {PYTHON}')

    old, new = need_python('3.8'), need_python('3.13')
    seen = pair.assert_alike([wrap(old), who(), who(), wrap(new), who()])
    assert [result['executable'] for result in seen] == [old, old, new]


def test_for_another_account_too(controller: Controller, farm: Farm) -> None:
    pair = Pair(controller, farm, 'sudoer')
    old, new = need_python('3.8'), need_python('3.13')
    seen = pair.assert_alike(
        [
            do(f'sudo ln -sfn {old} {PYTHON}'), who(become=True),
            do(f'sudo ln -sfn {new} {PYTHON}'), who(become=True),
        ]
    )  # fmt: skip
    assert [result['executable'] for result in seen] == [PYTHON, PYTHON]
    assert seen[1]['version'].startswith('3.13')


def test_an_upgrade_inside_of_a_package_that_the_warm_interpreter_holds(pair: Pair) -> None:
    """Of a package that modules' own libraries import, nothing of sys.path need change: `gssapi` is one of these."""
    python = '/opt/venv/bin/python'
    shadow = 'systemd'
    seen = pair.assert_alike([
        do(MAKE_VENV.format(python=need_python('3.11'))),
        do(f'mkdir {SITE}/{shadow}; echo VERSION = 1 >{SITE}/{shadow}/__init__.py; touch {SITE}/{shadow}/journal.py'),
        who(shadow, python=python), who(shadow, python=python),
        do(f'echo VERSION = 22 >{SITE}/{shadow}/__init__.py'),
        who(shadow, python=python), who(shadow, python=python),
    ])  # fmt: skip
    assert [result['found'][shadow] for result in seen] == [1, 1, 22, 22]
