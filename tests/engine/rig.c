/* SPDX-License-Identifier: MIT */
/* The engine's tests' engine; see rig.h. */
#include "tests/engine/rig.h"

#include <check.h>
#include <poll.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "tests/lib/proc.h"
#include "tests/lib/tmpdir.h"

#define RIG_PATHS_MAX 4096

static char *kept[RIG_PATHS_MAX];
static unsigned n_kept;

static char *keep(char *s)
{
	ck_assert_ptr_nonnull(s);
	ck_assert_uint_lt(n_kept, RIG_PATHS_MAX);
	kept[n_kept++] = s;
	return s;
}

void rig_start(
	struct rig *rig, const struct origin_config *origin, const struct engine_config *engine)
{
	struct origin_config origin_config = origin ? *origin : (struct origin_config){ 0 };
	struct engine_config engine_config = engine ? *engine : (struct engine_config){ 0 };

	unsetenv("http_proxy");
	unsetenv("https_proxy");
	unsetenv("all_proxy");
	unsetenv("ALL_PROXY");
	unsetenv("HTTPS_PROXY");
	memset(rig, 0, sizeof(*rig));
	rig->folder = tmpdir_new();
	ck_assert_ptr_nonnull(rig->folder);
	if (!origin_config.folder)
		origin_config.folder = rig->folder;
	ck_assert_int_eq(origin_new(&origin_config, &rig->origin), 0);
	engine_config.user_agent = "rig/1";
	engine_config.spool_dir = rig->folder;
	if (origin_config.tls == ORIGIN_TLS_GOOD && !engine_config.ca_file)
		engine_config.ca_file = origin_ca_path(rig->origin);
	ck_assert_int_eq(engine_new(&engine_config, &rig->engine), 0);
}

void rig_stop(struct rig *rig)
{
	engine_free(rig->engine);
	origin_free(rig->origin);
	while (n_kept)
		free(kept[--n_kept]);
}

const char *rig_path(struct rig *rig, const char *format, ...)
{
	char name[512], *path;
	va_list args;

	va_start(args, format);
	vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	ck_assert_int_gt(asprintf(&path, "%s/%s", rig->folder, name), 0);
	return keep(path);
}

static const char *url_of(struct rig *rig, const char *target)
{
	char *url;

	if (target[0] != '/')
		url = strdup(target);
	else
		ck_assert_int_gt(asprintf(&url, "%s%s", origin_base(rig->origin), target), 0);
	return keep(url);
}

struct engine_spec rig_download(struct rig *rig, uint64_t task, const char *target)
{
	return (struct engine_spec){
		.kind = TRANSFER_TASK_DOWNLOAD,
		.session = 1,
		.url = url_of(rig, target),
		.method = "GET",
		.allow_insecure = true,
		.part_path = rig_path(rig, "part-%u", (unsigned)task),
		.known_total_bytes = -1,
		.source_fd = -1,
	};
}

struct engine_spec rig_upload(struct rig *rig, uint64_t task, const char *target, const char *path)
{
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	return (struct engine_spec){
		.kind = TRANSFER_TASK_UPLOAD,
		.session = 1,
		.url = url_of(rig, target),
		.method = "PUT",
		.allow_insecure = true,
		.known_total_bytes = -1,
		.source_fd = -1,
		.source_path = path,
		.source_ino = st.st_ino,
		.source_size_bytes = (uint64_t)st.st_size,
		.source_mtime_ns = (uint64_t)st.st_mtim.tv_sec * 1000000000u +
			(uint64_t)st.st_mtim.tv_nsec,
		.body_path = rig_path(rig, "body-%u", (unsigned)task),
	};
}

struct engine_spec rig_live(struct rig *rig, uint64_t task, const char *target)
{
	(void)task;
	return (struct engine_spec){
		.kind = TRANSFER_TASK_DATA,
		.session = 1,
		.url = url_of(rig, target),
		.method = "GET",
		.allow_insecure = true,
		.known_total_bytes = -1,
		.source_fd = -1,
		.live = {
			.is_live = true,
			.body = ENGINE_BODY_FLOW,
			.source = ENGINE_SOURCE_NONE,
			.is_retry_safe = true,
		},
	};
}

