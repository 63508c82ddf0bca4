#!/bin/bash
# SPDX-License-Identifier: GPL-2.0

. $(dirname $0)/functions.sh
. $(dirname $0)/functions-universe.sh

MOD_INPUT=test_klp_input
MOD_KPROBE=test_klp_kprobe
MOD_REPLACE=test_klp_atomic_replace

LIVEPATCH_PARAMS=/sys/module/livepatch/parameters
WRITES=1000	# to `enabled`
STATE=1		# of the random numbers, the same in each run

# rnd(n) - set $R to a number below n
function rnd() {
	STATE=$(((STATE * 1103515245 + 12345) & 0x7fffffff))
	R=$(((STATE >> 12) % $1))
}

# expect_version(version) - check what a task sees that comes from user space
function expect_version() {
	local version=$(cat "$PARAMS/version")

	[[ "$version" == "$1" ]] || die "version $version seen, expected $1"
}

# attached() - the functions that are sent away by ftrace, and how many do that,
#	       without the addresses that some architectures show
function attached() {
	grep -o '^[^(]*test_klp[^(]*([0-9]*)' "$SYSFS_TRACING_DIR/enabled_functions"
}

# same(what, before, now) - check that nothing has changed, and show what has
function same() {
	[[ "$2" == "$3" ]] && return
	diff <(echo "$2") <(echo "$3")
	die "$1 changed"
}

