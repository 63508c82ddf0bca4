// SPDX-License-Identifier: GPL-2.0
/*
 * Threads and processes that come and go, until SIGHUP.
 *
 * Some of them read a file, in which "0" says that all is well.
 */

#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define BATCH		256
#define FORK_DEPTH	5

struct counts {
	int stop;
	long threads;
	long processes;
	long reads;
	long bad;
};

/* Shared by all processes */
static struct counts *counts;
static const char *path;

static void hup_handler(int signum)
{
	__atomic_store_n(&counts->stop, 1, __ATOMIC_RELAXED);
}

static void count(long *counter)
{
	__atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
}

static void read_file(void)
{
	char buf[16];
	int fd;

	fd = open(path, O_RDONLY);
	if (fd < 0)
		return;

	if (read(fd, buf, sizeof(buf)) < 1 || buf[0] != '0')
		count(&counts->bad);
	count(&counts->reads);
	close(fd);
}

static void *thread(void *arg)
{
	count(&counts->threads);
	if (arg)
		read_file();

	return NULL;
}

static void churn_threads(void)
{
	static pthread_t threads[BATCH];
	int i, nr;

	while (!__atomic_load_n(&counts->stop, __ATOMIC_RELAXED)) {
		for (nr = 0; nr < BATCH; nr++)
			if (pthread_create(&threads[nr], NULL, thread,
					   nr % 64 ? NULL : &threads))
				break;
		for (i = 0; i < nr; i++)
			pthread_join(threads[i], NULL);
		/* Leave something of the CPU to others. */
		usleep(20000);
	}
}

/* Each generation is twice the last one, and nobody waits for the living. */
static void bomb(int depth)
{
	int i;

	count(&counts->processes);
	for (i = 0; depth && i < 2; i++) {
		if (!fork()) {
			bomb(depth - 1);
			_exit(0);
		}
	}
	if (depth == 1)
		read_file();
}

static void churn_processes(void)
{
	/* The kernel reaps all of them, orphans too, and none outlives this. */
	signal(SIGCHLD, SIG_IGN);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	while (!__atomic_load_n(&counts->stop, __ATOMIC_RELAXED)) {
		bomb(FORK_DEPTH);
		/* Until there is none, or they would become too many. */
		while (wait(NULL) > 0)
			;
		usleep(50000);
	}
}

int main(int argc, char *argv[])
{
	if (argc != 2) {
		fprintf(stderr, "usage: %s FILE\n", argv[0]);
		return 2;
	}
	path = argv[1];

	counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (counts == MAP_FAILED) {
		perror("mmap");
		return 2;
	}

	signal(SIGHUP, hup_handler);

	if (!fork()) {
		churn_threads();
		_exit(0);
	}
	if (!fork()) {
		churn_processes();
		_exit(0);
	}
	while (wait(NULL) > 0)
		;

	printf("%ld threads %ld processes %ld reads %ld bad\n",
	       counts->threads, counts->processes, counts->reads, counts->bad);

	return counts->bad ? 1 : 0;
}
