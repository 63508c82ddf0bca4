#!/bin/bash
# SPDX-License-Identifier: GPL-2.0

. $(dirname $0)/functions.sh
. $(dirname $0)/functions-universe.sh

MOD_OTHER=test_klp_universe_other

# expect_transition(value, modname ...) - check who is in transition
function expect_transition() {
	local value=$1; shift
	local mod

	for mod in "$@"; do
		[[ "$(cat "$SYSFS_KLP_DIR/$mod/transition")" == "$value" ]] ||
			die "$mod: transition is not $value"
	done
}

# wait_transition(modname ...) - wait until transitions complete
function wait_transition() {
	local mod

	for mod in "$@"; do
		loop_until "grep -q '^0$' $SYSFS_KLP_DIR/$mod/transition" ||
			die "failed to complete transition of $mod"
	done
}

# set_enabled(modname, value) - enable or disable, do not wait
function set_enabled() {
	local error

	log "% echo $2 > $SYSFS_KLP_DIR/$1/enabled"
	error=$({ echo "$2" > "$SYSFS_KLP_DIR/$1/enabled"; } 2>&1) ||
		log "$1: ${error##*: }"
}

# load_refused_lp(modname, params) - load a livepatch, expect that it is refused and
#				     leaves nothing
function load_refused_lp() {
	local universe=$(cat $UNIVERSE)

	load_failing_mod "$@"
	[[ ! -e "$SYSFS_KLP_DIR/$1" ]] || die "$1 is left in sysfs"
	[[ ! -e "/sys/module/$1" ]] || die "$1 is left"
	[[ "$(cat $UNIVERSE)" -eq $universe ]] || die "$1: a universe was born"
}

setup_config
load_mod $MOD_TARGET


# - Hold a kthread in the original, which keeps a first livepatch in transition.
#
# - Enable a second one.  It takes effect for everybody else.  Hold another
#   kthread there.
#
# - Enable a third one, which takes effect too.
#
# - Let the kthreads go, the one in the newer universe first.  That changes
#   nothing, as transitions complete in order.

start_test "three transitions in flight"

universe=$(cat $UNIVERSE)
hold 1
load_lp_nowait $MOD_LIVEPATCH1
wait_version 1
load_lp_nowait $MOD_LIVEPATCH2
wait_version 2
hold 3
load_lp_nowait $MOD_LIVEPATCH3
wait_version 3
expect_transition 1 $MOD_LIVEPATCH1 $MOD_LIVEPATCH2 $MOD_LIVEPATCH3
check_sysfs_value $MOD_LIVEPATCH1 universe $((universe + 1))
check_sysfs_value $MOD_LIVEPATCH2 universe $((universe + 2))
check_sysfs_value $MOD_LIVEPATCH3 universe $((universe + 3))
[[ "$(cat $UNIVERSE)" -eq $((universe + 3)) ]] || die "wrong number of the newest universe"
hold 1
sleep 2
expect_transition 1 $MOD_LIVEPATCH1 $MOD_LIVEPATCH2 $MOD_LIVEPATCH3
hold 0
wait_transition $MOD_LIVEPATCH1 $MOD_LIVEPATCH2 $MOD_LIVEPATCH3
wait_version 3

check_result "% echo 1 > $PARAMS/hold
% insmod test_modules/$MOD_LIVEPATCH1.ko
livepatch: enabling patch '$MOD_LIVEPATCH1'
livepatch: '$MOD_LIVEPATCH1': initializing patching transition
livepatch: '$MOD_LIVEPATCH1': starting patching transition
% insmod test_modules/$MOD_LIVEPATCH2.ko
livepatch: enabling patch '$MOD_LIVEPATCH2'
livepatch: '$MOD_LIVEPATCH2': initializing patching transition
livepatch: '$MOD_LIVEPATCH2': starting patching transition
% echo 3 > $PARAMS/hold
% insmod test_modules/$MOD_LIVEPATCH3.ko
livepatch: enabling patch '$MOD_LIVEPATCH3'
livepatch: '$MOD_LIVEPATCH3': initializing patching transition
livepatch: '$MOD_LIVEPATCH3': starting patching transition
% echo 1 > $PARAMS/hold
$MOD_TARGET: kthread 1 saw version 2
% echo 0 > $PARAMS/hold
$MOD_TARGET: kthread 0 saw version 0
livepatch: '$MOD_LIVEPATCH1': completing patching transition
livepatch: '$MOD_LIVEPATCH1': patching complete
livepatch: '$MOD_LIVEPATCH2': completing patching transition
livepatch: '$MOD_LIVEPATCH2': patching complete
livepatch: '$MOD_LIVEPATCH3': completing patching transition
livepatch: '$MOD_LIVEPATCH3': patching complete"


# - Hold a kthread in the third of three livepatches.
#
# - Disable the first and the second one.  Nobody uses them, so that this
#   completes.
#
# - Disable the third one, and enable the first one again meanwhile.

start_test "disable out of order"

hold 1
set_enabled $MOD_LIVEPATCH2 0
wait_gone $MOD_LIVEPATCH2
set_enabled $MOD_LIVEPATCH1 0
wait_gone $MOD_LIVEPATCH1
wait_version 3
set_enabled $MOD_LIVEPATCH3 0
wait_version 0
load_lp_nowait $MOD_LIVEPATCH1
wait_version 1
expect_transition 1 $MOD_LIVEPATCH1 $MOD_LIVEPATCH3
hold 0
wait_transition $MOD_LIVEPATCH1
wait_gone $MOD_LIVEPATCH3
wait_version 1
disable_lp $MOD_LIVEPATCH1
unload_lp $MOD_LIVEPATCH1
wait_version 0

