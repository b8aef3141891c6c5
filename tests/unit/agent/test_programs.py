"""What modules consist of, as an agent holds it and passes it on."""

import hashlib
import signal
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from svcfw.agent import requests
from svcfw.agent.programs import Programs
from tests.support.jobs import module_job
from tests.unit.agent.fakes import FakeRouter, end_signals

CONTENTS = [b'first', b'', b'the third one']


def digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


@pytest.fixture
def programs() -> Iterator[Any]:
    before = signal.getsignal(signal.SIGCHLD)
    router = FakeRouter()
    yield Programs(router, '/bin/sh', {}, lambda job: None, lambda door: None)  # type: ignore[no-untyped-call]
    end_signals(before)
    router.loop.close()


def give(programs: Any, *contents: bytes) -> None:
    sizes = [(digest(content), len(content)) for content in contents]
    programs.add_members(sizes, zlib.compress(b''.join(contents)))


def test_members_are_held_by_their_digests(programs: Any) -> None:
    give(programs, *CONTENTS)
    assert programs.members == {digest(content): content for content in CONTENTS}


@pytest.mark.parametrize('is_lent', [False, True])
def test_what_another_account_passes_on_is_checked(programs: Any, is_lent: bool) -> None:
    programs._is_lent = is_lent
    sizes = [(digest(b'one'), 3), (digest(b'two'), 3)]
    if is_lent:
        with pytest.raises(ValueError, match='what its digest says'):
            programs.add_members(sizes, zlib.compress(b'oneTWO'))
    else:
        programs.add_members(sizes, zlib.compress(b'oneTWO'))
    assert (digest(b'two') in programs.members) is not is_lent


def test_a_child_is_passed_what_it_lacks(programs: Any) -> None:
    give(programs, *CONTENTS)
    sizes, packed = programs.packed_members([digest(CONTENTS[2]), digest(CONTENTS[0])])
    assert sizes == [(digest(CONTENTS[2]), 13), (digest(CONTENTS[0]), 5)]
    assert zlib.decompress(packed) == b'the third onefirst'
    with pytest.raises(KeyError):
        programs.packed_members([b'none'])


def test_a_job_has_the_members_of_its_list_which_is_one_object(programs: Any) -> None:
    member_list = programs._codec.encode([('a.py', digest(CONTENTS[0]))])
    give(programs, member_list)
    described = [programs._described(requests.Module(module_job(), 10, digest(member_list))) for _ in range(2)]  # type: ignore[no-untyped-call]
    assert described[0].members == [('a.py', digest(CONTENTS[0]))]
    assert described[0].members is described[1].members
    assert described[0].member_list == digest(member_list)


def test_a_source_has_none(programs: Any) -> None:
    described = programs._described(requests.Module(module_job(), 10, None))  # type: ignore[no-untyped-call]
    assert (tuple(described.members), described.member_list) == ((), None)


def test_what_is_forgotten_is_gone(programs: Any) -> None:
    member_list = programs._codec.encode([])
    give(programs, member_list)
    programs._described(requests.Module(module_job(), 10, digest(member_list)))  # type: ignore[no-untyped-call]
    programs.forget()
    assert programs.members == {}
    with pytest.raises(KeyError):
        programs._described(requests.Module(module_job(), 10, digest(member_list)))  # type: ignore[no-untyped-call]
    assert programs.still_running() is False
