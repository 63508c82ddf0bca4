// SPDX-License-Identifier: GPL-2.0
/*
 * Attach BPF programs to functions, and tell what they see.
 *
 * They count the calls that this process makes, and no others: kthreads that are
 * held may see another version.
 *
 * Each line of standard input is a command, and has one line for an answer:
 *
 *   attach TYPE OBJECT FUNCTION
 *		TYPE is fentry, fexit, fmod_ret or fentry.s, which is a fentry
 *		program that may sleep.  OBJECT is vmlinux or a module.  There can
 *		be one program of each type.
 *   detach TYPE
 *   call FILE	Read the file, which is to call the functions.  The answer is what
 *		it says, and for each program how often it was hit, and for fexit
 *		what it saw the function return.
 *   sleep FILE	Do that in a thread, which falls asleep in the fentry.s program.
 *   wake	Wait for the end of that.  The answer is what the file said.
 *
 * The end of the input detaches all.
 */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/bpf.h>
#include <linux/btf.h>
#include <linux/userfaultfd.h>

#define ARRAY_SIZE(x)	(sizeof(x) / sizeof((x)[0]))
#define PTR(p)		((__u64)(unsigned long)(p))

/* What an fmod_ret program has the function return */
#define RETVAL		-12

static struct program {
	const char *name;
	enum bpf_attach_type type;
	bool sleepable;
	int prog_fd;
	int link_fd;
} programs[] = {
	{ "fentry", BPF_TRACE_FENTRY },
	{ "fexit", BPF_TRACE_FEXIT },
	{ "fmod_ret", BPF_MODIFY_RETURN },
	{ "fentry.s", BPF_TRACE_FENTRY, true },
};

/* A map of one element, also in memory here */
static struct shared {
	struct seen {
		__u64 hits;
		__s64 result;
	} seen[ARRAY_SIZE(programs)];
	__u64 sleep;
} *shared;
static int map_fd;

/* Whoever reads this from the kernel sleeps, where it is not mapped. */
static void *page;
static size_t page_size;
static int uffd = -1;

static bool asleep;
static pthread_t sleeper;
static char *sleeper_file;
static char sleeper_says[64];

