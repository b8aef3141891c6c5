"""Linked: a module that is a context, as the multiplexer knows it."""

from collections.abc import Callable
from typing import NamedTuple

from svcfw.mux.offer import Offer
from svcfw.mux.server.services.run import Run


class Linked(NamedTuple):
    """What it may ask for, and the run that it is of. on_unlink(): called once it may ask for nothing any more."""

    offer: Offer
    #: Files that services have let it fetch beside those of its offer, and that they have let it write.
    files: list[str]
    written: list[str]
    run: Run
    on_unlink: Callable[[], None]
