"""The multiplexer's log: of bounded size, with text from targets escaped so that it cannot look like a record."""

import logging
import logging.handlers
import os
from pathlib import Path

from svcfw.core.parent import printable
from svcfw.mux import rundir

MAX_LOG_BYTES = 1024 * 1024


class Formatter(logging.Formatter):
    """Escapes what is not printable, and marks each line of a record except the first."""

    def format(self, record: logging.LogRecord) -> str:
        return printable.lines(super().format(record))


def configure(folder: Path) -> None:
    """Log to the folder, from the level in SVCFW_LOG on (default WARNING)."""
    handler = logging.handlers.RotatingFileHandler(rundir.log_path(folder), maxBytes=MAX_LOG_BYTES, backupCount=1)
    handler.setFormatter(Formatter('%(asctime)s %(levelname)s %(name)s: %(message)s'))
    level = logging.getLevelNamesMapping().get(os.environ.get('SVCFW_LOG', '').upper(), logging.WARNING)
    logging.basicConfig(handlers=[handler], level=level)
