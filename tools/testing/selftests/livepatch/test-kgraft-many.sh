#!/bin/bash
# SPDX-License-Identifier: GPL-2.0

. $(dirname $0)/functions.sh
. $(dirname $0)/functions-universe.sh

MOD_MANY=test_klp_many
MOD_MANY_LIVEPATCH=test_klp_many_patch

# expect_version(version) - check what a task sees that comes from user space
function expect_version() {
	local version=$(cat "$PARAMS/version")

	[[ "$version" == "$1" ]] || die "version $version seen, expected $1"
}

# attached(module) - the number of functions of a module that ftrace sends away
function attached() {
	grep -c "\[$1\]" "$SYSFS_TRACING_DIR/enabled_functions"
}

# expect_nothing_left() - nobody has a livepatch any more, or a reference to it
function expect_nothing_left() {
	local mod

	[[ -z "$(ls "$SYSFS_KLP_DIR")" ]] || die "left: $(ls "$SYSFS_KLP_DIR")"
	[[ "$(grep -c test_klp "$SYSFS_TRACING_DIR/enabled_functions")" == 0 ]] ||
		die "left: $(grep test_klp "$SYSFS_TRACING_DIR/enabled_functions")"
	for mod in "$@"; do
		[[ "$(cat "/sys/module/$mod/refcnt")" == 0 ]] ||
			die "$mod is still referenced"
	done
}

# expect_no_jump(modname) - ftrace still takes the calls.  There are kernels where
#			    nothing else does.
function expect_no_jump() {
	local method="$SYSFS_KLP_DIR/$1/$MOD_TARGET/test_klp_universe_b,1/method"

	[[ ! -e "$method" || "$(cat "$method")" == ftrace ]] ||
		die "a function jumps that a task was forced out of"
}

# expect_jump(modname) - wait until a function jumps, in kernels where it can
function expect_jump() {
	[[ ! -e /sys/module/livepatch/parameters/method ]] ||
		wait_method jump "$1" test_klp_universe_b
}

setup_config


# - Patch 5,000 functions at once.  Who enters the kernel sees the originals of
#   all of them, or the replacements of all.

start_test "5,000 functions"

load_mod $MOD_MANY
expect_versions 5000 0
load_lp $MOD_MANY_LIVEPATCH
expect_versions 0 5000
[[ "$(attached $MOD_MANY)" == 5000 ]] ||
	die "$(attached $MOD_MANY) functions attached"
if [[ -e /sys/module/livepatch/parameters/method ]]; then
	loop_until "[[ \$(cat $SYSFS_KLP_DIR/$MOD_MANY_LIVEPATCH/$MOD_MANY/*/method |
		grep -cx jump) -eq 5000 ]]" || die "some functions do not jump"
	expect_versions 0 5000
fi
disable_lp $MOD_MANY_LIVEPATCH
expect_versions 5000 0
expect_nothing_left $MOD_MANY $MOD_MANY_LIVEPATCH
unload_lp $MOD_MANY_LIVEPATCH
unload_mod $MOD_MANY

check_result "% insmod test_modules/$MOD_MANY.ko
% insmod test_modules/$MOD_MANY_LIVEPATCH.ko
livepatch: enabling patch '$MOD_MANY_LIVEPATCH'
livepatch: '$MOD_MANY_LIVEPATCH': initializing patching transition
livepatch: '$MOD_MANY_LIVEPATCH': starting patching transition
livepatch: '$MOD_MANY_LIVEPATCH': completing patching transition
livepatch: '$MOD_MANY_LIVEPATCH': patching complete
% echo 0 > $SYSFS_KLP_DIR/$MOD_MANY_LIVEPATCH/enabled
livepatch: '$MOD_MANY_LIVEPATCH': initializing unpatching transition
livepatch: '$MOD_MANY_LIVEPATCH': starting unpatching transition
livepatch: '$MOD_MANY_LIVEPATCH': completing unpatching transition
livepatch: '$MOD_MANY_LIVEPATCH': unpatching complete
% rmmod $MOD_MANY_LIVEPATCH
% rmmod $MOD_MANY"


# - Hold a kthread in the original, and reverse a livepatch many times.  Each time
#   is one more universe, and takes effect for whoever enters the kernel.
#
# - Let the kthread go.

start_test "many universes"

load_mod $MOD_TARGET
hold 1
load_lp_nowait $MOD_LIVEPATCH1
load_lp_nowait $MOD_LIVEPATCH2
universe=$(cat $UNIVERSE)
for i in {1..20}; do
	echo 0 > "$SYSFS_KLP_DIR/$MOD_LIVEPATCH2/enabled" || die "not disabled"
	expect_version 1
	# The kthread is still where neither was, so that none can complete.
	[[ -e "$SYSFS_KLP_DIR/$MOD_LIVEPATCH2" ]] || die "gone too early"
	echo 1 > "$SYSFS_KLP_DIR/$MOD_LIVEPATCH2/enabled" || die "not enabled"
	expect_version 2
