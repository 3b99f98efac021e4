/* SPDX-License-Identifier: MIT */
/*
 * The part file. libcurl hands a body on in pieces of 16 KiB; written one by one they cost more
 * system calls than the network does, so they are gathered. The offsets that matter are two: what
 * is in the file (flushed) and what is in the file or the buffer (offset); durable is what the disk
 * thread says, never more than flushed.
 */
#include "engine/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/failpoint.h"
#include "base/io.h"
#include "engine/digest.h"
#include "engine/disk-file.h"
#include "engine/unnamed.h"

/* What is gathered goes down with the process, so it is written after this time at the latest (when more comes). */
#define GATHER_US (UINT64_C(10) * CLOCK_US_PER_MS)

struct sink {
	int fd;
	char *name; /* of the part in the folder, when may_be_unnamed */
	struct unnamed_folder *folder; /* until there is a file; else NULL */
	uint64_t folder_ino, folder_device;
	bool is_unnamed;
	uint64_t flushed_bytes;
	uint64_t expected_bytes; /* 0: unknown */
	char *gathered; /* SINK_GATHER_BYTES, allocated when first needed */
	size_t gathered_bytes;
	uint64_t gathered_us; /* when the first of them came */
	char *digest_name;
	struct digest *digest; /* of exactly the flushed bytes; NULL: none */
};

/*
 * What lies there under the part's name when its first bytes come: one that has another name as well would be written to under
 * that, too, and it may be somebody else's. Later a second name is no surprise: resume data takes a part over by linking it.
 */
static bool is_ours(const struct stat *st, uint64_t offset_bytes)
{
	return offset_bytes || (st->st_nlink <= 1 && st->st_uid == geteuid());
}

static int open_once(int folder_fd, const char *path, int flags, struct stat *ret_st, int *ret_fd)
{
	cleanup_(cleanup_close) int fd = -1;

	/* O_NONBLOCK: a FIFO in our way must not stop the worker */
	fd = openat(folder_fd, path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | flags,
		0600);
	if (fd < 0)
		return -errno;
	if (fstat(fd, ret_st))
		return -errno;
	if (!S_ISREG(ret_st->st_mode))
		return -ENOTSUP;
	*ret_fd = take_fd(&fd);
	return 0;
}

static int open_part(
	int folder_fd, const char *path, uint64_t offset_bytes, struct stat *ret_st, int *ret_fd)
{
	int r = open_once(folder_fd, path, 0, ret_st, ret_fd);

	if (r || is_ours(ret_st, offset_bytes))
		return r;
	close(take_fd(ret_fd));
	if (unlinkat(folder_fd, path, 0))
		return -errno;
	return open_once(folder_fd, path, O_EXCL, ret_st, ret_fd);
}

static int cut(const struct sink *sink, uint64_t size_bytes)
{
	if (sink->fd < 0)
		return 0;
	while (ftruncate(sink->fd, (off_t)size_bytes)) {
		if (errno != EINTR)
			return -errno;
	}
	return 0;
}

/* A state that does not fit only means that the bytes are read once more, later. */
static int start_digest(struct sink *sink, const struct sink_spec *spec)
{
	int r;

	if (!spec->digest_name)
		return 0;
	sink->digest_name = strdup(spec->digest_name);
	if (!sink->digest_name)
		return err_raise(-ENOMEM);
	if (sink->flushed_bytes == 0)
		r = digest_new(spec->digest_name, &sink->digest);
	else
		r = digest_restore(spec->digest_name, spec->digest_state, spec->digest_state_bytes,
			sink->flushed_bytes, &sink->digest);
	return r < 0 ? r : 0;
}

/*
 * Are the bytes behind the durable ones as good as those? They are whole: nothing is written behind durable bytes but what
 * continues them, in order, each byte once. The kernel keeps them over the death of a process, not over its own. What it
 * may not keep are bytes that it failed to write, and it tells of that only once: a file whose sync has not ended well is
 * marked (disk-file.h). Small files are not, so they are fetched again.
 */
static bool is_tail_good(const struct sink_spec *spec, const struct stat *st, int fd)
{
	uint64_t written_wall_us = (uint64_t)st->st_mtim.tv_sec * 1000000 +
		(uint64_t)st->st_mtim.tv_nsec / 1000;

	return written_wall_us < spec->tail_before_wall_us && st->st_size > SINK_GATHER_BYTES &&
		!disk_file_is_marked(st) && disk_file_takes_mark(fd);
}

