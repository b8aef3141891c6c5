"""What makes a context stale, and what does not."""

import os
import pwd
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from svcfw.agent import standing as module
from svcfw.agent.standing import Snapshot, Standing


class Etc:
    """A folder that is taken for /etc, and the accounts in it."""

    def __init__(self, folder):
        self.folder = folder
        self.accounts = {}
        self.groups = {}
        self.lookups = 0

    def write(self, name, text=''):
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        os.utime(path, ns=(1, 1))  # as one who sets the times back

    def account(self, name='me', uid=None, home='/home/me', shell='/bin/sh', groups=(1,)):
        uid = os.getuid() if uid is None else uid
        self.accounts[name] = pwd.struct_passwd((name, 'x', uid, groups[0], '', home, shell))
        self.groups[name] = list(groups)
        self.write('passwd', repr(self.accounts))

    def getpwnam(self, name):
        self.lookups += 1
        return self.accounts[name]

    def getpwuid(self, uid):
        return next((each for each in self.accounts.values() if each.pw_uid == uid), None) or self.getpwnam('')

    def getgrouplist(self, name, gid):
        return self.groups[name]


@pytest.fixture
def etc(tmp_path, monkeypatch):
    made = Etc(tmp_path)
    for name in ('LOGIN', 'RIGHTS', 'ACCOUNTS'):
        paths = tuple(path.replace('/etc', str(tmp_path), 1) for path in getattr(module, name))
        monkeypatch.setattr(module, name, paths)
    for name in ('_SHADOW', '_NSSWITCH'):
        monkeypatch.setattr(module, name, getattr(module, name).replace('/etc', str(tmp_path), 1))
    for owner, name in ((pwd, 'getpwnam'), (pwd, 'getpwuid'), (os, 'getgrouplist')):
        monkeypatch.setattr(owner, name, getattr(made, name))
    for name in ('SUDO_USER', 'DOAS_USER'):
        monkeypatch.delenv(name, raising=False)
    made.account()
    for name in ('group', 'shadow', 'environment', 'sudoers'):
        made.write(name)
    for name in ('pam.d/sudo', 'sudoers.d/one', 'security/limits.d/one'):
        (tmp_path / 'security').mkdir(exist_ok=True)
        made.write(name)
    return made


def test_what_stays_the_same_costs_no_lookup(etc):
    standing = Standing(is_lent=True)
    before = etc.lookups
    assert [standing.changed() for _ in range(3)] == [''] * 3
    assert etc.lookups == before


@pytest.mark.parametrize('name', ['environment', 'pam.d/sudo', 'pam.d/new', 'security/limits.d/one', 'login.defs'])
def test_what_a_login_reads(etc, name):
    standing, below = Standing(), Standing(is_lent=True, is_below=True)
    etc.write(name, 'x')
    assert standing.changed().endswith(' has changed')
    assert standing.changed()  # and goes on to
    assert below.changed() == ''  # the context above will not pass anything on to it


@pytest.mark.parametrize('name', ['sudoers', 'sudoers.d/one', 'sudoers.d/new', 'doas.conf'])
def test_rights_count_for_who_needs_them(etc, name):
    login, lent = Standing(False), Standing(True)
    etc.write(name)
    assert login.changed() == ''
    assert lent.changed()


def test_a_file_that_goes(etc):
    standing = Standing()
    (etc.folder / 'environment').unlink()
    assert standing.changed() == f'{etc.folder}/environment has changed'


def test_a_file_that_another_takes_the_place_of(etc):
    standing = Standing()
    etc.write('new')
    (etc.folder / 'new').rename(etc.folder / 'environment')
    assert standing.changed()


def test_more_that_counts(etc, tmp_path):
    standing = Standing(more=[str(tmp_path / 'profile')])
    etc.write('profile')
    assert standing.changed() == f'{tmp_path}/profile has changed'


@pytest.mark.parametrize(
    'change', [{'uid': 1 << 30}, {'home': '/elsewhere'}, {'shell': '/bin/bash'}, {'groups': (1, 2)}, {'groups': (2,)}]
)
def test_ones_own_entry(etc, change):
    standing = Standing()
    etc.account(**change)
    assert standing.changed() == 'the account me has changed'
    etc.account()
    assert standing.changed() == ''  # it is again what it was


def test_an_account_that_is_gone(etc):
    standing = Standing()
    etc.accounts.clear()
    etc.write('passwd')
    assert standing.changed()


def test_a_number_that_no_account_has(etc):
    etc.accounts.clear()
    standing = Standing()
    etc.account('other', uid=1 << 30)
    assert standing.changed() == ''
    etc.account()
    assert standing.changed()


def test_entries_of_others_are_looked_at_once(etc):
    standing = Standing(is_lent=True)
    for number in range(5):
        etc.account(f'u{number}', uid=1 << 30)
        etc.write('shadow', f'u{number}:x:{number}\n')
        before = etc.lookups
        assert [standing.changed(), standing.changed()] == ['', '']
        assert etc.lookups == before + 1


@pytest.mark.parametrize(('name', 'is_lent', 'counts'), [
    ('me', False, True), ('lender', True, True), ('lender', False, False), ('mead', True, False),
])  # fmt: skip
def test_shadow_where_it_can_be_read(etc, monkeypatch, name, is_lent, counts):
    monkeypatch.setenv('SUDO_USER', 'lender')
    standing = Standing(is_lent)
    etc.write('shadow', f'{name}:!:0:::::1:\n')
    assert bool(standing.changed()) == counts


@pytest.mark.parametrize(
    ('line', 'is_elsewhere'),
    [
        ('passwd: files systemd', False),
        ('group: compat # ldap', False),
        ('hosts: files dns', False),
        ('passwd: files [NOTFOUND=return] altfiles', False),
        ('passwd: files sss', True),
        ('group: ldap[NOTFOUND=return]files', True),
        ('initgroups: winbind', True),
    ],
)
def test_accounts_in_a_directory_service_are_asked_for_now_and_then(etc, line, is_elsewhere):
    etc.write('nsswitch.conf', line + '\n')
    now = [100.0]
    standing = Standing(clock=lambda: now[0])
    etc.groups['me'] = [1, 2]  # and no file tells
    now[0] += module.ASK_S - 1
    assert standing.changed() == ''
    now[0] += 1
    assert bool(standing.changed()) == is_elsewhere


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='of Linux')
def test_the_real_ones_stay_the_same():
    assert Standing(is_lent=True).changed() == ''


# Only what shows in more than the time of change, of which some kernels have one for several milliseconds.
ACTS = st.lists(st.tuples(st.sampled_from('abc'), st.sampled_from(['append', 'remove'])), max_size=4)


@given(before=ACTS, after=ACTS.map(lambda acts: acts[:1]))
@settings(max_examples=50, deadline=None)
def test_a_snapshot_differs_if_anything_does(before, after, tmp_path_factory):
    folder = tmp_path_factory.mktemp('folder')
    for name, act in before:
        do(folder / name, act)
    snapshot = Snapshot((str(folder), str(folder / 'absent')))
    did = [do(folder / name, act) for name, act in after]
    assert bool(snapshot.changed()) == any(did)
    snapshot.take()
    assert snapshot.changed() == ''


def do(path, act):
    """Whether there was anything to do."""
    if act == 'append':
        with path.open('a') as f:
            f.write('x')
    elif not path.exists():
        return False
    else:
        path.unlink()
    return True
