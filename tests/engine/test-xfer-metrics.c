/* SPDX-License-Identifier: MIT */
/* Transactions: one for each request, in order, with times that follow each other and bytes that were counted. */
#include "engine/xfer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tests/engine/rig.h"
#include "tests/lib/run.h"

static struct rig rig;

static struct engine_spec make_spec(uint64_t task, const char *target)
{
	struct engine_spec spec = rig_live(&rig, task, target);

	spec.live.body = ENGINE_BODY_COLLECT;
	spec.live.decodes = true;
	spec.live.wants_transactions = true;
	return spec;
}

static uint64_t run_us; /* how long the last run took */

static struct rig_task *run(uint64_t task, const struct engine_spec *spec)
{
	uint64_t begin_us = clock_now_us();
	struct rig_task *t;

	rig_begin(&rig, task, spec);
	t = rig_wait(&rig, task, ENGINE_EVENT_DONE, 1);
	run_us = clock_now_us() - begin_us;
	return t;
}

static void check_ok(const struct rig_task *t)
{
	ck_assert_msg(!t->done.result.code, "%d %s", t->done.result.code, t->done.result.detail);
}

/* Each that happened is not before the one before it. */
static void check_order(const struct engine_transaction *tr)
{
	const uint64_t times[] = { tr->fetch_wall_us, tr->lookup_start_wall_us,
		tr->lookup_end_wall_us, tr->connect_start_wall_us, tr->secure_start_wall_us,
		tr->secure_end_wall_us, tr->connect_end_wall_us, tr->request_start_wall_us,
		tr->request_end_wall_us, tr->response_start_wall_us, tr->response_end_wall_us };
	uint64_t last_wall_us = 0;

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		if (!times[i])
			continue;
		/* libcurl's clock and ours are read one after the other; who runs between makes the run longer */
		ck_assert_msg(times[i] + run_us / 2 >= last_wall_us,
			"time %zu is %llu us too early", i,
			(unsigned long long)(last_wall_us - times[i]));
		last_wall_us = times[i];
	}
}

START_TEST(says_when_and_how_much)
{
	uint64_t begin_wall_us, end_wall_us;
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	for (uint64_t task = 1; task <= 2; task++) {
		const struct engine_transaction *tr = &rig.tasks[task].transactions[0];
		char text[128];

		begin_wall_us = clock_wall_us();
		spec = make_spec(task, "/file?size=3000&seed=1");
		t = run(task, &spec);
		end_wall_us = clock_wall_us();
		check_ok(t);
		ck_assert_uint_eq(t->n_transactions, 1);
		snprintf(text, sizeof(text), "GET 200 http/1.1 - 127.0.0.1 %s\n", spec.url);
		ck_assert_str_eq(t->transaction_text, text);
		check_order(tr);
		ck_assert(tr->is_reused_connection == (task == 2));
		ck_assert((tr->connect_end_wall_us != 0) == (task == 1));
		ck_assert((tr->lookup_start_wall_us != 0) == (task == 1));
		ck_assert(!tr->secure_start_wall_us && !tr->secure_end_wall_us && !tr->is_proxy);
		ck_assert_uint_eq(tr->remote_port, origin_port(rig.origin));
		ck_assert_uint_ne(tr->local_port, 0);
		ck_assert_uint_ge(tr->fetch_wall_us, begin_wall_us);
		ck_assert_uint_ge(tr->response_end_wall_us, tr->response_start_wall_us);
		ck_assert_uint_ne(tr->response_start_wall_us, 0);
		ck_assert_uint_le(tr->response_end_wall_us, end_wall_us + 1000);
		ck_assert_uint_eq(tr->response_body_bytes, 3000);
		ck_assert_uint_eq(tr->decoded_bytes, 3000);
		ck_assert_uint_eq(tr->request_body_bytes, 0);
		ck_assert_uint_gt(tr->request_head_bytes, strlen("GET / HTTP/1.1"));
		ck_assert_uint_gt(tr->response_head_bytes, strlen("HTTP/1.1 200"));
	}
	rig_stop(&rig);
}
END_TEST

