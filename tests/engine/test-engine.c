/* SPDX-License-Identifier: MIT */
/* Downloads from start to publishing, redirects, stopping, time and rate limits, many at once. */
#include "engine/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/engine/rig.h"
#include "tests/lib/run.h"
#include "tests/lib/tmpdir.h"

static struct rig rig;

START_TEST(downloads_a_file)
{
	struct engine_spec spec;
	struct rig_task *t;
	struct stat st;

	rig_start(&rig, NULL, NULL);
	spec = rig_download(&rig, 1, "/file?size=300K&seed=7&ctype=Text/HTML;charset=UTF-8");
	t = rig_run(&rig, 1, &spec);
	ck_assert_str_eq(t->order, "cRDS");
	rig_check_part(&rig, 1, 7, 300 * 1024);
	ck_assert_uint_eq(t->status, 200);
	ck_assert_str_eq(t->http_version, "1.1");
	ck_assert_str_eq(t->url, spec.url);
	ck_assert_str_eq(t->mime, "text/html");
	ck_assert_int_eq(t->expected_bytes, 300 * 1024);
	ck_assert(t->can_resume);
	ck_assert_str_ne(t->etag, "");
	ck_assert_uint_eq(t->done.network_bytes, 300 * 1024);
	ck_assert_int_eq(stat(spec.part_path, &st), 0);
	ck_assert_uint_eq(t->synced.file_ino, st.st_ino);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	rig_stop(&rig);
}
END_TEST

START_TEST(publishes_once_and_never_over_another_file)
{
	struct engine_spec spec;
	struct engine_publish publish;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = rig_download(&rig, 1, "/file?size=10&seed=1");
	t = rig_run(&rig, 1, &spec);
	publish = (struct engine_publish){
		.part_path = spec.part_path,
		.destination = rig_path(&rig, "final"),
		.file_ino = t->synced.file_ino,
	};
	ck_assert_int_eq(engine_publish(rig.engine, 1, 1, &publish), 0);
	ck_assert_int_eq(engine_publish(rig.engine, 1, 1, &publish), 0);
	rig_wait(&rig, 1, ENGINE_EVENT_PUBLISHED, 2);
	ck_assert_int_eq(t->published.result.code, 0);
	ck_assert_int_eq(origin_bytes_check(publish.destination, 1, 10), 0);

	rig_forget(&rig, 1);
	t = rig_run(&rig, 1, &spec);
	publish.file_ino = t->synced.file_ino;
	ck_assert_int_eq(engine_publish(rig.engine, 1, 1, &publish), 0);
	rig_wait(&rig, 1, ENGINE_EVENT_PUBLISHED, 1);
	ck_assert_int_eq(t->published.result.code, TRANSFER_ERROR_CANNOT_MOVE_FILE);
	ck_assert_int_eq(t->published.result.os_errno, EEXIST);
	rig_stop(&rig);
}
END_TEST

static const struct {
	const char *target;
	uint64_t size_bytes;
	bool is_unnamed;
} unnamed[] = {
	{ "/file?seed=1&size=10", 10, true },
	{ "/file?seed=1&size=0", 0, true },
	{ "/file?seed=1&size=64K", 64 * 1024, true },
	{ "/file?seed=1&size=65K", 65 * 1024, false },
	{ "/file?seed=1&size=300K", 300 * 1024, false },
	{ "/file?seed=1&size=10&chunked", 10, false },
};

/* A small file gets its name when it is put in place; one that finds its place taken waits as a part. */
START_TEST(small_files_need_no_part)
{
	const uint64_t size_bytes = unnamed[_i].size_bytes;
	bool is_unnamed = unnamed[_i].is_unnamed;
	struct engine_spec spec;
	struct engine_publish publish;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = rig_download(&rig, 1, unnamed[_i].target);
	spec.may_be_unnamed = true;
	for (int i = 0; i < 2; i++) {
		t = rig_run(&rig, 1, &spec);
		ck_assert_int_eq(t->done.result.code, 0);
		ck_assert_int_eq(t->synced.is_unnamed, is_unnamed);
		ck_assert_uint_eq(t->synced.file_size_bytes, size_bytes);
		ck_assert_int_eq(access(spec.part_path, F_OK) == 0, !is_unnamed);
		publish = (struct engine_publish){
			.part_path = spec.part_path,
			.destination = rig_path(&rig, "final"),
			.file_ino = t->synced.file_ino,
			.file_size_bytes = size_bytes,
			.file_mtime_ns = is_unnamed ? t->synced.file_mtime_ns : 0,
			.is_unnamed = is_unnamed,
			.unnamed_fd = t->synced.unnamed_fd,
			.folder_ino = t->synced.folder_ino,
		};
		ck_assert_int_eq(engine_publish(rig.engine, 1, 1, &publish), 0);
		rig_wait(&rig, 1, ENGINE_EVENT_PUBLISHED, 1);
		ck_assert_int_eq(t->published.result.os_errno, i ? EEXIST : 0);
		ck_assert(!t->published.is_restart_needed);
		ck_assert_int_eq(origin_bytes_check(publish.destination, 1, size_bytes), 0);
		ck_assert_int_eq(access(spec.part_path, F_OK) == 0, i);
		if (i == 0)
			rig_forget(&rig, 1);
	}
	/* as a part it is put in place later, with or without what is there */
	publish.is_unnamed = false;
	publish.may_overwrite = true;
	ck_assert_int_eq(engine_publish(rig.engine, 1, 1, &publish), 0);
	rig_wait(&rig, 1, ENGINE_EVENT_PUBLISHED, 2);
	ck_assert_int_eq(t->published.result.code, 0);
	ck_assert_int_ne(access(spec.part_path, F_OK), 0);
	/* once more: it is there */
	ck_assert_int_eq(engine_publish(rig.engine, 1, 1, &publish), 0);
	rig_wait(&rig, 1, ENGINE_EVENT_PUBLISHED, 3);
	ck_assert_int_eq(t->published.result.code, 0);
	rig_stop(&rig);
}
END_TEST

