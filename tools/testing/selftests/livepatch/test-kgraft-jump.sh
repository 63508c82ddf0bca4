#!/bin/bash
# SPDX-License-Identifier: GPL-2.0

. $(dirname $0)/functions.sh
. $(dirname $0)/functions-universe.sh

MOD_VMLINUX=test_klp_livepatch
MOD_KPROBE=test_klp_kprobe
MOD_DIRECT=test_klp_direct
MOD_HOG=test_klp_hog
MOD_INJECT=test_klp_inject
MOD_INJECT_PATCH=test_klp_inject_patch
MOD_INJECT_FORCED=test_klp_inject_forced

FUNCTION=test_klp_universe_b
METHOD=/sys/module/livepatch/parameters/method
ATTACHED=$SYSFS_TRACING_DIR/enabled_functions
EVENTS=$SYSFS_TRACING_DIR/kprobe_events
DYNAMIC_EVENTS=$SYSFS_TRACING_DIR/dynamic_events
INJECT=/sys/kernel/debug/fail_function
TRACE=$SYSFS_TRACING_DIR/trace
METHOD_EVENT=$SYSFS_TRACING_DIR/events/livepatch/klp_method_changed/enable
STAY=/sys/module/$MOD_DIRECT/parameters/stay
LINGER=/sys/module/$MOD_INJECT/parameters/linger

# attached(function) - is somebody attached to it by ftrace?
function attached() {
	grep -q "^$1 " $ATTACHED
}

# holders(function) - how many are attached to it by ftrace?
function holders() {
	sed -n "s/^$1 .*(\([0-9]*\)).*/\1/p" $ATTACHED
}

# check_methods(modname, method...) - check that trace events have told of these
#				     methods of $FUNCTION, from the first one on
function check_methods() {
	local line="patch=$1 function=$FUNCTION from"
	local from="$2"
	local expected to

	echo 0 > "$METHOD_EVENT"
	shift 2
	for to; do
		expected+="$line=$from to=$to"$'\n'
		from=$to
	done
	[[ "$(grep -o "$line=.*" "$TRACE")"$'\n' == "$expected" ]] ||
		die "expected events: $expected, seen: $(grep -o "klp_method.*" "$TRACE")"
}

# stop_tracing() - stop to trace.  The filter goes last: without one, all functions
#		   are traced.
function stop_tracing() {
	echo nop > "$SYSFS_TRACING_DIR/current_tracer"
	cleanup_tracing
}

# start_tracing(tracer) - trace $FUNCTION, and no other function on the way
function start_tracing() {
	stop_tracing
	echo "$FUNCTION" > "$SYSFS_TRACING_DIR/set_ftrace_filter"
	echo "$1" > "$SYSFS_TRACING_DIR/current_tracer"
	echo 1 > "$SYSFS_TRACING_DIR/tracing_on"
}

# probe(tracer) - attach the tracer, and probes that are called where it is: at the
#		  entry, or when the function returns
function probe() {
	if [[ $1 == function ]]; then
		echo "p:kselftest/kprobe $FUNCTION" >> $DYNAMIC_EVENTS
	else
		echo "r:kselftest/kretprobe $FUNCTION ret=\$retval:s32" >> $DYNAMIC_EVENTS
		echo "f:kselftest/fprobe $FUNCTION%return ret=\$retval:s32" >> $DYNAMIC_EVENTS
	fi
	echo 1 > "$SYSFS_TRACING_DIR/events/kselftest/enable"
	start_tracing $1
}

# probe_no_more() - detach all that
function probe_no_more() {
	stop_tracing
	echo 0 > "$SYSFS_TRACING_DIR/events/kselftest/enable"
	echo "-:kselftest/" >> $DYNAMIC_EVENTS
}

# check_probes(tracer, version) - check that they are all hit, and what those see that
#				  see a result.  Kthreads that are held see something
#				  else.
function check_probes() {
	local probe

	wait_version $2
	echo > "$TRACE"
	expect_no_mix
	if [[ $1 == function ]]; then
		grep -q ": $FUNCTION <-" "$TRACE" ||
			die "the function tracer does not see $FUNCTION"
		grep -q " kprobe: ($FUNCTION" "$TRACE" || die "the kprobe is not hit"
		return
	fi
	grep -q " $FUNCTION .*()" "$TRACE" || die "the graph tracer does not see $FUNCTION"
	for probe in kretprobe fprobe; do
		grep -q "$probe: .* ret=$2\>" "$TRACE" ||
			die "the $probe does not see version $2"
		[[ $(cat $PARAMS/held) -ne 0 ]] ||
			! grep "$probe: " "$TRACE" | grep -qv " ret=$2\>" ||
			die "the $probe sees another version than $2"
	done
}

# check_direct(version) - check that the direct caller is used, and what it sees
function check_direct() {
	local result=/sys/module/$MOD_DIRECT/parameters/result
	local version

	# Reading it starts anew.
	cat $result > /dev/null
	expect_no_mix
	version=$(cat $result)
	[[ $version == $1 ]] ||
		die "the direct caller sees version $version, expected $1"
}

# start_lines(modname [, parameter ...]) - lines of a livepatch that is loaded, and
#					    stays in transition
function start_lines() {
	load_lines "$@" | head -n 4
}

# end_lines(modname, verb) - lines of the end of the transition
function end_lines() {
	transition $1 $2 | tail -n 2
}

# start_disabling(modname) - disable a livepatch, do not wait
function start_disabling() {
	log "% echo 0 > $SYSFS_KLP_DIR/$1/enabled"
	echo 0 > "$SYSFS_KLP_DIR/$1/enabled"
}

# start_disabling_lines(modname) - lines of that
function start_disabling_lines() {
	unload_lines $1 | head -n 3
}

# set_disabled(modname) - disable a livepatch, and wait for the end of the transition
function set_disabled() {
	start_disabling $1
	loop_until "grep -qs '^0$' $SYSFS_KLP_DIR/$1/transition" ||
		die "failed to complete the transition of $1"
}

