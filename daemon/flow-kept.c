/* SPDX-License-Identifier: MIT */
/*
 * Bytes of downloads that ended and belong to no task of the queue: spool/NONCE.kept, named by the resume data that the
 * application has. Used once: who goes on with them takes the file away. What nobody comes for goes after a week, or when there
 * are too many of them; looked for when the daemon starts, once an hour, and when one more is one too many.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/rename.h"
#include "daemon/core/request.h"
#include "daemon/flow-state.h"
#include "engine/blob.h"

#define KEPT_S         (7 * 86400)
#define KEPT_MAX       1000
#define KEPT_MAX_BYTES (UINT64_C(10) << 30)

_Static_assert(BLOB_NONCE_BYTES == 16, "as flow-state.h says");

int flow_kept_path(const struct flow *flow, const uint8_t nonce[16], char path[FLOW_PATH_BYTES])
{
	char name[2 * BLOB_NONCE_BYTES + 1];

	for (size_t i = 0; i < BLOB_NONCE_BYTES; i++)
		snprintf(name + 2 * i, 3, "%02x", nonce[i]);
	if ((size_t)snprintf(path, FLOW_PATH_BYTES, "%s/%s.kept", flow->spool_dir, name) >=
		FLOW_PATH_BYTES)
		return err_raise(-ENAMETOOLONG);
	return 0;
}

/* ---- what is left of those that nobody came for ---- */

struct found {
	char name[2 * BLOB_NONCE_BYTES + sizeof(".kept")];
	uint64_t size_bytes;
	time_t at;
};

static bool has_suffix(const char *name, const char *suffix)
{
	size_t n = strlen(name), n_suffix = strlen(suffix);

	return n > n_suffix && !strcmp(name + n - n_suffix, suffix);
}

static int compare_age(const void *a, const void *b)
{
	time_t at_a = ((const struct found *)a)->at, at_b = ((const struct found *)b)->at;

	return (at_a < at_b) - (at_a > at_b);
}

static int drop(struct flow *flow, const char *name)
{
	char path[FLOW_PATH_BYTES];

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", flow->spool_dir, name) >= sizeof(path))
		return 0;
	return flow_attempt_remove(flow, path);
}

static int note(DIR *dir, const char *name, struct found **list, size_t *n)
{
	struct found *longer, *at;
	struct stat st;

	if (fstatat(dirfd(dir), name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) ||
		strlen(name) >= sizeof(at->name))
		return 0;
	longer = reallocarray(*list, *n + 1, sizeof(**list));
	if (!longer)
		return err_raise(-ENOMEM);
	*list = longer;
	at = &longer[(*n)++];
	memcpy(at->name, name, strlen(name) + 1);
	at->size_bytes = (uint64_t)st.st_size;
	at->at = st.st_mtime;
	return 0;
}

static void close_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/*
 * n_max: those that may stay; the newest one does for the whole week, however long. is_start: there are no tasks in memory,
 * so what they had is nobody's.
 */
static int sweep(struct flow *flow, size_t n_max, bool is_start)
{
	cleanup_(close_dir) DIR *dir = opendir(flow->spool_dir);
	cleanup_(cleanup_free) struct found *list = NULL;
	const struct dirent *entry;
	uint64_t now_s = flow_turn_age_wall_us(flow) / CLOCK_US_PER_S, sum_bytes = 0;
	size_t n = 0, n_dropped = 0;
	int r = 0;

	if (!dir)
		return errno == ENOENT || !is_start ? 0 : err_raise(-errno);
	while (!r && (entry = readdir(dir))) {
		if (is_start && has_suffix(entry->d_name, ".live"))
			r = drop(flow, entry->d_name);
		else if (has_suffix(entry->d_name, ".kept"))
			r = note(dir, entry->d_name, &list, &n);
	}
	if (n)
		qsort(list, n, sizeof(*list), compare_age);
	for (size_t i = 0; !r && i < n; i++) {
		sum_bytes += list[i].size_bytes;
		if (i < n_max && (!i || sum_bytes <= KEPT_MAX_BYTES) &&
			(uint64_t)list[i].at + KEPT_S > now_s)
			continue;
		n_dropped++;
		r = drop(flow, list[i].name);
	}
	flow->n_kept = n - n_dropped;
	if (n_dropped)
		log_info("%zu files that resume data was kept for are removed", n_dropped);
	return r;
}