/* What is over at once tells its response with its end; what lasts, before. */
START_TEST(a_small_file_that_lasts_tells_its_response)
{
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = rig_download(&rig, 1, "/file?size=4K&gate=g&gate_after=1000");
	spec.may_be_unnamed = true;
	rig_begin(&rig, 1, &spec);
	t = rig_wait(&rig, 1, ENGINE_EVENT_RESPONSE, 1);
	ck_assert_uint_eq(t->status, 200);
	origin_release(rig.origin, "g");
	rig_wait(&rig, 1, ENGINE_EVENT_SYNCED, 1);
	ck_assert_str_eq(t->order, "cRDS");
	rig_forget(&rig, 1);
	/* the origin has no gate any more: all of it is there with the head, or nearly so */
	spec = rig_download(&rig, 1, "/file?size=4K");
	spec.may_be_unnamed = true;
	t = rig_run(&rig, 1, &spec);
	ck_assert_uint_le(t->n_events[ENGINE_EVENT_RESPONSE], 1);
	ck_assert_int_eq(t->done.result.code, 0);
	ck_assert_uint_eq(t->status, 200);
	rig_stop(&rig);
}
END_TEST

static bool is_open(const char *folder)
{
	char link[64], target[PATH_MAX];

	for (int fd = 0; fd < 256; fd++) {
		ssize_t n;

		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		if (!strcmp(target, folder))
			return true;
	}
	return false;
}

/* A crowd of small files opens its folder once: what has its name now counts, and it is not kept open for long. */
START_TEST(small_files_share_their_folder)
{
	uint64_t until_us = clock_now_us() + 30 * CLOCK_US_PER_S;
	const char *folder, *moved;
	struct engine_publish publish;
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	folder = rig_path(&rig, "folder");
	moved = rig_path(&rig, "moved");
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(mkdir(folder, 0700), 0);
		for (int j = 0; j < 2; j++) {
			spec = rig_download(&rig, 1, "/file?seed=1&size=10");
			spec.part_path = rig_path(&rig, "folder/part");
			spec.may_be_unnamed = true;
			t = rig_run(&rig, 1, &spec);
			ck_assert(t->synced.is_unnamed);
			publish = (struct engine_publish){
				.part_path = spec.part_path,
				.destination = rig_path(&rig, "folder/%d", j),
				.is_unnamed = true,
				.unnamed_fd = t->synced.unnamed_fd,
				.folder_ino = t->synced.folder_ino,
			};
			ck_assert_int_eq(engine_publish(rig.engine, 1, 1, &publish), 0);
			rig_wait(&rig, 1, ENGINE_EVENT_PUBLISHED, 1);
			ck_assert_int_eq(t->published.result.code, 0);
			ck_assert_int_eq(origin_bytes_check(publish.destination, 1, 10), 0);
			rig_forget(&rig, 1);
		}
		if (i == 0)
			ck_assert_int_eq(rename(folder, moved), 0);
	}
	while (is_open(folder) || is_open(moved)) {
		ck_assert_uint_lt(clock_now_us(), until_us);
		rig_turn(&rig, 10);
	}
	rig_stop(&rig);
}
END_TEST

