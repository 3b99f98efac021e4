/* SPDX-License-Identifier: MIT */
/* A server's response head, and everything that is decided from it. */
#include "base/filename.h"
#include "base/mime.h"
#include "base/secret.h"
#include "base/utf8.h"
#include "engine/auth.h"
#include "engine/engine.h"
#include "engine/head.h"
#include "engine/range.h"
#include "engine/redirect.h"
#include "engine/resume.h"
#include "engine/upload.h"
#include "engine/url.h"
#include "tests/fuzz/fuzz.h"

/* Whatever bytes are on disk, and however they were asked for. */
static void resume_download(const struct head *head)
{
	static const char etag[] = "\"a\"", modified[] = "Tue, 02 Jun 2026 10:00:00 GMT";
	static const struct resume states[] = {
		{ .known_total_bytes = -1 },
		{ .offset_bytes = 5, .known_total_bytes = 10, .etag = etag },
		{ .offset_bytes = 5, .known_total_bytes = -1, .etag = etag, .was_restarted = true },
		{ .offset_bytes = 5, .known_total_bytes = 10, .last_modified = modified },
		{ .offset_bytes = 10,
			.known_total_bytes = 10,
			.etag = etag,
			.last_modified = modified,
			.is_without_if_range = true },
		{ .offset_bytes = 5,
			.known_total_bytes = -1,
			.last_modified = modified,
			.is_without_if_range = true },
		{ .offset_bytes = 5, .known_total_bytes = 10, .has_caller_range = true },
	};

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		const struct resume *state = &states[i];
		struct resume_answer answer;
		struct range range;

		resume_judge(state, head, &answer);
		FUZZ_MUST(answer.total_bytes >= -1);
		FUZZ_MUST(answer.verdict != RESUME_BROKEN || answer.why);
		if (answer.verdict == RESUME_APPEND) {
			FUZZ_MUST(head->status == 206 && state->offset_bytes);
			FUZZ_MUST(range_parse(head->content_range, &range) == 0);
			FUZZ_MUST(range.first_bytes == state->offset_bytes);
			FUZZ_MUST(state->known_total_bytes < 0 ||
				answer.total_bytes == state->known_total_bytes);
		}
		if (answer.verdict == RESUME_COMPLETE)
			FUZZ_MUST(head->status == 416 &&
				(uint64_t)answer.total_bytes == state->offset_bytes);
	}
}

/* Whatever asks who this is, what is said is one header line. */
static void say_who_asks(const struct head *head)
{
	static const struct auth_words words = { "us\"er", "passwd", "GET", "/?\"", "c", 1 };
	struct auth_challenge challenge;
	struct arena arena = { 0 };

	for (unsigned rejected = 0; rejected < 8; rejected += 2) {
		int r = auth_choose(head->fields, head->n_fields, rejected, &arena, &challenge);
		char *line = r ? NULL : auth_line(&challenge, &words);

		FUZZ_MUST(r == 0 || r == AUTH_E_NONE);
		FUZZ_MUST(r || (line && !strncmp(line, "Authorization: ", 15)));
		FUZZ_MUST(r || !(rejected & 1u << challenge.method));
		for (const char *c = line; c && *c; c++)
			FUZZ_MUST((unsigned char)*c >= 0x20 && *c != 0x7f);
		secret_free(line);
	}
	arena_done(&arena);
}

static void decide(const struct head *head, const struct url *url)
{
	struct redirect_from from = { .url = url, .method = "POST", .head = head };
	struct redirect redirect = { 0 };
	char name[FILENAME_BYTES];
	struct mime mime;

	FUZZ_MUST(head->content_length_bytes >= -1);
	mime_parse(head->content_type, &mime);
	filename_suggest(head->content_disposition, url->path, url->host, mime.type, name);
	FUZZ_MUST(name[0] && name[0] != '.' && !strchr(name, '/'));
	FUZZ_MUST(utf8_is_valid(name));
	resume_download(head);
	say_who_asks(head);
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
