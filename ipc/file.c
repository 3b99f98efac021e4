/* SPDX-License-Identifier: MIT */
/*
 * Files that exist in memory only and are sealed, so that who gets one can rely on it. Their bytes are read, not mapped: nothing
 * that the other side does can then hurt while they are looked at, and a few kilobytes are copied sooner than mapped.
 */
#include "ipc/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "ipc/codec.h"

#define SEALS           (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW)
/* What a batch of small answers needs; what is not written costs nothing. */
#define FILE_ROOM_BYTES (512u * 1024)

static int new_file(const struct buf *bytes, int *ret_fd)
{
	cleanup_(cleanup_close) int fd = memfd_create(
		"transferd-values", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, bytes->bytes, bytes->size_bytes);
	if (n < 0 || fcntl(fd, F_ADD_SEALS, SEALS | F_SEAL_SEAL))
		return -errno;
	if ((size_t)n != bytes->size_bytes)
		return -ENOSPC;
	*ret_fd = take_fd(&fd);
	return 0;
}

int file_pack(const struct codec_type *type, const void *args, size_t max_bytes,
	int ret_files[IPC_MAX_FDS], size_t *ret_n)
{
	cleanup_(buf_done) struct buf bytes = { .max_bytes = max_bytes };
	struct wire_writer w = { .max_bytes = max_bytes, .flat = &bytes, .n_fds = 1 };
	struct wire_iter unused;
	int r = buf_reserve(&bytes, FILE_ROOM_BYTES);

	if (!r)
		r = codec_append_args(&w, &unused, type, args);
	if (!r)
		r = new_file(&bytes, &w.fds[0]);
	if (r)
		return r;
	for (unsigned i = 0; i < w.n_fds; i++)
		ret_files[i] = w.fds[i];
	*ret_n = w.n_fds;
	return 0;
}

/* Only of a file that is sealed as ours are: no other kind is certain to be read at once. */
static int load(struct wire_reader *rd, int fd, uint8_t **ret_bytes, size_t *ret_size)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;
	uint8_t *bytes;
	int r;

	if (seals < 0 || (seals & SEALS) != SEALS)
		return wire_fail(rd, IPC_E_INVALID_ARGS, "the file is not a sealed memfd");
	if (fstat(fd, &st))
		return err_raise(-errno);
	bytes = wire_room(rd, (size_t)st.st_size, &r);
	if (!bytes)
		return r;
	if (pread(fd, bytes, (size_t)st.st_size, 0) != (ssize_t)st.st_size)
		return wire_fail(rd, IPC_E_INVALID_ARGS, "the file cannot be read");
	*ret_bytes = bytes;
	*ret_size = (size_t)st.st_size;
	return 0;
}

int file_unpack(struct wire_reader *rd, struct wire_fds *files, const struct codec_type *type,
	const char *signature, void *args)
{
	struct wire_iter it = { .is_flat = true };
	uint8_t *bytes = NULL;
	size_t size = 0;
	int r;

	if (!files->n)
		return wire_fail(rd, IPC_E_INVALID_ARGS, "no file");
	r = load(rd, files->fds[0], &bytes, &size);
	if (r)
		return r;
	if (!flat_check(bytes, size, signature))
		return wire_fail(rd, IPC_E_INVALID_ARGS, "the file does not hold '%s'", signature);
	flat_begin(&it.flat, bytes, signature);
	close(wire_fds_take(files, files->fds[0])); /* not to be named by the bytes */
	rd->files = files;
	r = codec_read_args(rd, &it, type, args);
	rd->files = NULL;
	return r;
}