/* What died with its process is told as lost; another file with the inode's number is not taken for it. */
START_TEST(a_lost_file_is_told)
{
	struct engine_publish publish;
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = rig_download(&rig, 1, "/file?size=10&seed=1");
	t = rig_run(&rig, 1, &spec);
	publish = (struct engine_publish){
		.part_path = rig_path(&rig, "no-part"),
		.destination = spec.part_path,
		.file_ino = t->synced.file_ino,
		.file_size_bytes = 10,
		.file_mtime_ns = t->synced.file_mtime_ns + 1,
	};
	ck_assert_int_eq(engine_publish(rig.engine, 1, 1, &publish), 0);
	rig_wait(&rig, 1, ENGINE_EVENT_PUBLISHED, 1);
	ck_assert_int_eq(t->published.result.os_errno, ENOENT);
	ck_assert(t->published.is_restart_needed);
	publish.file_mtime_ns--;
	ck_assert_int_eq(engine_publish(rig.engine, 1, 1, &publish), 0);
	rig_wait(&rig, 1, ENGINE_EVENT_PUBLISHED, 2);
	ck_assert_int_eq(t->published.result.code, 0);
	rig_stop(&rig);
}
END_TEST

START_TEST(an_error_page_is_the_file)
{
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = rig_download(&rig, 1, "/file?size=5000&seed=3&status=404");
	t = rig_run(&rig, 1, &spec);
	ck_assert_str_eq(t->order, "cRDS");
	ck_assert_uint_eq(t->status, 404);
	ck_assert(!t->can_resume);
	ck_assert_int_eq(t->done.result.code, 0);
	ck_assert_uint_gt(t->synced.file_size_bytes, 0);
	rig_stop(&rig);
}
END_TEST

static const struct {
	const char *target;
	int32_t code;
	bool allow_insecure, is_retryable;
} refusals[] = {
	{ "http://127.0.0.1:1:2/", TRANSFER_ERROR_BAD_URL, true, false },
	{ "ftp://127.0.0.1/x", TRANSFER_ERROR_UNSUPPORTED_URL, true, false },
	{ "/file?size=1", TRANSFER_ERROR_INSECURE_TRANSPORT, false, false },
	{ "http://nothing.invalid/", TRANSFER_ERROR_CANNOT_FIND_HOST, true, true },
};

START_TEST(refuses_before_it_connects)
{
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = rig_download(&rig, 1, refusals[_i].target);
	spec.allow_insecure = refusals[_i].allow_insecure;
	t = rig_run(&rig, 1, &spec);
	ck_assert_str_eq(t->order, "D");
	ck_assert_int_eq(t->done.result.code, refusals[_i].code);
	ck_assert_int_eq(t->done.is_retryable, refusals[_i].is_retryable);
	ck_assert_uint_eq(origin_log_last(rig.origin), 0);
	rig_stop(&rig);
}
END_TEST

START_TEST(a_refused_connection_is_told)
{
	char url[64];
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/", origin_dead_port(rig.origin));
	spec = rig_download(&rig, 1, url);
	t = rig_run(&rig, 1, &spec);
	ck_assert_str_eq(t->order, "D");
	ck_assert_int_eq(t->done.result.code, TRANSFER_ERROR_CANNOT_CONNECT_TO_HOST);
	ck_assert_int_eq(t->done.result.os_errno, ECONNREFUSED);
	ck_assert(t->done.is_retryable);
	rig_stop(&rig);
}
END_TEST

START_TEST(headers_that_could_break_a_request_are_our_mistake)
{
	static const struct engine_header bad[] = {
		{ "X-A", "b\r\nX-C: d" },
		{ "X A", "b" },
		{ "X:A", "b" },
		{ "", "b" },
	};
	struct engine_spec spec;

	rig_start(&rig, NULL, NULL);
	spec = rig_download(&rig, 1, "/file?size=1");
	spec.n_headers = 1;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		spec.headers = &bad[i];
		ck_assert_int_eq(engine_start(rig.engine, 1, 1, &spec), -EINVAL);
	}
	spec.n_headers = 0;
	spec.method = "GET /x HTTP/1.1\r\n";
	ck_assert_int_eq(engine_start(rig.engine, 1, 1, &spec), -EINVAL);
	ck_assert(!rig_turn(&rig, 0));
	rig_stop(&rig);
}
END_TEST