check_result "% echo 1 > $PARAMS/hold
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH2/enabled
livepatch: '$MOD_LIVEPATCH2': initializing unpatching transition
livepatch: '$MOD_LIVEPATCH2': starting unpatching transition
livepatch: '$MOD_LIVEPATCH2': completing unpatching transition
livepatch: '$MOD_LIVEPATCH2': unpatching complete
% rmmod $MOD_LIVEPATCH2
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled
livepatch: '$MOD_LIVEPATCH1': initializing unpatching transition
livepatch: '$MOD_LIVEPATCH1': starting unpatching transition
livepatch: '$MOD_LIVEPATCH1': completing unpatching transition
livepatch: '$MOD_LIVEPATCH1': unpatching complete
% rmmod $MOD_LIVEPATCH1
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH3/enabled
livepatch: '$MOD_LIVEPATCH3': initializing unpatching transition
livepatch: '$MOD_LIVEPATCH3': starting unpatching transition
% insmod test_modules/$MOD_LIVEPATCH1.ko
livepatch: enabling patch '$MOD_LIVEPATCH1'
livepatch: '$MOD_LIVEPATCH1': initializing patching transition
livepatch: '$MOD_LIVEPATCH1': starting patching transition
% echo 0 > $PARAMS/hold
$MOD_TARGET: kthread 0 saw version 3
livepatch: '$MOD_LIVEPATCH3': completing unpatching transition
livepatch: '$MOD_LIVEPATCH3': unpatching complete
livepatch: '$MOD_LIVEPATCH1': completing patching transition
livepatch: '$MOD_LIVEPATCH1': patching complete
% rmmod $MOD_LIVEPATCH3
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled
livepatch: '$MOD_LIVEPATCH1': initializing unpatching transition
livepatch: '$MOD_LIVEPATCH1': starting unpatching transition
livepatch: '$MOD_LIVEPATCH1': completing unpatching transition
livepatch: '$MOD_LIVEPATCH1': unpatching complete
% rmmod $MOD_LIVEPATCH1"


# - Have two livepatches in transition.
#
# - Disable the older one, which is superseded.  Enable it again.  Disable both.
#
# - The held kthread sees the original again, like everybody, and does not hold
#   up anything any more.

start_test "reverse transitions in flight"

hold 1
load_lp_nowait $MOD_LIVEPATCH1
load_lp_nowait $MOD_LIVEPATCH2
set_enabled $MOD_LIVEPATCH1 0
wait_version 2
set_enabled $MOD_LIVEPATCH1 1
wait_version 2
expect_transition 1 $MOD_LIVEPATCH1 $MOD_LIVEPATCH2
set_enabled $MOD_LIVEPATCH2 0
wait_version 1
set_enabled $MOD_LIVEPATCH1 0
wait_gone $MOD_LIVEPATCH1 $MOD_LIVEPATCH2
wait_version 0
hold 0

check_result "% echo 1 > $PARAMS/hold
% insmod test_modules/$MOD_LIVEPATCH1.ko
livepatch: enabling patch '$MOD_LIVEPATCH1'
livepatch: '$MOD_LIVEPATCH1': initializing patching transition
livepatch: '$MOD_LIVEPATCH1': starting patching transition
% insmod test_modules/$MOD_LIVEPATCH2.ko
livepatch: enabling patch '$MOD_LIVEPATCH2'
livepatch: '$MOD_LIVEPATCH2': initializing patching transition
livepatch: '$MOD_LIVEPATCH2': starting patching transition
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled
livepatch: '$MOD_LIVEPATCH1': reversing transition from patching to unpatching
livepatch: '$MOD_LIVEPATCH1': starting unpatching transition
% echo 1 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled
livepatch: '$MOD_LIVEPATCH1': reversing transition from unpatching to patching
livepatch: '$MOD_LIVEPATCH1': starting patching transition
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH2/enabled
livepatch: '$MOD_LIVEPATCH2': reversing transition from patching to unpatching
livepatch: '$MOD_LIVEPATCH2': starting unpatching transition
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled
livepatch: '$MOD_LIVEPATCH1': reversing transition from patching to unpatching
livepatch: '$MOD_LIVEPATCH1': starting unpatching transition
livepatch: '$MOD_LIVEPATCH2': completing unpatching transition
livepatch: '$MOD_LIVEPATCH2': unpatching complete
livepatch: '$MOD_LIVEPATCH1': completing unpatching transition
livepatch: '$MOD_LIVEPATCH1': unpatching complete
% rmmod $MOD_LIVEPATCH1
% rmmod $MOD_LIVEPATCH2
% echo 0 > $PARAMS/hold
$MOD_TARGET: kthread 0 saw version 0"


# - Hold a kthread in a livepatch and replace that.
#
# - The replaced livepatch cannot be disabled any more, but the replacement can
#   be reversed, and the replaced one is in use again.
#
# - Replace it once more, reverse that, and reverse the reversal.

start_test "replace in flight"

load_lp $MOD_LIVEPATCH1
hold 1
load_lp_nowait $MOD_LIVEPATCH2 replace=1
wait_version 2
set_enabled $MOD_LIVEPATCH1 0
wait_version 2
set_enabled $MOD_LIVEPATCH2 0
wait_gone $MOD_LIVEPATCH2
wait_version 1
load_lp_nowait $MOD_LIVEPATCH3 replace=1
hold 3
set_enabled $MOD_LIVEPATCH3 0
wait_version 1
set_enabled $MOD_LIVEPATCH3 1
wait_version 3
hold 2
wait_transition $MOD_LIVEPATCH3
hold 0
wait_gone $MOD_LIVEPATCH1
disable_lp $MOD_LIVEPATCH3
unload_lp $MOD_LIVEPATCH3
wait_version 0

