"""A manifest as one content comes out as it went in, and nonsense is refused."""

import hashlib

import pytest

from svcfw.files import manifest
from svcfw.files.manifest import DIRECTORY, FILE, Entry
from svcfw.files.relay.listing import Listing
from svcfw.service.errors import ManifestError


def made(count):
    entries = [Entry('', DIRECTORY, 0, 0o755, 1, 1)]
    entries += [
        Entry(f'file {i:03d}', FILE, i, 0o644, 1, 1, digest=hashlib.sha256(str(i).encode()).digest())
        for i in range(count)
    ]
    listing = Listing()
    left = list(entries)
    for part in manifest.pack(iter(entries), 100):
        listing.add(part, left[:100])
        del left[:100]
    return listing


def test_there_and_back():
    listing = made(250)
    content, digest = listing.pack()
    assert digest == hashlib.sha256(content).digest()
    again = Listing.unpack(content)
    assert (again.parts, again.files, again.total) == (listing.parts, listing.files, listing.total)
    assert [len(numbers) for _, numbers in again.parts] == [99, 100, 51]
    assert again.total == sum(range(250))
    assert again.files[250] == (249, hashlib.sha256(b'249').digest())


@pytest.mark.parametrize('cut', [1, 3, 200])
def test_what_is_cut_off_is_refused(cut):
    content, _ = made(20).pack()
    with pytest.raises(ManifestError):
        Listing.unpack(content[:-cut])
    with pytest.raises(ManifestError):
        Listing.unpack(content + b'\0' * cut)
