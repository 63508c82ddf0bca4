#!/bin/bash
# samples.sh - in the guest: load the kernel's livepatch samples, and see that they
# do what their sources say
set -u
cd /lib/modules/*/kernel/samples/livepatch || exit
klp=/sys/kernel/livepatch

fail() { echo "error: $*"; dmesg | tail -n 40; exit 1; }
# soon TEXT COMMAND... - waits for that to be true
soon() {
	local text=$1 i
	shift
	for ((i = 0; i < 600; i++)); do
		! "$@" || { echo "$text"; return; }
		sleep 0.1
	done
	fail "not seen: $text"
}
clean_log() { dmesg -C; }
# says TEXT - does the log, since then?
says() { dmesg | grep -qF -- "$1"; }
is() { [ "$(cat "$klp/$1/transition" 2> /dev/null)" = "$2" ]; }
gone() { [ ! -e "$klp/$1" ]; }
load() { insmod "$1.ko" "${@:2}" || fail "insmod $1"; }
# off LIVEPATCH - disables it and unloads it
off() {
	echo 0 > "$klp/${1//-/_}/enabled" || fail "$1 cannot be disabled"
	soon "$1: disabled" gone "${1//-/_}"
	soon "$1: unloaded" rmmod "$1"
}
on() {
	load "$@"
	soon "$1: transition complete" is "${1//-/_}" 0
}

on livepatch-sample
soon "livepatch-sample: /proc/cmdline" grep -q 'this has been live patched' /proc/cmdline
off livepatch-sample
! grep -q 'this has been live patched' /proc/cmdline || fail "/proc/cmdline is still patched"

clean_log
on livepatch-callbacks-demo
says 'pre_patch_callback: vmlinux' && says 'post_patch_callback: vmlinux' ||
	fail "callbacks were not called"
load livepatch-callbacks-mod
says 'post_patch_callback: livepatch_callbacks_mod' || fail "no callback for the module"
load livepatch-callbacks-busymod
off livepatch-callbacks-demo
says 'pre_unpatch_callback: vmlinux' && says 'post_unpatch_callback: livepatch_callbacks_mod' ||
	fail "callbacks were not called"
rmmod livepatch-callbacks-mod livepatch-callbacks-busymod || fail rmmod

clean_log
load livepatch-shadow-mod
on livepatch-shadow-fix1
soon "livepatch-shadow-fix1: prevents a leak" says 'prevented leak'
on livepatch-shadow-fix2
soon "livepatch-shadow-fix2: counts" says 'check counter ='
off livepatch-shadow-fix2
off livepatch-shadow-fix1
rmmod livepatch-shadow-mod || fail rmmod

stuck() { grep -qx '[0-9]* sleeper_nap sleeper' "$klp/livepatch_inflight_fix$1/stragglers"; }
clean_log
load livepatch-inflight-mod nap_secs=15
soon "sleeper: sleeps" says 'sleeper: good night for 15 seconds'
soon "reporter: the original" says 'reporter: the original'
load livepatch-inflight-fix1
soon "reporter: the first fix" says 'reporter: the first fix'
soon "livepatch-inflight-fix1: waits for the sleeper" stuck 1
load livepatch-inflight-fix2
soon "reporter: the second fix, while both wait" says 'reporter: the second fix'
is livepatch_inflight_fix1 1 && is livepatch_inflight_fix2 1 || fail "they do not wait"
soon "livepatch-inflight-fix2: waits for the sleeper" stuck 2
says 'good morning' && fail "the sleeper woke up too early"
soon "sleeper: the first fix" says 'sleeper: no nap any more'
soon "livepatch-inflight-fix2: transition complete" is livepatch_inflight_fix2 0
[ "$(dmesg | grep -o "fix.': patching complete" | paste -sd' ')" = "fix1': patching complete fix2': patching complete" ] ||
	fail "not in order"
off livepatch-inflight-fix1
says 'unpatching complete' || fail "not unpatched"
off livepatch-inflight-fix2
rmmod livepatch-inflight-mod || fail rmmod
[ -z "$(ls $klp)" ] || fail "left: $(ls $klp)"
echo "all samples: passed"
