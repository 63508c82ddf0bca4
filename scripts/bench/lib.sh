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

# sources N OUT - a target module, and a livepatch for it; bodies differ, or the
# compiler makes one function of them.  With NOTRACE=notrace in the environment,
# ftrace does not know the functions.
sources() {
	local n=$1 out=$2
	mkdir -p "$out"
	{
		echo '#include <linux/module.h>'
		for ((i = 0; i < n; i++)); do
			echo "static noinline __used ${NOTRACE:-} int bench_$i(int x) { return x + $((i + 3)); }"
		done
		echo 'MODULE_DESCRIPTION("bench"); MODULE_LICENSE("GPL");'
	} > "$out/bench_target$n.c"
	{
		echo '#include <linux/livepatch.h>'
		for ((i = 0; i < n; i++)); do
			echo "static ${NOTRACE:-} int new_$i(int x) { return x - $((i + 3)); }"
		done
		echo 'static struct klp_func funcs[] = {'
		for ((i = 0; i < n; i++)); do
			echo "	{ .old_name = \"bench_$i\", .new_func = new_$i },"
		done
		cat <<-EOF
			{} };
			static struct klp_object objs[] = { { .name = "bench_target$n", .funcs = funcs }, {} };
			static struct klp_patch patch = { .mod = THIS_MODULE, .objs = objs };
			static int bench_init(void) { return klp_enable_patch(&patch); }
			static void bench_exit(void) {}
			module_init(bench_init); module_exit(bench_exit);
			MODULE_INFO(livepatch, "Y"); MODULE_DESCRIPTION("bench"); MODULE_LICENSE("GPL");
		EOF
	} > "$out/bench_patch$n.c"
}

# targets TREE "FUNCTIONS" - builds those for each number of functions
targets() {
	local n
	for n in $2; do
		rm -rf "$dir/$n"
		sources "$n" "$dir/$n"
		modules "$1" "$dir/$n"
	done
}

# Words for the kernel command line: seconds under one lock are what some of this is
# about, so no watchdogs.
# shellcheck disable=SC2034
patient='nokaslr nowatchdog rcupdate.rcu_cpu_stall_suppress=1 sysctl.kernel.hung_task_timeout_secs=0'

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
