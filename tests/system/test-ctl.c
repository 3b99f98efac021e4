/* SPDX-License-Identifier: MIT */
/* transferctl against the real daemon: what it moves, what it says, and the exit codes that scripts rely on. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/run.h"
#include "tests/system/rig.h"

static struct rig rig;

/* BASE and OUT are put in front of what begins with '/' and '@' */
static const struct {
	const char *arguments[8];
	int want_exit;
	const char *want_output; /* a part of it; NULL: any */
} cases[] = {
	{ { "get", "--allow-insecure", "-q", "-o", "@f", "/file?size=3M&seed=1" }, 0, "out/f" },
	{ { "get", "--allow-insecure", "-o", "@f", "/404" }, 6, NULL },
	{ { "get", "-o", "@f", "/file?size=9" }, 2, "plain http" },
	{ { "get", "--allow-insecure", "--timeout=1s", "-o", "@f", "/file?hang" }, 3, NULL },
	{ { "get", "--allow-insecure", "-o", "@taken", "/file?size=9" }, 9, NULL },
	{ { "get", "--allow-insecure", "-o", "@f",
		  "--checksum=sha256:"
		  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		  "/file?size=9" },
		12, NULL },
	{ { "get", "--allow-insecure", "-o", "@f",
		  "--checksum=sha256:"
		  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		  "/file?size=0" },
		0, NULL },
	{ { "put", "--allow-insecure", "@taken", "/store/a" }, 0, NULL },
	{ { "put", "--allow-insecure", "@taken", "/store/a?status=403" }, 6, NULL },
	{ { "put", "--allow-insecure", "@nowhere", "/store/a" }, 9, NULL },
	{ { "show", "999" }, 4, "999" },
	{ { "cancel", "999" }, 4, "999" },
	{ { "statsu" }, 2, "stat" },
	{ { "get" }, 2, NULL },
	{ { "list", "--json=short" }, 0, "[]" },
	{ { "version" }, 0, "." },
};

START_TEST(exits_with_a_code)
{
	const char *arguments[9] = { NULL };
	char texts[8][512];
	char *output, *taken;
	int code;

	rig_new(&rig);
	taken = tmpdir_path("out/taken");
	ck_assert_int_eq(tmpdir_write(taken, "here"), 0);
	free(taken);
	for (unsigned i = 0; i < 8 && cases[_i].arguments[i]; i++) {
		const char *a = cases[_i].arguments[i];

		if (*a == '/')
			snprintf(texts[i], sizeof(texts[i]), "%s%s", origin_base(rig.origin), a);
		else if (*a == '@')
			snprintf(texts[i], sizeof(texts[i]), "%s/out/%s", rig.folder, a + 1);
		else
			snprintf(texts[i], sizeof(texts[i]), "%s", a);
		arguments[i] = texts[i];
	}
	code = rig_ctl(&rig, &output, arguments);
	ck_assert_msg(code == cases[_i].want_exit, "exit %d, not %d: %s", code, cases[_i].want_exit,
		output);
	if (cases[_i].want_output)
		ck_assert_msg(strstr(output, cases[_i].want_output), "says: %s", output);
	free(output);
	rig_done(&rig);
}
END_TEST

static unsigned id_in(const char *output)
{
	unsigned id = 0;

	ck_assert_msg(sscanf(output, "%u", &id) == 1 && id, "no number: %s", output);
	return id;
}

/* detach, look, suspend, resume, wait, events, remove */
START_TEST(steers_a_detached_download)
{
	char id[16], url[256], path[300];
	char *output;

	rig_new(&rig);
	snprintf(path, sizeof(path), "%s/out/file", rig.folder);
	snprintf(url, sizeof(url), "%s/file?size=1M&seed=3&gate=g&gate_after=500K",
		origin_base(rig.origin));
	ck_assert_int_eq(RIG_CTL(&rig, &output, "get", "-d", "--allow-insecure", "--session=demo",
				 "-o", path, url),
		0);
	snprintf(id, sizeof(id), "%u", id_in(output));
	free(output);
	ck_assert_int_eq(origin_wait_bytes(rig.origin, "/file", 1, 500 << 10, RIG_DEADLINE_MS), 0);
	ck_assert_int_eq(RIG_CTL(&rig, &output, "show", id, "-p", "State", "--value"), 0);
	ck_assert_str_eq(output, "running\n");
	free(output);
	ck_assert_int_eq(RIG_CTL(&rig, NULL, "suspend", id), 0);
	ck_assert_int_eq(origin_wait_ended(rig.origin, "/file", 1, RIG_DEADLINE_MS), 0);
	ck_assert_int_eq(RIG_CTL(&rig, &output, "show", id, "-p", "State", "--value"), 0);
	ck_assert_str_eq(output, "suspended\n");
	free(output);
	origin_release(rig.origin, "g");
	rig_restart_daemon(&rig);
	ck_assert_int_eq(RIG_CTL(&rig, NULL, "resume", id), 0);
	ck_assert_int_eq(RIG_CTL(&rig, NULL, "wait", "--timeout=20s", id), 0);
	ck_assert_int_eq(origin_bytes_check(path, 3, 1 << 20), 0);
	ck_assert_int_eq(RIG_CTL(&rig, &output, "list", "--all", "--json=short"), 0);
	ck_assert_ptr_nonnull(strstr(output, "\"state\":\"completed\""));
	free(output);
	ck_assert_int_eq(RIG_CTL(&rig, &output, "sessions"), 0);
	ck_assert_ptr_nonnull(strstr(output, "demo"));
	free(output);
	ck_assert_int_eq(RIG_CTL(&rig, NULL, "remove", id), 0);
	ck_assert_int_eq(RIG_CTL(&rig, NULL, "show", id), 4);
	ck_assert_int_eq(origin_bytes_check(path, 3, 1 << 20), 0);
	rig_done(&rig);
}
END_TEST

