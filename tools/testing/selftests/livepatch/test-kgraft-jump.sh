#!/bin/bash
# SPDX-License-Identifier: GPL-2.0

. $(dirname $0)/functions.sh
. $(dirname $0)/functions-universe.sh

MOD_VMLINUX=test_klp_livepatch
MOD_KPROBE=test_klp_kprobe

FUNCTION=test_klp_universe_b
METHOD=/sys/module/livepatch/parameters/method
ATTACHED=$SYSFS_TRACING_DIR/enabled_functions
EVENTS=$SYSFS_TRACING_DIR/kprobe_events

# method(modname [, object, function]) - what takes the calls of a function
function method() {
	cat "$SYSFS_KLP_DIR/$1/${2:-$MOD_TARGET}/${3:-$FUNCTION},1/method"
}

# wait_method(method, modname [, object, function]) - wait until it is that
function wait_method() {
	loop_until "[[ \$(method $2 $3 $4) == $1 ]]" ||
		die "$2: method is $(method $2 $3 $4), expected $1"
}

# attached(function) - is somebody attached to it by ftrace?
function attached() {
	grep -q "^$1 " $ATTACHED
}

# site(function) - offset of the place where the jump goes in: behind ENDBR, if
#		   there is one, and what ftrace calls from
function site() {
	local offset

	# Where ftrace calls from is what a kprobe is moved to.
	echo "p:site $1" > $EVENTS
	offset=$(sed -n "s/^[0-9a-f]* *k *$1+0x\([0-9a-f]*\) .*/\1/p" \
		"$SYSFS_KPROBES_DIR/list")
	echo > $EVENTS
	echo $((0x${offset:-0} + 5))
}

# A kernel without the option has no such parameter.
[[ -e $METHOD ]] || skip "test-kgraft-jump requires CONFIG_LIVEPATCH_JUMP"

setup_config
load_mod $MOD_TARGET


# - Enable a livepatch while a kthread is held in the original.  Its functions do
#   not jump.
#
# - Let the kthread go.  They jump after a while, and ftrace lets go.
#
# - Disable it.  The original is back.

start_test "settle, and back to the original"

hold 1
load_lp_nowait $MOD_LIVEPATCH1
wait_version 1
[[ $(method $MOD_LIVEPATCH1) == ftrace ]] || die "$FUNCTION jumps too early"
attached $FUNCTION || die "$FUNCTION is not attached"
hold 0
wait_method jump $MOD_LIVEPATCH1
attached $FUNCTION && die "ftrace did not let go of $FUNCTION"
wait_version 1
expect_no_mix
disable_lp $MOD_LIVEPATCH1
wait_version 0
attached $FUNCTION && die "$FUNCTION is still attached"
unload_lp $MOD_LIVEPATCH1

check_result "% echo 1 > $PARAMS/hold
% insmod test_modules/$MOD_LIVEPATCH1.ko
livepatch: enabling patch '$MOD_LIVEPATCH1'
livepatch: '$MOD_LIVEPATCH1': initializing patching transition
livepatch: '$MOD_LIVEPATCH1': starting patching transition
% echo 0 > $PARAMS/hold
$MOD_TARGET: kthread 0 saw version 0
livepatch: '$MOD_LIVEPATCH1': completing patching transition
livepatch: '$MOD_LIVEPATCH1': patching complete
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled
livepatch: '$MOD_LIVEPATCH1': initializing unpatching transition
livepatch: '$MOD_LIVEPATCH1': starting unpatching transition
livepatch: '$MOD_LIVEPATCH1': completing unpatching transition
livepatch: '$MOD_LIVEPATCH1': unpatching complete
% rmmod $MOD_LIVEPATCH1"


# - Enable two livepatches for the same functions.  They jump to the second one.
#
# - Disable the first one, which changes nothing.
#
# - Replace by a third one, then disable that.

start_test "jump somewhere else"