# patch_states() - the states of all tasks, each once
function patch_states() {
	cat /proc/[0-9]*/task/*/patch_state 2> /dev/null | sort -u
}

# state() - what a livepatch that is refused must not change
function state() {
	# Where functions jump, ftrace lets go of them after a while.
	[[ "$(cat $LIVEPATCH_PARAMS/method 2> /dev/null)" != auto ]] ||
		loop_until '[[ -z "$(attached)" ]]'
	attached
	ls "$SYSFS_KLP_DIR"
	cat "$PARAMS/version" "/sys/module/$MOD_TARGET/refcnt" $UNIVERSE
}

# expect_state() - nothing has changed, and nothing is left
function expect_state() {
	[[ ! -e "$SYSFS_KLP_DIR/$MOD_INPUT" ]] || die "$MOD_INPUT is left in sysfs"
	[[ ! -e "/sys/module/$MOD_INPUT" ]] || die "$MOD_INPUT is left"
	same "the state" "$BEFORE" "$(state)"
	# That can take a moment longer than `transition`.
	loop_until '[[ "$(patch_states)" == -1 ]]' ||
		die "tasks are in a transition: $(patch_states)"
}

# new_messages() - what the kernel has said about livepatches in this test, but that
#		   somebody is late
function new_messages() {
	dmesg | awk -v last_dmesg="$LAST_DMESG" 'p; $0 == last_dmesg { p=1 }' |
		grep -e 'livepatch: ' -e BUG -e WARNING |
		grep -v 'signaling remaining tasks'
}

# refuse(error, message, parameter ...) - load a livepatch, which is refused with this
#					  message, if any, before it is enabled
function refuse() {
	local error="$1" message="$2"
	shift 2

	load_failing_mod $MOD_INPUT "$@" $replace
	expected+="% insmod test_modules/$MOD_INPUT.ko $*${replace:+ $replace}
${message:+livepatch: $message
}insmod: ERROR: could not insert module test_modules/$MOD_INPUT.ko: $error
"
	expect_state
}

# refuse_late(error, object, message, parameter ...) - the same, with the message while
#						       its functions are attached
function refuse_late() {
	local error="$1" object="$2" message="$3"
	shift 3

	refuse "$error" "enabling patch '$MOD_INPUT'
livepatch: '$MOD_INPUT': initializing patching transition
livepatch: $message
livepatch: failed to patch object '$object'
livepatch: failed to enable patch '$MOD_INPUT'
livepatch: '$MOD_INPUT': canceling patching transition, going to unpatch
livepatch: '$MOD_INPUT': completing unpatching transition
livepatch: '$MOD_INPUT': unpatching complete" "$@"
}

# refuse_all() - load livepatches that make no sense
function refuse_all() {
	local invalid="Invalid parameters"
	local in_target="in object '$MOD_TARGET' not found"

	# Something is missing.
	refuse "$invalid" "there is a livepatch without a module" what=no_mod
	refuse "$invalid" "'$MOD_INPUT': there is no list of objects" what=no_objs
	refuse "$invalid" \
		"'$MOD_INPUT': object '$MOD_TARGET' has no list of functions" \
		what=no_funcs
	refuse "$invalid" \
		"'$MOD_INPUT': a function of object '$MOD_TARGET' has no name" \
		what=no_old_name
	refuse "$invalid" "function '${MOD_TARGET}_a' has no replacement" what=no_new_func
	refuse "$invalid" "'$MOD_INPUT': an object has an empty name" object=
	refuse "$invalid" "module ${MOD_INPUT}_unmarked is not marked as a livepatch module" \
		what=unmarked

	# Names that are too long.  MODULE_NAME_LEN depends on the architecture.
	refuse "$invalid" "object name '${LONG_NAME:0:64}...' is too long" \
		"object=${LONG_NAME:0:64}"
	refuse "$invalid" "function name '${LONG_NAME:0:64}...' is too long" \
		"function=${LONG_NAME}x"

	# Functions that are not there, or not that often
	refuse "$invalid" "symbol '$LONG_NAME' not found in symbol table" \
		"function=$LONG_NAME"
	refuse "$invalid" "symbol '' not found in symbol table" \
		what=vmlinux function=
	refuse "$invalid" "symbol '${MOD_TARGET}_no' not found in symbol table" \
		"function=${MOD_TARGET}_no"
	refuse "$invalid" "symbol '${MOD_TARGET}_a' not found in symbol table" \
		what=vmlinux
	refuse "$invalid" "symbol '${MOD_TARGET}_no' not found in symbol table" \
		"also=${MOD_TARGET}_no"
	refuse "$invalid" \
		"symbol position 1000 for symbol '${MOD_TARGET}_a' $in_target" \
		sympos=1000
	refuse "$invalid" \
		"symbol position $MAX for symbol '${MOD_TARGET}_b' $in_target" \
		"also=${MOD_TARGET}_b" also_sympos=$MAX
	refuse "$invalid" \
		"symbol position 1000 for symbol 'init_task' in object 'vmlinux' not found" \
		what=vmlinux function=init_task sympos=1000
	# Its memory has been freed.
	refuse "$invalid" "symbol 'init_module' not found in symbol table" \
		object=$MOD_KPROBE function=init_module

	# The end of the kernel, where no symbol reaches to
	refuse "Unknown symbol in module" "kallsyms size lookup failed for '_end'" \
		what=vmlinux function=_end

	# A name that several functions have
	[[ -z "$AMBIGUOUS" ]] ||
		refuse "$invalid" \
			"unresolvable ambiguity for symbol '$AMBIGUOUS' in object 'vmlinux'" \
			what=vmlinux "function=$AMBIGUOUS"

	# What is to be called is no function, or its memory is going to be freed.
	for what in data passing; do
		refuse "$invalid" \
			"the replacement of function '${MOD_TARGET}_a' is no function that stays" \
			what=$what
	done

	# What is found is no function, or its memory has been freed.
	refuse_late "$invalid" $MOD_TARGET "failed to find location for function 'held_calls'" \
		function=held_calls
	refuse_late "$invalid" $MOD_TARGET "failed to find location for function 'held_calls'" \
		also=held_calls
	refuse_late "$invalid" vmlinux "failed to find location for function 'init_task'" \
		what=vmlinux function=init_task
	refuse_late "$invalid" vmlinux \
		"failed to find location for function 'kernel_init_freeable'" \
		what=vmlinux function=kernel_init_freeable

	# The same function by another name
	refuse_late "$invalid" $MOD_TARGET \
		"function '${MOD_TARGET}_alias' is patched twice, also as '${MOD_TARGET}_a'" \
		"also=${MOD_TARGET}_alias"
}

# refuse_twice(name, parameter ...) - load a livepatch that has something twice, which
#				      sysfs notices, with a backtrace
function refuse_twice() {
	local name="$1"
	shift

	load_failing_mod $MOD_INPUT "$@" $replace
	dmesg | tail -n 1 | grep -q "$MOD_INPUT.ko: Device or resource busy" ||
		die "$*: $(dmesg | tail -n 1)"
	dmesg | awk -v last_dmesg="$LAST_DMESG" 'p; $0 == last_dmesg { p=1 }' |
		grep -q "cannot create duplicate filename '/kernel/livepatch/$MOD_INPUT/$name'" ||
		die "$*: no message about $name"
	expect_state
}

# refuse_all_twice() - load livepatches that have something twice
function refuse_all_twice() {
	refuse_twice "$MOD_TARGET" what=same_object
	refuse_twice "$MOD_TARGET/${MOD_TARGET}_a,1" "also=${MOD_TARGET}_a"
	# Positions 0 and 1 mean the same.
	refuse_twice "$MOD_TARGET/${MOD_TARGET}_a,1" "also=${MOD_TARGET}_a" also_sympos=1
	refuse_twice "$MOD_TARGET/${MOD_TARGET}_a,1" sympos=1 "also=${MOD_TARGET}_a"
}

# attributes() - all files in sysfs
function attributes() {
	find "$SYSFS_KLP_DIR" $LIVEPATCH_PARAMS -type f | sort
}

# values() - what all attributes say, a line each.  Of stragglers, only who they
#	     are: where they stand changes.
function values() {
	local file value

	for file in $(attributes); do
		value=denied
		{ IFS= read -r -d '' value < "$file"; } 2> /dev/null
		if [[ "$file" == */stragglers ]]; then
			value=$(echo "$value" | sed 's/^\([0-9]*\) [^ ]* /\1 /')
		fi
		echo "$file: ${value//$'\n'/;}"
	done
}