# A kernel without the option has no such parameter.
[[ -e $METHOD ]] || skip "test-kgraft-jump requires CONFIG_LIVEPATCH_JUMP"

# clean_up() - leave nothing that other tests would notice
function clean_up() {
	[[ -z "$LOAD" ]] || kill $LOAD
	[[ ! -e $STAY ]] || echo 0 > $STAY
	[[ ! -e $LINGER ]] || echo 0 > $LINGER
	rmmod $MOD_HOG 2> /dev/null
	[[ ! -d $SYSFS_TRACING_DIR/events/kselftest ]] || probe_no_more
	[[ ! -e $INJECT/inject ]] || echo > $INJECT/inject
	echo auto > $METHOD
	cleanup
}

LOAD=
setup_config
trap clean_up EXIT INT TERM HUP
load_mod $MOD_TARGET


# - Enable a livepatch while a kthread is held in the original.  Its functions do
#   not jump.
#
# - Let the kthread go.  They jump after a while, and ftrace lets go.
#
# - Disable it.  The original is back.
#
# - Trace events have told of all that.

start_test "settle, and back to the original"

text=$(cat $PARAMS/text)
echo > "$TRACE"
echo 1 > "$METHOD_EVENT"
hold 1
load_lp_nowait $MOD_LIVEPATCH1
wait_version 1
[[ $(method $MOD_LIVEPATCH1) == ftrace ]] || die "$FUNCTION jumps too early"
# A call, and what follows is as before.
expect_text "e8 *"
attached $FUNCTION || die "$FUNCTION is not attached"
hold 0
wait_method jump $MOD_LIVEPATCH1
attached $FUNCTION && die "ftrace did not let go of $FUNCTION"
# The NOP of ftrace is back.  Behind it there is a jump.
expect_text "e9 *"
wait_version 1
expect_no_mix
disable_lp $MOD_LIVEPATCH1
wait_version 0
attached $FUNCTION && die "$FUNCTION is still attached"
expect_text ""
unload_lp $MOD_LIVEPATCH1
check_methods $MOD_LIVEPATCH1 none ftrace jump ftrace none

check_result "% echo 1 > $PARAMS/hold
% insmod test_modules/$MOD_LIVEPATCH1.ko
livepatch: enabling patch '$MOD_LIVEPATCH1'
livepatch: '$MOD_LIVEPATCH1': initializing patching transition
livepatch: '$MOD_LIVEPATCH1': starting patching transition
% echo 0 > $PARAMS/hold
$MOD_TARGET: kthread 0 saw version 0
livepatch: '$MOD_LIVEPATCH1': completing patching transition
livepatch: '$MOD_LIVEPATCH1': patching complete
$(unload_lines $MOD_LIVEPATCH1)"


# - Enable two livepatches for the same functions.  They jump to the second one.
#
# - Disable the first one, which changes nothing.
#
# - Replace by a third one, then disable that.

start_test "jump somewhere else"

load_lp $MOD_LIVEPATCH1
wait_method jump $MOD_LIVEPATCH1
echo > "$TRACE"
echo 1 > "$METHOD_EVENT"
load_lp $MOD_LIVEPATCH2
wait_version 2
wait_method jump $MOD_LIVEPATCH2
check_methods $MOD_LIVEPATCH2 none ftrace jump
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

check_result "$(load_lines $MOD_LIVEPATCH1)
$(load_lines $MOD_LIVEPATCH2)
$(unload_lines $MOD_LIVEPATCH1)
$(load_lines $MOD_LIVEPATCH3 replace=1)
% rmmod $MOD_LIVEPATCH2
$(unload_lines $MOD_LIVEPATCH3)"


# - Trace a function that jumps, and probe its entry.  Both are hit, and the new
#   function is called.
#
# - A kprobe where the jump is, is refused.  One that is there first keeps the
#   function with ftrace, be it enabled or not, or disarmed with all others.
#
# - Elsewhere in the function, kprobes are accepted where they had been before, and
#   nowhere else: at the beginning of an instruction.

start_test "tracers and probes"

# probes(function, from, to) - where in a function can there be kprobes?
function probes() {
	local i

	for ((i = $2; i <= $3; i++)); do
		{ echo "p:at $1+$i" > $EVENTS; } 2> /dev/null && echo $1+$i
	done
	echo > $EVENTS
}

site=$(site $FUNCTION)
check_site=$(site test_klp_universe_check)
places="$(probes $FUNCTION $((site + 5)) $((site + 11))
probes test_klp_universe_check $((check_site + 5)) $((check_site + 40)))"
[[ $(wc -l <<< "$places") -gt 5 ]] || die "there is no place for kprobes"
load_lp $MOD_LIVEPATCH1
wait_method jump $MOD_LIVEPATCH1

start_tracing function
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
stop_tracing
wait_version 1
expect_no_mix

[[ $(method $MOD_LIVEPATCH1 test_klp_universe_check) == jump ]] ||
	die "test_klp_universe_check() does not jump"
