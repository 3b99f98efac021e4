/* SPDX-License-Identifier: MIT */
/*
 * Cookies. A jar is a row of its own, so that a cookie's key is short; it is there as long as it ever
 * had a cookie and was not cleared since.
 */
#include "daemon/store/store-private.h"

#include <errno.h>

#include "base/arena.h"
#include "base/err.h"

#define AT(member) offsetof(struct transfer_cookie, member)
#define TEXT_(n, m) \
	{ \
		.name = n, .type = STORE_COLUMN_TEXT, .offset = AT(m), .is_required = true \
	}
#define NUMBER_(n, t, m) \
	{ \
		.name = n, .type = STORE_COLUMN_##t, .offset = AT(m) \
	}
#define STRING(n)  #n
#define NUMBER(n)  STRING(n)
#define PER_DOMAIN NUMBER(TRANSFER_COOKIES_PER_DOMAIN_MAX)
#define PER_JAR    NUMBER(TRANSFER_COOKIES_MAX)
#define PER_USER   NUMBER(STORE_JARS_PER_USER_MAX)

static const struct store_column columns[] = {
	TEXT_("name", name),
	TEXT_("value", value),
	TEXT_("domain", domain),
	TEXT_("path", path),
	NUMBER_("expires_wall_us", U64, expires_wall_usec),
	NUMBER_("created_wall_us", U64, created_wall_usec),
	{ .name = "same_site",
		.type = STORE_COLUMN_U32,
		.offset = AT(same_site),
		.max = TRANSFER_COOKIE_SAME_SITE_STRICT },
	NUMBER_("is_host_only", BOOL, is_host_only),
	NUMBER_("is_secure", BOOL, is_secure),
	NUMBER_("is_http_only", BOOL, is_http_only),
};

enum {
	JAR_FIND,
	JAR_PUT,
	JAR_DEL,
	COOKIE_PUT,
	COOKIE_DEL,
	COOKIE_DEL_EXPIRED,
	COOKIE_TRIM_DOMAIN,
	COOKIE_TRIM_JAR,
	COOKIE_COUNT,
	COOKIE_EACH,
	COOKIE_SWEEP,
};

static const char *const texts[] = {
	[JAR_FIND] = "SELECT id FROM jar WHERE uid = ?1 AND app_id = ?2 AND name = ?3",
	[JAR_PUT] = "INSERT INTO jar(uid, app_id, name) SELECT ?1, ?2, ?3"
		    " WHERE (SELECT count(*) FROM jar WHERE uid = ?1) < " PER_USER,
	[JAR_DEL] = "DELETE FROM jar WHERE id = ?1",
	/* the one that is there keeps its age */
	[COOKIE_PUT] =
		"INSERT INTO cookie(jar, domain, path, name, value, expires_wall_us, created_wall_us, same_site, is_host_only,"
		" is_secure, is_http_only) VALUES (?1, :domain, :path, :name, :value, :expires_wall_us, :created_wall_us,"
		" :same_site, :is_host_only, :is_secure, :is_http_only) ON CONFLICT(jar, domain, path, name, is_host_only)"
		" DO UPDATE SET value = excluded.value, expires_wall_us = excluded.expires_wall_us,"
		" same_site = excluded.same_site, is_secure = excluded.is_secure, is_http_only = excluded.is_http_only",
	[COOKIE_DEL] =
		"DELETE FROM cookie WHERE jar = ?1 AND domain = :domain AND path = :path AND name = :name"
		" AND is_host_only = :is_host_only",
	[COOKIE_DEL_EXPIRED] =
		"DELETE FROM cookie WHERE jar = ?1 AND expires_wall_us > 0 AND expires_wall_us <= ?2",
	[COOKIE_TRIM_DOMAIN] =
		"DELETE FROM cookie WHERE id IN (SELECT id FROM cookie WHERE jar = ?1 AND domain = ?2 ORDER BY id DESC"
		" LIMIT -1 OFFSET " PER_DOMAIN ")",
	[COOKIE_TRIM_JAR] =
		"DELETE FROM cookie WHERE id IN (SELECT id FROM cookie WHERE jar = ?1 ORDER BY id DESC LIMIT -1"
		" OFFSET " PER_JAR ")",
	[COOKIE_COUNT] =
		"SELECT max((SELECT count(*) FROM cookie WHERE jar = ?1 AND domain = ?2) > " PER_DOMAIN
		", (SELECT count(*) FROM cookie WHERE jar = ?1) > " PER_JAR ")",
	[COOKIE_EACH] =
		"SELECT id, name, value, domain, path, expires_wall_us, created_wall_us, same_site, is_host_only,"
		" is_secure, is_http_only FROM cookie WHERE jar = ?1 AND id > ?2"
		" AND (expires_wall_us = 0 OR expires_wall_us > ?3) ORDER BY id LIMIT 1",
	[COOKIE_SWEEP] =
		"DELETE FROM cookie /* scan: once after each start of the machine */ WHERE expires_wall_us <= ?1",
};

const struct store_statements store_cookie_statements = {
	.texts = texts,
	.n = sizeof(texts) / sizeof(texts[0]),
	.columns = columns,
	.n_columns = sizeof(columns) / sizeof(columns[0]),
};

static struct store_statement *get(struct store *store, int index)
{
	return store_statement(store, STORE_NOUN_COOKIE, index);
}

static void bind_jar(sqlite3_stmt *stmt, const struct store_jar *jar)
{
	store_bind_u64(stmt, 1, jar->uid);
	sqlite3_bind_text(stmt, 2, jar->app_id, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 3, jar->name, -1, SQLITE_STATIC);
}

