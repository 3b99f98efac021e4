/* SPDX-License-Identifier: MIT */
/* From one process to the next, with the real transferd: every event once, and again when its callback never returned. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/lib/bus.h"
#include "tests/lib/origin.h"
#include "tests/lib/proc.h"
#include "tests/lib/run.h"
#include "tests/lib/tmpdir.h"

#define DEADLINE_MS 40000
#define N_TASKS     12
#define SIZE_BYTES  20000

struct stage {
	struct bus *bus;
	struct origin *origin;
	char *program, *urls[N_TASKS];
	char log[16384]; /* what all handlers said */
};

static void begin(struct stage *stage)
{
	static const struct bus_config activated = { .no_activation = false };
	static const struct origin_config plain = { .tls = ORIGIN_TLS_OFF };

	*stage = (struct stage){ .bus = NULL };
	ck_assert_ptr_nonnull(tmpdir_new());
	ck_assert_int_eq(bus_new(&activated, &stage->bus), 0);
	ck_assert_int_eq(origin_new(&plain, &stage->origin), 0);
	stage->program = strdup(bus_built("tests/client-lib/handler"));
	for (int i = 0; i < N_TASKS; i++)
		stage->urls[i] = origin_url(
			stage->origin, "/file?size=%d&seed=%d", SIZE_BYTES, i + 1);
}

static void end(struct stage *stage)
{
	for (int i = 0; i < N_TASKS; i++)
		free(stage->urls[i]);
	free(stage->program);
	bus_free(stage->bus);
	origin_free(stage->origin);
}