static int bpf(enum bpf_cmd cmd, union bpf_attr *attr)
{
	return syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

struct btf {
	int fd;
	struct btf_header *header;
	/* The first type and the first byte of strings that are its own */
	__u32 first_type;
	__u32 first_string;
};

static bool btf_get_info(int fd, struct bpf_btf_info *info)
{
	union bpf_attr attr = {
		.info = {
			.bpf_fd = fd,
			.info_len = sizeof(*info),
			.info = PTR(info),
		},
	};

	return !bpf(BPF_OBJ_GET_INFO_BY_FD, &attr);
}

/* Get what the kernel knows of the types of vmlinux, or of a module. */
static bool btf_get(const char *name, struct btf *btf)
{
	union bpf_attr attr = {};
	struct bpf_btf_info info;
	char object[64];
	__u32 size;

	while (!bpf(BPF_BTF_GET_NEXT_ID, &attr)) {
		__u32 id = attr.next_id;

		attr = (union bpf_attr) { .btf_id = id };
		btf->fd = bpf(BPF_BTF_GET_FD_BY_ID, &attr);
		attr = (union bpf_attr) { .start_id = id };
		if (btf->fd < 0)
			continue;

		info = (struct bpf_btf_info) {
			.name = PTR(object),
			.name_len = sizeof(object),
		};
		if (btf_get_info(btf->fd, &info) && info.kernel_btf &&
		    !strcmp(object, name)) {
			size = info.btf_size;
			btf->header = malloc(size);
			info = (struct bpf_btf_info) {
				.btf = PTR(btf->header),
				.btf_size = size,
			};
			return btf->header && btf_get_info(btf->fd, &info);
		}
		close(btf->fd);
	}

	return false;
}

static void btf_put(struct btf *btf)
{
	close(btf->fd);
	free(btf->header);
}

static const char *btf_string(struct btf *btf, struct btf *base, __u32 offset)
{
	if (offset < btf->first_string)
		btf = base;

	return (char *)btf->header + btf->header->hdr_len +
	       btf->header->str_off + offset - btf->first_string;
}

static size_t btf_type_size(struct btf_type *type)
{
	size_t vlen = BTF_INFO_VLEN(type->info), size = sizeof(*type);

	switch (BTF_INFO_KIND(type->info)) {
	case BTF_KIND_INT:
		return size + sizeof(__u32);
	case BTF_KIND_ARRAY:
		return size + sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return size + vlen * sizeof(struct btf_member);
	case BTF_KIND_ENUM:
		return size + vlen * sizeof(struct btf_enum);
	case BTF_KIND_FUNC_PROTO:
		return size + vlen * sizeof(struct btf_param);
	case BTF_KIND_VAR:
		return size + sizeof(struct btf_var);
	case BTF_KIND_DATASEC:
		return size + vlen * sizeof(struct btf_var_secinfo);
	case BTF_KIND_DECL_TAG:
		return size + sizeof(struct btf_decl_tag);
	case BTF_KIND_ENUM64:
		return size + vlen * sizeof(struct btf_enum64);
	default:
		return size;
	}
}

/* Find a function.  Without a name, what is returned is the number of types. */
static __u32 btf_find(struct btf *btf, struct btf *base, const char *function)
{
	void *type = (void *)btf->header + btf->header->hdr_len + btf->header->type_off;
	void *end = type + btf->header->type_len;
	__u32 id = btf->first_type;

	for (; type < end; type += btf_type_size(type), id++) {
		struct btf_type *t = type;

		if (function && BTF_INFO_KIND(t->info) == BTF_KIND_FUNC &&
		    !strcmp(btf_string(btf, base, t->name_off), function))
			return id;
	}

	return function ? 0 : id;
}

/* Say where to attach a program to. */
static bool find_function(const char *object, const char *function,
			  union bpf_attr *attr)
{
	struct btf base = { .first_type = 1 }, module, *btf = &base;

	if (!btf_get("vmlinux", &base))
		return false;

	if (strcmp(object, "vmlinux")) {
		btf = &module;
		if (!btf_get(object, btf)) {
			btf_put(&base);
			return false;
		}
		btf->first_type = btf_find(&base, NULL, NULL);
		btf->first_string = base.header->str_len;
	}

	attr->attach_btf_obj_fd = dup(btf->fd);
	attr->attach_btf_id = btf_find(btf, &base, function);

	if (btf == &module)
		btf_put(&module);
	btf_put(&base);

	if (!attr->attach_btf_id)
		errno = ENOENT;

	return attr->attach_btf_id;
}

static struct bpf_insn insn(__u8 code, __u8 dst, __u8 src, __s16 off, __s32 imm)
{
	return (struct bpf_insn) {
		.code = code, .dst_reg = dst, .src_reg = src, .off = off, .imm = imm,
	};
}

static struct bpf_insn call(__s32 helper)
{
	return insn(BPF_JMP | BPF_CALL, 0, 0, 0, helper);
}

static struct bpf_insn move(__u8 dst, __u8 src)
{
	return insn(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0);
}

static struct bpf_insn set(__u8 dst, __s32 imm)
{
	return insn(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, imm);
}

/* The first half of a 64-bit constant; the other one has the code 0. */
static struct bpf_insn set64(__u8 dst, __u8 what, __s32 imm)
{
	return insn(BPF_LD | BPF_DW | BPF_IMM, dst, what, 0, imm);
}

/* Write a program, and return its length. */
static int write_program(struct program *program, struct bpf_insn *insns)
{
	size_t seen = offsetof(struct shared, seen[program - programs]);
	int n = 0, elsewhere, awake;

	insns[n++] = move(BPF_REG_6, BPF_REG_1);
	insns[n++] = call(BPF_FUNC_get_current_pid_tgid);
	insns[n++] = insn(BPF_ALU64 | BPF_RSH | BPF_K, BPF_REG_0, 0, 0, 32);
	elsewhere = n;
	insns[n++] = insn(BPF_JMP | BPF_JNE | BPF_K, BPF_REG_0, 0, 0, getpid());

	/* shared->seen[program].hits++ */
	insns[n++] = set64(BPF_REG_7, BPF_PSEUDO_MAP_VALUE, map_fd);
	insns[n++] = insn(0, 0, 0, 0, 0);
	insns[n++] = set(BPF_REG_1, 1);
	insns[n++] = insn(BPF_STX | BPF_DW | BPF_ATOMIC, BPF_REG_7, BPF_REG_1,
			  seen + offsetof(struct seen, hits), BPF_ADD);

	/* shared->seen[program].result */
	if (program->type == BPF_TRACE_FEXIT) {
		insns[n++] = move(BPF_REG_1, BPF_REG_6);
		insns[n++] = move(BPF_REG_2, BPF_REG_10);
		insns[n++] = insn(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_2, 0, 0, -8);
		insns[n++] = call(BPF_FUNC_get_func_ret);
		insns[n++] = insn(BPF_LDX | BPF_DW | BPF_MEM, BPF_REG_1, BPF_REG_10,
				  -8, 0);
		insns[n++] = insn(BPF_STX | BPF_DW | BPF_MEM, BPF_REG_7, BPF_REG_1,
				  seen + offsetof(struct seen, result), 0);
	}

	/* if (shared->sleep) read the page */
	if (program->sleepable) {
		insns[n++] = insn(BPF_LDX | BPF_DW | BPF_MEM, BPF_REG_1, BPF_REG_7,
				  offsetof(struct shared, sleep), 0);
		awake = n;
		insns[n++] = insn(BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_1, 0, 0, 0);
		insns[n++] = move(BPF_REG_1, BPF_REG_10);
		insns[n++] = insn(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_1, 0, 0, -8);
		insns[n++] = set(BPF_REG_2, 8);
		insns[n++] = set64(BPF_REG_3, 0, PTR(page));
		insns[n++] = insn(0, 0, 0, 0, PTR(page) >> 32);
		insns[n++] = call(BPF_FUNC_copy_from_user);
		insns[awake].off = n - awake - 1;
	}

	if (program->type == BPF_MODIFY_RETURN) {
		insns[n++] = set(BPF_REG_0, RETVAL);
		insns[n++] = insn(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	}

	insns[elsewhere].off = n - elsewhere - 1;
	insns[n++] = set(BPF_REG_0, 0);
	insns[n++] = insn(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);

	return n;
}

static bool attach(struct program *program, const char *object, const char *function)
{
	struct bpf_insn insns[64];
	static char log[1 << 16];
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_TRACING,
		.expected_attach_type = program->type,
		.prog_flags = program->sleepable ? BPF_F_SLEEPABLE : 0,
		.insns = PTR(insns),
		.insn_cnt = write_program(program, insns),
		.license = PTR("GPL"),
		.log_level = 1,
		.log_buf = PTR(log),
		.log_size = sizeof(log),
	};
	int error;

	if (!find_function(object, function, &attr))
		return false;

	program->prog_fd = bpf(BPF_PROG_LOAD, &attr);
	close(attr.attach_btf_obj_fd);
	if (program->prog_fd < 0) {
		error = errno;
		/* What the verifier has against it */
		fputs(log, stderr);
		errno = error;
		return false;
	}

	attr = (union bpf_attr) { .raw_tracepoint.prog_fd = program->prog_fd };
	program->link_fd = bpf(BPF_RAW_TRACEPOINT_OPEN, &attr);
	if (program->link_fd < 0)
		close(program->prog_fd);

	return program->link_fd >= 0;
}

static bool detach(struct program *program)
{
	if (close(program->link_fd) || close(program->prog_fd))
		return false;
	program->link_fd = -1;

	return true;
}

static struct program *find_program(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(programs); i++)
		if (!strcmp(programs[i].name, name))
			return &programs[i];

	fprintf(stderr, "%s: no such program\n", name);
	exit(1);
}

