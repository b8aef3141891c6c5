"""The code that another interpreter is sent to become a template: all of it, and only ours."""

import subprocess
import sys

import pytest

from svcfw.agent.template import start
from svcfw.agent.warm import server
from tests.support.interpreters import need_python


def test_all_that_the_template_needs_is_sent_in_an_order_that_can_be_imported() -> None:
    names = start._needed(server)
    assert len(names) == len(set(names))
    assert {name.partition('.')[0] for name in names} == {'svcfw'}
    assert names[-1] == 'svcfw.agent.warm.server'
    for name in names:
        parent = name.rpartition('.')[0]
        assert not parent or names.index(parent) < names.index(name)
    assert {'svcfw.agent.warm.job', 'svcfw.agent.warm.reuse.worker', 'svcfw.agent.private'} <= set(names)


def test_nothing_of_the_rest_of_the_agent_is() -> None:
    beyond = [name for name in start._needed(server) if name.startswith(('svcfw.core', 'svcfw.files', 'svcfw.boot'))]
    assert beyond == []


@pytest.mark.parametrize('version', ['3.6', '3.11', '3.13'])
def test_an_interpreter_alone_can_run_it(version: str) -> None:
    python = need_python(version)
    code = start._code().partition(b"try:\n    sys.modules['svcfw.agent.warm.server'].serve")[0]
    program = b'import os, sys\n' + code + b"\nprint(sys.modules['svcfw.agent.warm.server'].serve.__module__)\n"
    done = subprocess.run([python, '-I', '-S', '-'], input=program, capture_output=True, check=False)
    assert (done.stdout, done.stderr) == (b'svcfw.agent.warm.server\n', b'')


def test_the_first_words_take_exactly_the_code() -> None:
    text = start._FIRST.format(size=5)
    done = subprocess.run(
        [sys.executable, '-I', '-c', text + ';import sys;print(sys.stdin.read())'],
        input=b'c = 7' + b'what follows', capture_output=True, check=False,
    )  # fmt: skip
    assert done.stdout == b'what follows\n', done.stderr