START_TEST(sends_the_callers_headers_and_none_of_the_engines)
{
	static const struct engine_header headers[] = {
		{ "X-Twice", "1" },
		{ "X-Twice", "2" },
		{ "X-Empty", "" },
		{ "Content-Length", "7" },
		{ "Transfer-Encoding", "chunked" },
		{ "Host", "elsewhere" },
	};
	struct engine_spec spec;
	struct origin_entry entry;
	char value[64];

	rig_start(&rig, NULL, NULL);
	spec = rig_download(&rig, 1, "/file?size=1");
	spec.headers = headers;
	spec.n_headers = sizeof(headers) / sizeof(headers[0]);
	rig_run(&rig, 1, &spec);
	ck_assert_int_eq(origin_log_find(rig.origin, "/file", 1, &entry), 0);
	ck_assert_ptr_nonnull(strstr(entry.headers, "X-Twice: 1\nX-Twice: 2\n"));
	ck_assert(origin_entry_header(&entry, "X-Empty", value, sizeof(value)));
	ck_assert_str_eq(value, "");
	ck_assert(origin_entry_header(&entry, "Accept-Encoding", value, sizeof(value)));
	ck_assert_str_eq(value, "identity");
	ck_assert(origin_entry_header(&entry, "User-Agent", value, sizeof(value)));
	ck_assert_str_eq(value, "rig/1");
	ck_assert(!origin_entry_header(&entry, "Content-Length", value, sizeof(value)));
	ck_assert(!origin_entry_header(&entry, "Transfer-Encoding", value, sizeof(value)));
	ck_assert(origin_entry_header(&entry, "Host", value, sizeof(value)));
	ck_assert_ptr_nonnull(strstr(value, "127.0.0.1"));
	rig_stop(&rig);
}
END_TEST

/* Each hop redirects to the next; the last is the file. Hop 1 is the outermost. */
static char *chain(const char *base, unsigned n_hops, const char *last)
{
	char *url = strdup(last);

	for (unsigned i = 0; i < n_hops; i++) {
		size_t used = 0, room = 3 * strlen(url) + 1;
		char *outer, *escaped = calloc(1, room);

		for (const char *c = url; *c; c++) {
			if (strchr("&?%=#+", *c))
				used += (size_t)snprintf(
					escaped + used, room - used, "%%%02X", (unsigned)*c);
			else
				escaped[used++] = *c;
		}
		ck_assert_int_gt(asprintf(&outer, "%s/file?redirect_to=%s", base, escaped), 0);
		free(escaped);
		free(url);
		url = outer;
	}
	return url;
}

START_TEST(follows_redirects)
{
	struct engine_spec spec;
	struct rig_task *t;
	char *url;

	rig_start(&rig, NULL, NULL);
	url = chain(origin_base(rig.origin), 2, "/file?size=2000&seed=5");
	spec = rig_download(&rig, 1, url);
	t = rig_run(&rig, 1, &spec);
	ck_assert_str_eq(t->order, "c>>RDS");
	rig_check_part(&rig, 1, 5, 2000);
	ck_assert_ptr_nonnull(strstr(t->url, "/file?size=2000&seed=5"));
	ck_assert_str_eq(t->url, t->redirect);
	free(url);
	rig_stop(&rig);
}
END_TEST

START_TEST(a_loop_ends_at_the_limit)
{
	static const char answer[] =
		"HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n";
	struct engine_spec spec;
	struct rig_task *t;
	char *url;

	rig_start(&rig, NULL, NULL);
	url = origin_url(rig.origin, "/loop");
	origin_raw(rig.origin, "/loop", answer, sizeof(answer) - 1);
	spec = rig_download(&rig, 1, url);
	spec.redirects_max = _i ? 3 : 0;
	t = rig_run(&rig, 1, &spec);
	ck_assert_int_eq(t->done.result.code, TRANSFER_ERROR_TOO_MANY_REDIRECTS);
	ck_assert(!t->done.is_retryable);
	ck_assert_uint_eq(t->n_events[ENGINE_EVENT_REDIRECTED], _i ? 3 : 16);
	ck_assert_uint_eq(origin_log_count(rig.origin, "/loop"), _i ? 4 : 17);
	free(url);
	rig_stop(&rig);
}
END_TEST

START_TEST(secrets_stay_with_their_origin)
{
	static const struct engine_header headers[] = {
		{ "Authorization", "Bearer s3cret" },
		{ "Cookie", "a=s3cret" },
		{ "X-Api-Key", "s3cret" },
		{ "Accept-Language", "fr" },
	};
	struct origin_config config = { 0 };
	struct origin *other;
	struct origin_entry entry;
	struct engine_spec spec;
	char *url, *inner, value[256];

	rig_start(&rig, NULL, NULL);
	ck_assert_int_eq(origin_new(&config, &other), 0);
	/* there and back again: what was left behind stays behind */
	inner = chain(origin_base(other), 1, origin_base(rig.origin));
	url = chain(origin_base(rig.origin), 1, inner);
	spec = rig_download(&rig, 1, url);
	spec.headers = headers;
	spec.n_headers = 4;
	rig_run(&rig, 1, &spec);
	ck_assert_int_eq(origin_log_find(rig.origin, "/file", 1, &entry), 0);
	ck_assert_ptr_nonnull(strstr(entry.headers, "Bearer s3cret"));
	ck_assert_int_eq(origin_log_find(other, "/file", 1, &entry), 0);
	ck_assert_ptr_null(strstr(entry.headers, "s3cret"));
	ck_assert(origin_entry_header(&entry, "Accept-Language", value, sizeof(value)));
	ck_assert_int_eq(origin_log_get(rig.origin, origin_log_last(rig.origin), &entry), 0);
	ck_assert_uint_eq(origin_log_last(rig.origin), 2);
	ck_assert_ptr_null(strstr(entry.headers, "s3cret"));
	free(url);
	free(inner);
	rig_stop(&rig);
	origin_free(other);
}
END_TEST