check_result "% insmod test_modules/$MOD_LIVEPATCH1.ko
livepatch: enabling patch '$MOD_LIVEPATCH1'
livepatch: '$MOD_LIVEPATCH1': initializing patching transition
livepatch: '$MOD_LIVEPATCH1': starting patching transition
livepatch: '$MOD_LIVEPATCH1': completing patching transition
livepatch: '$MOD_LIVEPATCH1': patching complete
% echo 1 > $PARAMS/hold
% insmod test_modules/$MOD_LIVEPATCH2.ko replace=1
livepatch: enabling patch '$MOD_LIVEPATCH2'
livepatch: '$MOD_LIVEPATCH2': initializing patching transition
livepatch: '$MOD_LIVEPATCH2': starting patching transition
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled
livepatch: '$MOD_LIVEPATCH1' is being replaced by '$MOD_LIVEPATCH2', end that first
$MOD_LIVEPATCH1: Device or resource busy
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH2/enabled
livepatch: '$MOD_LIVEPATCH2': reversing transition from patching to unpatching
livepatch: '$MOD_LIVEPATCH2': starting unpatching transition
livepatch: '$MOD_LIVEPATCH2': completing unpatching transition
livepatch: '$MOD_LIVEPATCH2': unpatching complete
% rmmod $MOD_LIVEPATCH2
% insmod test_modules/$MOD_LIVEPATCH3.ko replace=1
livepatch: enabling patch '$MOD_LIVEPATCH3'
livepatch: '$MOD_LIVEPATCH3': initializing patching transition
livepatch: '$MOD_LIVEPATCH3': starting patching transition
% echo 3 > $PARAMS/hold
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH3/enabled
livepatch: '$MOD_LIVEPATCH3': reversing transition from patching to unpatching
livepatch: '$MOD_LIVEPATCH3': starting unpatching transition
% echo 1 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH3/enabled
livepatch: '$MOD_LIVEPATCH3': reversing transition from unpatching to patching
livepatch: '$MOD_LIVEPATCH3': starting patching transition
% echo 2 > $PARAMS/hold
$MOD_TARGET: kthread 0 saw version 1
livepatch: '$MOD_LIVEPATCH3': completing patching transition
livepatch: '$MOD_LIVEPATCH3': patching complete
% echo 0 > $PARAMS/hold
$MOD_TARGET: kthread 1 saw version 3
% rmmod $MOD_LIVEPATCH1
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH3/enabled
livepatch: '$MOD_LIVEPATCH3': initializing unpatching transition
livepatch: '$MOD_LIVEPATCH3': starting unpatching transition
livepatch: '$MOD_LIVEPATCH3': completing unpatching transition
livepatch: '$MOD_LIVEPATCH3': unpatching complete
% rmmod $MOD_LIVEPATCH3"


# - Have two livepatches in transition, replace both by a third one, and let that
#   complete.

start_test "replace livepatches in transition"

hold 1
load_lp_nowait $MOD_LIVEPATCH1
load_lp_nowait $MOD_LIVEPATCH2
load_lp_nowait $MOD_LIVEPATCH3 replace=1
wait_version 3
hold 0
wait_transition $MOD_LIVEPATCH3
wait_gone $MOD_LIVEPATCH1 $MOD_LIVEPATCH2
wait_version 3
disable_lp $MOD_LIVEPATCH3
unload_lp $MOD_LIVEPATCH3

check_result "% echo 1 > $PARAMS/hold
% insmod test_modules/$MOD_LIVEPATCH1.ko
livepatch: enabling patch '$MOD_LIVEPATCH1'
livepatch: '$MOD_LIVEPATCH1': initializing patching transition
livepatch: '$MOD_LIVEPATCH1': starting patching transition
% insmod test_modules/$MOD_LIVEPATCH2.ko
livepatch: enabling patch '$MOD_LIVEPATCH2'
livepatch: '$MOD_LIVEPATCH2': initializing patching transition
livepatch: '$MOD_LIVEPATCH2': starting patching transition
% insmod test_modules/$MOD_LIVEPATCH3.ko replace=1
livepatch: enabling patch '$MOD_LIVEPATCH3'
livepatch: '$MOD_LIVEPATCH3': initializing patching transition
livepatch: '$MOD_LIVEPATCH3': starting patching transition
% echo 0 > $PARAMS/hold
$MOD_TARGET: kthread 0 saw version 0
livepatch: '$MOD_LIVEPATCH1': completing patching transition
livepatch: '$MOD_LIVEPATCH1': patching complete
livepatch: '$MOD_LIVEPATCH2': completing patching transition
livepatch: '$MOD_LIVEPATCH2': patching complete
livepatch: '$MOD_LIVEPATCH3': completing patching transition
livepatch: '$MOD_LIVEPATCH3': patching complete
% rmmod $MOD_LIVEPATCH1
% rmmod $MOD_LIVEPATCH2
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH3/enabled
livepatch: '$MOD_LIVEPATCH3': initializing unpatching transition
livepatch: '$MOD_LIVEPATCH3': starting unpatching transition
livepatch: '$MOD_LIVEPATCH3': completing unpatching transition
livepatch: '$MOD_LIVEPATCH3': unpatching complete
% rmmod $MOD_LIVEPATCH3"


# - A livepatch with callbacks sees one change at a time: it is refused while
#   another one is in transition, and refuses others while it is itself.
#
# - Reversing it is allowed.
#
# - So does one without, which replaces one that has callbacks.

