/* SPDX-License-Identifier: MIT */
/*
 * Where the bytes of a download go that a loader answers: a file beside its destination, or one in the folder for
 * temporary files, which is gone with the load unless it was renamed.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/rename.h"
#include "client-lib/client.h"
#include "client-lib/load.h"
#include "client-lib/request.h"
#include "client-lib/session.h"
#include "client-lib/task.h"

#define SINK_TRIES 16

/* A name that is nobody's. */
static int create(const char *folder_and_name, mode_t mode, char **ret_path)
{
	uint32_t number;
	char *path;
	int fd = -1;

	for (int i = 0; i < SINK_TRIES; i++) {
		if (getrandom(&number, sizeof(number), 0) != sizeof(number) ||
			asprintf(&path, "%s.%08" PRIx32, folder_and_name, number) < 0)
			return -ENOMEM;
		fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, mode);
		if (fd >= 0) {
			*ret_path = path;
			return fd;
		}
		free(path);
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

/* A destination gets the rights of any new file; what waits in a folder for all is the user's alone. */
static int open_sink(transfer_load *load)
{
	const char *folder = getenv("TMPDIR"), *to = load->asked->destination;
	char name[PATH_MAX];
	int fd;

	snprintf(name, sizeof(name), "%s/transfer", folder && folder[0] == '/' ? folder : "/tmp");
	fd = create(to ? to : name, to ? 0666 : 0600, &load->sink_path);
	if (fd < 0)
		return fd;
	load->sink_fd = fd;
	return 0;
}

int load_sink_write(transfer_load *load, const transfer_data *data)
{
	const char *bytes = transfer_data_get_bytes(data);
	size_t left = transfer_data_get_size(data);
	int r = load->sink_fd < 0 ? open_sink(load) : 0;

	while (!r && left) {
		ssize_t n = write(load->sink_fd, bytes, left);

		if (n < 0) {
			r = errno == EINTR ? 0 : -errno;
			continue;
		}
		bytes += n;
		left -= (size_t)n;
		load->n_written += n;
	}
	return r;
}

static int place(const transfer_load *load, const char *to)
{
	if (!load->asked->may_overwrite)
		return rename_no_replace(load->sink_path, to);
	return rename(load->sink_path, to) ? -errno : 0;
}

int load_sink_finish(transfer_load *load, char **ret_path, int *ret_fd)
{
	const char *to = load->asked->destination;
	int r = load->sink_fd < 0 ? open_sink(load) : 0;
	char *path;

	if (r)
		return r;
	path = strdup(to ? to : load->sink_path);
	if (!path)
		return -ENOMEM;
	if (lseek(load->sink_fd, 0, SEEK_SET) < 0)
		r = -errno;
	if (!r && to)
		r = place(load, to);
	if (r) {
		free(path);
		return r;
	}
	if (to) {
		free(load->sink_path);
		load->sink_path = NULL;
	}
	*ret_path = path;
	*ret_fd = load->sink_fd;
	load->sink_fd = -1;
	return 0;
}

static void remove_file(transfer_load *load)
{
	if (load->sink_path)
		unlink(load->sink_path);
	free(load->sink_path);
	load->sink_path = NULL;
}

void load_sink_remove(transfer_load *load)
{
	pthread_mutex_lock(&load->sink_lock);
	remove_file(load);
	pthread_mutex_unlock(&load->sink_lock);
}

/* Nobody else knows the load: without its lock, which others take before the client's. */
void load_sink_done(transfer_load *load)
{
	if (!client_is_forked(load->session->client)) /* else it is the parent's */
		remove_file(load);
	free(load->sink_path);
	if (load->sink_fd >= 0)
		close(load->sink_fd);
	pthread_mutex_destroy(&load->sink_lock);
}
