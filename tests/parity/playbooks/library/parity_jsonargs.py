#!/usr/bin/python
"""Its arguments are put into its source."""

import json
import sys

arguments = json.loads('''<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>''')
print(json.dumps({'changed': False, 'word': arguments['word'], 'count': len(sys.argv)}))