START_TEST(a_stopped_download_goes_on_from_its_byte)
{
	struct engine_spec spec;
	struct origin_entry entry;
	struct rig_task *t;
	uint64_t kept_bytes;
	char etag[256];

	rig_start(&rig, NULL, NULL);
	spec = rig_download(&rig, 1, "/file?size=4M&seed=9&gate=g&gate_after=1500000");
	rig_begin(&rig, 1, &spec);
	ck_assert_int_eq(origin_wait_bytes(rig.origin, "/file", 1, 1500000, 5000), 0);
	while (rig.tasks[1].progress_bytes < 1500000)
		rig_wait(&rig, 1, ENGINE_EVENT_PROGRESS,
			rig.tasks[1].n_events[ENGINE_EVENT_PROGRESS] + 1);
	engine_stop(rig.engine, 1, 1);
	engine_stop(rig.engine, 1, 1);
	t = rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	ck_assert(t->done.is_stopped);
	ck_assert(!t->done.is_retryable);
	ck_assert_uint_eq(t->done.offset_bytes, 1500000);
	kept_bytes = t->done.offset_bytes;
	snprintf(etag, sizeof(etag), "%s", t->etag);

	rig_forget(&rig, 1);
	spec = rig_download(&rig, 1, "/file?size=4M&seed=9&gate=g&gate_after=1500000");
	origin_release(rig.origin, "g");
	spec.resume_offset_bytes = kept_bytes;
	spec.etag = etag;
	spec.known_total_bytes = 4 << 20;
	t = rig_run(&rig, 1, &spec);
	ck_assert_str_eq(t->order, "crRDS");
	ck_assert_uint_eq(t->resumed_bytes, kept_bytes);
	ck_assert_int_eq(t->resumed_total_bytes, 4 << 20);
	rig_check_part(&rig, 1, 9, 4 << 20);
	ck_assert_uint_eq(t->done.network_bytes, (4 << 20) - kept_bytes);
	ck_assert_int_eq(origin_log_find(rig.origin, "/file", 2, &entry), 0);
	ck_assert_str_eq(entry.range, "bytes=1500000-");
	ck_assert_str_eq(entry.if_range, etag);
	rig_stop(&rig);
}
END_TEST

START_TEST(stops_wherever_it_is)
{
	static const char *const targets[] = {
		"/file?hang&size=1",
		"/file?size=1M&gate=g&gate_after=0",
		"http://192.0.2.1/",
	};
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = rig_download(&rig, 1, targets[_i]);
	rig_begin(&rig, 1, &spec);
	if (_i < 2)
		ck_assert_int_eq(origin_wait_arrived(rig.origin, "/file", 1, 5000), 0);
	engine_stop(rig.engine, 1, 1);
	t = rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	/* where there is no route the connection may have failed first */
	ck_assert(t->done.is_stopped ||
		(_i == 2 && t->done.result.code == TRANSFER_ERROR_CANNOT_CONNECT_TO_HOST));
	ck_assert_uint_eq(t->done.offset_bytes, 0);
	rig_stop(&rig);
}
END_TEST

START_TEST(freeing_ends_everything_in_time)
{
	struct engine_spec spec;
	uint64_t start_us;

	rig_start(&rig, NULL, NULL);
	for (unsigned i = 1; i <= 20; i++) {
		spec = rig_download(
			&rig, i, i % 2 ? "/file?hang&size=1" : "/file?size=64M&rate_bps=1M");
		rig_begin(&rig, i, &spec);
	}
	ck_assert_int_eq(origin_wait_arrived(rig.origin, "/file", 6, 5000), 0);
	start_us = clock_now_us();
	engine_free(rig.engine);
	rig.engine = NULL;
	ck_assert_uint_lt(clock_now_us() - start_us, RIG_DEADLINE_MS * CLOCK_US_PER_MS);
	rig_stop(&rig);
}
END_TEST

/* Neither header bytes nor interim answers nor chunk extensions are payload. */
static const char *const drips[] = {
	"/file?hang&size=1",
	"/file?size=1M&hang_after=1000",
	"/file?size=10&drip_ms=100",
};

