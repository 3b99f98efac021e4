/* SPDX-License-Identifier: MIT */
/* A server's response head, and everything that is decided from it. */
#include "base/utf8.h"
#include "engine/engine.h"
#include "engine/filename.h"
#include "engine/head.h"
#include "engine/mime.h"
#include "engine/redirect.h"
#include "engine/resume.h"
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct url *url = NULL;
	struct head head;
	int r = 0;

	FUZZ_MUST(url_parse("https://user:secret@example.org/a/b?c", &url) == 0);
	head_init(&head, size & 1, size & 2);
	while (size && !r) {
		const uint8_t *end = memchr(data, '\n', size);
		size_t n = end ? (size_t)(end - data) + 1 : size;

		r = head_line(&head, (const char *)data, n);
		data += n;
		size -= n;
	}
	FUZZ_MUST(r == 0 || r == HEAD_E_BAD);
	FUZZ_MUST(!r == !head.why);
	for (size_t i = 0; !r && i < head.n_fields; i++)
		FUZZ_MUST(utf8_is_valid(head.fields[i].value));
	if (!r && head.is_complete)
		decide(&head, url);
	head_done(&head);
	url_free(url);
	return 0;
}
