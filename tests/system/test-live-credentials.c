/* SPDX-License-Identifier: MIT */
/* Credentials that are kept: who is said to be asking without a delegate, what a delegate is proposed, and what stays. */
#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/run.h"
#include "tests/system/live.h"

#define REALM "A \"realm\""
#define GOOD  "auth=Basic%20dXNlcjpwYXNzd2Q=&www=Basic%20realm=%22A%20%5C%22realm%5C%22%22"
#define DIGEST \
	"auth=Digest%20&www=Digest%20realm=%22A%20%5C%22realm%5C%22%22,nonce=%22n1%22,qop=%22auth%22"

static struct rig rig;
static struct live_app *app;
static transfer_credential_store *store;

typedef void (*answer_fn)(transfer_task *task, transfer_challenge *challenge, void *user);

static void begin_as(const struct live_app_config *config)
{
	rig_new(&rig);
	app = live_open(&rig, config);
	store = transfer_session_get_credential_store(live_session(app));
}

static void begin_with(answer_fn answer)
{
	begin_as(&(struct live_app_config){ .on_challenge = answer });
}

static void end(void)
{
	app = live_close(app);
	rig_done(&rig);
}

static transfer_protection_space *space_of(enum transfer_auth_method method)
{
	transfer_protection_space *space = transfer_protection_space_new(
		"127.0.0.1", origin_port(rig.origin), "http", REALM, method);

	ck_assert_ptr_nonnull(space);
	return space;
}

static void put(enum transfer_auth_method method, const char *user, const char *password)
{
	transfer_auto(transfer_protection_space) space = space_of(method);
	transfer_auto(transfer_credential) credential = transfer_credential_new_password(
		user, password, TRANSFER_PERSIST_SESSION);

	ck_assert_int_eq(transfer_credential_store_set(store, space, credential), 0);
}

/* port: to be added to the origin's */
static void put_at(const char *host, unsigned port, const char *protocol)
{
	transfer_auto(transfer_protection_space) space = transfer_protection_space_new(
		host, origin_port(rig.origin) + port, protocol, REALM, TRANSFER_AUTH_BASIC);
	transfer_auto(transfer_credential) credential = transfer_credential_new_password(
		"user", "passwd", TRANSFER_PERSIST_SESSION);

	ck_assert_int_eq(transfer_credential_store_set(store, space, credential), 0);
}

/* "USER:PASSWORD" of what the store says by default */
static const char *kept_in(const transfer_credential_store *in)
{
	transfer_auto(transfer_protection_space) space = space_of(TRANSFER_AUTH_BASIC);
	transfer_auto(transfer_credential)
		credential = transfer_credential_store_copy_default(in, space);
	static char text[128];

	if (!credential)
		return "";
	snprintf(text, sizeof(text), "%s:%s", transfer_credential_get_user(credential),
		transfer_credential_get_password(credential));
	return text;
}

static int count_one(const transfer_protection_space *space, const transfer_credential *credential,
	bool is_default, void *userdata)
{
	(void)space;
	(void)credential;
	(void)is_default;
	++*(unsigned *)userdata;
	return 0;
}

static unsigned n_kept(void)
{
	unsigned n = 0;

	ck_assert_int_eq(transfer_credential_store_foreach(store, NULL, count_one, &n), 0);
	return n;
}

static transfer_task *get(const char *target)
{
	return live_data(app, live_request(app, NULL, target));
}

/* ---- without an answer of the application ---- */

static void go_on(transfer_task *task, transfer_challenge *challenge, void *user)
{
	(void)task;
	(void)user;
	ck_assert_int_eq(transfer_challenge_default(challenge), 0);
}

static void drop(transfer_task *task, transfer_challenge *challenge, void *user)
{
	(void)task;
	(void)challenge;
	(void)user;
}