START_TEST(counts_what_was_coded_and_sent)
{
	static const char body[2000] = "a";
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = make_spec(1, "/file?size=100000&seed=1&coding=gzip&zeros");
	spec.method = "POST";
	spec.live.source = ENGINE_SOURCE_BYTES;
	spec.live.source_bytes = body;
	spec.live.n_source_bytes = sizeof(body);
	t = run(1, &spec);
	check_ok(t);
	ck_assert_uint_eq(t->n_transactions, 1);
	ck_assert_uint_eq(t->transactions[0].request_body_bytes, sizeof(body));
	ck_assert_uint_eq(t->transactions[0].decoded_bytes, 100000);
	ck_assert_uint_lt(t->transactions[0].response_body_bytes, 2000);
	check_order(&t->transactions[0]);
	rig_stop(&rig);
}
END_TEST

START_TEST(each_request_is_one)
{
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = make_spec(1, "/file?status=307&redirect_to=/file%3Fsize%3D10%26status%3D404");
	t = run(1, &spec);
	check_ok(t);
	ck_assert_uint_eq(t->n_transactions, 2);
	ck_assert_ptr_nonnull(strstr(t->transaction_text, "GET 307 http/1.1 "));
	ck_assert_ptr_nonnull(strstr(t->transaction_text, "\nGET 404 http/1.1 "));
	ck_assert(!t->transactions[0].is_reused_connection);
	ck_assert(t->transactions[1].is_reused_connection);
	ck_assert_uint_ge(
		t->transactions[1].fetch_wall_us, t->transactions[0].response_start_wall_us);
	rig_stop(&rig);
}
END_TEST

/* Of very many the first ones are told, and the last. */
START_TEST(many_are_not_all_told)
{
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = make_spec(1, "/redirect/24");
	spec.redirects_max = 30;
	t = run(1, &spec);
	check_ok(t);
	ck_assert_uint_eq(t->n_transactions, 20);
	ck_assert_uint_eq(t->transactions[18].status, 302);
	ck_assert_uint_eq(t->transactions[19].status, t->status);
	ck_assert_uint_ge(t->transactions[19].fetch_wall_us, t->transactions[18].fetch_wall_us);
	rig_stop(&rig);
}
END_TEST

START_TEST(what_failed_is_told_too)
{
	struct engine_spec spec;
	struct rig_task *t;
	char url[64];

	rig_start(&rig, NULL, NULL);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/", origin_dead_port(rig.origin));
	spec = make_spec(1, url);
	t = run(1, &spec);
	ck_assert_int_eq(t->done.result.code, TRANSFER_ERROR_CANNOT_CONNECT_TO_HOST);
	ck_assert_uint_eq(t->n_transactions, 1);
	ck_assert_uint_eq(t->transactions[0].status, 0);
	ck_assert_uint_ne(t->transactions[0].fetch_wall_us, 0);
	ck_assert_uint_eq(t->transactions[0].request_start_wall_us, 0);
	ck_assert_uint_eq(t->transactions[0].response_end_wall_us, 0);
	ck_assert_uint_eq(t->transactions[0].remote_port, 0);
	/* cut in its body, and stopped */
	spec = make_spec(2, "/file?size=1000&seed=1&drop_after=500");
	t = run(2, &spec);
	ck_assert_int_eq(t->done.result.code, TRANSFER_ERROR_NETWORK_CONNECTION_LOST);
	ck_assert_uint_eq(t->n_transactions, 1);
	ck_assert_uint_eq(t->transactions[0].status, 200);
	spec = make_spec(3, "/file?size=1000&seed=1&hang");
	rig_begin(&rig, 3, &spec);
	t = rig_wait(&rig, 3, ENGINE_EVENT_CONNECTED, 1);
	engine_stop(rig.engine, 3, 1);
	rig_wait(&rig, 3, ENGINE_EVENT_DONE, 1);
	ck_assert_uint_eq(t->n_transactions, 1);
	ck_assert_uint_ne(t->transactions[0].request_start_wall_us, 0);
	ck_assert_uint_eq(t->transactions[0].response_end_wall_us, 0);
	rig_stop(&rig);
}
END_TEST

START_TEST(nobody_is_told_who_did_not_ask)
{
	struct engine_spec spec;

	rig_start(&rig, NULL, NULL);
	spec = make_spec(1, "/file?size=10");
	spec.live.wants_transactions = false;
	ck_assert_uint_eq(run(1, &spec)->n_transactions, 0);
	rig_stop(&rig);
}
END_TEST

RUN_TESTS("engine/xfer-metrics", TEST(says_when_and_how_much), TEST(counts_what_was_coded_and_sent),
	TEST(each_request_is_one), TEST(many_are_not_all_told), TEST(what_failed_is_told_too),
	TEST(nobody_is_told_who_did_not_ask))