void rig_begin(struct rig *rig, uint64_t task, const struct engine_spec *spec)
{
	ck_assert_uint_lt(task, RIG_TASKS_MAX);
	ck_assert_int_eq(engine_start(rig->engine, task, 1, spec), 0);
}

static void copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from ? from : "");
}

static void note_response(struct rig_task *t, const struct engine_response *r)
{
	size_t used = 0;

	t->has_response = true;
	t->status = r->status;
	t->can_resume = r->can_resume;
	t->expected_bytes = r->expected_bytes;
	t->retry_after_us = r->retry_after_us;
	copy(t->http_version, sizeof(t->http_version), r->http_version);
	copy(t->url, sizeof(t->url), r->url);
	copy(t->name, sizeof(t->name), r->suggested_name);
	copy(t->mime, sizeof(t->mime), r->mime_type);
	copy(t->etag, sizeof(t->etag), r->etag);
	for (size_t i = 0; i < r->n_headers && used < sizeof(t->headers); i++)
		used += (size_t)snprintf(t->headers + used, sizeof(t->headers) - used, "%s: %s\n",
			r->headers[i].name, r->headers[i].value);
}

static void note_letter(struct rig_task *t, enum engine_event_type type)
{
	static const char letters[] = "c>Rr..C.i?abhdlDSPs";
	size_t used = strlen(t->order);

	if (letters[type] == '.' || used + 1 >= sizeof(t->order))
		return;
	t->order[used] = letters[type];
	t->order[used + 1] = 0;
}

/* A body in pieces, and the way that it takes. */
static void note_data(struct rig_task *t, const struct engine_event *e)
{
	const struct engine_event_live *live = &e->live;

	if (live->n_body) {
		t->body = realloc(t->body, t->body_bytes + live->n_body);
		ck_assert_ptr_nonnull(t->body);
		memcpy(t->body + t->body_bytes, live->body, live->n_body);
		t->body_bytes += live->n_body;
	}
	if (live->data_fd < 0)
		return;
	ck_assert_int_eq(e->type, ENGINE_EVENT_DATA);
	ck_assert_uint_lt(t->n_data_fds, sizeof(t->data_fds) / sizeof(t->data_fds[0]));
	t->data_is_whole[t->n_data_fds] = live->data_is_whole;
	t->data_at_bytes[t->n_data_fds] = t->body_bytes;
	t->data_fds[t->n_data_fds++] = fcntl(live->data_fd, F_DUPFD_CLOEXEC, 3);
}

static void note_proposed(struct rig_task *t, const struct engine_request *r)
{
	size_t used = (size_t)snprintf(t->proposed, sizeof(t->proposed), "%s %s%s\n", r->method,
		r->url, r->keeps_body ? " +" : "");

	for (size_t i = 0; i < r->n_headers && used < sizeof(t->proposed); i++)
		used += (size_t)snprintf(t->proposed + used, sizeof(t->proposed) - used, "%s: %s\n",
			r->headers[i].name, r->headers[i].value);
}

/* What only attempts of sessions in memory say. */
static void note_transactions(struct rig_task *t, const struct engine_event_live *live)
{
	char *text = t->transaction_text;
	size_t used = 0;

	ck_assert_uint_le(live->n_transactions, 20);
	for (size_t i = 0; i < live->n_transactions && used < sizeof(t->transaction_text); i++) {
		const struct engine_transaction *tr = &live->transactions[i];

		used += (size_t)snprintf(text + used, sizeof(t->transaction_text) - used,
			"%s %u %s %s %s %s\n", tr->method, tr->status,
			tr->http_version ? tr->http_version : "-",
			tr->tls_version && tr->tls_cipher ? tr->tls_version : "-",
			tr->remote_address && tr->local_address ? tr->remote_address : "-",
			tr->url);
		t->transactions[i] = *tr;
	}
	t->n_transactions = (unsigned)live->n_transactions;
}

