#!/bin/sh
echo 'noise before'
echo 'noise on stderr' >&2
echo '{"changed": false, "said": "ünï"}'
echo 'noise after'