START_TEST(silence_is_cut)
{
	struct engine_spec spec;
	struct rig_task *t;
	uint64_t start_us;

	rig_start(&rig, NULL, NULL);
	spec = rig_download(&rig, 1, drips[_i]);
	spec.idle_timeout_us = CLOCK_US_PER_S;
	start_us = clock_now_us();
	t = rig_run(&rig, 1, &spec);
	ck_assert_int_eq(t->done.result.code, TRANSFER_ERROR_TIMED_OUT);
	ck_assert(t->done.is_retryable);
	ck_assert_uint_ge(clock_now_us() - start_us, CLOCK_US_PER_S);
	rig_stop(&rig);
}
END_TEST

START_TEST(the_resource_limit_is_final)
{
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = rig_download(&rig, 1, "/file?size=8M&rate_bps=100K");
	/* some bytes must have come by then */
	spec.deadline_boot_us = clock_boot_us() + 2 * CLOCK_US_PER_S;
	t = rig_run(&rig, 1, &spec);
	ck_assert_int_eq(t->done.result.code, TRANSFER_ERROR_TIMED_OUT);
	ck_assert(!t->done.is_retryable);
	ck_assert_uint_gt(t->done.offset_bytes, 0);
	ck_assert_uint_eq(t->done.offset_bytes, t->done.received_bytes);
	rig_stop(&rig);
}
END_TEST

START_TEST(a_crawl_is_below_the_floor)
{
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = rig_download(&rig, 1, "/file?size=8M&rate_bps=4K");
	spec.floor_bps = 1 << 20;
	spec.floor_window_us = CLOCK_US_PER_S;
	t = rig_run(&rig, 1, &spec);
	ck_assert_int_eq(t->done.result.code, TRANSFER_ERROR_TIMED_OUT);
	ck_assert(t->done.is_retryable);
	rig_stop(&rig);
}
END_TEST

/* A limit of ours that was never reached has not made it slow. */
START_TEST(a_crawl_below_a_limit_is_below_the_floor)
{
	struct engine_config config = { .max_download_bps = 100 << 20 };
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, &config);
	spec = rig_download(&rig, 1, "/file?size=8M&rate_bps=4K");
	spec.max_rate_bps = 50 << 20;
	spec.floor_bps = 1 << 20;
	spec.floor_window_us = CLOCK_US_PER_S;
	spec.deadline_boot_us = clock_boot_us() + 30 * CLOCK_US_PER_S;
	t = rig_run(&rig, 1, &spec);
	ck_assert_int_eq(t->done.result.code, TRANSFER_ERROR_TIMED_OUT);
	ck_assert(t->done.is_retryable);
	rig_stop(&rig);
}
END_TEST

/* But one that was has, and an answer that takes its time is the idle limit's. */
START_TEST(the_floor_cuts_nobody_who_waits)
{
	static const char *const targets[] = { "/file?size=100K", "/file?size=2M&delay_ms=2500" };
	struct engine_spec spec;

	rig_start(&rig, NULL, NULL);
	spec = rig_download(&rig, 1, targets[_i]);
	spec.max_rate_bps = _i ? 0 : 40 << 10;
	spec.floor_bps = 1 << 20;
	spec.floor_window_us = CLOCK_US_PER_S;
	ck_assert_int_eq(rig_run(&rig, 1, &spec)->done.result.code, 0);
	rig_stop(&rig);
}
END_TEST

START_TEST(a_rate_limit_holds)
{
	struct engine_config config = { .max_download_bps = _i ? 2 << 20 : 0 };
	struct engine_spec spec;
	uint64_t start_us, passed_us;

	rig_start(&rig, NULL, &config);
	start_us = clock_now_us();
	for (unsigned i = 1; i <= 2; i++) {
		spec = rig_download(&rig, i, "/file?size=2M&seed=4");
		spec.max_rate_bps = _i ? 0 : 1 << 20;
		rig_begin(&rig, i, &spec);
	}
	rig_wait_all(&rig, 2, 2);
	passed_us = clock_now_us() - start_us;
	rig_check_part(&rig, 1, 4, 2 << 20);
	rig_check_part(&rig, 2, 4, 2 << 20);
	ck_assert_uint_ge(passed_us, 1500000);
	rig_stop(&rig);
}
END_TEST

START_TEST(a_changed_limit_works_at_once)
{
	struct engine_spec spec;
	struct rig_task *t;
	uint64_t start_us;

	rig_start(&rig, NULL, NULL);
	spec = rig_download(&rig, 1, "/file?size=4M&seed=4");
	spec.max_rate_bps = 100 << 10;
	start_us = clock_now_us();
	rig_begin(&rig, 1, &spec);
	t = rig_wait(&rig, 1, ENGINE_EVENT_PROGRESS, 2);
	ck_assert_uint_lt(t->progress_bytes,
		(300 << 10) + (100 << 10) * ((clock_now_us() - start_us) / CLOCK_US_PER_S + 1));
	/* at the old rate it would take 40 seconds, and this waits for less */
	engine_set_rate(rig.engine, 1, 1, 0);
	rig_wait(&rig, 1, ENGINE_EVENT_SYNCED, 1);
	rig_check_part(&rig, 1, 4, 4 << 20);
	rig_stop(&rig);
}
END_TEST

