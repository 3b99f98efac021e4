/* SPDX-License-Identifier: MIT */
/*
 * Rows become structs and back, by a table of columns: a parameter ":name" and a result column "name" mean the column of that name.
 * What is read is checked as any other input: type, range, UTF-8. The database may have been written by somebody else.
 */
#include "daemon/store/store-private.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/utf8.h"

static int find(const struct store_statements *noun, const char *name)
{
	for (size_t i = 0; i < noun->n_columns; i++)
		if (strcmp(noun->columns[i].name, name) == 0)
			return (int)i;
	return -1;
}

int store_row_map(
	const struct store_statements *noun, sqlite3_stmt *stmt, struct store_map *ret_map)
{
	ret_map->n_params = sqlite3_bind_parameter_count(stmt);
	ret_map->n_results = sqlite3_column_count(stmt);
	if (ret_map->n_params > STORE_COLUMNS_MAX || ret_map->n_results > STORE_COLUMNS_MAX)
		return err_raise(-E2BIG);
	for (int i = 0; i < ret_map->n_params; i++) {
		const char *name = sqlite3_bind_parameter_name(stmt, i + 1);
		bool is_named = name && name[0] == ':';

		ret_map->params[i] = (int8_t)(is_named ? find(noun, name + 1) : -1);
		if (is_named && ret_map->params[i] < 0)
			return err_raise(-EINVAL);
	}
	for (int i = 0; i < ret_map->n_results; i++) {
		const char *name = sqlite3_column_name(stmt, i);

		ret_map->results[i] = (int8_t)(name ? find(noun, name) : -1);
	}
	return 0;
}

/* name NUL value NUL ...: the copy belongs to the statement. */
static int bind_headers(sqlite3_stmt *stmt, int index, const struct task_header *headers, size_t n)
{
	size_t size = 0;
	char *blob, *p;

	if (n == 0)
		return sqlite3_bind_null(stmt, index);
	for (size_t i = 0; i < n; i++)
		size += strlen(headers[i].name) + strlen(headers[i].value) + 2;
	if (size > STORE_ROW_MAX_BYTES)
		return SQLITE_TOOBIG;
	p = blob = sqlite3_malloc64(size);
	if (!blob)
		return SQLITE_NOMEM;
	for (size_t i = 0; i < n; i++) {
		p = stpcpy(p, headers[i].name) + 1;
		p = stpcpy(p, headers[i].value) + 1;
	}
	return sqlite3_bind_blob64(stmt, index, blob, size, sqlite3_free);
}

static int bind_text(sqlite3_stmt *stmt, int index, const char *text)
{
	return text ? sqlite3_bind_text(stmt, index, text, -1, SQLITE_STATIC)
		    : sqlite3_bind_null(stmt, index);
}

static int bind_column(
	const struct store_column *column, sqlite3_stmt *stmt, int index, const void *object)
{
	const char *member = (const char *)object + column->offset;
	const char *count = (const char *)object + column->count_offset;
	const void *blob;

	switch (column->type) {
	case STORE_COLUMN_U64:
		store_bind_u64(stmt, index, *(const uint64_t *)(const void *)member);
		return SQLITE_OK;
	case STORE_COLUMN_BITS64:
	case STORE_COLUMN_I64:
		return sqlite3_bind_int64(stmt, index, *(const int64_t *)(const void *)member);
	case STORE_COLUMN_U32:
		return sqlite3_bind_int64(stmt, index, *(const uint32_t *)(const void *)member);
	case STORE_COLUMN_I32:
		return sqlite3_bind_int(stmt, index, *(const int32_t *)(const void *)member);
	case STORE_COLUMN_U16:
		return sqlite3_bind_int(stmt, index, *(const uint16_t *)(const void *)member);
	case STORE_COLUMN_BOOL:
		return sqlite3_bind_int(stmt, index, *(const bool *)(const void *)member);
	case STORE_COLUMN_F64:
		return sqlite3_bind_double(stmt, index, *(const double *)(const void *)member);
	case STORE_COLUMN_TEXT:
		return bind_text(stmt, index, *(const char *const *)(const void *)member);
	case STORE_COLUMN_DETAIL:
		return bind_text(stmt, index, member);
	case STORE_COLUMN_BLOB:
		blob = *(const void *const *)(const void *)member;
		if (!blob)
			return sqlite3_bind_null(stmt, index);
		return sqlite3_bind_blob64(
			stmt, index, blob, *(const size_t *)(const void *)count, SQLITE_STATIC);
	case STORE_COLUMN_HEADERS:
		return bind_headers(stmt, index,
			*(const struct task_header *const *)(const void *)member,
			*(const size_t *)(const void *)count);
	}
	return SQLITE_MISUSE;
}

