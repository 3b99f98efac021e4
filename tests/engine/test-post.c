/* SPDX-License-Identifier: MIT */
/* An event owns all it shows, and its texts are valid UTF-8. */
#include "engine/post.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/utf8.h"
#include "tests/lib/run.h"

START_TEST(owns_what_it_shows)
{
	char name[] = "N", value[] = "v", url[] = "http://a/\xfe";
	const struct engine_header header = { name, value };
	const struct engine_response response = {
		.status = 200,
		.http_version = "1.1",
		.url = url,
		.suggested_name = "\xc0\x80",
		.expected_bytes = 7,
		.headers = &header,
		.n_headers = 1,
	};
	struct post *p = post_new(ENGINE_EVENT_RESPONSE, 3, 4);

	ck_assert_ptr_nonnull(p);
	ck_assert_int_eq(post_set_response(p, &response), 0);
	ck_assert_int_eq(post_set_url(p, url), 0);
	ck_assert_int_eq(post_set_digest_hex(p, "ab"), 0);
	ck_assert_int_eq(post_set_digest_state(p, "state", 5), 0);
	memset(name, 0, sizeof(name));
	memset(value, 0, sizeof(value));
	memset(url, 0, sizeof(url));
	ck_assert_uint_eq(p->event.task, 3);
	ck_assert_uint_eq(p->event.attempt, 4);
	ck_assert_int_eq(p->event.response->expected_bytes, 7);
	ck_assert_ptr_null(p->event.response->mime_type);
	ck_assert_str_eq(p->event.response->headers[0].name, "N");
	ck_assert_str_eq(p->event.response->headers[0].value, "v");
	ck_assert_str_eq(p->event.url, "http://a/\xef\xbf\xbd");
	ck_assert(utf8_is_valid(p->event.response->suggested_name));
	ck_assert_int_eq(memcmp(p->event.digest_state, "state", 5), 0);
	post_free(p);
	post_free(NULL);
}
END_TEST

/* What comes of a body is the event's, until somebody takes the descriptor. */
START_TEST(owns_what_came)
{
	int fds[2];
	struct post *p = post_new(ENGINE_EVENT_DATA, 3, 4);

	ck_assert_ptr_nonnull(p);
	ck_assert_int_eq(p->event.live.data_fd, -1);
	p->event.live.body = strdup("body");
	p->event.live.n_body = 4;
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	p->event.live.data_fd = _i ? -1 : fds[0];
	post_free(p);
	ck_assert_int_eq(fcntl(fds[0], F_GETFD) >= 0, _i);
	if (_i)
		close(fds[0]);
	close(fds[1]);
}
END_TEST

RUN_TESTS("engine/post", TEST(owns_what_it_shows), TEST_LOOP(owns_what_came, 2))
