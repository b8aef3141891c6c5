"""The head of the second stage, as a first stage leaves it to run; in an interpreter of its own."""

import subprocess
import sys
import zlib

from tests.support.hosts import CHECKOUT

MODULES = {
    'svcfw/__init__.py': '',
    'svcfw/core/__init__.py': 'where = __name__\n',
    'svcfw/core/entry.py': (
        'import sys, traceback\nfrom svcfw.core import where\ndef fail():\n    raise LookupError("of entry")\n'
        'def main(config):\n'
        '    loader = __spec__.loader\n'
        '    print(where, __file__, config["id"], len(config["bundle"]), sys.argv)\n'
        '    print(loader.is_package("svcfw.core"), loader.is_package("svcfw.core.entry"), end=" ")\n'
        '    print(hasattr(loader, "nothing"))\n'
        '    print(loader.find_spec("os"))\n'
        '    try:\n        fail()\n    except LookupError:\n        print(traceback.format_exc())\n'
        '    try:\n        loader.get_source("svcfw.none")\n'
        '    except ImportError as e:\n        print("ImportError", e)\n'
    ),
}

# What the first stage does, with the text of the loader in front of the modules.
FIRST_STAGE = """
import sys, zlib
b = sys.stdin.buffer.read()
d = zlib.decompressobj()
s = d.decompress(b).split(b'\\0')
exec(s[0])
"""


def run() -> list[str]:
    parts = [(CHECKOUT / 'svcfw' / 'boot' / 'loader.py').read_text()]
    for path, source in MODULES.items():
        parts += [path, source]
    bundle = zlib.compress('\0'.join(parts).encode())
    second_stage = bundle + b"{'id': 7}   "
    command = [sys.executable, '-I', '-S', '-c', FIRST_STAGE, 'an argument']
    done = subprocess.run(command, input=second_stage, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert f' 7 {len(bundle)} ' in done.stdout.decode()
    return done.stdout.decode().splitlines()


def test_the_context_starts_with_its_modules() -> None:
    first, second, third, *rest = run()
    assert first.startswith('svcfw.core <svcfw>/svcfw/core/entry.py 7 ')
    assert first.endswith("['-c']"), 'the words of the boot command are no arguments'
    assert second == 'True False False'
    assert third == 'None'
    text = '\n'.join(rest)
    assert 'File "<svcfw>/svcfw/core/entry.py", line 4, in fail' in text
    assert '    raise LookupError("of entry")' in text, 'tracebacks show lines'
    assert rest[-1] == 'ImportError svcfw.none'
