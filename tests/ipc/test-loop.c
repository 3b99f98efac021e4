/* SPDX-License-Identifier: MIT */
/* The descriptor is readable exactly when there is something to do: a poke, a message, a timeout. */
#include "ipc/loop.h"

#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/ipc/service.h"
#include "tests/lib/bus.h"
#include "tests/lib/proc.h"
#include "tests/lib/run.h"

#define DEADLINE_MS 10000

START_TEST(is_poked)
{
	struct loop *loop;

	ck_assert_int_eq(loop_new(&loop), 0);
	ck_assert_int_ne(proc_wait_fd(loop_fd(loop), 0), 0);
	loop_poke(loop);
	loop_poke(loop);
	ck_assert_int_eq(proc_wait_fd(loop_fd(loop), 0), 0);
	ck_assert_int_eq(loop_process(loop), 1);
	ck_assert_int_ne(proc_wait_fd(loop_fd(loop), 0), 0);
	ck_assert_int_eq(loop_process(loop), 0);
	loop_free(loop);
	loop_free(NULL);
}
END_TEST

static void on_reply(DBusPendingCall *call, void *user)
{
	(void)call;
	*(int *)user = 1;
}

static DBusPendingCall *call_self(DBusConnection *c, int timeout_ms, int *flag)
{
	DBusMessage *m = dbus_message_new_method_call(
		dbus_bus_get_unique_name(c), "/nobody", "a.b", "Wait");
	DBusPendingCall *pending = NULL;

	ck_assert(dbus_connection_send_with_reply(c, m, &pending, timeout_ms));
	dbus_pending_call_set_notify(pending, on_reply, flag, NULL);
	dbus_message_unref(m);
	return pending;
}

/* Swallows calls, so that only the timeout answers them. */
static DBusHandlerResult swallow(DBusConnection *c, DBusMessage *m, void *user)
{
	(void)c;
	(void)user;
	return dbus_message_get_type(m) == DBUS_MESSAGE_TYPE_METHOD_CALL
		? DBUS_HANDLER_RESULT_HANDLED
		: DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
}

static void turn(struct loop *loop, DBusConnection *c, const int *flag)
{
	uint64_t end_ms = proc_now_ms() + DEADLINE_MS;

	while (!*flag) {
		ck_assert_int_eq(proc_wait_fd(loop_fd(loop), (unsigned)proc_left_ms(end_ms)), 0);
		ck_assert_int_ge(loop_process(loop), 0);
		while (dbus_connection_dispatch(c) == DBUS_DISPATCH_DATA_REMAINS)
			continue;
	}
}

static DBusConnection *open_bus(void)
{
	DBusConnection *c = dbus_bus_get_private(DBUS_BUS_SESSION, NULL);

	ck_assert_ptr_nonnull(c);
	dbus_connection_set_exit_on_disconnect(c, FALSE);
	return c;
}

START_TEST(times_out_and_answers)
{
	struct service *s = service_new();
	DBusConnection *c = open_bus();
	int answered = 0, expired = 0, late = 0;
	DBusPendingCall *first, *second, *third;
	uint64_t begin_us;
	struct loop *loop;

	ck_assert_int_eq(loop_new(&loop), 0);
	ck_assert_int_eq(loop_attach(loop, c), 0);
	first = call_self(c, 20000, &answered);
	turn(loop, c, &answered);
	dbus_connection_add_filter(c, swallow, NULL, NULL);
	begin_us = clock_now_us();
	second = call_self(c, 60, &expired);
	third = call_self(c, 20000, &late);
	turn(loop, c, &expired);
	ck_assert_uint_ge(clock_now_us() - begin_us, 60 * CLOCK_US_PER_MS);
	ck_assert_int_eq(late, 0);
	for (int i = 0; i < 10; i++) {
		loop_process(loop);
		dbus_connection_dispatch(c);
	}
	/* nothing is due: the descriptor is quiet although a timeout is armed */
	ck_assert_int_ne(proc_wait_fd(loop_fd(loop), 0), 0);
	dbus_pending_call_cancel(third);
	dbus_pending_call_unref(first);
	dbus_pending_call_unref(second);
	dbus_pending_call_unref(third);
	dbus_connection_remove_filter(c, swallow, NULL);
	loop_detach(loop, c);
	dbus_connection_close(c);
	dbus_connection_unref(c);
	loop_free(loop);
	service_free(s);
}
END_TEST

RUN_TESTS("ipc/loop", TEST(is_poked), TEST(times_out_and_answers))
