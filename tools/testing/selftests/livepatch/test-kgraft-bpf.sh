#!/bin/bash
# SPDX-License-Identifier: GPL-2.0

. $(dirname $0)/functions.sh
. $(dirname $0)/functions-universe.sh

MOD_INJECT=test_klp_inject
MOD_INJECT_PATCH=test_klp_inject_patch

FUNCTION=test_klp_universe_a
INJECT_FUNCTION=test_klp_inject_function
METHOD=/sys/module/livepatch/parameters/method
ATTACHED=$SYSFS_TRACING_DIR/enabled_functions
KPROBE_EVENTS=$SYSFS_TRACING_DIR/kprobe_events
VERSION=$PARAMS/version
RESULT=/sys/module/$MOD_INJECT/parameters/result

# attached(function) - is somebody attached to it by ftrace?  That may know it by its
#		       other name.
function attached() {
	grep -qE "^($1|${1/%_a/_alias}) " $ATTACHED
}

# bpf_start() - get ready to attach BPF programs
function bpf_start() {
	coproc BPF { exec ./test_klp-bpf; }
}

# bpf(command, ...) - what test_klp-bpf answers is in $REPLY
function bpf() {
	# Without names of modules, which are for livepatch's messages
	log "% bpf: $1 ${2##*/}"
	echo "$*" >&"${BPF[1]}"
	read -r -u "${BPF[0]}" || die "bpf $*: no answer"
	log "$REPLY"
}

# attach(type [, object, function]) - attach a program
function attach() {
	bpf attach $1 ${2:-$MOD_TARGET} ${3:-$FUNCTION}
	[[ $REPLY == ok ]] || die "cannot attach $1: $REPLY"
}

# attach_inject(type) - attach it to the function that can fail on purpose
function attach_inject() {
	attach $1 $MOD_INJECT $INJECT_FUNCTION
}

# detach(type) - detach it
function detach() {
	bpf detach $1
	[[ $REPLY == ok ]] || die "cannot detach $1: $REPLY"
}

# check_call(file, expected) - have the function called, and check what is seen
function check_call() {
	bpf call $1
	[[ $REPLY == "$2" ]] || die "seen: $REPLY, expected: $2"
}

# bpf_stop() - detach all
function bpf_stop() {
	local pid=$BPF_PID

	exec {BPF[1]}>&-
	wait $pid
}

# wait_result(result) - wait until a task that comes from user space sees it
function wait_result() {
	loop_until "[[ \$(cat $RESULT) == $1 ]]" ||
		die "the result is $(cat $RESULT), expected $1"
}

# A kernel without the options has no such files.
[[ -e $METHOD ]] || skip "test-kgraft-bpf requires CONFIG_LIVEPATCH_JUMP"
[[ -e /sys/kernel/btf/vmlinux ]] ||
	skip "test-kgraft-bpf requires CONFIG_DEBUG_INFO_BTF"
[[ -e /proc/sys/vm/unprivileged_userfaultfd ]] ||
	skip "test-kgraft-bpf requires CONFIG_USERFAULTFD"

setup_config
load_mod $MOD_TARGET
if [[ ! -e /sys/kernel/btf/$MOD_TARGET ]]; then
	unload_mod $MOD_TARGET
	skip "test-kgraft-bpf requires CONFIG_DEBUG_INFO_BTF_MODULES"
fi


# The states that a function goes through.  In 1 and 3, a kthread is held in another
# version.
#
# - Attach a program that looks at the entry in each state, and one that looks at
#   the result, and detach each in each later one.
#
# - They are hit, and the version is the one that others see.  In a transition,
#   ftrace takes the calls, which shares functions with BPF.
#
# - Without a program, ftrace has nothing to do with a function that jumps.

start_test "attach and detach in each state"

VERSIONS=(0 1 1 0 0)

