"""The agent's handling of requests: order, failures, what ends with a session. Its parts have tests of their own."""

import hashlib
import os
import signal
import stat
import sys
import zlib
from types import SimpleNamespace

import pytest

from svcfw.agent import agent as module
from svcfw.agent import children, ops, requests
from svcfw.agent.agent import Agent
from svcfw.agent.contents import MAX_KEPT
from svcfw.agent.template import templates
from svcfw.agent.template.template import TemplateGone
from svcfw.core import handles
from tests.support.jobs import source_job
from tests.support.mux import is_running
from tests.support.timing import seconds, wait_until
from tests.unit.agent.fakes import FakeMessage, FakeRouter, end_signals

EMPTY = hashlib.sha256(b'').digest()

pytestmark = pytest.mark.filterwarnings('ignore:.*use of fork.*:DeprecationWarning')


def sha256(data):
    return hashlib.sha256(data).digest()


class Served:
    """An agent whose requests are called directly."""

    def __init__(self) -> None:
        self.router = FakeRouter()
        self.keys = 100
        before = signal.getsignal(signal.SIGCHLD)
        self.agent = Agent(self.router)
        self._before = before

    def ask(self, operation, *arguments, session=7):
        self.keys += 1
        message = FakeMessage((operation, session, arguments), self.keys)
        self.router.handler(message)
        return message

    def tell(self, operation, *arguments, session=7):
        message = FakeMessage((operation, session, arguments), 0)
        self.router.handler(message)
        return message

    def result(self, message):
        self.router.until(lambda: message.is_answered, 'an answer')
        return message.replies[-1] if message.replies else None

    @property
    def failures(self):
        return self.router.parent.sent

    def close(self):
        for function in self.router.on_end:
            function()
        current = self.agent._programs._templates._current()
        self.agent._programs._templates.retire()
        for template in current:
            wait_until(template.reap, seconds(20), 'the end of the template')
        end_signals(self._before)
        self.router.loop.close()


@pytest.fixture
def served():
    made = Served()
    yield made
    made.close()


def source(text, python=sys.executable, member_list=None):
    """The values of a request to run it."""
    return requests.Module(source_job(text, python), seconds(20), member_list).values()


def test_it_obeys_those_above_it_only():
    class Router(FakeRouter):
        def add_handler(self, function, handle, policy=None):
            self.added = (handle, policy)

    served = Served.__new__(Served)
    served.router = Router()
    before = signal.getsignal(signal.SIGCHLD)
    Agent(served.router)
    assert served.router.added == (handles.AGENT, module._is_from_above)
    end_signals(before)
    served.router.loop.close()


@pytest.mark.parametrize('auth', [0, 3, 0xFFFFFFFF])
def test_who_passes_on_what_it_holds_needs_no_authority_for_that(served, tmp_path, auth):
    content = b'content'
    words = {
        ops.COMMAND: ('/bin/sh', 'true', b'', None, False),
        ops.EXPAND: ('~',),
        ops.CHMOD: ([str(tmp_path)],),
        ops.REMOVE: (str(tmp_path / 'x'), True),
    }

    def said(operation, *values):
        message = FakeMessage((operation, 7, values))
        message.auth_id, message.src_id = auth, 0
        assert module._is_from_above(message)
        served.router.handler(message)
        return message

    said(ops.CONTENT, sha256(content), content, True)
    said(ops.MEMBERS, [(sha256(content), len(content))], zlib.compress(content))
    assert served.agent._puts.contents.get(sha256(content)) == content
    assert served.agent._programs.members == {sha256(content): content}
    for operation, values in words.items():
        refusals = said(operation, *values).refusals
        assert bool(refusals) is (auth != 0)
    stranger = FakeMessage()
    stranger.auth_id = stranger.src_id = 3
    assert not module._is_from_above(stranger)


def test_accounts_without_an_entry(monkeypatch):
    monkeypatch.setattr(os, 'getuid', lambda: 2**31 - 5)
    assert module.own_account() == (str(2**31 - 5), '/', '/bin/sh')


# -- failures --------------------------------------------------------------------------------------------------------


