/* SPDX-License-Identifier: MIT */
/* Time limits of tasks in memory. A limit never strikes sooner than it says; how much later is the machine's affair. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/run.h"
#include "tests/system/live.h"

#define LIMIT_US 1000000u

static struct rig rig;
static struct live_app *app;

static void end(void)
{
	app = live_close(app);
	rig_done(&rig);
}

static void tune_short(transfer_config *config)
{
	transfer_config_set_request_timeout(config, LIMIT_US);
}

static void tune_long(transfer_config *config)
{
	transfer_config_set_request_timeout(config, 3600ull * 1000000);
}

/* SW-44, SW-45: the request's own limit is what counts, else the session's */
static const struct {
	const char *target;
	bool short_session;
	uint64_t request_us; /* 0: not set */
	const char *want;
} limits[] = {
	{ "/file?hang", true, 0, "created done:-1001" },
	{ "/file?hang", false, LIMIT_US, "created done:-1001" },
	{ "/file?hang", false, LIMIT_US + 50000, "created done:-1001" },
	{ "/file?size=100&hang_after=10", true, 0, "created resp:200 data:10 done:-1001" },
	{ "/file?size=100&hang_after=10", false, LIMIT_US, "created resp:200 data:10 done:-1001" },
	{ "/Nepal?delay_ms=1200", true, 3600ull * 1000000, "created resp:200 data:9 done:0" },
	/* a byte now and then is no silence */
	{ "/file?size=6000&rate_bps=4000", false, LIMIT_US, "created resp:200 data:6000 done:0" },
};

START_TEST(the_request_has_the_last_word)
{
	transfer_task *tasks[sizeof(limits) / sizeof(*limits)];
	transfer_request *request;
	struct live_app *apps[2];
	uint64_t begun_ms;

	rig_new(&rig);
	apps[0] = live_open(&rig, &(struct live_app_config){ .tune = tune_long });
	apps[1] = live_open(&rig, &(struct live_app_config){ .tune = tune_short });
	begun_ms = proc_now_ms();
	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		app = apps[limits[i].short_session];
		request = live_request(app, NULL, limits[i].target);
		if (limits[i].request_us)
			transfer_request_set_timeout(request, limits[i].request_us);
		tasks[i] = live_data(app, request);
	}
	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		live_check(apps[limits[i].short_session], tasks[i], limits[i].want);
		if (strstr(limits[i].want, "-1001"))
			ck_assert_uint_ge(proc_now_ms() - begun_ms, LIMIT_US / 1000);
	}
	live_close(apps[0]);
	app = apps[1];
	end();
}
END_TEST

/* the longest life of a task, however lively it is, and while it waits for its turn */
static void tune_life(transfer_config *config)
{
	transfer_config_set_resource_timeout(config, LIMIT_US);
	transfer_config_set_max_connections_per_host(config, 1);
}

START_TEST(a_task_lives_so_long)
{
	transfer_task *busy, *waiting;
	uint64_t begun_ms;

	rig_new(&rig);
	app = live_open(&rig, &(struct live_app_config){ .tune = tune_life });
	begun_ms = proc_now_ms();
	busy = live_data(app, live_request(app, NULL, "/file?size=100M&rate_bps=1000"));
	waiting = live_handled(app, live_request(app, NULL, "/Nepal"));
	ck_assert_int_eq(live_wait(app, busy), TRANSFER_ERROR_TIMED_OUT);
	ck_assert_uint_ge(proc_now_ms() - begun_ms, LIMIT_US / 1000);
	/* either its time ran out in the queue, or its turn came in the last moment */
	live_wait(app, waiting);
	end();
}
END_TEST

/* SW-46: a server that takes no connection */
START_TEST(nobody_opens)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t size_bytes = sizeof(address);
	int server_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fds[4];
	transfer_request *request;
	transfer_task *task;
	uint64_t begun_ms;
	char target[64];

	rig_new(&rig);
	app = live_open(&rig, NULL);
	ck_assert_int_eq(bind(server_fd, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(server_fd, 0), 0);
	ck_assert_int_eq(getsockname(server_fd, (struct sockaddr *)&address, &size_bytes), 0);
	/* its queue is full with these; the kernel answers to no other */
	for (unsigned i = 0; i < 4; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		connect(fds[i], (struct sockaddr *)&address, sizeof(address));
	}
	snprintf(target, sizeof(target), "http://127.0.0.1:%u/", ntohs(address.sin_port));
	request = live_request(app, NULL, target);
	transfer_request_set_timeout(request, 300000);
	begun_ms = proc_now_ms();
	task = live_data(app, request);
	live_check(app, task, "created done:-1001");
	ck_assert_uint_ge(proc_now_ms() - begun_ms, 300);
	for (unsigned i = 0; i < 4; i++)
		close(fds[i]);
	close(server_fd);
	end();
}
END_TEST

/* BT-31: a date is for sessions in the background */
START_TEST(a_date_is_ignored)
{
	transfer_request *request;
	transfer_task *task;

	rig_new(&rig);
	app = live_open(&rig, NULL);
	request = live_request(app, NULL, "/Nepal");
	transfer_request_set_not_before(request, UINT64_C(4102444800000000));
	task = live_data(app, request);
	live_check(app, task, "created resp:200 data:9 done:0");
	end();
}
END_TEST

/* GS-21, SW-58: nobody listens; there is no silent waiting in the foreground */
START_TEST(nobody_listens)
{
	transfer_task *told, *handled;
	char target[64];

	rig_new(&rig);
	app = live_open(&rig, NULL);
	snprintf(target, sizeof(target), "http://127.0.0.1:%u/", origin_dead_port(rig.origin));
	told = live_data(app, live_request(app, NULL, target));
	handled = live_handled_download(app, live_request(app, NULL, target));
	live_check(app, told, "created done:-1004");
	live_check(app, handled, "created handler:-1004:0:0");
	end();
}
END_TEST

/* a failing server is an answer, at once: it is not asked again */
START_TEST(an_error_of_the_server_is_not_repeated)
{
	transfer_task *task;

	rig_new(&rig);
	app = live_open(&rig, NULL);
	task = live_data(app, live_request(app, NULL, "/file?status=503&retry_after=1"));
	live_check(app, task, "created resp:503 data:11 done:0");
	ck_assert_uint_eq(origin_log_count(rig.origin, "/file"), 1);
	end();
}
END_TEST

RUN_TESTS_WITHIN("system/live-time", 60, TEST(the_request_has_the_last_word),
	TEST(a_task_lives_so_long), TEST(nobody_opens), TEST(a_date_is_ignored),
	TEST(nobody_listens), TEST(an_error_of_the_server_is_not_repeated))
