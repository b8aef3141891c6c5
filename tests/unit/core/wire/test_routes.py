import pytest

from svcfw.core.wire import limits
from svcfw.core.wire.errors import RouteError
from svcfw.core.wire.frames import Frame
from svcfw.core.wire.passing import check_direction, check_source
from svcfw.core.wire.routes import RouteTable


@pytest.fixture
def table():
    """Context 5 below 2 below 0, with children 10 (which has 100) and 11 (which has 200)."""
    table = RouteTable(5, (2, 0))
    table.add_trusted(10, 'ten')
    table.add_trusted(11, 'eleven')
    table.grant(100, 199, 'ten')
    table.grant(200, 299, 'eleven')
    table.add(100, 'ten')
    table.add(200, 'eleven')
    return table


def test_routes_lead_to_descendants_only(table):
    assert [table.link_for(i) for i in (10, 100, 11, 200)] == ['ten', 'ten', 'eleven', 'eleven']
    assert [table.link_for(i) for i in (0, 2, 5, 101, 12)] == [None] * 5
    assert table.links() == {'ten', 'eleven'}


@pytest.mark.parametrize('context_id', [0, 2, 5, 10, 11, 99, 200, 201, 300, -1])
def test_a_child_names_only_what_it_was_granted(table, context_id):
    with pytest.raises(RouteError, match='never granted'):
        table.add(context_id, 'ten')


def test_adding_again_is_harmless(table):
    table.add(100, 'ten')
    assert table.link_for(100) == 'ten'


@pytest.mark.parametrize('context_id', [0, 2, 5, 10, 100])
def test_own_children_do_not_take_ids_in_use(table, context_id):
    with pytest.raises(RouteError, match='elsewhere'):
        table.add_trusted(context_id, 'eleven')


def test_a_grant_does_not_override_what_is_routed(table):
    table.grant(11, 11, 'ten')
    with pytest.raises(RouteError, match='elsewhere'):
        table.add(11, 'ten')


@pytest.mark.parametrize('block', [(100, 100), (199, 250), (50, 100), (1, 1000), (0, 1), (30, 29), (-5, -1)])
def test_blocks_do_not_overlap(table, block):
    with pytest.raises(RouteError):
        table.grant(*block, 'eleven')


def test_blocks_of_one_link_are_limited():
    table = RouteTable(0)
    for i in range(1, limits.MAX_BLOCKS + 1):
        table.grant(i, i, 'greedy')
    with pytest.raises(RouteError, match='too many'):
        table.grant(limits.MAX_BLOCKS + 1, limits.MAX_BLOCKS + 1, 'greedy')
    table.grant(limits.MAX_BLOCKS + 1, limits.MAX_BLOCKS + 1, 'modest')


def test_dropping_a_link(table):
    assert table.drop_link('ten') == [10, 100]
    assert table.link_for(100) is None
    assert table.link_for(200) == 'eleven'
    assert table.links() == {'eleven'}
    with pytest.raises(RouteError):
        table.add(100, 'ten')
    assert table.drop_link('ten') == []


def test_removing(table):
    table.remove(100)
    table.remove(100)
    assert table.link_for(100) is None
    table.add(100, 'ten')


@pytest.mark.parametrize(
    ('src', 'auth', 'link', 'allowed'),
    [
        (10, 10, 'ten', True),
        (100, 100, 'ten', True),
        (10, 100, 'ten', True),
        (200, 200, 'ten', False),
        (11, 10, 'ten', False),
        (10, 11, 'ten', False),
        (10, 5, 'ten', False),
        (10, 0, 'ten', False),
        (5, 5, 'ten', False),
        (0, 0, 'ten', False),
        (777, 777, 'ten', False),
    ],
)
def test_source(table, src, auth, link, allowed):
    assert (check_source(table, link, Frame(5, src, auth, 1)) is None) is allowed


def test_a_link_without_routes_is_not_believed():
    table = RouteTable(0)
    assert check_source(table, 'stranger', Frame(0, 1, 1, 1)) is not None


@pytest.mark.parametrize(
    ('src', 'dst', 'allowed'),
    [
        (0, 10, True),
        (2, 200, True),
        (5, 100, True),
        (10, 5, True),
        (100, 2, True),
        (100, 0, True),
        (10, 11, False),
        (100, 200, False),
        (100, 11, False),
        (100, 10, False),
        (10, 100, False),
        (10, 777, False),
        (777, 10, False),
        (3, 10, False),
    ],
)
def test_direction(table, src, dst, allowed):
    assert (check_direction(table, src, dst) is None) is allowed
