#!/bin/bash
# SPDX-License-Identifier: GPL-2.0

. $(dirname $0)/functions.sh
. $(dirname $0)/functions-universe.sh

MOD_TARGET=test_klp_int3
MOD_LIVEPATCH1=test_klp_int3_patch1
MOD_LIVEPATCH2=test_klp_int3_patch2
MOD_MANY=test_klp_int3_many
MOD_MANY_LIVEPATCH=test_klp_int3_many_patch
MOD_VMLINUX=test_klp_livepatch
MOD_KPROBE=test_klp_kprobe

PARAMS=/sys/module/$MOD_TARGET/parameters
METHOD=/sys/module/livepatch/parameters/method
WX=/sys/kernel/debug/check_wx_pages
FUNCTIONS="plain relative jump branch return check"

# expect_methods(method, modname) - what takes the calls of all functions
function expect_methods() {
	local f

	for f in $FUNCTIONS; do
		[[ $(method $2 test_klp_int3_$f) == $1 ]] ||
			die "$2: method of $f is $(method $2 test_klp_int3_$f), expected $1"
	done
	[[ $(method $2 kstrtouint vmlinux) == $1 ]] ||
		die "$2: method of kstrtouint is $(method $2 kstrtouint vmlinux), expected $1"
}

# wait_jumps(modname) - wait until the functions jump that have room for it
function wait_jumps() {
	local f

	for f in ${FUNCTIONS/jump/}; do
		wait_method jump $1 test_klp_int3_$f
	done
	wait_method jump $1 kstrtouint vmlinux
	[[ $SHORT -eq 0 || $(method $1 test_klp_int3_jump) == int3 ]] ||
		die "test_klp_int3_jump() jumps, and has no room for it"
}

# expect_number(version) - which kstrtouint() reads module parameters?
function expect_number() {
	echo 7 > $PARAMS/number
	[[ $(cat $PARAMS/number) -eq $((7 + 100 * $1)) ]] ||
		die "kstrtouint() reads $(cat $PARAMS/number), not version $1"
}

# hold(0 or 1) - keep the kthread in its function, or let it go; wait for it
function hold() {
	log "% echo $1 > $PARAMS/hold"
	echo "$1" > "$PARAMS/hold"
	loop_until "[[ \$(cat $PARAMS/held) == $(echo $1 | tr 01 NY) ]]" ||
		die "the kthread does not obey"
}

# refuse(message, error, parameter ...) - load a livepatch, which is refused because
#					  of $object, or the target
function refuse() {
	local message="$1" error="$2"
	shift 2

	load_failing_mod $MOD_LIVEPATCH1 "$@"
	refused+="% insmod test_modules/$MOD_LIVEPATCH1.ko${*:+ $*}
livepatch: enabling patch '$MOD_LIVEPATCH1'
livepatch: '$MOD_LIVEPATCH1': initializing patching transition
livepatch: $message
livepatch: failed to patch object '${object:-$MOD_TARGET}'
livepatch: failed to enable patch '$MOD_LIVEPATCH1'
livepatch: '$MOD_LIVEPATCH1': canceling patching transition, going to unpatch
livepatch: '$MOD_LIVEPATCH1': completing unpatching transition
livepatch: '$MOD_LIVEPATCH1': unpatching complete
insmod: ERROR: could not insert module test_modules/$MOD_LIVEPATCH1.ko: $error
"
	wait_version 0
}

no="has no ftrace location, and cannot have a breakpoint"
refused=""

# A kernel without the option has no such parameter.
[[ -e $METHOD ]] || skip "test-kgraft-int3 requires CONFIG_LIVEPATCH_JUMP"

setup_config
load_mod $MOD_TARGET
SHORT=$(cat $PARAMS/short_jump)


# - Where callers may know which registers a function uses, none can have a
#   breakpoint, and there is nothing else to test.

if [[ $(cat $PARAMS/ipa_ra) == Y ]]; then
	start_test "functions without fentry, and without padding"

	refuse "function 'test_klp_int3_plain' $no: its callers may know which registers it uses" \
		"Invalid parameters"
	unload_mod $MOD_TARGET

	check_result "$refused% rmmod $MOD_TARGET"
	exit 0
fi