def test_a_failure_is_told_and_holds_back_what_follows(served, tmp_path):
    served.tell(ops.MKDTEMP, str(tmp_path), None)
    served.tell(ops.MKDTEMP, f'{tmp_path}/after', None)
    assert served.failures == [
        (7, ops.MKDTEMP, str(tmp_path), 1, f"mkdir: cannot create directory '{tmp_path}': File exists")
    ]
    assert served.ask(ops.FLUSH).refusals == ['an earlier operation failed']
    assert served.ask(ops.FLUSH).replies == [None]
    assert list(tmp_path.iterdir()) == []
    assert len(served.failures) == 1


def test_other_sessions_go_on(served, tmp_path):
    served.tell(ops.MKDTEMP, str(tmp_path), None)
    assert served.ask(ops.FLUSH, session=8).replies == [None]
    assert served.ask(ops.FLUSH).refusals


@pytest.mark.parametrize(
    'operation',
    [
        (ops.GRANT, 1, 1),
        (ops.MEMBERS, [], zlib.compress(b'')),
        (ops.FORGET,),
        (ops.CHILD_INPUT, 1, b''),
        (ops.MKDTEMP, '/', None),
    ],
)
def test_only_what_is_answered_ends_a_failure(served, tmp_path, operation):
    served.tell(ops.MKDTEMP, str(tmp_path), None)
    served.tell(*operation)
    served.tell(ops.RELAY, 9, b'not answered')
    assert served.router.frames == []
    assert served.ask(ops.RELAY, 9, b'answered').refusals
    assert served.router.frames == []
    assert served.ask(ops.FLUSH).replies == [None]


def test_a_failure_ends_with_its_session(served, tmp_path):
    served.tell(ops.MKDTEMP, str(tmp_path), None)
    served.tell(ops.END)
    assert served.ask(ops.FLUSH).replies == [None]


def test_a_failure_of_what_is_waited_for(served):
    message = served.ask(ops.FETCH, '/nonexistent')
    assert message.refusals == ["cannot read '/nonexistent': No such file or directory"]
    assert served.failures == [(7, ops.FETCH, '/nonexistent', 1, message.refusals[0])]
    assert served.ask(ops.FLUSH).replies == [None]


def test_the_unforeseen_is_told_as_well(served):
    assert served.ask(ops.EXPAND, 5).failures
    served.tell(ops.PUT, 5, 0, b'', 3, b'')
    assert len(served.failures) == 1
    assert served.ask(ops.FLUSH).refusals


def test_remove_is_never_a_failure(served):
    served.tell(ops.REMOVE, '/proc/self/maps', True)
    assert served.failures == []
    assert len(served.router.logged) == 1


# -- files -----------------------------------------------------------------------------------------------------------


def test_a_file_in_pieces(served, tmp_path):
    digest = sha256(b'abc')
    for data, flags, end in ((b'a', ops.PUT_FIRST, b''), (b'b', 0, b''), (b'c', ops.PUT_LAST, digest)):
        served.tell(ops.PUT, f'{tmp_path}/file', 0o600, data, flags, end)
    assert (tmp_path / 'file').read_bytes() == b'abc'
    message = served.ask(ops.FETCH, f'{tmp_path}/file')
    assert message.replies == [(ops.DONE, 0o600, b'abc', digest)]


def test_a_piece_without_a_beginning(served, tmp_path):
    served.tell(ops.PUT, f'{tmp_path}/file', 0o600, b'b', ops.PUT_LAST, b'')
    assert 'its beginning is missing' in served.failures[0][4]


@pytest.mark.parametrize('end', [(ops.END,), (ops.PUT, '{}/other', 0, b'', 3, EMPTY), (ops.PUT, '', 0, b'', 4, b'')])
def test_a_file_that_does_not_arrive_in_full_is_taken_away(served, tmp_path, end):
    before = len(os.listdir('/proc/self/fd'))
    served.tell(ops.PUT, f'{tmp_path}/file', 0o600, b'b', ops.PUT_FIRST, b'')
    assert len(os.listdir('/proc/self/fd')) == before + 1
    served.tell(*(each.format(tmp_path) if type(each) is str else each for each in end))
    assert {path.name for path in tmp_path.iterdir()} <= {'other'}
    served.agent._puts.kept.close()
    assert len(os.listdir('/proc/self/fd')) == before
    assert served.failures == []


