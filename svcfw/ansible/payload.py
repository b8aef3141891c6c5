"""What ansible-core hands to `Connection.exec_command(in_data=...)`, taken apart without any of ansible's own code.

A module arrives as an "AnsiballZ": a Python program that carries its parameters and, as base64, a zip with the module
and all the `module_utils` it imports. Two formats exist: a text template ('v1', up to ansible-core 2.18) and a call
with keyword arguments ('v2', from 2.19 on). A text is recognised only if every field of its format is found exactly
once and nothing unknown is beside them; whatever else arrives is for the caller to run as the program it is. The code
around the fields is not compared by hash: a cosmetic line of it changes between releases.

Nothing here may log or show `params`: they hold the task's secrets.
"""

import ast
import base64
import binascii
import hashlib
import io
import re
import shlex
import zipfile
from typing import NamedTuple

_MARK = b'_ANSIBALLZ_WRAPPER = True'
_MARK_WITHIN_BYTES = 4096
_BASE64_ALPHABET = b'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/='


class Payload(NamedTuple):
    """One module run, as ansible-core built it.

    `interpreter` is the words of `shebang`, which core since 2.18 quotes as a single one in the command; `params` the
    JSON text; `profile` the serialization profile (None in 'v1'); `rlimit_nofile` 0 for "leave it"; `zip_id` names the
    zip text (a module keeps it for a whole run of ansible, since core caches the zip; members keep their digests from
    run to run).
    """

    format: str
    interpreter: tuple[str, ...]
    module: str
    fqn: str
    params: bytes
    profile: str | None
    rlimit_nofile: int
    zip_id: str
    zip_base64: bytes
    shebang: str = ''

    def __repr__(self) -> str:
        return f'<Payload of {self.fqn}>'

    def members(self) -> list[tuple[str, bytes, bytes]]:
        """The zip's files in order as (name, SHA-256 digest, content); ValueError if it is no sound zip.

        Costs some 3 ms: call it only for a `zip_id` that is not known yet.
        """
        try:
            with zipfile.ZipFile(io.BytesIO(base64.b64decode(self.zip_base64, validate=True))) as archive:
                contents = [(info.filename, archive.read(info)) for info in archive.infolist()]
        except (binascii.Error, zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError) as exc:
            raise ValueError(f'the zip in the payload of {self.module} cannot be read: {exc}') from exc
        return [(name, hashlib.sha256(content).digest(), content) for name, content in contents]


def split(in_data: bytes) -> Payload | None:
    """The parts of an AnsiballZ, or None for anything that is not one in full (some 0.2 ms, the zip stays packed)."""
    if not in_data.startswith(b'#!') or _MARK not in in_data[:_MARK_WITHIN_BYTES]:
        return None
    try:
        return _split_v2(in_data) or _split_v1(in_data)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


# --- the format of 2.19 and later: a program that ends in _ansiballz_main(key=literal, ...) -------------------------

_V2_CALL = b'\n\n\nif __name__ == "__main__":\n    _ansiballz_main(\n'
_V2_END = b',\n)\n'
_V2_KEYS = frozenset({
    b'ansible_module', b'module_fqn', b'profile', b'date_time', b'rlimit_nofile', b'params', b'extensions', b'zip_data',
})  # fmt: skip


def _split_v2(data: bytes) -> Payload | None:
    start = data.rfind(_V2_CALL)
    if start < 0 or not data.endswith(_V2_END):
        return None
    # One argument a line, each a repr(), which contains no newline: splitting by lines is exact.
    lines = data[start + len(_V2_CALL) : -len(_V2_END)].split(b',\n')
    arguments = dict(line.partition(b'=')[::2] for line in lines)
    if len(lines) != len(_V2_KEYS) or arguments.keys() != _V2_KEYS or arguments[b'extensions'] != b'{}':
        return None  # debugger and coverage extensions need the wrapper's own way of running
    return _payload(
        format='v2',
        shebang=data[: data.index(b'\n')],
        module=arguments[b'ansible_module'],
        fqn=arguments[b'module_fqn'],
        params=arguments[b'params'],
        profile=_literal_str(arguments[b'profile']),
        rlimit_nofile=int(arguments[b'rlimit_nofile']),
        zip_data=arguments[b'zip_data'],
    )


# --- the format up to 2.18: a template with the fields in known lines -----------------------------------------------

# Compiled when they are first used: a worker of a newer core never does.
_V1_ZIP = rb'^ *ZIPDATA = '
_V1_PARAMS = rb'^ *ANSIBALLZ_PARAMS = (?=[\'"])'
_V1_RUN = (
    rb"^ *runpy\.run_module\(mod_name=('[\w.]+'), init_globals=dict\(_module_fqn=('[\w.]+'), "
    rb'_modlib_path=modlib_path\),$'
)
_V1_MODULE = rb"^ *temp_path = tempfile\.mkdtemp\(prefix='ansible_' \+ ('[^'\\]*') \+ '_payload_'\)$"
_V1_RLIMIT = rb'^ *requested_soft = min\(existing_hard, (\d+)\)$'


