"""Reads the keys of one host from known_hosts files (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT").

paramiko's own reader parses every line, which takes seconds for ten thousand hosts, and ignores revoked keys.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase


@dataclass
class Known:
    """Entries of one host. Keys are base64 text, as in the files."""

    keys: dict[str, str] = field(default_factory=dict)
    """{key: where it stands, 'FILE:LINE'}"""
    types: list[str] = field(default_factory=list)
    """known key types, in the order of the files"""
    revoked: set[str] = field(default_factory=set)
    """revoked keys"""


def read_known(paths: Iterable[str], name: str) -> Known:
    """All entries in these files for `name`: a host, or '[host]:port' if the port is not 22.

    An unreadable file counts as empty. Certificate authorities are left out: paramiko has no host certificates.
    """
    known = Known()
    for path in paths:
        try:
            with open(path, encoding='utf-8', errors='replace') as lines:
                for number, line in enumerate(lines, 1):
                    _read_line(known, line.split(), name, f'{path}:{number}')
        except OSError:
            continue
    return known


def host_name(host: str, port: int) -> str:
    """The name of a host in known_hosts."""
    return host.lower() if port == 22 else f'[{host.lower()}]:{port}'


def _read_line(known: Known, words: list[str], name: str, place: str) -> None:
    marker = words.pop(0) if words and words[0].startswith('@') else ''
    if len(words) < 3 or words[0].startswith('#') or not _matches(words[0], name):
        return
    _, key_type, key = words[:3]
    if marker == '@revoked':
        known.revoked.add(key)
    elif not marker:
        known.keys.setdefault(key, place)
        if key_type not in known.types:
            known.types.append(key_type)


def _matches(patterns: str, name: str) -> bool:
    if patterns.startswith('|1|'):
        return _matches_hashed(patterns, name)
    matched = False
    for pattern in patterns.lower().split(','):
        # In known_hosts brackets are literal, not a set of characters.
        glob = pattern.lstrip('!').replace('[', '[[]')
        if fnmatchcase(name, glob):
            if pattern.startswith('!'):
                return False
            matched = True
    return matched


def _matches_hashed(text: str, name: str) -> bool:
    try:
        salt, digest = (base64.b64decode(part) for part in text.split('|')[2:4])
    except (ValueError, binascii.Error):
        return False
    return hmac.compare_digest(hmac.new(salt, name.encode(), hashlib.sha1).digest(), digest)