# enter(state) - bring the function there
function enter() {
	case $1 in
	1)	hold 1
		load_lp_nowait $MOD_LIVEPATCH1
		wait_version 1
		wait_method ftrace $MOD_LIVEPATCH1
		;;
	2)	hold 0
		wait_method jump $MOD_LIVEPATCH1
		;;
	3)	hold 1
		log "% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled"
		echo 0 > "$SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled"
		wait_version 0
		wait_method ftrace $MOD_LIVEPATCH1
		;;
	4)	hold 0
		wait_gone $MOD_LIVEPATCH1
		;;
	esac
}

# round(fentry_from, fentry_to, fexit_from, fexit_to) - go through all states
function round() {
	local state version fentry fexit

	for state in 0 1 2 3 4; do
		version=${VERSIONS[state]}
		enter $state
		check_call $VERSION "$version${fentry}${fexit:+$fexit$version}"

		if [[ $state -eq $1 ]]; then
			attach fentry
			fentry=" fentry:1"
		elif [[ $state -eq $2 ]]; then
			detach fentry
			fentry=
		fi
		if [[ $state -eq $3 ]]; then
			attach fexit
			fexit=" fexit:1="
		elif [[ $state -eq $4 ]]; then
			detach fexit
			fexit=
		fi
		check_call $VERSION "$version${fentry}${fexit:+$fexit$version}"

		# In a transition, ftrace has it anyway.
		if [[ -n $fentry$fexit ]]; then
			attached $FUNCTION || die "$FUNCTION is not attached"
		elif [[ $((state % 2)) -eq 0 ]]; then
			loop_until "! attached $FUNCTION" ||
				die "ftrace does not let go of $FUNCTION"
		fi
	done
}

one_round="% echo 1 > $PARAMS/hold
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
% rmmod $MOD_LIVEPATCH1"

PAIRS=("0 1" "0 2" "0 3" "0 4" "1 2" "1 3" "1 4" "2 3" "2 4" "3 4")

rounds=
bpf_start
for i in ${!PAIRS[@]}; do
	round ${PAIRS[-1 - i]} ${PAIRS[i]}
	rounds+=${rounds:+$'\n'}$one_round
done
bpf_stop
expect_no_mix

check_result "$rounds"


# - Have programs attached while livepatches are stacked, and replaced.  They see
#   what others see.

start_test "replace with programs attached"

bpf_start
attach fentry
attach fexit
load_lp $MOD_LIVEPATCH1
wait_method jump $MOD_LIVEPATCH1
check_call $VERSION "1 fentry:1 fexit:1=1"
load_lp $MOD_LIVEPATCH2
wait_version 2
check_call $VERSION "2 fentry:1 fexit:1=2"
wait_method jump $MOD_LIVEPATCH2
check_call $VERSION "2 fentry:1 fexit:1=2"
detach fentry
load_lp $MOD_LIVEPATCH3 replace=1
wait_version 3
check_call $VERSION "3 fexit:1=3"
wait_gone $MOD_LIVEPATCH1 $MOD_LIVEPATCH2
wait_method jump $MOD_LIVEPATCH3
check_call $VERSION "3 fexit:1=3"
attach fentry
check_call $VERSION "3 fentry:1 fexit:1=3"
detach fexit
disable_lp $MOD_LIVEPATCH3
unload_lp $MOD_LIVEPATCH3
check_call $VERSION "0 fentry:1"
bpf_stop
attached $FUNCTION && die "$FUNCTION is still attached"
expect_no_mix

check_result "$(load_lines $MOD_LIVEPATCH1)
$(load_lines $MOD_LIVEPATCH2)
$(load_lines $MOD_LIVEPATCH3 replace=1)
% rmmod $MOD_LIVEPATCH1
% rmmod $MOD_LIVEPATCH2
$(unload_lines $MOD_LIVEPATCH3)"


# - The new function is one that a program can be attached to, by its own name, be
#   it called by ftrace or by the jump.

start_test "attach to the new function"

