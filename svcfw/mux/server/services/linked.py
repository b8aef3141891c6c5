"""Linked: the multiplexer's record of a module that has become a context."""

from collections.abc import Callable
from typing import NamedTuple

from svcfw.mux.offer import Offer
from svcfw.mux.server.services.run import Run


class Linked(NamedTuple):
    """Its permissions and its run. on_unlink(): called once, when the permissions have ended."""

    offer: Offer
    #: Files that services permit it to fetch, and to write, in addition to those of its offer.
    files: list[str]
    written: list[str]
    run: Run
    on_unlink: Callable[[], None]