static void say(bool ok)
{
	puts(ok ? "ok" : strerror(errno));
}

/* Read the first line of a file, if there is one. */
static void read_file(const char *file, char *says, size_t size)
{
	int fd = open(file, O_RDONLY);
	ssize_t len = fd < 0 ? -1 : read(fd, says, size - 1);

	if (len < 0)
		die(file);
	close(fd);
	says[len] = '\0';
	says[strcspn(says, "\n")] = '\0';
}

static void *sleeper_main(void *unused)
{
	read_file(sleeper_file, sleeper_says, sizeof(sleeper_says));

	return NULL;
}

static void start_sleeper(const char *file)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { .start = PTR(page), .len = page_size },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	struct uffd_msg msg;

	if (uffd < 0) {
		uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
		if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api) ||
		    ioctl(uffd, UFFDIO_REGISTER, &reg))
			die("userfaultfd");
	}
	if (madvise(page, page_size, MADV_DONTNEED))
		die("madvise");

	sleeper_file = strdup(file);
	shared->sleep = 1;
	if (pthread_create(&sleeper, NULL, sleeper_main, NULL))
		die("pthread_create");
	/* It has come to the page. */
	if (read(uffd, &msg, sizeof(msg)) != sizeof(msg))
		die("userfaultfd");
	shared->sleep = 0;
	asleep = true;
}

