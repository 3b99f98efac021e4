/* SPDX-License-Identifier: MIT */
/*
 * Requests of one session share handles: what one needs and the next does not may not be left in
 * them. They run one after the other, so that each could have had the handle of the one before.
 */
#include "engine/xfer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/engine/rig.h"
#include "tests/lib/run.h"

static struct rig rig;

static const struct engine_header own_header[] = { { "X-Own", "1" } };
static const struct engine_header range_header[] = { { "Range", "bytes=10-19" } };

static const struct {
	const char *method, *target, *user;
	const struct engine_header *header;
} before[] = {
	{ "GET", "/file?size=100&seed=9", NULL, NULL },
	{ "GET", "/file?size=100&seed=9", "u:p@", NULL },
	{ "GET", "/file?size=100&seed=9", NULL, own_header },
	{ "GET", "/file?size=100&seed=9", NULL, range_header },
	{ "GET", "/file?size=100&seed=9&chunked", NULL, NULL },
	{ "GET", "/file?size=100&seed=9&status=404", NULL, NULL },
	{ "GET", "/file?size=100&seed=9&no_length", NULL, NULL },
	{ "GET", "/file?redirect_to=/file", NULL, own_header },
	{ "GET", "/file?size=100&seed=9&drop_after=50", NULL, NULL },
	{ "HEAD", "/file?size=100&seed=9", NULL, NULL },
	{ "POST", "/file?size=100&seed=9", NULL, NULL },
	{ "DELETE", "/file?size=100&seed=9", "u:p@", own_header },
};

static void run_before(uint64_t task, size_t i)
{
	struct engine_spec spec = rig_download(&rig, task, before[i].target);
	char url[256];

	if (before[i].user) {
		snprintf(url, sizeof(url), "http://%s%s", before[i].user,
			spec.url + strlen("http://"));
		spec.url = url;
	}
	spec.method = before[i].method;
	spec.headers = before[i].header;
	spec.n_headers = before[i].header ? 1 : 0;
	rig_run(&rig, task, &spec);
}

static void check_plain(uint64_t task)
{
	static const char *const names[] = { "Authorization", "X-Own", "Range", "Content-Length",
		"Transfer-Encoding", "Expect" };
	struct engine_spec spec = rig_download(&rig, task, "/file?size=300&seed=5");
	struct origin_entry entry;
	char value[64];

	rig_run(&rig, task, &spec);
	rig_check_part(&rig, task, 5, 300);
	ck_assert_int_eq(origin_log_get(rig.origin, origin_log_last(rig.origin), &entry), 0);
	ck_assert_str_eq(entry.method, "GET");
	ck_assert_str_eq(entry.target, "/file?size=300&seed=5");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ck_assert_msg(!origin_entry_header(&entry, names[i], value, sizeof(value)),
			"%s: %s", names[i], value);
}

/* Each kind of request, and after each a plain one; twice, so that also each comes after each. */
START_TEST(leaves_nothing_for_the_next)
{
	uint64_t task = 1;

	rig_start(&rig, NULL, NULL);
	for (size_t i = 0; i < 2 * sizeof(before) / sizeof(before[0]); i++) {
		run_before(task++, i % (sizeof(before) / sizeof(before[0])));
		check_plain(task++);
	}
	rig_stop(&rig);
}
END_TEST

/* Whom one request trusts the next does not: that one has the system's authorities. */
START_TEST(trusts_only_its_own_authority)
{
	struct origin_config config = { .tls = ORIGIN_TLS_GOOD };
	struct engine_spec spec;
	struct origin *origin;
	struct rig_task *t;
	char *url;

	rig_start(&rig, NULL, NULL);
	config.folder = rig.folder;
	ck_assert_int_eq(origin_new(&config, &origin), 0);
	url = origin_url(origin, "/file?size=100&seed=1");
	for (uint64_t task = 1; task <= 6; task++) {
		bool is_trusted = task % 3 != 0;

		spec = rig_download(&rig, task, url);
		spec.ca_file = is_trusted ? origin_ca_path(origin) : NULL;
		t = rig_run(&rig, task, &spec);
		ck_assert_msg((t->done.result.code == 0) == is_trusted, "task %u: %d %s",
			(unsigned)task, t->done.result.code, t->done.result.detail);
		if (is_trusted)
			rig_check_part(&rig, task, 1, 100);
	}
	free(url);
	rig_stop(&rig);
	origin_free(origin);
}
END_TEST

RUN_TESTS("engine/xfer-request", TEST(leaves_nothing_for_the_next),
	TEST(trusts_only_its_own_authority))
