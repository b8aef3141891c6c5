#!/bin/sh
# Says who runs it, where, and with what.
echo "$(id -un) $# $*"
pwd
echo "greeting: $GREETING"
echo 'to stderr' >&2
exit "${STATUS:-0}"
