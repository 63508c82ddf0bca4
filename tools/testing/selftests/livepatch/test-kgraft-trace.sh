#!/bin/bash
# SPDX-License-Identifier: GPL-2.0

. $(dirname $0)/functions.sh
. $(dirname $0)/functions-universe.sh

MOD_HOG=test_klp_hog
MOD_LIVEPATCH=test_klp_universe_patch1

TRACE=$SYSFS_TRACING_DIR/instances/livepatch_kselftest
EVENTS=$SYSFS_TRACING_DIR/kprobe_events
ADVANCE=kselftest_klp_advance
NR_CPUS=$(getconf _NPROCESSORS_ONLN)

# set_enabled(value) - enable or disable, do not wait
function set_enabled() {
	log "% echo $1 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH/enabled"
	echo "$1" > "$SYSFS_KLP_DIR/$MOD_LIVEPATCH/enabled"
}

# wait_patched() - wait until the transition is complete
function wait_patched() {
	loop_until 'grep -q '^0$' $SYSFS_KLP_DIR/$MOD_LIVEPATCH/transition' ||
		die "failed to complete transition"
}

# wait_gone() - wait until the livepatch is disabled, and unload it
function wait_gone() {
	loop_until '[[ ! -e "$SYSFS_KLP_DIR/$MOD_LIVEPATCH" ]]' ||
		die "failed to disable livepatch $MOD_LIVEPATCH"
	unload_lp $MOD_LIVEPATCH
}

function start_tracing() {
	mkdir "$TRACE" || die "no instance of tracefs"
	# Events of all CPUs in the order in which they happen
	echo counter > "$TRACE/trace_clock"
	echo 1 > "$TRACE/events/livepatch/enable"
}

function stop_tracing() {
	[[ -d "$TRACE" ]] || return
	echo 0 > "$TRACE/events/livepatch/enable"
	if [[ -d "$TRACE/events/kprobes/$ADVANCE" ]]; then
		echo 0 > "$TRACE/events/kprobes/$ADVANCE/enable"
		echo "-:$ADVANCE" >> "$EVENTS"
	fi
	rmdir "$TRACE"
}

# events() - print the events, without what is in front of their names
function events() {
	sed -n 's/^.* \(klp_[a-z_]*: .*\)/\1/p' "$TRACE/trace"
}

# check_changes(lines) - check the events that begin and end transitions
function check_changes() {
	local expected="$1"
	local seen=$(events | grep -E '^klp_(universe_born|transition_complete): ')

	[[ "$seen" == "$expected" ]] ||
		die "expected events: $expected, seen: $seen"
}

# check_kthread(from, to, how) - check that there is one event that tells of the
#				 kthread, and what it says
function check_kthread() {
	local pid=$(grep -lx 'test_universe/0' /proc/[0-9]*/comm | tr -cd '0-9')
	local line="klp_task_migrated: comm=test_universe/0 pid=$pid"
	local seen=$(events | grep -F " comm=test_universe/0 ")

	[[ "$seen" =~ ^"$line from=$1 to=$2 how="($3)$ ]] ||
		die "unexpected events of the kthread: $seen"
}

