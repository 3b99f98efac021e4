/* SPDX-License-Identifier: MIT */
/* Who may see what, names of errors, and the end of the connection. */
#include "tests/daemon/bus/rig.h"
#include "tests/lib/run.h"

#include <errno.h>

START_TEST(takes_the_name_once)
{
	struct rig *rig = rig_new();
	struct bus_config config = { .kind = IPC_BUS_USER };
	struct bus *second;

	ck_ok(bus_new(&config, &second));
	bus_set_flow(second, rig->flow);
	ck_assert_int_eq(bus_start(second), BUS_E_NAME_TAKEN);
	bus_free(second);
	rig_free(rig);
}
END_TEST

/* A session of somebody else, made behind the bus. */
static uint64_t foreign_session(struct rig *rig)
{
	struct flow_open open = { .uid = getuid() + 1,
		.app_id = "a",
		.identifier = "b",
		.kind = TRANSFER_SESSION_BACKGROUND };
	struct clock_now now = clock_now();
	struct flow_opened opened;

	session_config_init(&open.config);
	flow_turn_begin(rig->flow, &now);
	ck_ok(flow_session_open(rig->flow, &open, &opened));
	ck_ok(flow_turn_end(rig->flow));
	return opened.session;
}

START_TEST(a_foreign_object_is_like_none)
{
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);
	uint64_t ids[2] = { foreign_session(rig), 4711 };
	struct rig_answer answers[2] = { 0 };

	for (int i = 0; i < 2; i++) {
		ck_ok(ipc_start_session_flush(
			client->bus, (struct ipc_path){ ids[i], 0 }, rig_on_done, &answers[i]));
		rig_pump(rig, rig_is_answered, &answers[i]);
		ck_assert_int_eq(answers[i].r, IPC_E_NO_SUCH_SESSION);
	}
	ck_assert_str_eq(answers[0].text, answers[1].text);
	rig_free(rig);
}
END_TEST

START_TEST(a_task_needs_its_own_session)
{
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);
	uint64_t first = rig_open(rig, client, "first"), second = rig_open(rig, client, "second");
	uint64_t task = rig_download(rig, client, first);
	struct rig_answer answer = { 0 };

	ck_ok(ipc_start_task_suspend(
		client->bus, (struct ipc_path){ second, task }, rig_on_done, &answer));
	rig_pump(rig, rig_is_answered, &answer);
	ck_assert_int_eq(answer.r, IPC_E_NO_SUCH_TASK);
	answer.is_there = false;
	ck_ok(ipc_start_task_suspend(
		client->bus, (struct ipc_path){ first, task }, rig_on_done, &answer));
	rig_pump(rig, rig_is_answered, &answer);
	ck_assert_int_eq(answer.r, 0);
	rig_free(rig);
}
END_TEST

START_TEST(names_every_error_of_the_flow)
{
	ck_assert_int_eq(bus_error(FLOW_E_NO_SUCH_SESSION), IPC_E_NO_SUCH_SESSION);
	ck_assert_int_eq(bus_error(FLOW_E_ACCESS_DENIED), IPC_E_ACCESS_DENIED);
	ck_assert_int_eq(bus_error(-ENOMEM), -ENOMEM);
	ck_assert_int_eq(bus_error(0), 0);
	/* F-7: a full state volume is called what it is */
	ck_assert_int_eq(bus_error(FLOW_E_NO_SPACE), IPC_E_NO_SPACE);
	ck_assert_int_eq(bus_error(9999), IPC_E_FAILED);
}
END_TEST

START_TEST(gives_the_name_back)
{
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);

	bus_stop(rig->bus);
	rig_settle(rig);
	ck_assert_ptr_null(ipc_bus_service_owner(client->bus));
	ck_assert(!bus_is_name_lost(rig->bus));
	rig_free(rig);
}
END_TEST

START_TEST(sees_the_end_of_the_bus)
{
	struct rig *rig = rig_new();
	int status;

	ck_ok(proc_kill(rig->daemon, 9));
	ck_ok(proc_wait(rig->daemon, 5000, &status));
	while (bus_dispatch(rig->bus) == 0)
		ck_ok(proc_wait_fd(bus_fd(rig->bus), 5000));
	rig_free(rig);
}
END_TEST

RUN_TESTS("daemon/bus/bus", TEST(takes_the_name_once), TEST(a_foreign_object_is_like_none),
	TEST(a_task_needs_its_own_session), TEST(names_every_error_of_the_flow),
	TEST(gives_the_name_back), TEST(sees_the_end_of_the_bus))