[[ "$(probes $FUNCTION $site $((site + 11))
probes test_klp_universe_check $check_site $((check_site + 40)))" == "$places" ]] ||
	die "places for kprobes are not those of the original"
wait_version 1
disable_lp $MOD_LIVEPATCH1
unload_lp $MOD_LIVEPATCH1

for state in enabled disabled disarmed; do
	echo "p:inside $FUNCTION+$site" > $EVENTS
	[[ $state == disabled ]] ||
		echo 1 > "$SYSFS_TRACING_DIR/events/kprobes/inside/enable"
	[[ $state != disarmed ]] || echo 0 > "$SYSFS_KPROBES_DIR/enabled"
	load_lp $MOD_LIVEPATCH2
	# It had time enough to jump.
	sleep 3
	[[ $(method $MOD_LIVEPATCH2) == ftrace ]] ||
		die "$FUNCTION jumps, in spite of a kprobe that is $state"
	wait_method jump $MOD_LIVEPATCH2 test_klp_universe_a
	echo 1 > "$SYSFS_KPROBES_DIR/enabled"
	wait_version 2
	expect_no_mix
	disable_lp $MOD_LIVEPATCH2
	unload_lp $MOD_LIVEPATCH2
	wait_version 0
	echo 0 > "$SYSFS_TRACING_DIR/events/kprobes/inside/enable"
	echo > $EVENTS
	wait_version 0
done

one_state="$(load_lines $MOD_LIVEPATCH2)
$(unload_lines $MOD_LIVEPATCH2)"
check_result "$(load_lines $MOD_LIVEPATCH1)
$(unload_lines $MOD_LIVEPATCH1)
$one_state
$one_state
$one_state"


# - Attach tracers and probes to a function that jumps, and detach them.  They are
#   hit, and those that look at the way back see the result of the new function.
#
# - Have them attached all the time, while a livepatch is enabled, jumps, is replaced,
#   jumps again, and is disabled, until that transition has begun.
#
# - Attach them in a transition, when ftrace takes the calls, and have them stay
#   when the function jumps.  The same when the livepatch is disabled, until its
#   original is back.

start_test "tracers and probes before, in and after a transition"

for tracer in function function_graph; do
	load_lp $MOD_LIVEPATCH1
	wait_method jump $MOD_LIVEPATCH1
	probe $tracer
	check_probes $tracer 1
	probe_no_more
	attached $FUNCTION && die "$FUNCTION is still attached"
	wait_version 1
	expect_no_mix
	[[ $(method $MOD_LIVEPATCH1) == jump ]] || die "$FUNCTION does not jump any more"
	disable_lp $MOD_LIVEPATCH1
	unload_lp $MOD_LIVEPATCH1

	probe $tracer
	check_probes $tracer 0
	hold 1
	load_lp_nowait $MOD_LIVEPATCH2
	wait_version 2
	check_probes $tracer 2
	hold 0
	wait_method jump $MOD_LIVEPATCH2
	check_probes $tracer 2
	hold 1
	load_lp_nowait $MOD_LIVEPATCH3 replace=1
	wait_version 3
	check_probes $tracer 3
	hold 0
	wait_gone $MOD_LIVEPATCH2
	wait_method jump $MOD_LIVEPATCH3
	check_probes $tracer 3
	hold 1
	start_disabling $MOD_LIVEPATCH3
	check_probes $tracer 0
	probe_no_more
	# Livepatch is.
	[[ $(holders $FUNCTION) -eq 1 ]] || die "tracers or probes are still attached"
	wait_version 0
	expect_no_mix
	hold 0
	wait_gone $MOD_LIVEPATCH3

	hold 1
	load_lp_nowait $MOD_LIVEPATCH1
	wait_version 1
	probe $tracer
	[[ $(method $MOD_LIVEPATCH1) == ftrace ]] || die "$FUNCTION jumps too early"
	check_probes $tracer 1
	hold 0
	wait_method jump $MOD_LIVEPATCH1
	check_probes $tracer 1
	probe_no_more
	attached $FUNCTION && die "$FUNCTION is still attached"
	hold 1
	start_disabling $MOD_LIVEPATCH1
	wait_version 0
	probe $tracer
	[[ $(method $MOD_LIVEPATCH1) == ftrace ]] || die "ftrace does not take $FUNCTION"
	check_probes $tracer 0
	hold 0
	wait_gone $MOD_LIVEPATCH1
	check_probes $tracer 0
	probe_no_more
	attached $FUNCTION && die "$FUNCTION is still attached"
	wait_version 0
	expect_no_mix
done

# held_on(version, modname [, parameter ...]) - lines of a livepatch that is enabled
#						while a kthread is held in a version
function held_on() {
	echo "% echo 1 > $PARAMS/hold
$(start_lines "${@:2}")
% echo 0 > $PARAMS/hold
$MOD_TARGET: kthread 0 saw version $1
$(end_lines $2 patching)"
}

# held_off(version, modname) - lines of one that is disabled
function held_off() {
	echo "% echo 1 > $PARAMS/hold
$(start_disabling_lines $2)
% echo 0 > $PARAMS/hold
$MOD_TARGET: kthread 0 saw version $1
$(end_lines $2 unpatching)
% rmmod $2"
}

one_round="$(load_lines $MOD_LIVEPATCH1)
$(unload_lines $MOD_LIVEPATCH1)
$(held_on 0 $MOD_LIVEPATCH2)
$(held_on 2 $MOD_LIVEPATCH3 replace=1)
% rmmod $MOD_LIVEPATCH2
$(held_off 3 $MOD_LIVEPATCH3)
$(held_on 0 $MOD_LIVEPATCH1)
$(held_off 1 $MOD_LIVEPATCH1)"

check_result "$one_round
$one_round"


# A direct caller has the place of ftrace's trampoline for itself, and calls the
# function where that would return to: at the site.  BPF programs that look at the
# result do that.
#
# - Have one attached, which cannot be used together with others that change
#   where a function goes.  By ftrace alone, a livepatch is refused.  One function
#   after the other would be taken, so what is named is their module.
#
# - In transition, it is refused itself.
#
# - After that, it can be attached, and gets to the new function, by the jump.  As
#   long as it is there, the livepatch cannot be disabled by ftrace alone.

start_test "a direct caller"

load_mod $MOD_DIRECT
check_direct 0
echo ftrace > $METHOD
load_failing_mod $MOD_LIVEPATCH1
echo auto > $METHOD
check_direct 0
unload_mod $MOD_DIRECT
hold 1
load_lp_nowait $MOD_LIVEPATCH1
wait_version 1
load_failing_mod $MOD_DIRECT
hold 0
wait_method jump $MOD_LIVEPATCH1
load_mod $MOD_DIRECT
check_direct 1
echo ftrace > $METHOD
log "% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled"
{ echo 0 > "$SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled"; } 2> /dev/null &&
	die "disabling is not refused"
echo auto > $METHOD
wait_method jump $MOD_LIVEPATCH1
check_direct 1
unload_mod $MOD_DIRECT
wait_version 1
disable_lp $MOD_LIVEPATCH1
unload_lp $MOD_LIVEPATCH1
wait_version 0
expect_no_mix

check_result "% insmod test_modules/$MOD_DIRECT.ko
% insmod test_modules/$MOD_LIVEPATCH1.ko
livepatch: enabling patch '$MOD_LIVEPATCH1'
livepatch: '$MOD_LIVEPATCH1': initializing patching transition
livepatch: failed to register ftrace handler for function '$FUNCTION' (-16)
livepatch: failed to patch object '$MOD_TARGET'
livepatch: failed to enable patch '$MOD_LIVEPATCH1'
livepatch: '$MOD_LIVEPATCH1': canceling patching transition, going to unpatch
livepatch: '$MOD_LIVEPATCH1': completing unpatching transition
livepatch: '$MOD_LIVEPATCH1': unpatching complete
insmod: ERROR: could not insert module test_modules/$MOD_LIVEPATCH1.ko: Device or resource busy
% rmmod $MOD_DIRECT
% echo 1 > $PARAMS/hold
% insmod test_modules/$MOD_LIVEPATCH1.ko
livepatch: enabling patch '$MOD_LIVEPATCH1'
livepatch: '$MOD_LIVEPATCH1': initializing patching transition
livepatch: '$MOD_LIVEPATCH1': starting patching transition
% insmod test_modules/$MOD_DIRECT.ko
insmod: ERROR: could not insert module test_modules/$MOD_DIRECT.ko: Device or resource busy
% echo 0 > $PARAMS/hold
$MOD_TARGET: kthread 0 saw version 0
livepatch: '$MOD_LIVEPATCH1': completing patching transition
livepatch: '$MOD_LIVEPATCH1': patching complete
% insmod test_modules/$MOD_DIRECT.ko
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled
livepatch: failed to register ftrace handler for function '$FUNCTION' (-16)
% rmmod $MOD_DIRECT
$(unload_lines $MOD_LIVEPATCH1)"


# - Have it attached all the time.  A breakpoint is what it gets to, in transition,
#   and what others get to.  If there is a kprobe, though, there can be none.

start_test "a direct caller, and breakpoints"

site=$(site $FUNCTION)
load_mod $MOD_DIRECT
echo "p:inside $FUNCTION+$site" > $EVENTS
load_failing_mod $MOD_LIVEPATCH1
echo > $EVENTS
wait_version 0
hold 1
load_lp_nowait $MOD_LIVEPATCH1
wait_version 1
[[ $(method $MOD_LIVEPATCH1) == int3 ]] || die "$FUNCTION has no breakpoint"
check_direct 1
hold 0
wait_method jump $MOD_LIVEPATCH1
check_direct 1
hold 1
log "% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled"
echo 0 > "$SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled"
wait_version 0
[[ $(method $MOD_LIVEPATCH1) == int3 ]] || die "$FUNCTION has no breakpoint"
check_direct 0
hold 0
loop_until "[[ ! -e $SYSFS_KLP_DIR/$MOD_LIVEPATCH1 ]]" ||
	die "failed to disable livepatch $MOD_LIVEPATCH1"
unload_lp $MOD_LIVEPATCH1
check_direct 0
unload_mod $MOD_DIRECT

check_result "% insmod test_modules/$MOD_DIRECT.ko
% insmod test_modules/$MOD_LIVEPATCH1.ko
livepatch: enabling patch '$MOD_LIVEPATCH1'
livepatch: '$MOD_LIVEPATCH1': initializing patching transition
livepatch: function '$FUNCTION' is somebody else's in ftrace, \
and cannot have a breakpoint: static branch, static call or kprobe
livepatch: failed to patch object '$MOD_TARGET'
livepatch: failed to enable patch '$MOD_LIVEPATCH1'
livepatch: '$MOD_LIVEPATCH1': canceling patching transition, going to unpatch
livepatch: '$MOD_LIVEPATCH1': completing unpatching transition
livepatch: '$MOD_LIVEPATCH1': unpatching complete
insmod: ERROR: could not insert module test_modules/$MOD_LIVEPATCH1.ko: Device or resource busy
% echo 1 > $PARAMS/hold
% insmod test_modules/$MOD_LIVEPATCH1.ko
livepatch: enabling patch '$MOD_LIVEPATCH1'
livepatch: '$MOD_LIVEPATCH1': initializing patching transition
livepatch: '$MOD_LIVEPATCH1': starting patching transition
% echo 0 > $PARAMS/hold
$MOD_TARGET: kthread 0 saw version 0
livepatch: '$MOD_LIVEPATCH1': completing patching transition
livepatch: '$MOD_LIVEPATCH1': patching complete
% echo 1 > $PARAMS/hold
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled
livepatch: '$MOD_LIVEPATCH1': initializing unpatching transition
livepatch: '$MOD_LIVEPATCH1': starting unpatching transition
% echo 0 > $PARAMS/hold
$MOD_TARGET: kthread 0 saw version 1
livepatch: '$MOD_LIVEPATCH1': completing unpatching transition
livepatch: '$MOD_LIVEPATCH1': unpatching complete
% rmmod $MOD_LIVEPATCH1
% rmmod $MOD_DIRECT"


# - Have a direct caller attached all the time, which calls where ftrace tells it
#   to, as long as there is a livepatch.  It always gets to what others get to.
#
# - Attach it in transition, and detach it when the functions jump.

start_test "a direct caller that shares a function"

load_mod $MOD_DIRECT share=1
check_direct 0
hold 1
load_lp_nowait $MOD_LIVEPATCH1
wait_version 1
check_direct 1
hold 0
wait_method jump $MOD_LIVEPATCH1
check_direct 1
disable_lp $MOD_LIVEPATCH1
wait_version 0
check_direct 0
unload_lp $MOD_LIVEPATCH1
check_direct 0
unload_mod $MOD_DIRECT

hold 1
load_lp_nowait $MOD_LIVEPATCH2
wait_version 2
load_mod $MOD_DIRECT share=1
check_direct 2
hold 0
wait_method jump $MOD_LIVEPATCH2
check_direct 2
unload_mod $MOD_DIRECT
wait_version 2
expect_no_mix
disable_lp $MOD_LIVEPATCH2
unload_lp $MOD_LIVEPATCH2
wait_version 0
expect_no_mix

check_result "% insmod test_modules/$MOD_DIRECT.ko share=1
% echo 1 > $PARAMS/hold
% insmod test_modules/$MOD_LIVEPATCH1.ko
livepatch: enabling patch '$MOD_LIVEPATCH1'
livepatch: '$MOD_LIVEPATCH1': initializing patching transition
livepatch: '$MOD_LIVEPATCH1': starting patching transition
% echo 0 > $PARAMS/hold
$MOD_TARGET: kthread 0 saw version 0
livepatch: '$MOD_LIVEPATCH1': completing patching transition
livepatch: '$MOD_LIVEPATCH1': patching complete
$(unload_lines $MOD_LIVEPATCH1)
% rmmod $MOD_DIRECT
% echo 1 > $PARAMS/hold
% insmod test_modules/$MOD_LIVEPATCH2.ko
livepatch: enabling patch '$MOD_LIVEPATCH2'
livepatch: '$MOD_LIVEPATCH2': initializing patching transition
livepatch: '$MOD_LIVEPATCH2': starting patching transition
% insmod test_modules/$MOD_DIRECT.ko share=1
% echo 0 > $PARAMS/hold
$MOD_TARGET: kthread 0 saw version 0
livepatch: '$MOD_LIVEPATCH2': completing patching transition
livepatch: '$MOD_LIVEPATCH2': patching complete
% rmmod $MOD_DIRECT
$(unload_lines $MOD_LIVEPATCH2)"


# - Have a task stay in a direct caller of a function that jumps, running.  It is
#   going to call what is at the site then.
#
# - Disable the livepatch.  The original does not come back as long as the task
#   is there: it would see two versions.
#
# - The same with a task that sleeps there, and with one that does, and runs then.

start_test "stay in a direct caller"

# stay(value) - have the task stay in another way, or go
function stay() {
	log "% echo $1 > $STAY"
	echo "$1" > "$STAY"
}

# stay_lines(value ...) - lines of a livepatch that is disabled while a task stays
#			  in one way after the other
function stay_lines() {
	echo "$(load_lines $MOD_LIVEPATCH1)
% insmod test_modules/$MOD_DIRECT.ko share=1
% echo $1 > $STAY
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled
livepatch: '$MOD_LIVEPATCH1': initializing unpatching transition
livepatch: '$MOD_LIVEPATCH1': starting unpatching transition
${2:+% echo $2 > $STAY
}% echo 0 > $STAY
livepatch: '$MOD_LIVEPATCH1': completing unpatching transition
livepatch: '$MOD_LIVEPATCH1': unpatching complete
% rmmod $MOD_DIRECT
% rmmod $MOD_LIVEPATCH1"
}

for how in 1 2 "2 3"; do
	load_lp $MOD_LIVEPATCH1
	wait_method jump $MOD_LIVEPATCH1
	universe=$(cat $UNIVERSE)
	load_mod $MOD_DIRECT share=1
	stay ${how% *}
	cat $PARAMS/check > /dev/null &
	loop_until "[[ \$(cat /sys/module/$MOD_DIRECT/parameters/inside) -eq 1 ]]" ||
		die "the task does not come"
	log "% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled"
	echo 0 > "$SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled"
	# There is time enough to bring the original back.
	sleep 1
	[[ $how != *" "* ]] || { sleep 2; stay ${how#* }; sleep 3; }
	[[ $(cat $UNIVERSE) -eq $universe ]] ||
		die "the original is back, with a task at the site"
	stay 0
	wait
	expect_no_mix
	loop_until "[[ ! -e $SYSFS_KLP_DIR/$MOD_LIVEPATCH1 ]]" ||
		die "failed to disable livepatch $MOD_LIVEPATCH1"
	wait_version 0
	check_direct 0
	unload_mod $MOD_DIRECT
	unload_lp $MOD_LIVEPATCH1
done

check_result "$(stay_lines 1)
$(stay_lines 2)
$(stay_lines 2 3)"


# - Attach a kprobe with a post_handler, which wants to change the instruction
#   pointer as livepatch does, to a function that jumps.
#
# - Disabling the livepatch by ftrace alone is refused until the kprobe is gone.

start_test "somebody else holds a function that jumps"

load_lp $MOD_VMLINUX
wait_method jump $MOD_VMLINUX cmdline_proc_show vmlinux
load_mod $MOD_KPROBE has_post_handler=y
grep -q "live patched" /proc/cmdline || die "the livepatch is not seen"
echo ftrace > $METHOD
log "% echo 0 > $SYSFS_KLP_DIR/$MOD_VMLINUX/enabled"
{ echo 0 > "$SYSFS_KLP_DIR/$MOD_VMLINUX/enabled"; } 2> /dev/null &&
	die "disabling is not refused"
wait_method jump $MOD_VMLINUX cmdline_proc_show vmlinux
check_sysfs_value $MOD_VMLINUX enabled 1
check_sysfs_value $MOD_VMLINUX transition 0
grep -q "live patched" /proc/cmdline || die "the livepatch is not seen any more"
echo auto > $METHOD
unload_mod $MOD_KPROBE
disable_lp $MOD_VMLINUX
unload_lp $MOD_VMLINUX
grep -q "live patched" /proc/cmdline && die "the livepatch is still seen"

check_result "$(load_lines $MOD_VMLINUX)
% insmod test_modules/$MOD_KPROBE.ko has_post_handler=y
% echo 0 > $SYSFS_KLP_DIR/$MOD_VMLINUX/enabled
livepatch: failed to register ftrace handler for function 'cmdline_proc_show' (-16)
% rmmod $MOD_KPROBE
$(unload_lines $MOD_VMLINUX)"


# fail_function holds functions by a kprobe with a post_handler.
#
# - Have it replace the result of a function.  Without breakpoints, a livepatch for
#   it is refused.
#
# - As long as ftrace takes the calls for the livepatch, it has no effect itself.
#
# - It can be used on a function that jumps.

start_test "fail_function"

# inject() - replace the result of a function
function inject() {
	{ echo test_klp_inject_function > $INJECT/inject; } 2> /dev/null || return
	printf %#x -12 > $INJECT/test_klp_inject_function/retval
	echo 100 > $INJECT/probability
	echo -1 > $INJECT/times
	echo 0 > $INJECT/verbose
}

# check_inject(result) - check what a call answers
function check_inject() {
	local result=$(cat /sys/module/$MOD_INJECT/parameters/result)

	[[ $result == "$1" ]] || die "the result is $result, expected $1"
}

load_mod $MOD_INJECT
check_inject 0
inject || die "cannot make a function fail"
check_inject -12
echo ftrace > $METHOD
load_failing_mod $MOD_INJECT_PATCH
check_inject -12
echo > $INJECT/inject
check_inject 0
load_lp $MOD_INJECT_PATCH
# There are kernels that do not say so.
inject
check_inject 1
echo > $INJECT/inject
echo auto > $METHOD
disable_lp $MOD_INJECT_PATCH
unload_lp $MOD_INJECT_PATCH
check_inject 0
load_lp $MOD_INJECT_PATCH
wait_method jump $MOD_INJECT_PATCH test_klp_inject_function $MOD_INJECT
check_inject 1
inject || die "cannot make a function fail that jumps"
check_inject -12
echo > $INJECT/inject
check_inject 1
disable_lp $MOD_INJECT_PATCH
unload_lp $MOD_INJECT_PATCH
check_inject 0
unload_mod $MOD_INJECT

check_result "% insmod test_modules/$MOD_INJECT.ko
% insmod test_modules/$MOD_INJECT_PATCH.ko
livepatch: enabling patch '$MOD_INJECT_PATCH'
livepatch: '$MOD_INJECT_PATCH': initializing patching transition
livepatch: failed to register ftrace handler for function 'test_klp_inject_function' (-16)
livepatch: failed to patch object '$MOD_INJECT'
livepatch: failed to enable patch '$MOD_INJECT_PATCH'
livepatch: '$MOD_INJECT_PATCH': canceling patching transition, going to unpatch
livepatch: '$MOD_INJECT_PATCH': completing unpatching transition
livepatch: '$MOD_INJECT_PATCH': unpatching complete
insmod: ERROR: could not insert module test_modules/$MOD_INJECT_PATCH.ko: Device or resource busy
$(load_lines $MOD_INJECT_PATCH)
$(unload_lines $MOD_INJECT_PATCH)
$(load_lines $MOD_INJECT_PATCH)
$(unload_lines $MOD_INJECT_PATCH)
% rmmod $MOD_INJECT"


# Kprobes with a post_handler in transitions: one that counts, and fail_function.  A
# kthread that is held in another livepatch keeps all transitions up.
#
# - Have them attached.  In transition, a breakpoint takes the calls behind them.
#   They go on to be hit, also when the functions jump.
#
# - Attach them in transition, which ftrace refuses.  They are not hit.
#
# - Attach them when the functions jump, and disable the livepatches.  A breakpoint
#   takes the calls, and they are hit until they are detached in that transition.

start_test "kprobes with a post_handler before, in and after a transition"

MODS="$MOD_LIVEPATCH1 $MOD_VMLINUX $MOD_INJECT_PATCH"
HITS=/sys/module/$MOD_KPROBE/parameters/hits

# for_all(command [, argument ...]) - do it for all of the livepatches
function for_all() {
	local mod

	for mod in $MODS; do
		$1 $mod "${@:2}"
	done
}

# expect_other_methods(method) - what takes the calls of the functions with kprobes
function expect_other_methods() {
	wait_method $1 $MOD_VMLINUX cmdline_proc_show vmlinux
	wait_method $1 $MOD_INJECT_PATCH test_klp_inject_function $MOD_INJECT
}

# check_hits(live, hit [, result]) - is a function live patched, is its kprobe hit, and
#				     what does the function answer that is to fail?
function check_hits() {
	local before=$(cat $HITS 2> /dev/null)
	local seen hit

	grep -q "live patched" /proc/cmdline && seen=live || seen=original
	[[ $seen == $1 ]] || die "$seen is seen, expected $1"
	[[ $(cat $HITS 2> /dev/null) == "$before" ]] && hit=missed || hit=hit
	[[ $hit == $2 ]] || die "the kprobe is $hit, expected $2"
	check_inject $3
}

load_mod $MOD_INJECT
load_mod $MOD_KPROBE has_post_handler=y
inject || die "cannot make a function fail"
check_hits original hit -12
hold 1
for_all load_lp_nowait
wait_version 1
expect_other_methods int3
check_hits live hit -12
echo > $INJECT/inject
check_hits live hit 1
hold 0
expect_other_methods jump
check_hits live hit 1
unload_mod $MOD_KPROBE
check_hits live missed 1
for_all disable_lp
for_all unload_lp
check_hits original missed 0

hold 1
for_all load_lp_nowait
wait_version 1
expect_other_methods ftrace
# There are kernels that do not say so.
insmod test_modules/$MOD_KPROBE.ko has_post_handler=y 2> /dev/null
inject
check_hits live missed 1
echo > $INJECT/inject
rmmod $MOD_KPROBE 2> /dev/null
check_hits live missed 1
hold 0
expect_other_methods jump
check_hits live missed 1
load_mod $MOD_KPROBE has_post_handler=y
inject || die "cannot make a function fail that jumps"
check_hits live hit -12
hold 1
universe=$(cat $UNIVERSE)
for_all start_disabling
loop_until "[[ \$(cat $UNIVERSE) -eq $((universe + 3)) ]]" ||
	die "universe $(cat $UNIVERSE) is the newest, expected $((universe + 3))"
expect_other_methods int3
check_hits original hit -12
echo > $INJECT/inject
unload_mod $MOD_KPROBE
check_hits original missed 0
hold 0
wait_gone $MODS
check_hits original missed 0
unload_mod $MOD_INJECT

check_result "% insmod test_modules/$MOD_INJECT.ko
% insmod test_modules/$MOD_KPROBE.ko has_post_handler=y
% echo 1 > $PARAMS/hold
$(for_all start_lines)
% echo 0 > $PARAMS/hold
$MOD_TARGET: kthread 0 saw version 0
$(for_all end_lines patching)
% rmmod $MOD_KPROBE
$(for_all unload_lines | grep -v rmmod)
$(for_all unload_lines | grep rmmod)
% echo 1 > $PARAMS/hold
$(for_all start_lines)
% echo 0 > $PARAMS/hold
$MOD_TARGET: kthread 0 saw version 0
$(for_all end_lines patching)
% insmod test_modules/$MOD_KPROBE.ko has_post_handler=y
% echo 1 > $PARAMS/hold
$(for_all start_disabling_lines)
% rmmod $MOD_KPROBE
% echo 0 > $PARAMS/hold
$MOD_TARGET: kthread 0 saw version 1
$(for_all end_lines unpatching)
$(for_all unload_lines | grep rmmod)
% rmmod $MOD_INJECT"


# - Have Tasks RCU wait for a kthread that never sleeps.  Nothing can settle.
#
# - Enable, disable and enable livepatches meanwhile.  They take effect.
#
# - When it ends, what settles is what there is then.
#
# - Enable a livepatch meanwhile, with a kthread held in the original.  What was
#   enabled before settles, and this one does not.

start_test "settling is overtaken"

load_mod $MOD_HOG no_qs=1
load_lp $MOD_LIVEPATCH1
wait_version 1
# It had time enough to jump.
sleep 2
[[ $(method $MOD_LIVEPATCH1) == ftrace ]] || die "$FUNCTION jumps too early"
load_lp $MOD_LIVEPATCH2
wait_version 2
set_disabled $MOD_LIVEPATCH1
wait_version 2
load_lp $MOD_LIVEPATCH3
wait_version 3
set_disabled $MOD_LIVEPATCH3
wait_version 2
[[ $(method $MOD_LIVEPATCH2) == ftrace ]] || die "$FUNCTION jumps too early"
unload_mod $MOD_HOG
wait_gone $MOD_LIVEPATCH1 $MOD_LIVEPATCH3
wait_method jump $MOD_LIVEPATCH2
wait_version 2
expect_no_mix
disable_lp $MOD_LIVEPATCH2
unload_lp $MOD_LIVEPATCH2
wait_version 0
expect_no_mix

load_mod $MOD_HOG no_qs=1
load_lp $MOD_VMLINUX
hold 1
load_lp_nowait $MOD_LIVEPATCH1
wait_version 1
unload_mod $MOD_HOG
wait_method jump $MOD_VMLINUX cmdline_proc_show vmlinux
[[ $(method $MOD_LIVEPATCH1) == ftrace ]] || die "$FUNCTION jumps too early"
hold 0
wait_method jump $MOD_LIVEPATCH1
disable_lp $MOD_LIVEPATCH1
unload_lp $MOD_LIVEPATCH1
disable_lp $MOD_VMLINUX
unload_lp $MOD_VMLINUX

check_result "% insmod test_modules/$MOD_HOG.ko no_qs=1
$(load_lines $MOD_LIVEPATCH1)
$(load_lines $MOD_LIVEPATCH2)
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled
$(transition $MOD_LIVEPATCH1 unpatching)
$(load_lines $MOD_LIVEPATCH3)
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH3/enabled
$(transition $MOD_LIVEPATCH3 unpatching)
% rmmod $MOD_HOG
% rmmod $MOD_LIVEPATCH1
% rmmod $MOD_LIVEPATCH3
$(unload_lines $MOD_LIVEPATCH2)
% insmod test_modules/$MOD_HOG.ko no_qs=1
$(load_lines $MOD_VMLINUX)
% echo 1 > $PARAMS/hold
% insmod test_modules/$MOD_LIVEPATCH1.ko
livepatch: enabling patch '$MOD_LIVEPATCH1'
livepatch: '$MOD_LIVEPATCH1': initializing patching transition
livepatch: '$MOD_LIVEPATCH1': starting patching transition
% rmmod $MOD_HOG
% echo 0 > $PARAMS/hold
$MOD_TARGET: kthread 0 saw version 0
livepatch: '$MOD_LIVEPATCH1': completing patching transition
livepatch: '$MOD_LIVEPATCH1': patching complete
$(unload_lines $MOD_LIVEPATCH1)
$(unload_lines $MOD_VMLINUX)"


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

check_result "$(load_lines $MOD_LIVEPATCH1)
% rmmod $MOD_TARGET
livepatch: reverting patch '$MOD_LIVEPATCH1' on unloading module '$MOD_TARGET'
% insmod test_modules/$MOD_TARGET.ko
livepatch: applying patch '$MOD_LIVEPATCH1' to loading module '$MOD_TARGET'
$(unload_lines $MOD_LIVEPATCH1)"


# - Disable a livepatch that jumps, and unload the module before its originals
#   are back: they are not brought back any more.

start_test "a module goes before its originals are back"

load_lp $MOD_LIVEPATCH1
wait_method jump $MOD_LIVEPATCH1
# The originals have to wait for it.
load_mod $MOD_HOG no_qs=1
log "% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled"
echo 0 > "$SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled"
wait_version 1
# It is not through before the hog is: ftrace waits for that, too.
unload_mod $MOD_TARGET &
wait_method none $MOD_LIVEPATCH1
unload_mod $MOD_HOG
wait
wait_gone $MOD_LIVEPATCH1
load_mod $MOD_TARGET
wait_version 0

check_result "$(load_lines $MOD_LIVEPATCH1)
% insmod test_modules/$MOD_HOG.ko no_qs=1
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled
livepatch: '$MOD_LIVEPATCH1': initializing unpatching transition
livepatch: '$MOD_LIVEPATCH1': starting unpatching transition
% rmmod $MOD_TARGET
livepatch: reverting patch '$MOD_LIVEPATCH1' on unloading module '$MOD_TARGET'
% rmmod $MOD_HOG
livepatch: '$MOD_LIVEPATCH1': completing unpatching transition
livepatch: '$MOD_LIVEPATCH1': unpatching complete
% rmmod $MOD_LIVEPATCH1
% insmod test_modules/$MOD_TARGET.ko"


# - Unload a module whose function jumps.  Livepatch lets go of it, and it can be
#   called until it is freed: by reading its parameters.  That is the original.

start_test "a module that goes is called"

load_mod $MOD_INJECT
load_lp $MOD_INJECT_PATCH
wait_method jump $MOD_INJECT_PATCH test_klp_inject_function $MOD_INJECT
check_inject 1
echo 1 > $LINGER
unload_mod $MOD_INJECT &
loop_until "[[ \$(cat /sys/module/$MOD_INJECT/parameters/result) == 0 ]]" ||
	die "the function still jumps"
echo 0 > $LINGER
wait
disable_lp $MOD_INJECT_PATCH
unload_lp $MOD_INJECT_PATCH

check_result "% insmod test_modules/$MOD_INJECT.ko
$(load_lines $MOD_INJECT_PATCH)
% rmmod $MOD_INJECT
livepatch: reverting patch '$MOD_INJECT_PATCH' on unloading module '$MOD_INJECT'
$(unload_lines $MOD_INJECT_PATCH)"


# - Nothing jumps when it is not to, however much time there is.

start_test "livepatch.method=ftrace"

echo ftrace > $METHOD
load_lp $MOD_LIVEPATCH1
sleep 3
[[ $(method $MOD_LIVEPATCH1) == ftrace ]] || die "$FUNCTION jumps"
wait_version 1
echo auto > $METHOD
disable_lp $MOD_LIVEPATCH1
unload_lp $MOD_LIVEPATCH1
wait_version 0

check_result "$(load_lines $MOD_LIVEPATCH1)
$(unload_lines $MOD_LIVEPATCH1)"


# - Call the functions all the time, while they are patched, jump, jump
#   elsewhere and are restored.  One invocation never sees two versions.

start_test "jumps come and go under load"

for cpu in 1 2 3; do
	while [[ -e $SYSFS_KLP_DIR ]]; do cat $PARAMS/check; done > /dev/null 2>&1 &
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
LOAD=
expect_no_mix

unload_mod $MOD_TARGET

one_round="$(load_lines $MOD_LIVEPATCH1)
$(load_lines $MOD_LIVEPATCH2)
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH2/enabled
$(transition $MOD_LIVEPATCH2 unpatching)
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled
$(transition $MOD_LIVEPATCH1 unpatching)"

check_result "$one_round
$one_round
$one_round
% rmmod $MOD_TARGET"


# - Disable a livepatch that jumps, and force the transition before its original is
#   back.  Nobody waits for it any more: it is back at once.
#
# - All tasks have been forced out of the livepatch, which can never be unloaded.
#   So this is the last test, with a livepatch of its own.

[[ ! -e /sys/module/$MOD_INJECT_FORCED ]] ||
	skip "the last test, because $MOD_INJECT_FORCED has been forced before"

start_test "force, before the original is back"

load_mod $MOD_INJECT
load_lp $MOD_INJECT_FORCED
wait_method jump $MOD_INJECT_FORCED test_klp_inject_function $MOD_INJECT
load_mod $MOD_HOG no_qs=1
log "% echo 0 > $SYSFS_KLP_DIR/$MOD_INJECT_FORCED/enabled"
echo 0 > "$SYSFS_KLP_DIR/$MOD_INJECT_FORCED/enabled"
# There is time enough to bring the original back.
sleep 1
check_inject 1
log "% echo 1 > $SYSFS_KLP_DIR/$MOD_INJECT_FORCED/force"
echo 1 > "$SYSFS_KLP_DIR/$MOD_INJECT_FORCED/force"
check_inject 0
loop_until "grep -qs '^0$' $SYSFS_KLP_DIR/$MOD_INJECT_FORCED/transition" ||
	die "failed to force"
unload_mod $MOD_HOG
loop_until "[[ ! -e $SYSFS_KLP_DIR/$MOD_INJECT_FORCED ]]" ||
	die "failed to disable livepatch $MOD_INJECT_FORCED"
rmmod $MOD_INJECT_FORCED 2> /dev/null && die "$MOD_INJECT_FORCED unexpectedly unloaded"
check_inject 0
unload_mod $MOD_INJECT

check_result "% insmod test_modules/$MOD_INJECT.ko
$(load_lines $MOD_INJECT_FORCED)
% insmod test_modules/$MOD_HOG.ko no_qs=1
% echo 0 > $SYSFS_KLP_DIR/$MOD_INJECT_FORCED/enabled
livepatch: '$MOD_INJECT_FORCED': initializing unpatching transition
livepatch: '$MOD_INJECT_FORCED': starting unpatching transition
% echo 1 > $SYSFS_KLP_DIR/$MOD_INJECT_FORCED/force
livepatch: forcing remaining tasks to the patched state
livepatch: '$MOD_INJECT_FORCED': completing unpatching transition
livepatch: '$MOD_INJECT_FORCED': unpatching complete
% rmmod $MOD_HOG
% rmmod $MOD_INJECT"

exit 0
