/* SPDX-License-Identifier: MIT */
/*
 * Files of a response cache. The input is read as a file, and once more with lengths and sums that are right, so that what is
 * behind them meets any bytes, too. What is read means the same when it is written again.
 */
#include "base/buf.h"
#include "client-lib/cache-file.h"
#include "tests/fuzz/fuzz.h"

/* As client-lib/cache-file.c lays it out. */
#define AT_HEAD_SUM  8
#define AT_BODY_SUM  16
#define AT_BODY_SIZE 24
#define AT_TEXTS     72
#define HEAD_BYTES   80

static struct cache_entry *parse(const void *bytes, size_t size)
{
	void *copy = malloc(size ? size : 1);

	FUZZ_MUST(copy);
	if (size)
		memcpy(copy, bytes, size);
	return cache_file_parse_take(copy, size);
}

static void put(uint8_t *bytes, size_t at, uint64_t number)
{
	memcpy(bytes + at, &number, sizeof(number));
}

/* Texts as long as the input says, and the body is the rest. */
static uint8_t *made_whole(const uint8_t *data, size_t size)
{
	uint8_t *bytes = malloc(size);
	uint32_t n_texts;
	size_t n_head;

	FUZZ_MUST(bytes);
	memcpy(bytes, data, size);
	memcpy(&n_texts, bytes + AT_TEXTS, sizeof(n_texts));
	n_texts = (uint32_t)(n_texts % (size - HEAD_BYTES + 1));
	memcpy(bytes + AT_TEXTS, &n_texts, sizeof(n_texts));
	n_head = HEAD_BYTES + n_texts;
	put(bytes, AT_BODY_SIZE, size - n_head);
	put(bytes, AT_BODY_SUM, cache_hash(5, bytes + n_head, size - n_head));
	put(bytes, AT_HEAD_SUM, cache_hash(4, bytes + AT_BODY_SUM, n_head - AT_BODY_SUM));
	return bytes;
}

/* What can be read can be used, and comes back. */
static void check(struct cache_entry *entry)
{
	const transfer_data *body = transfer_cached_response_get_body(entry->cached);
	struct cache_entry *again;
	struct buf file;

	(void)cache_entry_matches(entry, NULL);
	FUZZ_MUST(transfer_response_get_url(transfer_cached_response_get_response(entry->cached)));
	FUZZ_MUST(cache_file_head(entry, &file) == 0);
	FUZZ_MUST(buf_append(&file, transfer_data_get_bytes(body), transfer_data_get_size(body)) ==
		0);
	again = parse(file.bytes, file.size_bytes);
	FUZZ_MUST(again);
	FUZZ_MUST(!strcmp(again->url, entry->url) && !strcmp(again->vary, entry->vary));
	FUZZ_MUST(transfer_data_get_size(transfer_cached_response_get_body(again->cached)) ==
		transfer_data_get_size(body));
	cache_entry_unref(again);
	buf_done(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cache_entry *entry = parse(data, size);
	uint8_t *whole;

	if (entry)
		check(entry);
	cache_entry_unref(entry);
	if (size < HEAD_BYTES)
		return 0;
	whole = made_whole(data, size);
	entry = parse(whole, size);
	if (entry)
		check(entry);
	cache_entry_unref(entry);
	free(whole);
	return 0;
}