/* 0 or STORE_E_NOT_FOUND. */
static int find_jar(struct store *store, const struct store_jar *jar, uint64_t *ret_id)
{
	sqlite3_stmt *stmt = get(store, JAR_FIND)->stmt;
	int r;

	bind_jar(stmt, jar);
	r = store_step(store, stmt);
	if (r == 0) {
		*ret_id = (uint64_t)sqlite3_column_int64(stmt, 0);
		sqlite3_reset(stmt);
	}
	sqlite3_clear_bindings(stmt);
	return r;
}

static int make_jar(struct store *store, const struct store_jar *jar, uint64_t *ret_id)
{
	sqlite3_stmt *stmt = get(store, JAR_PUT)->stmt;
	int r;

	bind_jar(stmt, jar);
	r = store_run(store, stmt);
	sqlite3_clear_bindings(stmt);
	if (r)
		return r;
	if (sqlite3_changes(store->db) == 0)
		return STORE_E_NOT_FOUND;
	*ret_id = (uint64_t)sqlite3_last_insert_rowid(store->db);
	return 0;
}

/* A statement about one jar and perhaps a domain. */
static int run_for(struct store *store, int index, uint64_t jar, const char *domain)
{
	sqlite3_stmt *stmt = get(store, index)->stmt;
	int r;

	store_bind_u64(stmt, 1, jar);
	if (domain)
		sqlite3_bind_text(stmt, 2, domain, -1, SQLITE_STATIC);
	r = store_run(store, stmt);
	sqlite3_clear_bindings(stmt);
	return r;
}

static int trim(struct store *store, uint64_t jar, const char *domain, uint64_t now_wall_us)
{
	sqlite3_stmt *stmt = get(store, COOKIE_COUNT)->stmt;
	bool is_too_much = false;
	int r;

	store_bind_u64(stmt, 1, jar);
	sqlite3_bind_text(stmt, 2, domain, -1, SQLITE_STATIC);
	r = store_step(store, stmt);
	if (r == 0)
		is_too_much = sqlite3_column_int(stmt, 0);
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
	if (r || !is_too_much)
		return err_fold(r);
	stmt = get(store, COOKIE_DEL_EXPIRED)->stmt;
	store_bind_u64(stmt, 1, jar);
	store_bind_u64(stmt, 2, now_wall_us);
	r = store_run(store, stmt);
	if (r == 0)
		r = run_for(store, COOKIE_TRIM_DOMAIN, jar, domain);
	return r ? r : run_for(store, COOKIE_TRIM_JAR, jar, NULL);
}

static int run_cookie(
	struct store *store, int index, uint64_t jar, const struct transfer_cookie *cookie)
{
	struct store_statement *statement = get(store, index);
	int r = store_row_bind(&store_cookie_statements, statement, cookie);

	store_bind_u64(statement->stmt, 1, jar);
	return r ? r : store_run(store, statement->stmt);
}

int store_cookie_put(struct store *store, const struct store_jar *jar,
	const struct transfer_cookie *cookie, uint64_t now_wall_us)
{
	bool is_over = cookie->expires_wall_usec && cookie->expires_wall_usec <= now_wall_us;
	uint64_t id;
	int r = store_begin(store);

	if (r == 0)
		r = find_jar(store, jar, &id);
	if (is_over) {
		if (r == 0)
			r = run_cookie(store, COOKIE_DEL, id, cookie);
		return r == STORE_E_NOT_FOUND ? 0 : r;
	}
	if (r == STORE_E_NOT_FOUND)
		r = make_jar(store, jar, &id);
	if (r == 0)
		r = run_cookie(store, COOKIE_PUT, id, cookie);
	return r ? r : trim(store, id, cookie->domain, now_wall_us);
}

struct load {
	struct transfer_cookie cookie;
	struct arena arena;
	uint64_t id; /* in: of the one before */
};

/* The next row; -EBADMSG: it does not parse. */
static int load_next(struct store *store, uint64_t jar, uint64_t now_wall_us, struct load *load)
{
	struct store_statement *statement = get(store, COOKIE_EACH);
	int r;

	store_bind_u64(statement->stmt, 1, jar);
	store_bind_u64(statement->stmt, 2, load->id);
	store_bind_u64(statement->stmt, 3, now_wall_us);
	r = store_step(store, statement->stmt);
	if (r)
		return r;
	r = store_cursor(store, &load->id, statement->stmt);
	if (r)
		return r;
	load->cookie = (struct transfer_cookie){ .size = sizeof(load->cookie) };
	r = store_row_read(&store_cookie_statements, statement, &load->cookie, &load->arena);
	sqlite3_reset(statement->stmt);
	return r;
}

int store_cookie_each(struct store *store, const struct store_jar *jar,
	const struct store_cookie_range *range, store_cookie_fn fn, void *user)
{
	struct load load = { .id = range->after_id };
	uint64_t id;
	int r = find_jar(store, jar, &id);

	for (size_t n = 0; r == 0 && n < range->limit; n++) {
		r = load_next(store, id, range->now_wall_us, &load);
		if (r == 0)
			r = fn(load.id, &load.cookie, user);
		else if (r == -EBADMSG)
			r = 0; /* the others count */
		arena_done(&load.arena);
	}
	return r == STORE_E_NOT_FOUND ? 0 : r;
}

int store_cookie_clear(struct store *store, const struct store_jar *jar)
{
	uint64_t id;
	int r = store_begin(store);

	if (r == 0)
		r = find_jar(store, jar, &id);
	if (r == STORE_E_NOT_FOUND)
		return 0;
	return r ? r : run_for(store, JAR_DEL, id, NULL);
}

int store_cookie_sweep(struct store *store, uint64_t now_wall_us)
{
	int r = store_begin(store);

	return r ? r : run_for(store, COOKIE_SWEEP, now_wall_us, NULL);
}
