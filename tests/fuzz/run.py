"""Fuzz one target with atheris: `python -m tests.fuzz.run TARGET CORPUS [libFuzzer's arguments]`.

CORPUS is a folder, to which inputs that reach something new are added. Exit status 0 if nothing was found; else the
input is left where `-artifact_prefix=` says. With `--replay FILE ...` in place of CORPUS these inputs are run, no more.
"""

import logging
import sys
from pathlib import Path

import atheris

from tests.fuzz.targets import target


def main() -> None:
    name, corpus, *arguments = sys.argv[1:]
    logging.disable(logging.CRITICAL)
    if corpus == '--replay':
        for path in arguments:
            target(name)(Path(path).read_bytes())
        return
    with atheris.instrument_imports(include=['svcfw']):
        function = target(name)
    atheris.Setup([sys.argv[0], corpus, *arguments], function)
    atheris.Fuzz()


if __name__ == '__main__':
    main()
