"""Download of one file by http or https: retries, validators, proxies of the environment. Any thread; blocks."""

import base64
import hashlib
import http.client
import logging
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import IO, Any, NamedTuple
from urllib.parse import unquote, urlsplit, urlunsplit

#: Until a server has answered, and between two pieces of what it sends.
TIMEOUT_S = 30.0
#: Before each further attempt.
WAITS_S = (1.0, 4.0)
_PIECE_BYTES = 1 << 20
#: Answers after which another attempt makes sense, beside those from 500 on.
_PASSING = (408, 425, 429)

_log = logging.getLogger(__name__)


class ArtifactError(Exception):
    """An artifact cannot be had; says which and why."""


class Validators(NamedTuple):
    """What a server said of a file, for it to tell whether that is another one by now."""

    etag: str | None
    last_modified: str | None


class _Passing(Exception):
    """What may be otherwise at the next attempt."""


def shown(url: str) -> str:
    """A URL without account and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition('@')[2]))


def download(
    url: str, to: str, known: Validators | None = None, sleep: Callable[[float], None] = time.sleep
) -> Validators | None:
    """Put what is at `url` into the file `to`; None, and no file, if it is still what `known` is of. ArtifactError."""
    for wait in (*WAITS_S, None):
        try:
            return _attempt(url, to, known)
        except _Passing as exc:
            if wait is None:
                raise ArtifactError(f'{shown(url)}: {exc}, at the last of {len(WAITS_S) + 1} attempts') from exc
            _log.warning('%s: %s; another attempt in %g s', shown(url), exc, wait)
            sleep(wait)
    raise AssertionError('the last attempt raises')


def digest(path: str, algorithm: str = 'sha256') -> str:
    """The digest of a file, in hexadecimal. OSError."""
    with open(path, 'rb') as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def _attempt(url: str, to: str, known: Validators | None) -> Validators | None:
    try:
        response = _opener().open(_request(url, known), timeout=TIMEOUT_S)
    except urllib.error.HTTPError as exc:
        with exc:
            if exc.code == 304 and known is not None:
                return None
            text = f'the server answers {exc.code} {exc.reason}'
            if exc.code >= 500 or exc.code in _PASSING:
                raise _Passing(text) from exc
            raise ArtifactError(f'{shown(url)}: {text}') from exc
    except urllib.error.URLError as exc:
        if isinstance(exc.reason, ssl.SSLCertVerificationError):
            raise ArtifactError(f'{shown(url)}: {exc.reason}') from exc
        raise _Passing(str(exc.reason)) from exc
    except (http.client.HTTPException, OSError) as exc:
        raise _Passing(str(exc) or type(exc).__name__) from exc
    except ValueError as exc:
        raise ArtifactError(f'{shown(url)}: {exc}') from exc
    with response:
        _receive(url, response, to)
        return Validators(response.headers['ETag'], response.headers['Last-Modified'])


def _receive(url: str, response: Any, to: str) -> None:
    promised = response.headers['Content-Length']
    try:
        with open(to, 'wb') as file:
            size = _copy(response, file)
    except OSError as exc:
        raise ArtifactError(f'{shown(url)}: {to}: {exc.strerror or exc}') from exc
    if promised is not None and promised.isdecimal() and size != int(promised):
        raise _Passing(f'it was cut off after {size} of {promised} bytes')


def _copy(response: Any, file: IO[bytes]) -> int:
    while True:
        try:
            piece = response.read(_PIECE_BYTES)
        except (http.client.HTTPException, OSError) as exc:
            raise _Passing(f'it was cut off after {file.tell()} bytes: {exc or type(exc).__name__}') from exc
        if not piece:
            return file.tell()
        file.write(piece)


def _request(url: str, known: Validators | None) -> urllib.request.Request:
    """Credentials go to the server that the URL names, and not to others that it leads to."""
    parts = urlsplit(url)
    account, at, place = parts.netloc.rpartition('@')
    request = urllib.request.Request(urlunsplit(parts._replace(netloc=place, fragment='')))
    request.add_header('Accept-Encoding', 'identity')
    if at:
        request.add_unredirected_header(
            'Authorization', 'Basic ' + base64.b64encode(unquote(account).encode()).decode()
        )
    if known is not None and known.etag is not None:
        request.add_header('If-None-Match', known.etag)
    if known is not None and known.last_modified is not None:
        request.add_header('If-Modified-Since', known.last_modified)
    return request


class _Redirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        allowed = ('https:',) if req.type == 'https' else ('http:', 'https:')
        if not newurl.lower().startswith(allowed):
            text = f'and leads to what is not {" or ".join(each[:-1] for each in allowed)}'
            raise urllib.error.HTTPError(newurl, code, text, headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    """Of http and https alone: a server must not have a file of the controller read."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(), urllib.request.HTTPHandler(), urllib.request.HTTPSHandler(),
        urllib.request.UnknownHandler(), urllib.request.HTTPDefaultErrorHandler(), _Redirects(),
        urllib.request.HTTPErrorProcessor(),
    ):  # fmt: skip
        opener.add_handler(handler)
    opener.addheaders = [('User-Agent', 'svcfw')]
    return opener
