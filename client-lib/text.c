/* SPDX-License-Identifier: MIT */
/* Everything an application hands in as text passes here: valid UTF-8, bounded, and for header fields nothing that could end one. */
#include "client-lib/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/utf8.h"
#include "ipc/proto.h"

#define TEXT_PATH_MAX_BYTES   4096
#define TEXT_HEADER_MAX_BYTES 65536

int text_set(char **to, const char *text, size_t max_bytes)
{
	char *copy = NULL;

	if (text) {
		if (strlen(text) > max_bytes || !utf8_is_valid(text))
			return -EINVAL;
		copy = strdup(text);
		if (!copy)
			return -ENOMEM;
	}
	free(*to);
	*to = copy;
	return 0;
}

int text_set_path(char **to, const char *path)
{
	const char *name = path ? strrchr(path, '/') : NULL;

	if (path && (path[0] != '/' || !name[1] || !strcmp(name, "/.") || !strcmp(name, "/..")))
		return -EINVAL;
	return text_set(to, path, TEXT_PATH_MAX_BYTES - 1);
}

static bool is_token(const char *s)
{
	static const char marks[] = "!#$%&'*+-.^_`|~0123456789"
				    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

	return s && *s && s[strspn(s, marks)] == '\0';
}

static bool is_field_value(const char *s)
{
	if (!s || strlen(s) > TEXT_HEADER_MAX_BYTES || !utf8_is_valid(s))
		return false;
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

static void field_done(struct text_header *field)
{
	free(field->name);
	free(field->value);
}

static int field_init(struct text_header *field, const char *name, const char *value)
{
	field->name = strdup(name);
	field->value = strdup(value);
	if (field->name && field->value)
		return 0;
	field_done(field);
	return -ENOMEM;
}

static void remove_fields(struct text_headers *headers, const char *name)
{
	size_t kept = 0;

	for (size_t i = 0; i < headers->n_fields; i++) {
		struct text_header *field = &headers->fields[i];

		if (strcasecmp(field->name, name))
			headers->fields[kept++] = *field;
		else
			field_done(field);
	}
	headers->n_fields = kept;
}

static int put_take(struct text_headers *headers, struct text_header field)
{
	struct text_header *fields = NULL;
	bool is_full = headers->n_fields >= TEXT_HEADERS_MAX;

	if (!is_full)
		fields = realloc(headers->fields, (headers->n_fields + 1) * sizeof(*fields));
	if (!fields) {
		field_done(&field);
		return is_full ? -E2BIG : -ENOMEM;
	}
	headers->fields = fields;
	fields[headers->n_fields++] = field;
	return 0;
}

static int append(struct text_headers *headers, const char *name, const char *value)
{
	struct text_header field;
	int r = field_init(&field, name, value);

	return r ? r : put_take(headers, field);
}

int text_headers_add(struct text_headers *headers, const char *name, const char *value)
{
	if (!is_token(name) || !is_field_value(value))
		return -EINVAL;
	return append(headers, name, value);
}

int text_headers_set(struct text_headers *headers, const char *name, const char *value)
{
	struct text_header field;
	int r;

	if (!is_token(name) || (value && !is_field_value(value)))
		return -EINVAL;
	/* copied first: they may be those of a field that goes */
	r = field_init(&field, name, value ? value : "");
	if (r)
		return r;
	remove_fields(headers, field.name);
	if (value)
		return put_take(headers, field);
	field_done(&field);
	return 0;
}

const char *text_headers_get(const struct text_headers *headers, const char *name)
{
	for (size_t i = 0; name && i < headers->n_fields; i++) {
		if (!strcasecmp(headers->fields[i].name, name))
			return headers->fields[i].value;
	}
	return NULL;
}

int text_headers_each(const struct text_headers *headers,
	int (*each)(const char *name, const char *value, void *userdata), void *userdata)
{
	int r = 0;

	for (size_t i = 0; !r && i < headers->n_fields; i++)
		r = each(headers->fields[i].name, headers->fields[i].value, userdata);
	return r;
}

int text_headers_copy(struct text_headers *to, const struct text_headers *from)
{
	int r = 0;

	for (size_t i = 0; !r && i < from->n_fields; i++)
		r = append(to, from->fields[i].name, from->fields[i].value);
	return r;
}

/* From transferd, which has checked them; more than the limit are left out. */
int text_headers_from_ipc(struct text_headers *to, const struct ipc_header *from, size_t n)
{
	int r = 0;

	for (size_t i = 0; !r && i < n && to->n_fields < TEXT_HEADERS_MAX; i++)
		r = append(
			to, from[i].name ? from[i].name : "", from[i].value ? from[i].value : "");
	return r;
}

int text_headers_to_ipc(
	const struct text_headers *headers, struct arena *arena, const struct ipc_header **ret_rows)
{
	struct ipc_header *rows;

	if (!headers->n_fields) {
		*ret_rows = NULL;
		return 0;
	}
	rows = arena_alloc(arena, headers->n_fields, sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	for (size_t i = 0; i < headers->n_fields; i++) {
		rows[i].name = headers->fields[i].name;
		rows[i].value = headers->fields[i].value;
	}
	*ret_rows = rows;
	return 0;
}

void text_headers_done(struct text_headers *headers)
{
	for (size_t i = 0; i < headers->n_fields; i++)
		field_done(&headers->fields[i]);
	free(headers->fields);
	*headers = (struct text_headers){ 0 };
}
