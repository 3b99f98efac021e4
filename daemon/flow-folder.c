/* SPDX-License-Identifier: MIT */
/*
 * The folder that new files go to. A thousand tasks of one turn have one folder: it is judged once, its names are read once, and a
 * name that is surely new costs no call of the system. What is read is a filter (bits by hash), so memory does not grow with the
 * folder; a name that it does not rule out is looked for. All of it is a hint: when the file is put in place it is asked again,
 * without a gap.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "daemon/flow-state.h"

#define FILTER_BITS  65536 /* sixteen times as many as names */
#define NAMES_MAX    4096 /* reading more costs more than it saves */
#define ASKED_BEFORE 16 /* a few names are asked for one by one */

struct flow_folder {
	char *path;
	int fd; /* O_PATH; -1: none */
	unsigned n_asked;
	uint64_t filter[FILTER_BITS / 64]; /* of the names in it, when has_filter */
	bool has_filter;
};

void flow_folder_forget(struct flow *flow)
{
	struct flow_folder *folder = take_ptr(flow->folder);

	if (!folder)
		return;
	if (folder->fd >= 0)
		close(folder->fd);
	free(folder->path);
	free(folder);
}

int flow_folder_open(struct flow *flow, const char *path)
{
	struct flow_folder *folder = flow->folder;
	struct stat st;

	if (folder && !strcmp(folder->path, path))
		return 0;
	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode) || access(path, W_OK | X_OK) < 0)
		return FLOW_E_FILE_NOT_FOUND;
	flow_folder_forget(flow);
	folder = calloc(1, sizeof(*folder));
	if (!folder)
		return err_raise(-ENOMEM);
	folder->path = strdup(path);
	if (!folder->path) {
		free(folder);
		return err_raise(-ENOMEM);
	}
	folder->fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	flow->folder = folder;
	return 0;
}

/* FNV-1a, folded to a bit of the filter. */
static uint32_t bit_of(const char *name)
{
	uint32_t h = 2166136261u;

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 16777619u;
	return (h ^ h >> 16) % FILTER_BITS;
}

static void read_names(struct flow_folder *folder)
{
	int fd = openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	unsigned n = 0;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	errno = 0;
	while (n < NAMES_MAX && (entry = readdir(dir))) {
		uint32_t bit = bit_of(entry->d_name);

		folder->filter[bit / 64] |= UINT64_C(1) << bit % 64;
		n++;
	}
	folder->has_filter = n < NAMES_MAX && !errno;
	closedir(dir);
}

bool flow_folder_has(struct flow *flow, const char *path, const char *name, struct stat *ret_st)
{
	struct flow_folder *folder = flow->folder;
	uint32_t bit;

	if (folder->fd < 0)
		return fstatat(AT_FDCWD, path, ret_st, AT_SYMLINK_NOFOLLOW) == 0;
	if (folder->n_asked++ == ASKED_BEFORE)
		read_names(folder);
	bit = bit_of(name);
	if (folder->has_filter && !(folder->filter[bit / 64] >> bit % 64 & 1))
		return false;
	/* from the folder on: a thousand times the way to it is long */
	return fstatat(folder->fd, name, ret_st, AT_SYMLINK_NOFOLLOW) == 0;
}