/* a wait for a task that is cancelled meanwhile ends with 7 */
START_TEST(waits_for_a_cancelled_task)
{
	char id[16], url[256], path[300];
	char *output;

	rig_new(&rig);
	snprintf(path, sizeof(path), "%s/out/file", rig.folder);
	snprintf(url, sizeof(url), "%s/file?hang", origin_base(rig.origin));
	ck_assert_int_eq(
		RIG_CTL(&rig, &output, "get", "-d", "--allow-insecure", "-o", path, url), 0);
	snprintf(id, sizeof(id), "%u", id_in(output));
	free(output);
	ck_assert_int_eq(RIG_CTL(&rig, NULL, "wait", "--timeout=1s", id), 3);
	ck_assert_int_eq(RIG_CTL(&rig, NULL, "cancel", id), 0);
	ck_assert_int_eq(RIG_CTL(&rig, NULL, "wait", "--timeout=20s", id), 7);
	rig_done(&rig);
}
END_TEST

static unsigned session_number(const char *app_id)
{
	unsigned number = 0, found = 0;
	char *output, *at, app[128];

	ck_assert_int_eq(RIG_CTL(&rig, &output, "sessions", "--no-legend", "--plain",
				 "--columns=number,app"),
		0);
	for (at = output; !found && sscanf(at, " #%u %127s", &number, app) == 2;) {
		found = strcmp(app, app_id) == 0 ? number : 0;
		at = strchrnul(at, '\n');
		at += *at != 0;
	}
	ck_assert_msg(found, "no session of %s: %s", app_id, output);
	free(output);
	return found;
}

/* What names a session that two applications have: its number, and nothing else. */
static const char *const of_a_session[][5] = { { "cookies", "list" }, { "cookies", "clear", "-y" },
	{ "flush" }, { "reset", "-y" }, { "events" }, { "cancel" }, { "suspend" }, { "list" },
	{ "invalidate", "--cancel", "-y" } };

static int ctl_with(const char *const *words, const char *last, char **ret_output)
{
	const char *arguments[8] = { NULL };
	size_t n = 0;

	for (; words[n]; n++)
		arguments[n] = words[n];
	arguments[n] = last;
	return rig_ctl(&rig, ret_output, arguments);
}

START_TEST(a_name_of_two_is_refused)
{
	struct app *one, *two;
	transfer_task *task;
	char name[16], hint[64];
	char *output;
	int code;

	rig_new(&rig);
	one = app_open(&rig, &(struct app_config){ .app_id = "org.example.One" });
	two = app_open(&rig, &(struct app_config){ .app_id = "org.example.Two" });
	task = app_download(one, "/file?hang");
	app_flush(one);
	snprintf(hint, sizeof(hint), "\"#%u\" names that of org.example.One",
		session_number("org.example.One"));
	ck_assert_int_eq(ctl_with(of_a_session[_i], "test", &output), 2);
	ck_assert_msg(strstr(output, "several applications have") &&
			(strstr(output, hint) || strstr(output, "that of org.example.One")),
		"says: %s", output);
	free(output);
	/* the other's: the task is not touched */
	snprintf(name, sizeof(name), "#%u", session_number("org.example.Two"));
	code = ctl_with(of_a_session[_i], name, NULL);
	ck_assert_msg(code == 0 || code == 4, "exit %d", code); /* 4: it has no task to steer */
	ck_assert(transfer_task_get_state(task) == TRANSFER_TASK_STATE_RUNNING);
	app_close(one);
	app_close(two);
	rig_done(&rig);
}
END_TEST

/* transferctl adds to a session of its own, whoever else has one of this name. */
START_TEST(adds_to_its_own_session)
{
	struct app *app;
	char name[16], url[256], path[300];

	rig_new(&rig);
	app = app_open(&rig, NULL);
	snprintf(path, sizeof(path), "%s/out/file", rig.folder);
	snprintf(url, sizeof(url), "%s/file?size=9", origin_base(rig.origin));
	ck_assert_int_eq(
		RIG_CTL(&rig, NULL, "get", "--allow-insecure", "--session=test", "-o", path, url),
		0);
	ck_assert_uint_eq(app_tasks(app, NULL, 0), 0);
	ck_assert_uint_ne(session_number("transferctl"), session_number("org.example.Test"));
	snprintf(name, sizeof(name), "--session=#%u", session_number("org.example.Test"));
	ck_assert_int_eq(RIG_CTL(&rig, NULL, "add", "--allow-insecure", name, url), 2);
	app_close(app);
	rig_done(&rig);
}
END_TEST

RUN_TESTS_WITHIN("system/ctl", 60, TEST_EACH(a_name_of_two_is_refused, of_a_session),
	TEST(adds_to_its_own_session), TEST_EACH(exits_with_a_code, cases),
	TEST(steers_a_detached_download), TEST(waits_for_a_cancelled_task))
