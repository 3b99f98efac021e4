/* SPDX-License-Identifier: MIT */
/* Metrics of sessions that live in memory: each request with all that is known of it. */
#include <string.h>
#include <time.h>

#include "tests/lib/run.h"
#include "tests/system/live.h"

static struct rig rig;
static uint64_t before_wall_us, made_wall_us, resumed_wall_us;
static unsigned n_told;

static uint64_t wall_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Those that happened, one after the other. */
static void check_times(const struct transfer_transaction *t)
{
	const uint64_t times[] = { t->fetch_start_wall_usec, t->lookup_start_wall_usec,
		t->lookup_end_wall_usec, t->connect_start_wall_usec, t->secure_start_wall_usec,
		t->secure_end_wall_usec, t->connect_end_wall_usec, t->request_start_wall_usec,
		t->request_end_wall_usec, t->response_start_wall_usec, t->response_end_wall_usec };
	uint64_t last = resumed_wall_us;

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		if (!times[i])
			continue;
		ck_assert_msg(times[i] >= last, "time %zu is before the last", i);
		last = times[i];
	}
	ck_assert_uint_le(last, wall_us());
	ck_assert(t->fetch_start_wall_usec && t->request_start_wall_usec &&
		t->request_end_wall_usec && t->response_start_wall_usec &&
		t->response_end_wall_usec);
	ck_assert_int_eq(t->secure_start_wall_usec != 0, !t->is_reused_connection);
	ck_assert_int_eq(t->secure_end_wall_usec != 0, !t->is_reused_connection);
	ck_assert_int_eq(t->connect_start_wall_usec != 0, !t->is_reused_connection);
	ck_assert_int_eq(t->connect_end_wall_usec != 0, !t->is_reused_connection);
}

static void check_transaction(const struct transfer_transaction *t, const char *path, int status)
{
	ck_assert_uint_eq(t->size, sizeof(*t));
	ck_assert_ptr_nonnull(strstr(t->url, path));
	ck_assert_str_eq(t->method, "GET");
	ck_assert_int_eq(t->status, status);
	ck_assert_int_eq(t->fetch_type, TRANSFER_FETCH_NETWORK);
	ck_assert_str_eq(t->protocol, "http/1.1");
	ck_assert(!t->is_proxy);
	ck_assert_uint_gt(t->request_header_bytes, strlen("GET / HTTP/1.1\r\n\r\n"));
	ck_assert_uint_eq(t->request_body_bytes, 0);
	ck_assert_uint_gt(t->response_header_bytes, strlen("HTTP/1.1 200\r\n\r\n"));
	ck_assert_str_eq(t->local_address, "127.0.0.1");
	ck_assert_str_eq(t->remote_address, "127.0.0.1");
	ck_assert(t->local_port && t->remote_port && t->local_port != t->remote_port);
	ck_assert_ptr_nonnull(t->tls_version);
	ck_assert_int_eq(strncmp(t->tls_version, "TLSv1.", strlen("TLSv1.")), 0);
	ck_assert_ptr_nonnull(t->tls_cipher);
	ck_assert_uint_gt(strlen(t->tls_cipher), 0);
	check_times(t);
}

static void on_metrics(const struct transfer_metrics *metrics)
{
	const struct transfer_transaction *first, *second;

	n_told++;
	ck_assert_uint_eq(metrics->n_transactions, 2);
	first = metrics->transactions[0];
	second = metrics->transactions[1];
	check_transaction(first, "/file?redirect_to=/Nepal", 302);
	check_transaction(second, "/Nepal", 200);
	ck_assert(!first->is_reused_connection && second->is_reused_connection);
	ck_assert_uint_ge(second->fetch_start_wall_usec, first->request_end_wall_usec);
	ck_assert_uint_eq(second->local_port, first->local_port);
	ck_assert_uint_eq(second->response_body_bytes, strlen("Kathmandu"));
	ck_assert_uint_eq(second->decoded_response_body_bytes, strlen("Kathmandu"));
	ck_assert_uint_eq(metrics->n_redirects, 1);
	ck_assert_uint_eq(metrics->n_attempts, 1);
	ck_assert_uint_eq(metrics->network_bytes, strlen("Kathmandu"));
	/* the interval begins with the making of the task, not with its first resume */
	ck_assert_uint_ge(metrics->created_wall_usec, before_wall_us);
	ck_assert_uint_le(metrics->created_wall_usec, made_wall_us);
	ck_assert_uint_ge(metrics->started_wall_usec, resumed_wall_us);
	ck_assert_uint_ge(metrics->response_wall_usec, metrics->started_wall_usec);
	ck_assert_uint_ge(metrics->finished_wall_usec, metrics->response_wall_usec);
}

START_TEST(each_request_with_all)
{
	transfer_auto(transfer_request) request = NULL;
	struct live_app *app;
	transfer_task *task;

	rig_new_tls(&rig, ORIGIN_TLS_GOOD);
	app = live_open(
		&rig, &(struct live_app_config){ .secure = true, .on_metrics = on_metrics });
	request = live_request(app, NULL, "/file?redirect_to=/Nepal");
	transfer_request_set_ca_file(request, origin_ca_path(rig.origin));
	before_wall_us = wall_us();
	task = transfer_session_data_task(live_session(app), request, NULL, NULL);
	made_wall_us = wall_us();
	live_keep(app, task);
	while (wall_us() <= made_wall_us)
		;
	resumed_wall_us = wall_us();
	transfer_task_resume(task);
	ck_assert_int_eq(live_wait(app, task), 0);
	ck_assert_uint_eq(n_told, 1);
	live_close(app);
	rig_done(&rig);
}
END_TEST

RUN_TESTS_WITHIN("system/live-metrics", 60, TEST(each_request_with_all))
