"""Contents by digest, and what is compiled of them."""

import traceback
import warnings

import pytest

from svcfw.agent.warm.members import Members

WARNS = b'x = 1\nif x is 1:\n    pass\n'


def members(*contents: bytes) -> Members:
    made = Members()
    for number, content in enumerate(contents):
        made.add(bytes([number]), content)
    return made


def test_what_was_added_is_there() -> None:
    made = members(b'a', b'b')
    assert made.digests() == [b'\0', b'\1']
    assert made.content(b'\1') == b'b'
    with pytest.raises(KeyError):
        made.content(b'\2')


def test_a_source_is_compiled_once_for_each_name() -> None:
    made = members(b'answer = 42\n')
    made.prepare(b'\0', '/zip/mod.py')
    code = made.code(b'\0', '/zip/mod.py')
    assert made.code(b'\0', '/zip/mod.py') is code
    assert code.co_filename == '/zip/mod.py'
    assert made.code(b'\0', '/zip/other.py').co_filename == '/zip/other.py'
    found: dict[str, object] = {}
    exec(code, found)
    assert found['answer'] == 42


def test_a_warning_is_each_runs_own() -> None:
    made = members(WARNS)
    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter('always')
        made.prepare(b'\0', 'mod.py')
    assert raised == [], 'in advance nobody is there to read it'
    for _ in range(2):
        with pytest.warns(SyntaxWarning):
            made.code(b'\0', 'mod.py')


def test_an_error_is_that_of_the_run_that_needs_it() -> None:
    made = members(b'def :\n', b'\xff')
    made.prepare(b'\0', 'mod.py')
    made.prepare(b'\1', 'mod.py')
    for digest in (b'\0', b'\1'):
        with pytest.raises(SyntaxError) as raised:
            made.code(digest, 'mod.py')
        assert 'mod.py' in ''.join(traceback.format_exception(raised.value))


def test_another_process_takes_in_contents_and_what_is_compiled() -> None:
    there, here = members(b'a = 1\n', b'b = 1\n', b'c = 1\n'), Members()
    there.prepare(b'\0', 'mod.py')
    here.take_in(there.of([b'\0', b'\2']))
    assert sorted(here.digests()) == [b'\0', b'\2']
    assert here.content(b'\2') == b'c = 1\n'
    assert here.code(b'\0', 'mod.py') is there.code(b'\0', 'mod.py')