load_lp $MOD_LIVEPATCH1
wait_method jump $MOD_LIVEPATCH1
load_lp $MOD_LIVEPATCH2
wait_version 2
wait_method jump $MOD_LIVEPATCH2
wait_version 2
disable_lp $MOD_LIVEPATCH1
unload_lp $MOD_LIVEPATCH1
wait_version 2
wait_method jump $MOD_LIVEPATCH2
load_lp $MOD_LIVEPATCH3 replace=1
wait_version 3
wait_gone $MOD_LIVEPATCH2
wait_method jump $MOD_LIVEPATCH3
attached $FUNCTION && die "ftrace did not let go of $FUNCTION"
wait_version 3
disable_lp $MOD_LIVEPATCH3
unload_lp $MOD_LIVEPATCH3
wait_version 0

check_result "% insmod test_modules/$MOD_LIVEPATCH1.ko
livepatch: enabling patch '$MOD_LIVEPATCH1'
livepatch: '$MOD_LIVEPATCH1': initializing patching transition
livepatch: '$MOD_LIVEPATCH1': starting patching transition
livepatch: '$MOD_LIVEPATCH1': completing patching transition
livepatch: '$MOD_LIVEPATCH1': patching complete
% insmod test_modules/$MOD_LIVEPATCH2.ko
livepatch: enabling patch '$MOD_LIVEPATCH2'
livepatch: '$MOD_LIVEPATCH2': initializing patching transition
livepatch: '$MOD_LIVEPATCH2': starting patching transition
livepatch: '$MOD_LIVEPATCH2': completing patching transition
livepatch: '$MOD_LIVEPATCH2': patching complete
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled
livepatch: '$MOD_LIVEPATCH1': initializing unpatching transition
livepatch: '$MOD_LIVEPATCH1': starting unpatching transition
livepatch: '$MOD_LIVEPATCH1': completing unpatching transition
livepatch: '$MOD_LIVEPATCH1': unpatching complete
% rmmod $MOD_LIVEPATCH1
% insmod test_modules/$MOD_LIVEPATCH3.ko replace=1
livepatch: enabling patch '$MOD_LIVEPATCH3'
livepatch: '$MOD_LIVEPATCH3': initializing patching transition
livepatch: '$MOD_LIVEPATCH3': starting patching transition
livepatch: '$MOD_LIVEPATCH3': completing patching transition
livepatch: '$MOD_LIVEPATCH3': patching complete
% rmmod $MOD_LIVEPATCH2
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH3/enabled
livepatch: '$MOD_LIVEPATCH3': initializing unpatching transition
livepatch: '$MOD_LIVEPATCH3': starting unpatching transition
livepatch: '$MOD_LIVEPATCH3': completing unpatching transition
livepatch: '$MOD_LIVEPATCH3': unpatching complete
% rmmod $MOD_LIVEPATCH3"


# - Trace a function that jumps, and probe its entry.  Both are hit, and the new
#   function is called.
#
# - A kprobe where the jump is, is refused.  One that is there first keeps the
#   function with ftrace.

start_test "tracers and probes"

load_lp $MOD_LIVEPATCH1
wait_method jump $MOD_LIVEPATCH1

trace_function $FUNCTION
echo "p:entry $FUNCTION" > $EVENTS
echo 1 > "$SYSFS_TRACING_DIR/events/kprobes/entry/enable"
wait_version 1
expect_no_mix
grep -q ": $FUNCTION <-" "$SYSFS_TRACING_DIR/trace" ||
	die "the function tracer does not see $FUNCTION"
grep -q " entry: ($FUNCTION" "$SYSFS_TRACING_DIR/trace" ||
	die "the kprobe is not hit"
echo 0 > "$SYSFS_TRACING_DIR/events/kprobes/entry/enable"
echo > $EVENTS
cleanup_tracing
wait_version 1
expect_no_mix

site=$(site $FUNCTION)
{ echo "p:inside $FUNCTION+$site" > $EVENTS; } 2> /dev/null &&
	die "a kprobe where the jump is, is not refused"
wait_version 1
disable_lp $MOD_LIVEPATCH1
unload_lp $MOD_LIVEPATCH1

echo "p:inside $FUNCTION+$site" > $EVENTS
echo 1 > "$SYSFS_TRACING_DIR/events/kprobes/inside/enable"
load_lp $MOD_LIVEPATCH2
# It had time enough to jump.
sleep 3
[[ $(method $MOD_LIVEPATCH2) == ftrace ]] || die "$FUNCTION jumps, in spite of a kprobe"
wait_method jump $MOD_LIVEPATCH2 $MOD_TARGET test_klp_universe_a
wait_version 2
disable_lp $MOD_LIVEPATCH2
unload_lp $MOD_LIVEPATCH2
wait_version 0
echo 0 > "$SYSFS_TRACING_DIR/events/kprobes/inside/enable"
echo > $EVENTS
wait_version 0

