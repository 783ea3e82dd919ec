#!/bin/sh
# quiet.sh LOG COMMAND... — runs a compiler; what it says goes to LOG and is shown only on failure.
log=$1
shift
if "$@" >"$log" 2>&1; then exit 0; fi
cat "$log" >&2
exit 1