# - Patch functions without fentry while a kthread is held in the original of one.
#   Breakpoints take the calls: the kthread sees the originals, others do not.
#
# - Let the kthread go.  The functions jump after a while.  One is but a short jump
#   itself, and keeps its breakpoint.
#
# - Disable the livepatch, while the kthread is held in the new version.  There are
#   breakpoints again, and in the end the originals.

start_test "functions without fentry"

text=$(cat $PARAMS/text)
hold 1
load_lp_nowait $MOD_LIVEPATCH1
wait_version 1
expect_number 1
expect_methods int3 $MOD_LIVEPATCH1
expect_text "cc "
check_sysfs_value $MOD_LIVEPATCH1 transition 1
# The copies can be executed, and not be written.
[[ ! -e $WX ]] || [[ $(cat $WX) == SUCCESS ]] || die "there is text that can be written"
hold 0
wait_jumps $MOD_LIVEPATCH1
expect_text "e9 *"
wait_version 1
expect_number 1
expect_no_mix
hold 1
log "% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled"
echo 0 > "$SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled"
expect_methods int3 $MOD_LIVEPATCH1
expect_text "cc "
wait_version 0
expect_number 0
check_sysfs_value $MOD_LIVEPATCH1 transition 1
hold 0
wait_gone $MOD_LIVEPATCH1
expect_text ""
wait_version 0
expect_number 0
expect_no_mix

held_round="% echo 1 > $PARAMS/hold
% insmod test_modules/$MOD_LIVEPATCH1.ko
livepatch: enabling patch '$MOD_LIVEPATCH1'
livepatch: '$MOD_LIVEPATCH1': initializing patching transition
livepatch: '$MOD_LIVEPATCH1': starting patching transition
% echo 0 > $PARAMS/hold
$MOD_TARGET: kthread saw version 0
livepatch: '$MOD_LIVEPATCH1': completing patching transition
livepatch: '$MOD_LIVEPATCH1': patching complete
% echo 1 > $PARAMS/hold
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled
livepatch: '$MOD_LIVEPATCH1': initializing unpatching transition
livepatch: '$MOD_LIVEPATCH1': starting unpatching transition
% echo 0 > $PARAMS/hold
$MOD_TARGET: kthread saw version 1
livepatch: '$MOD_LIVEPATCH1': completing unpatching transition
livepatch: '$MOD_LIVEPATCH1': unpatching complete
% rmmod $MOD_LIVEPATCH1"
check_result "$held_round"


# - Functions that cannot have a breakpoint are refused, and nothing is left.

start_test "functions that cannot have a breakpoint"

refuse "function 'test_klp_int3_call' $no: begins with a call" \
	"Invalid parameters" also=test_klp_int3_call
# By a branch, a static one that is off, after a fault, or from a .cold part
for f in loop off fixup parted; do
	refuse "function 'test_klp_int3_$f' $no: has a branch to its beginning" \
		"Invalid parameters" also=test_klp_int3_$f
done
refuse "function 'test_klp_int3_fault' $no: begins with an instruction that may fault" \
	"Invalid parameters" also=test_klp_int3_fault
refuse "function 'test_klp_int3_trap' $no: breakpoint" \
	"Invalid parameters" also=test_klp_int3_trap
# A copy would not do the same, or nobody knows what the function does.
while read -r f why; do
	refuse "function 'test_klp_int3_$f' $no: $why" \
		"Invalid parameters" also=test_klp_int3_$f
done <<-'END'
	undefined begins with a trap
	system begins with a system instruction
	control begins with a write to a control register
	indirect begins with an indirect jump
	shadow begins with a block of interrupts
	fixed begins with an instruction that cannot be moved
	unknown cannot be decoded
	table has a jump table
END
# Without IBT, there is no ENDBR.
! grep -q 'test_klp_int3_endbr\>' /proc/kallsyms ||
	refuse "function 'test_klp_int3_endbr' $no: unusual entry" \
		"Invalid parameters" also=test_klp_int3_endbr
refuse "function 'test_klp_int3_zero' is notrace, and its replacement is not" \
	"Invalid parameters" also=test_klp_int3_zero traced=1
refuse "function 'native_test_klp_int3' $no: breakpoints are not handled in there" \
	"Invalid parameters" also=native_test_klp_int3
