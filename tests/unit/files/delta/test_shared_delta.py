"""One search for all who have the same copy."""

import os
import threading

from svcfw.files.delta.blocks import match, signature
from svcfw.files.delta.shared_delta import SharedDelta


def test_all_get_the_steps_and_one_search_is_made(tmp_path):
    old = os.urandom(1 << 20)
    new = old[:300000] + b'inserted' + old[300000:]
    (tmp_path / 'old').write_bytes(old)
    (tmp_path / 'new').write_bytes(new)
    old_fd, new_fd = (os.open(str(tmp_path / name), os.O_RDONLY) for name in ('old', 'new'))
    present = signature(old_fd, len(old))
    expected = list(match(new_fd, len(new), present))
    shared = SharedDelta(new_fd, len(new), present)
    os.close(old_fd)
    os.close(new_fd)
    open_before = len(os.listdir('/proc/self/fd'))
    found = []
    threads = [threading.Thread(target=lambda: found.append(list(shared))) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 5
    assert list(shared) == expected
    assert len(os.listdir('/proc/self/fd')) == open_before - 1


def test_one_that_nobody_needs_any_more_lets_go_of_the_file(tmp_path):
    (tmp_path / 'file').write_bytes(bytes(1 << 20))
    fd = os.open(str(tmp_path / 'file'), os.O_RDONLY)
    shared = SharedDelta(fd, 1 << 20, signature(fd, 1 << 20))
    os.close(fd)
    next(iter(shared))
    open_before = len(os.listdir('/proc/self/fd'))
    del shared
    assert len(os.listdir('/proc/self/fd')) == open_before - 1
