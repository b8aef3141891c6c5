"""The multiplexer's process: `__main__.py FOLDER READY_FD`. Writes one byte to READY_FD once it listens."""

import os
import sys

if os.fork():
    os._exit(0)  # whoever started us waits for this one only

# Started by path, so that the package need not be on the path of whoever runs ansible. The entry that Python made of
# that path is this folder, whose modules must not be found as if they were top-level ones.
sys.path[0] = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from pathlib import Path  # noqa: E402

from svcfw.mux.server.server import serve  # noqa: E402

serve(Path(sys.argv[1]), int(sys.argv[2]))