refuse "function '__x86_test_klp_int3' $no: breakpoints are not handled in there" \
	"Invalid parameters" also=__x86_test_klp_int3
refuse "function 'cpu_bringup_and_idle' $no: tasks are switched in there" \
	"Invalid parameters" also=cpu_bringup_and_idle

# One that a CPU calls before it has an IDT
object=vmlinux \
refuse "function 'load_direct_gdt' $no: breakpoints are not handled in there" \
	"Invalid parameters" boot=load_direct_gdt

# A function for booting, whose memory has been freed
object=vmlinux \
refuse "failed to find location for function 'kernel_init_freeable'" \
	"Invalid parameters" boot=kernel_init_freeable

# Functions that must not be probed, of a module and of the kernel
refuse "function 'test_klp_int3_no_probe' $no: special text" \
	"Invalid parameters" also=test_klp_int3_no_probe
object=vmlinux \
refuse "function 'irqentry_nmi_enter' $no: special text" \
	"Invalid parameters" boot=irqentry_nmi_enter

# Somebody else changes the instruction, or has a breakpoint there.
reserved="$no: static branch, static call or kprobe"
refuse "function 'test_klp_int3_static_branch' $reserved" \
	"Invalid parameters" also=test_klp_int3_static_branch
refuse "function 'test_klp_int3_static_call' $reserved" \
	"Invalid parameters" also=test_klp_int3_static_call
echo 1 > $PARAMS/probe
refuse "function 'test_klp_int3_zero' $reserved" \
	"Invalid parameters" also=test_klp_int3_zero
echo 0 > $PARAMS/probe

# Only ftrace is to be used.
echo ftrace > $METHOD
refuse "failed to find location for function 'test_klp_int3_plain'" "Invalid parameters"
echo auto > $METHOD

# Now it is possible.
load_lp $MOD_LIVEPATCH1 also=test_klp_int3_zero
wait_version 1
wait_method jump $MOD_LIVEPATCH1 test_klp_int3_zero
{ echo 1 > $PARAMS/probe; } 2> /dev/null &&
	die "a kprobe where the jump is, is not refused"
disable_lp $MOD_LIVEPATCH1
unload_lp $MOD_LIVEPATCH1
wait_version 0

check_result "$refused$(load_lines $MOD_LIVEPATCH1 also=test_klp_int3_zero)
$(unload_lines $MOD_LIVEPATCH1)"


# - Where a jump would be, one function has a static branch, which is changed while
#   the function is patched, and when it is not any more.  Ftrace keeps it.
#
# - Another one has the name of a function in which tasks migrate.

start_test "functions that cannot jump"

# expect_traced(result) - what does the function answer that has a static branch?
function expect_traced() {
	local result

	read -r result _ < $PARAMS/others
	[[ $result -eq $1 ]] || die "the traced function returns $result, expected $1"
}

expect_traced 0
load_lp $MOD_LIVEPATCH1 also=test_klp_int3_traced traced=1
wait_jumps $MOD_LIVEPATCH1
[[ $(method $MOD_LIVEPATCH1 test_klp_int3_traced) == ftrace ]] ||
	die "a function jumps that has a static branch there"
expect_traced 3
echo 1 > $PARAMS/change
expect_traced 3
disable_lp $MOD_LIVEPATCH1
unload_lp $MOD_LIVEPATCH1
expect_traced 5
echo 0 > $PARAMS/change
expect_traced 0
load_lp $MOD_LIVEPATCH1 also=do_idle traced=1
wait_jumps $MOD_LIVEPATCH1
[[ $(method $MOD_LIVEPATCH1 do_idle) == ftrace ]] ||
	die "a function jumps in which tasks migrate"
disable_lp $MOD_LIVEPATCH1
unload_lp $MOD_LIVEPATCH1

check_result "$(load_lines $MOD_LIVEPATCH1 also=test_klp_int3_traced traced=1)
$(unload_lines $MOD_LIVEPATCH1)
$(load_lines $MOD_LIVEPATCH1 also=do_idle traced=1)
$(unload_lines $MOD_LIVEPATCH1)"


# - A kprobe leaves no room for a jump: the breakpoint stays.
#
# - When the kprobe has gone, the function jumps after the next transition.

start_test "a kprobe where a jump is to be"

