/* SPDX-License-Identifier: MIT */
/*
 * No network, for once in truth: the test and all that it starts live in a network of their own, with no way out until
 * a link is made. The server is here, under a name that nobody takes for this machine.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/run.h"
#include "tests/system/live.h"

#define FAR "far-away.test"

static struct rig rig;

static int run(const char *const *argv)
{
	int status;

	ck_assert_int_eq(proc_run(argv, RIG_DEADLINE_MS, NULL, &status), 0);
	return status;
}

#define RUN(...) run((const char *const[]){ __VA_ARGS__, NULL })

/* false: not possible here */
static bool leave_the_world(void)
{
	char hosts[] = "/tmp/transferd-hosts.XXXXXX";
	int fd = mkstemp(hosts);
	bool is_done;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_gt(dprintf(fd, "127.0.0.1 localhost " FAR "\n"), 0);
	ck_assert_int_eq(fchmod(fd, 0644), 0);
	close(fd);
	is_done = !unshare(CLONE_NEWNET | CLONE_NEWNS) &&
		!mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
		!mount(hosts, "/etc/hosts", NULL, MS_BIND, NULL) &&
		!RUN("ip", "link", "set", "lo", "up") &&
		!RUN("ip", "link", "add", "veth0", "type", "veth", "peer", "name", "veth1") &&
		!RUN("ip", "addr", "add", "192.0.2.1/24", "dev", "veth0") &&
		!RUN("ip", "link", "set", "veth1", "up");
	unlink(hosts);
	if (!is_done)
		fprintf(stderr, "# no networks of our own here\n");
	return is_done;
}

static void connect_the_world(bool on)
{
	ck_assert_int_eq(RUN("ip", "link", "set", "veth0", on ? "up" : "down"), 0);
}

/* asks until it says so */
static void wait_for_sub_state(transfer_task *task, const char *want)
{
	uint64_t until_ms = proc_now_ms() + RIG_DEADLINE_MS;
	char id[24], *output = NULL;

	snprintf(id, sizeof(id), "%llu", (unsigned long long)transfer_task_get_id(task));
	do {
		ck_assert_msg(proc_left_ms(until_ms) > 0, "never %s, but %s", want, output);
		free(output);
		RIG_CTL(&rig, &output, "show", id, "-p", "SubState", "--value");
	} while (strncmp(output, want, strlen(want)) != 0);
	free(output);
}

/* a change is believed after a while */
static void wait_until_known_down(unsigned n)
{
	uint64_t until_ms = proc_now_ms() + RIG_DEADLINE_MS;

	while (rig_log_count(&rig, "network is down") < n) {
		ck_assert_msg(proc_left_ms(until_ms) > 0, "the network is never down");
		RIG_CTL(&rig, NULL, "stats");
	}
}

static unsigned attempts_of(transfer_task *task)
{
	char id[24], *output = NULL;
	unsigned n = 99;

	snprintf(id, sizeof(id), "%llu", (unsigned long long)transfer_task_get_id(task));
	RIG_CTL(&rig, &output, "show", id, "-p", "Attempts", "--value");
	ck_assert_int_eq(sscanf(output, "%u", &n), 1);
	free(output);
	return n;
}

static transfer_task *make_far(struct app *app, const char *target)
{
	char url[256];

	snprintf(url, sizeof(url), "http://" FAR ":%u%s", origin_port(rig.origin), target);
	return app_make(app, app_request(app, url));
}

static bool begin(void)
{
	if (!leave_the_world())
		return false;
	rig_new(&rig);
	return true;
}

