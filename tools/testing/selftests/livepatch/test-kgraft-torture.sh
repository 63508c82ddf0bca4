#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Random transitions under load.  By the environment:
#
# KLP_TORTURE_SECONDS	begin no other round after that (25)
# KLP_TORTURE_SEED	the same seed makes the same choices (1)
# KLP_TORTURE_THREADS	kthreads that call the functions (3)
# KLP_TORTURE_MIX	who calls them, see "modinfo test_klp_torture" (15)
# KLP_TORTURE_FORCE	not empty: end with a round of "force", after which there
#			can be livepatches that can never be unloaded

. $(dirname $0)/functions.sh
. $(dirname $0)/functions-universe.sh

MOD_TARGET=test_klp_torture
PATCH=${MOD_TARGET}_patch
PARAMS=/sys/module/$MOD_TARGET/parameters
CHECK=/sys/module/$MOD_TARGET/check
METHOD=/sys/module/livepatch/parameters/method
KMEMLEAK=$SYSFS_DEBUG_DIR/kmemleak
DYNAMIC_EVENTS=$SYSFS_TRACING_DIR/dynamic_events
CGROUP=/tmp/klp_torture
FREEZE=$CGROUP/torture/cgroup.freeze	# is there if there are cgroups

SEED=${KLP_TORTURE_SEED:-1}
STEPS=60	# in a round
SLACK=1024	# kB of slab
# Which versions each group of functions can have, as in test_klp_torture.h
VERSIONS=("1 2 3 4" "1 2" "2 3")
COMPLAINTS="WARNING|BUG|Oops|\bstall|blocked for more|lockup|general protection"

declare -A N		# what has been done how often, and what the module counts
LIVE=0			# for the parameter of this name
STATE=$SEED
STEP=0

# rnd(n) - set $R to a number below n
function rnd() {
	STATE=$(((STATE * 1103515245 + 12345) & 0x7fffffff))
	R=$(((STATE >> 12) % $1))
}

function fail() {
	echo "not ok"
	die "klp_torture: FAILURE: seed $SEED, round $round, step $STEP: $1"
}

# count(what, command ...) - do something that may be refused
function count() {
	local what=$1
	shift

	"$@" 2> /dev/null || what=refused
	((++N[$what]))
	[[ $what != refused ]]
}

# write(value, file) - appending, which leaves alone what else is in a list
function write() {
	{ echo "$1" >> "$2"; } 2> /dev/null
}

# set_live(n) - count up what tells whether a livepatch is loaded
function set_live() {
	local shift=$((16 * ($1 - 1)))

	LIVE=$((LIVE & ~(0xffff << shift) | ((LIVE >> shift) + 1 & 0xffff) << shift))
	write $LIVE $PARAMS/live
}

# unload(n) - unload a livepatch that has been disabled
function unload() {
	[[ -e /sys/module/$PATCH$1 ]] || return 0
	count unload rmmod $PATCH$1 && set_live $1
}

# enable(n, replace) - load a livepatch, or turn it on again while it is disabled
function enable() {
	local what=(enable replace)

	if [[ -e $SYSFS_KLP_DIR/$PATCH$1 ]]; then
		set_enabled $1 1
		return
	fi
	unload $1 || return
	set_live $1
	count ${what[$2]} insmod test_modules/$PATCH$1.ko replace=$2 || set_live $1
}

# set_enabled(n, value) - disable a livepatch, or reverse its transition
function set_enabled() {
	local what=disable

	[[ -e $SYSFS_KLP_DIR/$PATCH$1 ]] || return
	grep -qs 1 $SYSFS_KLP_DIR/$PATCH$1/transition && what=reverse
	count $what write $2 $SYSFS_KLP_DIR/$PATCH$1/enabled
}

