/* SPDX-License-Identifier: MIT */
/*
 * Calls that name a file on a disk that never answers: nobody waits for them but those of the same client and session that came after
 * them, and they not for ever.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "tests/daemon/bus/rig.h"
#include "tests/lib/run.h"
#include "tests/lib/stuck.h"

#define WAIT_US  UINT64_C(1500000)
#define QUICK_US UINT64_C(1000000) /* on a machine with much else to do */
#define WAIT_MS  10000
#define MANY     300
#define URL      "https://example.org/x"

static struct rig *rig;
static struct stuck *stuck;
static char *folder, *dead; /* dead: a file in a folder that does not answer */

/* false: no such file system can be made here */
static bool begin(void)
{
	int r;

	rig = rig_new();
	bus_set_scouts(rig->bus, NULL);
	scouts_free(rig->scouts);
	ck_ok(scouts_new(WAIT_US, &rig->scouts));
	bus_set_scouts(rig->bus, rig->scouts);
	folder = tmpdir_path("stuck");
	ck_ok(mkdir(folder, 0700));
	r = stuck_new(folder, 1, &stuck);
	if (r) {
		printf("# no such file system here: %s\n", strerror(-r));
		free(folder);
		rig_free(rig);
		return false;
	}
	ck_assert_int_gt(asprintf(&dead, "%s/dead/file", folder), 0);
	return true;
}

static void end(void)
{
	stuck = stuck_free(stuck);
	rig_free(rig);
	free(folder);
	free(dead);
}

static void on_created(
	void *user, int r, const char *text, const struct ipc_session_create_tasks_out *out)
{
	(void)out;
	rig_note(user, r, text);
}

static void start_create(struct rig_client *client, uint64_t session,
	const struct ipc_request *request, struct rig_answer *answer)
{
	struct ipc_session_create_tasks_in in = { .requests = request, .n_requests = 1 };

	*answer = (struct rig_answer){ 0 };
	ck_ok(ipc_start_session_create_tasks(
		client->bus, (struct ipc_path){ session, 0 }, &in, on_created, answer));
}

struct opened {
	struct rig_answer answer;
	uint64_t session;
};

static void on_opened(
	void *user, int r, const char *text, const struct ipc_manager_open_session_out *out)
{
	struct opened *opened = user;

	if (!r)
		opened->session = out->session.session;
	rig_note(&opened->answer, r, text);
}

struct opening {
	const char *kind, *app_id, *ca_file;
};

static void start_open(
	struct rig_client *client, const struct opening *opening, struct opened *opened)
{
	struct ipc_manager_open_session_in in = { .kind = opening->kind,
		.identifier = "s",
		.options.app_id = opening->app_id,
		.configuration.ca_file = opening->ca_file };

	*opened = (struct opened){ 0 };
	ck_ok(ipc_start_manager_open_session(
		client->bus, (struct ipc_path){ 0, 0 }, &in, on_opened, opened));
}

static uint64_t open_as(struct rig_client *client, const char *kind, const char *app_id)
{
	const struct opening opening = { kind, app_id, NULL };
	struct opened opened;

	start_open(client, &opening, &opened);
	rig_pump(rig, rig_is_answered, &opened.answer);
	ck_ok(opened.answer.r);
	return opened.session;
}

/* until n have asked, and nobody answers */
static void wait_stuck(unsigned n)
{
	uint64_t until_ms = proc_now_ms() + WAIT_MS;

	while (stuck_wait(stuck, n, 10)) {
		ck_assert(proc_left_ms(until_ms));
		rig_turn(rig);
	}
}

static void check_quick(struct rig_client *client, uint64_t session)
{
	char *good = tmpdir_path("good");
	struct ipc_request request = { .url = URL, .destination = good };
	uint64_t begun_us = clock_now_us();

	ck_assert_uint_ne(rig_create(rig, client, session, &request), 0);
	ck_assert_uint_lt(clock_now_us() - begun_us, QUICK_US);
	free(good);
}

static void check_refused(struct rig_answer *answer)
{
	rig_pump(rig, rig_is_answered, answer);
	ck_assert_msg(answer->r == IPC_E_BUSY, "%s: %s", ipc_error_name(answer->r), answer->text);
	ck_assert_ptr_nonnull(strstr(answer->text, "does not answer"));
}