echo 2 > $PARAMS/probe || die "there is no kprobe"
load_lp $MOD_LIVEPATCH1
wait_method jump $MOD_LIVEPATCH1 test_klp_int3_plain
[[ $(method $MOD_LIVEPATCH1 test_klp_int3_branch) == int3 ]] ||
	die "method of branch is $(method $MOD_LIVEPATCH1 test_klp_int3_branch), expected int3"
wait_version 1
echo 0 > $PARAMS/probe
# An optimized one stays for a while.
loop_until '! grep -q test_klp_int3_branch "$SYSFS_KPROBES_DIR/list"' ||
	die "the kprobe is left"
load_lp $MOD_LIVEPATCH2
wait_jumps $MOD_LIVEPATCH2
wait_version 2
disable_lp $MOD_LIVEPATCH2
unload_lp $MOD_LIVEPATCH2
disable_lp $MOD_LIVEPATCH1
unload_lp $MOD_LIVEPATCH1
wait_version 0
expect_no_mix

check_result "$(load_lines $MOD_LIVEPATCH1)
$(load_lines $MOD_LIVEPATCH2)
$(unload_lines $MOD_LIVEPATCH2)
$(unload_lines $MOD_LIVEPATCH1)"


# CPUs that come online while there are breakpoints, and jumps, have to handle them.
# With only one CPU, there is none to go.
#
# - Hold the kthread in the original, and have all CPUs but one go and come.  Have
#   them go, let the functions jump, and have them come again.
#
# - The same on the way back.

start_test "CPUs come and go while there are breakpoints"

# expect_version(version) - check what tasks on other CPUs see
function expect_version() {
	local i

	for i in $OTHERS; do
		[[ $(taskset -c $i cat $PARAMS/version) == "$1" ]] ||
			die "cpu$i does not see version $1"
	done
}

hold 1
load_lp_nowait $MOD_LIVEPATCH1
wait_version 1
others 0
others 1
expect_methods int3 $MOD_LIVEPATCH1
expect_version 1
others 0
hold 0
wait_jumps $MOD_LIVEPATCH1
others 1
expect_version 1
hold 1
others 0
log "% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled"
echo 0 > "$SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled"
expect_methods int3 $MOD_LIVEPATCH1
wait_version 0
others 1
expect_version 0
hold 0
wait_gone $MOD_LIVEPATCH1
expect_version 0
expect_no_mix

check_result "$held_round"


# - A kprobe with a post_handler has hold of a function.  A breakpoint takes its
#   calls until it jumps.
#
# - A jump gets a breakpoint, too, to be disabled.  Where there can be none, disabling
#   is refused, and possible when ftrace is free again.

start_test "ftrace is somebody else's"

load_mod $MOD_KPROBE has_post_handler=y
load_lp $MOD_VMLINUX
grep -q "live patched" /proc/cmdline || die "the livepatch is not seen"
wait_method jump $MOD_VMLINUX cmdline_proc_show vmlinux
grep -q "live patched" /proc/cmdline || die "the livepatch is not seen any more"
disable_lp $MOD_VMLINUX
unload_lp $MOD_VMLINUX
grep -q "live patched" /proc/cmdline && die "the livepatch is still seen"
unload_mod $MOD_KPROBE
load_lp $MOD_VMLINUX
wait_method jump $MOD_VMLINUX cmdline_proc_show vmlinux
load_mod $MOD_KPROBE has_post_handler=y
grep -q "live patched" /proc/cmdline || die "the livepatch is not seen"
disable_lp $MOD_VMLINUX
unload_lp $MOD_VMLINUX
unload_mod $MOD_KPROBE
grep -q "live patched" /proc/cmdline && die "the livepatch is still seen"
load_lp $MOD_LIVEPATCH1 also=test_klp_int3_traced_call traced=1
wait_jumps $MOD_LIVEPATCH1
wait_method jump $MOD_LIVEPATCH1 test_klp_int3_traced_call
echo 3 > $PARAMS/probe || die "there is no kprobe"
log "% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled"
{ echo 0 > "$SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled"; } 2> /dev/null &&
	die "disabling is not refused"
check_sysfs_value $MOD_LIVEPATCH1 enabled 1
check_sysfs_value $MOD_LIVEPATCH1 transition 0
wait_jumps $MOD_LIVEPATCH1
wait_method jump $MOD_LIVEPATCH1 test_klp_int3_traced_call
wait_version 1
echo 0 > $PARAMS/probe
disable_lp $MOD_LIVEPATCH1
unload_lp $MOD_LIVEPATCH1
wait_version 0