# settle() - wait until no transition is left.  A task that comes from user space
#	     sees the topmost livepatch that is enabled, for each group.
function settle() {
	local group n dir top version seen expected

	loop_until "! grep -qs 1 $SYSFS_KLP_DIR/*/transition" ||
		fail "a transition does not end"
	for group in "${VERSIONS[@]}"; do
		top=0 version=0
		for n in $group; do
			dir=$SYSFS_KLP_DIR/$PATCH$n
			[[ $(cat $dir/enabled 2> /dev/null) == 1 ]] || continue
			[[ $(cat $dir/stack_order) -gt $top ]] || continue
			top=$(cat $dir/stack_order) version=$n
		done
		expected+=" $version"
	done
	seen=$(cat $CHECK)
	[[ " ${seen#* }" == "$expected" ]] || fail "versions $seen seen, expected $expected"
	((++N[settled]))
}

function load_target() {
	insmod test_modules/$MOD_TARGET.ko live=$LIVE seed=$1 \
		threads=${KLP_TORTURE_THREADS:-3} mix=${KLP_TORTURE_MIX:-15} ||
		fail "cannot load $MOD_TARGET"
}

# unload_target() - unload it, and keep what it has counted
function unload_target() {
	set -- $(cat $PARAMS/stats)
	while [[ $# -gt 0 ]]; do
		((N[$1] += $2))
		shift 2
	done
	loop_until "rmmod $MOD_TARGET 2> /dev/null" || fail "cannot unload $MOD_TARGET"
}

# trace(what, function) - attach a tracer or a probe to this function alone
function trace() {
	local tracers=(function function_graph) probes=(
		"p:torture/probe $2"
		"r:torture/probe $2"
		"f:torture/probe $2%return"
		# Where the jump goes: keeps the function from jumping, or is refused
		"p:torture/probe $2+$SITE"
	)

	if [[ $1 -ge 4 ]]; then
		write $2 "$SYSFS_TRACING_DIR/set_ftrace_filter" &&
			count trace write ${tracers[$1 - 4]} "$SYSFS_TRACING_DIR/current_tracer"
	else
		count trace write "${probes[$1]}" "$DYNAMIC_EVENTS" &&
			write 1 "$SYSFS_TRACING_DIR/events/torture/enable"
	fi
	write 1 "$SYSFS_TRACING_DIR/tracing_on"
	TRACED=y
}

# untrace() - detach it.  The filter goes last: without one, all are traced.
function untrace() {
	[[ -n "$TRACED" ]] || return
	write 0 "$SYSFS_TRACING_DIR/events/torture/enable"
	write "-:torture/probe" "$DYNAMIC_EVENTS"
	write nop "$SYSFS_TRACING_DIR/current_tracer"
	cleanup_tracing
	TRACED=
}

# hotplug(n) - a CPU goes or comes
function hotplug() {
	local cpus=($OTHERS) file

	[[ -n "$OTHERS" ]] || return
	file=$CPUS/cpu${cpus[$1 % ${#cpus[@]}]}/online
	count hotplug write $((! $(cat $file))) $file
}

# start_reader(i) - a process that calls them from user space, for as long as it lives
function start_reader() {
	# Nobody waits for it, so the shell need not tell how it ends.
	nice -n 19 bash -c "while :; do
		{ read -r _ < $CHECK; } 2> /dev/null || sleep .05
	done" &
	disown
	READERS[$1]=$!
}

# torment(n, i) - stop, continue, kill, move, or freeze one of them
function torment() {
	local i=$(($2 % 3)) cpus=(0 $OTHERS)
	local pid=${READERS[i]}

	case $1 in
	0) kill -STOP $pid ;;
	1 | 2) kill -CONT $pid ;;
	3) kill -KILL $pid; start_reader $i ;;
	4) count move taskset -pc ${cpus[$2 % ${#cpus[@]}]} $pid > /dev/null ;;
	5) count move taskset -p ffffffff $pid > /dev/null ;;
	6 | 7) [[ ! -e $FREEZE ]] || count freeze write $(($1 % 2)) $FREEZE ;;
	esac
	((++N[torment]))
}

function start_load() {
	local i

	# Threads and processes that come and go by themselves
	nice -n 19 ./test_klp-churn $CHECK > /dev/null &
	CHURN=$!
	for i in 0 1 2; do
		start_reader $i
	done
	[[ ! -e $FREEZE ]] || write ${READERS[0]} ${FREEZE/freeze/procs}
}

function stop_load() {
	local i

	[[ ! -e $FREEZE ]] || write 0 $FREEZE
	kill -HUP $CHURN
	kill -KILL "${READERS[@]}"
	for i in $OTHERS; do
		write 1 $CPUS/cpu$i/online
	done
	wait $CHURN
	CHURN= READERS=()
} 2> /dev/null

function clean_up() {
	stop_load
	untrace
	{ rmdir $CGROUP/torture; umount $CGROUP; rmdir $CGROUP; } 2> /dev/null
	cleanup
}

# step([force]) - make one choice.  All draw as many numbers, so that the next one
#		  does not depend on what the kernel makes of it.
function step() {
	local what n a pause

	rnd 32; what=$R
	rnd 4; n=$((R + 1))
	rnd 24; a=$R
	rnd 80; pause=$R
	((++STEP))

	case $what in
	[0-7])		enable $n 0 ;;
	8 | 9)		enable $n 1 ;;
	1[0-6])		set_enabled $n 0 ;;
	17 | 18 | 19)	set_enabled $n $((a % 2)) ;;
	20)		settle ;;
	21 | 22)	untrace; trace $((a % 6)) ${MOD_TARGET}_traced_$((n % 3)) ;;
	23)		untrace; trace $((a % 6)) ${MOD_TARGET}_check_$((n % 3)) ;;
	24)		untrace ;;
	25 | 26)	hotplug $a ;;
	27 | 28 | 29)	torment $((a % 8)) $n ;;
	30)
		# Those without fentry are refused, and the whole livepatch with them.
		[[ ! -e $METHOD ]] || write ftrace $METHOD
		enable $n $((a % 2))
		[[ ! -e $METHOD ]] || write auto $METHOD
		;;
	31)
		# Without its function, a filter would let all be traced.
		untrace
		unload_target
		load_target $a
		((++N[reload]))
		;;
	esac
	if [[ -n "$1" && $((a % 8)) -eq 0 ]]; then
		count force write 1 $SYSFS_KLP_DIR/$PATCH$n/force
	fi
	# Some jump before the next step.
	[[ $pause -ge 10 ]] || sleep .$pause
}

