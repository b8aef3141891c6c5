"""One download: attempts, validators, where it does not go."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from svcfw.ansible.services.ready.download import WAITS_S, ArtifactError, Validators, download, shown
from tests.support.artifact_server import ArtifactServer


@pytest.fixture(autouse=True)
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ArtifactServer]:
    for name in ('http_proxy', 'HTTP_PROXY', 'all_proxy', 'ALL_PROXY'):
        monkeypatch.delenv(name, raising=False)
    with ArtifactServer() as server:
        server.files['/a'] = b'the content'
        yield server


@pytest.mark.parametrize('failures', [[503, 429], [None, 500]])
def test_what_may_pass_is_tried_again(server: ArtifactServer, tmp_path: Path, failures: list[int | None]) -> None:
    server.failures = failures
    waits: list[float] = []
    download(f'{server.url}/a', str(tmp_path / 'a'), sleep=waits.append)
    assert (tmp_path / 'a').read_bytes() == b'the content'
    assert waits == list(WAITS_S)


def test_the_last_attempt_tells_how_it_failed(server: ArtifactServer, tmp_path: Path) -> None:
    server.failures = [None, None, None]
    with pytest.raises(ArtifactError, match='cut off after 5 of 11 bytes, at the last of 3 attempts'):
        download(f'{server.url}/a', str(tmp_path / 'a'), sleep=lambda wait: None)


def test_nobody_there_is_told(tmp_path: Path, server: ArtifactServer) -> None:
    with pytest.raises(ArtifactError, match='Connection refused, at the last'):
        download('http://127.0.0.1:1/a', str(tmp_path / 'a'), sleep=lambda wait: None)


@pytest.mark.parametrize(('path', 'status'), [('nothing', 404), ('to/ftp://127.0.0.1/a', 302)])
def test_what_stays_so_is_told_at_once(server: ArtifactServer, tmp_path: Path, path: str, status: int) -> None:
    with pytest.raises(ArtifactError, match=f'the server answers {status}'):
        download(f'{server.url}/{path}', str(tmp_path / 'a'), sleep=lambda wait: pytest.fail('another attempt'))
    assert len(server.asked) == 1


def test_what_is_known_still_is_not_sent(server: ArtifactServer, tmp_path: Path) -> None:
    known = download(f'{server.url}/a', str(tmp_path / 'a'))
    assert download(f'{server.url}/a', str(tmp_path / 'b'), known) is None
    assert not (tmp_path / 'b').exists()
    assert download(f'{server.url}/a', str(tmp_path / 'b'), Validators('"other"', None)) == known


def test_it_goes_by_the_proxy_of_the_environment(
    server: ArtifactServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('http_proxy', server.url)
    server.files['http://nowhere.invalid/a'] = b'by the proxy'
    download('http://nowhere.invalid/a', str(tmp_path / 'a'))
    assert (tmp_path / 'a').read_bytes() == b'by the proxy'


def test_credentials_go_to_the_server_of_the_url_alone(server: ArtifactServer, tmp_path: Path) -> None:
    with ArtifactServer() as other:
        other.files['/a'] = b'protected'
        other.account = 'me:secret'
        url = f'{server.url}/to/{other.url}/a'.replace('://', '://me:secret@', 1)
        with pytest.raises(ArtifactError, match='answers 401') as caught:
            download(url, str(tmp_path / 'a'))
    assert 'secret' not in str(caught.value)
    assert shown('https://me:secret@example.org/a?b') == 'https://example.org/a?b'
