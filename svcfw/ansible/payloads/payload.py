"""Parses what ansible-core passes to `Connection.exec_command(in_data=...)`, without ansible's own code.

A module arrives as an "AnsiballZ": a Python program that contains its parameters and, as base64, a zip with the module
and all the `module_utils` it imports. There are two formats: a text template ('v1', up to ansible-core 2.18) and a call
with keyword arguments ('v2', from 2.19 on; with the run's secrets from 2.22 on). A text is recognised only if every
field of its format is found exactly once, with nothing unknown beside, and its code passes them to the module as we
do; anything else is run by the caller as the program it is. The code around is not compared by hash, because cosmetic
lines change between releases.
Nothing here may log or show `params`: they hold the task's secrets.
"""

import ast
import base64
import binascii
import functools
import hashlib
import io
import re
import shlex
import zipfile
from collections.abc import Mapping, Set
from typing import NamedTuple

_MARK = b'_ANSIBALLZ_WRAPPER = True'
_MARK_WITHIN_BYTES = 4096
_BASE64_ALPHABET = b'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/='


class Payload(NamedTuple):
    """One module run, as ansible-core built it.

    `interpreter` is the words of `shebang`, which core since 2.18 quotes as a single one in the command; `params` the
    JSON text; `profile` the serialization profile (None in 'v1'); `secrets` what the module must not print (None if
    core does not say); `rlimit_nofile` 0 for unchanged; `zip_id` identifies the zip text (core caches the zip, so a
    module has one for a whole run; members have the same digests in every run).
    """

    format: str
    interpreter: tuple[str, ...]
    module: str
    fqn: str
    params: bytes
    profile: str | None
    secrets: tuple[str, ...] | None
    rlimit_nofile: int
    zip_id: str
    zip_base64: bytes
    shebang: str = ''

    def __repr__(self) -> str:
        return f'<Payload of {self.fqn}>'

    def members(self) -> list[tuple[str, bytes, bytes]]:
        """The zip's files in order as (name, SHA-256 digest, content). Raises ValueError for a broken zip.

        Takes some 3 ms: call it only for an unknown `zip_id`.
        """
        try:
            with zipfile.ZipFile(io.BytesIO(base64.b64decode(self.zip_base64, validate=True))) as archive:
                contents = [(info.filename, archive.read(info)) for info in archive.infolist()]
        except (binascii.Error, zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError) as exc:
            raise ValueError(f'the zip in the payload of {self.module} cannot be read: {exc}') from exc
        return [(name, hashlib.sha256(content).digest(), content) for name, content in contents]


class UnknownForm(ValueError):
    """Not a payload of a known format; the text says why, without any of its contents."""


def split(in_data: bytes) -> Payload:
    """Parse an AnsiballZ, whose zip stays packed (1 ms in a new worker, 0.2 for each further item of a loop).

    Raises UnknownForm unless all of it is recognised.
    """
    if not in_data.startswith(b'#!') or _MARK not in in_data[:_MARK_WITHIN_BYTES]:
        raise UnknownForm('no AnsiballZ')
    try:
        start = in_data.rfind(_V2_CALL)
        return _split_v1(in_data) if start < 0 else _split_v2(in_data, start)
    except UnknownForm:
        raise
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise UnknownForm('a field that cannot be read') from None


# --- the format of 2.19 and later: a program that ends in _ansiballz_main(key=literal, ...) -------------------------

_V2_CALL = b'\n\n\nif __name__ == "__main__":\n    _ansiballz_main(\n'
_V2_END = b',\n)\n'
_V2_KEYS = frozenset({
    b'ansible_module', b'module_fqn', b'profile', b'date_time', b'rlimit_nofile', b'params', b'extensions', b'zip_data',
})  # fmt: skip
# The call that passes them to the module; our code has it too (agent/warm/runner.py).
_V2_HANDS_OVER = re.compile(
    rb' from ansible\.module_utils\._internal\._ansiballz import _loader\n'
    rb'\s+_loader\.run_module\(\n((?: +\w+=\w+,\n)+) +\)'
)
_V2_RUN = b'run_module('
_V2_HANDED = frozenset({b'json_params', b'profile', b'module_fqn', b'modlib_path', b'extensions'})
_V2_SECRETS = b'secrets'  # since 2.22