/* BT-55: with no delegate that answers, and with a handler */
START_TEST(says_the_default)
{
	static const answer_fn answers[] = { NULL, go_on, drop };
	const char *asked = answers[_i] ? "created chal:0 " : "created ";
	char want[64];

	begin_with(answers[_i]);
	put(TRANSFER_AUTH_BASIC, "user", "passwd");
	put(TRANSFER_AUTH_BASIC, "other", "passwd");
	snprintf(want, sizeof(want), "%sresp:200 data:5 done:0", asked);
	live_check(app, get("/file?size=5&" GOOD), want);
	live_check(app, get("/file?size=5&" GOOD), want);
	ck_assert_uint_eq(origin_log_count(rig.origin, "/file"), 4);
	snprintf(want, sizeof(want), "%sfile done:0", asked);
	live_check(app, live_download(app, live_request(app, NULL, "/file?size=5&" GOOD)), want);
	snprintf(want, sizeof(want), "%shandler:0:200:5", asked);
	live_check(app, live_handled(app, live_request(app, NULL, "/file?size=5&" GOOD)), want);
	put(TRANSFER_AUTH_DIGEST, "user", "passwd");
	snprintf(want, sizeof(want), "%sresp:200 data:5 done:0", asked);
	live_check(app, get("/file?size=5&" DIGEST), want);
	end();
}
END_TEST

/* BT-55: what was refused is not said again, and the 401 is the result */
START_TEST(says_it_once)
{
	static const struct {
		answer_fn answer;
		const char *want;
	} cases[] = {
		{ NULL, "created resp:401 data:4 done:0" },
		{ go_on, "created chal:0 chal:1 resp:401 data:4 done:0" },
	};

	begin_with(cases[_i].answer);
	put(TRANSFER_AUTH_BASIC, "user", "wrong");
	live_check(app, get("/file?" GOOD), cases[_i].want);
	ck_assert_uint_eq(origin_log_count(rig.origin, "/file"), 2);
	ck_assert_str_eq(kept_in(store), "user:wrong");
	end();
}
END_TEST

/* BT-55: first the URL, then the store, then the result */
START_TEST(comes_behind_the_url)
{
	char url[256];

	begin_with(NULL);
	snprintf(url, sizeof(url), "http://user:wrong@127.0.0.1:%u/file?size=5&%s",
		(unsigned)origin_port(rig.origin), GOOD);
	live_check(app, get(url), "created resp:401 data:4 done:0");
	put(TRANSFER_AUTH_BASIC, "user", "passwd");
	live_check(app, get(url), "created resp:200 data:5 done:0");
	put(TRANSFER_AUTH_BASIC, "user", "also wrong");
	snprintf(url, sizeof(url), "http://user:passwd@127.0.0.1:%u/file?size=5&%s",
		(unsigned)origin_port(rig.origin), GOOD);
	live_check(app, get(url), "created resp:200 data:5 done:0");
	end();
}
END_TEST

/* of another realm, port, method or host */
START_TEST(is_for_its_space_only)
{
	begin_with(NULL);
	put(TRANSFER_AUTH_DIGEST, "user", "passwd");
	put_at("127.0.0.1", 1, "http");
	put_at("127.0.0.1", 0, "https");
	put_at("localhost", 0, "http");
	live_check(app, get("/file?" GOOD), "created resp:401 data:4 done:0");
	put(TRANSFER_AUTH_BASIC, "user", "passwd");
	live_check(app, get("/file?auth=Basic%20dXNlcjpwYXNzd2Q=&www=Basic%20realm=%22another%22"),
		"created resp:401 data:4 done:0");
	ck_assert_uint_eq(origin_log_count(rig.origin, "/file"), 2);
	live_check(app, get("/file?size=5&" GOOD), "created resp:200 data:5 done:0");
	end();
}
END_TEST

/* the default is taken where the answer arrives: it does not wait for a queue that nobody serves */
START_TEST(needs_no_queue)
{
	transfer_auto(transfer_queue) queue = transfer_queue_new_manual();
	transfer_auto(transfer_request) request = NULL;
	transfer_auto(transfer_response) response = NULL;
	transfer_auto(transfer_data) body = NULL;

	begin_as(&(struct live_app_config){ .no_delegate = true, .queue = queue });
	put(TRANSFER_AUTH_BASIC, "user", "passwd");
	request = live_request(app, NULL, "/file?size=5&" GOOD);
	ck_assert_int_eq(transfer_fetch(live_session(app), request, &body, &response, NULL), 0);
	ck_assert_int_eq(transfer_response_get_status(response), 200);
	end();
}
END_TEST

