# What becomes of a depth that does not fit in 32 bits.
# shellcheck shell=bash

file=/sys/kernel/tracing/max_graph_depth
trap 'echo 0 > $file' EXIT

{ echo 4294967295 > $file && echo 5 > $file; } || exit 2
if ! echo 4294967297 > $file; then
	[ "$(cat $file)" = 5 ] || exit 2
	echo "4294967297 is refused, 5 stays"
	exit 0
fi
kept=$(cat $file)
echo "4294967297 is taken, $kept is kept"
[ "$kept" != 1 ] || exit 1
exit 2