def _split_v2(data: bytes, start: int) -> Payload:
    if not data.endswith(_V2_END):
        raise UnknownForm('something follows the arguments')
    names, values = _arguments(data, start + len(_V2_CALL), len(data) - len(_V2_END))
    arguments = dict(zip(names, values, strict=True))
    has_secrets = _V2_SECRETS in arguments
    _expect('argument', _V2_KEYS | ({_V2_SECRETS} if has_secrets else set()), arguments, len(names))
    if arguments[b'extensions'] != b'{}':
        raise UnknownForm('a debugger or coverage is on')  # which need the wrapper's own way of running
    code = data[:start]
    calls = _V2_HANDS_OVER.findall(code)
    if not calls or len(calls) != code.count(_V2_RUN):
        raise UnknownForm('another way to run the module')
    for call in calls:
        handed = dict(line.strip().partition(b'=')[::2] for line in call.split(b',\n')[:-1])
        _expect('keyword', _V2_HANDED | ({_V2_SECRETS} if has_secrets else set()), handed, len(handed))
        if any(name != value for name, value in handed.items()):
            raise UnknownForm('another way to run the module')
    return _payload(
        format='v2',
        shebang=data[: data.index(b'\n')],
        module=arguments[b'ansible_module'],
        fqn=arguments[b'module_fqn'],
        params=arguments[b'params'],
        profile=_literal_str(arguments[b'profile']),
        secrets=_literal_frozenset(arguments[_V2_SECRETS]) if has_secrets else None,
        rlimit_nofile=int(arguments[b'rlimit_nofile']),
        zip_data=arguments[b'zip_data'],
    )


def _arguments(data: bytes, start: int, end: int) -> tuple[list[bytes], list[bytes]]:
    """The names and the values in these lines: one `name=value` each, with a comma between, and no newline in a repr().

    The zip is copied once: in a worker, which has just been forked, each copy of it costs as much as to hash it.
    """
    names, values = [], []
    while start < end:
        stop = data.index(b'\n', start, end + 2)  # the last one ends in the comma and newline at `end`
        equals = data.find(b'=', start, stop)
        if equals < 0 or data[stop - 1 : stop] != b',':
            raise UnknownForm('something between the arguments')
        names.append(data[start:equals])
        values.append(data[equals + 1 : stop - 1])
        start = stop + 1
    return names, values


def _expect(kind: str, expected: Set[bytes], found: Mapping[bytes, bytes], count: int) -> None:
    """Raise UnknownForm unless the names in `found` are those expected, each once."""
    for name in sorted(found.keys() ^ expected):
        state = 'missing' if name in expected else 'unknown'
        raise UnknownForm(f'{state} {kind} {_shown(name)}')
    if count != len(expected):
        raise UnknownForm(f'a repeated {kind}')


def _shown(name: bytes) -> str:
    """A name for an error, but never data in the place of a name."""
    return name.decode() if re.fullmatch(rb'[A-Za-z_]\w{0,40}', name) else 'that is no name'


# --- the format up to 2.18: a template with the fields in known lines -----------------------------------------------

# Compiled on first use: a worker of a newer core never needs it.
_V1_ZIP = rb'^ *ZIPDATA = '
_V1_PARAMS = rb'^ *ANSIBALLZ_PARAMS = (?=[\'"])'
_V1_RUN = (
    rb"^ *runpy\.run_module\(mod_name=('[\w.]+'), init_globals=dict\(_module_fqn=('[\w.]+'), "
    rb'_modlib_path=modlib_path\),$'
)
_V1_MODULE = rb"^ *temp_path = tempfile\.mkdtemp\(prefix='ansible_' \+ ('[^'\\]*') \+ '_payload_'\)$"
_V1_RLIMIT = rb'^ *requested_soft = min\(existing_hard, (\d+)\)$'
_V1_HANDS_OVER = rb'^ *from ansible\.module_utils import basic\n *basic\._ANSIBLE_ARGS = json_params$'


def _split_v1(data: bytes) -> Payload:
    # The two lines with data first, so that no pattern can match within what a user wrote.
    zip_data, rest = _cut_line(_V1_ZIP, data)
    params, rest = _cut_line(_V1_PARAMS, rest)
    runs, modules, limits = (re.findall(pattern, rest, re.M) for pattern in (_V1_RUN, _V1_MODULE, _V1_RLIMIT))
    if len(runs) != 1 or runs[0][0] != runs[0][1] or not re.search(_V1_HANDS_OVER, rest, re.M):
        raise UnknownForm('another way to run the module')
    if len(modules) != 1 or len(limits) > 1:
        raise UnknownForm('a field that cannot be read')
    if b'import coverage' in rest or b"find_spec('coverage')" in rest:
        raise UnknownForm('coverage is on')  # which needs the wrapper's own way of running
    return _payload(
        format='v1',
        shebang=rest[: rest.index(b'\n')],
        module=modules[0],
        fqn=runs[0][0],
        params=params,
        profile=None,
        secrets=None,
        rlimit_nofile=int(limits[0]) if limits else 0,
        zip_data=zip_data,
    )


def _cut_line(start: bytes, text: bytes) -> tuple[bytes, bytes]:
    """(the rest of the line that starts with `start`, the text without that line). UnknownForm unless there is one."""
    match = re.search(start, text, re.M)
    if match is None:
        raise UnknownForm('a field is missing')
    end = text.index(b'\n', match.end())
    rest = text[: match.start()] + text[end + 1 :]
    if re.search(start, rest, re.M):
        raise UnknownForm('a repeated field')
    return text[match.end() : end], rest


# --- both -----------------------------------------------------------------------------------------------------------


