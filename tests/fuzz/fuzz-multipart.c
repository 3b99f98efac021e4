/* SPDX-License-Identifier: MIT */
/*
 * A stream of parts: one line of Content-Type, then what a server may send. In one piece, or byte by byte to somebody who
 * refuses now and then, the parts are the same.
 */
#include <stdbool.h>

#include "base/buf.h"
#include "engine/engine.h"
#include "engine/head.h"
#include "engine/multipart.h"
#include "tests/fuzz/fuzz.h"

enum { REFUSED = 7 };

struct story {
	struct buf text;
	bool is_open; /* in a part */
	unsigned refuse_each; /* 0: never */
	unsigned n_calls;
};

static bool refuses(struct story *story)
{
	return story->refuse_each && ++story->n_calls % story->refuse_each == 0;
}

static int on_begin(const struct head *head, void *user)
{
	struct story *story = user;

	FUZZ_MUST(!story->is_open && head->n_fields <= MULTIPART_FIELDS_MAX);
	story->is_open = true;
	FUZZ_MUST(buf_append(&story->text, "{", 1) == 0);
	for (size_t i = 0; i < head->n_fields; i++)
		FUZZ_MUST(buf_printf(&story->text, "[%s:%s]", head->fields[i].name,
				  head->fields[i].value) == 0);
	return refuses(story) ? REFUSED : 0;
}

static int on_body(const void *bytes, size_t size, void *user)
{
	struct story *story = user;

	FUZZ_MUST(story->is_open && size);
	if (refuses(story))
		return REFUSED;
	FUZZ_MUST(buf_append(&story->text, bytes, size) == 0);
	return 0;
}

static int on_end(void *user)
{
	struct story *story = user;

	FUZZ_MUST(story->is_open);
	if (refuses(story))
		return REFUSED;
	story->is_open = false;
	FUZZ_MUST(buf_append(&story->text, "}", 1) == 0);
	return 0;
}

static int tell(
	const char *type, const uint8_t *data, size_t size, size_t piece, struct story *story)
{
	const struct multipart_sink sink = { on_begin, on_body, on_end, story };
	struct multipart *m = multipart_new(type, &sink);
	int r = 0;

	FUZZ_MUST(m);
	while (size && (!r || r == REFUSED)) {
		size_t n = size < piece ? size : piece, used = n + 1;

		r = multipart_feed(m, data, n, &used);
		FUZZ_MUST(used <= n && (r || used == n));
		data += used;
		size -= used;
	}
	if (!r || r == REFUSED) {
		do
			r = multipart_finish(m);
		while (r == REFUSED);
		FUZZ_MUST(r == 0 && !story->is_open);
	}
	FUZZ_MUST(r == 0 || r == MULTIPART_E_BAD);
	multipart_free(m);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct multipart_sink none = { on_begin, on_body, on_end, NULL };
	char *type = fuzz_line(&data, &size);
	struct multipart *m = type ? multipart_new(type, &none) : NULL;
	struct story whole = { 0 }, pieces = { .refuse_each = 3 };

	if (m) {
		int r = tell(type, data, size, size + 1, &whole);

		FUZZ_MUST(tell(type, data, size, 1, &pieces) == r);
		FUZZ_MUST(whole.text.size_bytes == pieces.text.size_bytes);
		FUZZ_MUST(!whole.text.size_bytes ||
			!memcmp(whole.text.bytes, pieces.text.bytes, whole.text.size_bytes));
		multipart_free(m);
	}
	buf_done(&whole.text);
	buf_done(&pieces.text);
	free(type);
	return 0;
}
