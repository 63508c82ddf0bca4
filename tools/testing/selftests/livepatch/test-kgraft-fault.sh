#!/bin/bash
# SPDX-License-Identifier: GPL-2.0

. $(dirname $0)/functions.sh
. $(dirname $0)/functions-universe.sh

MOD_OTHER=test_klp_universe_other
MOD_VMLINUX=test_klp_livepatch
MOD_REPLACE=test_klp_atomic_replace

FAILSLAB=$SYSFS_DEBUG_DIR/failslab
MANY=1000000

declare -A SETTINGS	# is put back in the end

# set_fault(attribute, value) - for slab and pages alike, as far as they have it
function set_fault() {
	local file

	for file in "$SYSFS_DEBUG_DIR"/fail{slab,_page_alloc}/$1; do
		[[ -e "$file" ]] || continue
		[[ -n "${SETTINGS[$file]}" ]] || SETTINGS[$file]=$(cat "$file")
		echo "$2" > "$file"
	done
}

# expect_version(version [, module]) - check what a task sees that comes from
#				       user space
function expect_version() {
	local version=$(cat "/sys/module/${2:-$MOD_TARGET}/parameters/version")

	[[ "$version" == "$1" ]] ||
		die "${2:-$MOD_TARGET}: version $version seen, expected $1"
}

# expect_none(module ...) - nothing is left of these livepatches
function expect_none() {
	local mod

	for mod in "$@"; do
		[[ ! -e "$SYSFS_KLP_DIR/$mod" ]] || die "$nth: $mod is left in sysfs"
		[[ ! -e "/sys/module/$mod" ]] || die "$nth: $mod is left"
	done
}

# attached() - the functions that are sent away by ftrace, and how many do that,
#	       without the addresses that some architectures show
function attached() {
	grep -o '^[^(]*test_klp[^(]*([0-9]*)' "$SYSFS_TRACING_DIR/enabled_functions"
}

# settle() - wait until ftrace has let go of the functions, where it does that
function settle() {
	[[ ! -e /sys/module/livepatch/parameters/method ]] ||
		loop_until '[[ -z "$(attached)" ]]' ||
		die "$nth: functions stay attached: $(attached)"
}

# only_within(function) - let only allocations fail that this function of the
#			  kernel makes, or what it calls; all, if it has no name.
#			  Where the kernel cannot tell, this takes longer.
function only_within() {
	local start=0 end=0xffffffffffffffff

	[[ -e "$FAILSLAB/require-start" ]] || return
	[[ -z "$1" ]] || read -r start end < <(awk -v name="$1" '
		start && $1 != start { print "0x" start, "0x" $1; exit }
		$3 == name { start = $1 }' /proc/kallsyms)
	set_fault require-start "$start"
	set_fault require-end "$end"
}

# fail(what, arguments ...) - do something with the nth allocation failing
#
# Returns false if there is no such allocation.  Sets $result.
function fail() {
	result=$(./test_klp-fail_nth "$nth" "$@")
	case $? in
	0) return 0 ;;
	1) return 1 ;;
	*) die "cannot inject faults" ;;
	esac
}

# fail_always(function) - let all allocations fail that this function of the kernel
#			  makes, or what it calls, whoever calls it
function fail_always() {
	only_within "$1"
	echo N > "$FAILSLAB/task-filter"
	echo $MANY > "$FAILSLAB/times"
	echo 100 > "$FAILSLAB/probability"
}

# failures() - how many have failed since then
function failures() {
	echo $((MANY - $(cat "$FAILSLAB/times")))
}

# fail_no_more() - let none fail any more
function fail_no_more() {
	echo 0 > "$FAILSLAB/probability"
	echo "$TIMES" > "$FAILSLAB/times"
	echo "$TASK_FILTER" > "$FAILSLAB/task-filter"
}

# wait_transition(modname) - wait until a transition completes
function wait_transition() {
	loop_until "grep -q '^0$' $SYSFS_KLP_DIR/$1/transition" ||
		die "$nth: failed to complete transition of $1"
}

# disable(modname) - disable a livepatch and unload it
function disable() {
	echo 0 > "$SYSFS_KLP_DIR/$1/enabled" || die "cannot disable $1"
	loop_until "[[ ! -e $SYSFS_KLP_DIR/$1 ]]" || die "failed to disable $1"
	loop_until "[[ \$(cat /sys/module/$1/refcnt) == 0 ]]" ||
		die "$nth: $1 is still referenced"
	rmmod "$1" || die "cannot unload $1"
}

function cleanup_fault() {
	local file

	fail_no_more
	for file in "${!SETTINGS[@]}"; do
		echo "${SETTINGS[$file]}" > "$file"
	done
	cleanup
}