/* What counts of the file that is there. */
static int keep(struct sink *sink, const struct sink_spec *spec, const struct stat *st)
{
	uint64_t size_bytes = (uint64_t)st->st_size;
	int r = 0;

	sink->flushed_bytes = spec->offset_bytes;
	if (size_bytes < spec->offset_bytes || is_tail_good(spec, st, sink->fd))
		sink->flushed_bytes = size_bytes;
	else if (size_bytes > spec->offset_bytes)
		r = cut(sink, spec->offset_bytes);
	if (!r && disk_file_is_marked(st))
		disk_file_mark(sink->fd, false);
	return r;
}

static int open_folder(struct sink *sink, const struct sink_spec *spec)
{
	int r;

	sink->name = strdup(strrchr(spec->path, '/') + 1);
	if (!sink->name)
		return err_raise(-ENOMEM);
	r = unnamed_open_folder(spec->folders, spec->path, &sink->folder);
	if (r)
		return r;
	sink->folder_ino = sink->folder->ino;
	sink->folder_device = sink->folder->device;
	return 0;
}

int sink_open(const struct sink_spec *spec, struct sink **ret_sink)
{
	cleanup_(sink_freep) struct sink *sink = NULL;
	struct stat st;
	int r;

	sink = calloc(1, sizeof(*sink));
	if (!sink)
		return err_raise(-ENOMEM);
	sink->fd = -1;
	if (spec->may_be_unnamed) {
		r = open_folder(sink, spec);
	} else {
		r = open_part(AT_FDCWD, spec->path, spec->offset_bytes, &st, &sink->fd);
		if (!r)
			r = keep(sink, spec, &st);
	}
	if (!r)
		r = start_digest(sink, spec);
	if (r)
		return r;
	*ret_sink = take_ptr(sink);
	return 0;
}

/* The file of a sink that was opened without one. */
static int need_file(struct sink *sink, bool is_whole)
{
	struct stat st;
	int r = UNNAMED_E_NOT_HERE;

	if (sink->fd >= 0)
		return 0;
	if (is_whole)
		r = unnamed_open(sink->folder, &sink->fd);
	sink->is_unnamed = r == 0;
	/* with a name it may still be possible; if not, that error says why */
	if (r)
		r = open_part(sink->folder->fd, sink->name, 0, &st, &sink->fd);
	if (!r && !sink->is_unnamed && st.st_size)
		r = cut(sink, 0);
	if (!r && !sink->is_unnamed && disk_file_is_marked(&st))
		disk_file_mark(sink->fd, false);
	if (!r)
		sink->folder = unnamed_close_folder(sink->folder);
	return r;
}

struct sink *sink_free(struct sink *sink)
{
	if (!sink)
		return NULL;
	if (sink->fd >= 0)
		close(sink->fd);
	digest_free(sink->digest);
	unnamed_close_folder(sink->folder);
	free(sink->name);
	free(sink->digest_name);
	free(sink->gathered);
	free(sink);
	return NULL;
}

void sink_freep(struct sink **sink)
{
	sink_free(*sink);
}

int sink_restart(struct sink *sink)
{
	int r = cut(sink, 0);

	if (r)
		return r;
	sink->flushed_bytes = 0;
	sink->gathered_bytes = 0;
	sink->expected_bytes = 0;
	sink->digest = digest_free(sink->digest);
	if (!sink->digest_name)
		return 0;
	r = digest_new(sink->digest_name, &sink->digest);
	return r < 0 ? r : 0;
}

static bool is_full(int r)
{
	return r == -ENOSPC || r == -EDQUOT;
}

int sink_expect(struct sink *sink, uint64_t total_bytes)
{
	uint64_t from_bytes = sink->flushed_bytes;
	int r = FAILPOINT("sink.allocate");

	sink->expected_bytes = total_bytes;
	/* one write does for a small file */
	if (total_bytes <= from_bytes || total_bytes - from_bytes <= SINK_GATHER_BYTES)
		return 0;
	if (total_bytes > INT64_MAX)
		return -EFBIG;
	if (!r) {
		r = need_file(sink, false);
		if (r)
			return r;
	}
	if (!r &&
		fallocate(sink->fd, FALLOC_FL_KEEP_SIZE, (off_t)from_bytes,
			(off_t)(total_bytes - from_bytes)))
		r = -errno;
	if (is_full(r)) {
		/* what a failed allocation did take goes back: cutting to the same size frees it */
		(void)cut(sink, from_bytes);
		return r;
	}
	/* everywhere else preallocation is a favour that a file system may refuse */
	return 0;
}

