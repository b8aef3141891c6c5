import os
import sys

import pytest

from svcfw.agent.warm import environment, locales
from svcfw.agent.warm.environment import needs_cold


@pytest.mark.parametrize(
    'name',
    ['PYTHONPATH', 'PYTHONHASHSEED', 'LD_LIBRARY_PATH', 'LD_PRELOAD', 'OPENSSL_CONF', 'GLIBC_TUNABLES', 'LOCPATH'],
)
def test_what_is_read_at_the_start_needs_a_start(monkeypatch, name):
    monkeypatch.delenv(name, raising=False)
    assert needs_cold({name: 'secret value'}).startswith(name)
    assert 'secret' not in needs_cold({name: 'secret value'})
    monkeypatch.setenv(name, 'x')
    assert needs_cold({name: 'x'}) is None


@pytest.mark.parametrize('name', ['FOO', 'TZ', 'TMPDIR', 'http_proxy', 'LC_MESSAGES', 'TERM', 'MYPYTHON'])
def test_other_variables_need_none(name):
    assert needs_cold({name: 'x'}) is None


@pytest.mark.parametrize('name', ['LANG', 'LC_ALL', 'LC_TIME'])
def test_a_locale_that_was_made_meanwhile_needs_a_start(monkeypatch, name):
    for variable in [variable for variable in os.environ if variable.startswith(('LANG', 'LC_'))]:
        monkeypatch.delenv(variable)
    assert needs_cold({'LC_TIME': 'xx_XX.UTF-8'}) is None
    monkeypatch.setattr(locales, '_STORED_AT_START', [])
    assert needs_cold({name: 'xx_XX.UTF-8'}) is not None
    assert needs_cold({'LC_TIME': 'C.UTF-8'}) is None
    assert needs_cold({}) is None
    monkeypatch.setenv(name, 'xx_XX.UTF-8')
    assert needs_cold({}) is not None


def test_path_matters_where_the_interpreter_is_looked_up():
    assert needs_cold({'PATH': '/x'}, ['/usr/bin/python3']) is None
    assert needs_cold({'PATH': '/x'}, ['/usr/bin/env', 'python3']) is not None
    assert needs_cold({'PATH': '/x'}, ['python3']) is not None
    assert needs_cold({'PATH': os.environ['PATH']}, ['python3']) is None


def test_home_matters_where_it_has_packages(monkeypatch, tmp_path):
    site = sys.modules['site']
    monkeypatch.setenv('HOME', '/nowhere')
    monkeypatch.setattr(site, 'ENABLE_USER_SITE', True)
    monkeypatch.setattr(site, 'USER_SITE', '/nowhere/.local/lib/python/site-packages')
    assert needs_cold({'HOME': str(tmp_path)}) is None
    (tmp_path / '.local/lib/python/site-packages').mkdir(parents=True)
    assert needs_cold({'HOME': str(tmp_path)}) is not None
    monkeypatch.setattr(site, 'ENABLE_USER_SITE', False)
    assert needs_cold({'HOME': str(tmp_path)}) is None


def test_names_and_values_are_utf8_whatever_the_locale():
    assert environment.encoded({'A': 'h\xe9\udcff'}) == {b'A': b'h\xc3\xa9\xff'}