once="$(load_lines $MOD_VMLINUX)"
off="$(unload_lines $MOD_VMLINUX)"
check_result "% insmod test_modules/$MOD_KPROBE.ko has_post_handler=y
$once
$off
% rmmod $MOD_KPROBE
$once
% insmod test_modules/$MOD_KPROBE.ko has_post_handler=y
$off
% rmmod $MOD_KPROBE
$(load_lines $MOD_LIVEPATCH1 also=test_klp_int3_traced_call traced=1)
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled
livepatch: function 'test_klp_int3_traced_call' is somebody else's in ftrace, \
and cannot have a breakpoint: begins with a call
$(unload_lines $MOD_LIVEPATCH1)"


# - Unload and load a module whose functions jump, and have breakpoints.

start_test "a module with breakpoints comes and goes"

load_lp $MOD_LIVEPATCH1
wait_jumps $MOD_LIVEPATCH1
unload_mod $MOD_TARGET
[[ $(method $MOD_LIVEPATCH1 test_klp_int3_plain) == none ]] ||
	die "a function jumps that is gone"
load_mod $MOD_TARGET
wait_version 1
hold 1
log "% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled"
echo 0 > "$SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled"
expect_methods int3 $MOD_LIVEPATCH1
unload_mod $MOD_TARGET
wait_gone $MOD_LIVEPATCH1
load_mod $MOD_TARGET
wait_version 0

check_result "$(load_lines $MOD_LIVEPATCH1)
% rmmod $MOD_TARGET
livepatch: reverting patch '$MOD_LIVEPATCH1' on unloading module '$MOD_TARGET'
% insmod test_modules/$MOD_TARGET.ko
livepatch: applying patch '$MOD_LIVEPATCH1' to loading module '$MOD_TARGET'
% echo 1 > $PARAMS/hold
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled
livepatch: '$MOD_LIVEPATCH1': initializing unpatching transition
livepatch: '$MOD_LIVEPATCH1': starting unpatching transition
% rmmod $MOD_TARGET
$MOD_TARGET: kthread saw version 1
livepatch: reverting patch '$MOD_LIVEPATCH1' on unloading module '$MOD_TARGET'
livepatch: '$MOD_LIVEPATCH1': completing unpatching transition
livepatch: '$MOD_LIVEPATCH1': unpatching complete
% rmmod $MOD_LIVEPATCH1
% insmod test_modules/$MOD_TARGET.ko"


# - A module that comes with a function that cannot have a breakpoint, and has to
#   have one, is refused.

start_test "a module comes that cannot be patched"

unload_mod $MOD_TARGET
load_lp $MOD_LIVEPATCH1 also=test_klp_int3_no_probe
load_failing_mod $MOD_TARGET
disable_lp $MOD_LIVEPATCH1
unload_lp $MOD_LIVEPATCH1
load_mod $MOD_TARGET
wait_version 0

check_result "% rmmod $MOD_TARGET
$(load_lines $MOD_LIVEPATCH1 also=test_klp_int3_no_probe)
% insmod test_modules/$MOD_TARGET.ko
livepatch: applying patch '$MOD_LIVEPATCH1' to loading module '$MOD_TARGET'
livepatch: function 'test_klp_int3_no_probe' $no: special text
livepatch: failed to apply patch '$MOD_LIVEPATCH1' to module '$MOD_TARGET' (-22)
livepatch: patch '$MOD_LIVEPATCH1' failed for module '$MOD_TARGET', \
refusing to load module '$MOD_TARGET'
insmod: ERROR: could not insert module test_modules/$MOD_TARGET.ko: Invalid parameters
$(unload_lines $MOD_LIVEPATCH1)
% insmod test_modules/$MOD_TARGET.ko"


# - Of a module that is just going, functions cannot have a breakpoint.

start_test "a module is about to go"

echo 1 > $PARAMS/linger
unload_mod $MOD_TARGET &
loop_until "[[ \$(cat /sys/module/$MOD_TARGET/initstate) == going ]]" ||
	die "the module does not go"