def test_what_follows_a_failure_leaves_no_file_open(served, tmp_path):
    before = len(os.listdir('/proc/self/fd'))
    served.tell(ops.PUT, f'{tmp_path}/file', 0o600, b'b', ops.PUT_FIRST, b'')
    served.tell(ops.CHMOD, ['/nonexistent'])
    assert len(os.listdir('/proc/self/fd')) == before
    assert list(tmp_path.iterdir()) == []


def test_a_content_that_is_held(served, tmp_path):
    digest = sha256(b'abc')
    served.tell(ops.CONTENT, digest, b'ab', False)
    served.tell(ops.CONTENT, digest, b'c', True, session=0)
    for name in 'xy':
        served.tell(ops.PUT_HELD, f'{tmp_path}/{name}', 0o640, digest)
        assert (tmp_path / name).read_bytes() == b'abc'
    served.tell(ops.DROP, [digest])
    served.tell(ops.PUT_HELD, f'{tmp_path}/z', 0o640, digest)
    assert 'checksum mismatch' in served.failures[0][4]
    assert not (tmp_path / 'z').exists()


def test_a_content_that_is_another(served, tmp_path):
    (tmp_path / 'old').write_bytes(b'before')
    served.tell(ops.CONTENT, sha256(b'abc'), b'abd', True)
    served.tell(ops.PUT_HELD, f'{tmp_path}/old', 0o640, sha256(b'abc'))
    assert 'checksum mismatch' in served.failures[0][4]
    assert (tmp_path / 'old').read_bytes() == b'before'


def put_large(served, path, content):
    served.tell(ops.PUT, str(path), 0o600, content, ops.PUT_FIRST | ops.PUT_LAST, sha256(content))


def kept(served, path, content):
    return served.result(served.ask(ops.PUT_KEPT, str(path), 0o600, sha256(content)))


def test_a_large_file_is_copied_from_one_that_came_before(served, tmp_path):
    content = os.urandom(3_000_000)
    before = len(os.listdir('/proc/self/fd'))
    put_large(served, tmp_path / 'one', content)
    os.rename(tmp_path / 'one', tmp_path / 'moved')
    assert kept(served, tmp_path / 'two', content)
    assert (tmp_path / 'two').read_bytes() == content
    (tmp_path / 'two').unlink()
    served.tell(ops.REMOVE, f'{tmp_path}/moved', False)
    assert len(os.listdir('/proc/self/fd')) == before
    assert kept(served, tmp_path / 'three', content) is False
    assert served.agent._jobs == {}


def test_a_large_file_that_was_changed_is_not_copied(served, tmp_path):
    content = os.urandom(3_000_000)
    put_large(served, tmp_path / 'one', content)
    status = os.stat(tmp_path / 'one')
    with open(tmp_path / 'one', 'r+b') as file:
        file.write(b'x')
    assert kept(served, tmp_path / 'two', content) is False
    put_large(served, tmp_path / 'one', content)
    status = os.stat(tmp_path / 'one')
    with open(tmp_path / 'one', 'r+b') as file:
        file.write(bytes([content[0] ^ 1]))
    os.utime(tmp_path / 'one', ns=(status.st_atime_ns, status.st_mtime_ns))
    assert kept(served, tmp_path / 'two', content) is False
    assert [path.name for path in tmp_path.iterdir()] == ['one']


def test_a_copy_that_cannot_be_written(served, tmp_path):
    content = os.urandom(2_000_000)
    put_large(served, tmp_path / 'one', content)
    message = served.ask(ops.PUT_KEPT, f'{tmp_path}/no/two', 0o600, sha256(content))
    assert 'No such file or directory' in message.refusals[0]
    assert served.agent._jobs == {}


def test_a_copy_ends_with_its_session(served, tmp_path):
    content = os.urandom(5_000_000)
    put_large(served, tmp_path / 'one', content)
    before = len(os.listdir('/proc/self/fd'))
    message = served.ask(ops.PUT_KEPT, f'{tmp_path}/two', 0o600, sha256(content))
    assert len(os.listdir('/proc/self/fd')) == before + 2
    served.tell(ops.END)
    served.router.until(lambda: len(os.listdir('/proc/self/fd')) == before, 'the file to be closed')
    assert [path.name for path in tmp_path.iterdir()] == ['one']
    assert not message.is_answered
    assert served.agent._jobs == {}
    served.agent._puts.kept.close()


