#!/bin/bash
source "$1"
printf '{"changed": false, "word": "%s", "bash": %s}\n' "$word" "${BASH_VERSINFO[0]}"
exit "${status:-0}"