check_result "% insmod test_modules/$MOD_LIVEPATCH1.ko
livepatch: enabling patch '$MOD_LIVEPATCH1'
livepatch: '$MOD_LIVEPATCH1': initializing patching transition
livepatch: '$MOD_LIVEPATCH1': starting patching transition
livepatch: '$MOD_LIVEPATCH1': completing patching transition
livepatch: '$MOD_LIVEPATCH1': patching complete
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled
livepatch: '$MOD_LIVEPATCH1': initializing unpatching transition
livepatch: '$MOD_LIVEPATCH1': starting unpatching transition
livepatch: '$MOD_LIVEPATCH1': completing unpatching transition
livepatch: '$MOD_LIVEPATCH1': unpatching complete
% rmmod $MOD_LIVEPATCH1
% insmod test_modules/$MOD_LIVEPATCH2.ko
livepatch: enabling patch '$MOD_LIVEPATCH2'
livepatch: '$MOD_LIVEPATCH2': initializing patching transition
livepatch: '$MOD_LIVEPATCH2': starting patching transition
livepatch: '$MOD_LIVEPATCH2': completing patching transition
livepatch: '$MOD_LIVEPATCH2': patching complete
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH2/enabled
livepatch: '$MOD_LIVEPATCH2': initializing unpatching transition
livepatch: '$MOD_LIVEPATCH2': starting unpatching transition
livepatch: '$MOD_LIVEPATCH2': completing unpatching transition
livepatch: '$MOD_LIVEPATCH2': unpatching complete
% rmmod $MOD_LIVEPATCH2"


# - Attach a kprobe with a post_handler, which wants to change the instruction
#   pointer as livepatch does, to a function that jumps.
#
# - Without breakpoints, disabling the livepatch needs ftrace, and is refused until
#   the kprobe is gone.

start_test "somebody else holds a function that jumps"

load_lp $MOD_VMLINUX
wait_method jump $MOD_VMLINUX vmlinux cmdline_proc_show
load_mod $MOD_KPROBE has_post_handler=y
grep -q "live patched" /proc/cmdline || die "the livepatch is not seen"
echo ftrace > $METHOD
log "% echo 0 > $SYSFS_KLP_DIR/$MOD_VMLINUX/enabled"
{ echo 0 > "$SYSFS_KLP_DIR/$MOD_VMLINUX/enabled"; } 2> /dev/null &&
	die "disabling is not refused"
wait_method jump $MOD_VMLINUX vmlinux cmdline_proc_show
check_sysfs_value $MOD_VMLINUX enabled 1
check_sysfs_value $MOD_VMLINUX transition 0
grep -q "live patched" /proc/cmdline || die "the livepatch is not seen any more"
echo auto > $METHOD
unload_mod $MOD_KPROBE
disable_lp $MOD_VMLINUX
unload_lp $MOD_VMLINUX
grep -q "live patched" /proc/cmdline && die "the livepatch is still seen"

check_result "% insmod test_modules/$MOD_VMLINUX.ko
livepatch: enabling patch '$MOD_VMLINUX'
livepatch: '$MOD_VMLINUX': initializing patching transition
livepatch: '$MOD_VMLINUX': starting patching transition
livepatch: '$MOD_VMLINUX': completing patching transition
livepatch: '$MOD_VMLINUX': patching complete
% insmod test_modules/$MOD_KPROBE.ko has_post_handler=y
% echo 0 > $SYSFS_KLP_DIR/$MOD_VMLINUX/enabled
livepatch: failed to register ftrace handler for function 'cmdline_proc_show' (-16)
% rmmod $MOD_KPROBE
% echo 0 > $SYSFS_KLP_DIR/$MOD_VMLINUX/enabled
livepatch: '$MOD_VMLINUX': initializing unpatching transition
livepatch: '$MOD_VMLINUX': starting unpatching transition
livepatch: '$MOD_VMLINUX': completing unpatching transition
livepatch: '$MOD_VMLINUX': unpatching complete
% rmmod $MOD_VMLINUX"