int store_row_bind_at(const struct store_statements *noun, const struct store_map *map,
	sqlite3_stmt *stmt, int first, const void *object)
{
	for (int i = 0; i < map->n_params; i++) {
		int rc;

		if (map->params[i] < 0)
			continue;
		rc = bind_column(&noun->columns[map->params[i]], stmt, first + i, object);
		if (rc == SQLITE_NOMEM)
			return err_raise(-ENOMEM);
		if (rc != SQLITE_OK)
			return err_raise(-EMSGSIZE);
	}
	return 0;
}

int store_row_bind(const struct store_statements *noun, const struct store_statement *statement,
	const void *object)
{
	return store_row_bind_at(noun, &statement->map, statement->stmt, 1, object);
}

/*
 * Values are taken as they are in the row (sqlite3_column_value()): each of the usual calls looks the column up again, and a row
 * has eighty. One thread has SQLite, so they need no protection.
 */
static const char *text_of(sqlite3_value *value, size_t *ret_length)
{
	const char *text;
	size_t length;

	if (sqlite3_value_type(value) != SQLITE_TEXT)
		return NULL;
	text = (const char *)sqlite3_value_text(value);
	length = (size_t)sqlite3_value_bytes(value);
	if (!text || strlen(text) != length || !utf8_is_valid_bytes(text, length))
		return NULL;
	*ret_length = length;
	return text;
}

const char *store_row_text(sqlite3_stmt *stmt, int column)
{
	size_t length;

	return text_of(sqlite3_column_value(stmt, column), &length);
}

static int read_text(
	sqlite3_value *value, bool is_required, struct arena *arena, const char **ret_text)
{
	const char *text;
	size_t length;

	*ret_text = NULL;
	if (sqlite3_value_type(value) == SQLITE_NULL)
		return is_required ? -EBADMSG : 0;
	text = text_of(value, &length);
	if (!text)
		return -EBADMSG;
	*ret_text = arena_strndup(arena, text, length);
	return *ret_text ? 0 : err_raise(-ENOMEM);
}

static int read_detail(sqlite3_value *value, char *member)
{
	size_t length;
	const char *text = text_of(value, &length);

	if (!text || length >= TRANSFER_RESULT_DETAIL_BYTES)
		return -EBADMSG;
	memcpy(member, text, length + 1);
	return 0;
}

static int read_blob(
	sqlite3_value *value, struct arena *arena, const void **ret_blob, size_t *ret_size)
{
	int type = sqlite3_value_type(value);
	size_t size;
	void *copy;

	*ret_blob = NULL;
	*ret_size = 0;
	if (type == SQLITE_NULL)
		return 0;
	if (type != SQLITE_BLOB)
		return -EBADMSG;
	size = (size_t)sqlite3_value_bytes(value);
	copy = arena_alloc(arena, size + 1, 1);
	if (!copy)
		return err_raise(-ENOMEM);
	if (size)
		memcpy(copy, sqlite3_value_blob(value), size);
	*ret_blob = copy;
	*ret_size = size;
	return 0;
}

