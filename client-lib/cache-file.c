/* SPDX-License-Identifier: MIT */
/*
 * The format of a cache's files, for this machine only. Nothing of one counts unless all of it is there and its two sums are
 * right: a file may have been cut, or its blocks lost, when the machine went down.
 */
#include "client-lib/cache-file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/utf8.h"
#include "client-lib/response.h"
#include "client-lib/text.h"
#include "ipc/proto.h"

/* Grows with each change of the format; a file of another one is a damaged one. */
#define FILE_MAGIC      "TRCACHE1"
#define FILE_ORDER      UINT32_C(0x01020304) /* of the bytes of a number */
#define FILE_SEED_TEXTS 4
#define FILE_SEED_BODY  5

struct file_head {
	char magic[8];
	uint64_t head_sum; /* of all that follows, without the body */
	uint64_t body_sum;
	uint64_t body_bytes;
	uint64_t asked_wall_usec, answered_wall_usec, stored_wall_usec;
	int64_t expected_bytes;
	uint32_t order;
	int32_t status;
	uint32_t texts_bytes;
	uint32_t n_fields;
	/* texts, each with a zero: url, vary; those of the response, "+text" or "-"; name and value of each field */
};

#define FILE_SUM_BEGIN offsetof(struct file_head, body_sum)

/* ---- writing ---- */

static int append_text(struct buf *buf, const char *text)
{
	return buf_append(buf, text, strlen(text) + 1);
}

static int append_maybe(struct buf *buf, const char *text)
{
	int r = buf_append_str(buf, text ? "+" : "-");

	return r ? r : append_text(buf, text ? text : "");
}

static int append_field(const char *name, const char *value, void *userdata)
{
	int r = append_text(userdata, name);

	return r ? r : append_text(userdata, value);
}

static int count_field(const char *name, const char *value, void *userdata)
{
	(void)name;
	(void)value;
	++*(uint32_t *)userdata;
	return 0;
}

static int append_texts(struct buf *buf, const struct cache_entry *entry)
{
	const transfer_response *response = transfer_cached_response_get_response(entry->cached);
	const char *texts[] = {
		transfer_response_get_url(response),
		transfer_response_get_mime_type(response),
		transfer_response_get_text_encoding(response),
		transfer_response_get_suggested_filename(response),
		transfer_response_get_http_version(response),
	};
	int r = append_text(buf, entry->url);

	if (!r)
		r = append_text(buf, entry->vary);
	for (size_t i = 0; !r && i < sizeof(texts) / sizeof(texts[0]); i++)
		r = append_maybe(buf, texts[i]);
	return r ? r : transfer_response_foreach_header(response, append_field, buf);
}

int cache_file_head(const struct cache_entry *entry, struct buf *ret_head)
{
	const transfer_response *response = transfer_cached_response_get_response(entry->cached);
	const transfer_data *body = transfer_cached_response_get_body(entry->cached);
	struct file_head head = {
		.magic = FILE_MAGIC,
		.body_sum = cache_hash(FILE_SEED_BODY, transfer_data_get_bytes(body),
			transfer_data_get_size(body)),
		.body_bytes = transfer_data_get_size(body),
		.asked_wall_usec = entry->times.asked_wall_usec,
		.answered_wall_usec = entry->times.answered_wall_usec,
		.stored_wall_usec = entry->stored_wall_usec,
		.expected_bytes = transfer_response_get_expected_length(response),
		.order = FILE_ORDER,
		.status = transfer_response_get_status(response),
	};
	int r;

	*ret_head = (struct buf){ .max_bytes = sizeof(head) + CACHE_FILE_TEXTS_MAX_BYTES };
	r = buf_append(ret_head, &head, sizeof(head));
	if (!r)
		r = append_texts(ret_head, entry);
	if (r) {
		buf_done(ret_head);
		return r;
	}
	transfer_response_foreach_header(response, count_field, &head.n_fields);
	head.texts_bytes = (uint32_t)(ret_head->size_bytes - sizeof(head));
	memcpy(ret_head->bytes, &head, sizeof(head));
	head.head_sum = cache_hash(FILE_SEED_TEXTS, ret_head->bytes + FILE_SUM_BEGIN,
		ret_head->size_bytes - FILE_SUM_BEGIN);
	memcpy(ret_head->bytes, &head, sizeof(head));
	return 0;
}

/* ---- reading ---- */

struct texts {
	const char *at, *end;
};

