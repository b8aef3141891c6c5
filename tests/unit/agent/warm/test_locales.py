"""Which locales a fork can have, and what is theirs then. A locale is its process's: each case has one of its own."""

import os
import subprocess
import sys

import pytest

from svcfw.agent.warm import locales
from tests.support.hosts import CHECKOUT


def outcome(start: dict[str, str], expression: str) -> str:
    """What an interpreter that was started with these variables prints of it."""
    program = (
        f'import os, sys; sys.path.insert(0, {str(CHECKOUT)!r})\nfrom svcfw.agent.warm import locales\n{expression}'
    )
    environment = {'PATH': os.environ['PATH'], **start}
    done = subprocess.run([sys.executable, '-I', '-c', program], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ('start', 'job', 'is_refused'),
    [
        ({'LC_ALL': 'C.UTF-8'}, {}, False),
        ({'LC_ALL': 'C.UTF-8'}, {'FOO': 'x'}, False),
        ({'LC_ALL': 'C.UTF-8'}, {'LC_ALL': 'C.UTF-8'}, False),
        ({'LANG': 'C.UTF-8'}, {'LANG': 'C.UTF-8', 'LC_MESSAGES': 'C'}, False),
        # The C locale gives other encodings, unless this interpreter was started in it and was coerced.
        ({'LANG': 'C.UTF-8'}, {'LC_ALL': 'C'}, True),
        ({}, {'LC_ALL': 'C.UTF-8'}, False),
        ({}, {'LANG': 'C'}, False),
        ({'PYTHONUTF8': '1', 'LANG': 'C.UTF-8'}, {'LC_ALL': 'C'}, True),
    ],
)
def test_what_only_a_new_interpreter_can_have(start: dict[str, str], job: dict[str, str], is_refused: bool) -> None:
    assert outcome(start, f'print(locales.refused({job!r}))') == str(is_refused)


def test_the_job_has_its_variables_and_its_locale() -> None:
    program = (
        "print(locales.apply({'LC_ALL': 'C.UTF-8', 'A': 'h\\xe9'}), os.environb[b'A'], end=' ')\n"
        'import _locale; print(_locale.setlocale(_locale.LC_CTYPE, None))'
    )
    assert outcome({}, program) == "surrogateescape b'h\\xc3\\xa9' C.UTF-8"


def test_without_a_locale_of_its_own_it_keeps_what_is_there() -> None:
    assert outcome({'LANG': 'C.UTF-8'}, "print(locales.apply({'A': 'b'}), os.environ['LANG'])") == 'None C.UTF-8'


def test_what_the_interpreter_added_is_not_passed_on() -> None:
    program = "print('LC_CTYPE' in os.environ, 'LC_CTYPE' in (locales.environment_before() or os.environ))"
    assert outcome({'LANG': 'C'}, program) == 'True False'
    assert outcome({'LC_ALL': 'C.UTF-8'}, 'print(locales.environment_before())') == 'None'


def test_text_in_an_environment_is_utf8() -> None:
    assert locales.encoded('h\xe9\udcff') == b'h\xc3\xa9\xff'