static const struct {
	const char *kind; /* of the session */
	bool is_destination, is_ca, is_source;
} places[] = {
	{ "background", true, false, false },
	{ "background", false, true, false },
	{ "background", false, false, true },
	{ "default", true, false, false },
	{ "default", false, true, false },
};

START_TEST(a_request_waits_alone)
{
	struct ipc_request request = { .url = URL, .kind = "download" };
	struct rig_client *bad, *good;
	struct rig_answer answer;
	uint64_t session, other;

	if (!begin())
		return;
	bad = rig_connect(rig);
	good = rig_connect(rig);
	session = open_as(bad, places[_i].kind, "org.example.Bad");
	other = rig_open(rig, good, "other");
	request.destination = places[_i].is_destination ? dead : NULL;
	request.ca_file = places[_i].is_ca ? dead : NULL;
	request.body_path = places[_i].is_source ? dead : NULL;
	request.kind = places[_i].is_source ? "upload" : "download";
	start_create(bad, session, &request, &answer);
	wait_stuck(1);
	check_quick(good, other);
	ck_assert(!answer.is_there);
	check_refused(&answer);
	/* the process could not end */
	ck_assert(scouts_are_out(rig->scouts));
	end();
}
END_TEST

START_TEST(a_configuration_waits_alone)
{
	struct opening opening = { _i ? "default" : "background", "org.example.Bad", NULL };
	struct rig_client *bad, *good;
	struct opened opened;
	uint64_t begun_us;

	if (!begin())
		return;
	opening.ca_file = dead;
	bad = rig_connect(rig);
	good = rig_connect(rig);
	start_open(bad, &opening, &opened);
	wait_stuck(1);
	check_quick(good, rig_open(rig, good, "other"));
	/* what is asked of the manager is of no session */
	begun_us = clock_now_us();
	check_quick(bad, rig_open(rig, bad, "second"));
	ck_assert_uint_lt(clock_now_us() - begun_us, QUICK_US);
	ck_assert(!opened.answer.is_there);
	check_refused(&opened.answer);
	end();
}
END_TEST

/* What came later of the same session waits, and nothing else of the client. */
START_TEST(keeps_the_order)
{
	struct ipc_request request = { .url = URL };
	struct rig_answer answers[3] = { 0 };
	struct rig_client *client;
	uint64_t sessions[2];

	if (!begin())
		return;
	client = rig_connect(rig);
	sessions[0] = rig_open(rig, client, "one");
	sessions[1] = rig_open(rig, client, "two");
	request.destination = dead;
	start_create(client, sessions[0], &request, &answers[0]);
	wait_stuck(1);
	request.destination = NULL;
	start_create(client, sessions[0], &request, &answers[1]);
	ck_ok(ipc_start_session_finish_tasks_and_invalidate(
		client->bus, (struct ipc_path){ sessions[0], 0 }, rig_on_done, &answers[2]));
	check_quick(client, sessions[1]);
	ck_assert(!answers[0].is_there && !answers[1].is_there && !answers[2].is_there);
	check_refused(&answers[0]);
	/* a session that was finished before would make no task */
	rig_pump(rig, rig_is_answered, &answers[2]);
	ck_assert(answers[1].is_there);
	ck_ok(answers[1].r);
	ck_ok(answers[2].r);
	end();
}
END_TEST

/* Its calls go with it, whatever comes of what they asked. */
START_TEST(goes_with_its_client)
{
	struct ipc_request request = { .url = URL };
	struct rig_client *bad, *good;
	struct rig_answer answers[2];
	uint64_t session, other;

	if (!begin())
		return;
	bad = rig_connect(rig);
	good = rig_connect(rig);
	session = rig_open(rig, bad, "s");
	other = rig_open(rig, good, "other");
	request.destination = dead;
	start_create(bad, session, &request, &answers[0]);
	wait_stuck(1);
	request.destination = NULL;
	start_create(bad, session, &request, &answers[1]);
	rig_settle(rig);
	rig_disconnect(rig, bad);
	rig_settle(rig);
	check_quick(good, other);
	stuck = stuck_free(stuck);
	rig_settle(rig);
	check_quick(good, other);
	free(folder);
	free(dead);
	rig_free(rig);
}
END_TEST