[[ -e /proc/self/fail-nth && -e "$FAILSLAB" ]] ||
	skip "the kernel cannot let memory allocations fail"

setup_config
TASK_FILTER=$(cat "$FAILSLAB/task-filter")
TIMES=$(cat "$FAILSLAB/times")
trap cleanup_fault EXIT INT TERM HUP
set_fault ignore-gfp-wait N
set_fault ignore-gfp-highmem N
set_fault verbose 0
# Only where no page fault of the task itself would fail
[[ ! -e "$FAILSLAB/require-start" ]] || set_fault min-order 0

load_mod $MOD_TARGET


# - Let each memory allocation of the system call that loads a livepatch fail, one
#   at a time, until there is none left.
#
# - Where it fails for that, nothing is left of the livepatch, and the functions
#   are the original ones.  Where it can do without, the livepatch works, and can
#   be disabled.

start_test "enable a livepatch, out of memory"

only_within klp_enable_patch
failed=0
for ((nth = 1; ; nth++)); do
	fail load test_modules/$MOD_LIVEPATCH1.ko "" || break
	if [[ "$result" == ok ]]; then
		expect_version 1
		disable $MOD_LIVEPATCH1
	else
		failed=$((failed + 1))
	fi
	expect_none $MOD_LIVEPATCH1
	[[ -z "$(attached)" ]] || die "$nth: functions are left attached: $(attached)"
	expect_version 0
done
[[ "$result" == ok ]] || die "load without a fault: $result"
log "$nth allocations, failed $failed times"
[[ $failed -gt 20 ]] || die "failed only $failed times"
# ftrace is one of those that fail.
dmesg | grep -qF "livepatch: failed to set ftrace filter for object '$MOD_TARGET' (-12)" ||
	die "it was not told that ftrace failed"
expect_version 1
echo "ok"


# - The same for another livepatch, on top of the first one, which it replaces.
#   Where it fails, the first one remains in use.

start_test "replace a livepatch, out of memory"

settle
before=$(attached)
failed=0
for ((nth = 1; ; nth++)); do
	fail load test_modules/$MOD_LIVEPATCH2.ko "replace=1" || break
	if [[ "$result" == ok ]]; then
		expect_version 2
		# Reversed in transition, it would not have replaced anything.
		wait_transition $MOD_LIVEPATCH2
		disable $MOD_LIVEPATCH2
		unload_lp $MOD_LIVEPATCH1
		load_lp $MOD_LIVEPATCH1
	else
		failed=$((failed + 1))
	fi
	expect_none $MOD_LIVEPATCH2
	settle
	[[ "$(attached)" == "$before" ]] || die "$nth: $(attached) attached"
	expect_version 1
done
[[ "$result" == ok ]] || die "load without a fault: $result"
log "$nth allocations, failed $failed times"
[[ $failed -gt 20 ]] || die "failed only $failed times"
expect_version 2
wait_transition $MOD_LIVEPATCH2
disable $MOD_LIVEPATCH2
unload_lp $MOD_LIVEPATCH1
expect_version 0
echo "ok"


# - The same for a livepatch that replaces one of another function.  That one gets
#   its original back then.

start_test "replace a livepatch of another function, out of memory"

# expect_patched(file) - this is what is live patched, in /proc, and nothing else is
function expect_patched() {
	local patched=$(grep -l "live patched" /proc/cmdline /proc/meminfo)

	[[ "$patched" == "$1" ]] || die "$nth: live patched is '$patched', expected '$1'"
}

load_lp $MOD_VMLINUX
failed=0
for ((nth = 1; ; nth++)); do
	fail load test_modules/$MOD_REPLACE.ko "replace=1" || break
	if [[ "$result" == ok ]]; then
		wait_transition $MOD_REPLACE
		expect_patched /proc/meminfo
		disable $MOD_REPLACE
		unload_lp $MOD_VMLINUX
		load_lp $MOD_VMLINUX
	else
		failed=$((failed + 1))
	fi
	expect_none $MOD_REPLACE
	expect_patched /proc/cmdline
done
[[ "$result" == ok ]] || die "load without a fault: $result"
log "$nth allocations, failed $failed times"
[[ $failed -gt 20 ]] || die "failed only $failed times"
wait_transition $MOD_REPLACE
expect_patched /proc/meminfo
disable $MOD_REPLACE
unload_lp $MOD_VMLINUX
expect_patched ""
echo "ok"


# - Load another module that a livepatch patches, while the livepatch is in
#   transition.  Where that fails, the module is not there, none of its functions
#   is attached, and the livepatch works on.

start_test "load a patched module, out of memory"

