#!/bin/bash
# guest.sh - the demo itself: runs in the guest, as root, from the directory that
# holds `load` and the two livepatches.  Every step is checked; the last two lines
# say what came of it, and so does the exit status.
# shellcheck disable=SC2317	# expect and soon call functions by their names
cd "$(dirname "$0")" || exit 2

patch=kgraft_select
second=kgraft_kptr
klp=/sys/kernel/livepatch
sysfs=$klp/$patch
state=/tmp/demo
threads=4
# Stock livepatch wakes stragglers by itself after 15 s; we must be done by then.
patience_ms=10000
# A thread of the load that stands still for longer has been held up.  QEMU's CPUs
# themselves stand still for a fraction of that on a busy machine.
limit_ms=1000

step=0 failed=0 first=''
step() { step=$((step + 1)); printf '\n%d. %s\n' $step "$*"; }
line() { printf '   %s\n' "$*"; }

# expect TEXT COMMAND... - what has to be true
expect() {
	local text=$1
	shift
	if "$@"; then return; fi
	failed=$((failed + 1))
	[ -n "$first" ] || first="step $step: $text"
	line "NOT SO: $text"
	return 1
}

verdict() {
	printf '\n'
	if [ $failed -eq 0 ]; then
		echo "PATCHED LIVE: select() was wrong, was right, and is as it was."
		echo "The load never paused: $total system calls, no gap longer than $gap ms."
		exit 0
	fi
	echo "NOT SHOWN: $first"
	echo "Checks failed: $failed.  The load: $total system calls, longest gap $gap ms."
	exit 1
}

now() { now=$((${EPOCHREALTIME/./} / 1000)); }
# since MS - the seconds since then, with a fraction
since() { now; printf -v seconds '%d.%d' $(((now - $1) / 1000)) $(((now - $1) % 1000 / 100)); }

# soon COMMAND... - becomes true before our patience ends
soon() {
	local start
	now
	start=$now
	until "$@"; do
		[ $((now - start)) -lt $patience_ms ] || return
		sleep 0.05
		now
	done
}

# Sums up what the load has counted since the last time; in every thread of it.
calls=() right=() wrong=() turns=() total=0 gap=0 counted=0
load() {
	local i=0 rights=0 wrongs=0 odds=0 still=0 all=0 what c r w t o us
	while read -r what _ c r w t o us; do
		[ "$what" = worker ] || continue
		[ "$c" -gt "${calls[i]:-0}" ] || still=$((still + 1))
		all=$((all + c)) odds=$((odds + o))
		rights=$((rights + r - ${right[i]:-0}))
		wrongs=$((wrongs + w - ${wrong[i]:-0}))
		[ $((us / 1000)) -le $gap ] || gap=$((us / 1000))
		calls[i]=$c right[i]=$r wrong[i]=$w turns[i]=$t
		i=$((i + 1))
	done < <(./load show $state)
	since "$counted"
	counted=$now
	line "load: $((all - total)) more system calls in $seconds s; told wrong $wrongs, right $rights"
	total=$all
	expect "all $threads threads of the load go on" [ "$i,$still" = "$threads,0" ]
	expect "none of them stands still for $limit_ms ms" [ $gap -le $limit_ms ]
	expect "the load's other calls are all answered right" [ $odds -eq 0 ]
	case $1 in
	wrong) expect "the load is told the wrong answer" [ $wrongs -gt 0 ]
	       expect "and never the right one" [ $rights -eq 0 ] ;;
	right) expect "the load is told the right answer" [ $rights -gt 0 ]
	       expect "and never the wrong one" [ $wrongs -eq 0 ] ;;
	esac
}

# turned N - each thread saw the answer change N times: none went back and forth
turned() {
	local t
	for t in "${turns[@]}"; do [ "$t" -eq "$1" ] || return; done
}

