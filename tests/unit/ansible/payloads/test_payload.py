"""Taking payloads apart: texts made here, so that every way of being slightly different can be tried."""

import base64
import hashlib
import io
import shlex
import zipfile

import pytest

from svcfw.ansible.payloads import payload
from tests.unit.ansible.payload_text import PAYLOAD

PARAMS = '{"ANSIBLE_MODULE_ARGS": {"data": "it\'s \\"h\\u00e9\\" \\\\n requested_soft = min(existing_hard, 7)"}}'


def make_zip(contents=(('ansible/__init__.py', b''), ('ansible/modules/ping.py', b'pass\n'))):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w') as archive:
        for name, content in contents:
            archive.writestr(name, content)
    return base64.b64encode(buffer.getvalue()).decode()


ZIP = make_zip()  # once: its bytes hold the time


HANDS_OVER = """\
        from ansible.module_utils._internal._ansiballz import _loader

        _loader.run_module(
            json_params=json_params,
            profile=profile,
            module_fqn=module_fqn,
            modlib_path=modlib_path,
            extensions=extensions,
        )
"""
WITH_SECRETS = HANDS_OVER.replace('extensions=extensions,', 'extensions=extensions,\n            secrets=secrets,')


def refused(data):
    """Why `data` is not taken apart."""
    with pytest.raises(payload.UnknownForm) as caught:
        payload.split(data)
    return str(caught.value)


def v2(change=lambda arguments: None, shebang='#!/usr/bin/python3', hands_over=HANDS_OVER):
    arguments = {
        'ansible_module': 'ping', 'module_fqn': 'ansible.modules.ping', 'profile': 'legacy',
        'date_time': 'datetime.datetime(2026, 1, 2)', 'rlimit_nofile': 0, 'params': PARAMS, 'extensions': {},
        'zip_data': ZIP,
    }  # fmt: skip
    change(arguments)
    lines = [f'{key}={value if key == "date_time" else repr(value)},' for key, value in arguments.items()]
    code = f'{shebang}\n\n_ANSIBALLZ_WRAPPER = True\n\ndef _ansiballz_main(**kwargs):\n{hands_over}'
    return (code + '\n\n\nif __name__ == "__main__":\n    _ansiballz_main(\n' + '\n'.join(lines) + '\n)\n').encode()


FQN = 'ansible.modules.ping'
RUN = f'        runpy.run_module(mod_name={FQN!r}, init_globals=dict(_module_fqn={FQN!r}, _modlib_path=modlib_path),'
V1_LINES = [
    '#!/usr/bin/python3',
    '_ANSIBALLZ_WRAPPER = True',
    'def _ansiballz_main():',
    f'    ZIPDATA = {ZIP!r}',
    '    def invoke_module(modlib_path, temp_path, json_params):',
    RUN,
    "                         run_name='__main__', alter_sys=True)",
    '    def debug(command, zipped_mod, json_params):',
    "            runpy.run_module(mod_name='ansible.modules.ping', init_globals=None,",
    f'    ANSIBALLZ_PARAMS = {PARAMS!r}',
    '    if PY3:',
    "        ANSIBALLZ_PARAMS = ANSIBALLZ_PARAMS.encode('utf-8')",
    "        temp_path = tempfile.mkdtemp(prefix='ansible_' + 'ping' + '_payload_')",
    '        from ansible.module_utils import basic',
    '        basic._ANSIBLE_ARGS = json_params',
    "if __name__ == '__main__':",
    '    _ansiballz_main()',
]


def v1(lines=V1_LINES):
    return ('\n'.join(lines) + '\n').encode()


@pytest.mark.parametrize(('data', 'format_', 'profile'), [(v1(), 'v1', None), (v2(), 'v2', 'legacy')])
def test_split_finds_every_field(data, format_, profile):
    found = payload.split(data)
    assert found is not None
    assert (found.format, found.profile) == (format_, profile)
    assert found.interpreter == ('/usr/bin/python3',)
    assert (found.module, found.fqn) == ('ping', 'ansible.modules.ping')
    assert found.params == PARAMS.encode()
    assert found.rlimit_nofile == 0
    assert found.zip_id == hashlib.sha256(ZIP.encode()).hexdigest()
    assert found.members() == [
        ('ansible/__init__.py', hashlib.sha256(b'').digest(), b''),
        ('ansible/modules/ping.py', hashlib.sha256(b'pass\n').digest(), b'pass\n'),
    ]


def test_secrets_do_not_show():
    found = payload.split(v2())
    assert 'data' not in repr(found)


