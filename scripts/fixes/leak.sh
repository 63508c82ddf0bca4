# What another user is told of the size of process 1.
# shellcheck shell=bash

other() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }

# sizes PID - as stat, statm and status tell them
sizes() {
	local -a stat
	read -r -a stat < <(other cat "/proc/$1/stat" | sed 's/.*) //')
	echo "stat: ${stat[20]} ${stat[21]}, statm: $(other cat "/proc/$1/statm")," \
		"status: $(other grep -cE '^(Vm|Rss)' "/proc/$1/status") lines"
}
nothing='stat: 0 0, statm: 0 0 0 0 0 0 0, status: 0 lines'

# Root, and everybody of themselves, must be told.
[ "$(cat /proc/1/statm)" != '0 0 0 0 0 0 0' ] || exit 2
own=$(sizes self)
[[ $own == stat:\ [1-9]*\ [1-9]*,\ statm:\ [1-9]*,\ status:\ [1-9]*\ lines ]] || { echo "$own"; exit 2; }

told=$(sizes 1)
echo "another user is told of process 1: $told"
[ "$told" = "$nothing" ] || exit 1
exit 0
