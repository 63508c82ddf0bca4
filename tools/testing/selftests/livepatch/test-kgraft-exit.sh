#!/bin/bash
# SPDX-License-Identifier: GPL-2.0

. $(dirname $0)/functions.sh

MOD_TARGET=test_klp_exit
MOD_LIVEPATCH=test_klp_exit_patch

PARAMS=/sys/module/$MOD_LIVEPATCH/parameters

setup_config

grep -qw release_thread "$SYSFS_TRACING_DIR/available_filter_functions" ||
	skip "release_thread() cannot be patched here"


# A task that exits leaves the task list, and may sleep after that.  No
# transition waits for it, but the livepatch must not go away under its feet.
#
# - Patch a function that is called when a task has been taken off the list,
#   and let a kthread sleep in its replacement.
#
# - Disable the livepatch.  The transition completes.  Wait for longer than all
#   the grace periods take: the livepatch is still there.
#
# - Let the kthread die, and the livepatch can go.

start_test "keep a livepatch for a task that exits"

load_lp $MOD_LIVEPATCH
load_mod $MOD_TARGET
loop_until "grep -q Y $PARAMS/blocked" || die "the kthread does not exit"

log "% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH/enabled"
echo 0 > "$SYSFS_KLP_DIR/$MOD_LIVEPATCH/enabled"
loop_until 'grep -q '^0$' $SYSFS_KLP_DIR/$MOD_LIVEPATCH/transition' ||
	die "failed to complete transition"
sleep 3
[[ -e "$SYSFS_KLP_DIR/$MOD_LIVEPATCH" ]] ||
	die "livepatch $MOD_LIVEPATCH has gone while a task is in it"

log "% echo N > $PARAMS/block_exit"
echo N > "$PARAMS/block_exit"
loop_until '[[ ! -e "$SYSFS_KLP_DIR/$MOD_LIVEPATCH" ]]' ||
	die "failed to disable livepatch $MOD_LIVEPATCH"
unload_lp $MOD_LIVEPATCH
unload_mod $MOD_TARGET

check_result "% insmod test_modules/$MOD_LIVEPATCH.ko
livepatch: enabling patch '$MOD_LIVEPATCH'
livepatch: '$MOD_LIVEPATCH': initializing patching transition
livepatch: '$MOD_LIVEPATCH': starting patching transition
livepatch: '$MOD_LIVEPATCH': completing patching transition
livepatch: '$MOD_LIVEPATCH': patching complete
% insmod test_modules/$MOD_TARGET.ko
$MOD_LIVEPATCH: livepatch_release_thread: blocked
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH/enabled
livepatch: '$MOD_LIVEPATCH': initializing unpatching transition
livepatch: '$MOD_LIVEPATCH': starting unpatching transition
livepatch: '$MOD_LIVEPATCH': completing unpatching transition
livepatch: '$MOD_LIVEPATCH': unpatching complete
% echo N > $PARAMS/block_exit
$MOD_LIVEPATCH: livepatch_release_thread: unblocked
% rmmod $MOD_LIVEPATCH
% rmmod $MOD_TARGET"


# - The same with a post_unpatch callback.  It is not called before the kthread is
#   gone.  Who disables the livepatch may have to wait for that.

start_test "keep what a callback takes away for a task that exits"

# ended() - how often has the livepatch been disabled?
function ended() {
	dmesg | grep -c "'$MOD_LIVEPATCH': completing unpatching transition"
}

trap 'echo N > $PARAMS/block_exit; cleanup' EXIT INT TERM HUP
before=$(ended)
load_lp $MOD_LIVEPATCH callback=Y
load_mod $MOD_TARGET
loop_until "grep -q Y $PARAMS/blocked" || die "the kthread does not exit"

log "% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH/enabled"
echo 0 > "$SYSFS_KLP_DIR/$MOD_LIVEPATCH/enabled" &
loop_until '[[ $(ended) -gt $before ]]' || die "the transition does not end"
sleep 3

