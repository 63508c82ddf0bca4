/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM livepatch

#if !defined(_TRACE_LIVEPATCH_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_LIVEPATCH_H

#include <linux/livepatch.h>
#include <linux/sched.h>
#include <linux/tracepoint.h>

DECLARE_EVENT_CLASS(klp_change,

	TP_PROTO(const char *patch, unsigned int universe, bool on),

	TP_ARGS(patch, universe, on),

	TP_STRUCT__entry(
		__field(unsigned int, universe)
		__string(patch, patch)
		__field(bool, on)
	),

	TP_fast_assign(
		__entry->universe	= universe;
		__assign_str(patch);
		__entry->on		= on;
	),

	TP_printk("universe=%u patch=%s on=%d",
		  __entry->universe, __get_str(patch), __entry->on)
);

/*
 * Tracepoint for the birth of a universe, in which a livepatch is turned on or
 * off.  It comes before those of the tasks that migrate there.
 */
DEFINE_EVENT(klp_change, klp_universe_born,
	     TP_PROTO(const char *patch, unsigned int universe, bool on),
	     TP_ARGS(patch, universe, on)
);

/*
 * Tracepoint for the end of a transition: all tasks have reached the universe
 * that it began with.  There is none for a transition that has been reversed.
 */
DEFINE_EVENT(klp_change, klp_transition_complete,
	     TP_PROTO(const char *patch, unsigned int universe, bool on),
	     TP_ARGS(patch, universe, on)
);

/*
 * Tracepoint for a task that goes to a newer universe.  A child begins in that
 * of its parent, without an event.
 */
TRACE_EVENT(klp_task_migrated,

	TP_PROTO(struct task_struct *task, unsigned int from, unsigned int to,
		 const char *how),

	TP_ARGS(task, from, to, how),

	TP_STRUCT__entry(
		__array(char, comm, TASK_COMM_LEN)
		__field(pid_t, pid)
		__field(unsigned int, from)
		__field(unsigned int, to)
		__string(how, how)
	),

	TP_fast_assign(
		memcpy(__entry->comm, task->comm, TASK_COMM_LEN);
		__entry->pid		= task->pid;
		__entry->from		= from;
		__entry->to		= to;
		__assign_str(how);
	),

	TP_printk("comm=%s pid=%d from=%u to=%u how=%s",
		  __entry->comm, __entry->pid, __entry->from, __entry->to,
		  __get_str(how))
);

TRACE_DEFINE_ENUM(KLP_METHOD_NONE);
TRACE_DEFINE_ENUM(KLP_METHOD_FTRACE);
TRACE_DEFINE_ENUM(KLP_METHOD_JUMP);
TRACE_DEFINE_ENUM(KLP_METHOD_INT3);

#define klp_show_method(method)				\
	__print_symbolic(method,			\
		{ KLP_METHOD_NONE,	"none" },	\
		{ KLP_METHOD_FTRACE,	"ftrace" },	\
		{ KLP_METHOD_JUMP,	"jump" },	\
		{ KLP_METHOD_INT3,	"int3" })

/*
 * Tracepoint for what takes calls of a function to the version that a livepatch
 * has of it, as in the attribute "method".  There is one event for each livepatch
 * that has the function.
 */
TRACE_EVENT(klp_method_changed,

	TP_PROTO(const char *patch, const char *function, enum klp_method from,
		 enum klp_method to),

	TP_ARGS(patch, function, from, to),

	TP_STRUCT__entry(
		__string(patch, patch)
		__string(function, function)
		__field(int, from)
		__field(int, to)
	),

	TP_fast_assign(
		__assign_str(patch);
		__assign_str(function);
		__entry->from		= from;
		__entry->to		= to;
	),

	TP_printk("patch=%s function=%s from=%s to=%s",
		  __get_str(patch), __get_str(function),
		  klp_show_method(__entry->from), klp_show_method(__entry->to))
);

#endif /* _TRACE_LIVEPATCH_H */

/* This part must be outside protection */
#include <trace/define_trace.h>