start_test "callbacks and other transitions"

hold 1
load_lp_nowait $MOD_LIVEPATCH1
load_refused_lp $MOD_LIVEPATCH2 callbacks=1
wait_version 1
set_enabled $MOD_LIVEPATCH1 0
wait_gone $MOD_LIVEPATCH1
load_lp_nowait $MOD_LIVEPATCH2 callbacks=1
load_refused_lp $MOD_LIVEPATCH1
wait_version 2
set_enabled $MOD_LIVEPATCH2 0
wait_gone $MOD_LIVEPATCH2
hold 0
load_lp $MOD_LIVEPATCH2 callbacks=1
hold 1
load_lp_nowait $MOD_LIVEPATCH1 replace=1
load_refused_lp $MOD_LIVEPATCH3
wait_version 1
hold 0
wait_transition $MOD_LIVEPATCH1
wait_gone $MOD_LIVEPATCH2
disable_lp $MOD_LIVEPATCH1
unload_lp $MOD_LIVEPATCH1

check_result "% echo 1 > $PARAMS/hold
% insmod test_modules/$MOD_LIVEPATCH1.ko
livepatch: enabling patch '$MOD_LIVEPATCH1'
livepatch: '$MOD_LIVEPATCH1': initializing patching transition
livepatch: '$MOD_LIVEPATCH1': starting patching transition
% insmod test_modules/$MOD_LIVEPATCH2.ko callbacks=1
livepatch: '$MOD_LIVEPATCH2' has to wait for '$MOD_LIVEPATCH1', because of callbacks or states
insmod: ERROR: could not insert module test_modules/$MOD_LIVEPATCH2.ko: Device or resource busy
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled
livepatch: '$MOD_LIVEPATCH1': reversing transition from patching to unpatching
livepatch: '$MOD_LIVEPATCH1': starting unpatching transition
livepatch: '$MOD_LIVEPATCH1': completing unpatching transition
livepatch: '$MOD_LIVEPATCH1': unpatching complete
% rmmod $MOD_LIVEPATCH1
% insmod test_modules/$MOD_LIVEPATCH2.ko callbacks=1
livepatch: enabling patch '$MOD_LIVEPATCH2'
livepatch: '$MOD_LIVEPATCH2': initializing patching transition
livepatch: '$MOD_LIVEPATCH2': starting patching transition
% insmod test_modules/$MOD_LIVEPATCH1.ko
livepatch: '$MOD_LIVEPATCH1' has to wait for '$MOD_LIVEPATCH2', because of callbacks or states
insmod: ERROR: could not insert module test_modules/$MOD_LIVEPATCH1.ko: Device or resource busy
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH2/enabled
livepatch: '$MOD_LIVEPATCH2': reversing transition from patching to unpatching
livepatch: '$MOD_LIVEPATCH2': starting unpatching transition
livepatch: '$MOD_LIVEPATCH2': completing unpatching transition
livepatch: '$MOD_LIVEPATCH2': unpatching complete
% rmmod $MOD_LIVEPATCH2
% echo 0 > $PARAMS/hold
$MOD_TARGET: kthread 0 saw version 0
% insmod test_modules/$MOD_LIVEPATCH2.ko callbacks=1
livepatch: enabling patch '$MOD_LIVEPATCH2'
livepatch: '$MOD_LIVEPATCH2': initializing patching transition
livepatch: '$MOD_LIVEPATCH2': starting patching transition
livepatch: '$MOD_LIVEPATCH2': completing patching transition
livepatch: '$MOD_LIVEPATCH2': patching complete
% echo 1 > $PARAMS/hold
% insmod test_modules/$MOD_LIVEPATCH1.ko replace=1
livepatch: enabling patch '$MOD_LIVEPATCH1'
livepatch: '$MOD_LIVEPATCH1': initializing patching transition
livepatch: '$MOD_LIVEPATCH1': starting patching transition
% insmod test_modules/$MOD_LIVEPATCH3.ko
livepatch: '$MOD_LIVEPATCH3' has to wait for '$MOD_LIVEPATCH1', because of callbacks or states
insmod: ERROR: could not insert module test_modules/$MOD_LIVEPATCH3.ko: Device or resource busy
% echo 0 > $PARAMS/hold
$MOD_TARGET: kthread 0 saw version 2
livepatch: '$MOD_LIVEPATCH1': completing patching transition
livepatch: '$MOD_LIVEPATCH1': patching complete
% rmmod $MOD_LIVEPATCH2
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled
livepatch: '$MOD_LIVEPATCH1': initializing unpatching transition
livepatch: '$MOD_LIVEPATCH1': starting unpatching transition
livepatch: '$MOD_LIVEPATCH1': completing unpatching transition
livepatch: '$MOD_LIVEPATCH1': unpatching complete
% rmmod $MOD_LIVEPATCH1"


# - The same for states: a livepatch that has some is refused while another one
#   is in transition, and refuses others while it is itself, on the way in and
#   out.
#
# - Reversing it is allowed, and reversing that.

start_test "states and other transitions"

hold 1
load_lp_nowait $MOD_LIVEPATCH1
load_refused_lp $MOD_LIVEPATCH2 states=1
wait_version 1
set_enabled $MOD_LIVEPATCH1 0
wait_gone $MOD_LIVEPATCH1
load_lp_nowait $MOD_LIVEPATCH2 states=1
wait_version 2
hold 3
load_refused_lp $MOD_LIVEPATCH1
set_enabled $MOD_LIVEPATCH2 0
wait_version 0
load_refused_lp $MOD_LIVEPATCH1
set_enabled $MOD_LIVEPATCH2 1
wait_version 2
hold 2
wait_transition $MOD_LIVEPATCH2
hold 0