def _payload(
    *,
    format: str,
    shebang: bytes,
    module: bytes,
    fqn: bytes,
    params: bytes,
    profile: str | None,
    secrets: tuple[str, ...] | None,
    rlimit_nofile: int,
    zip_data: bytes,
) -> Payload:
    text = zip_data[1:-1]
    if zip_data[:1] not in (b"'", b'"') or zip_data[-1:] != zip_data[:1]:
        raise UnknownForm('a zip that is not base64')
    words = shebang[2:].decode('utf-8').strip()
    interpreter = tuple(shlex.split(words))
    if not interpreter or rlimit_nofile < 0:
        raise UnknownForm('a field that cannot be read')
    return Payload(
        format=format,
        interpreter=interpreter,
        module=_literal_str(module),
        fqn=_literal_str(fqn),
        params=_literal_str(params).encode('utf-8'),
        profile=profile,
        secrets=secrets,
        rlimit_nofile=rlimit_nofile,
        zip_id=_zip_id(text),
        zip_base64=text,
        shebang=words,
    )


@functools.lru_cache(maxsize=2)  # the items of a loop have the same one or two
def _zip_id(text: bytes) -> str:
    """Of a zip in base64; UnknownForm for anything else."""
    if text.translate(None, _BASE64_ALPHABET):
        raise UnknownForm('a zip that is not base64')
    return hashlib.sha256(text).hexdigest()


def _literal_str(text: bytes) -> str:
    value = ast.literal_eval(text.decode('utf-8'))
    if not isinstance(value, str):
        raise ValueError('not a string literal')
    return value


def _literal_frozenset(text: bytes) -> tuple[str, ...]:
    """The strings in the repr() of a frozenset, which is not a literal."""
    if text == b'frozenset()':
        return ()
    if not (text.startswith(b'frozenset({') and text.endswith(b'})')):
        raise ValueError('not a frozenset')
    values = ast.literal_eval(text[len(b'frozenset(') : -1].decode('utf-8'))
    if not isinstance(values, set) or not all(isinstance(value, str) for value in values):
        raise ValueError('not a set of texts')
    return tuple(sorted(values))


# --- the command that reads the payload -----------------------------------------------------------------------------

_NAME = re.compile(r'[A-Za-z_][A-Za-z0-9_]*')
_PYTHON = re.compile(r'(?:.*/)?python(?:[0-9](?:\.[0-9]+)?)?')
# Appended by ansible-core up to 2.20 to every command that goes through the shell.
_APPENDED = ' && sleep 0'


def match_module(inner: str, module: Payload) -> tuple[Payload, dict[str, str]] | None:
    """`module` with the interpreter that `inner` starts for it, and the environment; None if it does anything else.

    `inner` is the text within `sh -c '...'`. Exact or nothing: the command is parsed, built again and compared.
    """
    matched = _assignments_and_words(inner)
    if matched is None:
        return None
    environment, words = matched
    if words == [module.shebang]:
        return module._replace(interpreter=(module.shebang,)), environment
    return (module, environment) if words == list(module.interpreter) else None


def match_python_inner(inner: str) -> tuple[dict[str, str], list[str]] | None:
    """(environment, interpreter words) if `inner` starts a Python and gives it no arguments, else None.

    `inner` is the text within `sh -c '...'`. What is then fed to it is Python source, whatever wrote it.
    """
    matched = _assignments_and_words(inner)
    if matched is None:
        return None
    words = matched[1][1:] if matched[1][:1] == ['/usr/bin/env'] else matched[1]
    return matched if len(words) == 1 and _PYTHON.fullmatch(words[0]) else None


def unwrap(cmd: str, executable: str) -> str | None:
    """The text that `cmd` passes to `executable -c`, or None if it is not exactly of that form."""
    prefix = f'{executable} -c '
    if not executable or not cmd.startswith(prefix):
        return None
    try:
        words = shlex.split(cmd[len(prefix) :])
    except ValueError:
        return None
    return words[0] if len(words) == 1 and prefix + shlex.quote(words[0]) == cmd else None


# Words, with one space between, that a POSIX shell and shlex read the same, however they are quoted.
_PIECE = r"""(?:[\w@%+=:,./-]|\\[^\n]|'[^']*'|"[^"$`\\]*")"""
_WORDS = f'(?a){_PIECE}+(?: {_PIECE}+)*'


def _assignments_and_words(inner: str) -> tuple[dict[str, str], list[str]] | None:
    text = inner.removesuffix(_APPENDED).strip(' ')
    try:
        words = shlex.split(text)
    except ValueError:
        return None
    environment: dict[str, str] = {}
    while words:
        name, equals, value = words[0].partition('=')
        if not equals or not _NAME.fullmatch(name):
            break
        if name in environment:
            return None
        environment[name] = value
        del words[0]
    assignments = ''.join([f'{name}={shlex.quote(value)} ' for name, value in environment.items()])
    rest = text.removeprefix(assignments)
    if not words or assignments + rest != text:
        return None
    # The user quotes an interpreter whose path has spaces, possibly in another way.
    is_exact = rest == shlex.join(words) or re.fullmatch(_WORDS, rest)
    return (environment, words) if is_exact else None
