#!/usr/bin/python
# WANT_JSON
"""Reads its arguments as JSON from the file that is named on its command line."""

import json
import os
import sys

with open(sys.argv[1]) as file:
    arguments = json.load(file)
print(json.dumps({
    'changed': True, 'word': arguments.get('word'), 'count': len(sys.argv), 'main': __name__,
    'private': sorted(key for key in arguments if key.startswith('_ansible')),
    'script': os.path.basename(__file__), 'first': os.path.basename(sys.argv[1]), 'uid': os.getuid(),
}))  # fmt: skip
if arguments.get('fail'):
    sys.exit(4)
