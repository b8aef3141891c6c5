"""What modules that are contexts may ask the multiplexer for; no ansible, and hosts that do not keep to the rules."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from svcfw.mux.client.client import Client, Target
from svcfw.mux.offer import Offer, start_time
from svcfw.mux.server.services.calls import MAX_OF_ONE
from tests.integration.test_mux_hostile import check_others, hostile
from tests.support.mux import Mux, fds, in_thread, link, resident_bytes, running_mux
from tests.support.sshd import kill

MiB = 1024 * 1024
ROOT = Path(__file__).resolve().parents[2]
MODULE_UTILS = (ROOT / 'ansible_plugins' / 'module_utils' / 'services.py').read_text()
HERE = Target(link())
#: Where the services are that are offered.
PLACES = [str(Path(__file__).with_name('asking') / 'services')]

# What a module is made of, but for its body: `answer` is what it returns.
MODULE = """

class Module(object):
    def fail_json(self, **result):
        import json
        print(json.dumps({'failed': result['msg']}))
        raise SystemExit(1)


def main(services):
    answer = None
BODY
    return answer


import json
with Services(Module()) as services:
    result = main(services)
print(json.dumps({'answer': result}))
"""


@pytest.fixture
def run() -> Iterator['subprocess.Popen[bytes]']:
    """Stands for the main process of a run."""
    process = subprocess.Popen(['sleep', '1000'])
    yield process
    process.kill()
    process.wait()


def module(body: str) -> bytes:
    """The source of a module with this body."""
    return (MODULE_UTILS + MODULE.replace('BODY', '\n'.join(f'    {line}' for line in body.splitlines()))).encode()


class Site:
    """The services, and what one run's hosts are offered of them."""

    def __init__(self, mux: Mux, folder: Path, run: 'subprocess.Popen[bytes]') -> None:
        self.mux = mux
        self.folder = folder
        self.run = (run.pid, start_time(run.pid))

    def offer(self, host: str = 'here', **fields: object) -> Offer:
        """What a host is offered; `fields` of Offer."""
        usual: dict[str, Any] = {'services': ['office.Office', 'office.Slow'], 'files': []}
        usual |= {'uploads': [], 'upload_bytes': 1 << 30}
        facts = {'inventory_hostname': host}
        return Offer(self.run, sys.executable, sys.path, str(self.folder), PLACES, facts=facts, **{**usual, **fields})

    def ask(self, body: str, target: Target = HERE, offer: Offer | None = None, client: Client | None = None) -> Any:
        """What the module with this body answers, or its last words."""
        used = client or self.mux.client()
        result = used.run_source(target, module(body), [sys.executable], {}, offer=offer or self.offer())
        lines = result.stdout.splitlines()
        assert lines, result.stderr.decode()
        return json.loads(lines[-1])

    def answer(self, body: str, *args: Any, **keywords: Any) -> Any:
        said = self.ask(body, *args, **keywords)
        assert 'answer' in said, said
        return said['answer']


@pytest.fixture
def site(mux: Mux, tmp_path: Path, run: 'subprocess.Popen[bytes]') -> Site:
    return Site(mux, tmp_path, run)


def call(method: str, service: str = 'office.Office', **arguments: object) -> str:
    """Text that calls a service."""
    more = ''.join(f', {name}={value!r}' for name, value in arguments.items())
    return f'answer = services.call({service!r}, {method!r}{more})'


def test_state_is_that_of_the_run(site: Site, mux: Mux) -> None:
    assert [site.answer(call('add')) for _ in range(3)] == [1, 2, 3]
    (pid,) = {site.answer(call('pid')) for _ in range(2)}
    with subprocess.Popen(['sleep', '1000']) as other:
        again = Site.__new__(Site)
        again.mux, again.folder, again.run = mux, site.folder, (other.pid, start_time(other.pid))
        assert again.answer(call('add')) == 1
        other_pid = again.answer(call('pid'))
        assert other_pid != pid
        other.kill()
    mux.wait_until_gone(other_pid)
    assert site.answer(call('add')) == 4


def test_a_run_that_is_over_is_offered_nothing(site: Site, run: 'subprocess.Popen[bytes]') -> None:
    pid = site.answer(call('pid'))
    run.kill()
    run.wait()
    site.mux.wait_until_gone(pid)
    assert 'not activated' in site.ask(call('add'))['failed']


def test_a_service_host_that_is_killed_takes_what_it_has_started_along(site: Site) -> None:
    pid = site.answer(call('pid'))
    os.kill(pid, signal.SIGKILL)
    site.mux.wait_until_gone(pid)
    said = site.ask(call('add'))['failed']
    assert said.startswith('office.Office.add: its process has ended')