# all_gone() - disable what is enabled; is nothing left?
function all_gone() {
	local n

	for n in 1 2 3 4; do
		grep -qs 1 $SYSFS_KLP_DIR/$PATCH$n/enabled &&
			write 0 $SYSFS_KLP_DIR/$PATCH$n/enabled
	done
	! compgen -G "$SYSFS_KLP_DIR/$PATCH*" > /dev/null
}

# slab() - kB of slab that cannot be reclaimed, without what is free
function slab() {
	local i

	for i in /sys/kernel/slab/*/shrink; do
		write 1 $i
	done
	awk '/^SUnreclaim:/ { print $2 }' /proc/meminfo
}

# check_log(mark) - has the kernel complained since the last mark?
function check_log() {
	local lines

	log "$1"
	lines=$(dmesg | awk -v last_dmesg="$LAST_DMESG" '$0 == last_dmesg { p=1 } p')
	LAST_DMESG=$(grep -F "$1" <<< "$lines")
	[[ -n "$LAST_DMESG" ]] || fail "the log has overrun"
	! grep -E "$COMPLAINTS" <<< "$lines" >&2 || fail "the kernel complained"
}

# find_leaks() - memory that nobody has a pointer to, where the kernel can tell
function find_leaks() {
	# It may be there, but turned off.
	write scan $KMEMLEAK || return 0
	# What is not found twice, or is young, need not be one.
	sleep 6
	write scan $KMEMLEAK
	! grep -B 4 -A 16 klp_ $KMEMLEAK >&2 || fail "memory has been lost"
}

# one_round([force]) - load, do something for a while, and see that nothing is left
function one_round() {
	local i slab

	rnd 65536
	load_target $R
	SITE=$(site ${MOD_TARGET}_traced_0)
	start_load
	# Have some jump, however slow the machine is.
	enable 1 0
	[[ ! -e $METHOD ]] || loop_until "grep -qs jump $SYSFS_KLP_DIR/${PATCH}1/*/*/method" ||
		fail "nothing jumps"
	for ((i = 0; i < STEPS; i++)); do
		step $1
	done
	stop_load
	untrace
	loop_until all_gone || fail "left: $(ls $SYSFS_KLP_DIR)"
	settle
	! grep $MOD_TARGET $SYSFS_TRACING_DIR/enabled_functions >&2 ||
		fail "functions are still attached"
	for i in 1 2 3 4; do
		loop_until "unload $i || [[ -n '$1' ]]" || fail "cannot unload $PATCH$i"
	done
	unload_target
	slab=$(slab)
	check_log "klp_torture: seed $SEED, round $round, step $STEP, $slab kB of slab"
	# After force they may.
	[[ -n "$1" || $((N[mixes] + N[splits])) -eq 0 ]] ||
		fail "saw ${N[mixes]} mixes of versions, ${N[splits]} of universes"
	[[ ${N[ghosts]} -eq 0 ]] || fail "saw ${N[ghosts]} versions that were not loaded"
	# The first round has filled the caches.  The load is freed with a delay.
	[[ -n "$1" ]] || loop_until "[[ \$(slab) -le $((${SLAB:=$slab} + SLACK)) ]]" ||
		fail "$(slab) kB of slab, were $SLAB after round 1"
}

