"""A template with small programs for jobs, in this process (pytest's), which must come out of it unharmed."""

import os
import select
import signal
import sys

import pytest

from svcfw.agent.template.template import Exited, Lost, Started, Template, TemplateGone, Unfit
from svcfw.agent.warm import server
from tests.support.interpreters import need_python
from tests.support.jobs import module_job, source_job
from tests.support.timing import seconds, wait_until

pytestmark = pytest.mark.filterwarnings('ignore:.*use of fork.*:DeprecationWarning')


@pytest.fixture
def template():
    before = sorted(os.listdir('/proc/self/fd'))
    made = Template()
    yield made
    made.close()
    wait_until(made.reap, seconds(20), 'the end of the template')
    assert sorted(os.listdir('/proc/self/fd')) == before


class Run:
    """One job's output and events."""

    def __init__(self, template, job_id, source, env=None, python=sys.executable):
        self.template, self.job_id = template, job_id
        self.out, stdout_fd = os.pipe()
        self.err, stderr_fd = os.pipe()
        try:
            template.run(job_id, source_job(source, python, env), stdout_fd, stderr_fd)
        finally:
            os.close(stdout_fd)
            os.close(stderr_fd)

    def read(self, fd=None):
        fd = self.out if fd is None else fd
        chunks = []
        while select.select([fd], [], [], seconds(20))[0]:
            chunks.append(os.read(fd, 65536))
            if not chunks[-1]:
                os.close(fd)
                return b''.join(chunks)
        raise AssertionError(f'no end of the output after {b"".join(chunks)!r}')

    def read_both(self):
        return self.read(), self.read(self.err)


def events(template, until):
    """Events up to the first that `until` accepts, that one included."""
    found = []
    while not any(map(until, found)):
        ready, _, _ = select.select([template], [template] if template.wants_write() else [], [], seconds(20))
        assert ready or template.wants_write(), f'nothing more happened after {found}'
        template.flush()
        found += template.receive()
    return found


def is_exit(event):
    return isinstance(event, Exited)


def test_a_job_runs_and_its_end_is_told(template):
    run = Run(template, 5, 'import os, sys; print(os.getpid(), os.getsid(0)); sys.stderr.write("e"); sys.exit(3)')
    started, exited = events(template, is_exit)
    out, err = run.read_both()
    assert isinstance(started, Started)
    assert (started.job_id, exited.job_id) == (5, 5)
    assert out.split() == [b'%d' % started.pid] * 2
    assert err == b'e'
    assert os.WEXITSTATUS(exited.status) == 3


def test_jobs_run_side_by_side(template):
    runs = [Run(template, number, 'import sys; print(1, flush=True); sys.stdout.close()') for number in range(12)]
    seen = []
    while len([e for e in seen if is_exit(e)]) < 12:
        seen += events(template, is_exit)
    assert [e.job_id for e in seen if isinstance(e, Started)] == list(range(12))
    assert [run.read_both() for run in runs] == [(b'1\n', b'')] * 12


def test_a_job_has_no_descriptors_but_its_own(template):
    runs = [Run(template, n, 'import os; print(sorted(map(int, os.listdir("/proc/self/fd")))[:-1])') for n in range(3)]
    assert {run.read_both() for run in runs} == {(b'[0, 1, 2]\n', b'')}


def test_what_the_agent_has_set_up_is_not_seen(template):
    source = (
        'import signal, sys, logging\n'
        'print(signal.getsignal(signal.SIGTERM) == 0, signal.getsignal(signal.SIGPIPE) == signal.SIG_IGN)\n'
        'print(signal.getsignal(signal.SIGINT) is signal.default_int_handler, logging.root.handlers)\n'
        'print([name for name in sys.modules if name.startswith("svcfw")])\n'
    )
    assert Run(template, 1, source).read_both() == (b'True True\nTrue []\n[]\n', b'')


def test_killing_a_job_takes_its_children_along(template):
    run = Run(template, 1, 'import os, time\nif os.fork(): os.wait()\nprint("up", flush=True)\ntime.sleep(1000)')
    events(template, lambda e: isinstance(e, Started))
    assert os.read(run.out, 2) == b'up'
    template.kill(1, signal.SIGKILL)
    exited = events(template, is_exit)[-1]
    assert os.WTERMSIG(exited.status) == signal.SIGKILL
    run.read_both()
    template.kill(1, signal.SIGKILL)
    Run(template, 2, '').read_both()