only_within klp_module_coming
hold 1
load_lp_nowait $MOD_LIVEPATCH1
before=$(attached)
failed=0
for ((nth = 1; ; nth++)); do
	fail load test_modules/$MOD_OTHER.ko "" || break
	if [[ "$result" == ok ]]; then
		expect_version 1 $MOD_OTHER
		rmmod $MOD_OTHER || die "$nth: cannot unload $MOD_OTHER"
	else
		failed=$((failed + 1))
	fi
	[[ ! -e "/sys/module/$MOD_OTHER" ]] || die "$nth: $MOD_OTHER is left"
	[[ "$(attached)" == "$before" ]] || die "$nth: $(attached) attached"
	expect_version 1
done
[[ "$result" == ok ]] || die "load without a fault: $result"
log "$nth allocations, failed $failed times"
[[ $failed -gt 5 ]] || die "failed only $failed times"
expect_version 1 $MOD_OTHER
echo "ok"


# - Enable another livepatch, with the first one still in transition, and disable
#   it: that must not fail for want of memory, once the write gets there.
#
# - Enable it again, which may.  Then it is still going away.

start_test "reverse a livepatch, out of memory"

# A page fault of the task itself, which comes before, is not to fail.
only_within kernfs_fop_write_iter
load_lp_nowait $MOD_LIVEPATCH2
failed=0
for ((nth = 1; ; nth++)); do
	fail write "$SYSFS_KLP_DIR/$MOD_LIVEPATCH2/enabled" 0
	off=$?
	[[ "$result" == ok || "$result" == "Cannot allocate memory" ]] ||
		die "$nth: disable: $result"
	# The write may fail before it gets to the livepatch.
	if [[ "$result" != ok ]]; then
		expect_version 2
		failed=$((failed + 1))
		echo 0 > "$SYSFS_KLP_DIR/$MOD_LIVEPATCH2/enabled" || die "$nth: disable"
	fi
	expect_version 1
	expect_version 1 $MOD_OTHER
	fail write "$SYSFS_KLP_DIR/$MOD_LIVEPATCH2/enabled" 1
	on=$?
	if [[ "$result" != ok ]]; then
		[[ "$result" == "Cannot allocate memory" ]] || die "$nth: enable: $result"
		failed=$((failed + 1))
		expect_version 1
		echo 1 > "$SYSFS_KLP_DIR/$MOD_LIVEPATCH2/enabled" || die "$nth: enable"
	fi
	expect_version 2
	expect_version 2 $MOD_OTHER
	[[ $off -eq 1 && $on -eq 1 ]] && break
done
log "$nth allocations, failed $failed times"
[[ $failed -gt 2 ]] || die "failed only $failed times"
hold 0
wait_transition $MOD_LIVEPATCH2
disable $MOD_LIVEPATCH2
echo "ok"


# - Disable a livepatch that is not in transition.  It is gone in the end.

start_test "disable a livepatch, out of memory"

for ((nth = 1; ; nth++)); do
	fail write "$SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled" 0
	off=$?
	[[ "$result" == ok ]] || disable $MOD_LIVEPATCH1
	if [[ "$result" == ok ]]; then
		loop_until "[[ ! -e $SYSFS_KLP_DIR/$MOD_LIVEPATCH1 ]]" ||
			die "$nth: failed to disable $MOD_LIVEPATCH1"
		unload_lp $MOD_LIVEPATCH1
	fi
	expect_none $MOD_LIVEPATCH1
	[[ -z "$(attached)" ]] || die "$nth: functions are left attached: $(attached)"
	expect_version 0
	expect_version 0 $MOD_OTHER
	[[ $off -eq 1 ]] && break
	load_lp $MOD_LIVEPATCH1
done
log "$nth allocations"
unload_mod $MOD_OTHER
echo "ok"


# What follows is about memory that nobody asks for by a system call: a worker
# needs it.  It has to be told from others by what calls it.
if [[ ! -e "$FAILSLAB/require-start" ]]; then
	unload_mod $MOD_TARGET
	exit 0
fi


# - Hold a kthread in the original.  Enable a livepatch, with no memory for what
#   must not be on the stacks of the tasks, again and again.  So no stack can be
#   checked, and nobody is migrated but by themselves.
#
# - Let the kthread go, which changes nothing.  Let there be memory.  The next
#   poll has it, and the transition completes.

start_test "migrate tasks, out of memory"

hold 1
fail_always klp_prepare_ranges
load_lp_nowait $MOD_LIVEPATCH1
wait_version 1
# One is at its birth, and two are in the worker at least.
loop_until '[[ $(failures) -ge 4 ]]' || die "failed only $(failures) times"
hold 0
seen=$(failures)
loop_until '[[ $(failures) -gt $((seen + 1)) ]]' || die "it is not tried again"
check_sysfs_value $MOD_LIVEPATCH1 transition 1
fail_no_more
wait_transition $MOD_LIVEPATCH1
expect_no_mix