/* ---- with answers ---- */

/* what the delegate was proposed, as a line */
static char proposed[256];
static enum transfer_persistence persistence;

static void use_better(transfer_task *task, transfer_challenge *challenge, void *user)
{
	const transfer_credential *is = transfer_challenge_get_proposed(challenge);
	transfer_auto(transfer_credential)
		good = transfer_credential_new_password("user", "passwd", persistence);
	unsigned n = transfer_challenge_get_previous_failures(challenge);
	size_t at = strlen(proposed);

	(void)task;
	(void)user;
	snprintf(proposed + at, sizeof(proposed) - at, "%u:%s ", n,
		is ? transfer_credential_get_password(is) : "-");
	ck_assert_int_eq(transfer_challenge_use(challenge, is && !n ? is : good), 0);
}

static void begin_better(const struct live_app_config *config, enum transfer_persistence how)
{
	struct live_app_config with = *config;

	*proposed = '\0';
	persistence = how;
	with.on_challenge = use_better;
	begin_as(&with);
}

/* the space is the challenge's, and the default is proposed; what took its place is the default then */
START_TEST(proposes_the_default)
{
	begin_better(&(struct live_app_config){ 0 }, TRANSFER_PERSIST_SESSION);
	put(TRANSFER_AUTH_BASIC, "zoe", "wrong");
	live_check(app, get("/file?size=5&" GOOD), "created chal:0 chal:1 resp:200 data:5 done:0");
	ck_assert_str_eq(proposed, "0:wrong 1:wrong ");
	ck_assert_str_eq(kept_in(store), "user:passwd");
	ck_assert_uint_eq(n_kept(), 2);
	live_check(app, get("/file?size=5&" GOOD), "created chal:0 resp:200 data:5 done:0");
	ck_assert_str_eq(proposed, "0:wrong 1:wrong 0:passwd ");
	end();
}
END_TEST

static void look_at_space(transfer_task *task, transfer_challenge *challenge, void *user)
{
	transfer_auto(transfer_protection_space) space = space_of(TRANSFER_AUTH_BASIC);

	(void)task;
	(void)user;
	ck_assert(
		transfer_protection_space_is_equal(transfer_challenge_get_space(challenge), space));
	ck_assert_ptr_null(transfer_challenge_get_proposed(challenge));
}

START_TEST(tells_the_space)
{
	begin_with(look_at_space);
	live_check(app, get("/file?" GOOD), "created chal:0 resp:401 data:4 done:0");
	end();
}
END_TEST

static transfer_task *download(const char *target)
{
	return live_download(app, live_request(app, NULL, target));
}

static transfer_task *handled(const char *target)
{
	return live_handled(app, live_request(app, NULL, target));
}

static transfer_task *handled_download(const char *target)
{
	return live_handled_download(app, live_request(app, NULL, target));
}

/* what is accepted stays, of every kind of task, and before its end is told */
static const struct {
	transfer_task *(*make)(const char *target);
	const char *target;
	enum transfer_persistence persistence;
	const char *kept;
	bool unasked, stays_out;
} uses[] = {
	{ get, "/file?size=5&" GOOD, TRANSFER_PERSIST_SESSION, "user:passwd", false, false },
	{ get, "/file?size=5&" GOOD, TRANSFER_PERSIST_PERMANENT, "user:passwd", false, false },
	{ get, "/file?size=5&" GOOD, TRANSFER_PERSIST_SESSION, "user:passwd", true, false },
	{ get, "/file?size=300000&" GOOD, TRANSFER_PERSIST_SESSION, "user:passwd", true, false },
	{ download, "/file?size=5&" GOOD, TRANSFER_PERSIST_SESSION, "user:passwd", false, false },
	{ download, "/file?size=3000000&" GOOD, TRANSFER_PERSIST_SESSION, "user:passwd", false,
		false },
	{ handled, "/file?size=5&" GOOD, TRANSFER_PERSIST_SESSION, "user:passwd", false, false },
	{ handled, "/file?size=300000&" GOOD, TRANSFER_PERSIST_SESSION, "user:passwd", false,
		false },
	{ handled_download, "/file?size=5&" GOOD, TRANSFER_PERSIST_SESSION, "user:passwd", false,
		false },
	{ get, "/file?status=404&" GOOD, TRANSFER_PERSIST_SESSION, "user:passwd", false, false },
	{ get, "/file?redirect_to=/echoHeaders&" GOOD, TRANSFER_PERSIST_SESSION, "user:passwd",
		false, false },
	/* and what is not stays out */
	{ get, "/file?size=5&" GOOD, TRANSFER_PERSIST_NONE, "", false, false },
	{ get, "/file?status=500&" GOOD, TRANSFER_PERSIST_SESSION, "", false, false },
	{ get, "/file?status=429&" GOOD, TRANSFER_PERSIST_SESSION, "", false, false },
	{ download, "/file?status=408&" GOOD, TRANSFER_PERSIST_SESSION, "", false, false },
	{ get, "/file?size=5&" GOOD, TRANSFER_PERSIST_SESSION, "", false, true },
};