int flow_kept_sweep(struct flow *flow, bool is_start)
{
	return is_start || flow->n_kept ? sweep(flow, KEPT_MAX, is_start) : 0;
}

/* ---- in and out ---- */

static int seal(
	struct flow *flow, const struct flow_kept *kept, const uint8_t *nonce, struct buf *sealed)
{
	struct blob blob = {
		.url = kept->url,
		.etag = kept->etag,
		.last_modified = kept->last_modified,
		.offset_bytes = kept->offset_bytes,
		.total_bytes = kept->total_bytes,
	};
	cleanup_(buf_done) struct buf carried = { .max_bytes = BLOB_MAX_BYTES };
	int r = kept->request ? request_carry_write(kept->request, &carried) : 0;

	if (r)
		return r;
	blob.request = carried.bytes;
	memcpy(blob.nonce, nonce, sizeof(blob.nonce));
	return blob_seal(&blob, &(struct blob_owner){ kept->uid, kept->app_id, flow->key }, sealed);
}

/* Its age begins now. */
static int put_away(struct flow *flow, const char *part_path, const char *path)
{
	if (rename(part_path, path) < 0)
		return -errno;
	(void)utimensat(AT_FDCWD, path, NULL, 0);
	flow->n_kept++;
	return 0;
}

/* Whoever makes more and more of them pays with the oldest ones; some at once, so that not each of them costs a look. */
static void make_room(struct flow *flow)
{
	if (flow->n_kept >= KEPT_MAX && sweep(flow, KEPT_MAX - KEPT_MAX / 8, false))
		log_warn("files that resume data was kept for stay: no memory");
}

int flow_kept_seal(
	struct flow *flow, const struct flow_kept *kept, void **ret_data, size_t *ret_size)
{
	struct buf sealed = { .max_bytes = BLOB_MAX_BYTES };
	uint8_t nonce[BLOB_NONCE_BYTES];
	char path[FLOW_PATH_BYTES];
	int r;

	*ret_data = NULL;
	*ret_size = 0;
	if (!kept->offset_bytes || (!kept->etag && !kept->last_modified))
		return 0;
	if (getrandom(nonce, sizeof(nonce), 0) != (ssize_t)sizeof(nonce))
		return err_raise(-EIO);
	r = flow_kept_path(flow, nonce, path);
	if (!r)
		r = seal(flow, kept, nonce, &sealed);
	if (!r)
		make_room(flow);
	/* where it cannot be moved to, or is gone, there is nothing to go on with */
	if (!r && put_away(flow, kept->part_path, path) == 0) {
		*ret_size = sealed.size_bytes;
		*ret_data = buf_take(&sealed);
	}
	buf_done(&sealed);
	return r == -EMSGSIZE || r == -EINVAL ? 0 : r;
}

/* Somebody came for it before, and its own name has not gone yet. */
static bool is_taken(const struct stat *st)
{
	return st->st_nlink > 1;
}

struct hand_over {
	char from[FLOW_PATH_BYTES], to[FLOW_PATH_BYTES];
	bool is_moved;
};

static void on_hand_over_release(void *data, int error)
{
	struct hand_over *item = data;

	if (error && item->is_moved)
		(void)rename(item->to, item->from);
	else if (error)
		(void)unlink(item->to);
	free(item);
}

/* A second name; where the file system has none, the file is moved: then a crash before the commit loses its bytes. */
static bool give_name(struct hand_over *item)
{
	if (link(item->from, item->to) == 0)
		return true;
	if (!rename_has_no_links(errno))
		return false;
	item->is_moved = rename(item->from, item->to) == 0;
	return item->is_moved;
}