/* Has somebody cut the file, or removed it? What comes now would stand behind a hole, or nowhere. */
static int check_whole(const struct sink *sink)
{
	struct stat st;

	if (!sink->flushed_bytes)
		return 0;
	if (fstat(sink->fd, &st))
		return -errno;
	return (st.st_nlink || sink->is_unnamed) && (uint64_t)st.st_size >= sink->flushed_bytes
		? 0
		: -ESTALE;
}

static int write_out(struct sink *sink, const void *bytes, size_t size)
{
	bool is_whole = size <= SINK_UNNAMED_BYTES &&
		sink->flushed_bytes + size == sink->expected_bytes;
	int r = FAILPOINT("sink.write");

	if (!r)
		r = need_file(sink, is_whole && !sink->flushed_bytes);
	if (!r)
		r = check_whole(sink);
	if (!r)
		r = io_pwrite_all(sink->fd, bytes, size, sink->flushed_bytes);
	if (r)
		return r;
	if (sink->digest)
		digest_update(sink->digest, bytes, size);
	sink->flushed_bytes += size;
	return 0;
}

int sink_flush(struct sink *sink)
{
	int r;

	if (!sink->gathered_bytes)
		return 0;
	r = write_out(sink, sink->gathered, sink->gathered_bytes);
	if (r)
		return r;
	sink->gathered_bytes = 0;
	return 0;
}

int sink_finish(struct sink *sink)
{
	int r = sink_flush(sink);

	return r ? r : need_file(sink, true);
}

bool sink_is_unnamed(const struct sink *sink)
{
	return sink->is_unnamed;
}

uint64_t sink_folder_ino(const struct sink *sink)
{
	return sink->folder_ino;
}

uint64_t sink_folder_device(const struct sink *sink)
{
	return sink->folder_device;
}

int sink_write(struct sink *sink, const void *bytes, size_t size)
{
	const char *p = bytes;
	int r;

	/* large enough by itself, or all that will come */
	if (!sink->gathered_bytes &&
		(size >= SINK_GATHER_BYTES ||
			(size && sink->flushed_bytes + size == sink->expected_bytes)))
		return write_out(sink, bytes, size);
	if (!sink->gathered) {
		sink->gathered = malloc(SINK_GATHER_BYTES);
		if (!sink->gathered)
			return err_raise(-ENOMEM);
	}
	if (!sink->gathered_bytes)
		sink->gathered_us = clock_now_us();
	while (size) {
		size_t n = SINK_GATHER_BYTES - sink->gathered_bytes;

		if (n > size)
			n = size;
		memcpy(sink->gathered + sink->gathered_bytes, p, n);
		sink->gathered_bytes += n;
		p += n;
		size -= n;
		r = sink->gathered_bytes == SINK_GATHER_BYTES ? sink_flush(sink) : 0;
		if (r)
			return r;
	}
	if (sink->gathered_bytes && clock_now_us() - sink->gathered_us >= GATHER_US)
		return sink_flush(sink);
	return 0;
}

uint64_t sink_offset_bytes(const struct sink *sink)
{
	return sink->flushed_bytes + sink->gathered_bytes;
}

uint64_t sink_flushed_bytes(const struct sink *sink)
{
	return sink->flushed_bytes;
}

int sink_fd(const struct sink *sink)
{
	return sink->fd;
}

int sink_take_fd(struct sink *sink)
{
	return take_fd(&sink->fd);
}

bool sink_has_digest(const struct sink *sink)
{
	return sink->digest != NULL;
}

size_t sink_save_digest(const struct sink *sink, uint8_t *state, size_t room)
{
	if (!sink->digest || room < DIGEST_STATE_MAX_BYTES)
		return 0;
	return digest_save(sink->digest, state);
}

bool sink_digest_hex(const struct sink *sink, char *hex, size_t room)
{
	if (!sink->digest || room < DIGEST_HEX_BYTES)
		return false;
	digest_hex(sink->digest, hex);
	return true;
}
