"""Which modules may share a process: core's own, all files of which are those of this installation."""

import hashlib
import re
from pathlib import Path

import ansible
import pytest

from svcfw.ansible.payloads import audited
from tests.support.hosts import CHECKOUT

CORE = Path(ansible.__file__).parent


def member(name: str, content: bytes | None = None) -> tuple[str, bytes, bytes]:
    content = (CORE.parent / name).read_bytes() if content is None else content
    return name, hashlib.sha256(content).digest(), content


OWN = [
    member('ansible/__init__.py', b'from pkgutil import extend_path\n__path__=extend_path(__path__,__name__)\n'
           b'__version__="2.19.1"\n__author__="Ansible, Inc."\n'),
    member('ansible/module_utils/__init__.py', b'from pkgutil import extend_path\n'
           b'__path__=extend_path(__path__,__name__)\n'),
    member('ansible/modules/ping.py'),
    member('ansible/module_utils/basic.py'),
]  # fmt: skip


@pytest.mark.parametrize(
    ('backup', 'expected'),
    [('{}', True), ('{"backup": false}', True), ('{"backup": null}', True), ('{"backup": true}', False),
     ('{"backup": "yes"}', False), ('{"block": "\\"backup\\""}', True), ('["backup"]', False)],
)  # fmt: skip
def test_what_makes_a_backup_has_a_process_of_its_own(backup: str, expected: bool) -> None:
    params = f'{{"ANSIBLE_MODULE_ARGS": {backup}}}'.encode()
    assert audited.may_reuse('ansible.modules.blockinfile', params) is expected
    assert not audited.may_reuse('ansible.modules.setup', params)


def test_core_s_own_files() -> None:
    assert audited.is_core(OWN)


@pytest.mark.parametrize(
    'other',
    [
        member('ansible/module_utils/basic.py', b'# of a user\n'),
        member('ansible/module_utils/no_such.py', b''),
        member('ansible_collections/ns/name/plugins/module_utils/x.py', b''),
        member('ansible/__init__.py', b'import os\n'),
        member('ansible/../../etc/hostname', b''),
        member('other/module_utils/basic.py', (CORE / 'module_utils/basic.py').read_bytes()),
    ],
    ids=lambda each: each[0],
)
def test_another_file_among_them(other: tuple[str, bytes, bytes]) -> None:
    assert not audited.is_core([*OWN, other])


def test_names() -> None:
    assert audited.knows('ansible.modules.ping')
    assert audited.knows('ansible.modules.setup')
    others = ['ansible.modules.user', 'ping', 'setup', 'ansible_collections.a.b.plugins.modules.ping']
    assert not any(map(audited.knows, others))
    assert not any(map(audited.may_preimport, ['ansible.modules.ping', *others]))
    assert audited.may_preimport('ansible.modules.setup')
    assert not audited.may_reuse('ansible.modules.setup', b'{}')


@pytest.mark.parametrize(
    ('version', 'is_known'), [('2.16.3', True), ('2.22.0rc1', True), ('2.15.1', False), ('2.23.0', False), ('x', False)]
)
def test_releases(version: str, is_known: bool) -> None:
    assert audited.knows_core(version) == is_known


@pytest.mark.parametrize(
    ('version', 'line'),
    [('2.21.0rc1', '2.21'), ('2.22.0.dev0', '2.22'), ('2.21b1', '2.21'), ('2.19', '2.19'), ('', '0.0'), ('2', '0.0'),
     ('2.', '0.0'), ('2.x', '0.0'), ('x.1', '0.0')],
)  # fmt: skip
def test_lines(version: str, line: str) -> None:
    assert audited.line(version) == line


def test_the_page_has_the_table() -> None:
    page = (CHECKOUT / 'docs/performance.md').read_text()
    rows = dict(re.findall(r'^\| `(\w+)` \| (.*) \|$', page, re.M))
    assert rows == audited.MODULES
