#!/bin/bash
# SPDX-License-Identifier: GPL-2.0

. $(dirname $0)/functions.sh

MOD_TARGET=test_klp_idle
MOD_LIVEPATCH=test_klp_idle_patch

PARAMS=/sys/module/$MOD_TARGET/parameters

# wait_for_idle() - wait until the kthread has played idle once more, from
#		    beginning to end
function wait_for_idle() {
	local count=$(cat "$PARAMS/idle_count")

	loop_until "[[ \$(cat $PARAMS/idle_count) -ge $((count + 2)) ]]" ||
		die "$MOD_TARGET does not play idle"
}

# wait_for_transition() - wait until the kthread is waited for, which can begin
#			  some time after a livepatch was disabled
function wait_for_transition() {
	local state="/proc/$(pgrep -x $MOD_TARGET)/patch_state"

	loop_until "[[ \$(cat $state) -ne -1 ]]" ||
		die "$MOD_TARGET is not waited for"
}

# set_block_transition(value) - keep the kthread in its function, or let it go
function set_block_transition() {
	log "% echo $1 > $PARAMS/block_transition"
	echo "$1" > "$PARAMS/block_transition"
}

setup_config


# A kthread that plays idle goes through the idle loop, with its own functions
# on the stack.  When they get patched, the idle loop must not migrate it.
#
# - Load a module whose kthread plays idle within a function, again and again.
#
# - Patch that function, and another one that it calls in the beginning and in
#   the end.  Let the kthread play idle in the middle of the transition.
#
# - Let the function return.  It reports the same version twice, and only then
#   the transition completes.

start_test "patch a function that plays idle"

load_mod $MOD_TARGET block_transition=Y
load_lp_nowait $MOD_LIVEPATCH
wait_for_transition
wait_for_idle
set_block_transition N
loop_until 'grep -q '^0$' $SYSFS_KLP_DIR/$MOD_LIVEPATCH/transition' ||
	die "failed to complete transition"

check_result "% insmod test_modules/$MOD_TARGET.ko block_transition=Y
% insmod test_modules/$MOD_LIVEPATCH.ko
livepatch: enabling patch '$MOD_LIVEPATCH'
livepatch: '$MOD_LIVEPATCH': initializing patching transition
livepatch: '$MOD_LIVEPATCH': starting patching transition
% echo N > $PARAMS/block_transition
$MOD_TARGET: ${MOD_TARGET}_invocation: original before idle, original after
livepatch: '$MOD_LIVEPATCH': completing patching transition
livepatch: '$MOD_LIVEPATCH': patching complete"


# The same in the other direction: the replacement plays idle, and is taken
# away.

start_test "unpatch a function that plays idle"

set_block_transition Y
wait_for_idle
log "% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH/enabled"
echo 0 > "$SYSFS_KLP_DIR/$MOD_LIVEPATCH/enabled"
wait_for_transition
wait_for_idle
set_block_transition N
loop_until '[[ ! -e "$SYSFS_KLP_DIR/$MOD_LIVEPATCH" ]]' ||
	die "failed to disable livepatch $MOD_LIVEPATCH"
unload_lp $MOD_LIVEPATCH
unload_mod $MOD_TARGET

check_result "% echo Y > $PARAMS/block_transition
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH/enabled
livepatch: '$MOD_LIVEPATCH': initializing unpatching transition
livepatch: '$MOD_LIVEPATCH': starting unpatching transition
% echo N > $PARAMS/block_transition
$MOD_LIVEPATCH: livepatch_idle_invocation: patched before idle, patched after
livepatch: '$MOD_LIVEPATCH': completing unpatching transition
livepatch: '$MOD_LIVEPATCH': unpatching complete
% rmmod $MOD_LIVEPATCH
% rmmod $MOD_TARGET"

exit 0
