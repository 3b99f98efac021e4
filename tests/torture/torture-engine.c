/* SPDX-License-Identifier: MIT */
/* The engine without memory: its parsers, and whole transfers, each of which ends with exactly one DONE. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <transfer/error.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/secret.h"
#include "engine/auth.h"
#include "engine/blob.h"
#include "engine/cookie.h"
#include "engine/decode.h"
#include "engine/digest.h"
#include "engine/engine.h"
#include "engine/head.h"
#include "engine/post.h"
#include "engine/redirect.h"
#include "engine/spec.h"
#include "engine/url.h"
#include "tests/lib/origin.h"
#include "tests/lib/proc.h"
#include "tests/lib/tmpdir.h"
#include "tests/torture/torture.h"
#include "tests/torture/world.h"

#define DEADLINE_MS 15000
#define BODY_BYTES  100000

static const char *folder;
static const char *base;
static char *part, *source, *published;
static struct engine *engine;

/* ---- parsers ---- */

static int parse_url(void)
{
	struct url *url = NULL, *next = NULL;
	int r = url_parse("https://user:pw@www.example.org/a/../b?x=1#f", &url);

	if (!r)
		r = url_resolve(url, "../c?d", &next);
	if (!r)
		TORTURE_CHECK(strcmp(next->text, "https://www.example.org/c?d") == 0);
	TORTURE_CHECK(r <= 0); /* never "a bad URL" */
	url_free(url);
	url_free(next);
	return r;
}

static int copy_spec(void)
{
	static const struct engine_header headers[] = { { "A", "b" }, { "C", "d" } };
	const struct engine_spec spec = {
		.kind = TRANSFER_TASK_DOWNLOAD,
		.session = 1,
		.url = "https://example.org/",
		.method = "GET",
		.headers = headers,
		.n_headers = 2,
		.part_path = "/x/y",
		.etag = "\"e\"",
		.known_total_bytes = -1,
		.source_fd = -1,
	};
	struct engine_spec copy = { .source_fd = -1 };
	struct arena arena = { 0 };
	int r = spec_copy(&arena, &spec, &copy);

	if (!r)
		TORTURE_CHECK(strcmp(copy.headers[1].value, "d") == 0);
	if (!r)
		spec_done(&copy);
	arena_done(&arena);
	return r;
}

static int seal_and_open(void)
{
	static const uint8_t key[BLOB_KEY_BYTES] = { 1 };
	const struct blob_owner owner = { 1000, "org.example.App", key };
	struct blob blob = {
		.url = "https://example.org/file",
		.etag = "\"e\"",
		.offset_bytes = 5,
		.total_bytes = -1,
	};
	struct buf sealed = { 0 };
	struct arena arena = { 0 };
	int r = blob_seal(&blob, &owner, &sealed);

	if (!r)
		r = blob_open(sealed.bytes, sealed.size_bytes, &owner, &arena, &blob);
	TORTURE_CHECK(r <= 0); /* never "not one of ours" */
	if (!r)
		TORTURE_CHECK(blob.offset_bytes == 5);
	buf_done(&sealed);
	arena_done(&arena);
	return r;
}

static int make_digest(void)
{
	uint8_t state[DIGEST_STATE_MAX_BYTES];
	char hex[DIGEST_HEX_BYTES];
	struct digest *digest = NULL, *again = NULL;
	size_t n;
	int r = digest_new("sha256", &digest);

	TORTURE_CHECK(r <= 0);
	if (r)
		return r;
	digest_update(digest, "abc", 3);
	n = digest_save(digest, state);
	if (n) {
		r = digest_restore("sha256", state, n, 3, &again);
		if (!r)
			digest_hex(again, hex);
		if (!r)
			TORTURE_CHECK(strncmp(hex, "ba7816bf", 8) == 0);
	}
	digest_free(digest);
	digest_free(again);
	return r;
}

static int judge_head(void)
{
	static const char *const lines[] = { "HTTP/1.1 200 OK\r\n", "Content-Length: 5\r\n",
		"ETag: \"x\"\r\n", "Content-Type: text/html; charset=utf-8\r\n",
		"Content-Disposition: attachment; filename=\"a.b\"\r\n", "X-1: a\r\n", "X-2: b\r\n",
		"X-3: c\r\n", "X-4: d\r\n", "X-5: e\r\n", "\r\n" };
	struct head head;
	int r = 0;

	head_init(&head, false, false);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]) && !r; i++)
		r = head_line(&head, lines[i], strlen(lines[i]));
	TORTURE_CHECK(r <= 0); /* never the server's fault */
	if (!r)
		TORTURE_CHECK(head.status == 200 && head.content_length_bytes == 5);
	head_done(&head);
	return r;
}

