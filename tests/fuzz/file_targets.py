"""Fuzz targets: files, folders and deltas as they arrive, and what is kept of modules."""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from svcfw.ansible.payloads import payload_cache
from svcfw.core.wire.errors import DecodeError, Error
from svcfw.files import manifest
from svcfw.files.delta.blocks import match
from svcfw.files.delta.signature import Signature
from svcfw.files.disk.destination import Destination
from svcfw.files.messages import tree_parts
from svcfw.files.messages.file_parts import FilePlace
from svcfw.files.tree_place import TreePlace
from svcfw.service.errors import ManifestError, TransferError
from tests.fuzz.choices import Choices

_PLACE = Path(tempfile.mkdtemp(prefix='svcfw-fuzz-', dir='/dev/shm' if os.path.isdir('/dev/shm') else None))


def manifests(data: bytes) -> None:
    """Parts of a manifest: ManifestError, or entries that lie in the folder, each in one that came before."""
    choices = Choices(data)
    unpacker, folders, names = manifest.Unpacker(), {''}, set()
    try:
        while choices:
            part = choices.bytes() if choices.byte() % 2 else b''.join(manifest.pack(_entries(choices)))
            for entry in unpacker.unpack(part):
                folder, _, name = entry.name.rpartition('/')
                assert folder in folders
                assert entry.name not in names
                assert name not in ('.', '..')
                assert '/' not in name
                names.add(entry.name)
                if entry.kind == manifest.DIRECTORY:
                    folders.add(entry.name)
    except (ManifestError, OverflowError):  # the latter by `pack`
        pass


def _entries(choices: Choices) -> list[manifest.Entry]:
    """Entries of any kinds and names."""
    found = []
    for _ in range(1 + choices.byte() % 6):
        kind = choices.of((manifest.FILE, manifest.DIRECTORY, manifest.SYMLINK, manifest.OTHER))
        name = choices.of(
            ('', 'a', 'b', 'a/b', 'a/c', 'b/a', '..', 'a/../x', 'x' * 200, choices.bytes().decode('latin-1'))
        )
        content = choices.bytes()[:64]
        is_file = kind == manifest.FILE
        found.append(
            manifest.Entry(
                name, kind, len(content) if is_file else 0, choices.number() % 0o10000, 1, 1,
                target=choices.of(('..', '/etc', 'a', 'b/../..')) if kind == manifest.SYMLINK else '',
                digest=hashlib.sha256(content).digest() if is_file else None,
            )
        )  # fmt: skip
    try:
        list(manifest.pack(found))
    except (ManifestError, OverflowError):
        return sorted(found[:1], key=lambda each: each.name)
    return found


def folders(data: bytes) -> None:
    """A folder as it arrives: whatever comes, nothing outside of it changes."""
    choices = Choices(data)
    place = _PLACE / 'folder'
    _remove(place)
    place.mkdir()
    (place / 'canary').write_bytes(b'sings')
    message: Any = SimpleNamespace(wants_reply=lambda: choices.byte() % 2 == 1, reply=lambda value: None)
    store = SimpleNamespace(holds_itself=lambda digest: False)
    transfers: Any = SimpleNamespace(store=store, keep=lambda digest, path: None)
    try:
        with Destination(place / 'target') as destination:
            receiver = TreePlace(destination, str(place / 'target'), True, transfers, 1 << 20)
            while choices:
                receiver.take(message, *_tree_message(choices))
            receiver.end()
    except (Error, OSError):
        pass
    assert set(os.listdir(place)) <= {'canary', 'target'}, os.listdir(place)
    assert (place / 'canary').read_bytes() == b'sings'


def _remove(place: Path) -> None:
    """Also folders whose mode keeps out who is not root."""
    for folder, names, _ in os.walk(place):
        for name in names:
            if not os.path.islink(f'{folder}/{name}'):
                os.chmod(f'{folder}/{name}', 0o700)
    shutil.rmtree(place, ignore_errors=True)


def _tree_message(choices: Choices) -> tuple[Any, ...]:
    which = choices.byte() % 8
    if which == 0:
        return choices.of(('x', tree_parts.FILE, None)), choices.value()
    if which < 4:
        return tree_parts.MANIFEST, b''.join(list(manifest.pack(_entries(choices)))[:1])
    if which == 4:
        numbers, contents = [choices.byte() % 8 for _ in range(choices.byte() % 4)], choices.bytes()[:256]
        sizes = [choices.byte() for _ in numbers]
        return tree_parts.FILES, tree_parts.numbers(numbers), tree_parts.numbers(sizes), contents
    if which == 5:
        return tree_parts.FILE, choices.byte() % 8
    if which == 6:
        return (tree_parts.FILE_END,)
    return choices.of(('data', 'packed', 'zeros', 'copy')), choices.of((choices.bytes()[:64], choices.number()))


class _Writer:
    """Counts what a FilePlace writes."""

    def __init__(self) -> None:
        self.offset = 0

    def write(self, data: bytes) -> None:
        self.offset += len(data)

    def write_zeros(self, n: int) -> None:
        self.offset += n

    def copy(self, source: Any, offset: int, n: int) -> None:
        assert offset >= 0
        self.offset += n


def files(data: bytes) -> None:
    """The messages of one file: never more of it than there will be."""
    choices = Choices(data)
    writer, size = _Writer(), choices.number()
    place = FilePlace(writer, lambda digest: None, max(size, 0), choices.of((None, 5)))
    try:
        while choices:
            kind = choices.of(('data', 'packed', 'zeros', 'copy', 'x'))
            place.take(None, kind, *[choices.value() for _ in range(choices.byte() % 3)])
            assert writer.offset <= max(size, 0)
        place.end(choices.value(), choices.number())
    except (TransferError, DecodeError):
        pass


def deltas(data: bytes) -> None:
    """Signatures of a copy: DecodeError, or pieces that make up the whole file."""
    choices = Choices(data)
    try:
        blocks = choices.byte() % 20
        hashes, probes = choices.take(10) * blocks, choices.take(16) * (-(-blocks // 8))
        made = (blocks * 4096, 4096, hashes, probes) if choices.byte() % 2 else choices.value()
        present = Signature.unpack(made)
    except DecodeError:
        return
    content = (choices.bytes() * 40)[: 64 * 1024]
    fd = os.memfd_create('fuzz')
    try:
        os.write(fd, content)
        steps = list(match(fd, len(content), present))
    finally:
        os.close(fd)
    assert sum(length for _, _, length in steps) == len(content)
    assert all(offset + length <= present.size for kind, offset, length in steps if kind == 'copy')


def wanted(data: bytes) -> None:
    """What a receiver wants of a folder: of what it was asked about, or an error."""
    choices = Choices(data)
    asked = tree_parts.Asked({1, 2, 3})
    asked.on_answer(choices.of((choices.bytes(), choices.value())))
    try:
        assert set(asked.wanted()) <= {1, 2, 3}
    except Error:
        pass


def kept_payloads(data: bytes) -> None:
    """A file in the cache of payloads that was not stored by us is none."""
    choices = Choices(data)
    payload = _PLACE / 'payload'
    payload.write_bytes(choices.bytes())
    payload.with_name(payload.name + payload_cache._DIGEST).write_bytes(choices.bytes())
    assert payload_cache._checked(payload, b'secret') is None
    assert not payload.exists()
