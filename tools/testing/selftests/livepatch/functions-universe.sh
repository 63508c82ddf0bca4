#!/bin/bash
# SPDX-License-Identifier: GPL-2.0

# Shell functions for the scripts that use the module test_klp_universe.
# Source this after functions.sh.

MOD_TARGET=test_klp_universe
MOD_LIVEPATCH1=test_klp_universe_patch1
MOD_LIVEPATCH2=test_klp_universe_patch2
MOD_LIVEPATCH3=test_klp_universe_patch3

PARAMS=/sys/module/$MOD_TARGET/parameters
UNIVERSE=/sys/module/livepatch/parameters/universe

CPUS=/sys/devices/system/cpu
# All CPUs but the first, as far as they can go; none, where there is only one
OTHERS=$(for i in "$CPUS"/cpu[0-9]*/online; do
	[[ -e "$i" && "$i" != */cpu0/* && "$(< "$i")" == 1 ]] && echo "$i"
done | sed 's/.*cpu\([0-9]*\).*/\1/')

# hold(mask) - keep kthreads in their function, or let them go; wait for it
function hold() {
	log "% echo $1 > $PARAMS/hold"
	echo "$1" > "$PARAMS/hold"
	loop_until "[[ \$(cat $PARAMS/held) -eq $1 ]]" ||
		die "the kthreads do not obey"
}

# wait_version(version [, module]) - wait until a task that comes from user space
#				     sees it: universes may be born late
function wait_version() {
	local param="/sys/module/${2:-$MOD_TARGET}/parameters/version"

	loop_until "[[ \$(cat $param) == $1 ]]" ||
		die "${2:-$MOD_TARGET}: version $(cat "$param") seen, expected $1"
}

# wait_gone(modname ...) - wait until livepatches have been disabled, and unload
#			   them
function wait_gone() {
	local mod

	for mod in "$@"; do
		loop_until "[[ ! -e $SYSFS_KLP_DIR/$mod ]]" ||
			die "failed to disable livepatch $mod"
	done
	for mod in "$@"; do
		unload_lp "$mod"
	done
}

# expect_no_mix() - call the functions many times, and check that no invocation
#		    has ever seen another version than its own
function expect_no_mix() {
	[[ "$(cat $PARAMS/check)" == "0" ]] ||
		die "an invocation saw another version than its own"
}

# expect_versions(original, replaced) - how many functions of each kind does a task
#					 see, of those in $MOD_MANY?
function expect_versions() {
	local versions=$(cat "/sys/module/$MOD_MANY/parameters/versions")

	[[ "$versions" == "$1 $2" ]] ||
		die "$MOD_MANY: '$versions' versions seen, expected '$1 $2'"
}

# others(value) - have all CPUs but the first go or come
function others() {
	local i

	[[ -n "$OTHERS" ]] || log "only one CPU is online"
	for i in $OTHERS; do
		log "% echo $1 > $CPUS/cpu$i/online"
		echo "$1" > "$CPUS/cpu$i/online" || die "cannot set cpu$i online to $1"
	done
}

# site(function) - offset of the place where the jump goes in: behind ENDBR, if
#		   there is one, and what ftrace calls from
function site() {
	local offset

	# Where ftrace calls from is what a kprobe is moved to.
	echo "p:site $1" > "$SYSFS_TRACING_DIR/kprobe_events"
	offset=$(sed -n "s/^[0-9a-f]* *k *$1+0x\([0-9a-f]*\) .*/\1/p" \
		"$SYSFS_KPROBES_DIR/list")
	echo > "$SYSFS_TRACING_DIR/kprobe_events"
	echo $((0x${offset:-0} + 5))
}

# expect_text(bytes) - check which bytes of the function are others than in $text,
#		       five at most
function expect_text() {
	local changed

	changed=$(paste -d' ' <(tr ' ' '\n' <<< "$text") <(tr ' ' '\n' < $PARAMS/text) |
		awk '$1 != $2 { printf "%s ", $2 }')
	[[ $changed == $1 && $(wc -w <<< "$changed") -le 5 ]] ||
		die "the function begins with $(cat $PARAMS/text), the original with $text"
}

# method(modname [, function [, object]]) - what takes the calls of a function
function method() {
	cat "$SYSFS_KLP_DIR/$1/${3:-$MOD_TARGET}/${2:-$FUNCTION},1/method"
}

# wait_method(method, modname [, function [, object]]) - wait until it is that
function wait_method() {
	loop_until "[[ \$(method $2 $3 $4) == $1 ]]" ||
		die "$2: method of ${3:-$FUNCTION} is $(method $2 $3 $4), expected $1"
}

# transition(modname, verb) - lines of a transition that ends at once
function transition() {
	echo "livepatch: '$1': initializing $2 transition
livepatch: '$1': starting $2 transition
livepatch: '$1': completing $2 transition
livepatch: '$1': $2 complete"
}

# load_lines(modname [, parameter ...]) - lines of a livepatch that is loaded, and is
#					  in effect at once
function load_lines() {
	local mod="$1"
	shift

	echo "% insmod test_modules/$mod.ko${*:+ $*}
livepatch: enabling patch '$mod'"
	transition "$mod" patching
}

# unload_lines(modname) - lines of a livepatch that is disabled and unloaded
function unload_lines() {
	echo "% echo 0 > $SYSFS_KLP_DIR/$1/enabled"
	transition "$1" unpatching
	echo "% rmmod $1"
}
