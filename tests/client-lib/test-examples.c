/* SPDX-License-Identifier: MIT */
/* The examples as a reader would run them: a real transferd, started by the bus, and an origin. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/bus.h"
#include "tests/lib/origin.h"
#include "tests/lib/proc.h"
#include "tests/lib/run.h"
#include "tests/lib/tmpdir.h"

#define DEADLINE_MS 30000
#define SESSION     "com.example.mirror"

static struct bus *bus;
static struct origin *origin;

static void begin(void)
{
	static const struct bus_config config = { .no_activation = false };
	static const struct origin_config plain = { .tls = ORIGIN_TLS_OFF };
	const char *folder = tmpdir_new();

	ck_assert_ptr_nonnull(folder);
	ck_assert_int_eq(bus_new(&config, &bus), 0);
	ck_assert_int_eq(origin_new(&plain, &origin), 0);
	ck_assert_int_eq(chdir(folder), 0);
}

static void end(void)
{
	bus = bus_free(bus);
	origin = origin_free(origin);
}

/* The output of the program, which must end well; to be freed. */
static char *run_program(const char *const *argv)
{
	char *output = NULL;
	int status;

	ck_assert_int_eq(proc_run(argv, DEADLINE_MS, &output, &status), 0);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: %s", argv[0], output);
	return output;
}

#define RUN(...) run_program((const char *const[]){ __VA_ARGS__, NULL })

START_TEST(download_goes_on_without_the_program)
{
	char *program = strdup(bus_built("examples/bg_download")), *url, *output;

	begin();
	url = origin_url(origin, "/file?size=300000&seed=7&gate=held&gate_after=100000");
	output = RUN(program, "-d", "-k", SESSION, ".", url);
	free(output);
	/* nobody is there while it goes on; transferd even dies once */
	ck_assert_int_eq(origin_wait_bytes(origin, "/file", 1, 100000, DEADLINE_MS), 0);
	ck_assert_int_eq(bus_kill_daemon(bus), 0);
	ck_assert_int_eq(origin_release(origin, "held"), 0);
	output = RUN(program, "-k", SESSION, ".");
	ck_assert_ptr_nonnull(strstr(output, "back in session " SESSION "\n"));
	ck_assert_msg(strstr(output, "1 finished ./1\n1 complete, status "), "%s", output);
	free(output);
	ck_assert_int_eq(origin_bytes_check("1", 7, 300000), 0);
	/* delivered and acknowledged: nothing is told again */
	output = RUN(program, "-k", SESSION, ".");
	ck_assert_str_eq(output, "back in session " SESSION "\n");
	free(output);
	free(program);
	free(url);
	end();
}
END_TEST

START_TEST(upload_tells_the_answer)
{
	char *url, *output;

	begin();
	ck_assert_int_eq(origin_bytes_write("source", 9, 200000), 0);
	url = origin_url(origin, "/upload?reply_size=0");
	output = RUN(bus_built("examples/bg_upload"), "--allow-insecure", "source", url);
	ck_assert_msg(
		strstr(output, "answered 200\n") || strstr(output, "answered 201\n"), "%s", output);
	free(output);
	free(url);
	end();
}
END_TEST

START_TEST(monitor_tells_changes)
{
	struct proc_config config = { .argv = NULL };
	struct proc *monitor;
	char *url, *output;
	int status;

	begin();
	url = origin_url(origin, "/file?size=100000&seed=3&gate=held&gate_after=1000");
	output = RUN(bus_built("examples/bg_download"), "-d", "-k", SESSION, ".", url);
	ck_assert_int_eq(origin_wait_bytes(origin, "/file", 1, 1000, DEADLINE_MS), 0);
	config.argv = (const char *const[]){ bus_built("examples/monitor"), NULL };
	ck_assert_int_eq(proc_start(&config, &monitor), 0);
	ck_assert_ptr_nonnull(proc_expect(monitor, SESSION, DEADLINE_MS));
	ck_assert_int_eq(origin_release(origin, "held"), 0);
	ck_assert_ptr_nonnull(proc_expect(monitor, "done\n", DEADLINE_MS));
	ck_assert_int_eq(proc_wait(monitor, DEADLINE_MS, &status), 0);
	ck_assert_int_eq(status, 0);
	proc_free(monitor);
	free(output);
	free(url);
	end();
}
END_TEST

START_TEST(small_programs_print_what_they_fetch)
{
	static const struct {
		const char *program, *url, *output;
	} cases[] = {
		{ "examples/fetch", "data:,a%20page", "a page" },
		{ "examples/stream", "data:,a%20page", "a page" },
		{ "examples/protocol", NULL, "Hello, world!\nHow are you?\n" },
	};
	char *url, *output;

	begin();
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		output = RUN(bus_built(cases[i].program), cases[i].url);
		ck_assert_str_eq(output, cases[i].output);
		free(output);
	}
	url = origin_url(origin, "/Nepal");
	output = RUN(bus_built("examples/stream"), "--allow-insecure", url);
	ck_assert_str_eq(output, "Kathmandu");
	free(output);
	free(url);
	end();
}
END_TEST

static const char *find_python(void)
{
	static const char *const interpreters[] = { "python3", "/usr/bin/python3" };
	char *output;
	int status;

	for (size_t i = 0; i < 2; i++) {
		const char *argv[] = { interpreters[i], "-c", "import dbus, gi", NULL };

		output = NULL;
		if (!proc_run(argv, DEADLINE_MS, &output, &status) && status == 0) {
			free(output);
			return interpreters[i];
		}
		free(output);
	}
	return NULL;
}

START_TEST(python_needs_no_library)
{
	const char *python = find_python(), *source = getenv("top_srcdir");
	char *url, *output, script[4096];

	ck_assert_msg(python, "python3-dbus and python3-gi are not installed");
	begin();
	snprintf(script, sizeof(script), "%s/examples/bg_download.py", source ? source : ".");
	url = origin_url(origin, "/file?size=50000&seed=5");
	output = RUN(python, script, "--allow-insecure", url, "saved");
	ck_assert_ptr_nonnull(strstr(output, "saved as saved\n"));
	ck_assert_int_eq(origin_bytes_check("saved", 5, 50000), 0);
	free(output);
	free(url);
	end();
}
END_TEST

RUN_TESTS_WITHIN("client-lib/examples", 60, TEST(download_goes_on_without_the_program),
	TEST(upload_tells_the_answer), TEST(monitor_tells_changes),
	TEST(small_programs_print_what_they_fetch), TEST(python_needs_no_library))