static int make_post(void)
{
	static const struct engine_header headers[] = { { "A", "caf\xe9" }, { "C", "d" } };
	const struct engine_response response = {
		.status = 200,
		.http_version = "1.1",
		.url = "https://example.org/",
		.suggested_name = "file",
		.headers = headers,
		.n_headers = 2,
	};
	struct post *post = post_new(ENGINE_EVENT_RESPONSE, 1, 1);
	int r = post ? post_set_response(post, &response) : -ENOMEM;

	if (!r)
		r = post_set_url(post, "https://example.org/\xff");
	if (!r)
		r = post_set_digest_state(post, "abc", 3);
	if (!r)
		r = post_set_digest_hex(post, "00");
	post_free(post);
	return r;
}

static int take_redirect(void)
{
	struct url *url = NULL;
	struct head head;
	struct redirect redirect = { 0 };
	const struct redirect_from from = { .url = NULL, .method = "POST", .head = &head };
	struct redirect_from f = from;
	int r;

	head_init(&head, false, false);
	r = head_line(&head, "HTTP/1.1 302 Found\r\n", 20);
	if (!r)
		r = head_line(&head, "Location: /x\r\n", 14);
	if (!r)
		r = head_line(&head, "\r\n", 2);
	if (!r)
		r = url_parse("https://example.org/", &url);
	f.url = url;
	if (!r)
		r = redirect_decide(&f, &redirect);
	if (!r)
		TORTURE_CHECK(redirect.verdict == REDIRECT_FOLLOW);
	url_free(redirect.url);
	url_free(url);
	head_done(&head);
	return r;
}

static int say_who_asks(void)
{
	static const struct engine_header field = { "WWW-Authenticate",
		"Negotiate, Basic realm=\"b\", Digest realm=\"d\", nonce=n, qop=auth" };
	static const struct auth_words words = { "user", "passwd", "GET", "/", NULL, 1 };
	struct auth_challenge challenge;
	struct arena arena = { 0 };
	char *line = NULL;
	int r = auth_choose(&field, 1, 0, &arena, &challenge);

	if (!r) {
		TORTURE_CHECK(challenge.method == TRANSFER_AUTH_DIGEST);
		line = auth_line(&challenge, &words);
		r = line ? 0 : -ENOMEM;
	}
	secret_free(line);
	arena_done(&arena);
	return r;
}

static int take_cookie(void)
{
	struct transfer_cookie cookie;
	struct arena arena = { 0 };
	struct url *url = NULL;
	int r = url_parse("https://www.example.org/a/b", &url);

	if (!r) {
		const struct cookie_from from = { url, UINT64_C(1700000000000000), NULL };

		r = cookie_parse(&arena, "a=b; Domain=example.org; Path=/; Max-Age=60; Secure",
			&from, &cookie);
		TORTURE_CHECK(r <= 0);
	}
	arena_done(&arena);
	url_free(url);
	return r;
}

static int decode_body(void)
{
	static const unsigned char gzip[] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x4b, 0x4c, 0x4a,
		6, 0, 0xc2, 0x41, 0x24, 0x35, 3, 0, 0, 0 };
	char out[64];
	struct decode_io io = {
		.in = gzip,
		.in_bytes = sizeof(gzip),
		.out = out,
		.room_bytes = sizeof(out),
	};
	struct decode *decode = NULL;
	int r = decode_new("gzip", &decode);

	if (!r)
		r = decode_step(decode, &io);
	if (!r)
		r = decode_end(decode);
	TORTURE_CHECK(r <= 0); /* never a damaged body */
	if (!r)
		TORTURE_CHECK(io.made_bytes == 3 && memcmp(out, "abc", 3) == 0);
	decode_free(decode);
	return r;
}

/* ---- transfers ---- */

struct seen {
	unsigned n_done, n_others[ENGINE_EVENT_SNAPSHOT + 1];
	struct transfer_result result;
	uint16_t status;
};

static void on_event(const struct engine_event *event, void *user)
{
	struct seen *seen = user;

	seen->n_others[event->type]++;
	if (event->result.code)
		seen->result = event->result;
	if (event->type != ENGINE_EVENT_DONE)
		return;
	seen->n_done++;
	if (event->response)
		seen->status = event->response->status;
}

static void wait_for(struct seen *seen, enum engine_event_type type)
{
	uint64_t until_ms = proc_now_ms() + DEADLINE_MS;

	while (!seen->n_others[type]) {
		struct pollfd p = { .fd = engine_fd(engine), .events = POLLIN };

		TORTURE_CHECK(proc_left_ms(until_ms) > 0); /* it hangs */
		(void)poll(&p, 1, proc_left_ms(until_ms));
		(void)engine_dispatch(engine, on_event, seen);
	}
}

static int start_and_end(void)
{
	const struct engine_config config = { .user_agent = "torture", .spool_dir = folder };
	struct engine *e = NULL;
	int r = engine_new(&config, &e);

	TORTURE_CHECK(!r || !e);
	engine_free(e);
	return r;
}

static int run(const struct engine_spec *spec, struct seen *seen)
{
	static uint64_t task;
	int r = engine_start(engine, ++task, 1, spec);

	if (r)
		return r;
	wait_for(seen, ENGINE_EVENT_DONE);
	if (!seen->result.code && spec->kind == TRANSFER_TASK_DOWNLOAD)
		wait_for(seen, ENGINE_EVENT_SYNCED);
	TORTURE_CHECK(seen->n_done == 1);
	/* a fault of ours, or one that may be over the next time */
	return seen->result.code ? -ENOMEM : 0;
}