/* BT-38, BT-37: no network: it waits, says for what, no attempt is made, nothing is told; then it goes by itself */
START_TEST(waits_for_the_network)
{
	transfer_task *task;
	struct app *app;

	if (!begin())
		return;
	app = app_open(&rig, NULL);
	task = make_far(app, "/file?size=9&seed=1");
	transfer_task_resume(task);
	app_flush(app);
	wait_for_sub_state(task, "waiting-network");
	rig_restart_daemon(&rig);
	wait_for_sub_state(task, "waiting-network");
	ck_assert_int_eq(transfer_task_get_state(task), TRANSFER_TASK_STATE_RUNNING);
	ck_assert_str_eq(APP_EVENTS(app, task), "");
	ck_assert_uint_eq(attempts_of(task), 0);
	connect_the_world(true);
	app_check_download(app, task, "file done:0", 1, 9);
	ck_assert_uint_eq(origin_log_count(rig.origin, "/"), 1);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* UDM-25: back, lost and back again while it is suspended: only a resume starts it */
START_TEST(stays_suspended_when_the_network_is_back)
{
	transfer_task *suspended, *other;
	struct app *app;

	if (!begin())
		return;
	app = app_open(&rig, NULL);
	suspended = make_far(app, "/file?size=9&seed=1");
	transfer_task_resume(suspended);
	app_flush(app);
	wait_for_sub_state(suspended, "waiting-network");
	transfer_task_suspend(suspended);
	app_flush(app);
	for (unsigned i = 1; i <= 2; i++) {
		wait_until_known_down(i);
		other = make_far(app, "/file?size=9&seed=2");
		transfer_task_resume(other);
		app_flush(app);
		connect_the_world(true);
		app_check_download(app, other, "file done:0", 2, 9);
		connect_the_world(false);
	}
	wait_until_known_down(3);
	connect_the_world(true);
	ck_assert_uint_eq(origin_log_count(rig.origin, "/file?size=9&seed=1"), 0);
	ck_assert_int_eq(transfer_task_get_state(suspended), TRANSFER_TASK_STATE_SUSPENDED);
	transfer_task_resume(suspended);
	app_check_download(app, suspended, "file done:0", 1, 9);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* A queue that waits for a network costs nothing: nobody wakes up for it. */
START_TEST(a_queue_rests)
{
	char *list = NULL;
	FILE *f;

	if (!begin())
		return;
	list = tmpdir_path("list.txt");
	f = fopen(list, "w");
	ck_assert_ptr_nonnull(f);
	for (unsigned i = 0; i < 500; i++)
		fprintf(f, "http://" FAR ":%u/file?size=9&seed=1\t%s/%u.file\n",
			origin_port(rig.origin), rig.folder, i);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(RIG_CTL(&rig, NULL, "add", "-q", "--allow-insecure", "-i", list), 0);
	rig_check_rest(&rig);
	ck_assert_uint_eq(origin_log_count(rig.origin, "/"), 0);
	connect_the_world(true);
	ck_assert_int_eq(RIG_CTL(&rig, NULL, "wait", "--all"), 0);
	ck_assert_uint_eq(origin_log_count(rig.origin, "/file"), 500);
	free(list);
	rig_done(&rig);
}
END_TEST

/* this machine itself can be reached without any network */
START_TEST(needs_no_network_for_this_machine)
{
	transfer_task *task;
	struct app *app;

	if (!begin())
		return;
	app = app_open(&rig, NULL);
	task = app_download(app, "/file?size=9&seed=1");
	app_check_download(app, task, "file done:0", 1, 9);
	app_close(app);
	rig_done(&rig);
}
END_TEST

static void tune_patient(transfer_config *config)
{
	transfer_config_set_waits_for_connectivity(config, true);
}

static transfer_task *get_far(struct live_app *app)
{
	char url[256];

	snprintf(url, sizeof(url), "http://" FAR ":%u/Nepal", origin_port(rig.origin));
	return live_data(app, live_request(app, NULL, url));
}

/* BT-39: of two sessions in memory the one fails at once, the other says once that it waits, and goes by itself */
START_TEST(sessions_in_memory)
{
	struct live_app *patient, *hasty;
	transfer_task *task;

	if (!begin())
		return;
	patient = live_open(&rig, &(struct live_app_config){ .tune = tune_patient });
	hasty = live_open(&rig, NULL);
	task = get_far(patient);
	live_wait_event(patient, task, "waiting", 1);
	live_check(hasty, get_far(hasty), "created done:-1009");
	ck_assert_int_eq(transfer_task_get_state(task), TRANSFER_TASK_STATE_RUNNING);
	ck_assert_str_eq(live_events(patient, task), "created waiting");
	connect_the_world(true);
	live_check(patient, task, "created waiting resp:200 data:9 done:0");
	ck_assert_uint_eq(origin_log_count(rig.origin, "/"), 1);
	live_close(hasty);
	live_close(patient);
	rig_done(&rig);
}
END_TEST

RUN_TESTS_WITHIN("system/offline", 60, TEST(waits_for_the_network),
	TEST(stays_suspended_when_the_network_is_back), TEST(a_queue_rests),
	TEST(needs_no_network_for_this_machine), TEST(sessions_in_memory))
