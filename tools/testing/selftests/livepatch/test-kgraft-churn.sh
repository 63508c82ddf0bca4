#!/bin/bash
# SPDX-License-Identifier: GPL-2.0

. $(dirname $0)/functions.sh
. $(dirname $0)/functions-universe.sh

MOD_EXIT=test_klp_exit_patch

# expect_version(version, command ...) - check what a task sees that comes from
#					 user space
function expect_version() {
	local expected=$1 version
	shift

	version=$("$@" cat "$PARAMS/version")
	[[ "$version" == "$expected" ]] ||
		die "version $version seen, expected $expected"
}

# wait_transition(modname) - wait until a transition completes
function wait_transition() {
	loop_until "! grep -qs 1 $SYSFS_KLP_DIR/$1/transition" ||
		die "failed to complete transition of $1"
}

# set_enabled(modname, value) - enable or disable, do not wait.  What is not in
#				transition any more, cannot be enabled again.
function set_enabled() {
	log "% echo $2 > $SYSFS_KLP_DIR/$1/enabled"
	{ echo "$2" > "$SYSFS_KLP_DIR/$1/enabled"; } 2> /dev/null ||
		[[ "$2" == 1 ]] || die "$1: refused"
}

setup_config
load_mod $MOD_TARGET


# - Let threads come and go by the thousand, and processes fork others without
#   waiting for them.  Some call the functions of the target, over and over
#   within one system call, and say whether they have seen two versions.  All
#   exit through a function that is patched by a livepatch of its own.
#
# - Enable, reverse, replace and disable livepatches meanwhile.  Hold a kthread in
#   old versions now and then.
#
# - All transitions complete, all livepatches can be unloaded.  What happens when
#   depends on the load, so this does not look at dmesg.

start_test "threads and processes that come and go"

COUNTS=$(mktemp)
trap 'kill -HUP $CHURN; cleanup' EXIT
./test_klp-churn "$PARAMS/check" > "$COUNTS" &
CHURN=$!

for i in 1 2; do
	load_lp_nowait $MOD_EXIT block_exit=N
	hold $((i % 2))
	load_lp_nowait $MOD_LIVEPATCH1
	load_lp_nowait $MOD_LIVEPATCH2
	set_enabled $MOD_LIVEPATCH2 0
	set_enabled $MOD_LIVEPATCH2 1
	load_lp_nowait $MOD_LIVEPATCH3
	expect_version 3
	set_enabled $MOD_EXIT 0
	hold 0
	set_enabled $MOD_LIVEPATCH1 0
	set_enabled $MOD_LIVEPATCH3 0
	[[ "$(cat "$SYSFS_KLP_DIR/$MOD_LIVEPATCH2/enabled" 2> /dev/null)" == 1 ]] &&
		set_enabled $MOD_LIVEPATCH2 0
	wait_gone $MOD_EXIT $MOD_LIVEPATCH1 $MOD_LIVEPATCH2 $MOD_LIVEPATCH3
done

kill -HUP $CHURN
wait $CHURN || die "two versions seen by one invocation: $(< "$COUNTS")"
read -r threads _ processes _ reads _ < "$COUNTS"
rm "$COUNTS"
trap cleanup EXIT
log "$threads threads, $processes processes, $reads reads"
[[ "$threads" -gt 1000 && "$processes" -gt 200 && "$reads" -gt 100 ]] ||
	die "too few for a test: $threads threads, $processes processes, $reads reads"
expect_version 0
echo "ok"


# The idle task of a CPU that is offline has to get along, too, and a CPU that
# comes online during a transition has to see what the others see.  With only
# one CPU, there is nothing to have go, and what remains is a second round of
# transitions that a kthread holds up.
#
# - Hold a kthread in the original, which keeps a livepatch in transition.
#
# - Have all CPUs but one go.  Enable a second livepatch.  It takes effect.
#
# - Have them come back in the middle of both transitions.  Tasks there see the
#   second livepatch.
#
# - Have them go once more, and let the kthread go.  Both transitions complete
#   with the CPUs offline, and when they come back, nothing is in transition.

start_test "CPUs come and go in transition"

hold 1
load_lp_nowait $MOD_LIVEPATCH1
others 0
load_lp_nowait $MOD_LIVEPATCH2
expect_version 2
others 1
for i in $OTHERS; do
	expect_version 2 taskset -c "$i"
done
[[ "$(cat "$SYSFS_KLP_DIR/$MOD_LIVEPATCH1/transition")" == 1 ]] ||
	die "a transition completed too early"
others 0
hold 0
wait_transition $MOD_LIVEPATCH1
wait_transition $MOD_LIVEPATCH2
others 1
for i in $OTHERS; do
	expect_version 2 taskset -c "$i"
done
set_enabled $MOD_LIVEPATCH1 0
wait_transition $MOD_LIVEPATCH1
others 0
set_enabled $MOD_LIVEPATCH2 0
wait_transition $MOD_LIVEPATCH2
others 1
wait_gone $MOD_LIVEPATCH1 $MOD_LIVEPATCH2
for i in $OTHERS; do
	expect_version 0 taskset -c "$i"
done
unload_mod $MOD_TARGET

check_result "% echo 1 > $PARAMS/hold
% insmod test_modules/$MOD_LIVEPATCH1.ko
livepatch: enabling patch '$MOD_LIVEPATCH1'
livepatch: '$MOD_LIVEPATCH1': initializing patching transition
livepatch: '$MOD_LIVEPATCH1': starting patching transition
% insmod test_modules/$MOD_LIVEPATCH2.ko
livepatch: enabling patch '$MOD_LIVEPATCH2'
livepatch: '$MOD_LIVEPATCH2': initializing patching transition
livepatch: '$MOD_LIVEPATCH2': starting patching transition
% echo 0 > $PARAMS/hold
$MOD_TARGET: kthread 0 saw version 0
livepatch: '$MOD_LIVEPATCH1': completing patching transition
livepatch: '$MOD_LIVEPATCH1': patching complete
livepatch: '$MOD_LIVEPATCH2': completing patching transition
livepatch: '$MOD_LIVEPATCH2': patching complete
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled
livepatch: '$MOD_LIVEPATCH1': initializing unpatching transition
livepatch: '$MOD_LIVEPATCH1': starting unpatching transition
livepatch: '$MOD_LIVEPATCH1': completing unpatching transition
livepatch: '$MOD_LIVEPATCH1': unpatching complete
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH2/enabled
livepatch: '$MOD_LIVEPATCH2': initializing unpatching transition
livepatch: '$MOD_LIVEPATCH2': starting unpatching transition
livepatch: '$MOD_LIVEPATCH2': completing unpatching transition
livepatch: '$MOD_LIVEPATCH2': unpatching complete
% rmmod $MOD_LIVEPATCH1
% rmmod $MOD_LIVEPATCH2
% rmmod $MOD_TARGET"

exit 0