check_result "% echo 1 > $PARAMS/hold
% insmod test_modules/$MOD_LIVEPATCH1.ko
livepatch: enabling patch '$MOD_LIVEPATCH1'
livepatch: '$MOD_LIVEPATCH1': initializing patching transition
livepatch: '$MOD_LIVEPATCH1': starting patching transition
% echo 0 > $PARAMS/hold
$MOD_TARGET: kthread 0 saw version 0
livepatch: '$MOD_LIVEPATCH1': completing patching transition
livepatch: '$MOD_LIVEPATCH1': patching complete"


# - Hold a kthread in the livepatch, and disable that.  Enable it again, with no
#   memory to see that the kthread need not be waited for.
#
# - Let there be memory.  The transition completes, with the kthread still there.

start_test "skip universes, out of memory"

hold 1
log "% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled"
echo 0 > "$SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled"
wait_version 0
fail_always klp_prepare_ranges
log "% echo 1 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled"
echo 1 > "$SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled"
wait_version 1
loop_until '[[ $(failures) -ge 4 ]]' || die "failed only $(failures) times"
check_sysfs_value $MOD_LIVEPATCH1 transition 1
fail_no_more
wait_transition $MOD_LIVEPATCH1
hold 0
expect_no_mix
disable_lp $MOD_LIVEPATCH1
unload_lp $MOD_LIVEPATCH1

check_result "% echo 1 > $PARAMS/hold
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled
livepatch: '$MOD_LIVEPATCH1': initializing unpatching transition
livepatch: '$MOD_LIVEPATCH1': starting unpatching transition
% echo 1 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled
livepatch: '$MOD_LIVEPATCH1': reversing transition from unpatching to patching
livepatch: '$MOD_LIVEPATCH1': starting patching transition
livepatch: '$MOD_LIVEPATCH1': completing patching transition
livepatch: '$MOD_LIVEPATCH1': patching complete
% echo 0 > $PARAMS/hold
$MOD_TARGET: kthread 0 saw version 1
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled
livepatch: '$MOD_LIVEPATCH1': initializing unpatching transition
livepatch: '$MOD_LIVEPATCH1': starting unpatching transition
livepatch: '$MOD_LIVEPATCH1': completing unpatching transition
livepatch: '$MOD_LIVEPATCH1': unpatching complete
% rmmod $MOD_LIVEPATCH1"


# The rest is about functions that jump.
if [[ ! -e /sys/module/livepatch/parameters/method ]]; then
	unload_mod $MOD_TARGET
	exit 0
fi


# - Enable a livepatch, with no memory to let its functions jump.  They do not,
#   and the livepatch works.
#
# - Let there be memory.  Functions jump when it is tried again.

start_test "let functions jump, out of memory"

fail_always klp_install_jumps
load_lp $MOD_LIVEPATCH1
loop_until '[[ $(failures) -ge 2 ]]' || die "failed only $(failures) times"
[[ -n "$(attached)" ]] || die "functions are not attached"
expect_version 1
fail_no_more
settle
expect_version 1
expect_no_mix
disable_lp $MOD_LIVEPATCH1
unload_lp $MOD_LIVEPATCH1
expect_version 0

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
% rmmod $MOD_LIVEPATCH1"


# - Keep one function with ftrace, by a kprobe.  Enable a livepatch, with no memory
#   to have ftrace let go of the others, which jump.  They stay attached.
#
# - Let there be memory, and disable the livepatch.  Nothing is left attached.

start_test "let go of functions, out of memory"

function=test_klp_universe_b
echo "p:inside $function+$(site $function)" > "$SYSFS_TRACING_DIR/kprobe_events"
echo 1 > "$SYSFS_TRACING_DIR/events/kprobes/inside/enable"
fail_always klp_detach_idle
load_lp $MOD_LIVEPATCH2
loop_until '[[ $(failures) -ge 1 ]]' || die "no allocation has failed"
fail_no_more
[[ $(attached | wc -l) -eq 3 ]] ||
	die "functions are not attached: $(attached)"
expect_version 2
expect_no_mix
disable_lp $MOD_LIVEPATCH2
unload_lp $MOD_LIVEPATCH2
echo 0 > "$SYSFS_TRACING_DIR/events/kprobes/inside/enable"
echo > "$SYSFS_TRACING_DIR/kprobe_events"
[[ -z "$(attached)" ]] || die "functions are left attached: $(attached)"
expect_version 0
expect_no_mix

check_result "% insmod test_modules/$MOD_LIVEPATCH2.ko
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


unload_mod $MOD_TARGET

exit 0
