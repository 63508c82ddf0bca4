// SPDX-License-Identifier: GPL-2.0

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/kernel.h>
#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/ftrace.h>
#include <linux/kprobes.h>
#include <linux/rcupdate_trace.h>
#include <linux/sched.h>

#if defined(CONFIG_X86_64) && defined(CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS)

#include <linux/objtool.h>
#include <asm/nospec-branch.h>

#define FUNCTION	"test_klp_universe_b"

/* Does it go together with livepatches of the function, as BPF does? */
static bool share;
module_param(share, bool, 0444);
MODULE_PARM_DESC(share, "work together with IPMODIFY (default=false)");

/* Whoever comes stays until this is 0 again. */
static int stay;
module_param(stay, int, 0644);
MODULE_PARM_DESC(stay, "keep callers in the trampoline, 1: running, 2: asleep, 3: running after that");

static atomic_t inside;
static atomic_t hits;
static int result;

/* Behind the place that ftrace calls from */
static unsigned long site;

/* Where the trampoline calls to; 0 if ftrace has left that on the stack. */
static unsigned long target;

/* In assembly, below */
void test_klp_direct_tramp(void);

static __used notrace unsigned long test_klp_direct_enter(void)
{
	unsigned long ret = READ_ONCE(target);
	struct srcu_ctr __percpu *trace;

	/* It is too late for the caller to go anywhere else. */
	atomic_inc(&inside);

	/* As a BPF program would, that may or may not sleep. */
	if (READ_ONCE(stay) == 2) {
		trace = rcu_read_lock_tasks_trace();
		while (READ_ONCE(stay) == 2)
			msleep(20);
		rcu_read_unlock_tasks_trace(trace);
	}
	while (READ_ONCE(stay))
		cpu_relax();

	atomic_dec(&inside);

	return ret;
}

static __used notrace void test_klp_direct_exit(int ret)
{
	/* Kthreads that are held see something else. */
	if (current->flags & PF_KTHREAD)
		return;

	WRITE_ONCE(result, ret);
	atomic_inc(&hits);
}

/*
 * Calls the function by jumping behind its entry, and returns to its caller, as
 * trampolines of BPF do that look at the result.  The function has no arguments.
 *
 * Objtool does not look at this, so that its stack is unreliable, like theirs.
 */
asm("	.pushsection	.text, \"ax\", @progbits\n"
"	.type		test_klp_direct_tramp, @function\n"
"	.globl		test_klp_direct_tramp\n"
"test_klp_direct_tramp:\n"
	ASM_ENDBR
"	pushq	%rbp\n"
"	movq	%rsp, %rbp\n"
	CALL_DEPTH_ACCOUNT
"	call	test_klp_direct_enter\n"
"	testq	%rax, %rax\n"
"	jnz	1f\n"
"	movq	8(%rbp), %rax\n"
/* There is no ENDBR, so this is no indirect call. */
"1:	leaq	2f(%rip), %rcx\n"
"	pushq	%rcx\n"
"	pushq	%rax\n"
	ASM_RET
"2:	pushq	%rax\n"
"	movl	%eax, %edi\n"
"	call	test_klp_direct_exit\n"
"	popq	%rax\n"
"	leave\n"
"	addq	$8, %rsp\n"
	ASM_RET
"	.size		test_klp_direct_tramp, .-test_klp_direct_tramp\n"
"	.popsection\n"
);
STACK_FRAME_NON_STANDARD(test_klp_direct_tramp);

static int share_ipmodify(struct ftrace_ops *ops, unsigned long ip,
			  enum ftrace_ops_cmd cmd)
{
	bool on = cmd != FTRACE_OPS_CMD_DISABLE_SHARE_IPMODIFY_PEER;

	WRITE_ONCE(target, on ? 0 : site);

	return 0;
}

static struct ftrace_ops direct;

static int inside_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%d\n", atomic_read(&inside));
}

static const struct kernel_param_ops inside_ops = { .get = inside_get };
module_param_cb(inside, &inside_ops, NULL, 0444);
MODULE_PARM_DESC(inside, "how many callers are kept");

/* Reading starts anew. */
static int results_get(char *buffer, const struct kernel_param *kp)
{
	int nr = atomic_xchg(&hits, 0);

	if (!nr)
		return sysfs_emit(buffer, "none\n");

	return sysfs_emit(buffer, "%d\n", READ_ONCE(result));
}

static const struct kernel_param_ops results_ops = { .get = results_get };
module_param_cb(result, &results_ops, NULL, 0444);
MODULE_PARM_DESC(result, "what the function has returned last, to a user's task");

static int __init test_klp_direct_init(void)
{
	struct kprobe kp = { .symbol_name = FUNCTION };
	int ret;

	/* Tells where ftrace calls from. */
	ret = register_kprobe(&kp);
	if (ret)
		return ret;
	site = (unsigned long)kp.addr + MCOUNT_INSN_SIZE;
	target = site;
	unregister_kprobe(&kp);

	if (share)
		direct.ops_func = share_ipmodify;
	ret = ftrace_set_filter_ip(&direct, site - MCOUNT_INSN_SIZE, 0, 0);
	if (ret)
		return ret;

	ret = register_ftrace_direct(&direct, (unsigned long)test_klp_direct_tramp);
	if (ret)
		ftrace_free_filter(&direct);

	return ret;
}

static void __exit test_klp_direct_cleanup(void)
{
	unregister_ftrace_direct(&direct, (unsigned long)test_klp_direct_tramp, true);
}

module_init(test_klp_direct_init);
module_exit(test_klp_direct_cleanup);

#endif /* CONFIG_X86_64 && CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS */

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Livepatch test: calls a function by jumping behind its entry");