def test_one_that_keeps_the_interpreter_holds_up_no_other(site: Site) -> None:
    assert site.answer(call('add')) == 1
    stubborn = Target(link(host='stubborn'))
    in_thread(site.ask, call('keep', 'office.Stubborn'), stubborn, site.offer('stubborn', services=['office.Stubborn']))
    site.mux.wait_for((site.folder / 'keeps').exists, 'it keeps the interpreter')
    assert site.answer(call('add')) == 2


def test_a_hundred_callers_of_a_deduplicated_service_share_one_execution(site: Site) -> None:
    body = """
replies = [services.call_async('office.Slow', 'work') for _ in range(20)]
answer = [reply.get() for reply in replies]
"""
    joins = [in_thread(site.answer, body) for _ in range(5)]
    assert {number for join in joins for number in join()} == {1}


@pytest.mark.parametrize('size', [1, 1000])
def test_what_a_module_sends_last_is_heard(site: Site, size: int) -> None:
    body = f"""
sender = services.call('office.Office', 'listen')
for n in range(500):
    sender.send((n, {'x' * size!r}))
"""
    for _ in range(5):
        site.answer(body)
        assert [n for n, _ in site.answer(call('heard'))] == list(range(500))


def test_each_host_is_who_it_is(site: Site) -> None:
    hosts = {f'host{i}': Target(link(host=f'host{i}')) for i in range(3)}
    for name, target in hosts.items():
        assert site.answer(call('who'), target, site.offer(name))['inventory_hostname'] == name


def test_arguments_that_are_too_large_end_their_module_alone(site: Site) -> None:
    assert len(site.answer("answer = services.call('office.Office', 'echo', data='x' * 6000000)")) == 6000000
    said = site.ask("answer = services.call('office.Office', 'echo', data='x' * 9000000)")
    assert said['failed'].startswith('office.Office.echo: what is sent takes 90000')
    check_others(site.mux)
    assert site.answer(call('add')) == 1


@pytest.mark.parametrize(
    ('body', 'reason'),
    [
        ("answer = services.call('office.Office', 'echo', data=object())", 'object'),
        ("answer = services.call('office.Office', 'echo')", 'missing argument data'),
        ("answer = services.call('office.Office', 'nowhere')", 'no exposed method nowhere'),
        ("answer = services.call(5, 'echo')", 'neither a service nor its name'),
        ("answer = services.call('office.Office', 'linger', timeout=0.2)", 'has not answered within 0.2 s'),
    ],
)
def test_what_cannot_be_asked_is_an_error_that_says_why(site: Site, body: str, reason: str) -> None:
    guarded = f'try:\n    {body}\nexcept TypeError as e:\n    answer = str(e)'
    said = site.ask(guarded)
    assert reason in (said.get('failed') or said['answer'])


def test_nothing_is_left_of_modules_that_have_ended(site: Site) -> None:
    site.answer(call('add'))
    client = site.mux.client()
    (agent,) = [pid for pid in site.mux.agents() if fds(pid) > 8][:1]
    before = fds(client.mux_pid), fds(agent)
    for _ in range(80):  # more than an agent has ids of its own
        site.answer(call('add'), client=client)
    assert (fds(client.mux_pid), fds(agent)) == before


# --- a module that does what it should not


def test_a_module_may_have_a_bounded_number_of_calls_open(site: Site) -> None:
    body = f"""
replies = [services.call_async('office.Office', 'linger') for _ in range({MAX_OF_ONE + 50})]
refused = []
for reply in replies[{MAX_OF_ONE}:]:
    try:
        reply.get(20)
    except Exception as e:
        refused.append(str(e))
answer = [len(refused), refused[0]]
"""
    count, reason = site.answer(body)
    assert count == 50
    assert 'are under way already' in reason


def test_a_module_may_have_a_bounded_number_of_bytes_under_way(site: Site) -> None:
    body = """
replies = [services.call_async('office.Office', 'linger', data='x' * 5000000) for _ in range(20)]
refused = []
for reply in replies[13:]:
    try:
        reply.get(20)
    except Exception as e:
        refused.append(str(e))
answer = [len(refused), refused[0]]
"""
    count, reason = site.answer(body)
    assert count == 7
    assert 'are under way already' in reason


