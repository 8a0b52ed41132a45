#!/bin/sh
# fuzz.sh GO TIME JOBS: runs every fuzz target of the module for TIME, JOBS at once,
# and says how many inputs each was given. A target's output is shown when it fails;
# one that was given none in TIME, as on a busy machine, gets 30 s before it has failed.
# Minimizing is bounded: a whole conversation takes too long to be shortened by bytes.
set -eu
go=$1 time=$2 jobs=$3

one='
for time in "$1" 30s; do
	out=$("$0" test -run "^$" -fuzz "^$3\$" -fuzztime "$time" -fuzzminimizetime 1x -parallel 1 "$2" 2>&1) || {
		# The end of TIME is sometimes reported as a failure without an input.
		case $out in *"Failing input"* | *panic:*) break ;; *"context deadline exceeded"*) ;; *) break ;; esac
	}
	execs=$(echo "$out" | sed -n "s/.*execs: \([0-9]*\) .*/\1/p" | tail -1)
	[ "${execs:-0}" -eq 0 ] || { echo "ok  	$2 $3	$execs executions"; exit 0; }
	out="nothing was executed: $out"
done
echo "$out"
echo "FAIL	$2 $3"
exit 1
'
grep -rnoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . |
	sed -E 's,^(.*)/[^/]*:[0-9]+:func ,\1 ,' | sort |
	xargs -P "$jobs" -L 1 sh -c "$one" "$go" "$time"