def test_secrets_that_core_hands_to_modules():
    def with_secrets(secrets):
        return v2(lambda a: a.update(secrets=frozenset(secrets)), hands_over=WITH_SECRETS)

    assert payload.split(v2()).secrets is None
    assert payload.split(with_secrets([])).secrets == ()
    found = payload.split(with_secrets(['it\'s "é"', '})']))
    assert found.secrets == ('it\'s "é"', '})')
    assert '})' not in repr(found)


@pytest.mark.parametrize('secrets', ['secret', {'secret'}, frozenset({1}), None])
def test_secrets_in_another_form_are_refused(secrets):
    assert refused(v2(lambda a: a.update(secrets=secrets), hands_over=WITH_SECRETS)) == 'a field that cannot be read'


def test_rlimit():
    assert payload.split(v2(lambda a: a.update(rlimit_nofile=512))).rlimit_nofile == 512
    limited = [*V1_LINES[:3], '    requested_soft = min(existing_hard, 512)', *V1_LINES[3:]]
    assert payload.split(v1(limited)).rlimit_nofile == 512


def test_interpreter_of_several_words():
    assert payload.split(v2(shebang='#!/usr/bin/env python3')).interpreter == ('/usr/bin/env', 'python3')


@pytest.mark.parametrize(
    'change',
    [
        lambda a: a.update(extensions={'_debugpy': {}}),
        lambda a: a.update(another=1),
        lambda a: a.pop('profile'),
        lambda a: a.update(profile=None),
        lambda a: a.update(params=1),
        lambda a: a.update(params='\udcff'),
        lambda a: a.update(rlimit_nofile='x'),
        lambda a: a.update(rlimit_nofile=-1),
        lambda a: a.update(zip_data='not base64!'),
        lambda a: a.update(zip_data=b'abcd'),
    ],
)
def test_v2_with_anything_unknown_is_refused(change):
    assert refused(v2(change))


@pytest.mark.parametrize(
    ('data', 'reason'),
    [
        (v2(lambda a: a.update(tracing=1)), 'unknown argument tracing'),
        (v2(lambda a: a.pop('profile')), 'missing argument profile'),
        (v2(lambda a: a.update(secrets=frozenset())), 'missing keyword secrets'),
        (v2(hands_over=WITH_SECRETS), 'unknown keyword secrets'),
        (v2(hands_over=HANDS_OVER.replace('json_params=', 'arguments=')), 'unknown keyword arguments'),
        (v2(hands_over=HANDS_OVER.replace('=json_params', '=params')), 'another way to run the module'),
        (v2(hands_over=HANDS_OVER.replace('._ansiballz import', '._runner import')), 'another way to run the module'),
        (v2(hands_over=HANDS_OVER + HANDS_OVER.replace('profile=profile,', '')), 'another way to run the module'),
        (v2(lambda a: a.update(extensions={'_debugpy': {}})), 'a debugger or coverage is on'),
        (v2().replace(b"'legacy',", b"'legacy'"), 'something between the arguments'),
        (v2().replace(b"'legacy',", b"'legacy',\n"), 'something between the arguments'),
        (v2().replace(b"'legacy',", b"'legacy',\n**more,"), 'something between the arguments'),
        (v2().replace(b"'legacy',", b"'legacy',\nprofile='other',"), 'a repeated argument'),
        (b'#!/usr/bin/python3\nprint()\n', 'no AnsiballZ'),
    ],
)
def test_the_reason_names_what_is_different(data, reason):
    assert refused(data) == reason


def test_the_reason_shows_nothing_of_the_contents():
    assert 'geheim' not in refused(v2().replace(b'profile=', b'geheim geheim='))


@pytest.mark.parametrize(
    'data', [v2()[:-1], v2() + b'\n', v2() + b'print()\n', v2().replace(b'#!', b'# ', 1), v2(shebang='#!')]
)
def test_v2_text_around_the_arguments(data):
    assert refused(data)


@pytest.mark.parametrize('without', [1, 3, 5, 9, 12, 13, 14])
def test_v1_with_a_line_missing_is_refused(without):
    assert refused(v1(V1_LINES[:without] + V1_LINES[without + 1 :]))


@pytest.mark.parametrize('doubled', [3, 5, 9, 12])
def test_v1_with_a_line_twice_is_refused(doubled):
    assert refused(v1([*V1_LINES, V1_LINES[doubled]]))


@pytest.mark.parametrize(
    'line', ['        import coverage', "        if importlib.util.find_spec('coverage') is None:"]
)
def test_v1_with_coverage_is_refused(line):
    assert refused(v1([*V1_LINES[:4], line, *V1_LINES[4:]]))


@pytest.mark.parametrize(
    'data', [b'', b'#!/bin/sh\necho\n', b'#!/usr/bin/python3\nprint()\n', b'begin {\n', b'{"a": 1}', b'\xff' * 99]
)
def test_other_programs_are_refused(data):
    assert refused(data)