static void check_prefix(uint64_t seed, size_t n)
{
	FILE *f = fopen(rig_path(&rig, "part-1"), "re");
	char *is = malloc(n), *want = malloc(n);

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fread(is, 1, n, f), n);
	origin_bytes(seed, 0, want, n);
	ck_assert_mem_eq(is, want, n);
	fclose(f);
	free(is);
	free(want);
}

START_TEST(checkpoints_are_durable_prefixes)
{
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = rig_download(&rig, 1, "/file?size=6M&seed=2&rate_bps=6M&gate=g&gate_after=3M");
	spec.checkpoint_bytes = 1 << 20;
	spec.digest_name = "sha256";
	rig_begin(&rig, 1, &spec);
	t = rig_wait(&rig, 1, ENGINE_EVENT_CHECKPOINT, 1);
	ck_assert_uint_gt(t->checkpoint_bytes, 0);
	ck_assert_uint_le(t->checkpoint_bytes, 3 << 20);
	check_prefix(2, t->checkpoint_bytes);
	origin_release(rig.origin, "g");
	rig_wait(&rig, 1, ENGINE_EVENT_SYNCED, 1);
	ck_assert_uint_le(t->checkpoint_bytes, 6 << 20);
	rig_check_part(&rig, 1, 2, 6 << 20);
	{
		char want[65];

		origin_bytes_sha256(2, 6 << 20, want);
		ck_assert_str_eq(t->digest_hex, want);
	}
	rig_stop(&rig);
}
END_TEST

/* One that is due every few milliseconds would do nothing but sync. */
START_TEST(a_fast_transfer_has_few_checkpoints)
{
	struct engine_spec spec;
	struct rig_task *t;
	uint64_t start_us, most;

	rig_start(&rig, NULL, NULL);
	spec = rig_download(&rig, 1, "/file?size=12M&seed=2&rate_bps=16M");
	spec.checkpoint_bytes = 1 << 20;
	start_us = clock_now_us();
	t = rig_run(&rig, 1, &spec);
	/* the one of the validator, one in 4 MiB, one in 200 ms */
	most = 1 + 12 / 4 + (clock_now_us() - start_us) / (200 * CLOCK_US_PER_MS);
	ck_assert_int_eq(t->done.result.code, 0);
	ck_assert_uint_le(t->n_events[ENGINE_EVENT_CHECKPOINT], most);
	rig_stop(&rig);
}
END_TEST

#ifdef TRANSFERD_FAILPOINTS
START_TEST(a_full_disk_keeps_what_there_is)
{
	struct engine_spec spec;
	struct rig_task *t;

	setenv("TRANSFERD_FAILPOINT", "sink.write:3=28", 1);
	rig_start(&rig, NULL, NULL);
	spec = rig_download(&rig, 1, "/file?size=4M&seed=2");
	t = rig_run(&rig, 1, &spec);
	ck_assert_str_eq(t->order, "cRD");
	ck_assert(t->done.is_disk_full);
	ck_assert(!t->done.is_retryable);
	ck_assert_int_eq(t->done.result.os_errno, ENOSPC);
	ck_assert_uint_ge(t->done.offset_bytes, 256 << 10);
	ck_assert_uint_lt(t->done.offset_bytes, 4 << 20);
	rig_stop(&rig);
}
END_TEST

START_TEST(a_failed_sync_is_not_believed)
{
	struct engine_spec spec;
	struct rig_task *t;

	setenv("TRANSFERD_FAILPOINT", "disk.sync.before:2=5", 1);
	rig_start(&rig, NULL, NULL);
	spec = rig_download(&rig, 1, "/file?size=8M&seed=2&rate_bps=8M&gate=g&gate_after=4M");
	spec.checkpoint_bytes = 1 << 20;
	rig_begin(&rig, 1, &spec);
	rig_wait(&rig, 1, ENGINE_EVENT_CHECKPOINT, 1);
	origin_release(rig.origin, "g");
	t = rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	ck_assert_int_eq(t->done.result.code, TRANSFER_ERROR_CANNOT_WRITE_TO_FILE);
	ck_assert_int_eq(t->done.result.os_errno, EIO);
	ck_assert_uint_eq(t->n_events[ENGINE_EVENT_CHECKPOINT], 1);
	/* what was durable before, and not a byte more */
	ck_assert_uint_eq(t->done.offset_bytes, t->checkpoint_bytes);
	ck_assert_uint_lt(t->checkpoint_bytes, t->done.received_bytes);
	rig_stop(&rig);
}
END_TEST
#endif

