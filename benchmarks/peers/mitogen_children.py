"""What children of mitogen run to take files, for both benchmarks."""

import mitogen.core


@mitogen.core.takes_econtext
def fetch(source, to, econtext):
    import mitogen.service

    with open(to, 'wb') as file:
        ok, _ = mitogen.service.FileService.get(econtext.router.context_by_id(0), source, file)
    if not ok:
        raise OSError(to)


def write(path, data):
    with open(path, 'wb') as file:
        file.write(data)


def make_folder(path):
    import os

    os.mkdir(path)
