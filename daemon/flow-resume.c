/* SPDX-License-Identifier: MIT */
/*
 * Resume data: what an application holds of a download that ended before its time. It names the
 * task whose bytes are kept, sealed by the engine's blob.c, and can be used once: the kept bytes
 * change hands, and the old task has none any more. It comes back as untrusted input; whatever is
 * wrong with it, the new task fails cleanly with -3003 when it is resumed (BT-80, BT-81).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <transfer/error.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "daemon/core/request.h"
#include "daemon/flow-state.h"
#include "engine/blob.h"

_Static_assert(FLOW_KEY_BYTES == BLOB_KEY_BYTES, "one key");

int flow_resume_load_key(struct flow *flow)
{
	size_t size;
	int r = store_setting_load(flow->store, "resume-key", flow->key, sizeof(flow->key), &size);

	if (r == 0 && size == sizeof(flow->key))
		return 0;
	if (r && r != STORE_E_NOT_FOUND)
		return err_fold(r);
	if (getrandom(flow->key, sizeof(flow->key), 0) != (ssize_t)sizeof(flow->key))
		return err_raise(-EIO);
	return err_fold(store_setting_put(flow->store, "resume-key", flow->key, sizeof(flow->key)));
}

bool flow_task_is_resumable(const struct task *task)
{
	return task->kind == TRANSFER_TASK_DOWNLOAD && task->offset_bytes && task->can_resume &&
		(task->etag || task->last_modified) && !strcmp(task->request.method, "GET");
}

/*
 * The kept bytes are named by the task's number and, against a database that began anew, by when it
 * was made.
 */
static void name_bytes(const struct task *task, uint8_t nonce[BLOB_NONCE_BYTES])
{
	memcpy(nonce, &task->id, sizeof(task->id));
	memcpy(nonce + sizeof(task->id), &task->created_wall_us, sizeof(task->created_wall_us));
}

int flow_resume_seal(struct flow *flow, const struct task *task, void **ret_data, size_t *ret_size)
{
	const struct flow_session *s = flow_session_lookup(flow, task->session);
	struct buf sealed = { .max_bytes = BLOB_MAX_BYTES };
	struct blob blob = {
		.url = task->request.url,
		.etag = task->etag,
		.last_modified = task->last_modified,
		.offset_bytes = task->offset_bytes,
		.total_bytes = task->total_bytes,
	};
	int r;

	if (!s || task->state != TASK_STATE_COMPLETED || !task->result.code ||
		!flow_task_is_resumable(task))
		return 0;
	name_bytes(task, blob.nonce);
	r = blob_seal(&blob, &(struct blob_owner){ s->session->uid, s->session->app_id, flow->key },
		&sealed);
	if (r == -EMSGSIZE || r == -EINVAL)
		r = 0; /* a URL of such a size has no resume data */
	else if (!r) {
		*ret_size = sealed.size_bytes;
		*ret_data = buf_take(&sealed);
	}
	buf_done(&sealed);
	return r;
}

static void doom(struct task *task, const char *why)
{
	task->result = flow_step_result(TRANSFER_ERROR_CANNOT_WRITE_TO_FILE, why);
}

int flow_resume_load_old(struct flow *flow, const struct blob *blob, struct task **ret_old)
{
	uint8_t nonce[BLOB_NONCE_BYTES];
	struct task *old;
	uint64_t id;
	int r;

	*ret_old = NULL;
	memcpy(&id, blob->nonce, sizeof(id));
	r = flow_turn_flush(flow);
	if (!r)
		r = store_task_load(flow->store, id, &old);
	if (r == STORE_E_NOT_FOUND)
		return 0;
	if (r)
		return err_fold(r);
	name_bytes(old, nonce);
	if (memcmp(nonce, blob->nonce, sizeof(nonce)) != 0 || old->state != TASK_STATE_COMPLETED ||
		!old->result.code || !flow_task_is_resumable(old) ||
		old->offset_bytes != blob->offset_bytes) {
		task_free(old);
		return 0;
	}
	*ret_old = old;
	return 0;
}

int flow_resume_carry(const struct task *old, struct arena *arena, const char **ret_carried)
{
	cleanup_(buf_done) struct buf text = { 0 };
	int r = request_carry_write(&old->request, &text);

	*ret_carried = NULL;
	if (r || !text.size_bytes)
		return r;
	*ret_carried = arena_strdup(arena, text.bytes);
	return *ret_carried ? 0 : err_raise(-ENOMEM);
}

static int copy_text(struct task *task, const char **slot, const char *value)
{
	*slot = value ? arena_strdup(&task->arena, value) : NULL;
	return value && !*slot ? err_raise(-ENOMEM) : 0;
}

static const char *digest_of(const struct task *task)
{
	return task->request.checksum_name ? task->request.checksum_name
					   : task->request.want_digest;
}