check_result "% echo 1 > $PARAMS/hold
% insmod test_modules/$MOD_LIVEPATCH1.ko
livepatch: enabling patch '$MOD_LIVEPATCH1'
livepatch: '$MOD_LIVEPATCH1': initializing patching transition
livepatch: '$MOD_LIVEPATCH1': starting patching transition
% insmod test_modules/$MOD_LIVEPATCH2.ko states=1
livepatch: '$MOD_LIVEPATCH2' has to wait for '$MOD_LIVEPATCH1', because of callbacks or states
insmod: ERROR: could not insert module test_modules/$MOD_LIVEPATCH2.ko: Device or resource busy
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled
livepatch: '$MOD_LIVEPATCH1': reversing transition from patching to unpatching
livepatch: '$MOD_LIVEPATCH1': starting unpatching transition
livepatch: '$MOD_LIVEPATCH1': completing unpatching transition
livepatch: '$MOD_LIVEPATCH1': unpatching complete
% rmmod $MOD_LIVEPATCH1
% insmod test_modules/$MOD_LIVEPATCH2.ko states=1
livepatch: enabling patch '$MOD_LIVEPATCH2'
livepatch: '$MOD_LIVEPATCH2': initializing patching transition
livepatch: '$MOD_LIVEPATCH2': starting patching transition
% echo 3 > $PARAMS/hold
% insmod test_modules/$MOD_LIVEPATCH1.ko
livepatch: '$MOD_LIVEPATCH1' has to wait for '$MOD_LIVEPATCH2', because of callbacks or states
insmod: ERROR: could not insert module test_modules/$MOD_LIVEPATCH1.ko: Device or resource busy
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH2/enabled
livepatch: '$MOD_LIVEPATCH2': reversing transition from patching to unpatching
livepatch: '$MOD_LIVEPATCH2': starting unpatching transition
% insmod test_modules/$MOD_LIVEPATCH1.ko
livepatch: '$MOD_LIVEPATCH1' has to wait for '$MOD_LIVEPATCH2', because of callbacks or states
insmod: ERROR: could not insert module test_modules/$MOD_LIVEPATCH1.ko: Device or resource busy
% echo 1 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH2/enabled
livepatch: '$MOD_LIVEPATCH2': reversing transition from unpatching to patching
livepatch: '$MOD_LIVEPATCH2': starting patching transition
% echo 2 > $PARAMS/hold
$MOD_TARGET: kthread 0 saw version 0
livepatch: '$MOD_LIVEPATCH2': completing patching transition
livepatch: '$MOD_LIVEPATCH2': patching complete
% echo 0 > $PARAMS/hold
$MOD_TARGET: kthread 1 saw version 2"


# - Another livepatch, without states, is in transition.  The one with states can
#   be neither disabled nor replaced, until that is reversed.
#
# - Replace it.  Nothing else can be changed meanwhile, until that is reversed.
#
# - Disable it.  Nothing else can be changed meanwhile, until that is reversed.

start_test "states and other transitions, to be replaced"

hold 1
load_lp_nowait $MOD_LIVEPATCH3
wait_version 3
set_enabled $MOD_LIVEPATCH2 0
check_sysfs_value $MOD_LIVEPATCH2 enabled 1
load_refused_lp $MOD_LIVEPATCH1 replace=1
set_enabled $MOD_LIVEPATCH3 0
wait_gone $MOD_LIVEPATCH3
wait_version 2
load_refused_lp $MOD_LIVEPATCH1 replace=1
load_lp_nowait $MOD_LIVEPATCH1 replace=1 states=1
wait_version 1
load_refused_lp $MOD_LIVEPATCH3
set_enabled $MOD_LIVEPATCH2 0
set_enabled $MOD_LIVEPATCH1 0
wait_gone $MOD_LIVEPATCH1
wait_version 2
set_enabled $MOD_LIVEPATCH2 0
wait_version 0
load_refused_lp $MOD_LIVEPATCH1
set_enabled $MOD_LIVEPATCH2 1
wait_transition $MOD_LIVEPATCH2
wait_version 2
hold 0
disable_lp $MOD_LIVEPATCH2
unload_lp $MOD_LIVEPATCH2
wait_version 0

