"""ansible-core's own integration targets over svcfw: some of them always, all of them in the long form."""

from pathlib import Path

import pytest

from tests.support.core_runs import run_target
from tests.support.core_source import need_source
from tests.support.core_targets import Target
from tests.support.need import need_long, need_program, need_root
from tests.support.timing import seconds
from tests.support.venvs import need_core
from tests.upstream import CONNECTIONS, main, read_list, unlisted

LINES = ('2.19', '2.20', '2.21')


@pytest.fixture(autouse=True)
def hosts() -> None:
    """Skip where there can be no throw-away hosts."""
    need_root()
    need_program('sshd', 'sshd')


@pytest.mark.parametrize('name', read_list()['short'])
def test_a_target_passes(name: str, tmp_path: Path) -> None:
    core = need_core('2.19')
    source = need_source(core)
    target = Target.load(source, name)
    verdict = run_target(target, source, core, CONNECTIONS['svcfw'], tmp_path / 'hosts', tmp_path / 'log')
    assert verdict.passed, verdict.log.read_text(errors='replace')
    assert verdict.logins, 'it never logged in'


@pytest.mark.parametrize('name', ['strategy_linear', 'strategy_free', 'strategy_host_pinned', 'delegate_to'])
def test_a_target_passes_with_our_strategies(name: str, tmp_path: Path) -> None:
    core = need_core('2.21')
    source = need_source(core)
    target = Target.load(source, name)
    verdict = run_target(target, source, core, CONNECTIONS['strategy'], tmp_path / 'hosts', tmp_path / 'log')
    assert verdict.passed, verdict.log.read_text(errors='replace')


def test_every_target_of_the_release_is_run_or_left_out_with_a_reason() -> None:
    assert unlisted(need_source(need_core('2.19'))) == []


@pytest.mark.timeout(seconds(3 * 3600))
@pytest.mark.parametrize('line', LINES)
def test_no_target_is_worse_than_over_ssh(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    need_long('runs every target over svcfw and over ssh')
    assert unlisted(need_source(need_core(line))) == []
    with capsys.disabled():
        assert main(['--core', line]) == 0
