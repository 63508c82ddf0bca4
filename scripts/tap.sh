# TAP output: one line a test, its log behind it when it fails.  Sourced.
# The counts live in files, so that a script and those it calls count together.
# shellcheck shell=bash

if [ -z "${TAP_TOTALS:-}" ]; then
	tap_dir=$(mktemp -d "$work/tap.XXXXXX")
	tap_owner=$$
	trap 'rm -rf "$tap_dir"' EXIT
	: > "$tap_dir/results"
	echo 'TAP version 13'
else
	tap_dir=$TAP_TOTALS
fi

# tap_result RC SECONDS TEXT [LOG]
tap_result() {
	local n
	if [ "$1" -eq 0 ]; then echo passed; else echo failed; fi >> "$tap_dir/results"
	n=$(wc -l < "$tap_dir/results")
	if [ "$1" -eq 0 ]; then
		printf 'ok %d - %s # %d s\n' "$n" "$3" "$2"
	else
		printf 'not ok %d - %s # %d s\n' "$n" "$3" "$2"
		[ -z "${4:-}" ] || tail -n 25 "$4" | sed 's/^/#   /'
	fi
}

# tap_skip TEXT - what has not been tested, to be seen and counted as such
tap_skip() {
	echo skipped >> "$tap_dir/results"
	printf 'ok %d - %s # SKIP\n' "$(wc -l < "$tap_dir/results")" "$1"
}

# run_test TEXT COMMAND... - one test: passes if the command does
run_test() {
	local text=$1 start=$SECONDS rc=0 log=$logs/test.$BASHPID
	shift
	"$@" > "$log" 2>&1 || rc=$?
	tap_result $rc $((SECONDS - start)) "$text" "$log"
	rm -f "$log"
	return 0
}

# tap_end - the plan and the totals; status 1 if anything failed or nothing ran
tap_end() {
	local passed failed skipped
	passed=$(grep -c passed "$tap_dir/results" || true)
	failed=$(grep -c failed "$tap_dir/results" || true)
	skipped=$(grep -c skipped "$tap_dir/results" || true)
	printf '1..%d\n' $((passed + failed + skipped))
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