hold 1
load_lp_nowait $MOD_LIVEPATCH1
wait_version 1
bpf_start
attach fentry $MOD_LIVEPATCH1 livepatch_a
attach fexit $MOD_LIVEPATCH1 livepatch_a
check_call $VERSION "1 fentry:1 fexit:1=1"
hold 0
wait_method jump $MOD_LIVEPATCH1
check_call $VERSION "1 fentry:1 fexit:1=1"
bpf_stop
wait_version 1
disable_lp $MOD_LIVEPATCH1
unload_lp $MOD_LIVEPATCH1
wait_version 0

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


# - Have a program attached and detached all the time.  BPF cannot answer then
#   when it is asked to share a function, and is asked again: nothing is refused.

start_test "programs come and go all the time"

RUN=$(mktemp)
(
	bpf_start
	while [[ -e $RUN ]]; do
		attach fexit
		detach fexit
	done
	bpf_stop
) &
rounds=
for i in 1 2 3 4 5; do
	load_lp $MOD_LIVEPATCH1
	wait_method jump $MOD_LIVEPATCH1
	disable_lp $MOD_LIVEPATCH1
	unload_lp $MOD_LIVEPATCH1
	rounds+="${rounds:+$'\n'}$(load_lines $MOD_LIVEPATCH1)
$(unload_lines $MOD_LIVEPATCH1)"
done
rm $RUN
wait $! || die "a program was refused"
wait_version 0

check_result "$rounds"


# - A kprobe keeps one function from jumping.  ftrace lets go of the others, and
#   tells BPF that they are not shared any more: a program that looks at the result
#   is jumped to again, not called.

start_test "a function jumps, and another one does not"

echo "p:inside test_klp_universe_b+$(site test_klp_universe_b)" > $KPROBE_EVENTS
echo 1 > "$SYSFS_TRACING_DIR/events/kprobes/inside/enable"
bpf_start
attach fexit
load_lp $MOD_LIVEPATCH1
wait_method jump $MOD_LIVEPATCH1
[[ $(method $MOD_LIVEPATCH1 test_klp_universe_b) == ftrace ]] ||
	die "a function jumps over a kprobe"
loop_until "grep -A2 -E '^($FUNCTION|${FUNCTION/%_a/_alias}) ' $ATTACHED | grep -q 'direct(jmp)'" ||
	die "the program is still called: $(cat $ATTACHED)"
check_call $VERSION "1 fexit:1=1"
disable_lp $MOD_LIVEPATCH1
unload_lp $MOD_LIVEPATCH1
check_call $VERSION "0 fexit:1=0"
bpf_stop
echo 0 > "$SYSFS_TRACING_DIR/events/kprobes/inside/enable"
echo > $KPROBE_EVENTS

check_result "$(load_lines $MOD_LIVEPATCH1)
$(unload_lines $MOD_LIVEPATCH1)"


# - Without jumps and breakpoints, functions stay with ftrace, and are shared just
#   the same: neither livepatch nor a program is refused.

start_test "programs, and functions that stay with ftrace"

echo ftrace > $METHOD
bpf_start
attach fexit
load_lp $MOD_LIVEPATCH1
check_call $VERSION "1 fexit:1=1"
detach fexit
attach fentry
check_call $VERSION "1 fentry:1"
attach fexit
check_call $VERSION "1 fentry:1 fexit:1=1"
disable_lp $MOD_LIVEPATCH1
unload_lp $MOD_LIVEPATCH1
check_call $VERSION "0 fentry:1 fexit:1=0"
bpf_stop
echo auto > $METHOD

check_result "$(load_lines $MOD_LIVEPATCH1)
$(unload_lines $MOD_LIVEPATCH1)"
unload_mod $MOD_TARGET


# - Have a program take the place of a function, in each state.  Callers get its
#   result, and so do programs that look at that.
#
# - There is a transition as long as a task sleeps in another program: its stack is
#   not reliable.

start_test "replace the result of a function"

