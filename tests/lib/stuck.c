/* SPDX-License-Identifier: MIT */
/* The server's side of a FUSE mount, as far as one file needs it. */
#include "tests/lib/stuck.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fuse.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/lib/proc.h"

#define ROOT_ID       1
#define FILE_ID       2
#define REQUEST_BYTES (FUSE_MIN_READ_BUFFER + 4096 * 32)

struct stuck {
	char *folder, *path;
	uint64_t size_bytes;
	int fd, stop_fd, count_fd; /* count_fd: what is not answered */
	unsigned n_stuck;
	atomic_bool is_frozen;
	pthread_t thread;
	sem_t is_moved;
};

static void reply(struct stuck *s, uint64_t unique, int error, const void *bytes, size_t size)
{
	struct fuse_out_header head = {
		.len = (uint32_t)(sizeof(head) + size), .error = -error, .unique = unique
	};
	struct iovec parts[2] = { { &head, sizeof(head) }, { (void *)(uintptr_t)bytes, size } };

	if (writev(s->fd, parts, size ? 2 : 1) < 0 && errno != ENOENT)
		perror("stuck");
}

static void count(struct stuck *s)
{
	uint64_t one = 1;

	if (write(s->count_fd, &one, sizeof(one)) < 0)
		perror("stuck");
}

static struct fuse_attr attributes(const struct stuck *s, uint64_t id)
{
	return (struct fuse_attr){ .ino = id,
		.size = id == FILE_ID ? s->size_bytes : 0,
		.mode = id == FILE_ID ? S_IFREG | 0644 : S_IFDIR | 0755,
		.nlink = 1,
		.mtime = 1000000000,
		.blksize = 4096 };
}

static void look_up(struct stuck *s, const struct fuse_in_header *head, const char *name)
{
	struct fuse_entry_out out = { .nodeid = FILE_ID, .attr = attributes(s, FILE_ID) };

	if (strncmp(name, "dead", 4) == 0)
		count(s);
	else if (strcmp(name, "file") != 0)
		reply(s, head->unique, ENOENT, NULL, 0);
	else
		reply(s, head->unique, 0, &out, sizeof(out));
}

static void get_attributes(struct stuck *s, const struct fuse_in_header *head)
{
	struct fuse_attr_out out = { .attr = attributes(s, head->nodeid) };

	if (head->nodeid == FILE_ID && atomic_load(&s->is_frozen))
		count(s);
	else
		reply(s, head->unique, 0, &out, sizeof(out));
}

static void serve(struct stuck *s, const struct fuse_in_header *head)
{
	struct fuse_init_out init = { .major = FUSE_KERNEL_VERSION,
		.minor = FUSE_KERNEL_MINOR_VERSION,
		.flags = FUSE_PARALLEL_DIROPS,
		.max_readahead = 4096,
		.max_write = 4096,
		.max_background = 1,
		.congestion_threshold = 1 };
	struct fuse_open_out open_out = { .fh = 1, .open_flags = FOPEN_DIRECT_IO };

	switch (head->opcode) {
	case FUSE_INIT:
		reply(s, head->unique, 0, &init, sizeof(init));
		break;
	case FUSE_LOOKUP:
		look_up(s, head, (const char *)(head + 1));
		break;
	case FUSE_GETATTR:
		get_attributes(s, head);
		break;
	case FUSE_OPEN:
		reply(s, head->unique, 0, &open_out, sizeof(open_out));
		break;
	case FUSE_READ:
		count(s);
		break;
	case FUSE_RELEASE:
		reply(s, head->unique, 0, NULL, 0);
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break;
	default:
		reply(s, head->unique, ENOSYS, NULL, 0);
		break;
	}
}

static void close_between(int before, int after)
{
	if (after - before > 1)
		close_range((unsigned)before + 1, (unsigned)after - 1, 0);
}

/*
 * The device is this thread's alone: who waits in the file system cannot keep it open, so a test that fails ends. The numbers
 * were given in this order, and are what they were.
 */
static void move_out(struct stuck *s)
{
	if (unshare(CLONE_FILES) == 0 && s->stop_fd < s->count_fd && s->count_fd < s->fd) {
		close_between(STDERR_FILENO, s->stop_fd);
		close_between(s->stop_fd, s->count_fd);
		close_between(s->count_fd, s->fd);
		close_between(s->fd, INT_MAX);
	}
	sem_post(&s->is_moved);
}

static void *run(void *user)
{
	struct stuck *s = user;
	struct pollfd p[2] = { { .fd = s->stop_fd, .events = POLLIN },
		{ .fd = s->fd, .events = POLLIN } };
	struct fuse_in_header *request = malloc(REQUEST_BYTES);
	ssize_t n;

	move_out(s);
	while (request && (poll(p, 2, -1) >= 0 || errno == EINTR) && !p[0].revents) {
		n = p[1].revents ? read(s->fd, request, REQUEST_BYTES) : 0;
		if (n < 0 && errno != EINTR && errno != ENOENT && errno != EAGAIN)
			break;
		if (n >= (ssize_t)sizeof(*request))
			serve(s, request);
	}
	free(request);
	return NULL;
}

static int mount_it(struct stuck *s)
{
	char options[128];

	s->fd = open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (s->fd < 0)
		return -errno;
	snprintf(options, sizeof(options), "fd=%d,rootmode=40755,user_id=0,group_id=0,allow_other",
		s->fd);
	return mount("stuck", s->folder, "fuse.stuck", MS_NOSUID | MS_NODEV, options) ? -errno : 0;
}

static void done(struct stuck *s)
{
	close(s->stop_fd);
	close(s->count_fd);
	free(s->folder);
	free(s->path);
	free(s);
}

int stuck_new(const char *folder, uint64_t size_bytes, struct stuck **ret_stuck)
{
	struct stuck *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->size_bytes = size_bytes;
	sem_init(&s->is_moved, 0, 0);
	s->fd = -1;
	s->folder = strdup(folder);
	s->stop_fd = eventfd(0, EFD_CLOEXEC);
	s->count_fd = eventfd(0, EFD_CLOEXEC);
	r = asprintf(&s->path, "%s/file", folder) < 0 ? -ENOMEM : mount_it(s);
	if (!r && pthread_create(&s->thread, NULL, run, s)) {
		umount2(folder, MNT_DETACH);
		r = -EAGAIN;
	}
	if (!r)
		while (sem_wait(&s->is_moved) && errno == EINTR)
			;
	if (s->fd >= 0)
		close(s->fd);
	if (r)
		done(s);
	else
		*ret_stuck = s;
	return r;
}

struct stuck *stuck_free(struct stuck *s)
{
	uint64_t one = 1;

	/* closing the device is what ends those who wait */
	umount2(s->folder, MNT_FORCE | MNT_DETACH);
	if (write(s->stop_fd, &one, sizeof(one)) > 0)
		pthread_join(s->thread, NULL);
	done(s);
	return NULL;
}

const char *stuck_path(const struct stuck *s)
{
	return s->path;
}

void stuck_freeze(struct stuck *s)
{
	atomic_store(&s->is_frozen, true);
}

int stuck_wait(struct stuck *s, unsigned n, unsigned timeout_ms)
{
	uint64_t until_ms = proc_now_ms() + timeout_ms, more;

	while (s->n_stuck < n) {
		if (proc_wait_fd(s->count_fd, (unsigned)proc_left_ms(until_ms)))
			return -ETIMEDOUT;
		if (read(s->count_fd, &more, sizeof(more)) == sizeof(more))
			s->n_stuck += (unsigned)more;
	}
	return 0;
}
