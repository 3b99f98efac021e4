/* SPDX-License-Identifier: MIT */
/* An application is woken when its events wait: by the bus, with the action, not too often, and not while it is there. */
#include <dbus/dbus.h>
#include <sys/stat.h>

#include "tests/daemon/bus/rig.h"
#include "tests/lib/run.h"

#define APP "org.example.Launch-me"

static void on_opened(
	void *user, int r, const char *text, const struct ipc_manager_open_session_out *out)
{
	rig_note(user, r, text);
	if (out)
		((struct rig_answer *)user)->text[0] = (char)out->session.session;
}

static int open_session(
	struct rig *rig, struct rig_client *client, const char *launch, uint64_t *ret_session)
{
	const struct ipc_manager_open_session_in in = { .kind = "background",
		.identifier = "s",
		.configuration = { .launch = launch },
		.options = { .app_id = "org.example.Test" } };
	struct rig_answer answer = { 0 };

	ck_ok(ipc_start_manager_open_session(
		client->bus, (struct ipc_path){ 0, 0 }, &in, on_opened, &answer));
	rig_pump(rig, rig_is_answered, &answer);
	*ret_session = (unsigned char)answer.text[0];
	return answer.r;
}

/* A client with its session, for which "launch" is APP. */
static struct rig_client *begin(struct rig **ret_rig, uint64_t *ret_session)
{
	struct rig_client *client;

	*ret_rig = rig_new();
	client = rig_connect(*ret_rig);
	ck_ok(open_session(*ret_rig, client, APP, ret_session));
	return client;
}

/* The application: its name on the bus, and what reaches it. */
struct app {
	DBusConnection *connection;
	unsigned n_actions;
};

static struct app *app_new(void)
{
	struct app *app = calloc(1, sizeof(*app));

	app->connection = dbus_bus_get_private(DBUS_BUS_SESSION, NULL);
	ck_assert_ptr_nonnull(app->connection);
	dbus_connection_set_exit_on_disconnect(app->connection, FALSE);
	ck_assert_int_eq(dbus_bus_request_name(app->connection, APP, 0, NULL),
		DBUS_REQUEST_NAME_REPLY_PRIMARY_OWNER);
	return app;
}

static void app_free(struct app *app)
{
	dbus_connection_close(app->connection);
	dbus_connection_unref(app->connection);
	free(app);
}

static void check_action(DBusMessage *message)
{
	DBusMessageIter args, list, variant;
	const char *text = "";

	ck_assert_str_eq(dbus_message_get_path(message), "/org/example/Launch_me");
	ck_assert_str_eq(dbus_message_get_interface(message), "org.freedesktop.Application");
	ck_assert(dbus_message_has_signature(message, "sava{sv}"));
	ck_assert(dbus_message_get_no_reply(message));
	dbus_message_iter_init(message, &args);
	dbus_message_iter_get_basic(&args, &text);
	ck_assert_str_eq(text, "transfer-events");
	dbus_message_iter_next(&args);
	dbus_message_iter_recurse(&args, &list);
	dbus_message_iter_recurse(&list, &variant);
	dbus_message_iter_get_basic(&variant, &text);
	ck_assert_str_eq(text, "s");
}

static bool app_has_heard(void *user)
{
	struct app *app = user;
	DBusMessage *message;

	dbus_connection_read_write(app->connection, 0);
	while ((message = dbus_connection_pop_message(app->connection))) {
		if (dbus_message_get_type(message) == DBUS_MESSAGE_TYPE_METHOD_CALL) {
			check_action(message);
			app->n_actions++;
		}
		dbus_message_unref(message);
	}
	return app->n_actions > 0;
}

/* Its time has come. */
static void make_due(struct rig *rig)
{
	ck_assert_ptr_nonnull(rig->bus->launches_wanted);
	rig->bus->launches_wanted->due_us = 0;
	rig_settle(rig);
}

static void finish_one(struct rig *rig, struct rig_client *client, uint64_t session)
{
	rig_finish(rig, rig_download(rig, client, session), 10);
	rig_settle(rig);
}

START_TEST(wakes_the_application_with_an_action)
{
	struct rig *rig;
	uint64_t session, more;
	struct rig_client *client = begin(&rig, &session);
	struct app *app = app_new();

	more = rig_download(rig, client, session);
	finish_one(rig, client, session);
	make_due(rig);
	ck_assert(!app_has_heard(app)); /* one still runs */
	rig_finish(rig, more, 10);
	rig_settle(rig);
	make_due(rig);
	rig_pump(rig, app_has_heard, app);
	/* it did not come: later events wake it again, not at once */
	finish_one(rig, client, session);
	ck_assert(rig->bus->launches_wanted->is_wanted);
	ck_assert_uint_gt(bus_launch_next_timer(rig->bus), clock_now_us() + 20 * CLOCK_US_PER_S);
	ck_assert(app_has_heard(app));
	ck_assert_uint_eq(app->n_actions, 1);
	make_due(rig);
	app->n_actions = 0;
	rig_pump(rig, app_has_heard, app);
	finish_one(rig, client, session);
	ck_assert_uint_gt(bus_launch_next_timer(rig->bus), clock_now_us() + 50 * CLOCK_US_PER_S);
	app_free(app);
	rig_free(rig);
}
END_TEST