/* NULL: there is no other. The last byte of all is a zero. */
static const char *next_text(struct texts *texts)
{
	const char *text = texts->at;

	if (text >= texts->end)
		return NULL;
	texts->at += strlen(text) + 1;
	return text;
}

/* False: it is neither there nor left out. */
static bool next_maybe(struct texts *texts, const char **ret_text)
{
	const char *text = next_text(texts);

	*ret_text = text && *text == '+' ? text + 1 : NULL;
	return *ret_text || (text && !strcmp(text, "-"));
}

static bool next_fields(struct texts *texts, struct ipc_header *fields, size_t n_fields)
{
	for (size_t i = 0; i < n_fields; i++) {
		fields[i].name = next_text(texts);
		fields[i].value = next_text(texts);
		if (!fields[i].name || !fields[i].value)
			return false;
	}
	return true;
}

static transfer_response *parse_response(const struct file_head *head, struct texts *texts)
{
	cleanup_(cleanup_free) struct ipc_header *fields = calloc(
		head->n_fields + 1, sizeof(*fields));
	struct ipc_response row = {
		.status = (uint32_t)head->status,
		.has_expected_length = true,
		.expected_length = head->expected_bytes,
		.headers = fields,
		.n_headers = head->n_fields,
	};

	if (!fields || !next_maybe(texts, &row.url) || !next_maybe(texts, &row.mime_type) ||
		!next_maybe(texts, &row.text_encoding) || !next_maybe(texts, &row.suggested_name) ||
		!next_maybe(texts, &row.http_version) || !row.url ||
		!next_fields(texts, fields, head->n_fields) || texts->at != texts->end)
		return NULL;
	return response_new_ipc(&row);
}

/* Lines, each with its end, as cache_entry_matches() takes them. */
static bool is_vary(const char *vary)
{
	return !*vary || vary[strlen(vary) - 1] == '\n';
}

static bool is_whole(const struct file_head *head, const char *bytes, size_t size)
{
	size_t n_texts = head->texts_bytes, n_head = sizeof(*head) + n_texts;

	return !memcmp(head->magic, FILE_MAGIC, sizeof(head->magic)) && head->order == FILE_ORDER &&
		n_texts && n_texts <= CACHE_FILE_TEXTS_MAX_BYTES && n_head <= size &&
		head->body_bytes == size - n_head && head->n_fields <= TEXT_HEADERS_MAX &&
		head->status >= 0 && head->status <= 999 && head->expected_bytes >= -1 &&
		!bytes[n_head - 1] && utf8_is_valid_bytes(bytes + sizeof(*head), n_texts) &&
		cache_hash(FILE_SEED_TEXTS, bytes + FILE_SUM_BEGIN, n_head - FILE_SUM_BEGIN) ==
		head->head_sum &&
		cache_hash(FILE_SEED_BODY, bytes + n_head, size - n_head) == head->body_sum;
}

/* bytes: they are the body's when it is made, else the caller's. */
static struct cache_entry *parse(
	const struct file_head *head, char *bytes, transfer_data **ret_body)
{
	size_t n_head = sizeof(*head) + head->texts_bytes;
	struct texts texts = { .at = bytes + sizeof(*head), .end = bytes + n_head };
	const char *url = next_text(&texts), *vary = next_text(&texts);
	transfer_auto(transfer_response) response = NULL;
	transfer_auto(transfer_cached_response) cached = NULL;
	struct cache_entry *entry;

	if (!url || !vary || !is_vary(vary))
		return NULL;
	response = parse_response(head, &texts);
	if (!response)
		return NULL;
	*ret_body = transfer_data_new_take(bytes + n_head, (size_t)head->body_bytes, free, bytes);
	cached = *ret_body
		? transfer_cached_response_new(response, *ret_body, TRANSFER_STORAGE_ALLOWED)
		: NULL;
	if (!cached)
		return NULL;
	entry = cache_entry_new(url, vary, cached,
		(struct cache_times){ head->asked_wall_usec, head->answered_wall_usec });
	if (entry)
		entry->stored_wall_usec = head->stored_wall_usec;
	return entry;
}

struct cache_entry *cache_file_parse_take(void *bytes, size_t size)
{
	transfer_auto(transfer_data) body = NULL;
	struct cache_entry *entry = NULL;
	struct file_head head;

	if (size >= sizeof(head)) {
		memcpy(&head, bytes, sizeof(head));
		if (is_whole(&head, bytes, size))
			entry = parse(&head, bytes, &body);
	}
	if (!body)
		free(bytes);
	return entry;
}