setup_config
# Less to say, so that the log lasts for a round
echo "file kernel/livepatch/* -p" > "$SYSFS_DEBUG_DIR/dynamic_debug/control"
mkdir $CGROUP
mount -t cgroup2 none $CGROUP 2> /dev/null && mkdir $CGROUP/torture
trap clean_up EXIT


# - Have threads, processes, kthreads, work, timers and interrupts call functions,
#   with and without fentry, over and over.
#
# - Load, disable, reverse, replace and unload livepatches that share some of these
#   functions, at random, and the module with the functions, too.  Tracers, probes
#   and CPUs come and go.  Tasks are stopped, moved, frozen, and get signals.
#
# - Nobody sees two universes at once, or a version that is not loaded.  All
#   transitions end, nothing is left, and the kernel does not complain.  What
#   happens when depends on the load, so this does not compare dmesg.

start_test "torture transitions"

universe=$(cat $UNIVERSE)
# Not what others have left.
write clear $KMEMLEAK
SECONDS=0
for ((round = 1; round <= 2 || SECONDS < ${KLP_TORTURE_SECONDS:-25}; round++)); do
	one_round
done
[[ -z "$KLP_TORTURE_FORCE" ]] || one_round force
find_leaks
# All that, if there was anything to torture
[[ -n "$KLP_TORTURE_MIX" ]] || load="kthread work timer hrtimer"
for i in enable disable reverse unload $load; do
	[[ ${N[$i]:-0} -gt 0 ]] || fail "no $i in $STEP steps"
done

verdict="klp_torture: SUCCESS: seed $SEED, $SECONDS s, $STEP steps"
verdict+=", $(($(cat $UNIVERSE) - universe)) universes"
for i in enable disable replace reverse unload refused settled reload force trace \
	hotplug torment freeze kthread work timer hrtimer user; do
	verdict+=", ${N[$i]:-0} $i"
done
log "$verdict"
echo "ok"
echo "# $verdict"

exit 0
