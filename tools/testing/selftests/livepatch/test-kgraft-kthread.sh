#!/bin/bash
# SPDX-License-Identifier: GPL-2.0

. $(dirname $0)/functions.sh

MOD_TARGET=test_klp_hog
MOD_LIVEPATCH=test_klp_livepatch

# wait_for_transition() - wait until the transition is complete, but not for long
function wait_for_transition() {
	MAX_RETRIES=30
	loop_until "! grep -qs 1 $SYSFS_KLP_DIR/$MOD_LIVEPATCH/transition" ||
		die "kthreads that never sleep hold up the transition"
	MAX_RETRIES=600
}

setup_config


# A kthread that never sleeps is running when somebody looks, and has to be
# preempted.  On one CPU, whoever looks does that.
#
# - Let a kthread keep each CPU busy.
#
# - Enable and disable a livepatch.  There is one attempt each second to switch
#   the kthreads, and where they are not preempted on purpose, some do succeed
#   by chance.  So do it three times, and do not wait for long.

start_test "kthreads that never sleep"

load_mod $MOD_TARGET

expected="% insmod test_modules/$MOD_TARGET.ko"
for i in 1 2 3; do
	load_lp_nowait $MOD_LIVEPATCH
	wait_for_transition
	log "% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH/enabled"
	echo 0 > "$SYSFS_KLP_DIR/$MOD_LIVEPATCH/enabled"
	wait_for_transition
	loop_until '[[ ! -e "$SYSFS_KLP_DIR/$MOD_LIVEPATCH" ]]' ||
		die "failed to disable livepatch $MOD_LIVEPATCH"
	unload_lp $MOD_LIVEPATCH

	expected+="
% insmod test_modules/$MOD_LIVEPATCH.ko
livepatch: enabling patch '$MOD_LIVEPATCH'
livepatch: '$MOD_LIVEPATCH': initializing patching transition
livepatch: '$MOD_LIVEPATCH': starting patching transition
livepatch: '$MOD_LIVEPATCH': completing patching transition
livepatch: '$MOD_LIVEPATCH': patching complete
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH/enabled
livepatch: '$MOD_LIVEPATCH': initializing unpatching transition
livepatch: '$MOD_LIVEPATCH': starting unpatching transition
livepatch: '$MOD_LIVEPATCH': completing unpatching transition
livepatch: '$MOD_LIVEPATCH': unpatching complete
% rmmod $MOD_LIVEPATCH"
done

unload_mod $MOD_TARGET

check_result "$expected
% rmmod $MOD_TARGET"

exit 0
