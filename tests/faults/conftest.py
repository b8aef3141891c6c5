"""The hosts and the controller that all faults happen to."""

from collections.abc import Iterator

import pytest

from tests.faults.scene import Scene
from tests.support.hosts import Farm


@pytest.fixture(scope='module')
def scene(farm: Farm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    made = Scene(farm, tmp_path_factory.mktemp('scene'))
    try:
        yield made
    finally:
        made.close()
