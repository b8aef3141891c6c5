"""The multiplexer's process: `__main__.py FOLDER FD`, where FD is the socket in FOLDER that listens already."""

import os
import sys

if os.fork():
    os._exit(0)  # the starter waits for this process only

# Started by path, so that the package need not be on sys.path of the user's ansible. Python's entry for that path is
# this folder, whose modules must not be found as top-level ones.
sys.path[0] = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import signal  # noqa: E402
import socket  # noqa: E402

from svcfw.mux import first_login  # noqa: E402

# They are not for us, but what is ignored (nohup) would be so in all that is started from here.
for number in (signal.SIGINT, signal.SIGHUP):
    signal.signal(number, lambda number, frame: None)

listener = socket.socket(fileno=int(sys.argv[2]))
first = first_login.begin(sys.argv[1], listener)  # before the rest is imported

from pathlib import Path  # noqa: E402

from svcfw.mux.server.server import serve  # noqa: E402

serve(Path(sys.argv[1]), listener, first)