def test_the_environment_is_the_jobs_own(template):
    one = Run(template, 1, 'import os; print(os.environ["A"]); os.environ["B"] = "x"', {'A': 'h\xe9'})
    two = Run(template, 2, 'import os; print("A" in os.environ, "B" in os.environ)')
    assert one.read_both() == ('h\xe9\n'.encode(sys.__stdout__.encoding), b'')
    assert two.read_both() == (b'False False\n', b'')


def test_the_cold_way_starts_an_interpreter(template):
    run = Run(
        template,
        1,
        'import os, sys; print(sys.flags.optimize, sys.argv, sys.stdin.read()); ' + '#' * 200_000,
        {'PYTHONOPTIMIZE': '2'},
    )
    assert run.read_both() == (b"2 [''] \n", b'')


def test_a_source_that_fails_shows_only_itself(template):
    out, err = Run(template, 1, 'def f():\n    raise ValueError("h")\nf()\n').read_both()
    assert out == b''
    assert err.decode().splitlines()[:2] == [
        'Traceback (most recent call last):',
        '  File "<stdin>", line 3, in <module>',
    ]
    assert 'svcfw' not in err.decode()


def test_a_job_that_cannot_be_understood_fails_alone(template):
    read_end, write_end = os.pipe()
    template.run(1, module_job(interpreter=[None], env={'PATH': '/bin'}), write_end, write_end)
    os.close(write_end)
    exited = events(template, is_exit)[-1]
    assert os.WEXITSTATUS(exited.status) == 1
    assert b'cannot start the module' in os.read(read_end, 999)
    os.close(read_end)
    assert Run(template, 2, 'print(2)').read_both() == (b'2\n', b'')


def test_members_are_asked_for_once(template):
    assert template.missing([b'a' * 32, b'b' * 32, b'a' * 32]) == [b'a' * 32, b'b' * 32]
    template.add(b'a' * 32, b'x')
    assert template.missing([b'a' * 32, b'b' * 32]) == [b'b' * 32]
    with pytest.raises(ValueError, match='never added'):
        template.run(1, module_job(members=[('n', b'b' * 32)]), 1, 1)


def test_more_than_the_socket_holds_is_queued(template):
    os.kill(template._pid, signal.SIGSTOP)
    for number in range(8):
        template.add(bytes([number]) * 32, b'x' * 1_000_000)
    run = Run(template, 1, 'print("through")')
    assert template.wants_write()
    os.kill(template._pid, signal.SIGCONT)
    events(template, is_exit)
    assert not template.wants_write()
    assert run.read_both() == (b'through\n', b'')


def test_a_template_that_dies_gives_its_jobs_up():
    calls = []
    template = Template(on_exit=lambda: calls.append(1))
    run = Run(template, 4, 'import os, time; print(os.getpid(), flush=True); time.sleep(1000)')
    (started,) = events(template, lambda e: isinstance(e, Started))
    os.read(run.out, 99)
    os.kill(template._pid, signal.SIGKILL)
    (lost,) = events(template, lambda e: isinstance(e, Lost))
    assert (lost.job_id, lost.pid) == (4, started.pid)
    assert template.closed
    assert calls == [1]
    with pytest.raises(TemplateGone):
        template.kill(4, 9)
    template.close()
    wait_until(template.reap, seconds(20), 'the end of the template')
    os.kill(started.pid, signal.SIGKILL)
    run.read_both()


def test_a_manifest_goes_over_with_its_first_job_only(template):
    digest = b'd' * 32
    template.add(digest, b'import sys; sys.exit(7)')
    job = module_job(member_list=b'm' * 32, members=[('m.py', digest)])
    assert not template.knows(job)
    for job_id in (1, 2):
        with open(os.devnull, 'wb') as null:
            template.run(job_id, job, null.fileno(), null.fileno())
        assert template.knows(job)
        assert isinstance(events(template, is_exit)[-1], Exited)
        del job.members[:]  # not looked at again


def test_the_jobs_of_a_closed_template_are_ended(tmp_path):
    template = Template()
    run = Run(template, 1, 'import time; print(1, flush=True); time.sleep(1000)')
    events(template, lambda e: isinstance(e, Started))
    assert os.read(run.out, 2) == b'1\n'
    template.close()
    assert run.read_both() == (b'', b'')
    wait_until(template.reap, seconds(20), 'the end of the template')


