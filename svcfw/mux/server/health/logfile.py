"""The multiplexer's log: of bounded size, with text from targets escaped so that it cannot look like a record."""

import logging
import os
from pathlib import Path

from svcfw.core.parent import printable
from svcfw.mux import rundir

MAX_LOG_BYTES = 1024 * 1024


class Formatter(logging.Formatter):
    """Escapes what is not printable, and marks each line of a record except the first."""

    def format(self, record: logging.LogRecord) -> str:
        return printable.lines(super().format(record))


class Handler(logging.FileHandler):
    """Appends to a file; one that gets too long is renamed, and replaces the one before it.

    As logging.handlers.RotatingFileHandler, whose module takes 3 ms to import.
    """

    def emit(self, record: logging.LogRecord) -> None:
        super().emit(record)
        try:
            if self.stream is not None and self.stream.tell() > MAX_LOG_BYTES:
                self.close()
                os.replace(self.baseFilename, f'{self.baseFilename}.1')
        except OSError:
            self.handleError(record)


def configure(folder: Path) -> None:
    """Log to the folder, from the level in SVCFW_LOG on (default WARNING)."""
    handler = Handler(rundir.log_path(folder))
    handler.setFormatter(Formatter('%(asctime)s %(levelname)s %(name)s: %(message)s'))
    level = logging.getLevelNamesMapping().get(os.environ.get('SVCFW_LOG', '').upper(), logging.WARNING)
    logging.basicConfig(handlers=[handler], level=level)