static int inherit(struct task *task, const struct task *old)
{
	const char *mine = digest_of(task), *theirs = digest_of(old), *carried;
	void *state;
	int r = flow_resume_carry(old, &task->arena, &carried);

	if (!r)
		r = request_carry_read(carried, &task->arena, &task->request);
	if (r)
		return r;
	task->offset_bytes = old->offset_bytes;
	task->total_bytes = old->total_bytes;
	task->can_resume = true;
	r = copy_text(task, &task->etag, old->etag);
	if (!r)
		r = copy_text(task, &task->last_modified, old->last_modified);
	if (r || !old->digest_state || !mine || !theirs || strcmp(mine, theirs) != 0)
		return r;
	state = arena_alloc(&task->arena, old->digest_state_bytes, 1);
	if (!state)
		return err_raise(-ENOMEM);
	memcpy(state, old->digest_state, old->digest_state_bytes);
	task->digest_state = state;
	task->digest_state_bytes = old->digest_state_bytes;
	return 0;
}

/* Bytes that nobody has: as the resume data says they are. */
static int inherit_kept(struct task *task, const struct blob *blob)
{
	int r = copy_text(task, &task->etag, blob->etag);

	if (!r)
		r = copy_text(task, &task->last_modified, blob->last_modified);
	task->offset_bytes = blob->offset_bytes;
	task->total_bytes = blob->total_bytes;
	task->can_resume = true;
	return r;
}

/* That of the bytes. Another one may have the same validator, and other bytes. */
static int choose_url(struct task *task, const struct blob *blob)
{
	const char *url = task->request.url;
	int r;

	if (!url || !url[0])
		return copy_text(task, &task->request.url, blob->url);
	r = blob_is_of(blob, url);
	if (r == 0)
		doom(task, "the resume data is of another URL");
	return r < 0 ? r : 0;
}

static int open_with(
	struct flow *flow, struct flow_resume *resume, struct task *task, struct arena *arena)
{
	const struct session *session = resume->session->session;
	struct blob blob;
	struct task *old;
	int r = BLOB_E_INVALID;

	if (resume->size && resume->size <= BLOB_MAX_BYTES)
		r = blob_open(resume->data, resume->size,
			&(struct blob_owner){ session->uid, session->app_id, flow->key }, arena,
			&blob);
	if (r == BLOB_E_INVALID) {
		doom(task, "the resume data is damaged or not this application's");
		return 0;
	}
	if (r)
		return r;
	r = choose_url(task, &blob);
	if (r || task->result.code)
		return r;
	r = request_carry_read(blob.request, &task->arena, &task->request);
	if (!r)
		r = flow_kept_find(flow, &blob);
	if (r == 0) {
		resume->is_kept = true;
		memcpy(resume->nonce, blob.nonce, sizeof(resume->nonce));
		return inherit_kept(task, &blob);
	}
	if (r < 0)
		return r;
	r = flow_resume_load_old(flow, &blob, &old);
	if (r)
		return r;
	if (!old) {
		doom(task, "the resume data was used before, or its bytes are gone");
		return 0;
	}
	r = inherit(task, old);
	if (!r)
		resume->from = old->id;
	task_free(old);
	return r;
}

int flow_resume_open(struct flow *flow, struct flow_resume *resume, struct task *task)
{
	struct arena arena = { 0 };
	int r;

	task->is_resumed_by_client = true;
	r = open_with(flow, resume, task, &arena);
	arena_done(&arena);
	if (!r && !task->request.url)
		task->request.url = "";
	return r;
}

static int begin_anew(struct flow *flow, struct active *active)
{
	int r = flow_turn_change(flow, active, STORE_SAVE_PROGRESS);

	if (r)
		return r;
	active->task->offset_bytes = 0;
	active->task->digest_state = NULL;
	active->task->digest_state_bytes = 0;
	return 0;
}

/* Where the bytes cannot be had (another file system, used before) the task starts from 0, told as such. */
static int hand_over(struct flow *flow, struct active *active, const char *from, const char *to)
{
	int r = flow_kept_hand_over(flow, from, to);

	return r == FLOW_E_NO_RESUME_DATA ? begin_anew(flow, active) : r;
}

static int take_kept(struct flow *flow, const struct flow_resume *resume, struct active *active)
{
	char from[FLOW_PATH_BYTES], to[FLOW_PATH_BYTES];
	int r = flow_attempt_path(flow, active->task, FLOW_FILE_PART, to);

	if (!r)
		r = flow_kept_path(flow, resume->nonce, from);
	if (r)
		return err_fold(r);
	r = hand_over(flow, active, from, to);
	return r ? r : flow_attempt_remove(flow, from);
}

/*
 * The new name is made before the commit, the old one goes after it: a crash in between leaves
 * both, and the bytes belong to the task that the database says. (Where a file has one name only, it is lost then.)
 */
int flow_resume_take_part(
	struct flow *flow, const struct flow_resume *resume, struct active *active)
{
	char from[FLOW_PATH_BYTES], to[FLOW_PATH_BYTES];
	struct active *old;
	int r;

	if (resume->is_kept)
		return take_kept(flow, resume, active);
	if (!resume->from)
		return 0;
	r = flow_turn_task(flow, resume->from, &old);
	if (!r)
		r = flow_attempt_path(flow, old->task, FLOW_FILE_PART, from);
	if (!r)
		r = flow_attempt_path(flow, active->task, FLOW_FILE_PART, to);
	if (r)
		return err_fold(r);
	r = hand_over(flow, active, from, to);
	if (!r)
		r = flow_turn_change(flow, old, STORE_SAVE_PROGRESS);
	return r ? r : flow_step_drop_part(flow, old);
}
