/* SPDX-License-Identifier: MIT */
/*
 * A thousand requests of one call have one folder: it is judged once, its names are read once, and a name that is surely new costs no
 * call of the system. What is read is a filter (bits by hash), so memory does not grow with the folder; a name that it does not rule
 * out is looked for.
 */
#include "daemon/look.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/err.h"

#define FILTER_BITS  65536 /* sixteen times as many as names */
#define NAMES_MAX    4096 /* reading more costs more than it saves */
#define ASKED_BEFORE 16 /* a few names are asked for one by one */

/* The look is its first member. */
struct whole {
	struct look look;
	struct arena arena;
};

struct folder {
	const char *path; /* a destination that is in it */
	size_t n_path; /* so much of it is the folder's, with the slash; 0: none yet */
	bool is_good;
	int fd; /* O_PATH; -1: none */
	unsigned n_asked;
	uint64_t filter[FILTER_BITS / 64]; /* of the names in it, when has_filter */
	bool has_filter;
};

/* ---- the folder ---- */

static void leave_folder(struct folder *folder)
{
	if (folder->fd >= 0)
		close(folder->fd);
	folder->fd = -1;
	folder->n_path = 0;
}

static void enter_folder(struct folder *folder, const char *destination, size_t n_path)
{
	char path[PATH_MAX];
	size_t n = n_path > 1 ? n_path - 1 : n_path;
	struct stat st;

	leave_folder(folder);
	memcpy(path, destination, n);
	path[n] = 0;
	folder->path = destination;
	folder->n_path = n_path;
	folder->n_asked = 0;
	folder->has_filter = false;
	folder->is_good = stat(path, &st) == 0 && S_ISDIR(st.st_mode) &&
		access(path, W_OK | X_OK) == 0;
	if (folder->is_good)
		folder->fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* FNV-1a, folded to a bit of the filter. */
static uint32_t bit_of(const char *name)
{
	uint32_t h = 2166136261u;

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 16777619u;
	return (h ^ h >> 16) % FILTER_BITS;
}

static void read_names(struct folder *folder)
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
	memset(folder->filter, 0, sizeof(folder->filter));
	errno = 0;
	while (n < NAMES_MAX && (entry = readdir(dir))) {
		uint32_t bit = bit_of(entry->d_name);

		folder->filter[bit / 64] |= UINT64_C(1) << bit % 64;
		n++;
	}
	folder->has_filter = n < NAMES_MAX && !errno;
	closedir(dir);
}

static bool has_name(struct folder *folder, const char *path, struct stat *ret_st)
{
	const char *name = path + folder->n_path;
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

/* ---- the questions ---- */

static bool can_be_asked(const char *path)
{
	return path && path[0] == '/' && strlen(path) < PATH_MAX;
}

static void ask_destination(struct folder *folder, const char *path, struct look_answer *answer)
{
	size_t n_path;
	struct stat st;

	if (!can_be_asked(path))
		return;
	n_path = (size_t)(strrchr(path, '/') - path) + 1;
	if (folder->n_path != n_path || memcmp(folder->path, path, n_path) != 0)
		enter_folder(folder, path, n_path);
	answer->has_folder = folder->is_good;
	if (!folder->is_good || !has_name(folder, path, &st))
		return;
	answer->has_file = true;
	answer->is_replaceable = S_ISREG(st.st_mode) || S_ISLNK(st.st_mode);
}

static int ask_readable(const char *path)
{
	if (!can_be_asked(path))
		return ENOENT;
	return access(path, R_OK) < 0 ? errno : 0;
}

int look_at_fd(int fd, struct look_answer *inout_answer)
{
	struct statx stx;

	/* what is known of it: no file system is waited for */
	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &stx) < 0)
		return -errno;
	inout_answer->is_source_file = S_ISREG(stx.stx_mode);
	inout_answer->source_size_bytes = stx.stx_size;
	inout_answer->source_mtime_ns = (uint64_t)stx.stx_mtime.tv_sec * 1000000000 +
		stx.stx_mtime.tv_nsec;
	inout_answer->source_ino = stx.stx_ino;
	return 0;
}

static void ask_source(const struct look_names *names, struct look_answer *answer)
{
	cleanup_(cleanup_close) int fd = -1;
	int r;

	if (!can_be_asked(names->source_path))
		return;
	fd = open(names->source_path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	r = fd < 0 ? -errno : look_at_fd(fd, answer);
	answer->source_errno = -r;
	if (!r && names->keeps_source)
		answer->source_fd = take_fd(&fd);
}

static void ask(struct folder *folder, const struct look_names *names, struct look_answer *answer)
{
	*answer = (struct look_answer){ .source_fd = -1,
		.source_errno = ENOENT,
		.ca_errno = names->ca_file ? ask_readable(names->ca_file) : 0 };
	ask_destination(folder, names->destination, answer);
	ask_source(names, answer);
}

static bool is_same(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

void look_ask(struct look *look)
{
	struct folder folder = { .fd = -1 };

	look->is_asked = true;
	for (size_t i = 0; i < look->n; i++) {
		struct look_names names = look->names[i];
		/* so have they one CA file */
		bool is_known = i && is_same(names.ca_file, look->names[i - 1].ca_file);

		if (is_known)
			names.ca_file = NULL;
		ask(&folder, &names, &look->answers[i]);
		if (is_known)
			look->answers[i].ca_errno = look->answers[i - 1].ca_errno;
	}
	leave_folder(&folder);
}

void look_ask_one(const struct look_names *names, struct look_answer *ret_answer)
{
	struct folder folder = { .fd = -1 };

	ask(&folder, names, ret_answer);
	leave_folder(&folder);
}

/* ---- life ---- */

struct look *look_new(size_t n_max)
{
	struct whole *whole = calloc(1, sizeof(*whole));

	if (!whole)
		return NULL;
	whole->look.names = arena_alloc(&whole->arena, n_max + 1, sizeof(*whole->look.names));
	whole->look.answers = arena_alloc(&whole->arena, n_max + 1, sizeof(*whole->look.answers));
	if (whole->look.names && whole->look.answers)
		return &whole->look;
	arena_done(&whole->arena);
	free(whole);
	return NULL;
}

static int copy(struct arena *arena, const char **text)
{
	if (!*text)
		return 0;
	*text = arena_strdup(arena, *text);
	return *text ? 0 : err_raise(-ENOMEM);
}

int look_add(struct look *look, const struct look_names *names)
{
	struct arena *arena = &((struct whole *)look)->arena;
	struct look_names *to = &look->names[look->n];
	int r;

	*to = *names;
	r = copy(arena, &to->destination);
	if (!r)
		r = copy(arena, &to->ca_file);
	if (!r)
		r = copy(arena, &to->source_path);
	look->answers[look->n].source_fd = -1;
	look->n += r == 0;
	return r;
}

bool look_has_files(const struct look *look)
{
	for (size_t i = 0; i < look->n; i++)
		if (look->answers[i].source_fd >= 0)
			return true;
	return false;
}

void look_close(struct look *look)
{
	for (size_t i = 0; i < look->n; i++)
		cleanup_close(&look->answers[i].source_fd);
	for (size_t i = 0; i < look->n; i++)
		look->answers[i].source_fd = -1;
}

struct look *look_free(struct look *look)
{
	struct whole *whole = (struct whole *)look;

	if (!look)
		return NULL;
	look_close(look);
	arena_done(&whole->arena);
	free(whole);
	return NULL;
}