static void note_live(struct rig_task *t, const struct engine_event *e)
{
	if (e->type == ENGINE_EVENT_DATA)
		note_data(t, e);
	else if (e->type == ENGINE_EVENT_STALLED)
		t->is_stalled = e->live.is_stalled;
	else if (e->response)
		note_response(t, e->response);
	if (e->live.proposed)
		note_proposed(t, e->live.proposed);
	if (e->type == ENGINE_EVENT_ASK_BODY)
		t->body_reason = e->live.reason;
}

static void note_end(struct rig *rig, struct rig_task *t, const struct engine_event *e)
{
	t->done = *e;
	rig->n_done++;
	note_data(t, e);
	note_transactions(t, &e->live);
	if (e->response && !t->has_response)
		note_response(t, e->response);
	if (!e->digest_state_bytes)
		return;
	ck_assert_uint_le(e->digest_state_bytes, sizeof(t->digest_state));
	memcpy(t->digest_state, e->digest_state, e->digest_state_bytes);
	t->digest_state_bytes = e->digest_state_bytes;
}

/* Numbers never run backwards, and nothing follows the end but what belongs to the file. */
static void check_event(const struct rig_task *t, const struct engine_event *e)
{
	bool is_after = e->type == ENGINE_EVENT_SYNCED || e->type == ENGINE_EVENT_PUBLISHED ||
		e->type == ENGINE_EVENT_SNAPSHOT;

	ck_assert_uint_ne(e->at_us, 0);
	if (!is_after)
		ck_assert_uint_eq(t->n_events[ENGINE_EVENT_DONE], 0);
	if (e->type == ENGINE_EVENT_SYNCED)
		ck_assert_uint_eq(t->n_events[ENGINE_EVENT_DONE], 1);
}

/* the part begins: what the response said of it is known by then, and nothing else was said of bytes in it */
static bool note_begun(struct rig_task *t, const struct engine_event *e)
{
	if (e->type != ENGINE_EVENT_CHECKPOINT || e->offset_bytes || e->expected_send_bytes > 0)
		return false;
	ck_assert(t->has_response && t->can_resume);
	ck_assert_uint_eq(t->n_events[ENGINE_EVENT_CHECKPOINT], 0);
	t->n_begun++;
	return true;
}

/* As a daemon would: every worker is told. */
static void note_cookies(struct rig *rig, struct rig_task *t, const struct engine_event *e)
{
	size_t used = strlen(t->cookies);

	ck_assert_uint_gt(e->n_cookies, 0);
	for (size_t i = 0; i < e->n_cookies && used < sizeof(t->cookies); i++) {
		const struct transfer_cookie *c = &e->cookies[i];
		bool is_over = c->expires_wall_usec && c->expires_wall_usec <= clock_wall_us();

		used += (size_t)snprintf(t->cookies + used, sizeof(t->cookies) - used, "%s%s=%s\n",
			is_over ? "-" : "", c->name, c->value);
	}
	ck_assert_int_eq(engine_put_cookies(rig->engine, e->jar, e->cookies, e->n_cookies), 0);
}

