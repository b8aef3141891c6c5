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

# What ansible was started ignoring (by nohup, say), programs that are started from here would ignore as well. SIGINT
# and SIGHUP do not concern this process; while SIGCHLD is ignored, nobody learns how a child has ended.
for number in (signal.SIGINT, signal.SIGHUP):
    signal.signal(number, lambda number, frame: None)
for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGCHLD):
    signal.signal(number, signal.SIG_DFL)

listener = socket.socket(fileno=int(sys.argv[2]))
first = first_login.begin(sys.argv[1], listener)  # before the rest is imported
try:
    from pathlib import Path

    from svcfw.mux.server.server import serve

    serve(Path(sys.argv[1]), listener, first)
finally:
    first.close()