check_result "% echo 1 > $PARAMS/hold
% insmod test_modules/$MOD_LIVEPATCH3.ko
livepatch: enabling patch '$MOD_LIVEPATCH3'
livepatch: '$MOD_LIVEPATCH3': initializing patching transition
livepatch: '$MOD_LIVEPATCH3': starting patching transition
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH2/enabled
livepatch: '$MOD_LIVEPATCH2' has to wait for '$MOD_LIVEPATCH3', because of callbacks or states
$MOD_LIVEPATCH2: Device or resource busy
% insmod test_modules/$MOD_LIVEPATCH1.ko replace=1
livepatch: '$MOD_LIVEPATCH1' has to wait for '$MOD_LIVEPATCH3', because of callbacks or states
insmod: ERROR: could not insert module test_modules/$MOD_LIVEPATCH1.ko: Device or resource busy
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH3/enabled
livepatch: '$MOD_LIVEPATCH3': reversing transition from patching to unpatching
livepatch: '$MOD_LIVEPATCH3': starting unpatching transition
livepatch: '$MOD_LIVEPATCH3': completing unpatching transition
livepatch: '$MOD_LIVEPATCH3': unpatching complete
% rmmod $MOD_LIVEPATCH3
% insmod test_modules/$MOD_LIVEPATCH1.ko replace=1
livepatch: Livepatch patch ($MOD_LIVEPATCH1) is not compatible with the already installed livepatches.
insmod: ERROR: could not insert module test_modules/$MOD_LIVEPATCH1.ko: Invalid parameters
% insmod test_modules/$MOD_LIVEPATCH1.ko replace=1 states=1
livepatch: enabling patch '$MOD_LIVEPATCH1'
livepatch: '$MOD_LIVEPATCH1': initializing patching transition
livepatch: '$MOD_LIVEPATCH1': starting patching transition
% insmod test_modules/$MOD_LIVEPATCH3.ko
livepatch: '$MOD_LIVEPATCH3' has to wait for '$MOD_LIVEPATCH1', because of callbacks or states
insmod: ERROR: could not insert module test_modules/$MOD_LIVEPATCH3.ko: Device or resource busy
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH2/enabled
livepatch: '$MOD_LIVEPATCH2' is being replaced by '$MOD_LIVEPATCH1', end that first
$MOD_LIVEPATCH2: Device or resource busy
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled
livepatch: '$MOD_LIVEPATCH1': reversing transition from patching to unpatching
livepatch: '$MOD_LIVEPATCH1': starting unpatching transition
livepatch: '$MOD_LIVEPATCH1': completing unpatching transition
livepatch: '$MOD_LIVEPATCH1': unpatching complete
% rmmod $MOD_LIVEPATCH1
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH2/enabled
livepatch: '$MOD_LIVEPATCH2': initializing unpatching transition
livepatch: '$MOD_LIVEPATCH2': starting unpatching transition
% insmod test_modules/$MOD_LIVEPATCH1.ko
livepatch: '$MOD_LIVEPATCH1' has to wait for '$MOD_LIVEPATCH2', because of callbacks or states
insmod: ERROR: could not insert module test_modules/$MOD_LIVEPATCH1.ko: Device or resource busy
% echo 1 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH2/enabled
livepatch: '$MOD_LIVEPATCH2': reversing transition from unpatching to patching
livepatch: '$MOD_LIVEPATCH2': starting patching transition
livepatch: '$MOD_LIVEPATCH2': completing patching transition
livepatch: '$MOD_LIVEPATCH2': patching complete
% echo 0 > $PARAMS/hold
$MOD_TARGET: kthread 0 saw version 2
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH2/enabled
livepatch: '$MOD_LIVEPATCH2': initializing unpatching transition
livepatch: '$MOD_LIVEPATCH2': starting unpatching transition
livepatch: '$MOD_LIVEPATCH2': completing unpatching transition
livepatch: '$MOD_LIVEPATCH2': unpatching complete
% rmmod $MOD_LIVEPATCH2"


# - Hold kthreads in two universes, with a third one born, and a livepatch on its
#   way out.
#
# - Load another module that all livepatches patch.  Everybody sees in it the
#   version that they see elsewhere.
#
# - Unload it, and load it again.

start_test "module comes and goes between universes"

load_lp $MOD_LIVEPATCH1
hold 1
load_lp_nowait $MOD_LIVEPATCH2
hold 3
set_enabled $MOD_LIVEPATCH1 0
set_enabled $MOD_LIVEPATCH2 0
load_lp_nowait $MOD_LIVEPATCH3
for i in 1 2; do
	load_mod $MOD_OTHER
	wait_version 3 $MOD_OTHER
	[[ $i -eq 1 ]] && unload_mod $MOD_OTHER
done
hold 1
hold 0
wait_transition $MOD_LIVEPATCH3
wait_gone $MOD_LIVEPATCH1 $MOD_LIVEPATCH2
wait_version 3 $MOD_OTHER
disable_lp $MOD_LIVEPATCH3
unload_lp $MOD_LIVEPATCH3
wait_version 0 $MOD_OTHER
unload_mod $MOD_OTHER

check_result "% insmod test_modules/$MOD_LIVEPATCH1.ko
livepatch: enabling patch '$MOD_LIVEPATCH1'
livepatch: '$MOD_LIVEPATCH1': initializing patching transition
livepatch: '$MOD_LIVEPATCH1': starting patching transition
livepatch: '$MOD_LIVEPATCH1': completing patching transition
livepatch: '$MOD_LIVEPATCH1': patching complete
% echo 1 > $PARAMS/hold
% insmod test_modules/$MOD_LIVEPATCH2.ko
livepatch: enabling patch '$MOD_LIVEPATCH2'
livepatch: '$MOD_LIVEPATCH2': initializing patching transition
livepatch: '$MOD_LIVEPATCH2': starting patching transition
% echo 3 > $PARAMS/hold
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled
livepatch: '$MOD_LIVEPATCH1': initializing unpatching transition
livepatch: '$MOD_LIVEPATCH1': starting unpatching transition
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH2/enabled
livepatch: '$MOD_LIVEPATCH2': reversing transition from patching to unpatching
livepatch: '$MOD_LIVEPATCH2': starting unpatching transition
% insmod test_modules/$MOD_LIVEPATCH3.ko
livepatch: enabling patch '$MOD_LIVEPATCH3'
livepatch: '$MOD_LIVEPATCH3': initializing patching transition
livepatch: '$MOD_LIVEPATCH3': starting patching transition
% insmod test_modules/$MOD_OTHER.ko
livepatch: applying patch '$MOD_LIVEPATCH1' to loading module '$MOD_OTHER'
livepatch: applying patch '$MOD_LIVEPATCH2' to loading module '$MOD_OTHER'
livepatch: applying patch '$MOD_LIVEPATCH3' to loading module '$MOD_OTHER'
% rmmod $MOD_OTHER
livepatch: reverting patch '$MOD_LIVEPATCH1' on unloading module '$MOD_OTHER'
livepatch: reverting patch '$MOD_LIVEPATCH2' on unloading module '$MOD_OTHER'
livepatch: reverting patch '$MOD_LIVEPATCH3' on unloading module '$MOD_OTHER'
% insmod test_modules/$MOD_OTHER.ko
livepatch: applying patch '$MOD_LIVEPATCH1' to loading module '$MOD_OTHER'
livepatch: applying patch '$MOD_LIVEPATCH2' to loading module '$MOD_OTHER'
livepatch: applying patch '$MOD_LIVEPATCH3' to loading module '$MOD_OTHER'
% echo 1 > $PARAMS/hold
$MOD_TARGET: kthread 1 saw version 2, and 2 elsewhere
% echo 0 > $PARAMS/hold
$MOD_TARGET: kthread 0 saw version 1, and 1 elsewhere
livepatch: '$MOD_LIVEPATCH1': completing unpatching transition
livepatch: '$MOD_LIVEPATCH1': unpatching complete
livepatch: '$MOD_LIVEPATCH2': completing unpatching transition
livepatch: '$MOD_LIVEPATCH2': unpatching complete
livepatch: '$MOD_LIVEPATCH3': completing patching transition
livepatch: '$MOD_LIVEPATCH3': patching complete
% rmmod $MOD_LIVEPATCH1
% rmmod $MOD_LIVEPATCH2
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH3/enabled
livepatch: '$MOD_LIVEPATCH3': initializing unpatching transition
livepatch: '$MOD_LIVEPATCH3': starting unpatching transition
livepatch: '$MOD_LIVEPATCH3': completing unpatching transition
livepatch: '$MOD_LIVEPATCH3': unpatching complete
% rmmod $MOD_LIVEPATCH3
% rmmod $MOD_OTHER"


