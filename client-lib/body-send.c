/* SPDX-License-Identifier: MIT */
/* Bodies on their way to transferd: small ones in the row, larger ones as sealed files, descriptors as they are. */
#include "client-lib/body.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int write_all(int fd, const char *bytes, size_t n)
{
	while (n) {
		ssize_t written = write(fd, bytes, n);

		if (written < 0 && errno != EINTR)
			return -errno;
		if (written > 0) {
			bytes += written;
			n -= (size_t)written;
		}
	}
	return 0;
}

/* A file in memory that nobody can change any more, at its beginning. */
static int seal(const transfer_data *data, int *ret_fd)
{
	int fd = memfd_create("transfer-body", MFD_CLOEXEC | MFD_ALLOW_SEALING), r;

	if (fd < 0)
		return -errno;
	r = write_all(fd, transfer_data_get_bytes(data), transfer_data_get_size(data));
	if (!r &&
		(lseek(fd, 0, SEEK_SET) < 0 ||
			fcntl(fd, F_ADD_SEALS,
				F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)))
		r = -errno;
	if (r) {
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

static int open_file(const char *path, struct body_sent *sent)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), r = 0;
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		r = -errno;
	else if (!S_ISREG(st.st_mode))
		r = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	if (r) {
		close(fd);
		return r;
	}
	sent->fd = fd;
	sent->length = st.st_size;
	return 0;
}

int body_open(const transfer_body *body, struct body_sent *ret_sent)
{
	struct body_sent sent = { .fd = -1, .length = body->length };
	int r = 0;

	switch (body->kind) {
	case BODY_DATA:
		if (transfer_data_get_size(body->data) > BODY_INLINE_BYTES) {
			r = seal(body->data, &sent.fd);
			break;
		}
		sent.bytes = transfer_data_get_bytes(body->data);
		sent.n_bytes = transfer_data_get_size(body->data);
		break;
	case BODY_FILE:
		r = open_file(body->path, &sent);
		break;
	case BODY_FD:
		sent.is_stream = true;
		sent.fd = fcntl(body->fd, F_DUPFD_CLOEXEC, 3);
		r = sent.fd < 0 ? -errno : 0;
		break;
	case BODY_READER:
		return -EINVAL;
	}
	if (!r)
		*ret_sent = sent;
	return r;
}
