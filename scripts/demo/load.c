// SPDX-License-Identifier: GPL-2.0
/*
 * load - what runs in the demo's guest: system calls without end, and questions
 *
 *	load run N DIR	N threads call the kernel in a loop; one more sleeps in
 *			select() until a byte comes through DIR/wake, and again
 *	load show DIR	what "load run" has counted so far
 *	load ask	ask once what the livepatch changes
 *	load cases	a table of select() calls and their answers
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_WORKERS 16
/*
 * Beyond the descriptor table, which has room for 64 in a small process, and for
 * 256 in children of bash, which keeps its script open as descriptor 255.
 */
#define CLOSED 1000

/* Lives in a file, so that "load show" needs no answer from a busy process. */
struct counters {
	int workers;
	pid_t sleeper;
	atomic_ulong woken;
	struct worker {
		pid_t tid;
		atomic_ulong calls;
		atomic_ulong right, wrong;	/* answers to select({ CLOSED }) */
		atomic_ulong turns;		/* from right to wrong or back */
		atomic_ulong odd;		/* answers that are neither, of any call */
		atomic_long longest_us;		/* between two rounds of the loop */
		atomic_long last_us;		/* when the last one ended */
	} __attribute__((aligned(64))) worker[MAX_WORKERS];
};

static struct counters *counters;
static const char *dir;

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(2);
}

static long us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000L + t.tv_nsec / 1000;
}