# check_order() - check that each event makes sense after those before.  A task
#		  goes to a universe that is the newest one or has just ceased to
#		  be that, never steps back, and nobody leaves an old universe
#		  after the transition that has waited for that.
function check_order() {
	local wrong=$(events | awk -v born="$universe" '
		{
			for (i = 2; i <= NF; i++) {
				split($i, field, "=")
				value[field[1]] = field[2]
			}
			task = value["pid"] ? value["pid"] : value["comm"]
			from = value["from"] + 0
			to = value["to"] + 0
			number = value["universe"] + 0
		}
		$1 == "klp_universe_born:" {
			if (number != born + 1)
				print
			born = number
		}
		$1 == "klp_transition_complete:" {
			if (number > born || number <= done)
				print
			done = number
		}
		$1 == "klp_task_migrated:" {
			if (from >= to || to > born || to < last[task] || from < done ||
			    value["how"] !~ /^(user|idle|schedule|walk|kick|same|force)$/)
				print
			last[task] = to
			migrated++
		}
		END {
			if (!migrated)
				print "no task has migrated"
		}')

	[[ "$wrong" == "" ]] || die "events that make no sense: $wrong"
}

setup_config
trap 'stop_tracing; cleanup' EXIT INT TERM HUP
load_mod $MOD_TARGET


# - Hold a kthread in the original, which keeps a livepatch in transition.  All
#   others migrate.
#
# - Let it go.  It is found outside of the function, and the transition completes.
#
# - Disable the livepatch.

start_test "trace a transition"

universe=$(cat $UNIVERSE)
hold 1
start_tracing
load_lp_nowait $MOD_LIVEPATCH
check_changes "klp_universe_born: universe=$((universe + 1)) patch=$MOD_LIVEPATCH on=1"
events | grep -q " comm=test_universe/1 .* from=$universe to=$((universe + 1)) " ||
	die "no event of a kthread that is not held"
events | grep -q " comm=test_universe/0 " &&
	die "an event of the kthread that is held"
hold 0
wait_patched
check_kthread "$universe" $((universe + 1)) "walk|kick"
disable_lp $MOD_LIVEPATCH
unload_lp $MOD_LIVEPATCH
check_changes "klp_universe_born: universe=$((universe + 1)) patch=$MOD_LIVEPATCH on=1
klp_transition_complete: universe=$((universe + 1)) patch=$MOD_LIVEPATCH on=1
klp_universe_born: universe=$((universe + 2)) patch=$MOD_LIVEPATCH on=0
klp_transition_complete: universe=$((universe + 2)) patch=$MOD_LIVEPATCH on=0"
check_order
stop_tracing

check_result "% echo 1 > $PARAMS/hold
% insmod test_modules/$MOD_LIVEPATCH.ko
livepatch: enabling patch '$MOD_LIVEPATCH'
livepatch: '$MOD_LIVEPATCH': initializing patching transition
livepatch: '$MOD_LIVEPATCH': starting patching transition
% echo 0 > $PARAMS/hold
$MOD_TARGET: kthread 0 saw version 0
livepatch: '$MOD_LIVEPATCH': completing patching transition
livepatch: '$MOD_LIVEPATCH': patching complete
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH/enabled
livepatch: '$MOD_LIVEPATCH': initializing unpatching transition
livepatch: '$MOD_LIVEPATCH': starting unpatching transition
livepatch: '$MOD_LIVEPATCH': completing unpatching transition
livepatch: '$MOD_LIVEPATCH': unpatching complete
% rmmod $MOD_LIVEPATCH"


# A task may migrate as soon as klp_advance_universe() has raised the number of the
# newest universe.  Whoever follows the events must have heard of it by then.
#
# - Have a kprobe tell when that is about to happen.  Enable and disable the
#   livepatch.  The event of the birth comes first.

start_test "trace the birth of a universe"

universe=$(cat $UNIVERSE)
start_tracing
if [[ -e "$EVENTS" ]]; then
	echo "p:$ADVANCE klp_advance_universe" >> "$EVENTS" ||
		die "no probe of klp_advance_universe()"
	echo 1 > "$TRACE/events/kprobes/$ADVANCE/enable"
fi
load_lp $MOD_LIVEPATCH
disable_lp $MOD_LIVEPATCH
unload_lp $MOD_LIVEPATCH
if [[ -e "$EVENTS" ]]; then
	seen=$(grep -o "$ADVANCE:\|klp_universe_born: universe=[0-9]*" "$TRACE/trace")
	[[ "$seen" == "klp_universe_born: universe=$((universe + 1))
$ADVANCE:
klp_universe_born: universe=$((universe + 2))
$ADVANCE:" ]] || die "a universe is not born when it is told: $seen"
fi
check_order
stop_tracing

check_result "% insmod test_modules/$MOD_LIVEPATCH.ko
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


# - Hold a kthread in the original, and reverse the transition.  It sees no
#   difference and goes straight to the newest universe; how depends on whether it
#   happens to run.  Only the transition back completes.

start_test "trace a reversed transition"

universe=$(cat $UNIVERSE)
hold 1
start_tracing
load_lp_nowait $MOD_LIVEPATCH
set_enabled 0
wait_gone
check_kthread "$universe" $((universe + 2)) "walk|kick|same"
check_changes "klp_universe_born: universe=$((universe + 1)) patch=$MOD_LIVEPATCH on=1
klp_universe_born: universe=$((universe + 2)) patch=$MOD_LIVEPATCH on=0
klp_transition_complete: universe=$((universe + 2)) patch=$MOD_LIVEPATCH on=0"
check_order
stop_tracing
hold 0

check_result "% echo 1 > $PARAMS/hold
% insmod test_modules/$MOD_LIVEPATCH.ko
livepatch: enabling patch '$MOD_LIVEPATCH'
livepatch: '$MOD_LIVEPATCH': initializing patching transition
livepatch: '$MOD_LIVEPATCH': starting patching transition
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH/enabled
livepatch: '$MOD_LIVEPATCH': reversing transition from patching to unpatching
livepatch: '$MOD_LIVEPATCH': starting unpatching transition
livepatch: '$MOD_LIVEPATCH': completing unpatching transition
livepatch: '$MOD_LIVEPATCH': unpatching complete
% rmmod $MOD_LIVEPATCH
% echo 0 > $PARAMS/hold
$MOD_TARGET: kthread 0 saw version 0"


# - Hold a kthread in the original, and force the transition.

start_test "trace a forced transition"

universe=$(cat $UNIVERSE)
hold 1
start_tracing
load_lp_nowait $MOD_LIVEPATCH
log "% echo 1 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH/force"
echo 1 > "$SYSFS_KLP_DIR/$MOD_LIVEPATCH/force"
wait_patched
check_kthread "$universe" $((universe + 1)) force
check_changes "klp_universe_born: universe=$((universe + 1)) patch=$MOD_LIVEPATCH on=1
klp_transition_complete: universe=$((universe + 1)) patch=$MOD_LIVEPATCH on=1"
check_order
stop_tracing
disable_lp $MOD_LIVEPATCH
unload_lp $MOD_LIVEPATCH
hold 0

check_result "% echo 1 > $PARAMS/hold
% insmod test_modules/$MOD_LIVEPATCH.ko
livepatch: enabling patch '$MOD_LIVEPATCH'
livepatch: '$MOD_LIVEPATCH': initializing patching transition
livepatch: '$MOD_LIVEPATCH': starting patching transition
% echo 1 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH/force
livepatch: forcing remaining tasks to the patched state
livepatch: '$MOD_LIVEPATCH': completing patching transition
livepatch: '$MOD_LIVEPATCH': patching complete
% echo 0 > $SYSFS_KLP_DIR/$MOD_LIVEPATCH/enabled
livepatch: '$MOD_LIVEPATCH': initializing unpatching transition
livepatch: '$MOD_LIVEPATCH': starting unpatching transition
livepatch: '$MOD_LIVEPATCH': completing unpatching transition
livepatch: '$MOD_LIVEPATCH': unpatching complete
% rmmod $MOD_LIVEPATCH
% echo 0 > $PARAMS/hold
$MOD_TARGET: kthread 0 saw version 0"


# A task that sleeps in a patched function cannot be migrated by others, and
# does so when it returns to user space.
#
# - Let a task read a file again and again, which takes it there, mostly asleep.
#
# - Enable and disable the livepatch, until it was caught there.  How often that
#   takes is not known, so the log is not looked at.

start_test "trace a task that returns to user space"

universe=$(cat $UNIVERSE)
start_tracing
while [[ -d "$TRACE" ]]; do read -r < "$PARAMS/check"; done &
reader=$!
for ((i = 0; i < 20; i++)); do
	load_lp $MOD_LIVEPATCH
	disable_lp $MOD_LIVEPATCH
	unload_lp $MOD_LIVEPATCH
	events | grep -q " pid=$reader .* how=user$" && break
done
events | grep -q " pid=$reader .* how=user$" ||
	die "no event of a task that returned to user space"
check_order
stop_tracing
wait
echo "ok"


# The idle tasks migrate, too.  One that runs is woken up, and does so itself in the
# idle loop.
#
# - Enable and disable the livepatch, until one was caught running.  That takes a
#   second CPU.  They all migrate once for each universe, whatever takes them there.

start_test "trace the idle tasks"

# swappers(from) - print the idle tasks that leave a universe for the next one
function swappers() {
	events | sed -n "s|^.* comm=\(swapper/[0-9]*\) pid=0 from=$1 to=$(($1 + 1)) .*|\1|p"
}

universe=$(cat $UNIVERSE)
idle=$(seq -f "swapper/%.0f" 0 $(sed 's/.*-//' /sys/devices/system/cpu/possible))
own=" <idle>-0 .* klp_task_migrated: comm=swapper/[0-9]* pid=0 .* how=idle$"
start_tracing
for ((i = 0; i < 20; i++)); do
	load_lp $MOD_LIVEPATCH
	disable_lp $MOD_LIVEPATCH
	unload_lp $MOD_LIVEPATCH
	[[ $NR_CPUS -gt 1 ]] && ! grep -q "$own" "$TRACE/trace" || break
done
grep -q "$own" "$TRACE/trace" || [[ $NR_CPUS -eq 1 ]] ||
	die "no idle task has migrated by itself"
for ((i = universe; i < $(cat $UNIVERSE); i++)); do
	[[ "$(swappers $i | sort -V)" == "$idle" ]] ||
		die "from $i, these idle tasks have migrated: $(swappers $i)"
done
check_order
stop_tracing
echo "ok"


# - Have a task sleep until nothing but the poll, once a second, looks after it, and
#   kill it.  The transition completes when it has migrated, and not with a poll.
#
# - Do that at five times that are evenly spread between two polls.  Two may be so
#   near to a poll that this would do, and a busy machine may be late now and then.

start_test "complete a transition without a poll"

delays=
for i in 0 200 400 600 800; do
	cat $PARAMS/asleep > /dev/null 2>&1 &
	reader=$!
	trap 'kill $reader; cleanup' EXIT INT TERM HUP
	loop_until "grep -q test_klp_universe_sleep /proc/$reader/stack" ||
		die "the task does not sleep"
	load_lp_nowait $MOD_LIVEPATCH
	wait=$((2000 + i - 10#${EPOCHREALTIME#*.} / 1000))
	sleep $(printf "%d.%03d" $((wait / 1000)) $((wait % 1000)))
	start=${EPOCHREALTIME/./}
	kill $reader
	loop_until "grep -q '^0$' $SYSFS_KLP_DIR/$MOD_LIVEPATCH/transition" ||
		die "failed to complete transition"
	delays+=" $(((${EPOCHREALTIME/./} - start) / 1000))"
	wait $reader 2> /dev/null
	trap cleanup EXIT INT TERM HUP
	disable_lp $MOD_LIVEPATCH
	unload_lp $MOD_LIVEPATCH
done
[[ $(tr ' ' '\n' <<< "$delays" | awk '$1 && $1 < 300' | wc -l) -ge 3 ]] ||
	die "transitions end late, after$delays ms"
echo "ok"


# - Have kthreads that never sleep.  On more than one CPU, some are running when
#   somebody looks, and are preempted to migrate.

start_test "trace kthreads that never sleep"

universe=$(cat $UNIVERSE)
trap 'stop_tracing; rmmod $MOD_HOG 2> /dev/null; cleanup' EXIT INT TERM HUP
load_mod $MOD_HOG
start_tracing
for ((i = 0; i < 10; i++)); do
	load_lp $MOD_LIVEPATCH
	disable_lp $MOD_LIVEPATCH
	unload_lp $MOD_LIVEPATCH
	kicked=$(events | grep -c " comm=test_klp_hog/.* how=kick$")
	[[ $kicked -eq 0 && $NR_CPUS -gt 1 ]] || break
done
[[ $kicked -gt 0 || $NR_CPUS -eq 1 ]] || die "no kthread was preempted"
check_order
stop_tracing
unload_mod $MOD_HOG
unload_mod $MOD_TARGET
echo "ok"

exit 0
