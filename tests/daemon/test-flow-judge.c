/* SPDX-License-Identifier: MIT */
/* Requests of tasks that are kept elsewhere: refused, or made to fail, as those of the queue are. */
#include <string.h>

#include <transfer/error.h>

#include "daemon/flow-state.h"
#include "tests/lib/run.h"
#include "tests/sim/sim.h"

static const struct {
	struct task_request request;
	bool is_lax, allows_ftp; /* the session allows plain http */
	int want, want_doom;
	const char *host;
} rows[] = {
	{ { .url = "https://A.example/x" }, false, false, 0, 0, "https://a.example:443" },
	{ { .url = "http://a.example/" }, false, false, 0, TRANSFER_ERROR_INSECURE_TRANSPORT,
		"http://a.example:80" },
	{ { .url = "http://a.example/" }, true, false, 0, 0, "http://a.example:80" },
	{ { .url = "http://a.example/", .allow_insecure = true }, false, false, 0, 0,
		"http://a.example:80" },
	{ { .url = "ftp://a.example/" }, true, false, 0, TRANSFER_ERROR_UNSUPPORTED_URL, "none" },
	{ { .url = "ftp://a.example/" }, false, true, 0, TRANSFER_ERROR_INSECURE_TRANSPORT,
		"ftp://a.example:21" },
	{ { .url = "ftp://a.example/" }, true, true, 0, 0, "ftp://a.example:21" },
	{ { .url = "ftps://a.example/" }, false, true, 0, 0, "ftps://a.example:990" },
	{ { .url = "gopher://a.example/" }, true, true, 0, TRANSFER_ERROR_UNSUPPORTED_URL, "none" },
	{ { .url = "https:///" }, true, true, 0, TRANSFER_ERROR_BAD_URL, "none" },
	{ { .url = "" }, true, true, 0, TRANSFER_ERROR_BAD_URL, "none" },
	{ { .url = NULL }, true, true, 0, TRANSFER_ERROR_BAD_URL, "none" },
	{ { .url = "https://a/", .method = "A B" }, true, true, FLOW_E_INVALID_REQUEST, 0, NULL },
	{ { .url = "https://a/", .priority = 2 }, true, true, FLOW_E_INVALID_REQUEST, 0, NULL },
	{ { .url = "https://a/", .ca_file = "/nonexistent" }, true, true, FLOW_E_FILE_NOT_FOUND, 0,
		NULL },
	{ { .url = "https://a/", .destination = "relative" }, true, true, FLOW_E_INVALID_REQUEST, 0,
		NULL },
	{ { .url = "https://a/", .destination = "/nonexistent/x" }, true, true, 0,
		TRANSFER_ERROR_BACKGROUND_SESSION_REQUIRES_SHARED_CONTAINER, "https://a:443" },
};

START_TEST(judges)
{
	struct flow_judgement judgement = { .kind = TRANSFER_TASK_DOWNLOAD,
		.allows_ftp = rows[_i].allows_ftp };
	struct session_config config;
	struct sim *sim = sim_new(1);

	session_config_init(&config);
	config.allow_insecure = rows[_i].is_lax;
	sim_begin(sim);
	ck_assert_int_eq(flow_request_judge(&config, &rows[_i].request, &judgement), rows[_i].want);
	ck_assert_int_eq(sim_end(sim), 0);
	ck_assert_int_eq(judgement.doom.code, rows[_i].want_doom);
	if (rows[_i].host)
		ck_assert_str_eq(judgement.host, rows[_i].host);
	sim_free(sim);
}
END_TEST

START_TEST(judges_configurations)
{
	struct session_config config;
	struct sim *sim = sim_new(1);

	session_config_init(&config);
	sim_begin(sim);
	ck_assert_int_eq(flow_config_judge(&config, NULL), 0);
	config.max_connections_per_host = SESSION_CONNECTIONS_MAX + 1;
	ck_assert_int_eq(flow_config_judge(&config, NULL), FLOW_E_INVALID_REQUEST);
	session_config_init(&config);
	config.ca_file = "/nonexistent";
	ck_assert_int_eq(flow_config_judge(&config, NULL), FLOW_E_FILE_NOT_FOUND);
	ck_assert_int_eq(sim_end(sim), 0);
	sim_free(sim);
}
END_TEST

RUN_TESTS("daemon/flow-judge", TEST_EACH(judges, rows), TEST(judges_configurations))