# next_input() - set $INPUT to something that is no boolean, and no name of a method,
#		 for printf
function next_input() {
	local i n
	local words=('\n' ' ' '\x00' '\x001' ' 1' '\n1' '-' '--1' '+' '2\n1' 'manual\n' \
		     'aut' 'autoo' 'auto ftrace' '\x00auto' 'enabled' 'o' '%s' '$(true)' \
		     '../../enabled')

	rnd 5
	case $R in
	0)	# A few bytes, and the first one must not begin a boolean.
		rnd 256
		[[ "$R" -gt 127 || "$R" -lt 32 ]] || R=$((R % 16 + 32))
		printf -v INPUT '\\x%02x' $R
		rnd 20
		for ((i = 0, n = R; i < n; i++)); do
			rnd 256
			printf -v INPUT '%s\\x%02x' "$INPUT" $R
		done ;;
	1)	# Up to some 12,000
		rnd 3000
		printf -v INPUT 'x%.0s' $(seq $((R + 1)))
		rnd 4
		printf -v INPUT "$INPUT%.0s" $(seq $((R + 1))) ;;
	2)	# Large and small numbers
		rnd 8
		INPUT=$((R + 2))
		rnd 40
		for ((i = 0, n = R; i < n; i++)); do
			rnd 10
			INPUT+=$R
		done ;;
	3)	# Negative ones
		rnd 1000000
		INPUT=-$R
		rnd 2
		[[ "$R" -eq 0 ]] || INPUT+='\n' ;;
	*)
		rnd ${#words[@]}
		INPUT=${words[$R]} ;;
	esac
}