# ask ANSWER - what a program started now is told
ask() {
	local answer
	answer=$(./load ask)
	line "select(1001, { 1000 }, NULL, NULL, { 0, 0 }) = $answer"
	expect "a new program is told $1" [ "$answer" = "$1" ]
}

# in_transition [PATCH], and so on: that one, or the first
in_transition() { [ "$(cat "$klp/${1:-$patch}/transition" 2> /dev/null)" = 1 ]; }
settled() { ! in_transition "$@"; }
gone() { [ ! -e "$klp/${1:-$patch}" ]; }
begun() { in_transition "$@" || [ ! -d "/proc/$insmod" ]; }
woken() { [ "$(./load show "$state" | awk '/^sleeper/ { print $3 }')" -eq "$1" ]; }
asleep_in() { grep -q " $1[+]" "/proc/$sleeper/stack"; }

# tasks STATE - whom the transition has reached (1: patched, 0: not), and whom not
tasks() {
	local file is
	left=() moved=0
	for file in /proc/[0-9]*/task/[0-9]*/patch_state; do
		# Tasks come and go.
		{ read -r is < "$file"; } 2> /dev/null || continue
		case $is in
		"$1") moved=$((moved + 1)) ;;
		-1) ;;
		*) file=${file%/patch_state} left+=("${file##*/}") ;;
		esac
	done
}

