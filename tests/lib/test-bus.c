/* SPDX-License-Identifier: MIT */
/* The private bus starts a service by name, again after it was killed, with the environment asked for. */
#include "tests/lib/bus.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/lib/proc.h"
#include "tests/lib/run.h"
#include "tests/lib/tmpdir.h"

#define DEADLINE_MS 10000

START_TEST(starts_without_a_service)
{
	const struct bus_config config = { .no_activation = true };
	struct bus *b;

	ck_assert_ptr_nonnull(tmpdir_new());
	ck_assert_int_eq(bus_new(&config, &b), 0);
	ck_assert_str_eq(getenv("DBUS_SESSION_BUS_ADDRESS"), bus_address(b));
	ck_assert_int_ne(bus_start_daemon(b, DEADLINE_MS), 0);
	ck_assert(!bus_has_daemon(b));
	ck_assert_int_eq(bus_daemon_pid(b), 0);
	bus_free(b);
}
END_TEST

/* a service that owns the name and does nothing else */
static const char service[] =
	"#!/usr/bin/env python3\n"
	"import ctypes, os, time\n"
	"print('MARK=' + os.environ.get('MARK', ''), flush=True)\n"
	"d = ctypes.CDLL('libdbus-1.so.3')\n"
	"d.dbus_bus_get.restype = ctypes.c_void_p\n"
	"c = d.dbus_bus_get(0, None)\n"
	"d.dbus_bus_request_name(ctypes.c_void_p(c), b'" BUS_NAME "', 0, None)\n"
	"while d.dbus_connection_read_write_dispatch(ctypes.c_void_p(c), -1): pass\n";

START_TEST(starts_the_service_again)
{
	struct bus_config config = { 0 };
	struct bus *b;
	char *path, *log;
	pid_t first;

	ck_assert_ptr_nonnull(tmpdir_new());
	path = tmpdir_path("service");
	ck_assert_int_eq(tmpdir_write(path, service), 0);
	chmod(path, 0700);
	config.program = path;
	ck_assert_int_eq(bus_new(&config, &b), 0);
	ck_assert_int_eq(bus_start_daemon(b, DEADLINE_MS), 0);
	first = bus_daemon_pid(b);
	ck_assert_int_gt(first, 0);
	ck_assert_int_eq(bus_start_daemon(b, DEADLINE_MS), 0);
	ck_assert_uint_eq(bus_daemon_starts(b), 1);
	ck_assert_int_eq(bus_kill_daemon(b), 0);
	ck_assert_int_eq(bus_daemon_pid(b), 0);
	bus_set_daemon_env(b, "MARK=armed");
	ck_assert_int_eq(bus_start_daemon(b, DEADLINE_MS), 0);
	ck_assert_uint_eq(bus_daemon_starts(b), 2);
	ck_assert_int_ne(bus_daemon_pid(b), first);
	free(path);
	path = tmpdir_path("transferd.log");
	log = tmpdir_read(path);
	ck_assert_str_eq(log, "MARK=\nMARK=armed\n");
	first = bus_daemon_pid(b);
	bus_free(b);
	ck_assert_int_eq(proc_wait_pid(first, 0), 0);
	free(log);
	free(path);
}
END_TEST

RUN_TESTS("lib/bus", TEST(starts_without_a_service), TEST(starts_the_service_again))