def test_children_are_given_what_is_held_here(served):
    digest = sha256(b'abc')
    served.tell(ops.CONTENT, digest, b'abc', True)
    served.tell(ops.MEMBERS, [(b'm', 6)], zlib.compress(b'member'))
    served.tell(ops.PASS, 9, ops.CONTENT, [digest])
    served.tell(ops.PASS, 9, ops.MEMBERS, [b'm'])
    assert served.router.parent.sent == [
        (ops.CONTENT, 0, (digest, b'abc', True)), (ops.MEMBERS, 0, ([(b'm', 6)], zlib.compress(b'member', 0))),
    ]  # fmt: skip


def test_few_large_files_are_kept_open(served, tmp_path):
    before = len(os.listdir('/proc/self/fd'))
    for number in range(2 * MAX_KEPT):
        put_large(served, tmp_path / str(number), b'%d' % number)
    assert len(os.listdir('/proc/self/fd')) == before + MAX_KEPT
    assert kept(served, tmp_path / 'again', b'%d' % (2 * MAX_KEPT - 1))
    served.agent._puts.kept.close()


def test_large_messages_are_acknowledged(served):
    for size in (ops.ACK_BYTES - 1, ops.ACK_BYTES, 2 * ops.ACK_BYTES):
        served.router.handler(FakeMessage((ops.FORGET, 7, ()), 0, size))
    assert served.failures == [ops.ACK_BYTES, 3 * ops.ACK_BYTES]


def test_a_fetch_ends_with_its_session(served, tmp_path):
    (tmp_path / 'file').write_bytes(bytes(20_000_000))
    before = len(os.listdir('/proc/self/fd'))
    message = served.ask(ops.FETCH, f'{tmp_path}/file')
    assert not message.is_answered
    served.tell(ops.END)
    assert len(os.listdir('/proc/self/fd')) == before
    served.tell(ops.GRANT, message.frame.reply_to, 1000)
    assert not message.is_answered


def test_a_fetch_that_breaks_off_is_told(served, tmp_path, monkeypatch):
    (tmp_path / 'file').write_bytes(bytes(20_000_000))
    message = served.ask(ops.FETCH, f'{tmp_path}/file')
    real = os.read

    def read(fd, size):
        if size >= 8 * 1024:
            raise OSError(5, os.strerror(5))
        return real(fd, size)

    monkeypatch.setattr(os, 'read', read)
    served.tell(ops.GRANT, message.frame.reply_to, sum(len(part[1]) for part in message.replies))
    assert message.refusals == [f"cannot read '{tmp_path}/file': Input/output error"]
    assert served.agent._jobs == {}


def test_a_folder_that_is_to_be_there(served, tmp_path, monkeypatch):
    monkeypatch.setenv('HOME', str(tmp_path))
    for path in ('~/a/b', '~/a/b', '/proc/x', 'a\0'):
        served.tell(ops.ENSURE, path, 0o077)
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ('a', 'a/b')] == [0o700, 0o700]
    assert served.failures == []


# -- processes -------------------------------------------------------------------------------------------------------


def test_a_command(served):
    message = served.ask(ops.COMMAND, '/bin/sh', 'echo out; exit 3', b'', None, False)
    assert served.result(message) == (ops.DONE, 3, b'out\n', b'')
    assert served.agent._jobs == {}


def test_who_wants_to_know_is_told_how_long_it_took_here(served):
    served.tell(ops.TIMED)
    message = served.ask(ops.COMMAND, '/bin/sh', 'echo out; sleep 0.1', b'', None, False)
    *result, took_us = served.result(message)
    assert result == [ops.DONE, 0, b'out\n', b'']
    assert type(took_us) is int
    assert took_us >= 100_000
    assert served.ask(ops.EXPAND, '~').replies == [os.path.expanduser('~')]


@pytest.mark.parametrize(
    ('executable', 'status', 'words'), [('/nonexistent', 127, 'No such file'), ('/etc', 126, 'Permission denied')]
)
def test_a_command_that_cannot_be_run(served, executable, status, words):
    (answer,) = served.ask(ops.COMMAND, executable, 'x', b'', None, False).replies
    assert answer[:3] == (ops.DONE, status, b'')
    assert words.encode() in answer[3]
    assert served.agent._jobs == {}