load_mod $MOD_INJECT
bpf_start
attach_inject fmod_ret
check_call $RESULT "-12 fmod_ret:1"
attach_inject fexit
check_call $RESULT "-12 fexit:1=-12 fmod_ret:1"
detach fmod_ret
check_call $RESULT "0 fexit:1=0"
attach fentry.s vmlinux __x64_sys_openat
bpf sleep /dev/null
load_lp_nowait $MOD_INJECT_PATCH
wait_result 1
check_call $RESULT "1 fexit:1=1"
attach_inject fmod_ret
check_call $RESULT "-12 fexit:1=-12 fmod_ret:1"
check_sysfs_value $MOD_INJECT_PATCH transition 1
grep -q "(unreliable) test_klp-bpf" $SYSFS_KLP_DIR/$MOD_INJECT_PATCH/stragglers ||
	die "the task that sleeps is not waited for"
bpf wake
detach fentry.s
wait_method jump $MOD_INJECT_PATCH $INJECT_FUNCTION $MOD_INJECT
check_call $RESULT "-12 fexit:1=-12 fmod_ret:1"
detach fmod_ret
check_call $RESULT "1 fexit:1=1"
detach fexit
check_call $RESULT "1"
attach_inject fmod_ret
check_call $RESULT "-12 fmod_ret:1"
disable_lp $MOD_INJECT_PATCH
unload_lp $MOD_INJECT_PATCH
check_call $RESULT "-12 fmod_ret:1"
bpf_stop
wait_result 0
attached $INJECT_FUNCTION && die "$INJECT_FUNCTION is still attached"

check_result "% insmod test_modules/$MOD_INJECT.ko
% insmod test_modules/$MOD_INJECT_PATCH.ko
livepatch: enabling patch '$MOD_INJECT_PATCH'
livepatch: '$MOD_INJECT_PATCH': initializing patching transition
livepatch: '$MOD_INJECT_PATCH': starting patching transition
livepatch: '$MOD_INJECT_PATCH': completing patching transition
livepatch: '$MOD_INJECT_PATCH': patching complete
$(unload_lines $MOD_INJECT_PATCH)"


# - Have a task sleep in a program at a function that jumps.  It is going to call
#   what is at the site then.
#
# - Disable the livepatch.  The original does not come back as long as the task
#   sleeps: it would see two versions.

start_test "sleep in a program"

load_lp $MOD_INJECT_PATCH
wait_method jump $MOD_INJECT_PATCH $INJECT_FUNCTION $MOD_INJECT
bpf_start
attach_inject fentry.s
check_call $RESULT "1 fentry.s:1"
universe=$(cat $UNIVERSE)
bpf sleep $RESULT
log "% echo 0 > $SYSFS_KLP_DIR/$MOD_INJECT_PATCH/enabled"
echo 0 > "$SYSFS_KLP_DIR/$MOD_INJECT_PATCH/enabled"
# There is time enough to bring the original back.
sleep 2
[[ $(cat $UNIVERSE) -eq $universe ]] ||
	die "the original is back, with a task at the site"
log "% test_klp-bpf: wake"
bpf wake
[[ $REPLY == 1 ]] || die "the task that slept saw $REPLY, expected 1"
wait_gone $MOD_INJECT_PATCH
check_call $RESULT "0 fentry.s:1"
bpf_stop
attached $INJECT_FUNCTION && die "$INJECT_FUNCTION is still attached"
unload_mod $MOD_INJECT

check_result "$(load_lines $MOD_INJECT_PATCH)
% echo 0 > $SYSFS_KLP_DIR/$MOD_INJECT_PATCH/enabled
livepatch: '$MOD_INJECT_PATCH': initializing unpatching transition
livepatch: '$MOD_INJECT_PATCH': starting unpatching transition
% test_klp-bpf: wake
livepatch: '$MOD_INJECT_PATCH': completing unpatching transition
livepatch: '$MOD_INJECT_PATCH': unpatching complete
% rmmod $MOD_INJECT_PATCH
% rmmod $MOD_INJECT"

exit 0