static void on_event(const struct engine_event *e, void *user)
{
	struct rig *rig = user;
	struct rig_task *t = &rig->tasks[e->task];

	ck_assert_uint_lt(e->task, RIG_TASKS_MAX);
	if (e->type == ENGINE_EVENT_BEGUN) {
		/* of a lane, not of the attempt */
		t->n_events[e->type]++;
		t->begun = *e;
		return;
	}
	check_event(t, e);
	if (note_begun(t, e))
		return;
	t->n_events[e->type]++;
	note_letter(t, e->type);
	switch (e->type) {
	case ENGINE_EVENT_CONNECTED:
		t->is_http2 = e->is_http2;
		break;
	case ENGINE_EVENT_REDIRECTED:
		copy(t->redirect, sizeof(t->redirect), e->url);
		break;
	case ENGINE_EVENT_RESPONSE:
		note_response(t, e->response);
		break;
	case ENGINE_EVENT_RESUMED:
		t->resumed_bytes = e->offset_bytes;
		t->resumed_total_bytes = e->expected_receive_bytes;
		break;
	case ENGINE_EVENT_PROGRESS:
		t->progress_bytes = e->received_bytes;
		break;
	case ENGINE_EVENT_CHECKPOINT:
		copy(t->upload_url, sizeof(t->upload_url), e->url);
		t->checkpoint_bytes = e->offset_bytes;
		break;
	case ENGINE_EVENT_COOKIES:
		note_cookies(rig, t, e);
		break;
	case ENGINE_EVENT_BEGUN:
	case ENGINE_EVENT_INFORMATIONAL:
	case ENGINE_EVENT_ASK_REDIRECT:
	case ENGINE_EVENT_ASK_RESPONSE:
	case ENGINE_EVENT_ASK_BODY:
	case ENGINE_EVENT_ASK_CHALLENGE:
	case ENGINE_EVENT_DATA:
	case ENGINE_EVENT_STALLED:
		note_live(t, e);
		break;
	case ENGINE_EVENT_DONE:
		note_end(rig, t, e);
		break;
	case ENGINE_EVENT_SYNCED:
		t->synced = *e;
		/* the event takes its own with it */
		if (e->is_unnamed)
			t->synced.unnamed_fd = fcntl(e->unnamed_fd, F_DUPFD_CLOEXEC, 3);
		rig->n_synced++;
		copy(t->digest_hex, sizeof(t->digest_hex), e->digest_hex);
		break;
	case ENGINE_EVENT_PUBLISHED:
		t->published = *e;
		break;
	case ENGINE_EVENT_SNAPSHOT:
		t->snapshot = *e;
		break;
	}
}

bool rig_turn(struct rig *rig, int timeout_ms)
{
	struct pollfd fd = { .fd = engine_fd(rig->engine), .events = POLLIN };

	/* a turn ends when the next one begins: what was told till then is as good as saved */
	engine_note_saved(rig->engine);
	if (poll(&fd, 1, timeout_ms) <= 0)
		return false;
	ck_assert_int_eq(engine_dispatch(rig->engine, on_event, rig), 0);
	return true;
}

struct rig_task *rig_wait(struct rig *rig, uint64_t task, enum engine_event_type type, unsigned n)
{
	struct rig_task *t = &rig->tasks[task];
	uint64_t until_ms = proc_now_ms() + RIG_DEADLINE_MS;

	while (t->n_events[type] < n)
		ck_assert_msg(rig_turn(rig, proc_left_ms(until_ms)),
			"task %u: event %d did not come; so far \"%s\"", (unsigned)task, (int)type,
			t->order);
	return t;
}

struct rig_task *rig_run(struct rig *rig, uint64_t task, const struct engine_spec *spec)
{
	struct rig_task *t;

	rig_begin(rig, task, spec);
	t = rig_wait(rig, task, ENGINE_EVENT_DONE, 1);
	if (!t->done.result.code && spec->kind == TRANSFER_TASK_DOWNLOAD)
		rig_wait(rig, task, ENGINE_EVENT_SYNCED, 1);
	return t;
}

void rig_wait_all(struct rig *rig, unsigned n_done, unsigned n_synced)
{
	uint64_t until_ms = proc_now_ms() + RIG_DEADLINE_MS;

	while (rig->n_done < n_done || rig->n_synced < n_synced)
		ck_assert_msg(rig_turn(rig, proc_left_ms(until_ms)), "%u done, %u synced",
			rig->n_done, rig->n_synced);
}

void rig_forget(struct rig *rig, uint64_t task)
{
	memset(&rig->tasks[task], 0, sizeof(rig->tasks[task]));
}

void rig_check_part(struct rig *rig, uint64_t task, uint64_t seed, uint64_t size_bytes)
{
	const struct rig_task *t = &rig->tasks[task];

	ck_assert_msg(!t->done.result.code, "%d %s", t->done.result.code, t->done.result.detail);
	ck_assert_int_eq(t->synced.result.code, 0);
	ck_assert_uint_eq(t->done.received_bytes, size_bytes);
	ck_assert_uint_eq(t->synced.file_size_bytes, size_bytes);
	ck_assert_int_eq(
		origin_bytes_check(rig_path(rig, "part-%u", (unsigned)task), seed, size_bytes), 0);
}
