"""What is told at which -v, and how often."""

import pytest

from svcfw.ansible.told import MAX_WORD_CHARS, Told
from svcfw.core.wire.errors import StartError
from svcfw.mux.server.telling import About, Cost

ROOT = About(
    '1.1', True, True, 'openssh (ssh found)', ['ssh', '-o', 'User="bob"', 'web1', 'exec ' + 'x' * 2000],
    'debug1: one\ndebug1: two', 'bob', '/usr/bin/python3', '3.11.2',
)  # fmt: skip


class User:
    """Keeps what it is told, as (how many -v, line)."""

    def __init__(self, verbosity, host='web1'):
        self.verbosity = verbosity
        self.now = 0.0
        self.lines = []
        self.host = host

    def task(self):
        """A task of its own: another process, with a memory of its own."""
        told = Told(self.show, lambda: self.verbosity, lambda: self.now)
        told.host = self.host
        return told

    def show(self, verbosity, line):
        if self.verbosity >= verbosity:
            self.lines.append((verbosity, line))


@pytest.mark.parametrize(('verbosity', 'lines'), [(0, 0), (1, 1), (3, 2), (4, 4)])
def test_a_host_is_told_of_once_a_run(verbosity, lines):
    user = User(verbosity)
    for _ in range(3):
        user.task().hear(ROOT)
    assert len(user.lines) == lines


def test_the_line_of_a_host():
    user = User(1)
    user.task().hear(ROOT)
    assert user.lines == [(1, 'svcfw: openssh (ssh found), /usr/bin/python3 3.11.2, new context')]


def test_other_hosts_and_other_contexts_have_lines_of_their_own():
    user = User(1)
    user.task().hear(ROOT)
    user.task().hear(ROOT._replace(context='1.2', is_new=False))
    user.host = 'web2'
    user.task().hear(ROOT)
    assert ['reused' in line for _, line in user.lines] == [False, True, False]


def test_another_run_is_told_again(monkeypatch, tmp_path):
    user = User(1)
    user.task().hear(ROOT)
    monkeypatch.setattr('ansible.constants.DEFAULT_LOCAL_TMP', str(tmp_path))
    user.task().hear(ROOT)
    assert len(user.lines) == 2


def test_without_a_folder_for_the_run_things_are_said_rather_twice_than_never(monkeypatch, tmp_path):
    monkeypatch.setattr('ansible.constants.DEFAULT_LOCAL_TMP', str(tmp_path / 'no' / 'such'))
    user = User(1)
    user.task().hear(ROOT)
    user.task().hear(ROOT)
    assert len(user.lines) == 2


def test_other_accounts_at_two():
    user = User(2)
    user.task().hear(ROOT._replace(context='1.3', is_root=False, user='root'))
    assert user.lines == [(2, 'svcfw: as root, /usr/bin/python3 3.11.2, new context')]


def test_the_command_line_without_our_bootstrap():
    user = User(3)
    user.task().hear(ROOT)
    line = user.lines[1][1]
    assert line.startswith("SSH: EXEC ssh -o 'User=\"bob\"' web1 'exec x")
    assert line.endswith("...'")
    assert len(line) < 2 * MAX_WORD_CHARS


def test_a_long_option_is_shown_whole():
    user = User(3)
    user.task().hear(ROOT._replace(command=['ssh', '-oProxyCommand=' + 'y' * 500]))
    assert 'y' * 500 in user.lines[1][1]


def test_what_ssh_said_when_it_failed_is_told_each_time():
    user = User(4)
    for _ in range(2):
        user.task().hear(ROOT._replace(python='', user='', version=''))
    assert [line for _, line in user.lines].count('SSH: debug1: two') == 2


def test_ways_that_are_not_the_fastest_once_a_run():
    user = User(1)
    for _ in range(2):
        task = user.task()
        task.level('L0', 'modules run from memory')
        task.way('L2, a command')
        task.level('L1', 'a payload of unknown form')
        task.level('fast path off', 'become: this core has no such thing')
    assert [line for _, line in user.lines] == [
        'svcfw: L1, a payload of unknown form',
        'svcfw: fast path off, become: this core has no such thing',
    ]


def test_what_an_operation_took():
    user = User(3)
    task = user.task()
    task.begins('PUT a TO b')
    task.level('L0', 'x')
    task.hear(Cost(0.5, 0.0, 0.25, 100, 20))
    task.hear(Cost(0.25, 0.125, 0.0, 11, 0))
    user.now = 1.0
    task.ends()
    assert [line for _, line in user.lines] == [
        'PUT a TO b',
        'svcfw: 1.000 s (controller 0.250, start 0.125, wait 0.375, target 0.250), 111 bytes sent, 20 received; L0, x',
    ]


@pytest.mark.parametrize(
    ('run', 'why_new', 'end'),
    [
        (7, 0, '; L0, x; same process, run 7'),
        (1, 4, '; L0, x; new process, after the last one: a descriptor'),
        (1, 0, '; L0, x'),
        (0, 0, '; L0, x'),
        (1, 999, '; L0, x'),
        (1, -1, '; L0, x'),
    ],
)
def test_which_process_a_module_had(run, why_new, end):
    user = User(3)
    task = user.task()
    task.begins('')
    task.level('L0', 'x')
    task.hear(Cost(0.5, 0.0, 0.25, 100, 20, run, why_new))
    task.ends()
    assert user.lines[-1][1].endswith(f'received{end}')


def test_a_way_that_stays_off_is_no_way_of_an_operation():
    user = User(3)
    task = user.task()
    task.begins('')
    task.level('L0', 'modules run from memory')
    task.level('fast path off', 'x')
    task.ends()
    assert user.lines[-1][1].endswith('; L0, modules run from memory')


def test_results_are_shown_as_stock_shows_them():
    user = User(3)
    task = user.task()
    task.begins('')
    task.ends((0, b'geheim', b''))
    assert user.lines[0][1] == "(0, b'geheim', b'')"
    task.no_log = True
    task.begins('')
    task.ends((3, b'geheim', b''))
    assert user.lines[2][1] == 'rc=3, stdout and stderr censored due to no log'


@pytest.mark.parametrize(('verbosity', 'given', 'asked'), [(1, 0, 0), (3, 0, 0), (4, 0, 3), (1, 2, 2), (5, 1, 1)])
def test_what_is_asked_of_ssh(verbosity, given, asked, run_folder):
    task = User(verbosity).task()
    assert task.interest(given).ssh_verbosity == asked
    assert task.run() == str(run_folder)
    assert type(task.run()) is str


def test_nothing_is_asked_for_that_nobody_hears():
    assert User(0).task().interest(0) is None


def test_retries_at_two():
    user = User(2)
    user.task().retries(StartError('refused', 'web1', 'nobody there', 'Check it.'), 3)
    assert user.lines == [(2, 'svcfw: trying again in 3 s: web1: nobody there. Check it.')]


def test_words_of_a_target_forge_no_line():
    user = User(4)
    forged = 'x\nfatal: [web2]: FAILED!\x1b[2K'
    task = user.task()
    task.hear(ROOT._replace(python=forged, version=forged, said='debug1: one\x1b[2K\rfatal'))
    task.hear(ROOT._replace(context='1.2', is_root=False, user=forged))
    task.level('L3', forged)
    task.retries(StartError('died', 'web1', forged), 1)
    assert not [line for _, line in user.lines if '\x1b' in line or '\r' in line or '\nfatal' in line]
    assert len([line for _, line in user.lines if 'fatal: [web2]' in line]) == 4