def test_a_module_reaches_nothing_of_the_service_host_but_its_services(site: Site, tmp_path: Path) -> None:
    """Functions are called there by the multiplexer alone, whatever a module sends."""
    body = f"""
services.call('office.Office', 'add')
import sys
router = services._controller().router
handles = sys.modules['svcfw.core.handles']
Frame = sys.modules['svcfw.core.wire.frames'].Frame
me = router.own_id
value = router.codec.encode((('os', 'mkdir'), ({str(tmp_path / 'evil')!r},), {{}}))
for top in range(1, 300):
    if top != me:
        for handle in (handles.CALL_FUNCTION, handles.SHUTDOWN, 113):
            router.send(Frame(top, me, me, handle, 0, 0, value))
            type(router).__mro__[1].send(router, Frame(top, me, me, handle, 0, 0, value))
answer = services.call('office.Office', 'add')
"""
    said = site.ask(body)
    assert not (tmp_path / 'evil').exists()
    assert 'no handle of a service' in said['failed']
    assert site.answer(call('add')) == 2
    check_others(site.mux)


def test_a_module_that_reads_nothing_holds_up_nobody_for_long(site: Site) -> None:
    body = """
import time
replies = [services.call_async('office.Office', 'echo', data='x' * 3000000) for _ in range(20)]
time.sleep(1000)
"""
    in_thread(site.ask, body)
    client = site.mux.client()
    before = resident_bytes(client.mux_pid)
    assert site.answer(call('who'), Target(link(host='other')), site.offer('other'))['inventory_hostname'] == 'other'
    assert resident_bytes(client.mux_pid) - before < 200 * MiB


# --- a host that does what it should not

FORGED = """
if operation == 'module':
    programs = agent._programs
    knock = programs._on_knock
    def forged(door):
        door.key = KEY
        knock(door)
    programs._on_knock = forged
return True
"""


def forging(mux: Mux, key: str) -> Target:
    body = FORGED.replace('KEY', key)
    return hostile(mux, '\n    '.join(body.strip().splitlines()))


@pytest.mark.parametrize('key', ['door.key + 1', '0', '-5', '1 << 40'])
def test_a_host_that_names_another_request_is_offered_nothing(site: Site, key: str) -> None:
    """Those of other hosts have the same numbers, too."""
    evil = forging(site.mux, key)
    site.answer(call('add'))
    said = site.ask(call('add'), evil)
    assert 'not activated' in said['failed']
    check_others(site.mux)


def test_a_host_that_names_a_context_of_another_is_cut_off(site: Site) -> None:
    site.answer(call('add'))
    evil = hostile(site.mux, 'send(handles.AGENT, ("link", asked, 1)); return True')
    with pytest.raises(Exception, match='broke the protocol'):
        site.ask(call('add'), evil)
    check_others(site.mux)


