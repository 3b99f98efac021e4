/* SPDX-License-Identifier: MIT */
/* The limit of open files, raised and shared out. */
#include "daemon/files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"

#define FILES_OF_OURS     48 /* those of an idle daemon, and what a message may bring */
#define FILES_PER_ATTEMPT 2
#define FILES_WIDE        4096

/* Each transfer holds a socket and a file; the soft limit is for programs that use select(). */
static void raise_file_limit(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur >= files.rlim_max)
		return;
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files))
		log_debug("the limit of open files stays: %s", strerror(errno));
}

/*
 * The kernel's table of our files grows by doubling, and never shrinks. With more than one thread, each growth waits
 * until every processor has passed a quiet point, some 10 ms, in whichever thread opened the file: so it grows now.
 */
static void widen_file_table(void)
{
	struct rlimit files;
	int fd;

	if (getrlimit(RLIMIT_NOFILE, &files))
		return;
	fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC,
		files.rlim_cur < FILES_WIDE ? (int)files.rlim_cur - 1 : FILES_WIDE - 1);
	if (fd >= 0)
		close(fd);
}

void files_prepare(void)
{
	raise_file_limit();
	widen_file_table();
}

uint32_t files_attempts_max(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur == RLIM_INFINITY)
		return 0;
	if (files.rlim_cur < FILES_OF_OURS + 2 * FILES_PER_ATTEMPT)
		return 1;
	return (uint32_t)((files.rlim_cur - FILES_OF_OURS) / FILES_PER_ATTEMPT);
}
