"""An HTTP server that counts what is asked of it."""

import base64
import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


class ArtifactServer:
    """Serves `files` (path to content) with an ETag each. A context manager.

    asked: (path, status) of each answer. failures: statuses to answer with first, None for an answer that breaks off.
    account: 'name:password' that who asks must have. /to/URL leads to that URL.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, int]] = []
        self.failures: list[int | None] = []
        self.account = ''
        self._server = ThreadingHTTPServer(('127.0.0.1', 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        return f'http://127.0.0.1:{self._server.server_port}'

    @property
    def downloads(self) -> list[str]:
        """What was sent whole, in order."""
        return [path for path, status in self.asked if status == 200]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        served = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                content = served.files.get(self.path)
                wanted = 'Basic ' + base64.b64encode(served.account.encode()).decode()
                failure = served.failures.pop(0) if served.failures else 200
                if failure not in (None, 200):
                    self.answer(failure or 0)
                elif self.path.startswith('/to/'):
                    self.answer(302, Location=self.path.removeprefix('/to/'))
                elif content is None:
                    self.answer(404)
                elif served.account and self.headers['Authorization'] != wanted:
                    self.answer(401)
                else:
                    etag = f'"{hashlib.sha256(content).hexdigest()}"'
                    if self.headers['If-None-Match'] == etag:
                        self.answer(304)
                    else:
                        self.answer(200, content[: len(content) // 2] if failure is None else content, len(content),
                                    ETag=etag)  # fmt: skip

            def answer(self, status: int, content: bytes = b'', length: int = 0, **headers: str) -> None:
                served.asked.append((self.path, status))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header('Content-Length', str(length))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: object) -> None:
                pass

        return Handler
