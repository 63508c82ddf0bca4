# Common to the measurements: modules built for a kernel tree, and a guest that
# runs them and counts instructions.  Sourced, not run.
# shellcheck shell=bash
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

dir=$work/bench-${0##*/}
root=$dir/root
rm -rf "$dir"
mkdir -p "$root"

# built TREE - its folder, if a kernel has been built there
built() {
	[ -e "$1/arch/x86/boot/bzImage" ] || die "$1 holds no built kernel"
	realpath "$1"
}

# modules TREE DIR - builds the .c files of DIR as modules for TREE, for the guest
modules() {
	local sources=("$2"/*.c)
	sources=("${sources[@]##*/}")
	echo "obj-m := ${sources[*]/%.c/.o}" > "$2/Kbuild"
	logged "$dir/log" make -s -j"$jobs" -C "$1" M="$2" LOCALVERSION= CC="ccache gcc" modules
	cp "$2"/*.ko "$root"
}

program() {	# program NAME SOURCE - builds a program for the guest
	logged "$dir/log" gcc -O2 -Wall -static -pthread -o "$root/$1" "$2"
}

# guest TREE OPTIONS... COMMAND - boots TREE's kernel; what was built is in /
guest() {
	local tree=$1
	shift
	"$top/scripts/rootfs" "$dir/cpio"
	VM_QUIET=y "$top/scripts/vm" -x icount -k "$tree/arch/x86/boot/bzImage" -i "$dir/cpio" -d "$root" \
		-o "$logs/bench-console" "$@"
}
