"""Whatever children claim, a route leads where its block was granted, and no frame passes between siblings."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from svcfw.core.wire.errors import RouteError
from svcfw.core.wire.frames import Frame
from svcfw.core.wire.passing import check_direction, check_source
from svcfw.core.wire.routes import RouteTable

OWN, PARENTS = 7, (3, 0)
ids = st.integers(-1, 40)
links = st.sampled_from('abc')


class Claims(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.table = RouteTable(OWN, PARENTS)
        self.granted = {}
        self.routed = {}

    @rule(first=ids, size=st.integers(-1, 10), link=links)
    def grant(self, first, size, link):
        block = range(first, first + size + 1)
        allowed = first > 0 and size >= 0 and not any(i in self.granted for i in block)
        try:
            self.table.grant(first, first + size, link)
        except RouteError:
            assert not allowed
        else:
            assert allowed
            self.granted.update(dict.fromkeys(block, link))

    @rule(context_id=ids, link=links)
    def add(self, context_id, link):
        allowed = self.granted.get(context_id) == link and self.free(context_id, link)
        self.try_adding(self.table.add, context_id, link, allowed)

    @rule(context_id=ids, link=links)
    def add_trusted(self, context_id, link):
        self.try_adding(self.table.add_trusted, context_id, link, self.free(context_id, link))

    def free(self, context_id, link):
        return context_id not in (OWN, *PARENTS) and self.routed.get(context_id, link) == link

    def try_adding(self, add, context_id, link, allowed):
        try:
            add(context_id, link)
        except RouteError:
            assert not allowed
        else:
            assert allowed
            self.routed[context_id] = link

    @rule(context_id=ids)
    def remove(self, context_id):
        self.table.remove(context_id)
        self.routed.pop(context_id, None)

    @rule(link=links)
    def drop(self, link):
        lost = [i for i, known in self.routed.items() if known == link]
        assert sorted(self.table.drop_link(link)) == sorted(lost)
        self.routed = {i: known for i, known in self.routed.items() if known != link}
        self.granted = {i: known for i, known in self.granted.items() if known != link}

    @rule(src=ids, auth=ids, dst=ids, link=links)
    def a_frame_passes_only_where_it_may(self, src, auth, dst, link):
        believed = check_source(self.table, link, Frame(dst, src, auth, 1)) is None
        assert believed == (self.routed.get(src) == link == self.routed.get(auth))
        if believed and check_direction(self.table, src, dst) is None:
            assert dst in (OWN, *PARENTS)

    @rule(src=ids, dst=ids)
    def what_comes_from_above_is_from_an_ancestor(self, src, dst):
        if check_direction(self.table, src, dst) is None and src not in self.routed:
            assert src in (OWN, *PARENTS)

    @invariant()
    def routes_are_the_models(self):
        assert {i: self.table.link_for(i) for i in self.routed} == self.routed
        assert self.table.links() == set(self.routed.values())


Claims.TestCase.settings = settings(deadline=None, stateful_step_count=40)
TestClaims = Claims.TestCase