static void map_counters(int flags)
{
	char name[256];
	int fd;

	snprintf(name, sizeof(name), "%s/counters", dir);
	fd = open(name, O_RDWR | flags, 0600);
	need(fd >= 0 && !ftruncate(fd, sizeof(*counters)), name);
	counters = mmap(NULL, sizeof(*counters), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	need(counters != MAP_FAILED, "mmap");
	close(fd);
}

/* select({ fd }) without waiting */
static int ask(int fd)
{
	struct timeval now = { 0, 0 };
	fd_set in;

	FD_ZERO(&in);
	FD_SET(fd, &in);
	return select(fd + 1, &in, NULL, NULL, &now);
}

static void *work(void *arg)
{
	struct worker *me = arg;
	int pipes[2], last = 2, answer;
	long then, now;
	unsigned long round = 0;
	char c = 'x';

	me->tid = gettid();
	me->last_us = us();
	prctl(PR_SET_NAME, "demo-load");
	need(!pipe(pipes), "pipe");
	for (then = us();; then = now) {
		answer = ask(CLOSED);
		if (answer == 0)
			me->wrong++;
		else if (answer == -1 && errno == EBADF)
			me->right++;
		else
			me->odd++;
		if (last != 2 && answer != last)
			me->turns++;
		last = answer;

		/* The rest has one right answer, patched or not. */
		me->odd += ask(pipes[0]) != 0;
		me->odd += write(pipes[1], &c, 1) != 1;
		me->odd += ask(pipes[0]) != 1;
		me->odd += read(pipes[0], &c, 1) != 1;
		me->odd += syscall(SYS_getppid) <= 0;
		me->calls += 6;
		if (++round % 64 == 0) {	/* now and then with a time-out */
			struct timeval ms = { 0, 1000 };

			me->odd += select(0, NULL, NULL, NULL, &ms) != 0;
			me->calls++;
		}

		now = us();
		if (now - then > me->longest_us)
			me->longest_us = now - then;
		me->last_us = now;
	}
	return NULL;
}

static void *sleeper(void *arg)
{
	char name[256], c;
	fd_set in;
	int fd;

	(void)arg;
	prctl(PR_SET_NAME, "demo-sleeper");
	snprintf(name, sizeof(name), "%s/wake", dir);
	need(!mkfifo(name, 0600), name);
	/* For both, so that the pipe never ends. */
	fd = open(name, O_RDWR);
	need(fd >= 0, name);
	for (counters->sleeper = gettid();; counters->woken++) {
		FD_ZERO(&in);
		FD_SET(fd, &in);
		need(select(fd + 1, &in, NULL, NULL, NULL) == 1, "select");
		need(read(fd, &c, 1) == 1, "read");
	}
	return NULL;
}

static int run(int workers)
{
	pthread_t thread;
	int i;

	if (workers < 1 || workers > MAX_WORKERS)
		return 2;
	map_counters(O_CREAT | O_TRUNC);
	counters->workers = workers;
	need(!pthread_create(&thread, NULL, sleeper, NULL), "pthread_create");
	for (i = 0; i < workers; i++)
		need(!pthread_create(&thread, NULL, work, &counters->worker[i]), "pthread_create");
	pthread_join(thread, NULL);
	return 1;
}

static int show(void)
{
	struct worker *w;
	long now, gap;

	map_counters(0);
	now = us();
	printf("sleeper %d %lu\n", counters->sleeper, counters->woken);
	for (w = counters->worker; w < counters->worker + counters->workers; w++) {
		/* A thread that stands still now is in a gap, too. */
		gap = now - w->last_us;
		if (gap < w->longest_us)
			gap = w->longest_us;
		printf("worker %d %lu %lu %lu %lu %lu %ld\n", w->tid, w->calls,
		       w->right, w->wrong, w->turns, w->odd, gap);
	}
	return 0;
}

static int ask_once(void)
{
	int answer = ask(CLOSED);

	if (answer < 0)
		printf("-1 %s\n", strerrorname_np(errno));
	else
		printf("%d, %s\n", answer, answer ? "ready" : "nothing ready");
	return 0;
}

/*
 * The table.  Every call goes to the kernel with three sets of 1024 bits; printed
 * are the answer and what is left in the sets.  Lines beginning with "beyond" are
 * those that the livepatch changes, all others must be the same with and without.
 */
static fd_set in, out, ex;

static void report(const char *name, long answer)
{
	const fd_set *set[] = { &in, &out, &ex };
	int error = errno, i, fd;

	printf("%s: %ld", name, answer);
	if (answer < 0)
		printf(" %s", strerrorname_np(error));
	for (i = 0; i < 3; i++) {
		printf(" {");
		for (fd = 0; fd < FD_SETSIZE; fd++)
			if (FD_ISSET(fd, set[i]))
				printf(" %d", fd);
		printf(" }");
	}
	printf("\n");
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_ZERO(&ex);
}

/* The system call itself: the C library makes a pselect6() of select(). */
static long sel(int n, long ms)
{
	struct timeval t = { ms / 1000, ms % 1000 * 1000 };

	return syscall(SYS_select, n, &in, &out, &ex, ms < 0 ? NULL : &t);
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* Again and again: the first may come before select() is reached. */
static void alarm_every(int ms)
{
	struct itimerval t = { { 0, ms * 1000 }, { 0, ms * 1000 } };

	setitimer(ITIMER_REAL, &t, NULL);
}

/* Fills an empty pipe, or empties a full one, while the parent sleeps. */
static void soon_in_child(int fd, bool drain)
{
	static char buffer[65536];
	pid_t child = fork();

	need(child >= 0, "fork");
	if (child)
		return;
	usleep(30000);
	_exit((drain ? read(fd, buffer, sizeof(buffer)) : write(fd, buffer, 1)) <= 0);
}

static int cases(void)
{
	static struct {
		fd_set set;
		char behind[4096];
	} large;
	int idle[2], full[2], hup[2], broken[2], sock[2], file, path;
	const struct timespec limit = { 10, 0 };
	struct timeval no_wait = { 0, 0 }, negative = { -1, 0 }, t = { 0, 30000 };
	sigset_t set, none;
	char *page, c = 'x';
	long answer, start;

	/* Fixed numbers for all, so that the output can be compared. */
	need(!pipe(idle) && !pipe(full) && !pipe(hup) && !pipe(broken), "pipe");
	need(!socketpair(AF_UNIX, SOCK_STREAM, 0, sock), "socketpair");
	file = open("/proc/self/exe", O_RDONLY);
	path = open("/", O_PATH);
	need(file >= 0 && path >= 0, "open");
	page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	need(page != MAP_FAILED, "mmap");
	need(write(sock[1], &c, 1) == 1, "write");
	need(fcntl(full[1], F_SETFL, O_NONBLOCK) == 0, "fcntl");
	while (write(full[1], page, 4096) > 0)
		;
	close(hup[1]);
	close(broken[0]);
	signal(SIGALRM, on_alarm);
	sigemptyset(&none);
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);

	/* What POSIX and Linux disagree about. */
	FD_SET(CLOSED, &in);
	report("beyond the table, in", sel(CLOSED + 1, 0));
	FD_SET(960, &out);
	report("beyond the table, out", sel(961, 0));
	FD_SET(1023, &ex);
	report("beyond the table, except", sel(1024, 0));
	FD_SET(CLOSED, &in);
	FD_SET(sock[0], &in);
	report("beyond the table, another ready", sel(CLOSED + 1, 0));
	FD_SET(CLOSED, &in);
	report("beyond the table, with a time-out", sel(CLOSED + 1, 30));

	/* What they agree about. */
	FD_SET(50, &in);
	report("closed", sel(51, 0));
	FD_SET(63, &ex);
	FD_SET(sock[0], &in);
	report("closed, another ready", sel(64, 0));
	FD_SET(50, &in);
	FD_SET(CLOSED, &in);
	report("closed, but not below nfds", sel(40, 0));
	FD_SET(idle[0], &in);
	report("not ready", sel(64, 0));
	FD_SET(idle[0], &in);
	report("not ready, larger nfds", sel(1024, 0));
	FD_SET(idle[0], &in);
	FD_SET(sock[0], &in);
	report("one of two readable", sel(64, 0));
	FD_SET(idle[1], &out);
	FD_SET(full[1], &out);
	report("one of two writable", sel(64, 0));
	FD_SET(sock[0], &in);
	FD_SET(sock[0], &out);
	FD_SET(sock[0], &ex);
	report("one descriptor in all sets", sel(64, 0));
	FD_SET(hup[0], &in);
	FD_SET(hup[0], &ex);
	report("hang-up", sel(64, -1));
	FD_SET(broken[1], &in);
	FD_SET(broken[1], &out);
	report("no reader", sel(64, -1));
	FD_SET(file, &in);
	FD_SET(file, &out);
	FD_SET(file, &ex);
	report("regular file", sel(64, -1));
	FD_SET(path, &in);
	FD_SET(path, &out);
	FD_SET(path, &ex);
	report("O_PATH descriptor", sel(64, -1));
	report("negative nfds", sel(-1, 0));
	report("no descriptors", sel(0, 0));
	memset(large.behind, 0xff, sizeof(large.behind));
	report("nfds larger than the sets", syscall(SYS_select, 8 * sizeof(large), &large.set,
						    NULL, NULL, &no_wait));
	report("no sets", syscall(SYS_select, 64, NULL, NULL, NULL, &no_wait));
	report("negative time-out", syscall(SYS_select, 0, NULL, NULL, NULL, &negative));
	report("bad address", syscall(SYS_select, 64, 1L, NULL, NULL, NULL));
	report("read-only set", syscall(SYS_select, 64, page, NULL, NULL, &no_wait));

	/* Asleep, and woken in all the ways there are. */
	start = us();
	FD_SET(idle[0], &in);
	answer = sel(64, 30);
	report(us() - start >= 30000 ? "time-out" : "time-out comes too early", answer);
	FD_SET(idle[0], &in);
	answer = syscall(SYS_select, 64, &in, NULL, NULL, &t);
	report(t.tv_sec || t.tv_usec ? "time-out, time left" : "time-out, no time left", answer);
	alarm_every(30);
	FD_SET(idle[0], &in);
	report("signal", sel(64, -1));
	alarm_every(0);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGALRM);
	FD_SET(idle[0], &in);
	report("signal pending and let through", pselect(64, &in, NULL, NULL, &limit, &none));
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	soon_in_child(idle[1], false);
	FD_SET(idle[0], &in);
	FD_SET(sock[0], &ex);
	report("data comes", sel(64, -1));
	soon_in_child(full[0], true);
	FD_SET(full[1], &out);
	report("room comes", sel(64, 10000));

	/* About a descriptor that the table has room for every kernel is right. */
	need(dup2(sock[0], CLOSED + 1) > 0, "dup2");
	FD_SET(CLOSED + 1, &in);
	report("large table, open", sel(CLOSED + 2, 0));
	FD_SET(CLOSED, &in);
	report("large table, closed", sel(CLOSED + 2, 0));
	return 0;
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";

	setvbuf(stdout, NULL, _IOFBF, 0);
	dir = argv[argc - 1];
	if (!strcmp(mode, "run") && argc == 4)
		return run(atoi(argv[2]));
	if (!strcmp(mode, "show") && argc == 3)
		return show();
	if (!strcmp(mode, "ask"))
		return ask_once();
	if (!strcmp(mode, "cases"))
		return cases();
	fprintf(stderr, "usage: load run N DIR | show DIR | ask | cases\n");
	return 2;
}