# - Disable a livepatch, and unload a module that it patched at once, while
#   what is known of its functions may still wait to be freed.
#
# - Load the module again, patch it again: the livepatch is in use.

start_test "module goes right after its livepatch"

for i in 1 2 3; do
	load_mod $MOD_OTHER
	load_lp $MOD_LIVEPATCH1
	wait_version 1 $MOD_OTHER
	set_enabled $MOD_LIVEPATCH1 0
	unload_mod $MOD_OTHER
	load_mod $MOD_OTHER
	wait_version 0 $MOD_OTHER
	load_lp $MOD_LIVEPATCH2
	wait_version 2 $MOD_OTHER
	disable_lp $MOD_LIVEPATCH2
	unload_lp $MOD_LIVEPATCH2
	wait_gone $MOD_LIVEPATCH1
	unload_mod $MOD_OTHER
done
dmesg | grep -q "ftrace bug\|WARNING" && die "the kernel complained"
echo "ok"


# - A livepatch that redirects one function twice is refused, and leaves nothing.

start_test "one function twice"

load_failing_mod $MOD_LIVEPATCH1 twice=1
wait_version 0

check_result "% insmod test_modules/$MOD_LIVEPATCH1.ko twice=1
livepatch: enabling patch '$MOD_LIVEPATCH1'
livepatch: '$MOD_LIVEPATCH1': initializing patching transition
livepatch: function 'test_klp_universe_alias' is patched twice, also as 'test_klp_universe_a'
livepatch: failed to patch object '$MOD_TARGET'
livepatch: failed to enable patch '$MOD_LIVEPATCH1'
livepatch: '$MOD_LIVEPATCH1': canceling patching transition, going to unpatch
livepatch: '$MOD_LIVEPATCH1': completing unpatching transition
livepatch: '$MOD_LIVEPATCH1': unpatching complete
insmod: ERROR: could not insert module test_modules/$MOD_LIVEPATCH1.ko: Invalid parameters"


# - Have a task sleep in a patched function, where nothing wakes it up but a signal.
#
# - Enable a livepatch.  After a while the task gets a fake signal, which takes it to
#   user space and back.  Then it sleeps in the new version.

start_test "a task that waits for a signal"

cat $PARAMS/asleep > /dev/null 2>&1 &
reader=$!
trap 'kill $reader; cleanup' EXIT INT TERM HUP
loop_until "grep -q test_klp_universe_sleep /proc/$reader/stack" ||
	die "the task does not sleep"
load_lp $MOD_LIVEPATCH1
loop_until "grep -q test_klp_universe_sleep /proc/$reader/stack" ||
	die "the task does not sleep any more"
kill $reader
wait $reader 2> /dev/null
trap cleanup EXIT INT TERM HUP
expect_no_mix
disable_lp $MOD_LIVEPATCH1
unload_lp $MOD_LIVEPATCH1

check_result "% insmod test_modules/$MOD_LIVEPATCH1.ko
livepatch: enabling patch '$MOD_LIVEPATCH1'
livepatch: '$MOD_LIVEPATCH1': initializing patching transition
livepatch: '$MOD_LIVEPATCH1': starting patching transition
livepatch: signaling remaining tasks
livepatch: '$MOD_LIVEPATCH1': completing patching transition
livepatch: '$MOD_LIVEPATCH1': patching complete
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled
livepatch: '$MOD_LIVEPATCH1': initializing unpatching transition
livepatch: '$MOD_LIVEPATCH1': starting unpatching transition
livepatch: '$MOD_LIVEPATCH1': completing unpatching transition
livepatch: '$MOD_LIVEPATCH1': unpatching complete
% rmmod $MOD_LIVEPATCH1"


# - Call the functions from many tasks, which come and go, while livepatches are
#   enabled, reversed, replaced and disabled.  No invocation sees two versions.
#   What happens when depends on the load, so this does not look at dmesg.

