/* SPDX-License-Identifier: MIT */
/*
 * A file without a name gets one at the end. Where the file system has none of these, it has another name first, which is
 * removed unless the machine or a signal was faster.
 */
#include "cli/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PLACE_MODE 0666

static char *beside(const char *path, const char *suffix)
{
	char *name;

	return asprintf(&name, "%s%s", path, suffix) < 0 ? NULL : name;
}

/* "a/b" -> "a", "b" -> "." */
static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return strdup(".");
	return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

static int open_named(struct place *place)
{
	mode_t mask = umask(0);

	umask(mask);
	place->temporary = beside(place->path, ".XXXXXX");
	if (!place->temporary)
		return -ENOMEM;
	place->fd = mkostemp(place->temporary, O_CLOEXEC);
	if (place->fd < 0)
		return -errno;
	return fchmod(place->fd, PLACE_MODE & ~mask) ? -errno : 0;
}

static int open_unnamed(struct place *place)
{
	char *folder = folder_of(place->path);

	if (!folder)
		return -ENOMEM;
	place->fd = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, PLACE_MODE);
	free(folder);
	if (place->fd >= 0)
		return 0;
	if (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)
		return open_named(place);
	return -errno;
}

static int open_there(struct place *place)
{
	struct stat st;

	if (stat(place->path, &st))
		return open_unnamed(place);
	place->is_direct = !S_ISREG(st.st_mode);
	if (!place->is_direct && !place->may_overwrite)
		return -EEXIST;
	if (!place->is_direct)
		return open_unnamed(place);
	place->fd = open(place->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	return place->fd < 0 ? -errno : 0;
}

int place_open(const char *path, bool may_overwrite, struct place *ret_place)
{
	int r;

	*ret_place = (struct place){ .fd = -1, .may_overwrite = may_overwrite };
	ret_place->path = strdup(path);
	r = ret_place->path ? open_there(ret_place) : -ENOMEM;
	if (r)
		place_free(ret_place);
	return r;
}

static int link_to(const struct place *place, const char *path)
{
	char proc[64];

	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", place->fd);
	return linkat(AT_FDCWD, proc, AT_FDCWD, path, AT_SYMLINK_FOLLOW) ? -errno : 0;
}

/* A link cannot take another's place; a rename can. */
static int name_it(struct place *place)
{
	char suffix[32], *name;
	int r;

	snprintf(suffix, sizeof(suffix), ".%ld", (long)getpid());
	name = beside(place->path, suffix);
	if (!name)
		return -ENOMEM;
	r = link_to(place, name);
	if (r)
		free(name);
	else
		place->temporary = name;
	return r;
}

int place_keep(struct place *place)
{
	int r = 0;

	if (place->is_direct)
		return 0;
	if (!place->temporary && !place->may_overwrite)
		return link_to(place, place->path);
	if (!place->temporary)
		r = name_it(place);
	if (!r)
		r = renameat2(AT_FDCWD, place->temporary, AT_FDCWD, place->path,
			    place->may_overwrite ? 0 : RENAME_NOREPLACE)
			? -errno
			: 0;
	if (r)
		return r;
	free(place->temporary);
	place->temporary = NULL;
	return 0;
}

void place_free(struct place *place)
{
	if (place->fd >= 0)
		close(place->fd);
	if (place->temporary)
		unlink(place->temporary);
	free(place->temporary);
	free(place->path);
	*place = (struct place){ .fd = -1 };
}
