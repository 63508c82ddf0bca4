#!/bin/bash
# SPDX-License-Identifier: GPL-2.0

. $(dirname $0)/functions.sh
. $(dirname $0)/functions-universe.sh

MOD_OTHER=test_klp_universe_other

FAILSLAB=$SYSFS_DEBUG_DIR/failslab

# expect_version(version [, module]) - check what a task sees that comes from
#				       user space
function expect_version() {
	local version=$(cat "/sys/module/${2:-$MOD_TARGET}/parameters/version")

	[[ "$version" == "$1" ]] ||
		die "${2:-$MOD_TARGET}: version $version seen, expected $1"
}

# expect_none(module ...) - nothing is left of these livepatches
function expect_none() {
	local mod

	for mod in "$@"; do
		[[ ! -e "$SYSFS_KLP_DIR/$mod" ]] || die "$nth: $mod is left in sysfs"
		[[ ! -e "/sys/module/$mod" ]] || die "$nth: $mod is left"
	done
}

# attached() - the functions that are sent away by ftrace
function attached() {
	grep test_klp "$SYSFS_TRACING_DIR/enabled_functions"
}

# settle() - wait until ftrace has let go of the functions, where it does that
function settle() {
	[[ ! -e /sys/module/livepatch/parameters/method ]] ||
		loop_until '[[ -z "$(attached)" ]]' ||
		die "$nth: functions stay attached: $(attached)"
}

# only_within(function) - let only allocations fail that this function of the
#			  kernel makes, or what it calls; all, if it has no name.
#			  Where the kernel cannot tell, this takes longer.
function only_within() {
	local start=0 end=0xffffffffffffffff

	[[ -e "$FAILSLAB/require-start" ]] || return
	[[ -z "$1" ]] || read -r start end < <(awk -v name="$1" '
		start && $1 != start { print "0x" start, "0x" $1; exit }
		$3 == name { start = $1 }' /proc/kallsyms)
	echo "$start" > "$FAILSLAB/require-start"
	echo "$end" > "$FAILSLAB/require-end"
}

# fail(what, arguments ...) - do something with the nth allocation failing
#
# Returns false if there is no such allocation.  Sets $result.
function fail() {
	result=$(./test_klp-fail_nth "$nth" "$@")
	case $? in
	0) return 0 ;;
	1) return 1 ;;
	*) die "cannot inject faults" ;;
	esac
}

# wait_transition(modname) - wait until a transition completes
function wait_transition() {
	loop_until "grep -q '^0$' $SYSFS_KLP_DIR/$1/transition" ||
		die "$nth: failed to complete transition of $1"
}

# disable(modname) - disable a livepatch and unload it
function disable() {
	echo 0 > "$SYSFS_KLP_DIR/$1/enabled" || die "cannot disable $1"
	loop_until "[[ ! -e $SYSFS_KLP_DIR/$1 ]]" || die "failed to disable $1"
	loop_until "[[ \$(cat /sys/module/$1/refcnt) == 0 ]]" ||
		die "$nth: $1 is still referenced"
	rmmod "$1" || die "cannot unload $1"
}

function cleanup_fault() {
	echo "$IGNORE_WAIT" > "$FAILSLAB/ignore-gfp-wait"
	echo "$VERBOSE" > "$FAILSLAB/verbose"
	only_within ""
	cleanup
}

[[ -e /proc/self/fail-nth && -e "$FAILSLAB" ]] ||
	skip "the kernel cannot let memory allocations fail"

setup_config
IGNORE_WAIT=$(cat "$FAILSLAB/ignore-gfp-wait")
VERBOSE=$(cat "$FAILSLAB/verbose")
trap cleanup_fault EXIT INT TERM HUP
echo N > "$FAILSLAB/ignore-gfp-wait"
echo 0 > "$FAILSLAB/verbose"

load_mod $MOD_TARGET


# - Let each memory allocation of the system call that loads a livepatch fail, one
#   at a time, until there is none left.
#
# - Where it fails for that, nothing is left of the livepatch, and the functions
#   are the original ones.  Where it can do without, the livepatch works, and can
#   be disabled.

start_test "enable a livepatch, out of memory"

only_within klp_enable_patch
failed=0
for ((nth = 1; ; nth++)); do
	fail load test_modules/$MOD_LIVEPATCH1.ko "" || break
	if [[ "$result" == ok ]]; then
		expect_version 1
		disable $MOD_LIVEPATCH1
	else
		failed=$((failed + 1))
	fi
	expect_none $MOD_LIVEPATCH1
	[[ -z "$(attached)" ]] || die "$nth: functions are left attached: $(attached)"
	expect_version 0
done
[[ "$result" == ok ]] || die "load without a fault: $result"
log "$nth allocations, failed $failed times"
[[ $failed -gt 20 ]] || die "failed only $failed times"
expect_version 1
echo "ok"


# - The same for another livepatch, on top of the first one, which it replaces.
#   Where it fails, the first one remains in use.

start_test "replace a livepatch, out of memory"