start_test "consistency under load"

function caller() {
	while [[ -e "$CALLERS" ]]; do
		cat "$PARAMS/check" > /dev/null
	done
}

CALLERS=$(mktemp)
trap 'rm -f "$CALLERS"; cleanup' EXIT INT TERM HUP
for i in 1 2 3 4; do
	caller 2> /dev/null &
done
for i in 1 2 3 4 5 6; do
	hold $((i % 4))
	load_lp_nowait $MOD_LIVEPATCH1
	load_lp_nowait $MOD_LIVEPATCH2
	[[ $((i % 2)) -eq 0 ]] && set_enabled $MOD_LIVEPATCH1 0
	hold 4
	load_lp_nowait $MOD_LIVEPATCH3 replace=$((i % 3 == 0))
	sleep .3
	set_enabled $MOD_LIVEPATCH3 0
	hold 0
	wait_gone $MOD_LIVEPATCH3
	[[ $((i % 2)) -eq 1 ]] && set_enabled $MOD_LIVEPATCH1 0
	set_enabled $MOD_LIVEPATCH2 0
	wait_gone $MOD_LIVEPATCH1 $MOD_LIVEPATCH2
done
rm "$CALLERS"
wait
trap cleanup EXIT INT TERM HUP
wait_version 0
expect_no_mix
echo "ok"


# - Hold a kthread in the original and force it out of there.  No livepatch is
#   pinned by that, and later ones work.

start_test "force, and livepatches after it"

hold 1
load_lp_nowait $MOD_LIVEPATCH1
load_lp_nowait $MOD_LIVEPATCH2
log "% echo 1 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/force"
echo 1 > "$SYSFS_KLP_DIR/$MOD_LIVEPATCH1/force"
wait_transition $MOD_LIVEPATCH1 $MOD_LIVEPATCH2
disable_lp $MOD_LIVEPATCH2
unload_lp $MOD_LIVEPATCH2
disable_lp $MOD_LIVEPATCH1
unload_lp $MOD_LIVEPATCH1
hold 0

check_result "% echo 1 > $PARAMS/hold
% insmod test_modules/$MOD_LIVEPATCH1.ko
livepatch: enabling patch '$MOD_LIVEPATCH1'
livepatch: '$MOD_LIVEPATCH1': initializing patching transition
livepatch: '$MOD_LIVEPATCH1': starting patching transition
% insmod test_modules/$MOD_LIVEPATCH2.ko
livepatch: enabling patch '$MOD_LIVEPATCH2'
livepatch: '$MOD_LIVEPATCH2': initializing patching transition
livepatch: '$MOD_LIVEPATCH2': starting patching transition
% echo 1 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/force
livepatch: forcing remaining tasks to the patched state
livepatch: '$MOD_LIVEPATCH1': completing patching transition
livepatch: '$MOD_LIVEPATCH1': patching complete
livepatch: '$MOD_LIVEPATCH2': completing patching transition
livepatch: '$MOD_LIVEPATCH2': patching complete
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH2/enabled
livepatch: '$MOD_LIVEPATCH2': initializing unpatching transition
livepatch: '$MOD_LIVEPATCH2': starting unpatching transition
livepatch: '$MOD_LIVEPATCH2': completing unpatching transition
livepatch: '$MOD_LIVEPATCH2': unpatching complete
% rmmod $MOD_LIVEPATCH2
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled
livepatch: '$MOD_LIVEPATCH1': initializing unpatching transition
livepatch: '$MOD_LIVEPATCH1': starting unpatching transition
livepatch: '$MOD_LIVEPATCH1': completing unpatching transition
livepatch: '$MOD_LIVEPATCH1': unpatching complete
% rmmod $MOD_LIVEPATCH1
% echo 0 > $PARAMS/hold
$MOD_TARGET: kthread 0 saw version 0"


# - Force a kthread out of a livepatch that gets disabled.  The livepatch can
#   never be unloaded.

start_test "force a task out of a livepatch"

load_lp $MOD_LIVEPATCH3
hold 1
set_enabled $MOD_LIVEPATCH3 0
log "% echo 1 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH3/force"
echo 1 > "$SYSFS_KLP_DIR/$MOD_LIVEPATCH3/force"
loop_until '[[ ! -e "$SYSFS_KLP_DIR/$MOD_LIVEPATCH3" ]]' ||
	die "failed to disable livepatch $MOD_LIVEPATCH3"
rmmod $MOD_LIVEPATCH3 2> /dev/null && die "$MOD_LIVEPATCH3 unexpectedly unloaded"
hold 0
unload_mod $MOD_TARGET

check_result "% insmod test_modules/$MOD_LIVEPATCH3.ko
livepatch: enabling patch '$MOD_LIVEPATCH3'
livepatch: '$MOD_LIVEPATCH3': initializing patching transition
livepatch: '$MOD_LIVEPATCH3': starting patching transition
livepatch: '$MOD_LIVEPATCH3': completing patching transition
livepatch: '$MOD_LIVEPATCH3': patching complete
% echo 1 > $PARAMS/hold
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH3/enabled
livepatch: '$MOD_LIVEPATCH3': initializing unpatching transition
livepatch: '$MOD_LIVEPATCH3': starting unpatching transition
% echo 1 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH3/force
livepatch: forcing remaining tasks to the patched state
livepatch: '$MOD_LIVEPATCH3': completing unpatching transition
livepatch: '$MOD_LIVEPATCH3': unpatching complete
% echo 0 > $PARAMS/hold
$MOD_TARGET: kthread 0 saw version 3
% rmmod $MOD_TARGET"

exit 0