def test_modules_run_in_one_template(served):
    answers = [served.result(served.ask(ops.MODULE, *source('import os; print(os.getppid())'))) for _ in range(2)]
    assert answers[0] == answers[1]


def test_members_are_kept_until_they_are_to_be_forgotten(served):
    served.tell(ops.MEMBERS, [(b'd' * 32, 7)], zlib.compress(b'content'))
    first = served.result(served.ask(ops.MODULE, *source('import os; print(os.getppid())')))
    served.tell(ops.FORGET)
    assert served.agent._programs.members == {}
    assert served.result(served.ask(ops.MODULE, *source('import os; print(os.getppid())'))) != first
    served.router.until(lambda: not is_running(int(first[2])), 'the end of the old template')
    served.router.until(lambda: not served.agent._programs._templates._ended, 'the old template to be reaped')


def test_a_retired_template_stays_for_its_jobs(served, tmp_path):
    os.mkfifo(tmp_path / 'gate')
    message = served.ask(ops.MODULE, *source(f'open({str(tmp_path / "gate")!r}).read(); print(1)'))
    served.tell(ops.FORGET)
    (template,) = served.agent._programs._templates._retired
    assert served.result(served.ask(ops.MODULE, *source('print(2)')))[2] == b'2\n'
    (tmp_path / 'gate').write_text('')
    assert served.result(message)[2] == b'1\n'
    assert served.agent._programs._templates._retired == []
    served.router.until(template.reap, 'the old template to be reaped')


def test_a_killed_template_loses_its_jobs_and_is_replaced(served, tmp_path):
    text = f'import os, time; open({str(tmp_path / "pid")!r}, "w").write(str(os.getpid())); time.sleep(1000)'
    message = served.ask(ops.MODULE, *source(text))
    served.router.until(lambda: (tmp_path / 'pid').exists() and (tmp_path / 'pid').read_text(), 'the job')
    (template,) = served.agent._programs._templates._current()
    os.kill(template._pid, signal.SIGKILL)
    kind, status, _, err = served.result(message)
    assert (kind, status) == (ops.DONE, 137)
    assert b'was killed' in err
    served.router.until(lambda: not is_running(int((tmp_path / 'pid').read_text())), 'the end of the job')
    assert served.result(served.ask(ops.MODULE, *source('print(2)')))[2] == b'2\n'
    served.router.until(lambda: not served.agent._programs._templates._ended, 'the old template to be reaped')
    assert served.router.errors == []


def test_a_module_that_is_killed_before_it_has_started(served, tmp_path):
    served.ask(ops.MODULE, *source(f'import time; time.sleep(1); open({str(tmp_path / "ran")!r}, "w")'))
    served.tell(ops.END)
    served.router.until(lambda: not served.agent._jobs, 'its end')
    assert not (tmp_path / 'ran').exists()


@pytest.mark.parametrize('error', [OSError(11, os.strerror(11)), TemplateGone('it does not read')])
def test_no_template_can_be_had(served, monkeypatch, error):
    def fail():
        raise error

    monkeypatch.setattr(templates, 'Template', fail)
    before = len(os.listdir('/proc/self/fd'))
    (answer,) = served.ask(ops.MODULE, *source('')).replies
    assert answer[:3] == (ops.DONE, 1, b'')
    assert b'cannot start the module' in answer[3]
    assert len(os.listdir('/proc/self/fd')) == before
    assert served.agent._jobs == {}


def test_members_that_were_never_sent(served):
    before = served.agent._jobs
    assert served.ask(ops.MODULE, *source('', member_list=b'd' * 32)).failures
    assert before == {}


def test_what_runs_ends_with_the_context(served, tmp_path):
    text = f'trap "" TERM; echo $$ > {tmp_path}/pid; while :; do sleep 1000; done'
    served.ask(ops.COMMAND, '/bin/sh', text, b'', None, False)
    served.router.until(lambda: (tmp_path / 'pid').exists() and (tmp_path / 'pid').read_text(), 'the job')
    for function in served.router.on_end:
        function()
    pid = int((tmp_path / 'pid').read_text())
    wait_until(lambda: not is_running(pid), seconds(20), 'the end of the job')


