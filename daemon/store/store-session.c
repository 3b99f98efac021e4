/* SPDX-License-Identifier: MIT */
/* Sessions: a few hundred rows that are all read at start. */
#include "daemon/store/store-private.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/err.h"

DEFINE_CLEANUP(struct session *, session_free)

#define AT(member) offsetof(struct session, member)

static const struct store_column columns[] = {
	{ .name = "id", .type = STORE_COLUMN_U64, .offset = AT(id) },
	{ .name = "kind",
		.type = STORE_COLUMN_U32,
		.offset = AT(kind),
		.max = TRANSFER_SESSION_BACKGROUND },
	{ .name = "uid", .type = STORE_COLUMN_U32, .offset = AT(uid) },
	{ .name = "app_id", .type = STORE_COLUMN_TEXT, .offset = AT(app_id), .is_required = true },
	{ .name = "identifier",
		.type = STORE_COLUMN_TEXT,
		.offset = AT(identifier),
		.is_required = true },
	{ .name = "state",
		.type = STORE_COLUMN_U32,
		.offset = AT(state),
		.max = TRANSFER_SESSION_STATE_INVALID },
	{ .name = "description", .type = STORE_COLUMN_TEXT, .offset = AT(description) },
	{ .name = "created_wall_us", .type = STORE_COLUMN_U64, .offset = AT(created_wall_us) },
	{ .name = "last_acked_seq", .type = STORE_COLUMN_U64, .offset = AT(last_acked_seq) },
	{ .name = "implements", .type = STORE_COLUMN_U32, .offset = AT(implements) },
	{ .name = "request_timeout_us",
		.type = STORE_COLUMN_U64,
		.offset = AT(config.request_timeout_us) },
	{ .name = "resource_timeout_us",
		.type = STORE_COLUMN_U64,
		.offset = AT(config.resource_timeout_us) },
	{ .name = "max_rate_bps", .type = STORE_COLUMN_U64, .offset = AT(config.max_rate_bps) },
	{ .name = "max_connections_per_host",
		.type = STORE_COLUMN_U32,
		.offset = AT(config.max_connections_per_host) },
	{ .name = "headers",
		.type = STORE_COLUMN_HEADERS,
		.offset = AT(config.headers),
		.count_offset = AT(config.n_headers) },
	{ .name = "ca_file", .type = STORE_COLUMN_TEXT, .offset = AT(config.ca_file) },
	{ .name = "launch", .type = STORE_COLUMN_TEXT, .offset = AT(config.launch) },
	{ .name = "upload_copy",
		.type = STORE_COLUMN_U32,
		.offset = AT(config.upload_copy),
		.max = TASK_UPLOAD_COPY_NONE },
	{ .name = "is_discretionary",
		.type = STORE_COLUMN_BOOL,
		.offset = AT(config.discretionary) },
	{ .name = "allows_metered",
		.type = STORE_COLUMN_BOOL,
		.offset = AT(config.allows_metered) },
	{ .name = "allow_insecure",
		.type = STORE_COLUMN_BOOL,
		.offset = AT(config.allow_insecure) },
	{ .name = "retry_http_errors",
		.type = STORE_COLUMN_BOOL,
		.offset = AT(config.retry_http_errors) },
	{ .name = "cookie_store", .type = STORE_COLUMN_TEXT, .offset = AT(config.cookie_store) },
	{ .name = "sends_cookies", .type = STORE_COLUMN_BOOL, .offset = AT(config.sends_cookies) },
	{ .name = "accepts_cookies",
		.type = STORE_COLUMN_U32,
		.offset = AT(config.accepts_cookies),
		.max = TRANSFER_COOKIE_ACCEPT_ONLY_FROM_MAIN_DOCUMENT_DOMAIN },
};

enum {
	SESSION_PUT,
	SESSION_SAVE,
	SESSION_UNNAME,
	SESSION_DEL_TASKS,
	SESSION_DEL,
	SESSION_EACH,
};

static const char *const texts[] = {
	[SESSION_PUT] =
		"INSERT INTO session(id, kind, uid, app_id, identifier, state, description, created_wall_us, last_acked_seq,"
		" request_timeout_us, resource_timeout_us, max_rate_bps, max_connections_per_host, headers, ca_file, launch,"
		" upload_copy, is_discretionary, allows_metered, allow_insecure, retry_http_errors,"
		" cookie_store, sends_cookies, accepts_cookies, implements)"
		" VALUES (:id, :kind, :uid, :app_id, :identifier, :state, :description, :created_wall_us, :last_acked_seq,"
		" :request_timeout_us, :resource_timeout_us, :max_rate_bps, :max_connections_per_host, :headers, :ca_file,"
		" :launch, :upload_copy, :is_discretionary, :allows_metered, :allow_insecure, :retry_http_errors,"
		" :cookie_store, :sends_cookies, :accepts_cookies, :implements)",
	[SESSION_SAVE] =
		"UPDATE session SET state = :state, description = :description, last_acked_seq = :last_acked_seq,"
		" request_timeout_us = :request_timeout_us, resource_timeout_us = :resource_timeout_us,"
		" max_rate_bps = :max_rate_bps, max_connections_per_host = :max_connections_per_host, headers = :headers,"
		" ca_file = :ca_file, launch = :launch, upload_copy = :upload_copy, is_discretionary = :is_discretionary,"
		" allows_metered = :allows_metered, allow_insecure = :allow_insecure,"
		" retry_http_errors = :retry_http_errors, cookie_store = :cookie_store,"
		" sends_cookies = :sends_cookies, accepts_cookies = :accepts_cookies, implements = :implements WHERE id = :id",
	[SESSION_UNNAME] = "UPDATE session SET identifier = 'damaged-' || id"
			   " WHERE uid = :uid AND app_id = :app_id AND identifier = :identifier",
	/* first, and by itself: that is quicker than a cascade that finds each task's children again */
	[SESSION_DEL_TASKS] = "DELETE FROM task WHERE session = ?1",
	[SESSION_DEL] = "DELETE FROM session WHERE id = ?1",
	[SESSION_EACH] =
		"SELECT id, kind, uid, app_id, identifier, state, description, created_wall_us, last_acked_seq,"
		" request_timeout_us, resource_timeout_us, max_rate_bps, max_connections_per_host, headers, ca_file, launch,"
		" upload_copy, is_discretionary, allows_metered, allow_insecure, retry_http_errors, cookie_store,"
		" sends_cookies, accepts_cookies, implements FROM session WHERE id > ?1 ORDER BY id LIMIT 1",
};

