#!/usr/bin/python
"""Old style: arguments as key=value in a file."""

import sys

with open(sys.argv[1]) as file:
    text = file.read()
print('{"changed": false, "arguments": "%s"}' % text.strip().replace('\\', '\\\\').replace('"', '\\"'))
