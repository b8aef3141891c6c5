"""The multiplexer's log: a file of bounded size, in which no text of a target's looks like a record."""

import logging
import logging.handlers
import os
from pathlib import Path

from svcfw.core.parent import printable
from svcfw.mux import rundir

MAX_LOG_BYTES = 1024 * 1024


class Formatter(logging.Formatter):
    """Escapes whatever is not printable and marks each line of a record but its first, whoever has said it."""

    def format(self, record: logging.LogRecord) -> str:
        return printable.lines(super().format(record))


def configure(folder: Path) -> None:
    """Have this process log into the folder, from the level on that SVCFW_LOG names (WARNING)."""
    handler = logging.handlers.RotatingFileHandler(rundir.log_path(folder), maxBytes=MAX_LOG_BYTES, backupCount=1)
    handler.setFormatter(Formatter('%(asctime)s %(levelname)s %(name)s: %(message)s'))
    level = logging.getLevelNamesMapping().get(os.environ.get('SVCFW_LOG', '').upper(), logging.WARNING)
    logging.basicConfig(handlers=[handler], level=level)