def test_even_those_that_do_not_want_to(tmp_path, monkeypatch):
    monkeypatch.setattr(server, 'KILL_AFTER_S', 0.01)
    template = Template()
    source = 'import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(1000)'
    run = Run(template, 1, source)
    events(template, lambda e: isinstance(e, Started))
    assert os.read(run.out, 2) == b'1\n'
    template.close()
    assert run.read_both() == (b'', b'')
    wait_until(template.reap, seconds(20), 'the end of the template')


def test_a_daemon_that_a_module_starts_lives_on(template, tmp_path):
    gate, proof = tmp_path / 'gate', tmp_path / 'proof'
    for path in (gate, proof):
        os.mkfifo(path)
    source = (
        'import os\n'
        'if os.fork() == 0:\n'
        '    os.setsid()\n'
        '    os.closerange(0, 3)\n'
        f'    open({str(gate)!r}).read()\n'
        f'    open({str(proof)!r}, "w").write("alive")\n'
    )
    run = Run(template, 1, source)
    exited = events(template, is_exit)[-1]
    assert exited.status == 0
    assert run.read_both() == (b'', b'')
    template.kill(1, signal.SIGKILL)
    gate.write_text('')
    assert proof.read_text() == 'alive'


def test_a_template_ends_when_its_agent_is_killed():
    read_end, write_end = os.pipe()
    agent = os.fork()
    if agent == 0:
        try:
            os.write(write_end, b'%d' % Template()._pid)
            signal.pause()
        finally:
            os._exit(0)
    os.close(write_end)
    template_pid = int(os.read(read_end, 99))
    os.close(read_end)
    os.kill(agent, signal.SIGKILL)
    os.waitpid(agent, 0)
    wait_until(lambda: not runs(template_pid), seconds(20), 'the end of the template')


def runs(pid):
    """False for a zombie too: in a container nobody may be there to reap it."""
    try:
        with open(f'/proc/{pid}/stat') as f:
            return f.read().rpartition(')')[2].split()[0] != 'Z'
    except OSError:
        return False


WHO = 'import sys; print("%d.%d" % sys.version_info[:2], sys.executable, [n for n in sys.modules if "svcfw" in n])'


@pytest.fixture
def started():
    """Makes templates of other interpreters."""
    made = []

    def start(path, name=None):
        made.append(Template(program=(str(path), name or str(path))))
        return made[-1]

    yield start
    for template in made:
        template.close()
        wait_until(template.reap, seconds(20), 'the end of the template')


@pytest.mark.parametrize('version', ['3.6', '3.8', '3.13'])
def test_one_that_is_started_with_another_interpreter(started, version):
    python = need_python(version)
    template = started(python)
    run = Run(template, 1, WHO, python=python)
    events(template, is_exit)
    assert run.read_both() == (f'{version} {python} []\n'.encode(), b'')
    assert template.is_ready
    assert not template.stale()


def test_one_that_is_started_notices_a_package(started, tmp_path):
    site = tmp_path / 'site'
    site.mkdir()
    wrapper = tmp_path / 'python'
    wrapper.write_text(f'#!/bin/sh\nPYTHONPATH={site} exec {sys.executable} "$@"\n')
    wrapper.chmod(0o755)
    template = started(wrapper)
    run = Run(template, 1, WHO, python=str(wrapper))
    events(template, is_exit)
    # What the wrapper starts, as its own name is.
    assert sys.executable.encode() in run.read()
    assert not template.stale()
    (site / 'package.py').write_text('')
    assert template.stale()


def test_the_name_of_its_own_folders_lead_nowhere_else(started, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'socket.py').write_text('raise SystemExit(3)')
    template = started(sys.executable)
    run = Run(template, 1, 'print(1)')
    events(template, is_exit)
    assert run.read_both() == (b'1\n', b'')


@pytest.mark.parametrize('text', ['#!/bin/sh\nexit 3\n', '#!/nowhere\n', 'no program'])
def test_what_is_no_interpreter_runs_nothing(started, tmp_path, text):
    program = tmp_path / 'python'
    program.write_text(text)
    program.chmod(0o755)
    template = started(program)
    run = Run(template, 1, WHO)
    (unfit,) = events(template, lambda event: isinstance(event, Unfit))
    assert unfit.job_id == 1
    assert run.read_both() == (b'', b'')
    assert str(program) in template.refusal


def test_one_that_never_becomes_ready_is_ended(started, tmp_path):
    program = tmp_path / 'python'
    program.write_text('#!/bin/sh\nsleep 1000\n')
    program.chmod(0o755)
    template = started(program)
    Run(template, 1, WHO)
    template.give_up()
    (unfit,) = events(template, lambda event: isinstance(event, Unfit))
    assert unfit.job_id == 1