# follow STATE START - shows the tasks move until nobody but the sleeper is left
follow() {
	local said='' names tid comm
	while tasks "$1"; do
		since "$2"
		names=''
		# Worth a name are those that do not move at once.
		[ ${#left[@]} -gt 3 ] || for tid in "${left[@]}"; do
			{ read -r comm < "/proc/$tid/comm"; } 2> /dev/null || comm='(gone)'
			names+=" $comm"
		done
		if [ "$moved$names" != "$said" ] && [ $((moved + ${#left[@]})) -gt 0 ]; then
			line "$(printf '%5s s: %3d tasks moved, %2d not yet%s' \
				"$seconds" $moved ${#left[@]} "${names:+:$names}")"
			said="$moved$names"
		fi
		[ "${left[*]}" != "$sleeper" ] || break
		in_transition || break
		[ $((now - $2)) -lt $patience_ms ] || break
		sleep 0.05
	done
}

# go_in PATCH - loads it, and shows the tasks move
go_in() {
	local start
	now
	start=$now
	insmod "$1.ko" &
	insmod=$!
	soon begun "$1"
	follow 1 "$start"
	expect "insmod succeeds" wait $insmod || verdict
}

# straggler FUNCTION - who holds the transition up, and that it sleeps in there
straggler() {
	expect "nobody but the sleeper is left" [ "${left[*]}" = "$sleeper" ]
	named "$patch"
	line "stuck: $(cat "/proc/$sleeper/comm"), pid $sleeper, asleep in"
	sed -n 's/^\[<0>\] \(.*\(select\|poll\).*\)/     \1/p' "/proc/$sleeper/stack"
	expect "the sleeper is in $1()" asleep_in "$1"
	expect "the transition waits for it" in_transition
}

# named PATCH - the kernel names the sleeper, and the function that is in the way:
# the one that is patched, whichever version of it that is
named() {
	# Idle CPUs are named, too, until they have come round.
	expect "the sleeper alone is named as the straggler of $1" soon names_sleeper "$1"
	line "cat $klp/$1/stragglers"
	sed 's/^/     /' "$klp/$1/stragglers"
}

names_sleeper() { [ "$(cat "$klp/$1/stragglers")" = "$sleeper core_sys_select demo-sleeper" ]; }

# address ANSWER - what /proc/kallsyms says now
address() {
	local is
	is=$(grep -m 1 ' _text$' /proc/kallsyms)
	line "/proc/kallsyms: $is"
	case $1 in
	shown) expect "kernel addresses are shown to root" [ "${is%% *}" != 0000000000000000 ] ;;
	hidden) expect "kernel addresses are hidden" [ "${is%% *}" = 0000000000000000 ] ;;
	esac
}

# wake N - for the Nth time; then the transition has to end by itself
wake() {
	local start
	now
	start=$now
	# Opened for both, which does not block should the sleeper be dead.
	echo -n x 1<> $state/wake
	expect "the transition completes" soon settled
	since $start
	line "a byte in its pipe wakes the sleeper; $seconds s later all have moved"
	expect "the sleeper woke up" soon woken "$1"
}

in_order() {
	[ "$(dmesg | sed -n "s/.*livepatch: '\(.*\)': patching complete/\1/p" | paste -sd' ')" = "$patch $second" ]
}

# What the kernel has logged about it since the last time.
logged=0
kernel_log() {
	dmesg | grep -o 'livepatch: .*' | tail -n +$((logged + 1)) | sed 's/^/     /'
	logged=$(dmesg | grep -c 'livepatch: ')
}

step "A kernel under load"
line "$(uname -sr), $(nproc) CPUs, up $(cut -d' ' -f1 /proc/uptime) s"
expect "no livepatch is in it" gone
mkdir -p $state
now
counted=$now
./load run $threads $state &
soon [ -p $state/wake ]
sleep 1
sleeper=$(./load show $state | awk '/^sleeper/ { print $2 }')
line "$threads threads call select(), read(), write(), getppid() in a loop;"
line "one more, demo-sleeper (pid $sleeper), waits in select() for ever"
expect "the sleeper is in core_sys_select()" asleep_in core_sys_select
load

step "The wrong answer: descriptor 1000 is closed, POSIX wants -1 EBADF"
ask "0, nothing ready"
./load cases > $state/before
load wrong

step "The patch goes in: insmod $patch.ko"
go_in $patch
straggler core_sys_select
load

step "The right answer, though the sleeper is still in the old function"
ask "-1 EBADF"
sleep 0.5
load right
expect "each thread saw the answer change once" turned 1
expect "the transition is still on" in_transition

step "Meanwhile a second patch, for all others: insmod $second.ko"
address shown
go_in $second
expect "nobody but the sleeper is left" [ "${left[*]}" = "$sleeper" ]
address hidden
expect "the transition of $second waits for it" in_transition $second
expect "and so does that of $patch" in_transition
named $second
load right

step "The last one moves, to where all others are"
wake 1
expect "the second transition completes, too" soon settled $second
kernel_log
expect "the transitions have completed in their order" in_order
expect "the sleeper is in the new function" soon asleep_in kgraft_core_sys_select
./load cases > $state/patched
grep '^beyond' $state/patched > $state/mended
mended=$(grep -c ': -1 EBADF' $state/mended)
same=$(grep -vcxFf $state/before $state/patched)
same=$(($(wc -l < $state/patched) - same))
line "$((same + mended)) kinds of select(): $same answer as before, $mended say EBADF now"
expect "all that were wrong are mended" [ "$mended" -eq "$(wc -l < $state/mended)" ]
expect "all others answer as before" [ $((same + mended)) -eq "$(wc -l < $state/before)" ]
load right

step "The first patch is taken out, the second stays: echo 0 > enabled"
now
start=$now
expect "livepatch takes it" eval "echo 0 > $sysfs/enabled"
follow 0 $start
straggler kgraft_core_sys_select
wake 2
kernel_log
expect "livepatch lets go of the module" soon gone
expect "rmmod succeeds" rmmod $patch
load
expect "each thread saw the answer change twice" turned 2

step "The old answer is back"
ask "0, nothing ready"
sleep 0.5
load wrong
expect "the sleeper is in the old function" soon asleep_in core_sys_select
address hidden

step "The second patch is taken out"
expect "livepatch takes it" eval "echo 0 > $klp/$second/enabled"
expect "livepatch lets go of the module" soon gone $second
expect "rmmod succeeds" rmmod $second
kernel_log
address shown
load
verdict