int flow_kept_hand_over(struct flow *flow, const char *from, const char *to)
{
	struct hand_over *item = calloc(1, sizeof(*item));
	struct stat st;

	if (!item || outbox_add_take(&flow->outbox, on_hand_over_release, item)) {
		free(item);
		return err_raise(-ENOMEM);
	}
	snprintf(item->from, sizeof(item->from), "%s", from);
	snprintf(item->to, sizeof(item->to), "%s", to);
	(void)unlink(to); /* of a number that a crash gave back */
	return lstat(from, &st) < 0 || is_taken(&st) || !give_name(item) ? FLOW_E_NO_RESUME_DATA
									 : 0;
}

/* Is it there, and long enough? */
static bool has_bytes(const char *path, const struct blob *blob)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISREG(st.st_mode) &&
		(uint64_t)st.st_size >= blob->offset_bytes;
}

int flow_kept_find(const struct flow *flow, const struct blob *blob)
{
	char path[FLOW_PATH_BYTES];
	int r = flow_kept_path(flow, blob->nonce, path);

	if (r)
		return r;
	return has_bytes(path, blob) ? 0 : FLOW_E_NO_RESUME_DATA;
}

/* Of a task of the queue, which has no bytes any more then. */
static int adopt_of_task(
	struct flow *flow, const struct blob *blob, struct flow_kept *inout, struct arena *arena)
{
	cleanup_(cleanup_free) char *from = malloc(FLOW_PATH_BYTES);
	struct active *active;
	struct task *old;
	int r = from ? flow_resume_load_old(flow, blob, &old) : err_raise(-ENOMEM);

	if (r || !old)
		return r ? r : FLOW_E_NO_RESUME_DATA;
	r = flow_resume_carry(old, arena, &inout->carried);
	if (!r)
		r = flow_turn_task(flow, old->id, &active);
	if (!r)
		r = err_fold(flow_attempt_path(flow, active->task, FLOW_FILE_PART, from));
	task_free(old);
	if (r)
		return err_fold(r);
	r = flow_kept_hand_over(flow, from, inout->part_path);
	if (r > 0)
		return r;
	if (!r)
		r = flow_turn_change(flow, active, STORE_SAVE_PROGRESS);
	if (!r)
		r = flow_step_drop_part(flow, active);
	return r ? flow_turn_poison(flow, err_fold(r)) : 0;
}

static int adopt(
	struct flow *flow, const struct blob *blob, struct flow_kept *inout, struct arena *arena)
{
	char from[FLOW_PATH_BYTES];
	struct stat st;
	int r = flow_kept_find(flow, blob);

	if (r == FLOW_E_NO_RESUME_DATA)
		return adopt_of_task(flow, blob, inout, arena);
	if (!r)
		r = flow_kept_path(flow, blob->nonce, from);
	if (!r && (lstat(from, &st) < 0 || is_taken(&st) || rename(from, inout->part_path) < 0))
		return FLOW_E_NO_RESUME_DATA;
	if (!r && flow->n_kept)
		flow->n_kept--;
	return r;
}

int flow_kept_adopt(struct flow *flow, const void *data, size_t size, struct flow_kept *inout,
	struct arena *arena)
{
	const struct blob_owner owner = { inout->uid, inout->app_id, flow->key };
	struct blob blob;
	int r = BLOB_E_INVALID;

	if (size && size <= BLOB_MAX_BYTES)
		r = blob_open(data, size, &owner, arena, &blob);
	if (r == BLOB_E_INVALID)
		return FLOW_E_NO_RESUME_DATA;
	if (r)
		return r;
	inout->carried = blob.request;
	r = adopt(flow, &blob, inout, arena);
	if (r)
		return r;
	inout->url = blob.url;
	inout->etag = blob.etag;
	inout->last_modified = blob.last_modified;
	inout->offset_bytes = blob.offset_bytes;
	inout->total_bytes = blob.total_bytes;
	memcpy(inout->nonce, blob.nonce, sizeof(inout->nonce));
	return 0;
}

int flow_kept_return(struct flow *flow, const struct flow_kept *kept)
{
	char path[FLOW_PATH_BYTES];
	int r = flow_kept_path(flow, kept->nonce, path);

	return r ? r : put_away(flow, kept->part_path, path);
}