/* Runs a handler to its end and collects what it said; its exit status. */
static int run_handler(struct stage *stage, const char *count, bool with_urls)
{
	const char *argv[N_TASKS + 4] = { stage->program, "com.example.handover", count };
	char *output = NULL;
	int status;

	for (int i = 0; with_urls && i < N_TASKS; i++)
		argv[3 + i] = stage->urls[i];
	ck_assert_int_eq(proc_run(argv, DEADLINE_MS, &output, &status), 0);
	strncat(stage->log, output, sizeof(stage->log) - strlen(stage->log) - 1);
	free(output);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int count_line(const struct stage *stage, const char *format, int id)
{
	char line[64];
	int n = 0;

	snprintf(line, sizeof(line), format, id);
	for (const char *at = stage->log; (at = strstr(at, line)); at++)
		n++;
	return n;
}

/* Handlers that take a few events each and end well: together they are told everything once. */
START_TEST(tells_everything_once)
{
	struct stage stage;
	int rounds = 0;

	begin(&stage);
	ck_assert_int_eq(run_handler(&stage, "0", true), 0);
	for (; count_line(&stage, "complete ", 0) < N_TASKS; rounds++) {
		ck_assert_int_lt(rounds, 40);
		ck_assert_int_eq(run_handler(&stage, "2", false), 0);
		if (rounds % 3 == 1)
			ck_assert_int_eq(bus_kill_daemon(stage.bus), 0);
	}
	for (int id = 1; id <= N_TASKS; id++) {
		ck_assert_msg(
			count_line(&stage, "complete %d 0\n", id) == 1, "%d in: %s", id, stage.log);
		ck_assert_int_eq(count_line(&stage, "file %d 20000\n", id), 1);
	}
	/* nothing is left for the next one */
	stage.log[0] = '\0';
	ck_assert_int_eq(run_handler(&stage, "-1", false), 0);
	ck_assert_str_eq(stage.log, "drained\n");
	end(&stage);
}
END_TEST

/* Handlers that die inside a callback, each a little later: what they did not finish comes again, nothing is lost. */
START_TEST(tells_again_what_was_not_handled)
{
	struct stage stage;
	char crash[8];

	begin(&stage);
	ck_assert_int_eq(run_handler(&stage, "0", true), 0);
	for (int i = 1; i <= 4; i++) {
		snprintf(crash, sizeof(crash), "%d", i);
		setenv("CRASH", crash, 1);
		ck_assert_int_eq(run_handler(&stage, "-1", false), 42);
		if (i == 2)
			ck_assert_int_eq(bus_kill_daemon(stage.bus), 0);
	}
	unsetenv("CRASH");
	ck_assert_int_eq(run_handler(&stage, "-1", false), 0);
	for (int id = 1; id <= N_TASKS; id++) {
		ck_assert_msg(
			count_line(&stage, "complete %d 0\n", id) >= 1, "%d in: %s", id, stage.log);
		ck_assert_int_ge(count_line(&stage, "file %d 20000\n", id), 1);
	}
	end(&stage);
}
END_TEST

/* transferd dies again and again under a handler that stays. */
START_TEST(stays_attached_through_deaths)
{
	struct proc_config config = { .argv = NULL };
	const char *argv[N_TASKS + 4] = { NULL, "com.example.handover", "-1" };
	struct stage stage;
	struct proc *handler;
	int status;

	begin(&stage);
	for (int i = 0; i < N_TASKS; i++) {
		free(stage.urls[i]);
		stage.urls[i] = origin_url(stage.origin,
			"/file?size=%d&seed=%d&gate=g%d&gate_after=1000", SIZE_BYTES, i + 1, i);
		argv[3 + i] = stage.urls[i];
	}
	argv[0] = stage.program;
	config.argv = argv;
	ck_assert_int_eq(proc_start(&config, &handler), 0);
	for (int i = 0; i < N_TASKS; i++) {
		char gate[16], line[32];

		snprintf(gate, sizeof(gate), "g%d", i);
		snprintf(line, sizeof(line), "complete %d 0\n", i + 1);
		ck_assert_int_eq(origin_release(stage.origin, gate), 0);
		ck_assert_ptr_nonnull(proc_expect(handler, line, DEADLINE_MS));
		if (i % 4 == 1)
			ck_assert_int_eq(bus_kill_daemon(stage.bus), 0);
	}
	ck_assert_int_eq(proc_wait(handler, DEADLINE_MS, &status), 0);
	ck_assert_int_eq(status, 0);
	strncat(stage.log, proc_expect(handler, "", 0), sizeof(stage.log) - 1);
	for (int id = 1; id <= N_TASKS; id++)
		ck_assert_int_eq(count_line(&stage, "complete %d 0\n", id), 1);
	proc_free(handler);
	end(&stage);
}
END_TEST

/* BT-15 and its kin: what cannot be transferred ends with its number, through the delegate, beside what can. */
START_TEST(ends_what_cannot_be_done)
{
	static const struct {
		const char *url, *want;
	} refusals[] = {
		{ "ftp://127.0.0.1/x", " -1002\n" },
		{ "file:///etc/hostname", " -1002\n" },
		{ "https://", " -1000\n" },
		{ "no url", " -1000\n" },
	};
	struct stage stage;

	begin(&stage);
	for (size_t i = 0; i < 4; i++) {
		free(stage.urls[i]);
		stage.urls[i] = strdup(refusals[i].url);
	}
	ck_assert_int_eq(run_handler(&stage, "20", true), 0);
	ck_assert_int_eq(count_line(&stage, " -1002\n", 0), 2);
	ck_assert_msg(count_line(&stage, " -1000\n", 0) == 2, "%s", stage.log);
	ck_assert_int_eq(count_line(&stage, "complete ", 0), N_TASKS);
	end(&stage);
}
END_TEST

START_TEST(belongs_to_one_process)
{
	struct proc_config config = { .argv = NULL };
	const char *argv[] = { NULL, "com.example.handover", "-1", NULL, NULL };
	struct stage stage;
	struct proc *handler;
	int status;

	begin(&stage);
	free(stage.urls[0]);
	stage.urls[0] = origin_url(stage.origin, "/file?size=9000&seed=1&gate=g&gate_after=1");
	argv[0] = stage.program;
	argv[3] = stage.urls[0];
	config.argv = argv;
	ck_assert_int_eq(proc_start(&config, &handler), 0);
	ck_assert_ptr_nonnull(proc_expect(handler, "drained", DEADLINE_MS));
	ck_assert_int_eq(run_handler(&stage, "-1", false), 1);
	ck_assert_str_ne(stage.log, "");
	ck_assert_int_eq(origin_release(stage.origin, "g"), 0);
	ck_assert_int_eq(proc_wait(handler, DEADLINE_MS, &status), 0);
	ck_assert_int_eq(status, 0);
	/* the first one was not disturbed, and the session is free now */
	ck_assert_ptr_nonnull(proc_expect(handler, "complete 1 0\n", 0));
	ck_assert_int_eq(run_handler(&stage, "-1", false), 0);
	proc_free(handler);
	end(&stage);
}
END_TEST

RUN_TESTS_WITHIN("client-lib/handover", 120, TEST(tells_everything_once),
	TEST(tells_again_what_was_not_handled), TEST(stays_attached_through_deaths),
	TEST(ends_what_cannot_be_done), TEST(belongs_to_one_process))