static void use_no_store(transfer_config *config)
{
	ck_assert_int_eq(transfer_config_set_credential_store(config, NULL), 0);
}

START_TEST(keeps_what_was_accepted)
{
	begin_better(&(struct live_app_config){ .unasked = uses[_i].unasked,
			     .tune = uses[_i].stays_out ? use_no_store : NULL },
		uses[_i].persistence);
	if (uses[_i].stays_out) {
		ck_assert_ptr_null(store);
		store = transfer_credential_store_get("shared");
	}
	ck_assert_int_eq(live_wait(app, uses[_i].make(uses[_i].target)), 0);
	ck_assert_str_eq(proposed, "0:- ");
	ck_assert_str_eq(kept_in(store), uses[_i].kept);
	end();
}
END_TEST

static void note_change(transfer_credential_store *of, void *userdata)
{
	ck_assert_ptr_eq(of, store);
	ck_assert_int_eq(sem_post(userdata), 0);
}

/* a download is not over for a long time, and may break: whoever comes next is not asked again */
START_TEST(keeps_it_when_a_download_begins)
{
	transfer_task *task;
	sem_t changed;

	ck_assert_int_eq(sem_init(&changed, 0, 0), 0);
	begin_better(&(struct live_app_config){ .unasked = true }, TRANSFER_PERSIST_SESSION);
	ck_assert_int_eq(transfer_credential_store_observe(store, note_change, &changed, NULL), 0);
	task = (_i ? handled_download : download)(
		"/file?size=3000000&gate=g&gate_after=1000000&" GOOD);
	ck_assert_int_eq(sem_wait(&changed), 0);
	transfer_credential_store_unobserve(store, note_change, &changed);
	ck_assert_str_eq(kept_in(store), "user:passwd");
	ck_assert_int_eq(origin_release(rig.origin, "g"), 0);
	ck_assert_int_eq(live_wait(app, task), 0);
	ck_assert_uint_eq(n_kept(), 1);
	end();
}
END_TEST

static void use_wrong(transfer_task *task, transfer_challenge *challenge, void *user)
{
	transfer_auto(transfer_credential)
		wrong = transfer_credential_new_password("user", "wrong", TRANSFER_PERSIST_SESSION);

	(void)task;
	(void)user;
	if (transfer_challenge_get_previous_failures(challenge) < 2)
		ck_assert_int_eq(transfer_challenge_use(challenge, wrong), 0);
}

START_TEST(keeps_nothing_that_was_refused)
{
	begin_with(use_wrong);
	live_check(app, get("/file?" GOOD), "created chal:0 chal:1 chal:2 resp:401 data:4 done:0");
	ck_assert_uint_eq(n_kept(), 0);
	end();
}
END_TEST

/* one that was removed while it was in use stays away */
static void use_and_remove(transfer_task *task, transfer_challenge *challenge, void *user)
{
	const transfer_credential *is = transfer_challenge_get_proposed(challenge);

	(void)task;
	(void)user;
	ck_assert_ptr_nonnull(is);
	transfer_credential_store_remove(store, transfer_challenge_get_space(challenge), is);
	ck_assert_int_eq(transfer_challenge_use(challenge, is), 0);
}