def test_a_broken_zip_is_noticed_when_it_is_opened():
    found = payload.split(v2(lambda a: a.update(zip_data=base64.b64encode(b'no zip').decode())))
    with pytest.raises(ValueError, match='ping'):
        found.members()


PYTHON = ['/usr/bin/python3']


def environment_of(inner, interpreter):
    """The environment if `inner` starts `interpreter` for a module and does nothing else."""
    module = payload.split(PAYLOAD)._replace(interpreter=tuple(interpreter), shebang='')
    matched = payload.match_module(inner, module)
    assert matched is None or matched[0] == module
    return None if matched is None else matched[1]


@pytest.mark.parametrize(
    ('inner', 'env'),
    [
        (' /usr/bin/python3 ', {}),
        (' /usr/bin/python3  && sleep 0', {}),
        ('/usr/bin/python3', {}),
        ("A=b _C9='x y' /usr/bin/python3 ", {'A': 'b', '_C9': 'x y'}),
        ("A='it'\"'\"'s' E='' /usr/bin/python3 && sleep 0", {'A': "it's", 'E': ''}),
        ("A='&& sleep 0' /usr/bin/python3", {'A': '&& sleep 0'}),
        ("A='two\nlines' /usr/bin/python3", {'A': 'two\nlines'}),
    ],
)
def test_commands_that_start_the_interpreter(inner, env):
    assert environment_of(inner, PYTHON) == env
    assert payload.unwrap(f'/bin/sh -c {shlex.quote(inner)}', '/bin/sh') == inner


@pytest.mark.parametrize(
    'inner',
    [
        '', ' ', 'A=b', '/usr/bin/python3.11', '/usr/bin/python3 x', '/usr/bin/python3;', '/usr/bin/python3 && sleep 1',
        'A=$B /usr/bin/python3', 'A=`x` /usr/bin/python3', 'A="b" /usr/bin/python3', 'A=~ /usr/bin/python3',
        'A=b A=c /usr/bin/python3', '9A=b /usr/bin/python3', 'A=b  /usr/bin/python3', "A='b /usr/bin/python3",
        'exec /usr/bin/python3', '/usr/bin/python3 # x', 'set -x A b; /usr/bin/python3', 'A-B=c /usr/bin/python3',
        '/usr/bin/python3\n', '/usr/bin/python3 < /dev/null', '\t/usr/bin/python3',
    ],
)  # fmt: skip
def test_commands_that_do_more(inner):
    assert environment_of(inner, PYTHON) is None


@pytest.mark.parametrize(
    'path', ['"/opt/my python/bin/python3"', "'/opt/my python'/bin/python3", r'/opt/my\ python/bin/python3']
)
def test_an_interpreter_whose_path_has_spaces(path):
    words = ['/opt/my python/bin/python3']
    assert environment_of(f"A='b c' {path} && sleep 0", words) == {'A': 'b c'}
    assert payload.match_python_inner(path) == ({}, words)


def test_the_words_of_a_shebang_may_be_one_in_the_command():
    module = payload.split(PAYLOAD)._replace(interpreter=('/opt/my', 'python3'), shebang='/opt/my python3')
    assert payload.match_module("A=b '/opt/my python3'", module) == (
        module._replace(interpreter=('/opt/my python3',)),
        {'A': 'b'},
    )
    assert payload.match_module('/opt/my python3', module) == (module, {})
    assert payload.match_module('/opt/my python3 x', module) is None
    assert payload.match_module('/opt/my', module) is None


@pytest.mark.parametrize(
    'path',
    ['"/opt/$X/python3"', '"/opt/`x`/python3"', '/opt/*/python3', '~/python3', 'a  b/python3', '"/opt/\\x/python3"'],
)
def test_an_interpreter_whose_path_only_a_shell_knows(path):
    assert environment_of(path, shlex.split(path)) is None


@pytest.mark.parametrize(
    'cmd',
    [
        "/bin/bash -c '/usr/bin/python3'",
        "/bin/sh -c '/usr/bin/python3' x",
        '/bin/sh -c "/usr/bin/python3 "',
        "/bin/sh  -c ' /usr/bin/python3'",
    ],
)
def test_wrappers_that_are_not_exactly_the_known_one(cmd):
    assert payload.unwrap(cmd, '/bin/sh') is None


def test_any_python_by_name():
    assert payload.match_python_inner('/usr/bin/python3.12 && sleep 0') == ({}, ['/usr/bin/python3.12'])
    assert payload.match_python_inner('A=b /usr/bin/env python3') == ({'A': 'b'}, ['/usr/bin/env', 'python3'])
    assert payload.match_python_inner('/usr/bin/python3 -c pass') is None
    assert payload.match_python_inner('/bin/sh') is None
    assert payload.match_python_inner('/usr/bin/env -S python3') is None