/* Two of one application are out; others find room, and so does what is good once nobody waits for those two. */
START_TEST(one_application_has_not_all_scouts)
{
	struct ipc_request request = { .url = URL };
	struct rig_client *bad[3], *good;
	struct rig_answer answers[3];
	uint64_t other, sessions[3];
	char *place;

	if (!begin())
		return;
	place = tmpdir_path("place");
	good = rig_connect(rig);
	other = open_as(good, "background", "org.example.Good");
	for (unsigned i = 0; i < 3; i++) {
		char name[2] = { (char)('a' + i) }, path[PATH_MAX];

		/* each its own: of one name a file system is asked once */
		snprintf(path, sizeof(path), "%s/dead%u/file", folder, i);
		request.destination = i < 2 ? path : place;
		bad[i] = rig_connect(rig);
		sessions[i] = rig_open(rig, bad[i], name);
		start_create(bad[i], sessions[i], &request, &answers[i]);
	}
	wait_stuck(2);
	check_quick(good, other);
	ck_assert(!answers[2].is_there);
	for (unsigned i = 0; i < 2; i++)
		check_refused(&answers[i]);
	rig_pump(rig, rig_is_answered, &answers[2]);
	ck_ok(answers[2].r);
	check_quick(bad[2], sessions[2]);
	free(place);
	end();
}
END_TEST

static unsigned count_limited(const struct rig_answer *answers, unsigned n)
{
	unsigned n_limited = 0;

	for (unsigned i = 0; i < n; i++) {
		if (!answers[i].is_there)
			continue;
		ck_assert_int_eq(answers[i].r, IPC_E_LIMITS_EXCEEDED);
		n_limited++;
	}
	return n_limited;
}

/* Many calls behind one that waits: too many are refused, of that session only. */
START_TEST(keeps_so_many)
{
	static struct rig_answer answers[MANY];
	struct ipc_request request = { .url = URL };
	struct rig_answer answer;
	struct rig_client *client;
	uint64_t sessions[2];

	if (!begin())
		return;
	client = rig_connect(rig);
	sessions[0] = rig_open(rig, client, "one");
	sessions[1] = rig_open(rig, client, "two");
	request.destination = dead;
	start_create(client, sessions[0], &request, &answer);
	wait_stuck(1);
	for (unsigned i = 0; i < MANY; i++)
		ck_ok(ipc_start_session_flush(client->bus, (struct ipc_path){ sessions[0], 0 },
			rig_on_done, &answers[i]));
	check_quick(client, sessions[1]);
	ck_assert(!answer.is_there);
	ck_assert_uint_eq(count_limited(answers, MANY), MANY - 255);
	check_refused(&answer);
	end();
}
END_TEST

/* The bus is not read any more when there are too many descriptors in what is kept. */
START_TEST(keeps_so_many_files)
{
	struct ipc_request request = { .url = URL, .has_body_file = true };
	struct rig_answer answers[18];
	struct rig_client *client;
	uint64_t session;

	if (!begin())
		return;
	client = rig_connect(rig);
	session = rig_open(rig, client, "one");
	request.body_file = open("/dev/null", O_RDONLY | O_CLOEXEC);
	request.destination = dead;
	start_create(client, session, &request, &answers[0]);
	wait_stuck(1);
	request.destination = NULL;
	for (unsigned i = 1; i < 18; i++)
		start_create(client, session, &request, &answers[i]);
	rig_pump(rig, rig_is_answered, &answers[17]);
	ck_assert_uint_eq(count_limited(answers, 18), 2);
	close(request.body_file);
	end();
}
END_TEST

RUN_TESTS_WITHIN("daemon/bus-look", 30, TEST_EACH(a_request_waits_alone, places),
	TEST_LOOP(a_configuration_waits_alone, 2), TEST(keeps_the_order),
	TEST(goes_with_its_client), TEST(one_application_has_not_all_scouts), TEST(keeps_so_many),
	TEST(keeps_so_many_files))
