"""Which frames of children pass: the source and its authority lie behind the link, and the way goes up or down."""

import pytest

from svcfw.core.wire.frames import Frame
from svcfw.core.wire.passing import check_direction, check_source


class Table:
    """Of context 5, below 2 and 0: 10 and 11 behind one link, 20 behind another."""

    own_id = 5
    parent_ids = (2, 0)

    def link_for(self, context_id: int) -> str | None:
        return {10: 'left', 11: 'left', 20: 'right'}.get(context_id)


def frame(src: int, auth: int, dst: int = 5) -> Frame:
    return Frame(dst, src, auth, 100, 0, 0, b'')


@pytest.mark.parametrize(
    ('src', 'auth', 'reason'),
    [
        (10, 10, None),
        (10, 11, None),
        (20, 20, 'context 20 is not behind this link'),
        (5, 5, 'context 5 is not behind this link'),
        (0, 0, 'context 0 is not behind this link'),
        (10, 20, 'no authority of context 20'),
        (10, 0, 'no authority of context 0'),
        (99, 99, 'context 99 is not behind this link'),
    ],
)
def test_the_source_of_what_came_by_the_left_link(src: int, auth: int, reason: str | None) -> None:
    assert check_source(Table(), 'left', frame(src, auth)) == reason


@pytest.mark.parametrize(
    ('src', 'dst', 'passes'),
    [
        (10, 5, True),
        (10, 2, True),
        (10, 0, True),
        (10, 20, False),
        (10, 11, False),
        (10, 99, False),
        (0, 10, True),
        (2, 20, True),
        (5, 10, True),
        (99, 10, False),
    ],
)
def test_the_direction(src: int, dst: int, passes: bool) -> None:
    assert (check_direction(Table(), src, dst) is None) == passes