START_TEST(five_hundred_small_files)
{
	struct engine_spec spec;
	struct rlimit files;
	char target[64];

	rig_start(&rig, NULL, NULL);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
	for (unsigned i = 1; i <= 500; i++) {
		snprintf(target, sizeof(target), "/file?size=4096&seed=%u", i);
		spec = rig_download(&rig, i, target);
		spec.idle_timeout_us = 10 * CLOCK_US_PER_S;
		rig_begin(&rig, i, &spec);
	}
	rig_wait_all(&rig, 500, 500);
	for (unsigned i = 1; i <= 500; i++)
		rig_check_part(&rig, i, i, 4096);
	{
		struct origin_entry entry;

		/* at most six connections, all of them reused */
		ck_assert_int_eq(origin_log_get(rig.origin, 500, &entry), 0);
		ck_assert_uint_le(entry.connection, 6);
	}
	rig_stop(&rig);
}
END_TEST

START_TEST(sessions_share_no_connection)
{
	struct origin_entry one, two, three;
	struct engine_spec spec;

	rig_start(&rig, NULL, NULL);
	for (unsigned i = 1; i <= 3; i++) {
		spec = rig_download(&rig, i, "/file?size=10");
		spec.session = i == 2 ? 2 : 1;
		rig_run(&rig, i, &spec);
	}
	ck_assert_int_eq(origin_log_find(rig.origin, "/file", 1, &one), 0);
	ck_assert_int_eq(origin_log_find(rig.origin, "/file", 2, &two), 0);
	ck_assert_int_eq(origin_log_find(rig.origin, "/file", 3, &three), 0);
	ck_assert_uint_ne(one.connection, two.connection);
	ck_assert_uint_eq(one.connection, three.connection);
	engine_drop_connections(rig.engine, 1);
	spec = rig_download(&rig, 4, "/file?size=10");
	rig_run(&rig, 4, &spec);
	ck_assert_int_eq(origin_log_find(rig.origin, "/file", 4, &two), 0);
	ck_assert_uint_ne(two.connection, one.connection);
	rig_stop(&rig);
}
END_TEST

START_TEST(an_idle_engine_sleeps)
{
#ifdef __SANITIZE_THREAD__
	const long most = 100; /* its own thread wakes up all the time */
#else
	const long most = 3; /* our own poll and nothing else */
#endif
	struct rusage before, after;
	struct engine_spec spec;

	rig_start(&rig, NULL, NULL);
	spec = rig_download(&rig, 1, "/file?size=10");
	rig_run(&rig, 1, &spec);
	origin_free(rig.origin);
	rig.origin = NULL;
	ck_assert(!rig_turn(&rig, 300));
	ck_assert_int_eq(getrusage(RUSAGE_SELF, &before), 0);
	ck_assert(!rig_turn(&rig, 1500));
	ck_assert_int_eq(getrusage(RUSAGE_SELF, &after), 0);
	ck_assert_int_le(after.ru_nvcsw - before.ru_nvcsw, most);
	rig_stop(&rig);
}
END_TEST

#ifdef TRANSFERD_FAILPOINTS
#	define FAULT_TESTS \
		TEST(a_full_disk_keeps_what_there_is), TEST(a_failed_sync_is_not_believed),
#else
#	define FAULT_TESTS
#endif

RUN_TESTS_WITHIN("engine/engine", 40, TEST(downloads_a_file),
	TEST(publishes_once_and_never_over_another_file),
	TEST_EACH(small_files_need_no_part, unnamed),
	TEST(a_small_file_that_lasts_tells_its_response), TEST(small_files_share_their_folder),
	TEST(a_lost_file_is_told), TEST(an_error_page_is_the_file),
	TEST_EACH(refuses_before_it_connects, refusals), TEST(a_refused_connection_is_told),
	TEST(headers_that_could_break_a_request_are_our_mistake),
	TEST(sends_the_callers_headers_and_none_of_the_engines), TEST(follows_redirects),
	TEST_LOOP(a_loop_ends_at_the_limit, 2), TEST(secrets_stay_with_their_origin),
	TEST(a_stopped_download_goes_on_from_its_byte), TEST_LOOP(stops_wherever_it_is, 3),
	TEST(freeing_ends_everything_in_time), TEST_EACH(silence_is_cut, drips),
	TEST(the_resource_limit_is_final), TEST(a_crawl_is_below_the_floor),
	TEST(a_crawl_below_a_limit_is_below_the_floor),
	TEST_LOOP(the_floor_cuts_nobody_who_waits, 2), TEST_LOOP(a_rate_limit_holds, 2),
	TEST(a_changed_limit_works_at_once), TEST(checkpoints_are_durable_prefixes),
	TEST(a_fast_transfer_has_few_checkpoints), FAULT_TESTS TEST(five_hundred_small_files),
	TEST(sessions_share_no_connection), TEST(an_idle_engine_sleeps))