# -- children --------------------------------------------------------------------------------------------------------


def test_requests_for_a_child_are_passed_on(served):
    message = served.ask(ops.RELAY, 9, b'request')
    (frame,) = served.router.frames
    assert (frame.dst, frame.src, frame.handle, frame.payload) == (9, 0, handles.AGENT, b'request')
    assert frame.reply_to == message.frame.reply_to


def test_no_more_is_read_than_a_child_takes(served):
    child, parent = served.router.links[9], served.router.links[0]
    child.full = True
    served.tell(ops.RELAY, 9, b'request')
    assert parent.paused == 1
    child.on_room[0]()
    assert parent.paused == 0


def test_an_interpreter_that_is_not_there(served):
    job = source('print(1)', '/nonexistent/python')
    (answer,) = served.ask(ops.MODULE, *job).replies
    assert answer[0] == ops.UNFIT
    assert served.agent._jobs == {}


def test_a_program_that_is_no_interpreter(served, tmp_path):
    (tmp_path / 'python').write_text('#!/bin/sh\nexit 3\n')
    (tmp_path / 'python').chmod(0o755)
    job = source('print(1)', str(tmp_path / 'python'))
    for _ in range(2):
        answer = served.result(served.ask(ops.MODULE, *job))
        assert answer[0] == ops.UNFIT
        assert str(tmp_path / 'python') in answer[1]
    assert served.agent._jobs == {}


# -- what a context was, and is no more ------------------------------------------------------------------------------


@pytest.fixture
def stale(served, monkeypatch):
    monkeypatch.setattr(served.agent, '_standing', Changed('/etc/group has changed'))
    return served


class Changed:
    def __init__(self, reason):
        self.reason = reason

    def changed(self):
        return self.reason


def test_a_stale_context_refuses_before_it_does_anything(stale, tmp_path):
    stale.tell(ops.MKDTEMP, str(tmp_path / 'made'), None)
    assert (tmp_path / 'made').is_dir()
    for arguments in (
        (ops.COMMAND, '/bin/sh', f'touch {tmp_path}/touched', b'', None, False),
        (ops.MODULE, *source(f'open("{tmp_path}/touched", "w")')),
        (ops.EXPAND, '~'),
        (ops.RELAY, 9, b'request'),
    ):
        message = stale.ask(*arguments)
        assert message.refusals == ['stale: /etc/group has changed']
    assert not (tmp_path / 'touched').exists()
    assert stale.router.frames == []


def test_a_failure_comes_before_staleness(stale, tmp_path):
    stale.tell(ops.MKDTEMP, str(tmp_path), None)
    assert stale.ask(ops.EXPAND, '~').refusals == ['an earlier operation failed']
    assert stale.ask(ops.EXPAND, '~').refusals == ['stale: /etc/group has changed']


def test_a_stale_context_still_says_that_all_is_done(stale):
    assert stale.ask(ops.FLUSH).replies == [None]


def test_what_is_not_answered_is_done_by_a_stale_context(stale):
    message = FakeMessage((ops.RELAY, 7, (9, b'request')), 0)
    stale.router.handler(message)
    assert len(stale.router.frames) == 1


def test_a_session_may_take_it_as_it_is(stale):
    stale.tell(ops.ANYWAY)
    assert stale.ask(ops.EXPAND, '~root').replies == ['/root']
    assert stale.ask(ops.EXPAND, '~root', session=8).refusals
    stale.tell(ops.END)
    assert stale.ask(ops.EXPAND, '~root').refusals


def test_the_multiplexers_own_requests_are_not_judged(stale):
    assert stale.ask(ops.EXPAND, '~root', session=0).replies


class Starter:
    def __init__(self, number):
        self.context = type('Context', (), {'id': number})
        self.has_left = False
        self.stream = self

    def drain(self, seconds):
        assert seconds <= module.END_S

    def has_ended(self):
        return self.has_left

    def leave(self):
        self.has_left = True


