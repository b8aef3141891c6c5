#!/bin/sh
# Tells what a script sees of its arguments, environment and input.
printf 'args:'; printf ' [%s]' "$@"; echo
echo "greeting: $GREETING"
echo "user: $(id -un)"
echo "to stderr" >&2
exit "${STATUS:-0}"
