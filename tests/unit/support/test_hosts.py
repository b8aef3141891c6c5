import subprocess

from tests.support.hosts import Farm, Host
from tests.support.timing import seconds, wait_until


def run_on(host: Host, user: str, command: str) -> str:
    result = subprocess.run(
        ['ssh', '-o', 'BatchMode=yes', *host.ssh_options(), '-p', str(host.port), f'{user}@{host.address}', command],
        capture_output=True,
        text=True,
        timeout=seconds(30),
    )
    return f'{result.returncode} {result.stdout}{result.stderr}'.strip()


def test_a_host_has_its_own_name_accounts_and_sudo(farm: Farm) -> None:
    host = farm.host('alpha')
    assert run_on(host, 'plain', 'hostname; whoami; pwd') == '0 alpha\nplain\n/home/plain'
    assert run_on(host, 'sudoer', 'sudo -n whoami') == '0 root'
    assert run_on(host, 'sudopw', "echo 'correct horse' | sudo -S -p '' -k whoami") == '0 root'
    assert run_on(host, 'plain', f'test -e {__file__}') == '1'


def test_changes_tells_what_was_done_there_and_only_that(farm: Farm) -> None:
    host = farm.host()
    assert host.changes() == {}
    run_on(host, 'plain', 'echo 1 >a; ln -s a b; umask 77; echo >/tmp/c; rm -f /home/noisy/.bashrc')
    assert {path: text.split()[0] for path, text in host.changes().items()} == {
        '/home/plain/a': '-rw-r--r--',
        '/home/plain/b': 'lrwxrwxrwx',
        '/tmp/c': '-rw-------',
    }
    assert host.path('/home/plain/a').read_text() == '1\n'


def test_a_host_may_lack_python(farm: Farm) -> None:
    host = farm.host('bare', 'no-python')
    assert run_on(host, 'plain', 'command -v python3 python || echo none') == '0 none'


def test_a_noexec_tmp_runs_nothing(farm: Farm) -> None:
    host = farm.host('strict', 'noexec-tmp')
    assert run_on(host, 'plain', 'cp /bin/true /tmp/; /tmp/true').startswith('126')


def test_stopping_a_host_ends_its_processes(farm: Farm) -> None:
    host = farm.host()
    with subprocess.Popen(
        ['ssh', *host.ssh_options(), '-p', str(host.port), f'plain@{host.address}', 'sleep 1000'],
        stderr=subprocess.DEVNULL,
    ) as client:
        wait_until(lambda: any('sleep 1000' in line for line in host.processes()), seconds(10), 'sleep runs')
        host.stop()
        assert client.wait(seconds(10)) == 255
