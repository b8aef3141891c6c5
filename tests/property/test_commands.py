"""Commands as ansible-core builds them come back as what they were built from, and nothing else is taken for one."""

import shlex
import string
import subprocess

from hypothesis import given
from hypothesis import strategies as st

from svcfw.ansible.payloads import payload

names = st.text(string.ascii_letters + '_', min_size=1, max_size=4)
environments = st.dictionaries(
    names, st.text(st.characters(exclude_characters='\0', exclude_categories=['Cs']), max_size=12), max_size=4
)


@given(
    environments,
    st.sampled_from(['', ' && sleep 0']),
    st.sampled_from([['/usr/bin/python3'], ['/usr/bin/env', 'python3']]),
)
def test_what_core_builds_is_understood(env, appended, interpreter):
    prefix = ' '.join(f'{name}={shlex.quote(value)}' for name, value in env.items())
    inner = f'{prefix} {" ".join(interpreter)} {appended}'
    command = f'/bin/sh -c {shlex.quote(inner)}'
    assert payload.unwrap(command, '/bin/sh') == inner
    assert payload.match_python_inner(inner) == (env, interpreter)


@given(st.text(max_size=40))
def test_whatever_matches_says_the_same_when_built_again(text):
    matched = payload.match_python_inner(text)
    if matched is not None:
        env, words = matched
        assignments = ''.join(f'{name}={shlex.quote(value)} ' for name, value in env.items())
        stripped = text.removesuffix(' && sleep 0').strip(' ')
        assert stripped.startswith(assignments)
        assert shlex.split(stripped.removeprefix(assignments)) == words


@given(st.text(r""" a/'"\\$`~;*=""", max_size=12).map(lambda path: f'{path}/python3'))
def test_whatever_words_match_are_those_that_a_shell_reads(text):
    matched = payload.match_python_inner(text)
    if matched is not None:
        command = ['/bin/sh', '-c', f'for word in {text}; do printf "%s\\0" "$word"; done']
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split('\0')[:-1] == matched[1]
