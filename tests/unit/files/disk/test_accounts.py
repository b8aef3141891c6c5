"""Names and numbers of accounts, each looked up once."""

import os
import pwd

import pytest

from svcfw.files.disk import accounts
from svcfw.files.disk.accounts import Accounts


def test_names_and_numbers():
    found = Accounts()
    assert (found.user(0), found.uid('root')) == ('root', 0)
    assert found.gid(found.group(os.getgid())) == os.getgid()


@pytest.mark.parametrize('name', ['nobody-of-this-name', 'with\0nul', ''])
def test_who_is_not_there(name):
    assert (Accounts().uid(name), Accounts().gid(name)) == (None, None)


@pytest.mark.parametrize('number', [2**31 - 7, -5, 2**80])
def test_numbers_that_nobody_has(number):
    assert (Accounts().user(number), Accounts().group(number)) == (None, None)


def test_each_is_looked_up_once(monkeypatch):
    asked = []

    def getpwnam(name):
        asked.append(name)
        return pwd.getpwuid(0)

    monkeypatch.setattr(accounts.pwd, 'getpwnam', getpwnam)
    found = Accounts()
    assert [found.uid('a'), found.uid('a'), found.uid('b')] == [0, 0, 0]
    assert asked == ['a', 'b']
