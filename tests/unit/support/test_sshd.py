import subprocess

from tests.support.sshd import Sshd, is_open
from tests.support.timing import seconds


def run_over(server: Sshd, command: str) -> subprocess.CompletedProcess[str]:
    destination = ['-p', str(server.port), f'{server.user}@{server.host}']
    return subprocess.run(
        ['ssh', '-o', 'BatchMode=yes', *server.ssh_options(), *destination, command],
        capture_output=True,
        text=True,
        timeout=seconds(30),
    )


def test_a_key_login_runs_a_command(sshd: Sshd) -> None:
    result = run_over(sshd, 'echo hello; exit 3')
    assert (result.returncode, result.stdout, result.stderr) == (3, 'hello\n', '')


def test_another_host_key_is_refused_by_the_client(own_sshd: Sshd) -> None:
    own_sshd.change_host_key()
    result = run_over(own_sshd, 'true')
    assert result.returncode == 255
    assert 'REMOTE HOST IDENTIFICATION HAS CHANGED' in result.stderr


def test_a_stopped_server_refuses_and_starts_again_on_its_port(own_sshd: Sshd) -> None:
    own_sshd.stop()
    assert not is_open(own_sshd.host, own_sshd.port)
    own_sshd.start()
    assert run_over(own_sshd, 'true').returncode == 0
