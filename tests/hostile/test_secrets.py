"""What is left of a play's secrets in the memory of what outlives it. As root, who alone can read that."""

import ctypes  # noqa: F401 - where the other account cannot read it
import os
import time
from pathlib import Path

import pytest

from svcfw.agent import private
from tests.support.ansible import Controller, connection_vars
from tests.support.hosts import PASSWORD, Farm
from tests.support.need import need_root
from tests.support.secrets_scan import found
from tests.support.timing import seconds, wait_until

#: Planted in values that are not to be logged, of several kinds and sizes, and in the environment.
SECRETS = {name: f'planted-{name}-{os.urandom(8).hex()}' for name in (*map(str, range(18)), 'copied', 'environment')}


def tasks() -> list[dict[str, object]]:
    hidden = {'no_log': True, 'become': True}
    stdin = [
        {'name': f'stdin {n}', 'command': {'cmd': 'cat', 'stdin': SECRETS[str(n)] * (1 + 20 * n)}, **hidden}
        for n in range(9)
    ]
    login = [
        {'name': f'login {n}', 'command': {'cmd': 'cat', 'stdin': SECRETS[str(n)]}, 'no_log': True}
        for n in range(9, 18)
    ]
    copied = {'name': 'copy', 'copy': {'content': SECRETS['copied'], 'dest': '/root/x', 'mode': '0600'}, **hidden}
    return [*stdin, *login, copied]


def status(pid: int, field: str) -> str:
    for line in Path(f'/proc/{pid}/status').read_text().splitlines():
        if line.startswith(field + ':'):
            return line.split()[1]
    return ''


def of_ours(controller: Controller, host_pid: int) -> list[int]:
    """Python processes that the multiplexer has started on the host."""
    spaces = {pid for pid in map(int, filter(str.isdigit, os.listdir('/proc'))) if _is_in(pid, host_pid)}
    words = {pid: Path(f'/proc/{pid}/cmdline').read_bytes().split(b'\0') for pid in spaces}
    return [pid for pid in spaces if b'python' in words[pid][0] and any(b'sys.path[:]=' in word for word in words[pid])]


def _is_in(pid: int, host_pid: int) -> bool:
    try:
        return os.readlink(f'/proc/{pid}/ns/mnt') == os.readlink(f'/proc/{host_pid}/ns/mnt')
    except OSError:
        return False


def test_nothing_is_left_of_a_play(farm: Farm, controller: Controller) -> None:
    need_root()
    host = farm.host('secrets')
    controller.trust(host)
    controller.env['MY_TOKEN'] = SECRETS['environment']
    inventory = {
        'h': {
            **host.inventory_vars('sudopw'), **connection_vars('svcfw-ssh'), 'ansible_become_password': PASSWORD,
            'ansible_svcfw_idle_timeout': int(seconds(60)),
        }
    }  # fmt: skip
    run = controller.play(inventory, tasks())
    assert run.rc == 0, run.output
    [mux] = controller.mux_pids()
    planted = [secret.encode() for secret in SECRETS.values()]
    password = PASSWORD.encode()

    def left() -> dict[bytes, int]:
        return found(mux, [*planted, password])

    deadline = time.monotonic() + seconds(5)
    while left() and time.monotonic() < deadline:
        time.sleep(0.2)  # it tidies up once a second
    assert not left()
    processes = of_ours(controller, host.pid)
    assert len(processes) >= 3, 'agents and templates'
    # Agents wipe once nothing runs any more, what they fork modules from at once.
    wait_until(
        lambda: not any(found(pid, planted) for pid in of_ours(controller, host.pid)), seconds(10), 'nothing is left'
    )
    for pid in processes:
        assert not found(pid, [password, SECRETS['environment'].encode()])
        # A process that is not dumpable belongs to root in /proc.
        assert os.stat(f'/proc/{pid}/mem').st_uid == 0
    assert any(status(pid, 'Uid') != '0' for pid in processes)


@pytest.mark.parametrize('is_shown', [False, True])
def test_a_hidden_process_is_not_for_others_of_its_account(is_shown: bool) -> None:
    need_root()
    ready_r, ready_w = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.setuid(65534)
            private.show()  # a change of account has hidden it
            private.hide()
            if is_shown:
                private.show()
            os.write(ready_w, b'1')
            time.sleep(seconds(60))
        finally:
            os._exit(0)
    try:
        os.close(ready_w)
        assert os.read(ready_r, 1) == b'1'
        wait_until(lambda: status(pid, 'Uid') == '65534', seconds(5), 'another account')
        assert (os.stat(f'/proc/{pid}/mem').st_uid == 0) is not is_shown
    finally:
        os.close(ready_r)
        os.kill(pid, 9)
        os.waitpid(pid, 0)