def test_an_offer_to_one_host_is_none_to_another(site: Site, tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('content')
    get = f"""
import io
out = io.BytesIO()
services.get({str(tmp_path / 'file')!r}, out)
answer = out.getvalue().decode()
"""
    assert site.answer(get, HERE, site.offer(files=[str(tmp_path)])) == 'content'
    other = Target(link(host='other'))
    said = site.ask(get, other, site.offer('other'))
    assert 'this host may not have it' in said['failed']
    assert 'not activated' in site.ask(call('add'), other, site.offer('other', services=['office.Slow']))['failed']


def test_many_files_at_once(site: Site, tmp_path: Path) -> None:
    (tmp_path / 'many').mkdir()
    paths = []
    for number in range(1200):  # more than one request holds
        path = tmp_path / 'many' / f'{number}'
        path.write_text(f'{number}\n' * (5000 if number == 7 else 1))
        paths.append(str(path))
    body = f"""
found = services.fetch_files({paths!r}, {str(tmp_path / 'to')!r})
answer = ''.join(open(path).read() for path in found)
"""
    assert site.answer(body, HERE, site.offer(files=[str(tmp_path / 'many')])) == ''.join(
        Path(path).read_text() for path in paths
    )
    body = f'services.fetch_files({[paths[0], "/etc/shadow"]!r}, {str(tmp_path / "other")!r})'
    said = site.ask(body, HERE, site.offer(files=[str(tmp_path / 'many')]))['failed']
    assert '2 files: /etc/shadow: this host may not have it' in said
    assert os.listdir(tmp_path / 'other') == []


def test_a_module_hears_that_its_agent_cannot_let_it_in(tmp_path: Path, run: 'subprocess.Popen[bytes]') -> None:
    with running_mux(may_log_errors=True) as mux:
        site = Site(mux, tmp_path, run)
        evil = hostile(mux, 'agent._load = lambda name: 1 / 0; return True')
        assert site.ask(call('add'), evil)['failed'].startswith('Services of the controller cannot be had: the agent')


def test_a_link_that_is_lost_in_mid_fetch_is_told_and_leaves_nothing(site: Site, tmp_path: Path) -> None:
    with (tmp_path / 'large').open('wb') as large:
        large.truncate(8 << 30)
    (tmp_path / 'to').mkdir()
    client = site.mux.client()
    site.answer(call('add'), Target(link(host='other')), site.offer('other'), client)
    before = fds(client.mux_pid)
    others = set(site.mux.agents())
    body = f'answer = services.fetch({str(tmp_path / "large")!r}, {str(tmp_path / "to" / "large")!r})'
    join = in_thread(site.ask, body, HERE, site.offer(files=[str(tmp_path)]))
    site.mux.wait_for(lambda: os.listdir(tmp_path / 'to'), 'the beginning of the file')
    for pid in sorted(set(site.mux.agents()) - others):  # the context first, which would tell of the others' ends
        kill(pid)
    # Reset is a link of whose other end something was not read.
    with pytest.raises(Exception, match=r'lost|ended|here: Connection reset by peer'):
        join()
    site.mux.wait_for(lambda: fds(client.mux_pid) <= before + 1, 'the end of what it held')
    assert site.answer(call('add'), Target(link(host='other')), site.offer('other'), client) == 2
    check_others(site.mux)


def test_a_put_that_is_cut_off_is_resumed_by_the_same_host_alone(site: Site, tmp_path: Path) -> None:
    (tmp_path / 'large').write_bytes(os.urandom(MiB) * 40)
    (tmp_path / 'to').mkdir()
    body = f"""
def report(done, total):
    steps.append(done)
    if len(steps) > 1 and done > {20 * MiB} and {{stops}}:
        import os
        os._exit(1)

steps = []
services.put({str(tmp_path / 'large')!r}, {str(tmp_path / 'to' / 'large')!r}, on_progress=report)
answer = steps[0]
"""
    may = {'uploads': [str(tmp_path / 'to')], 'upload_bytes': 119 * MiB}
    offers = {name: site.offer(name, **may) for name in ('here', 'other')}
    client = site.mux.client()
    client.run_source(HERE, module(body.format(stops=1)), [sys.executable], {}, offer=offers['here'])
    site.mux.wait_for(lambda: [path.stat().st_size >= MiB for path in (tmp_path / 'to').iterdir()], 'what is kept')
    other = Target(link(host='other'))
    assert site.answer(body.format(stops=0), other, offers['other']) < MiB
    (kept,) = [path for path in (tmp_path / 'to').iterdir() if path.name != 'large']
    kept_bytes = kept.stat().st_size
    (tmp_path / 'to' / 'large').unlink()
    assert site.answer(body.format(stops=0), HERE, offers['here']) >= kept_bytes > MiB
    assert (tmp_path / 'to' / 'large').read_bytes() == (tmp_path / 'large').read_bytes()
    assert os.listdir(tmp_path / 'to') == ['large']
    # What had come counts once: three of 40 MiB are within 119, and a fourth is not.
    assert site.answer(body.format(stops=0), HERE, offers['here']) < MiB
    assert 'in this run, and may put' in site.ask(body.format(stops=0), HERE, offers['here'])['failed']


def test_a_host_hears_nothing_of_what_the_controller_has(site: Site, tmp_path: Path) -> None:
    """Neither which contents there are, nor blocks of the present file, which may be another host's."""
    (tmp_path / 'to').mkdir()
    secret = os.urandom(4 * MiB)
    (tmp_path / 'to' / 'present').write_bytes(secret)
    body = f"""
import hashlib
top = services._controller()
arguments = dict(path={str(tmp_path / 'to' / 'present')!r}, size={4 * MiB}, token=b'x', wanted={{}}, data=None)
said = top.call_service('svcfw.files.service.FileService', 'begin_put', digest=b'y' * 32, **arguments)
answer = [said['is_done'], said['offset'], said['signature'], said['same_size']]
"""
    assert site.answer(body, HERE, site.offer(uploads=[str(tmp_path / 'to')])) == [False, 0, None, []]
    site.mux.wait_for(lambda: os.listdir(tmp_path / 'to') == ['present'], 'the end of what was begun')
    assert (tmp_path / 'to' / 'present').read_bytes() == secret


def test_a_module_has_one_descriptor_more_and_what_it_starts_has_none(site: Site) -> None:
    body = """
import os, subprocess, sys
own = sorted(int(name) for name in os.listdir('/proc/self/fd'))
started = subprocess.check_output([sys.executable, '-c', 'import os; print(len(os.listdir("/proc/self/fd")))'])
answer = [own, sys.svcfw_link[0], int(started)]
"""
    own, fd, started = site.answer(body)
    assert {0, 1, 2, fd} < set(own)
    assert len(own) == 5  # with that of the listing
    assert started == 4