const struct store_statements store_session_statements = {
	.texts = texts,
	.n = sizeof(texts) / sizeof(texts[0]),
	.columns = columns,
	.n_columns = sizeof(columns) / sizeof(columns[0]),
};

static struct store_statement *get(struct store *store, int index)
{
	return store_statement(store, STORE_NOUN_SESSION, index);
}

int store_session_put(struct store *store, struct session *session)
{
	uint64_t id;
	int r = store_is_full(store) ? STORE_E_FULL
				     : store_next_id(store, STORE_SEQUENCE_SESSION, &id);

	if (r)
		return r;
	session->id = id;
	store->is_put_in_turn = true;
	r = store_row_bind(&store_session_statements, get(store, SESSION_PUT), session);
	if (r == 0)
		r = store_run(store, get(store, SESSION_PUT)->stmt);
	if (r)
		session->id = 0;
	return r;
}

int store_session_unname(struct store *store, const struct session *session)
{
	struct store_statement *statement = get(store, SESSION_UNNAME);
	int r = store_begin(store);

	if (r == 0)
		r = store_row_bind(&store_session_statements, statement, session);
	if (r == 0)
		r = store_run(store, statement->stmt);
	store->n_repaired += r == 0;
	return r;
}

int store_session_save(struct store *store, const struct session *session)
{
	int r = store_begin(store);

	if (r == 0)
		r = store_row_bind(&store_session_statements, get(store, SESSION_SAVE), session);
	if (r == 0)
		r = store_run(store, get(store, SESSION_SAVE)->stmt);
	if (r == 0 && sqlite3_changes(store->db) == 0)
		return store_contradicts(store);
	return r;
}

int store_session_del(struct store *store, uint64_t id)
{
	static const int steps[] = { SESSION_DEL_TASKS, SESSION_DEL };
	int r = store_begin(store);

	store_fresh_drop_all(store);
	/* what is counted so far belongs to rows that are about to go */
	if (r == 0)
		r = store_tally_flush(store);
	for (size_t i = 0; r == 0 && i < sizeof(steps) / sizeof(steps[0]); i++) {
		sqlite3_stmt *stmt = get(store, steps[i])->stmt;

		store_bind_u64(stmt, 1, id);
		r = store_run(store, stmt);
	}
	if (r == 0 && sqlite3_changes(store->db) == 0)
		return STORE_E_NOT_FOUND;
	return r;
}

static int fill_counts(struct store *store, struct session *session)
{
	uint64_t n[STORE_N_TALLIES];
	int r = store_tally_load(store, session->id, n);

	if (r)
		return r;
	for (unsigned state = 0; state < TASK_STATE_COMPLETED; state++)
		session->n_tasks += n[state];
	session->n_events = n[STORE_TALLY_EVENTS];
	return 0;
}

/* The next session after *id. A row that does not parse is passed over: its files and rows stay as they are. */
static int load_next(struct store *store, uint64_t *id, struct session **ret_session)
{
	struct store_statement *statement = get(store, SESSION_EACH);

	for (;;) {
		cleanup_(session_freep) struct session *session = session_new();
		int r;

		if (!session)
			return err_raise(-ENOMEM);
		store_bind_u64(statement->stmt, 1, *id);
		r = store_step(store, statement->stmt);
		if (r)
			return r;
		r = store_cursor(store, id, statement->stmt);
		if (r)
			return r;
		r = store_row_read(&store_session_statements, statement, session, &session->arena);
		if (r == 0 && (!session->kind || !session->state))
			r = -EBADMSG;
		sqlite3_reset(statement->stmt);
		if (r == 0)
			r = fill_counts(store, session);
		if (r == 0)
			*ret_session = take_ptr(session);
		if (r != -EBADMSG)
			return r;
	}
}

int store_session_each(struct store *store, store_session_fn fn, void *user)
{
	uint64_t id = 0;

	for (;;) {
		struct session *session = NULL;
		int r = load_next(store, &id, &session);

		if (r == STORE_E_NOT_FOUND)
			return 0;
		if (r == 0)
			r = fn(session, user);
		if (r)
			return r;
	}
}
