#!/bin/bash
# SPDX-License-Identifier: GPL-2.0

. $(dirname $0)/functions.sh

MOD_TARGET=test_klp_callbacks_busy
MOD_LIVEPATCH=test_klp_callbacks_demo

STRAGGLERS=$SYSFS_KLP_DIR/$MOD_LIVEPATCH/stragglers

# find_straggler() - wait for the line of a worker in busymod_work_func(), and
#		     check its columns
function find_straggler() {
	local pid reason comm

	loop_until 'grep -q " busymod_work_func " $STRAGGLERS' ||
		die "no straggler in $STRAGGLERS"

	read -r pid reason comm < <(grep " busymod_work_func " "$STRAGGLERS")
	[[ "$reason" == "busymod_work_func" ]] ||
		die "unexpected reason in $STRAGGLERS: $reason"
	[[ "$comm" == kworker/* && "$(< "/proc/$pid/comm")" == "${comm%%[-+]*}"* ]] ||
		die "unexpected task in $STRAGGLERS: $pid $comm"
	[[ "$(< "/proc/$pid/patch_state")" == "0" ]] ||
		die "unexpected patch state of $pid $comm"
}

setup_config


# A worker sleeps in a function that gets patched.
#
# - Find it among the stragglers.  All others arrive soon, and only it is left.
#
# - Let the function return.  The transition completes, and nobody is left.

start_test "stragglers"

load_mod $MOD_TARGET block_transition=Y
load_lp_nowait $MOD_LIVEPATCH
check_sysfs_rights "$MOD_LIVEPATCH" "stragglers" "-r--------"
find_straggler
loop_until '[[ $(wc -l < "$STRAGGLERS") -eq 1 ]]' ||
	die "others are left, too: $(cat "$STRAGGLERS")"
find_straggler

log "% echo N > /sys/module/$MOD_TARGET/parameters/block_transition"
echo N > "/sys/module/$MOD_TARGET/parameters/block_transition"
loop_until 'grep -q '^0$' $SYSFS_KLP_DIR/$MOD_LIVEPATCH/transition' ||
	die "failed to complete transition"
check_sysfs_value "$MOD_LIVEPATCH" "stragglers" ""

disable_lp $MOD_LIVEPATCH
unload_lp $MOD_LIVEPATCH
unload_mod $MOD_TARGET

check_result "% insmod test_modules/$MOD_TARGET.ko block_transition=Y
$MOD_TARGET: ${MOD_TARGET}_init
$MOD_TARGET: busymod_work_func enter
% insmod test_modules/$MOD_LIVEPATCH.ko
livepatch: enabling patch '$MOD_LIVEPATCH'
livepatch: '$MOD_LIVEPATCH': initializing patching transition
$MOD_LIVEPATCH: pre_patch_callback: vmlinux
$MOD_LIVEPATCH: pre_patch_callback: $MOD_TARGET -> [MODULE_STATE_LIVE] Normal state
livepatch: '$MOD_LIVEPATCH': starting patching transition
% echo N > /sys/module/$MOD_TARGET/parameters/block_transition
$MOD_TARGET: busymod_work_func exit
livepatch: '$MOD_LIVEPATCH': completing patching transition
$MOD_LIVEPATCH: post_patch_callback: vmlinux
$MOD_LIVEPATCH: post_patch_callback: $MOD_TARGET -> [MODULE_STATE_LIVE] Normal state
livepatch: '$MOD_LIVEPATCH': patching complete
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH/enabled
livepatch: '$MOD_LIVEPATCH': initializing unpatching transition
$MOD_LIVEPATCH: pre_unpatch_callback: vmlinux
$MOD_LIVEPATCH: pre_unpatch_callback: $MOD_TARGET -> [MODULE_STATE_LIVE] Normal state
livepatch: '$MOD_LIVEPATCH': starting unpatching transition
livepatch: '$MOD_LIVEPATCH': completing unpatching transition
$MOD_LIVEPATCH: post_unpatch_callback: vmlinux
$MOD_LIVEPATCH: post_unpatch_callback: $MOD_TARGET -> [MODULE_STATE_LIVE] Normal state
livepatch: '$MOD_LIVEPATCH': unpatching complete
% rmmod $MOD_LIVEPATCH
% rmmod $MOD_TARGET
$MOD_TARGET: ${MOD_TARGET}_exit"

exit 0