# - Unload and load a module with functions that jump.

start_test "a module with jumps comes and goes"

load_lp $MOD_LIVEPATCH1
wait_method jump $MOD_LIVEPATCH1
unload_mod $MOD_TARGET
[[ $(method $MOD_LIVEPATCH1) == none ]] || die "a function jumps that is gone"
load_mod $MOD_TARGET
wait_version 1
wait_method jump $MOD_LIVEPATCH1
wait_version 1
disable_lp $MOD_LIVEPATCH1
unload_lp $MOD_LIVEPATCH1
wait_version 0

check_result "% insmod test_modules/$MOD_LIVEPATCH1.ko
livepatch: enabling patch '$MOD_LIVEPATCH1'
livepatch: '$MOD_LIVEPATCH1': initializing patching transition
livepatch: '$MOD_LIVEPATCH1': starting patching transition
livepatch: '$MOD_LIVEPATCH1': completing patching transition
livepatch: '$MOD_LIVEPATCH1': patching complete
% rmmod $MOD_TARGET
livepatch: reverting patch '$MOD_LIVEPATCH1' on unloading module '$MOD_TARGET'
% insmod test_modules/$MOD_TARGET.ko
livepatch: applying patch '$MOD_LIVEPATCH1' to loading module '$MOD_TARGET'
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled
livepatch: '$MOD_LIVEPATCH1': initializing unpatching transition
livepatch: '$MOD_LIVEPATCH1': starting unpatching transition
livepatch: '$MOD_LIVEPATCH1': completing unpatching transition
livepatch: '$MOD_LIVEPATCH1': unpatching complete
% rmmod $MOD_LIVEPATCH1"


# - Call the functions all the time, while they are patched, jump, jump
#   elsewhere and are restored.  One invocation never sees two versions.

start_test "jumps come and go under load"

for cpu in 1 2 3; do
	while [[ -e $SYSFS_KLP_DIR ]]; do cat $PARAMS/check; done > /dev/null &
	LOAD+=" $!"
done
for round in 1 2 3; do
	load_lp $MOD_LIVEPATCH1
	wait_method jump $MOD_LIVEPATCH1
	load_lp $MOD_LIVEPATCH2
	wait_method jump $MOD_LIVEPATCH2
	disable_lp $MOD_LIVEPATCH2
	wait_version 1
	# Before it could settle, or after
	[[ $round -eq 2 ]] || wait_method jump $MOD_LIVEPATCH1
	disable_lp $MOD_LIVEPATCH1
	wait_version 0
	rmmod $MOD_LIVEPATCH1 $MOD_LIVEPATCH2
done
kill $LOAD
wait $LOAD 2> /dev/null
expect_no_mix

unload_mod $MOD_TARGET

one_round="% insmod test_modules/$MOD_LIVEPATCH1.ko
livepatch: enabling patch '$MOD_LIVEPATCH1'
livepatch: '$MOD_LIVEPATCH1': initializing patching transition
livepatch: '$MOD_LIVEPATCH1': starting patching transition
livepatch: '$MOD_LIVEPATCH1': completing patching transition
livepatch: '$MOD_LIVEPATCH1': patching complete
% insmod test_modules/$MOD_LIVEPATCH2.ko
livepatch: enabling patch '$MOD_LIVEPATCH2'
livepatch: '$MOD_LIVEPATCH2': initializing patching transition
livepatch: '$MOD_LIVEPATCH2': starting patching transition
livepatch: '$MOD_LIVEPATCH2': completing patching transition
livepatch: '$MOD_LIVEPATCH2': patching complete
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH2/enabled
livepatch: '$MOD_LIVEPATCH2': initializing unpatching transition
livepatch: '$MOD_LIVEPATCH2': starting unpatching transition
livepatch: '$MOD_LIVEPATCH2': completing unpatching transition
livepatch: '$MOD_LIVEPATCH2': unpatching complete
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled
livepatch: '$MOD_LIVEPATCH1': initializing unpatching transition
livepatch: '$MOD_LIVEPATCH1': starting unpatching transition
livepatch: '$MOD_LIVEPATCH1': completing unpatching transition
livepatch: '$MOD_LIVEPATCH1': unpatching complete"

check_result "$one_round
$one_round
$one_round
% rmmod $MOD_TARGET"

exit 0
