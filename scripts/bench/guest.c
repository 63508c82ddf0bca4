// SPDX-License-Identifier: GPL-2.0
/*
 * guest TREE FUNCTIONS THREADS [bystander] - enable and disable a livepatch once,
 * with THREADS sleeping threads around, and print what it took (see run).  With a
 * fourth argument, print what another process notices instead (see bystander).
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void set(const char *file, const char *value)
{
	int fd = open(file, O_WRONLY);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		err(1, "%s", file);
	close(fd);
}

static void *sleeper(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static void insmod(const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/%s.ko", name);
	fd = open(path, O_RDONLY);
	if (fd < 0 || syscall(SYS_finit_module, fd, "", 0))
		err(1, "%s", path);
	close(fd);
}

static void rmmod(const char *name)
{
	/* The patch's module is let go by a work item. */
	for (int i = 0; syscall(SYS_delete_module, name, O_NONBLOCK); i++) {
		if (i == 10000)
			err(1, "rmmod %s", name);
		usleep(1000);
	}
}

static int in_transition(const char *file)
{
	char c = '0';
	int fd = open(file, O_RDONLY);

	if (fd >= 0 && read(fd, &c, 1) != 1)
		c = '0';
	close(fd);
	return c != '0';
}

/* How long it has taken at most, in ms, to be woken, fork and wait for the child. */
static volatile double *worst;

static void bystander(void)
{
	/* All that it waits for then is what it cannot preempt. */
	struct sched_param param = { .sched_priority = 50 };
	struct timespec next;
	double due, took;

	if (sched_setscheduler(0, SCHED_FIFO, &param))
		err(1, "sched_setscheduler");
	for (;;) {
		clock_gettime(CLOCK_MONOTONIC, &next);
		next.tv_nsec += 100000;
		if (next.tv_nsec >= 1000000000) {
			next.tv_nsec -= 1000000000;
			next.tv_sec++;
		}
		due = next.tv_sec * 1e3 + next.tv_nsec / 1e6;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
		if (!vfork())
			_exit(0);
		wait(NULL);
		took = now(CLOCK_MONOTONIC) - due;
		if (took > *worst)
			*worst = took;
	}
}

int main(int argc, char **argv)
{
	double quiet = 0, enabling = 0;
	char target[32], patch[32], enabled[96], transition[96];
	double start, cpu, result[6];
	pthread_attr_t attr;
	pthread_t thread;

	if (argc < 4)
		return 2;
	snprintf(target, sizeof(target), "bench_target%s", argv[2]);
	snprintf(patch, sizeof(patch), "bench_patch%s", argv[2]);
	snprintf(enabled, sizeof(enabled), "/sys/kernel/livepatch/%s/enabled", patch);
	snprintf(transition, sizeof(transition), "/sys/kernel/livepatch/%s/transition", patch);

	set("/proc/sys/kernel/pid_max", "4000000");
	set("/proc/sys/kernel/threads-max", "1000000");
	set("/proc/sys/vm/max_map_count", "1000000");
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 16384);
	for (int i = atoi(argv[3]); i; i--)
		if (pthread_create(&thread, &attr, sleeper, NULL))
			err(1, "thread");
	sleep(2);	/* until all of them sleep */

	insmod(target);
	if (argc > 4) {
		worst = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (!fork())
			bystander();
		sleep(1);
		*worst = 0;
		sleep(1);
		quiet = *worst;
		*worst = 0;
	}
	start = now(CLOCK_MONOTONIC);
	cpu = now(CLOCK_THREAD_CPUTIME_ID);
	insmod(patch);
	result[0] = now(CLOCK_THREAD_CPUTIME_ID) - cpu;
	result[1] = now(CLOCK_MONOTONIC) - start;
	while (in_transition(transition))
		usleep(1000);
	result[2] = now(CLOCK_MONOTONIC) - start;

	enabling = worst ? *worst : 0;
	if (worst)
		*worst = 0;
	start = now(CLOCK_MONOTONIC);
	cpu = now(CLOCK_THREAD_CPUTIME_ID);
	set(enabled, "0");
	result[3] = now(CLOCK_THREAD_CPUTIME_ID) - cpu;
	result[4] = now(CLOCK_MONOTONIC) - start;
	while (!access(enabled, F_OK))
		usleep(1000);
	result[5] = now(CLOCK_MONOTONIC) - start;
	rmmod(patch);
	rmmod(target);

	if (worst) {
		printf("%-24s %9s %7s | %9.2f %9.2f %9.2f\n", argv[1], argv[2],
		       argv[3], quiet, enabling, *worst);
		return 0;
	}

	printf("%-24s %9s %7s | %9.1f %9.1f %10.1f | %9.1f %9.1f %10.1f\n",
	       argv[1], argv[2], argv[3], result[0], result[1], result[2],
	       result[3], result[4], result[5]);
	return 0;
}