START_TEST(nobody_is_woken_who_is_there)
{
	struct rig *rig;
	uint64_t session;
	struct rig_client *client = begin(&rig, &session);

	ck_ok(rig_attach(rig, client, session, NULL));
	finish_one(rig, client, session);
	ck_assert_ptr_null(rig->bus->launches_wanted);
	rig_free(rig);
}
END_TEST

START_TEST(who_comes_is_not_woken)
{
	struct rig *rig;
	uint64_t session;
	struct rig_client *client = begin(&rig, &session);

	finish_one(rig, client, session);
	ck_assert_ptr_nonnull(rig->bus->launches_wanted);
	ck_ok(rig_attach(rig, client, session, NULL));
	ck_assert_ptr_null(rig->bus->launches_wanted);
	rig_free(rig);
}
END_TEST

static void leave(struct rig *rig, struct rig_client *client, uint64_t session)
{
	struct rig_answer answer = { 0 };

	ck_ok(ipc_start_session_detach(
		client->bus, (struct ipc_path){ session, 0 }, rig_on_done, &answer));
	rig_pump(rig, rig_is_answered, &answer);
	ck_ok(answer.r);
}

/* It ends before it has acknowledged anything, and what it began goes on: that is no reason to wake it each second. */
START_TEST(who_only_comes_waits_longer_too)
{
	struct rig *rig;
	uint64_t session;
	struct rig_client *client = begin(&rig, &session);
	struct app *app = app_new();

	finish_one(rig, client, session);
	for (unsigned wait_s = 30; wait_s <= 60; wait_s *= 2) {
		make_due(rig);
		rig_pump(rig, app_has_heard, app);
		app->n_actions = 0;
		ck_ok(rig_attach(rig, client, session, NULL));
		ck_assert_uint_eq(bus_launch_next_timer(rig->bus), UINT64_MAX);
		leave(rig, client, session);
		finish_one(rig, client, session);
		ck_assert_uint_gt(bus_launch_next_timer(rig->bus),
			clock_now_us() + (wait_s - 10) * CLOCK_US_PER_S);
	}
	/* who does what it was woken for is woken at once the next time */
	ck_ok(rig_attach(rig, client, session, NULL));
	ck_ok(rig_ack(rig, client, session, 1));
	ck_assert_ptr_null(rig->bus->launches_wanted);
	leave(rig, client, session);
	finish_one(rig, client, session);
	ck_assert_uint_lt(bus_launch_next_timer(rig->bus), clock_now_us() + 2 * CLOCK_US_PER_S);
	app_free(app);
	rig_free(rig);
}
END_TEST

static bool is_started(void *path)
{
	return access(path, F_OK) == 0;
}

/* The bus knows from a file how to start who is to own the name. */
START_TEST(the_bus_starts_the_application)
{
	struct rig *rig;
	uint64_t session;
	struct rig_client *client = begin(&rig, &session);
	char *proof = tmpdir_path("started"), *path = NULL;
	FILE *file;

	ck_assert_int_gt(asprintf(&path, "%s/dbus-1/services/%s.service", rig->folder, APP), 0);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fprintf(file, "[D-BUS Service]\nName=" APP "\nExec=/usr/bin/touch %s\n", proof);
	ck_ok(fclose(file));
	finish_one(rig, client, session);
	make_due(rig);
	rig_pump(rig, is_started, proof);
	free(path);
	free(proof);
	rig_free(rig);
}
END_TEST

START_TEST(takes_bus_names_alone)
{
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);
	uint64_t session;

	ck_assert_int_eq(open_session(rig, client, "no name", &session), IPC_E_INVALID_REQUEST);
	ck_assert_int_eq(open_session(rig, client, ":1.1", &session), IPC_E_INVALID_REQUEST);
	rig_free(rig);
}
END_TEST

START_TEST(without_a_name_nobody_is_woken)
{
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);
	uint64_t session;

	ck_ok(open_session(rig, client, "", &session));
	finish_one(rig, client, session);
	ck_assert_ptr_null(rig->bus->launches_wanted);
	rig_free(rig);
}
END_TEST

RUN_TESTS_WITHIN("daemon/bus/bus-launch", 60, TEST(wakes_the_application_with_an_action),
	TEST(nobody_is_woken_who_is_there), TEST(who_comes_is_not_woken),
	TEST(who_only_comes_waits_longer_too), TEST(the_bus_starts_the_application),
	TEST(takes_bus_names_alone), TEST(without_a_name_nobody_is_woken))