refused=""
refuse "function 'test_klp_int3_plain' $no: its module is going" \
	"Device or resource busy"
echo 0 > $PARAMS/linger
wait
load_mod $MOD_TARGET
wait_version 0

check_result "% rmmod $MOD_TARGET
$refused% insmod test_modules/$MOD_TARGET.ko"


# - Patch 5,000 functions that ftrace does not know.  All of them have breakpoints,
#   and jump then, and have breakpoints again on the way back.
#
# - The CPUs are not interrupted for the text of each of them.

start_test "5,000 functions without fentry"

TRACE=$SYSFS_TRACING_DIR/instances/livepatch_kselftest
EVENT=$TRACE/events/livepatch/klp_method_changed

# stop_tracing() - remove the instance of tracefs
function stop_tracing() {
	[[ -d $TRACE ]] || return
	echo 0 > $EVENT/enable
	echo nop > $TRACE/current_tracer
	rmdir $TRACE
}

# changed(from, to) - the number of functions whose method has changed like that
function changed() {
	grep -c " klp_method_changed: .* from=$1 to=$2\$" $TRACE/trace
}

# expect_changed(from, to) - wait until it is that of all functions
function expect_changed() {
	loop_until "[[ \$(changed $1 $2) -eq 5000 ]]" ||
		die "$(changed $1 $2) functions from $1 to $2"
}

load_mod $MOD_MANY
trap 'stop_tracing; cleanup' EXIT INT TERM HUP
mkdir $TRACE || die "no instance of tracefs"
echo 8192 > $TRACE/buffer_size_kb
echo do_sync_core > $TRACE/set_ftrace_filter || die "do_sync_core cannot be traced"
echo function > $TRACE/current_tracer
echo 1 > $EVENT/enable
load_lp $MOD_MANY_LIVEPATCH
expect_changed none int3
expect_versions 0 5000
expect_changed int3 jump
expect_versions 0 5000
disable_lp $MOD_MANY_LIVEPATCH
expect_changed jump int3
expect_versions 5000 0
rounds=$(grep -c " do_sync_core <-" $TRACE/trace)
# 30 with one CPU
[[ $rounds -gt 0 && $rounds -le $((100 * $(getconf _NPROCESSORS_ONLN))) ]] ||
	die "the CPUs were interrupted $rounds times"
stop_tracing
trap cleanup EXIT INT TERM HUP
unload_lp $MOD_MANY_LIVEPATCH
unload_mod $MOD_MANY

check_result "% insmod test_modules/$MOD_MANY.ko
$(load_lines $MOD_MANY_LIVEPATCH)
$(unload_lines $MOD_MANY_LIVEPATCH)
% rmmod $MOD_MANY"


# - Tasks, interrupts and softirqs call the functions all the time, while they are
#   patched, settled, patched again, replaced and restored.  One invocation never
#   sees two versions.

start_test "breakpoints come and go under load"

LOAD=
trap '[[ -z "$LOAD" ]] || kill $LOAD; cleanup' EXIT INT TERM HUP
for cpu in 1 2 3; do
	while [[ -e $SYSFS_KLP_DIR ]]; do cat $PARAMS/check; done > /dev/null 2>&1 &
	LOAD+=" $!"
done
for round in 1 2 3 4; do
	load_lp $MOD_LIVEPATCH1
	# Before it could settle, or after
	[[ $round -eq 2 ]] || wait_jumps $MOD_LIVEPATCH1
	load_lp $MOD_LIVEPATCH2 replace=1
	wait_gone $MOD_LIVEPATCH1
	wait_version 2
	[[ $round -eq 3 ]] || wait_jumps $MOD_LIVEPATCH2
	disable_lp $MOD_LIVEPATCH2
	wait_version 0
	unload_lp $MOD_LIVEPATCH2
done
kill $LOAD
wait $LOAD 2> /dev/null
trap cleanup EXIT INT TERM HUP
expect_no_mix

unload_mod $MOD_TARGET

one_round="$(load_lines $MOD_LIVEPATCH1)
$(load_lines $MOD_LIVEPATCH2 replace=1)
% rmmod $MOD_LIVEPATCH1
$(unload_lines $MOD_LIVEPATCH2)"

check_result "$one_round
$one_round
$one_round
$one_round
% rmmod $MOD_TARGET"

exit 0
