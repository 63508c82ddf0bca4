#!/bin/bash
# SPDX-License-Identifier: GPL-2.0

. $(dirname $0)/functions.sh

MOD_TARGET=test_klp_cold
MOD_LIVEPATCH=test_klp_cold_patch

PARAMS=/sys/module/$MOD_TARGET/parameters

# wait_for_sleep() - wait until the kthread has slept once more, from beginning
#		     to end
function wait_for_sleep() {
	local count=$(cat "$PARAMS/sleep_count")

	loop_until "[[ \$(cat $PARAMS/sleep_count) -ge $((count + 3)) ]]" ||
		die "$MOD_TARGET does not sleep"
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

# need_cold(function, module...) - skip the test if the compiler did not make
#				   a .cold part of a function
function need_cold() {
	local function=$1 mod
	shift

	grep -qF " $function.cold" /proc/kallsyms && return

	set_block_transition N
	for mod; do
		if is_livepatch_mod "$mod"; then
			disable_lp "$mod"
			unload_lp "$mod"
		else
			unload_mod "$mod"
		fi
	done
	skip "the compiler made no $function.cold"
}

# Others do not tell livepatch where a function branches to.
[[ $(uname -m) == x86_64 ]] || skip "the architecture does not find .cold parts"

setup_config


# Blocks of a function that are hardly ever executed are moved to another place,
# with a symbol of its own. A task that sleeps there has only that one on its
# stack, and must not be migrated when the function gets patched.
#
# - Load a module whose kthread sleeps in such a block.
#
# - Patch that function, and another one that it calls in the beginning and in
#   the end. Let the kthread sleep a few times in the middle of the transition.
#
# - Let the function return. It reports the same version twice, and only then
#   the transition completes.

start_test "patch a function with a task in its .cold part"

load_mod $MOD_TARGET block_transition=Y
need_cold ${MOD_TARGET}_invocation $MOD_TARGET
load_lp_nowait $MOD_LIVEPATCH
wait_for_transition
wait_for_sleep
set_block_transition N
loop_until 'grep -q '^0$' $SYSFS_KLP_DIR/$MOD_LIVEPATCH/transition' ||
	die "failed to complete transition"

check_result "% insmod test_modules/$MOD_TARGET.ko block_transition=Y
% insmod test_modules/$MOD_LIVEPATCH.ko
livepatch: enabling patch '$MOD_LIVEPATCH'
livepatch: '$MOD_LIVEPATCH': initializing patching transition
livepatch: '$MOD_LIVEPATCH': starting patching transition
% echo N > $PARAMS/block_transition
$MOD_TARGET: ${MOD_TARGET}_invocation: original before sleep, original after
livepatch: '$MOD_LIVEPATCH': completing patching transition
livepatch: '$MOD_LIVEPATCH': patching complete"


# The same in the other direction: the task is in the .cold part of the
# replacement, which is taken away.  A static branch leads there, which was off
# when the livepatch was enabled.

start_test "unpatch a function with a task in its .cold part"

set_block_transition Y
wait_for_sleep
need_cold livepatch_cold_invocation $MOD_LIVEPATCH $MOD_TARGET
log "% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH/enabled"
echo 0 > "$SYSFS_KLP_DIR/$MOD_LIVEPATCH/enabled"
wait_for_transition
wait_for_sleep
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
$MOD_LIVEPATCH: livepatch_cold_invocation: patched before sleep, patched after
livepatch: '$MOD_LIVEPATCH': completing unpatching transition
livepatch: '$MOD_LIVEPATCH': unpatching complete
% rmmod $MOD_LIVEPATCH
% rmmod $MOD_TARGET"

exit 0
