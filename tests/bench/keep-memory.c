/* SPDX-License-Identifier: MIT */
/*
 * keep-memory MIB: until it is killed, that much free memory stays the virtual machine's. A host takes free blocks of 2 MiB
 * back, and whoever writes there next pays for getting them page by page: two to three times his own time, another sum in each
 * run. All pages are touched once and given up again, but for one in each 512 KiB; that one lies in a pipe, whence nothing moves
 * it. Says "ready" when that is done.
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#define MIB_BYTES  ((size_t)1024 * 1024)
#define STEP_BYTES (MIB_BYTES / 2)
#define PAGE_BYTES 4096u
#define PIPE_PAGES 256
#define PIPE_BYTES (1024 * 1024)

/* The first page of each step from there on, as many as a pipe holds. */
static size_t pin(char *start, size_t size_bytes)
{
	struct iovec pages[PIPE_PAGES];
	int fds[2], n = 0;
	size_t at = 0;

	if (pipe(fds) || fcntl(fds[1], F_SETPIPE_SZ, PIPE_BYTES) < 0)
		err(1, "pipe");
	for (; at < size_bytes && n < PIPE_PAGES; at += STEP_BYTES)
		pages[n++] = (struct iovec){ .iov_base = start + at, .iov_len = PAGE_BYTES };
	if (vmsplice(fds[1], pages, (size_t)n, 0) != (ssize_t)n * PAGE_BYTES)
		err(1, "vmsplice");
	return at;
}

int main(int argc, char **argv)
{
	size_t size_bytes = (argc == 2 ? strtoul(argv[1], NULL, 10) : 0) * MIB_BYTES;
	char *memory;

	if (!size_bytes)
		errx(2, "usage: keep-memory MIB");
	memory = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED || madvise(memory, size_bytes, MADV_NOHUGEPAGE))
		err(1, "mmap");
	for (size_t at = 0; at < size_bytes; at += PAGE_BYTES)
		memory[at] = 1;
	for (size_t at = 0; at < size_bytes;)
		at += pin(memory + at, size_bytes - at);
	for (size_t at = 0; at < size_bytes; at += STEP_BYTES)
		madvise(memory + at + PAGE_BYTES, STEP_BYTES - PAGE_BYTES, MADV_DONTNEED);
	puts("ready");
	fflush(stdout);
	pause();
	return 0;
}
