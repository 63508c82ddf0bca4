// SPDX-License-Identifier: GPL-2.0
/*
 * Load a module or write to a file, and have one memory allocation fail in it.
 *
 * Prints how the system call ended.  The exit status is 0 if the allocation has
 * failed, and 1 if there were not that many.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char *argv[])
{
	int fd, nth_fd, error = 0;
	char left[16] = "";
	long ret;

	if (argc != 5) {
		fprintf(stderr, "usage: %s NTH load MODULE PARAMETERS | NTH write FILE TEXT\n",
			argv[0]);
		return 2;
	}

	nth_fd = open("/proc/thread-self/fail-nth", O_RDWR);
	fd = open(argv[3], strcmp(argv[2], "load") ? O_WRONLY : O_RDONLY);
	if (nth_fd < 0 || fd < 0) {
		perror("open");
		return 2;
	}

	if (write(nth_fd, argv[1], strlen(argv[1])) < 0) {
		perror("fail-nth");
		return 2;
	}
	if (strcmp(argv[2], "load"))
		ret = write(fd, argv[4], strlen(argv[4]));
	else
		ret = syscall(SYS_finit_module, fd, argv[4], 0);
	if (ret < 0)
		error = errno;

	/* It is 0 if the allocation has failed. */
	if (pread(nth_fd, left, sizeof(left) - 1, 0) < 0 ||
	    pwrite(nth_fd, "0", 1, 0) < 0) {
		perror("fail-nth");
		return 2;
	}

	puts(error ? strerror(error) : "ok");

	return atoi(left) ? 1 : 0;
}
