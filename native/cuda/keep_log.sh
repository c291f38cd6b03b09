#!/bin/sh
# Runs a compiler, given as arguments, and keeps what it says beside its output: OBJECT.log, which check_ptxas.mjs reads.
# A later build that does not compile the file again leaves the log in place.
object=
previous=
for argument in "$@"; do
  [ "$previous" = -o ] && object=$argument
  previous=$argument
done
[ -n "$object" ] || exec "$@"
"$@" >"$object.log" 2>&1
status=$?
cat "$object.log" >&2
exit $status