done
[[ "$(cat $UNIVERSE)" -eq $((universe + 40)) ]] ||
	die "$(cat $UNIVERSE) is the newest universe, expected $((universe + 40))"
hold 0
for mod in $MOD_LIVEPATCH1 $MOD_LIVEPATCH2; do
	loop_until "grep -q '^0$' $SYSFS_KLP_DIR/$mod/transition" ||
		die "failed to complete transition of $mod"
done
expect_version 2
disable_lp $MOD_LIVEPATCH2
disable_lp $MOD_LIVEPATCH1
expect_version 0
expect_nothing_left $MOD_TARGET $MOD_LIVEPATCH1 $MOD_LIVEPATCH2
unload_lp $MOD_LIVEPATCH2
unload_lp $MOD_LIVEPATCH1
echo "ok"


# - Hold a kthread in the original and force it into a livepatch.  The functions
#   must not jump: it may still be where the jump would be.
#
# - Enable another livepatch with the kthread still where it was, and disable it.
#   Have the kthread return in the middle of the next transition.
#
# - Disable the last one, and unload the module before its functions are let go of.
#   When it comes again, no kthread can be in there.  Its functions may jump.
#
# - No livepatch is pinned: the kthread was in none.  Unload them all.

start_test "livepatches after force"

hold 1
load_lp_nowait $MOD_LIVEPATCH1
echo 1 > "$SYSFS_KLP_DIR/$MOD_LIVEPATCH1/force"
loop_until "grep -q '^0$' $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/transition" ||
	die "failed to force"
# It had time enough to jump.
sleep 2
expect_no_jump $MOD_LIVEPATCH1
load_lp $MOD_LIVEPATCH2
expect_version 2
disable_lp $MOD_LIVEPATCH2
unload_lp $MOD_LIVEPATCH2
load_lp $MOD_LIVEPATCH3 replace=1
hold 0
expect_version 3
loop_until "[[ ! -e $SYSFS_KLP_DIR/$MOD_LIVEPATCH1 ]]" ||
	die "$MOD_LIVEPATCH1 was not replaced"
unload_lp $MOD_LIVEPATCH1
echo 0 > "$SYSFS_KLP_DIR/$MOD_LIVEPATCH3/enabled"
unload_mod $MOD_TARGET
wait_gone $MOD_LIVEPATCH3
load_mod $MOD_TARGET
load_lp $MOD_LIVEPATCH1
expect_jump $MOD_LIVEPATCH1
expect_version 1
disable_lp $MOD_LIVEPATCH1
expect_version 0
expect_nothing_left $MOD_TARGET $MOD_LIVEPATCH1
unload_lp $MOD_LIVEPATCH1
echo "ok"


# - Hold a kthread in the original, force it into a livepatch, and disable that.
#
# - Patch the function anew.  The kthread, which is still there, is waited for.
#   Force it again: the function does not jump.
#
# - Patch it once more, and let the kthread go.  The function jumps.

start_test "a function is patched anew after force"

# force(modname) - force a transition, and wait for its end
function force() {
	echo 1 > "$SYSFS_KLP_DIR/$1/force"
	loop_until "grep -q '^0$' $SYSFS_KLP_DIR/$1/transition" || die "failed to force"
}

# expect_straggler() - the kthread is waited for
function expect_straggler() {
	local stragglers="$SYSFS_KLP_DIR/$MOD_LIVEPATCH1/stragglers"
	local expected="test_klp_universe_check test_universe/0"

	loop_until "[[ \$(sed 's/^[0-9]* //' $stragglers) == '$expected' ]]" ||
		die "others are waited for: $(cat "$stragglers")"
}

hold 1
load_lp_nowait $MOD_LIVEPATCH1
force $MOD_LIVEPATCH1
disable_lp $MOD_LIVEPATCH1
unload_lp $MOD_LIVEPATCH1
load_lp_nowait $MOD_LIVEPATCH1
expect_straggler
force $MOD_LIVEPATCH1
# It had time enough to jump.
sleep 2
expect_no_jump $MOD_LIVEPATCH1
disable_lp $MOD_LIVEPATCH1
unload_lp $MOD_LIVEPATCH1
load_lp_nowait $MOD_LIVEPATCH1
expect_straggler
hold 0
loop_until "grep -q '^0$' $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/transition" ||
	die "failed to complete transition"
expect_jump $MOD_LIVEPATCH1
expect_version 1
disable_lp $MOD_LIVEPATCH1
expect_version 0
expect_nothing_left $MOD_TARGET $MOD_LIVEPATCH1
unload_lp $MOD_LIVEPATCH1
unload_mod $MOD_TARGET
echo "ok"

exit 0
