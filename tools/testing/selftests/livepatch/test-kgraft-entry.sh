#!/bin/bash
# SPDX-License-Identifier: GPL-2.0

. $(dirname $0)/functions.sh

MOD_TARGET=test_klp_entry
MOD_LIVEPATCH=test_klp_livepatch

PARAMS=/sys/module/$MOD_TARGET/parameters
METHOD=/sys/module/livepatch/parameters/method

# clean_up() - let the task go, and leave nothing that other tests would notice
function clean_up() {
	echo N > $PARAMS/stay
	[[ ! -e $METHOD ]] || echo auto > $METHOD
	rm -f $SEEN
	cleanup
} 2> /dev/null

setup_config
SEEN=$(mktemp)
trap clean_up EXIT INT TERM HUP
# A function that jumps gets nobody there.
[[ ! -e $METHOD ]] || echo ftrace > $METHOD


# A task can be preempted after the handler has sent it to a function, and before
# it is there.  Nothing but the entry of the original is on its stack.
#
# - Enable a livepatch, and hold a task there.
#
# - Disable the livepatch.  The transition waits for the task.
#
# - Let the task go.  It sees the livepatch.

start_test "disable a livepatch with a task that is about to enter it"

load_mod $MOD_TARGET
load_lp $MOD_LIVEPATCH
log "% echo Y > $PARAMS/stay"
echo Y > $PARAMS/stay
cat /proc/cmdline > $SEEN &
loop_until "grep -q Y $PARAMS/inside" || die "the task does not come"
log "% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH/enabled"
echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH/enabled
# There is time enough for others.
sleep 3
grep -qs 1 $SYSFS_KLP_DIR/$MOD_LIVEPATCH/transition ||
	die "nobody waits for the task"
log "% echo N > $PARAMS/stay"
echo N > $PARAMS/stay
wait
grep -q "live patched" $SEEN || die "the task did not get into the livepatch"
loop_until "[[ ! -e $SYSFS_KLP_DIR/$MOD_LIVEPATCH ]]" ||
	die "failed to disable livepatch $MOD_LIVEPATCH"
unload_lp $MOD_LIVEPATCH
unload_mod $MOD_TARGET

check_result "% insmod test_modules/$MOD_TARGET.ko
% insmod test_modules/$MOD_LIVEPATCH.ko
livepatch: enabling patch '$MOD_LIVEPATCH'
livepatch: '$MOD_LIVEPATCH': initializing patching transition
livepatch: '$MOD_LIVEPATCH': starting patching transition
livepatch: '$MOD_LIVEPATCH': completing patching transition
livepatch: '$MOD_LIVEPATCH': patching complete
% echo Y > $PARAMS/stay
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH/enabled
livepatch: '$MOD_LIVEPATCH': initializing unpatching transition
livepatch: '$MOD_LIVEPATCH': starting unpatching transition
% echo N > $PARAMS/stay
livepatch: '$MOD_LIVEPATCH': completing unpatching transition
livepatch: '$MOD_LIVEPATCH': unpatching complete
% rmmod $MOD_LIVEPATCH
% rmmod $MOD_TARGET"

exit 0
