/* SPDX-License-Identifier: MIT */
/* Response heads of any shape, and everything that is derived from an accepted one. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"
#include "engine/engine.h"
#include "engine/filename.h"
#include "engine/head.h"
#include "engine/mime.h"
#include "engine/redirect.h"
#include "engine/resume.h"
#include "engine/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void judge(const struct head *head, const struct url *url)
{
	struct resume resume = { .offset_bytes = 100, .known_total_bytes = 1000, .etag = "\"v1\"" };
	struct redirect_from from = { .url = url, .method = "GET", .head = head };
	char name[FILENAME_BYTES];
	struct redirect redirect;
	struct resume_answer answer;
	struct mime mime;

	for (size_t i = 0; i < head->n_fields; i++)
		assert(utf8_is_valid(head->fields[i].name) && utf8_is_valid(head->fields[i].value));
	resume_judge(&resume, head, &answer);
	assert(answer.verdict != RESUME_APPEND || head->status == 206);
	mime_parse(head->content_type, &mime);
	assert(utf8_is_valid(mime.type) && utf8_is_valid(mime.charset));
	filename_suggest(head->content_disposition, url, mime.type, name);
	assert(name[0] && name[0] != '.' && !strchr(name, '/') && utf8_is_valid(name));
	if (redirect_decide(&from, &redirect) == 0) {
		assert(redirect.verdict != REDIRECT_FOLLOW || url_is_https(redirect.url));
		url_free(redirect.url);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct url *url;
	struct head head;
	int r = 0;

	if (!url && url_parse("https://host.example/path/file", &url))
		return 0;
	head_init(&head, size & 1, size & 2);
	while (size && !r) {
		const uint8_t *lf = memchr(data, '\n', size);
		size_t n = lf ? (size_t)(lf - data) + 1 : size;

		r = head_line(&head, (const char *)data, n);
		data += n;
		size -= n;
		assert(r <= 0 || head.why);
		if (!r && head.is_complete)
			judge(&head, url);
	}
	head_done(&head);
	return 0;
}