# try_write(file, input) - write to a file, all at once, which must fail, set $ERROR
function try_write() {
	# The shell itself writes a line at a time, or a buffer.
	if [[ "$2" == *'\n'* || "$2" == *'\x0a'* || ${#2} -gt 4000 ]]; then
		ERROR=$(printf '%b' "$2" | dd of="$1" bs=64k iflag=fullblock \
			conv=notrunc status=none 2>&1)
	else
		ERROR=$({ printf '%b' "$2" > "$1"; } 2>&1)
	fi
	[[ $? -ne 0 ]] || ERROR=written
	ERROR=${ERROR##*: }
}

# write_all(user, n) - write to all attributes at random, n times, which must fail.
#		       Prints what is wrong, and in the end the number of writes.
function write_all() {
	local file i expected count=0

	for ((i = 0; i < $2; i++)); do
		for file in $(attributes); do
			next_input
			try_write "$file" "$INPUT"
			count=$((count + 1))
			expected="Permission denied"
			if [[ "$1" == root ]]; then
				case "$file" in
				*/enabled | */force | $LIVEPATCH_PARAMS/method)
					expected="Invalid argument" ;;
				esac
			fi
			[[ "$ERROR" == "$expected" ]] ||
				echo "$1: $file: '${INPUT:0:80}': $ERROR, expected $expected"
		done
	done
	echo "$count writes"
}

# as_nobody(command) - run functions of this script as nobody
function as_nobody() {
	setpriv --reuid=65534 --regid=65534 --clear-groups bash -c "
		$(declare -p SYSFS_KLP_DIR LIVEPATCH_PARAMS STATE)
		$(declare -f rnd attributes values next_input try_write write_all)
		$1"
}

# expect_writes(n, result) - all that write_all() has to say is that there were n to
#			     each attribute
function expect_writes() {
	local files=$(attributes | wc -l)

	[[ "$files" -gt 0 && "$2" == "$((files * $1)) writes" ]] ||
		die "$2, expected $1 to each of $files attributes"
	log "$2"
}

# expect_unwritten(file, input ...) - write to a file, which must be an invalid argument
function expect_unwritten() {
	local file="$1" input
	shift

	for input in "$@"; do
		try_write "$file" "$input"
		[[ "$ERROR" == "Invalid argument" ]] || die "$file: '$input': $ERROR"
	done
}

# enable(modname) - load a livepatch
function enable() {
	insmod "test_modules/$1.ko" || die "$writes: cannot load $1"
	changes=$((changes + 1))
}

# disable(modname) - begin to disable a livepatch
function disable() {
	writes=$((writes + 1))
	echo 0 > "$SYSFS_KLP_DIR/$1/enabled" || die "$writes: $1 is not disabled"
	changes=$((changes + 1))
}

# expect_gone(modname) - wait until a livepatch has been disabled, and unload it
function expect_gone() {
	loop_until "[[ ! -e $SYSFS_KLP_DIR/$1 ]]" || die "$writes: failed to disable $1"
	loop_until "[[ \$(cat /sys/module/$1/refcnt) == 0 ]]" ||
		die "$writes: $1 is still referenced"
	rmmod "$1" || die "$writes: cannot unload $1"
	gone=$((gone + 1))
}

setup_config

# The longest name that can be looked for, and the largest position
LONG_NAME=$(printf 'x%.0s' {1..511})
MAX=$((2 ** ($(getconf LONG_BIT) - 1) - 1))
# The name of several functions of the kernel, if there is one
AMBIGUOUS=$(awk 'NF == 3 && $2 ~ /^[tT]$/ && $3 !~ /\.|^__pfx_/ && n[$3]++ { print $3; exit }' \
	/proc/kallsyms)

load_mod $MOD_TARGET


# - Load livepatches that make no sense.  Each is refused, and leaves nothing behind.
#   Where the kernel says why, it names the function.
#
# - Do that again with a livepatch enabled, which they are to replace.  It stays.
#
# - Load livepatches that have nothing to do, or nothing yet.  They can be used.
#
# - Enable one for the second time.  That is refused, and it goes on to be used.
#
# - Load one for a function that its module has only while it is loaded.  That
#   module is refused then.
#
# - Load one that has the same function by two names, for a module that is not there
#   yet.  That module is refused then, and the next time, too.

start_test "malformed livepatches"

expected=""
load_mod $MOD_KPROBE
replace=
BEFORE=$(state)
refuse_all
expect_version 0
load_lp $MOD_LIVEPATCH1
expected+="$(load_lines $MOD_LIVEPATCH1)
"
replace=replace=1
BEFORE=$(state)
refuse_all
expect_version 1
disable_lp $MOD_LIVEPATCH1
unload_lp $MOD_LIVEPATCH1
unload_mod $MOD_KPROBE
expected+="$(unload_lines $MOD_LIVEPATCH1)
% rmmod $MOD_KPROBE
"
for what in what=empty_objs what=empty_funcs object=test_klp_universe_other; do
	load_lp $MOD_INPUT $what
	expect_version 0
	disable_lp $MOD_INPUT
	unload_lp $MOD_INPUT
	expected+="$(load_lines $MOD_INPUT $what)
$(unload_lines $MOD_INPUT)
"
done
load_lp $MOD_INPUT
log "% echo 1 > /sys/module/$MOD_INPUT/parameters/again"
expect_unwritten "/sys/module/$MOD_INPUT/parameters/again" 1
expect_version 100
disable_lp $MOD_INPUT
unload_lp $MOD_INPUT
expect_version 0
load_lp $MOD_INPUT object=$MOD_KPROBE function=init_module
load_failing_mod $MOD_KPROBE
[[ ! -e /sys/module/$MOD_KPROBE ]] || die "$MOD_KPROBE is left"
disable_lp $MOD_INPUT
unload_lp $MOD_INPUT
unload_mod $MOD_TARGET
load_lp $MOD_INPUT "also=${MOD_TARGET}_alias"
for i in 1 2; do
	load_failing_mod $MOD_TARGET
	[[ ! -e /sys/module/$MOD_TARGET ]] || die "$MOD_TARGET is left"
done
disable_lp $MOD_INPUT
unload_lp $MOD_INPUT
load_mod $MOD_TARGET
expect_version 0
refused="% insmod test_modules/$MOD_TARGET.ko
livepatch: applying patch '$MOD_INPUT' to loading module '$MOD_TARGET'
livepatch: function '${MOD_TARGET}_alias' is patched twice, also as '${MOD_TARGET}_a'
livepatch: failed to apply patch '$MOD_INPUT' to module '$MOD_TARGET' (-22)
livepatch: patch '$MOD_INPUT' failed for module '$MOD_TARGET', refusing to load module '$MOD_TARGET'
insmod: ERROR: could not insert module test_modules/$MOD_TARGET.ko: Invalid parameters
"
expected+="$(load_lines $MOD_INPUT)
% echo 1 > /sys/module/$MOD_INPUT/parameters/again
livepatch: '$MOD_INPUT': a livepatch can be enabled only once
$(unload_lines $MOD_INPUT)
$(load_lines $MOD_INPUT object=$MOD_KPROBE function=init_module)
% insmod test_modules/$MOD_KPROBE.ko
livepatch: function 'init_module' does not stay when its module has been loaded
livepatch: failed to initialize patch '$MOD_INPUT' for module '$MOD_KPROBE' (-22)
livepatch: patch '$MOD_INPUT' failed for module '$MOD_KPROBE', refusing to load module '$MOD_KPROBE'
insmod: ERROR: could not insert module test_modules/$MOD_KPROBE.ko: Invalid parameters
$(unload_lines $MOD_INPUT)
% rmmod $MOD_TARGET
$(load_lines $MOD_INPUT also=${MOD_TARGET}_alias)
$refused$refused$(unload_lines $MOD_INPUT)
% insmod test_modules/$MOD_TARGET.ko
"

check_result "% insmod test_modules/$MOD_KPROBE.ko
${expected%$'\n'}"


# - Two livepatches are for the same function, by different names.  Replace both by
#   one that knows neither, which gets two functions that do nothing.  Reverse that
#   in the middle, and do it again.
#
# - Replace a livepatch for one name by one for the other.

start_test "replace livepatches for two names of a function"

load_lp $MOD_LIVEPATCH1
load_lp $MOD_INPUT "function=${MOD_TARGET}_alias"
expect_version 100
hold 1
load_lp_nowait $MOD_REPLACE replace=1
wait_version 0
log "% echo 0 > $SYSFS_KLP_DIR/$MOD_REPLACE/enabled"
echo 0 > "$SYSFS_KLP_DIR/$MOD_REPLACE/enabled"
wait_version 100
wait_gone $MOD_REPLACE
hold 0
expect_version 100
load_lp $MOD_REPLACE replace=1
expect_version 0
wait_gone $MOD_INPUT $MOD_LIVEPATCH1
disable_lp $MOD_REPLACE
unload_lp $MOD_REPLACE

load_lp $MOD_INPUT "function=${MOD_TARGET}_alias"
expect_version 100
load_lp $MOD_LIVEPATCH1 replace=1
expect_version 1
wait_gone $MOD_INPUT
disable_lp $MOD_LIVEPATCH1
unload_lp $MOD_LIVEPATCH1
expect_version 0

check_result "$(load_lines $MOD_LIVEPATCH1)
$(load_lines $MOD_INPUT function=${MOD_TARGET}_alias)
% echo 1 > $PARAMS/hold
% insmod test_modules/$MOD_REPLACE.ko replace=1
livepatch: enabling patch '$MOD_REPLACE'
livepatch: '$MOD_REPLACE': initializing patching transition
livepatch: '$MOD_REPLACE': starting patching transition
% echo 0 > $SYSFS_KLP_DIR/$MOD_REPLACE/enabled
livepatch: '$MOD_REPLACE': reversing transition from patching to unpatching
livepatch: '$MOD_REPLACE': starting unpatching transition
livepatch: '$MOD_REPLACE': completing unpatching transition
livepatch: '$MOD_REPLACE': unpatching complete
% rmmod $MOD_REPLACE
% echo 0 > $PARAMS/hold
$MOD_TARGET: kthread 0 saw version 100
$(load_lines $MOD_REPLACE replace=1)
% rmmod $MOD_INPUT
% rmmod $MOD_LIVEPATCH1
$(unload_lines $MOD_REPLACE)
$(load_lines $MOD_INPUT function=${MOD_TARGET}_alias)
$(load_lines $MOD_LIVEPATCH1 replace=1)
% rmmod $MOD_INPUT
$(unload_lines $MOD_LIVEPATCH1)"

# It has rightly seen two versions: not all of its functions had two livepatches.
unload_mod $MOD_TARGET
load_mod $MOD_TARGET


# - Load livepatches that have an object or a function twice.  They are refused, too.

start_test "livepatches with something twice"

replace=
BEFORE=$(state)
refuse_all_twice
expect_version 0
load_lp $MOD_LIVEPATCH1
replace=replace=1
BEFORE=$(state)
refuse_all_twice
expect_version 1
echo "ok"


# - Hold a kthread in a livepatch, and enable another one, which stays in transition.
#
# - Write to all that there is in sysfs, as root and as nobody.  Whatever is written,
#   no boolean is among it, nor anything else that is to be obeyed.  All of it is
#   refused, nothing changes, and the kernel has nothing to say.
#
# - Read all that there is in pieces.

start_test "random writes to sysfs"

hold 1
load_lp_nowait $MOD_LIVEPATCH2
# Who is late because of something else, or has been let go of by ftrace?
loop_until '[[ "$(values)" == "$(sleep 1; values)" ]]' || die "sysfs does not settle"
check_sysfs_value $MOD_LIVEPATCH2 transition 1
before=$(values)
said=$(new_messages)

expect_writes 6 "$(write_all root 6)"
# They are enabled already.  And one is not in transition.
for mod in $MOD_LIVEPATCH1 $MOD_LIVEPATCH2; do
	expect_unwritten "$SYSFS_KLP_DIR/$mod/enabled" 1 '1\n1' y on '1\x00'
done
expect_unwritten "$SYSFS_KLP_DIR/$MOD_LIVEPATCH1/force" 1 '1\n1' y on '1\x00'
# One write for all of it, and one that is not at the beginning
for file in $SYSFS_KLP_DIR/*/{enabled,force} $LIVEPATCH_PARAMS/method; do
	[[ -e "$file" ]] || continue
	for args in "bs=8192" "bs=1 seek=100"; do
		error=$(dd if=/dev/zero of="$file" conv=notrunc count=1 $args 2>&1) &&
			die "$file: $args: written"
		[[ "$error" == *"Invalid argument"* ]] || die "$file: $args: $error"
	done
done

if command -v setpriv > /dev/null; then
	expect_writes 3 "$(as_nobody "write_all nobody 3")"
	seen=$(as_nobody values)
	same "what nobody sees" "$(echo "$before" | grep -v /stragglers:)" \
		"$(echo "$seen" | grep -v /stragglers:)"
	[[ "$(echo "$seen" | grep -c '/stragglers: denied')" == 2 ]] ||
		die "nobody sees stragglers"
fi

for file in $(attributes); do
	[[ "$file" != */stragglers && "$file" != */force ]] || continue
	value=$(< "$file")
	[[ "$(dd if="$file" bs=1 2> /dev/null)" == "$value" &&
	   "$(dd if="$file" bs=1 skip=1 2> /dev/null)" == "${value:1}" &&
	   -z "$(dd if="$file" bs=4096 skip=1 2> /dev/null)" ]] ||
		die "$file cannot be read in pieces"
done

same sysfs "$before" "$(values)"
same "the log" "$said" "$(new_messages)"
hold 0
loop_until "grep -q '^0$' $SYSFS_KLP_DIR/$MOD_LIVEPATCH2/transition" ||
	die "failed to complete transition"
expect_version 2
for mod in $MOD_LIVEPATCH2 $MOD_LIVEPATCH1; do
	disable_lp $mod
	unload_lp $mod
done
expect_version 0
expect_no_mix
echo "ok"


# - Turn a livepatch on and off at random, a thousand times, and check now and then
#   what is seen.
#
# - Nearly all of these reverse a transition.  Half of the time a kthread is held
#   where another livepatch is not in effect yet, so that none can complete.  The
#   other half, it is a race, and over when the livepatch is gone.  That waits for
#   grace periods, so about a dozen livepatches come and go in all.
#
# - Each change is one more universe.  Nothing is left in the end.

start_test "enable and disable a thousand times"

universe=$(cat $UNIVERSE)
enabled=$SYSFS_KLP_DIR/$MOD_LIVEPATCH1/enabled
writes=0
changes=0
gone=0
while [[ "$writes" -lt "$WRITES" ]]; do
	rnd 2
	held=$R
	versions=(0 1)
	if [[ "$held" -eq 1 ]]; then
		hold 1
		enable $MOD_LIVEPATCH2
		versions=(2 1)
	fi
	enable $MOD_LIVEPATCH1
	on=1
	[[ "$held" -eq 1 ]] && rnd 400 || rnd 20
	for ((n = R; n > 0; n--)); do
		writes=$((writes + 1))
		if ! { echo $((1 - on)) > "$enabled"; } 2> /dev/null; then
			[[ "$on" -eq 0 && "$held" -eq 0 ]] || die "$writes: not reversed"
			break
		fi
		changes=$((changes + 1))
		on=$((1 - on))
		rnd 16
		[[ "$R" -gt 0 ]] || wait_version ${versions[$on]}
	done
	wait_version ${versions[$on]}
	[[ "$on" -eq 0 ]] || disable $MOD_LIVEPATCH1
	[[ "$held" -eq 0 ]] || hold 0
	expect_gone $MOD_LIVEPATCH1
	if [[ "$held" -eq 1 ]]; then
		expect_version 2
		disable $MOD_LIVEPATCH2
		expect_gone $MOD_LIVEPATCH2
	fi
	expect_version 0
done
log "$writes writes, $changes changes, $gone livepatches gone"
[[ "$(cat $UNIVERSE)" -eq $((universe + changes)) ]] ||
	die "$(cat $UNIVERSE) is the newest universe, expected $((universe + changes))"
[[ -z "$(ls "$SYSFS_KLP_DIR")" ]] || die "left: $(ls "$SYSFS_KLP_DIR")"
[[ -z "$(attached)" ]] || die "left: $(attached)"
[[ "$(cat /sys/module/$MOD_TARGET/refcnt)" == 0 ]] || die "$MOD_TARGET is still referenced"
expect_no_mix
unload_mod $MOD_TARGET
echo "ok"

exit 0
