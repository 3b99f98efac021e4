/* SPDX-License-Identifier: MIT */
/* A server's response head, and everything that is decided from it. */
#include "base/utf8.h"
#include "engine/engine.h"
#include "engine/filename.h"
#include "engine/head.h"
#include "engine/mime.h"
#include "engine/redirect.h"
#include "engine/resume.h"
#include "engine/upload.h"
#include "engine/url.h"
#include "tests/fuzz/fuzz.h"

static void decide(const struct head *head, const struct url *url)
{
	struct redirect_from from = { .url = url, .method = "POST", .head = head };
	struct resume resume = { .offset_bytes = 5, .known_total_bytes = 10, .etag = "\"a\"" };
	struct resume_answer answer = { 0 };
	struct redirect redirect = { 0 };
	char name[FILENAME_BYTES];
	struct mime mime;

	FUZZ_MUST(head->content_length_bytes >= -1);
	mime_parse(head->content_type, &mime);
	filename_suggest(head->content_disposition, url, mime.type, name);
	FUZZ_MUST(name[0] && name[0] != '.' && !strchr(name, '/'));
	FUZZ_MUST(utf8_is_valid(name));
	resume_judge(&resume, head, &answer);
	if (answer.verdict == RESUME_APPEND)
		FUZZ_MUST(head->status == 206 && answer.total_bytes == 10);
	FUZZ_MUST(redirect_decide(&from, &redirect) == 0);
	if (redirect.verdict == REDIRECT_FOLLOW)
		FUZZ_MUST(redirect.url && url_is_https(redirect.url));
	url_free(redirect.url);
}

/* The same head as what a server of resumable uploads says, on the way and at the end. */
static void resume_upload(const struct head *head, const struct url *url)
{
	struct upload_state state = {
		.leg = UPLOAD_LEG_ASK, .size_bytes = 100000, .acked_bytes = 5, .end_bytes = 50000
	};
	struct upload_answer answer = { 0 };
	struct url *resource = NULL;

	FUZZ_MUST(upload_resource(head, url, url, &resource) == 0);
	FUZZ_MUST(!resource || (url_is_https(resource) && !resource->user));
	url_free(resource);
	FUZZ_MUST(upload_offset(head) >= -1);
	for (; state.leg == UPLOAD_LEG_ASK || state.leg == UPLOAD_LEG_APPEND; state.leg++) {
		upload_judge(&state, head, &answer);
		if (answer.verdict == UPLOAD_APPEND)
			FUZZ_MUST(answer.offset_bytes >= state.acked_bytes &&
				answer.offset_bytes <= state.size_bytes);
		FUZZ_MUST(answer.verdict != UPLOAD_REFUSE || answer.why);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct url *url = NULL;
	struct head head;
	int r = 0;

	FUZZ_MUST(url_parse("https://user:secret@example.org/a/b?c", &url) == 0);
	head_init(&head, size & 1, size & 2);
	head.counts_104 = size & 4;
	while (size && !r) {
		const uint8_t *end = memchr(data, '\n', size);
		size_t n = end ? (size_t)(end - data) + 1 : size;

		r = head_line(&head, (const char *)data, n);
		if (!r && head.is_interim)
			resume_upload(&head, url);
		data += n;
		size -= n;
	}
	FUZZ_MUST(r == 0 || r == HEAD_E_BAD);
	FUZZ_MUST(!r == !head.why);
	for (size_t i = 0; !r && i < head.n_fields; i++)
		FUZZ_MUST(utf8_is_valid(head.fields[i].value));
	if (!r && head.is_complete) {
		decide(&head, url);
		resume_upload(&head, url);
	}
	head_done(&head);
	url_free(url);
	return 0;
}
