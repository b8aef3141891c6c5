"""The names of an agent's operations: each has its request, and no two are alike."""

from svcfw.agent import ops, requests

#: What agents say by themselves, and what an answer begins with.
SAID = {ops.LINK, ops.STALE, ops.PART, ops.DONE, ops.UNFIT, ops.CHILD_OUTPUT, ops.CHILD_READY, ops.CHILD_FAILED}


def test_each_operation_has_a_request() -> None:
    names = [value for name, value in vars(ops).items() if name.isupper() and type(value) is str]
    assert len(set(names)) == len(names)
    assert set(names) - SAID == set(requests.BY_OPERATION)


def test_flags_can_be_combined() -> None:
    flags = [ops.PUT_FIRST, ops.PUT_LAST, ops.PUT_ABANDON]
    assert sum(flags) == ops.PUT_FIRST | ops.PUT_LAST | ops.PUT_ABANDON
