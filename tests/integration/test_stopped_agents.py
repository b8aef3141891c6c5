"""An agent of another account that is stopped and continued: what had started it is left behind by nobody."""

import os
import signal

from tests.support.ansible import Controller, connection_vars
from tests.support.hosts import Farm, Host
from tests.support.mux import command, is_running, parent_of, state
from tests.support.sshd import descendants
from tests.support.timing import seconds, wait_until

BECOME = [{'name': 'root', 'command': 'whoami', 'become': True}]


def sudo_of(host: Host) -> int:
    """The process that has started root's agent."""
    (found,) = [pid for pid in descendants(host.pid) if command(pid).startswith('sudo ')]
    return found


def test_sudo_ends_with_an_agent_that_was_stopped(farm: Farm, controller: Controller) -> None:
    host = farm.host('web1')
    controller.trust(host)
    inventory = {'web1': {**host.inventory_vars('sudoer'), **connection_vars('svcfw-auto')}}
    run = controller.play(inventory, BECOME)
    assert run.rc == 0, run.output
    sudo = sudo_of(host)
    # Its shell becomes the agent; what the agent has forked has another parent.
    (agent,) = [pid for pid in descendants(sudo) if parent_of(pid) == sudo]
    os.kill(agent, signal.SIGSTOP)
    wait_until(lambda: state(sudo) == 'T', seconds(20), 'sudo stops itself')
    os.kill(agent, signal.SIGCONT)
    wait_until(lambda: state(agent) != 'T', seconds(20), 'the agent goes on')
    # Another login is needed for another account: the old context ends, and that of the login account goes on.
    host.path('/etc/sudoers.d/more').write_text('# more\n')
    run = controller.play(inventory, BECOME)
    assert run.rc == 0, run.output
    wait_until(lambda: not is_running(agent), seconds(20), 'the end of the agent')
    assert (
        state(sudo) != 'T'
    )  # it would be, until the login's agent kills the shell that sudo was started by, if it can
    wait_until(lambda: not is_running(sudo), seconds(20), 'the end of sudo')