def _split_v1(data: bytes) -> Payload | None:
    # The two lines with data in them go first, so that no pattern can match within what a user wrote.
    zip_data, rest = _cut_line(_V1_ZIP, data)
    params, rest = _cut_line(_V1_PARAMS, rest)
    runs, modules, limits = (re.findall(pattern, rest, re.M) for pattern in (_V1_RUN, _V1_MODULE, _V1_RLIMIT))
    if len(runs) != 1 or runs[0][0] != runs[0][1] or len(modules) != 1 or len(limits) > 1:
        return None
    if b'import coverage' in rest or b"find_spec('coverage')" in rest:
        return None  # measuring coverage of a module: the wrapper has to do it
    return _payload(
        format='v1',
        shebang=rest[: rest.index(b'\n')],
        module=modules[0],
        fqn=runs[0][0],
        params=params,
        profile=None,
        rlimit_nofile=int(limits[0]) if limits else 0,
        zip_data=zip_data,
    )


def _cut_line(start: bytes, text: bytes) -> tuple[bytes, bytes]:
    """(what follows `start` on its line, the text without that line); ValueError unless there is exactly one."""
    match = re.search(start, text, re.M)
    if match is None:
        raise ValueError('no such line')
    end = text.index(b'\n', match.end())
    rest = text[: match.start()] + text[end + 1 :]
    if re.search(start, rest, re.M):
        raise ValueError('more than one such line')
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
    rlimit_nofile: int,
    zip_data: bytes,
) -> Payload | None:
    text = zip_data[1:-1]
    if zip_data[:1] not in (b"'", b'"') or zip_data[-1:] != zip_data[:1] or text.translate(None, _BASE64_ALPHABET):
        return None
    words = shebang[2:].decode('utf-8').strip()
    interpreter = tuple(shlex.split(words))
    if not interpreter or rlimit_nofile < 0:
        return None
    return Payload(
        format=format,
        interpreter=interpreter,
        module=_literal_str(module),
        fqn=_literal_str(fqn),
        params=_literal_str(params).encode('utf-8'),
        profile=profile,
        rlimit_nofile=rlimit_nofile,
        zip_id=hashlib.sha256(text).hexdigest(),
        zip_base64=text,
        shebang=words,
    )


def _literal_str(text: bytes) -> str:
    value = ast.literal_eval(text.decode('utf-8'))
    if not isinstance(value, str):
        raise ValueError('not a string literal')
    return value


# --- the command that is to read the payload ------------------------------------------------------------------------

_NAME = re.compile(r'[A-Za-z_][A-Za-z0-9_]*')
_PYTHON = re.compile(r'(?:.*/)?python(?:[0-9](?:\.[0-9]+)?)?')
# Appended by ansible-core up to 2.20 to every command that goes through the shell.
_APPENDED = ' && sleep 0'


def match_command(cmd: str, executable: str, interpreter: list[str]) -> dict[str, str] | None:
    """The environment if `cmd` does nothing but start `interpreter` in it by way of `executable -c`, else None.

    Exact or nothing: the command is parsed, built again, and the two texts compared.
    """
    inner = unwrap(cmd, executable)
    return None if inner is None else match_inner(inner, interpreter)


def match_inner(inner: str, interpreter: list[str]) -> dict[str, str] | None:
    """As `match_command`, for the text within `sh -c '...'` (what a become plugin was given to wrap)."""
    matched = _assignments_and_words(inner)
    return matched[0] if matched is not None and matched[1] == list(interpreter) else None


def match_module(inner: str, module: Payload) -> tuple[Payload, dict[str, str]] | None:
    """`module` with the interpreter that `inner` starts for it, and the environment; None if it does anything else.

    `inner` is the text within `sh -c '...'`.
    """
    matched = _assignments_and_words(inner)
    if matched is None:
        return None
    environment, words = matched
    if words == [module.shebang]:
        return module._replace(interpreter=(module.shebang,)), environment
    return (module, environment) if words == list(module.interpreter) else None


def match_python(cmd: str, executable: str) -> tuple[dict[str, str], list[str]] | None:
    """(environment, interpreter words) if `cmd` starts a Python and gives it no arguments, else None.

    What is then fed to it is Python source, whoever wrote it.
    """
    inner = unwrap(cmd, executable)
    return None if inner is None else match_python_inner(inner)


def match_python_inner(inner: str) -> tuple[dict[str, str], list[str]] | None:
    """As `match_python`, for the text within `sh -c '...'`."""
    matched = _assignments_and_words(inner)
    if matched is None:
        return None
    words = matched[1][1:] if matched[1][:1] == ['/usr/bin/env'] else matched[1]
    return matched if len(words) == 1 and _PYTHON.fullmatch(words[0]) else None


def unwrap(cmd: str, executable: str) -> str | None:
    """The text that `cmd` gives to `executable -c`, or None if that is not exactly what it is."""
    prefix = f'{executable} -c '
    if not executable or not cmd.startswith(prefix):
        return None
    try:
        words = shlex.split(cmd[len(prefix) :])
    except ValueError:
        return None
    return words[0] if len(words) == 1 and prefix + shlex.quote(words[0]) == cmd else None


# Words, one space between them, that a POSIX shell and shlex read the same, however they are quoted.
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
    # The user quotes an interpreter whose path has spaces, and not always as we would.
    is_exact = rest == shlex.join(words) or re.fullmatch(_WORDS, rest)
    return (environment, words) if is_exact else None
