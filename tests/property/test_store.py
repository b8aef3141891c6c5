"""A store beside a model of it: nothing wrong is given out, what must be there is there, and bounds are kept."""

import hashlib
import os
import shutil
import tempfile
from collections import OrderedDict
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from svcfw.files.store.store import Store

CONTENTS = [bytes([65 + i]) * (i * 7) for i in range(12)]
DIGESTS = [hashlib.sha256(content).digest() for content in CONTENTS]
MEMORY_BYTES = 150
FOLDER_BYTES = 6 * 4096

which = st.integers(0, len(CONTENTS) - 1)


class StoreBesideModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.base = Path(tempfile.mkdtemp())
        self.folder = self.base / 'cache'
        self.out = os.open(self.base / 'out', os.O_RDWR | os.O_CREAT)
        self.start()

    def start(self) -> None:
        self.store = Store(MEMORY_BYTES, self.folder, FOLDER_BYTES)
        self.memory: OrderedDict[int, None] = OrderedDict()  # which contents have to be there, the latest used last
        self.files: dict[int, int] = {}  # which content a name holds

    def teardown(self) -> None:
        os.close(self.out)
        shutil.rmtree(self.base)

    def used(self, i: int) -> None:
        self.memory[i] = None
        self.memory.move_to_end(i)
        while sum(len(CONTENTS[j]) for j in self.memory) > MEMORY_BYTES:
            self.memory.popitem(last=False)

    @rule(i=which)
    def put(self, i: int) -> None:
        self.store.put(DIGESTS[i], CONTENTS[i])
        self.used(i)

    @rule(i=which, name=st.integers(0, 3))
    def write_and_refer(self, i: int, name: int) -> None:
        path = self.base / str(name)
        path.unlink(missing_ok=True)
        path.write_bytes(CONTENTS[i])
        self.files[name] = i
        self.store.refer(DIGESTS[i], path)

    @rule(i=which, name=st.integers(0, 3))
    def change_a_file(self, i: int, name: int) -> None:
        (self.base / str(name)).write_bytes(b'changed' * i)
        self.files.pop(name, None)

    @rule(i=which)
    def damage_a_cached_file(self, i: int) -> None:
        path = self.folder / DIGESTS[i].hex()
        if path.exists():
            path.write_bytes(CONTENTS[i][1:] + b'x')

    @rule(i=which)
    def remove_a_cached_file(self, i: int) -> None:
        (self.folder / DIGESTS[i].hex()).unlink(missing_ok=True)

    @rule()
    def remove_the_folder(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    @rule()
    def start_again(self) -> None:
        self.start()

    @rule(i=which)
    def another_process_puts(self, i: int) -> None:
        Store(0, self.folder, FOLDER_BYTES).put(DIGESTS[i], CONTENTS[i])

    @rule(i=which)
    def get(self, i: int) -> None:
        content = self.store.get(DIGESTS[i])
        if content is None:
            assert i not in self.memory
            assert i not in self.store_of_files()
        else:
            assert content == CONTENTS[i]
            self.used(i)

    def store_of_files(self) -> set[int]:
        """Contents whose last reference must still hold."""
        return {i for name, i in self.files.items() if list(self.files.values()).count(i) == 1 and self.latest(name)}

    def latest(self, name: int) -> bool:
        # A content keeps one reference, the latest; with one file of it in the model, that is this one or has gone.
        reference = self.store._references.get(DIGESTS[self.files[name]])
        return reference is not None and reference[0] == os.fsencode(self.base / str(name))

    @rule(i=which, offset=st.integers(0, 5))
    def copy(self, i: int, offset: int) -> None:
        os.ftruncate(self.out, 0)
        if self.store.copy_to(DIGESTS[i], self.out, offset):
            assert os.pread(self.out, 1000, offset) == CONTENTS[i]
            if i in self.memory:
                self.used(i)
        else:
            assert i not in self.memory
            assert not self.store.holds(DIGESTS[i])

    @invariant()
    def memory_holds_what_it_should(self) -> None:
        for i in self.memory:
            assert DIGESTS[i] in self.store.of_size(len(CONTENTS[i]))

    @invariant()
    def the_folder_is_bounded(self) -> None:
        if self.folder.exists():
            # Two processes: each may add an eighth before it sees what the other added, at least one file.
            assert len(list(self.folder.iterdir())) * 4096 <= FOLDER_BYTES + 2 * 4096
            assert not [path for path in self.folder.iterdir() if path.name.startswith('.new-')]


StoreBesideModel.TestCase.settings = settings(deadline=None, stateful_step_count=40, max_examples=60)
TestStore = StoreBesideModel.TestCase