settle
before=$(attached)
failed=0
for ((nth = 1; ; nth++)); do
	fail load test_modules/$MOD_LIVEPATCH2.ko "replace=1" || break
	if [[ "$result" == ok ]]; then
		expect_version 2
		# Reversed in transition, it would not have replaced anything.
		wait_transition $MOD_LIVEPATCH2
		disable $MOD_LIVEPATCH2
		unload_lp $MOD_LIVEPATCH1
		load_lp $MOD_LIVEPATCH1
	else
		failed=$((failed + 1))
	fi
	expect_none $MOD_LIVEPATCH2
	settle
	[[ "$(attached)" == "$before" ]] || die "$nth: $(attached) attached"
	expect_version 1
done
[[ "$result" == ok ]] || die "load without a fault: $result"
log "$nth allocations, failed $failed times"
[[ $failed -gt 20 ]] || die "failed only $failed times"
expect_version 2
wait_transition $MOD_LIVEPATCH2
disable $MOD_LIVEPATCH2
unload_lp $MOD_LIVEPATCH1
expect_version 0
echo "ok"


# - Load another module that a livepatch patches, while the livepatch is in
#   transition.  Where that fails, the module is not there, none of its functions
#   is attached, and the livepatch works on.

start_test "load a patched module, out of memory"

only_within klp_module_coming
hold 1
load_lp_nowait $MOD_LIVEPATCH1
before=$(attached)
failed=0
for ((nth = 1; ; nth++)); do
	fail load test_modules/$MOD_OTHER.ko "" || break
	if [[ "$result" == ok ]]; then
		expect_version 1 $MOD_OTHER
		rmmod $MOD_OTHER || die "$nth: cannot unload $MOD_OTHER"
	else
		failed=$((failed + 1))
	fi
	[[ ! -e "/sys/module/$MOD_OTHER" ]] || die "$nth: $MOD_OTHER is left"
	[[ "$(attached)" == "$before" ]] || die "$nth: $(attached) attached"
	expect_version 1
done
[[ "$result" == ok ]] || die "load without a fault: $result"
log "$nth allocations, failed $failed times"
[[ $failed -gt 5 ]] || die "failed only $failed times"
expect_version 1 $MOD_OTHER
echo "ok"


# - Enable another livepatch, with the first one still in transition, and disable
#   it: that must not fail for want of memory, once the write gets there.
#
# - Enable it again, which may.  Then it is still going away.

start_test "reverse a livepatch, out of memory"

only_within ""
load_lp_nowait $MOD_LIVEPATCH2
failed=0
for ((nth = 1; ; nth++)); do
	fail write "$SYSFS_KLP_DIR/$MOD_LIVEPATCH2/enabled" 0
	off=$?
	[[ "$result" == ok || "$result" == "Cannot allocate memory" ]] ||
		die "$nth: disable: $result"
	# The write may fail before it gets to the livepatch.
	if [[ "$result" != ok ]]; then
		expect_version 2
		failed=$((failed + 1))
		echo 0 > "$SYSFS_KLP_DIR/$MOD_LIVEPATCH2/enabled" || die "$nth: disable"
	fi
	expect_version 1
	expect_version 1 $MOD_OTHER
	fail write "$SYSFS_KLP_DIR/$MOD_LIVEPATCH2/enabled" 1
	on=$?
	if [[ "$result" != ok ]]; then
		[[ "$result" == "Cannot allocate memory" ]] || die "$nth: enable: $result"
		failed=$((failed + 1))
		expect_version 1
		echo 1 > "$SYSFS_KLP_DIR/$MOD_LIVEPATCH2/enabled" || die "$nth: enable"
	fi
	expect_version 2
	expect_version 2 $MOD_OTHER
	[[ $off -eq 1 && $on -eq 1 ]] && break
done
log "$nth allocations, failed $failed times"
[[ $failed -gt 2 ]] || die "failed only $failed times"
hold 0
wait_transition $MOD_LIVEPATCH2
disable $MOD_LIVEPATCH2
echo "ok"


# - Disable a livepatch that is not in transition.  It is gone in the end.

start_test "disable a livepatch, out of memory"

for ((nth = 1; ; nth++)); do
	fail write "$SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled" 0
	off=$?
	[[ "$result" == ok ]] || disable $MOD_LIVEPATCH1
	if [[ "$result" == ok ]]; then
		loop_until "[[ ! -e $SYSFS_KLP_DIR/$MOD_LIVEPATCH1 ]]" ||
			die "$nth: failed to disable $MOD_LIVEPATCH1"
		unload_lp $MOD_LIVEPATCH1
	fi
	expect_none $MOD_LIVEPATCH1
	[[ -z "$(attached)" ]] || die "$nth: functions are left attached: $(attached)"
	expect_version 0
	expect_version 0 $MOD_OTHER
	[[ $off -eq 1 ]] && break
	load_lp $MOD_LIVEPATCH1
done
log "$nth allocations"
unload_mod $MOD_OTHER
unload_mod $MOD_TARGET
echo "ok"

exit 0