log "% echo N > $PARAMS/block_exit"
echo N > "$PARAMS/block_exit"
wait
trap cleanup EXIT INT TERM HUP
loop_until '[[ ! -e "$SYSFS_KLP_DIR/$MOD_LIVEPATCH" ]]' ||
	die "failed to disable livepatch $MOD_LIVEPATCH"
unload_lp $MOD_LIVEPATCH
unload_mod $MOD_TARGET

check_result "% insmod test_modules/$MOD_LIVEPATCH.ko callback=Y
livepatch: enabling patch '$MOD_LIVEPATCH'
livepatch: '$MOD_LIVEPATCH': initializing patching transition
livepatch: '$MOD_LIVEPATCH': starting patching transition
livepatch: '$MOD_LIVEPATCH': completing patching transition
livepatch: '$MOD_LIVEPATCH': patching complete
% insmod test_modules/$MOD_TARGET.ko
$MOD_LIVEPATCH: livepatch_release_thread: blocked
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH/enabled
livepatch: '$MOD_LIVEPATCH': initializing unpatching transition
livepatch: '$MOD_LIVEPATCH': starting unpatching transition
livepatch: '$MOD_LIVEPATCH': completing unpatching transition
% echo N > $PARAMS/block_exit
$MOD_LIVEPATCH: livepatch_release_thread: unblocked
$MOD_LIVEPATCH: post_unpatch: the kthread is gone
livepatch: '$MOD_LIVEPATCH': unpatching complete
% rmmod $MOD_LIVEPATCH
% rmmod $MOD_TARGET"


# - The same with functions that jump.  The original must come back before the
#   transition can begin, and this does not wait for the kthread.

METHOD=$SYSFS_KLP_DIR/$MOD_LIVEPATCH/vmlinux/release_thread,1/method
[[ -e /sys/module/livepatch/parameters/method ]] || exit 0

start_test "disable a livepatch that jumps, with a task that exits"

load_lp $MOD_LIVEPATCH
loop_until "grep -q jump $METHOD" || die "release_thread() does not jump"
load_mod $MOD_TARGET
loop_until "grep -q Y $PARAMS/blocked" || die "the kthread does not exit"

log "% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH/enabled"
echo 0 > "$SYSFS_KLP_DIR/$MOD_LIVEPATCH/enabled"
loop_until 'grep -q '^0$' $SYSFS_KLP_DIR/$MOD_LIVEPATCH/transition' ||
	die "failed to complete transition"
sleep 3
[[ -e "$SYSFS_KLP_DIR/$MOD_LIVEPATCH" ]] ||
	die "livepatch $MOD_LIVEPATCH has gone while a task is in it"

log "% echo N > $PARAMS/block_exit"
echo N > "$PARAMS/block_exit"
loop_until '[[ ! -e "$SYSFS_KLP_DIR/$MOD_LIVEPATCH" ]]' ||
	die "failed to disable livepatch $MOD_LIVEPATCH"
unload_lp $MOD_LIVEPATCH
unload_mod $MOD_TARGET

check_result "% insmod test_modules/$MOD_LIVEPATCH.ko
livepatch: enabling patch '$MOD_LIVEPATCH'
livepatch: '$MOD_LIVEPATCH': initializing patching transition
livepatch: '$MOD_LIVEPATCH': starting patching transition
livepatch: '$MOD_LIVEPATCH': completing patching transition
livepatch: '$MOD_LIVEPATCH': patching complete
% insmod test_modules/$MOD_TARGET.ko
$MOD_LIVEPATCH: livepatch_release_thread: blocked
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH/enabled
livepatch: '$MOD_LIVEPATCH': initializing unpatching transition
livepatch: '$MOD_LIVEPATCH': starting unpatching transition
livepatch: '$MOD_LIVEPATCH': completing unpatching transition
livepatch: '$MOD_LIVEPATCH': unpatching complete
% echo N > $PARAMS/block_exit
$MOD_LIVEPATCH: livepatch_release_thread: unblocked
% rmmod $MOD_LIVEPATCH
% rmmod $MOD_TARGET"

exit 0