static void wake_sleeper(void)
{
	struct uffdio_zeropage zero = {
		.range = { .start = PTR(page), .len = page_size },
	};

	if (ioctl(uffd, UFFDIO_ZEROPAGE, &zero) || pthread_join(sleeper, NULL))
		die("userfaultfd");
	free(sleeper_file);
	asleep = false;
}

static void call_functions(const char *file)
{
	char says[64];
	size_t i;

	memset(shared->seen, 0, sizeof(shared->seen));
	read_file(file, says, sizeof(says));

	printf("%s", says);
	for (i = 0; i < ARRAY_SIZE(programs); i++) {
		/*
		 * BPF does not let a program run on a CPU that somebody sleeps on
		 * in the same program.
		 */
		if (programs[i].link_fd < 0 || (programs[i].sleepable && asleep))
			continue;
		printf(" %s:%llu", programs[i].name, shared->seen[i].hits);
		if (programs[i].type == BPF_TRACE_FEXIT && shared->seen[i].hits)
			printf("=%d", (int)shared->seen[i].result);
	}
	puts("");
}

static void setup(void)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY,
		.key_size = sizeof(__u32),
		.value_size = sizeof(*shared),
		.max_entries = 1,
		.map_flags = BPF_F_MMAPABLE,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(programs); i++)
		programs[i].link_fd = -1;

	map_fd = bpf(BPF_MAP_CREATE, &attr);
	if (map_fd < 0)
		die("map");

	page_size = sysconf(_SC_PAGESIZE);
	shared = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
	page = mmap(NULL, page_size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || page == MAP_FAILED)
		die("mmap");
}

int main(void)
{
	char command[16], what[64], object[64], function[64], line[256];

	setup();

	while (fgets(line, sizeof(line), stdin)) {
		what[0] = '\0';
		object[0] = '\0';
		function[0] = '\0';
		if (sscanf(line, "%15s %63s %63s %63s", command, what, object, function) < 1)
			continue;

		if (!strcmp(command, "attach")) {
			say(attach(find_program(what), object, function));
		} else if (!strcmp(command, "detach")) {
			say(detach(find_program(what)));
		} else if (!strcmp(command, "call")) {
			call_functions(what);
		} else if (!strcmp(command, "sleep")) {
			start_sleeper(what);
			puts("asleep");
		} else if (!strcmp(command, "wake")) {
			wake_sleeper();
			puts(sleeper_says);
		} else {
			fprintf(stderr, "%s: no such command\n", command);
			return 1;
		}
		fflush(stdout);
	}

	return 0;
}