def test_a_child_is_dismissed(served):
    starter, other = Starter(5), Starter(6)
    served.router.starters.update([starter, other])
    message = served.ask(ops.DISMISS, 5, session=0)
    assert (starter.has_left, other.has_left, message.replies) == (True, False, [])
    served.router.starters.discard(starter)
    served.router.until(lambda: message.replies == [None])


def test_a_child_that_does_not_go_is_not_waited_for_for_ever(served, monkeypatch):
    monkeypatch.setattr(children, 'DISMISS_S', 0)
    served.router.starters.add(Starter(5))
    assert served.ask(ops.DISMISS, 5, session=0).replies == [None]


def test_a_child_that_is_gone_already(served):
    assert served.ask(ops.DISMISS, 5, session=0).replies == [None]


def test_an_agent_that_ends_is_the_last_process_of_its_account(served):
    served.result(served.ask(ops.MODULE, *source('print(1)')))
    (template,) = [each._pid for each in served.agent._programs._templates._current()]
    starter = Starter(5)
    starter.has_left = True
    served.router.starters.add(starter)
    served.agent._end()
    assert not is_running(template)


def test_but_it_does_not_wait_for_ever(served, monkeypatch):
    monkeypatch.setattr(module, 'END_S', 0.01)
    served.router.starters.add(Starter(5))
    served.agent._end()


# -- a controller that is silent --------------------------------------------------------------------------------------


def alive(proof, expected, silence_s=0.06):
    return ops.ALIVE, silence_s, proof, sha256(expected)


def test_a_context_ends_when_its_controller_is_silent(served):
    served.tell(*alive(b'', b'first'))
    served.router.until(lambda: served.router.ended_for, 'its end')
    assert 'nothing was heard from the controller' in served.router.ended_for[0]


def test_but_not_with_a_child_or_a_job(served, tmp_path):
    served.tell(*alive(b'', b'first'))
    message = served.ask(ops.COMMAND, '/bin/sh', f'until [ -e {tmp_path}/go ]; do sleep 0.01; done', b'', None, False)
    for ids in ({9}, set()):
        served.router.child_ids = ids
        until = served.router.loop.clock() + 0.2
        served.router.until(lambda until=until: served.router.loop.clock() > until)
    assert not served.router.ended_for
    (tmp_path / 'go').touch()
    served.result(message)
    served.router.until(lambda: served.router.ended_for, 'its end')


# -- what is imported late -------------------------------------------------------------------------------------------


class Children:
    """In the place of those of a module that comes from above; `started` by all of them."""

    started: list = []

    def __init__(self, router):
        pass

    def start(self, message, session_id, *arguments):
        Children.started.append(message)
        if len(Children.started) == 2:
            raise ValueError('the second one fails')
        message.reply(None)

    def give_up(self, session_id):
        pass


def test_requests_wait_while_a_module_comes_from_above(served, monkeypatch):
    arrived = []

    def import_module(name):
        assert name == 'svcfw.agent.children'
        arrived.extend(served.ask(ops.CHILD, 'name', [], False, '', 1, b'', b'', b'') for _ in range(2))
        arrived.append(served.ask(ops.EXPAND, '~'))
        assert Children.started == []
        return SimpleNamespace(Children=Children)

    monkeypatch.setattr(Children, 'started', [])
    monkeypatch.setattr(module, 'importlib', SimpleNamespace(import_module=import_module))
    first = served.ask(ops.CHILD, 'name', [], False, '', 1, b'', b'', b'')
    assert first.replies == [None]
    served.router.until(lambda: arrived[-1].is_answered, 'the last answer')
    assert Children.started == [first, *arrived[:2]]
    assert [len(each.failures) for each in arrived] == [1, 0, 0]
    served.router.until(lambda: not served.agent._is_holding, 'the end of it')
    assert served.ask(ops.EXPAND, '~').replies == [os.path.expanduser('~')]


def test_requests_go_on_after_an_import_that_fails(served, monkeypatch):
    def import_module(name):
        raise ImportError(name)

    monkeypatch.setattr(module, 'importlib', SimpleNamespace(import_module=import_module))
    assert served.ask(ops.CHILD, 'name', [], False, '', 1, b'', b'', b'').failures
    served.router.until(lambda: not served.agent._is_holding, 'the end of it')
    assert served.ask(ops.EXPAND, '~').replies == [os.path.expanduser('~')]