static int download_from(const char *target)
{
	char url[300];
	const struct engine_header header = { "X-A", "b" };
	const struct engine_spec spec = {
		.kind = TRANSFER_TASK_DOWNLOAD,
		.session = 1,
		.url = url,
		.method = "GET",
		.headers = &header,
		.n_headers = 1,
		.allow_insecure = true,
		.part_path = part,
		.known_total_bytes = -1,
		.digest_name = "sha256",
		.source_fd = -1,
	};
	struct seen seen = { 0 };
	int r;

	snprintf(url, sizeof(url), "%s%s", base, target);
	unlink(part);
	r = run(&spec, &seen);
	torture_pause();
	if (!r)
		TORTURE_CHECK(origin_bytes_check(part, 1, BODY_BYTES) == 0);
	unlink(part);
	torture_go_on();
	return r;
}

static int download(void)
{
	return download_from("/file?size=100000&seed=1");
}

static int download_coded(void)
{
	return download_from("/file?size=100000&seed=1&coding=gzip");
}

static int download_redirected(void)
{
	return download_from("/file?redirect_to=/file%3Fsize%3D100000%26seed%3D1");
}

static int upload(void)
{
	char url[300];
	char *body = NULL;
	struct engine_spec spec = {
		.kind = TRANSFER_TASK_UPLOAD,
		.session = 1,
		.url = url,
		.method = "PUT",
		.allow_insecure = true,
		.known_total_bytes = -1,
		.source_fd = -1,
		.source_path = source,
		.source_size_bytes = BODY_BYTES,
	};
	struct seen seen = { 0 };
	int r;

	torture_pause();
	TORTURE_CHECK(asprintf(&body, "%s/body", folder) > 0);
	unlink(body);
	torture_go_on();
	snprintf(url, sizeof(url), "%s/upload?reply_size=2000", base);
	spec.body_path = body;
	r = run(&spec, &seen);
	if (!r)
		TORTURE_CHECK(seen.status == 200);
	unlink(body);
	free(body);
	return r;
}

static int publish(void)
{
	struct engine_publish p = { .part_path = part, .destination = published };
	struct seen seen = { 0 };
	struct stat st;
	int r;

	torture_pause();
	unlink(published);
	TORTURE_CHECK(tmpdir_write(part, "content") == 0 && stat(part, &st) == 0);
	p.file_ino = st.st_ino;
	torture_go_on();
	r = engine_publish(engine, 1, 1, &p);
	if (!r) {
		wait_for(&seen, ENGINE_EVENT_PUBLISHED);
		r = seen.result.code ? -ENOMEM : 0;
	}
	TORTURE_CHECK(access(published, F_OK) == 0 || access(part, F_OK) == 0);
	if (!r)
		TORTURE_CHECK(access(published, F_OK) == 0);
	return r;
}

static void make_world(void)
{
	folder = world_folder();
	TORTURE_CHECK(asprintf(&part, "%s/part", folder) > 0);
	TORTURE_CHECK(asprintf(&source, "%s/source", folder) > 0);
	TORTURE_CHECK(asprintf(&published, "%s/published", folder) > 0);
	TORTURE_CHECK(origin_bytes_write(source, 2, BODY_BYTES) == 0);
	base = world_origin();
	TORTURE_CHECK(engine_new(&(struct engine_config){ .user_agent = "torture",
					 .spool_dir = folder,
					 .n_workers = 1 },
			      &engine) == 0);
}

int main(void)
{
	static const struct torture scenarios[] = {
		TORTURE("URL is parsed", parse_url),
		TORTURE("specification is copied", copy_spec),
		{ .name = "resume data are sealed and opened",
			.run = seal_and_open,
			.foreign_leak = "OpenSSL 3.0, EVP_Q_mac()" },
		TORTURE("digest is made", make_digest),
		TORTURE("head is judged", judge_head),
		TORTURE("report is made", make_post),
		TORTURE("redirect is taken", take_redirect),
		TORTURE("challenge is answered", say_who_asks),
		TORTURE("cookie is taken", take_cookie),
		TORTURE("body is decoded", decode_body),
		/* no memory for a thread is EAGAIN */
		{ .name = "engine starts and ends",
			.run = start_and_end,
			.also = -EAGAIN,
			.is_noisy = true },
		{ .name = "download", .run = download, .is_noisy = true },
		{ .name = "coded download", .run = download_coded, .is_noisy = true },
		{ .name = "redirected download", .run = download_redirected, .is_noisy = true },
		{ .name = "upload", .run = upload, .is_noisy = true },
		{ .name = "file is published", .run = publish, .is_noisy = true },
	};

	log_set_level(LOG_LEVEL_ERROR);
	unsetenv("http_proxy");
	unsetenv("https_proxy");
	unsetenv("all_proxy");
	unsetenv("ALL_PROXY");
	unsetenv("HTTPS_PROXY");
	make_world();
	return torture_main(scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
