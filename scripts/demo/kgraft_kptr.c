// SPDX-License-Identifier: GPL-2.0
/*
 * A livepatch that hides the addresses of the kernel, from root as well.
 *
 * Whoever can read /proc/kallsyms with CAP_SYSLOG is told where the kernel is,
 * which is half of an exploit.  kallsyms_show_value() decides.
 */
#include <linux/cred.h>
#include <linux/livepatch.h>
#include <linux/module.h>

static bool kgraft_kallsyms_show_value(const struct cred *cred)
{
	return false;
}

static struct klp_func funcs[] = {
	{
		.old_name = "kallsyms_show_value",
		.new_func = kgraft_kallsyms_show_value,
	}, { }
};

static struct klp_object objs[] = {
	{
		/* No name: vmlinux. */
		.funcs = funcs,
	}, { }
};

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objs,
};

static int __init kgraft_kptr_init(void)
{
	return klp_enable_patch(&patch);
}

static void __exit kgraft_kptr_exit(void)
{
}

module_init(kgraft_kptr_init);
module_exit(kgraft_kptr_exit);
MODULE_DESCRIPTION("kallsyms: no addresses for anybody");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