static int read_headers(sqlite3_value *value, struct arena *arena,
	const struct task_header **ret_headers, size_t *ret_n)
{
	struct task_header *headers;
	size_t size, n = 0;
	const void *blob;
	const char *p;
	int r;

	*ret_headers = NULL;
	*ret_n = 0;
	r = read_blob(value, arena, &blob, &size);
	if (r || size == 0)
		return r;
	p = blob;
	for (size_t i = 0; i < size; i++)
		n += p[i] == 0;
	if (n % 2 || p[size - 1] != 0)
		return -EBADMSG;
	headers = arena_alloc(arena, n / 2, sizeof(*headers));
	if (!headers)
		return err_raise(-ENOMEM);
	for (size_t i = 0; i < n / 2; i++) {
		headers[i].name = p;
		p += strlen(p) + 1;
		headers[i].value = p;
		if (!utf8_is_valid(headers[i].name) || !utf8_is_valid(p))
			return -EBADMSG;
		p += strlen(p) + 1;
	}
	*ret_headers = headers;
	*ret_n = n / 2;
	return 0;
}

struct range {
	int64_t min, max;
};

static int read_integer(const struct store_column *column, sqlite3_value *value, struct range range,
	int64_t *ret_value)
{
	if (sqlite3_value_type(value) != SQLITE_INTEGER)
		return -EBADMSG;
	*ret_value = sqlite3_value_int64(value);
	if (column->max)
		range.max = column->max;
	return *ret_value < range.min || *ret_value > range.max ? -EBADMSG : 0;
}

static int read_f64(const struct store_column *column, sqlite3_value *value, double *ret_value)
{
	if (sqlite3_value_type(value) != SQLITE_FLOAT)
		return -EBADMSG;
	*ret_value = sqlite3_value_double(value);
	return isfinite(*ret_value) && *ret_value >= 0.0 && *ret_value <= (double)column->max
		? 0
		: -EBADMSG;
}

static int read_column(
	const struct store_column *column, sqlite3_value *value, void *object, struct arena *arena)
{
	void *member = (char *)object + column->offset;
	void *count = (char *)object + column->count_offset;
	int64_t n = 0;
	int r;

	switch (column->type) {
	case STORE_COLUMN_U64:
		r = read_integer(column, value, (struct range){ 0, INT64_MAX }, &n);
		*(uint64_t *)member = (uint64_t)n;
		return r;
	case STORE_COLUMN_BITS64:
		r = read_integer(column, value, (struct range){ INT64_MIN, INT64_MAX }, &n);
		*(uint64_t *)member = (uint64_t)n;
		return r;
	case STORE_COLUMN_I64:
		r = read_integer(column, value, (struct range){ -1, INT64_MAX }, &n);
		*(int64_t *)member = n;
		return r;
	case STORE_COLUMN_U32:
		r = read_integer(column, value, (struct range){ 0, UINT32_MAX }, &n);
		*(uint32_t *)member = (uint32_t)n;
		return r;
	case STORE_COLUMN_I32:
		r = read_integer(column, value, (struct range){ INT32_MIN, INT32_MAX }, &n);
		*(int32_t *)member = (int32_t)n;
		return r;
	case STORE_COLUMN_U16:
		r = read_integer(column, value, (struct range){ 0, UINT16_MAX }, &n);
		*(uint16_t *)member = (uint16_t)n;
		return r;
	case STORE_COLUMN_BOOL:
		r = read_integer(column, value, (struct range){ 0, 1 }, &n);
		*(bool *)member = n != 0;
		return r;
	case STORE_COLUMN_F64:
		return read_f64(column, value, member);
	case STORE_COLUMN_TEXT:
		return read_text(value, column->is_required, arena, member);
	case STORE_COLUMN_DETAIL:
		return read_detail(value, member);
	case STORE_COLUMN_BLOB:
		return read_blob(value, arena, member, count);
	case STORE_COLUMN_HEADERS:
		return read_headers(value, arena, member, count);
	}
	return err_raise(-EINVAL);
}

int store_row_read(const struct store_statements *noun, const struct store_statement *statement,
	void *object, struct arena *arena)
{
	for (int i = 0; i < statement->map.n_results; i++) {
		int r;

		if (statement->map.results[i] < 0)
			continue;
		r = read_column(&noun->columns[statement->map.results[i]],
			sqlite3_column_value(statement->stmt, i), object, arena);
		if (r)
			return r;
	}
	return 0;
}