START_TEST(what_was_removed_does_not_come_back)
{
	begin_with(use_and_remove);
	put(TRANSFER_AUTH_BASIC, "user", "passwd");
	live_check(app, get("/file?size=5&" GOOD), "created chal:0 resp:200 data:5 done:0");
	ck_assert_uint_eq(n_kept(), 0);
	end();
}
END_TEST

/* ---- whose store ---- */

static void do_nothing(const transfer_error *error, void *userdata)
{
	ck_assert_ptr_null(error);
	*(bool *)userdata = true;
}

START_TEST(an_ephemeral_session_has_its_own)
{
	begin_as(&(struct live_app_config){ .kind = TRANSFER_SESSION_EPHEMERAL });
	put(TRANSFER_AUTH_BASIC, "user", "passwd");
	live_check(app, get("/file?size=5&" GOOD), "created resp:200 data:5 done:0");
	ck_assert_str_eq(kept_in(transfer_credential_store_get("shared")), "");
	app = live_close(app);
	app = live_open(&rig, &(struct live_app_config){ .kind = TRANSFER_SESSION_EPHEMERAL });
	live_check(app, get("/file?size=5&" GOOD), "created resp:401 data:4 done:0");
	end();
}
END_TEST

/* BT-87 */
START_TEST(reset_empties_it)
{
	bool is_done = false;

	begin_with(NULL);
	put(TRANSFER_AUTH_BASIC, "user", "passwd");
	live_check(app, get("/file?size=5&" GOOD), "created resp:200 data:5 done:0");
	transfer_session_flush(live_session(app), NULL, NULL);
	ck_assert_uint_eq(n_kept(), 1);
	transfer_session_reset(live_session(app), do_nothing, &is_done);
	ck_assert_uint_eq(n_kept(), 0);
	live_check(app, get("/file?size=5&" GOOD), "created resp:401 data:4 done:0");
	ck_assert(is_done);
	end();
}
END_TEST

static void count_change(transfer_credential_store *changed, void *userdata)
{
	ck_assert_ptr_eq(changed, store);
	++*(unsigned *)userdata;
}

/* an observer hears of what an answer leaves behind, once; nothing of it is on the disk or in the log */
START_TEST(is_told_and_not_written_down)
{
	char *found = NULL, command[512];
	unsigned n = 0;
	FILE *grep;

	begin_better(&(struct live_app_config){ 0 }, TRANSFER_PERSIST_PERMANENT);
	ck_assert_int_eq(transfer_credential_store_observe(store, count_change, &n, NULL), 0);
	live_check(app, get("/file?size=5&" GOOD), "created chal:0 resp:200 data:5 done:0");
	ck_assert_uint_eq(n, 1);
	live_check(app, get("/file?size=5&" GOOD), "created chal:0 resp:200 data:5 done:0");
	ck_assert_uint_eq(n, 1);
	ck_assert_uint_eq(rig_log_count(&rig, "passwd"), 0);
	snprintf(command, sizeof(command), "grep -rlaE 'passwd|dXNlcjpwYXNzd2Q' '%s' | head -n 1",
		rig.folder);
	grep = popen(command, "r");
	ck_assert_ptr_nonnull(grep);
	found = fgets(command, sizeof(command), grep);
	ck_assert_msg(!found, "in %s", found);
	pclose(grep);
	transfer_credential_store_unobserve(store, count_change, &n);
	end();
}
END_TEST

RUN_TESTS_WITHIN("system/live-credentials", 60, TEST_LOOP(says_the_default, 3),
	TEST_LOOP(says_it_once, 2), TEST(comes_behind_the_url), TEST(is_for_its_space_only),
	TEST(needs_no_queue), TEST(proposes_the_default), TEST(tells_the_space),
	TEST_EACH(keeps_what_was_accepted, uses), TEST_LOOP(keeps_it_when_a_download_begins, 2),
	TEST(keeps_nothing_that_was_refused), TEST(what_was_removed_does_not_come_back),
	TEST(an_ephemeral_session_has_its_own), TEST(reset_empties_it),
	TEST(is_told_and_not_written_down))
