"""Stands in for svcfw.service.starting: its import waits for `importable.gate`."""

from svcfw.service.starting import start_in_child
from tests.support.routers import LONG
from tests.unit.service import importable

__all__ = ['start_in_child']

importable.begun.set()
assert importable.gate.wait(LONG)
