/* SPDX-License-Identifier: MIT */
/* Servers that want to know who asks, in sessions that live in memory: who is asked, and what each answer does. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/run.h"
#include "tests/system/live.h"

#define GOOD   "auth=Basic%20dXNlcjpwYXNzd2Q=&www=Basic%20realm=%22A%20%5C%22realm%5C%22%22"
#define DIGEST "auth=Digest%20&www=Digest%20realm=%22d%22,nonce=%22n1%22,qop=%22auth%22"

static struct rig rig;
static struct live_app *app;

/* what the delegate was asked last */
static struct {
	enum transfer_auth_method method;
	char protocol[8], host[64], realm[64];
	unsigned port;
	int status;
	unsigned n;
	transfer_challenge *kept;
} asked;

static void look_at(const transfer_challenge *challenge)
{
	asked.n++;
	asked.method = transfer_challenge_get_method(challenge);
	asked.port = transfer_challenge_get_port(challenge);
	asked.status = transfer_response_get_status(transfer_challenge_get_response(challenge));
	snprintf(asked.protocol, sizeof(asked.protocol), "%s",
		transfer_challenge_get_protocol(challenge));
	snprintf(asked.host, sizeof(asked.host), "%s", transfer_challenge_get_host(challenge));
	snprintf(asked.realm, sizeof(asked.realm), "%s", transfer_challenge_get_realm(challenge));
}

static void say(transfer_challenge *challenge, const char *user, const char *password)
{
	transfer_auto(transfer_credential) credential = transfer_credential_new_password(
		user, password, TRANSFER_PERSIST_NONE);

	ck_assert_ptr_nonnull(credential);
	ck_assert_int_eq(transfer_challenge_use(challenge, credential), 0);
	ck_assert_int_eq(transfer_challenge_default(challenge), -EALREADY);
}

static void use(transfer_task *task, transfer_challenge *challenge, void *user)
{
	(void)task;
	(void)user;
	look_at(challenge);
	say(challenge, "user", "passwd");
}

/* wrong, twice */
static void guess(transfer_task *task, transfer_challenge *challenge, void *user)
{
	unsigned n = transfer_challenge_get_previous_failures(challenge);

	(void)task;
	(void)user;
	look_at(challenge);
	say(challenge, "user", n < 2 ? "guess" : "passwd");
}

static void use_none(transfer_task *task, transfer_challenge *challenge, void *user)
{
	(void)task;
	(void)user;
	look_at(challenge);
	ck_assert_int_eq(transfer_challenge_use(challenge, NULL), 0);
}

static void go_on(transfer_task *task, transfer_challenge *challenge, void *user)
{
	(void)task;
	(void)user;
	look_at(challenge);
	ck_assert_int_eq(transfer_challenge_default(challenge), 0);
}

/* says nothing, and keeps nothing */
static void drop(transfer_task *task, transfer_challenge *challenge, void *user)
{
	(void)task;
	(void)user;
	look_at(challenge);
}

static void cancel(transfer_task *task, transfer_challenge *challenge, void *user)
{
	(void)task;
	(void)user;
	look_at(challenge);
	ck_assert_int_eq(transfer_challenge_cancel(challenge), 0);
}

static void reject(transfer_task *task, transfer_challenge *challenge, void *user)
{
	(void)task;
	(void)user;
	look_at(challenge);
	ck_assert_int_eq(transfer_challenge_reject_protection_space(challenge), 0);
}

/* not Digest, but Basic */
static void reject_digest(transfer_task *task, transfer_challenge *challenge, void *user)
{
	if (transfer_challenge_get_method(challenge) == TRANSFER_AUTH_DIGEST)
		reject(task, challenge, user);
	else
		use(task, challenge, user);
}

static void keep(transfer_task *task, transfer_challenge *challenge, void *user)
{
	(void)task;
	(void)user;
	look_at(challenge);
	asked.kept = transfer_challenge_ref(challenge);
}

/* The second time it is kept: the task stands still then. */
static void use_once(transfer_task *task, transfer_challenge *challenge, void *user)
{
	if (transfer_challenge_get_previous_failures(challenge))
		keep(task, challenge, user);
	else
		use(task, challenge, user);
}

typedef void (*answer_fn)(transfer_task *task, transfer_challenge *challenge, void *user);

static void begin_with(answer_fn answer)
{
	memset(&asked, 0, sizeof(asked));
	rig_new(&rig);
	app = live_open(&rig, &(struct live_app_config){ .on_challenge = answer });
}

static void end(void)
{
	app = live_close(app);
	rig_done(&rig);
}

/* what the n-th request for PREFIX said */
static const char *said(const char *prefix, unsigned n)
{
	static char value[1024];
	struct origin_entry entry;

	ck_assert_int_eq(origin_log_find(rig.origin, prefix, n, &entry), 0);
	if (!origin_entry_header(&entry, "Authorization", value, sizeof(value)))
		return "";
	return value;
}

/* SW-77, BT-54 */
START_TEST(tells_who_asks)
{
	transfer_task *task;

	begin_with(use);
	task = live_data(app, live_request(app, NULL, "/file?size=5&" GOOD));
	live_check(app, task, "created chal:0 resp:200 data:5 done:0");
	ck_assert_int_eq(asked.method, TRANSFER_AUTH_BASIC);
	ck_assert_int_eq(asked.status, 401);
	ck_assert_str_eq(asked.protocol, "http");
	ck_assert_str_eq(asked.host, "127.0.0.1");
	ck_assert_str_eq(asked.realm, "A \"realm\"");
	ck_assert_uint_eq(asked.port, origin_port(rig.origin));
	ck_assert_str_eq(said("/file", 1), "");
	ck_assert_str_eq(said("/file", 2), "Basic dXNlcjpwYXNzd2Q=");
	task = live_data(app, live_request(app, NULL, "/auth/basic"));
	ck_assert_int_eq(live_wait(app, task), 0);
	ck_assert_int_eq(live_status(task), 200);
	end();
}
END_TEST

START_TEST(answers_one_connection)
{
	struct origin_entry first, second;
	transfer_task *task;

	begin_with(use);
	task = live_data(app, live_request(app, NULL, "/file?size=5&auth_size=60000&" GOOD));
	live_check(app, task, "created chal:0 resp:200 data:5 done:0");
	ck_assert_int_eq(origin_log_find(rig.origin, "/file", 1, &first), 0);
	ck_assert_int_eq(origin_log_find(rig.origin, "/file", 2, &second), 0);
	ck_assert_uint_eq(first.connection, second.connection);
	end();
}
END_TEST

/* BT-54: again, with the number of failures */
START_TEST(counts_failures)
{
	transfer_task *task;

	begin_with(guess);
	task = live_data(app, live_request(app, NULL, "/file?size=5&" GOOD));
	live_check(app, task, "created chal:0 chal:1 chal:2 resp:200 data:5 done:0");
	end();
}
END_TEST

/* what makes the 401 the result; SW-79, SW-80 and BT-55 where nobody is asked */
static const struct {
	answer_fn answer;
	const char *target;
	const char *want;
} results[] = {
	{ NULL, "/file?" GOOD, "created resp:401 data:4 done:0" },
	{ use_none, "/file?" GOOD, "created chal:0 resp:401 data:4 done:0" },
	{ go_on, "/file?" GOOD, "created chal:0 resp:401 data:4 done:0" },
	{ go_on, "/file?auth_size=70000&" GOOD, "created chal:0 resp:401 data:70000 done:0" },
	{ go_on, "/file?auth_size=1000000&" GOOD, "created chal:0 resp:401 data:1000000 done:0" },
	{ drop, "/file?" GOOD, "created chal:0 resp:401 data:4 done:0" },
	{ cancel, "/file?" GOOD, "created chal:0 done:-999" },
	{ reject, "/file?" GOOD, "created chal:0 resp:401 data:4 done:0" },
	{ reject, "/file?" DIGEST "&www=Basic%20realm=%22b%22",
		"created chal:0 chal:0 resp:401 data:4 done:0" },
	{ reject_digest, "/file?size=5&" GOOD "&www=Digest%20realm=%22d%22,nonce=%22n%22",
		"created chal:0 chal:0 resp:200 data:5 done:0" },
	/* BT-56, SW-144: there is nothing to answer to */
	{ use, "/unauthorized", "created resp:401 done:0" },
	{ use, "/file?auth=x&www=Negotiate,NTLM", "created resp:401 data:4 done:0" },
	{ use, "/file?auth=x&www=,%20%22=%20Basic%20realm", "created resp:401 data:4 done:0" },
	{ use, "/file?status=403&header=WWW-Authenticate:Basic%20realm=%22a%22",
		"created resp:403 data:%n done:0" },
};

START_TEST(goes_on_without)
{
	transfer_task *task;
	const char *hole = strstr(results[_i].want, "%n");
	char want[128];
	size_t n;

	begin_with(results[_i].answer);
	task = live_data(app, live_request(app, NULL, results[_i].target));
	live_wait(app, task);
	live_body(app, task, &n);
	snprintf(want, sizeof(want), "%s", results[_i].want);
	if (hole)
		snprintf(want + (hole - results[_i].want), 64, "%zu%s", n, hole + 2);
	live_check(app, task, want);
	end();
}
END_TEST

/* with a handler the delegate is asked, too */
START_TEST(asks_for_handlers)
{
	begin_with(use);
	live_check(app, live_handled(app, live_request(app, NULL, "/file?size=5&" GOOD)),
		"created chal:0 handler:0:200:5");
	live_check(app, live_handled_download(app, live_request(app, NULL, "/file?size=5&" GOOD)),
		"created chal:0 file handler:0:200:0");
	live_check(app, live_download(app, live_request(app, NULL, "/file?size=5&" GOOD)),
		"created chal:0 file done:0");
	end();
}
END_TEST

/* BT-55: the URL's user goes first, in both ways */
START_TEST(tries_the_url_first)
{
	static const struct {
		const char *user, *query, *want;
	} cases[] = {
		{ "user:passwd", GOOD, "created resp:200 data:5 done:0" },
		{ "user:wrong", GOOD, "created chal:1 resp:200 data:5 done:0" },
		{ "user:passwd", DIGEST, "created resp:200 data:5 done:0" },
		/* Basic cannot name that one, Digest can */
		{ "us%3Aer:passwd", GOOD, "created chal:0 resp:200 data:5 done:0" },
		{ "us%3Aer:passwd", DIGEST, "created resp:200 data:5 done:0" },
	};
	char url[512];

	begin_with(use);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(url, sizeof(url), "http://%s@127.0.0.1:%u/file?size=5&%s", cases[i].user,
			(unsigned)origin_port(rig.origin), cases[i].query);
		origin_log_clear(rig.origin);
		live_check(app, live_data(app, live_request(app, NULL, url)), cases[i].want);
		ck_assert_int_eq(!said("/file", 1)[0], !!strchr(cases[i].user, '%'));
	}
	app = live_close(app);
	app = live_open(&rig, &(struct live_app_config){ 0 });
	for (size_t i = 0; i < 3; i += 2) {
		snprintf(url, sizeof(url), "http://%s@127.0.0.1:%u/file?size=5&%s", cases[i].user,
			(unsigned)origin_port(rig.origin), cases[i].query);
		live_check(app, live_data(app, live_request(app, NULL, url)), cases[i].want);
	}
	snprintf(url, sizeof(url), "http://user:wrong@127.0.0.1:%u/file?%s",
		(unsigned)origin_port(rig.origin), GOOD);
	live_check(app, live_data(app, live_request(app, NULL, url)),
		"created resp:401 data:4 done:0");
	end();
}
END_TEST

START_TEST(says_digest)
{
	transfer_task *task;

	begin_with(use);
	task = live_data(app, live_request(app, NULL, "/file?size=5&" DIGEST));
	live_check(app, task, "created chal:0 resp:200 data:5 done:0");
	ck_assert_int_eq(asked.method, TRANSFER_AUTH_DIGEST);
	ck_assert_ptr_nonnull(strstr(said("/file", 2), "username=\"user\""));
	ck_assert_ptr_nonnull(strstr(said("/file", 2), "nc=00000001"));
	ck_assert_ptr_null(strstr(said("/file", 2), "passwd"));
	end();
}
END_TEST

/* a nonce that is too old is no failure; but not for ever */
START_TEST(renews_a_nonce)
{
	transfer_task *task;

	begin_with(use_once);
	task = live_data(app,
		live_request(app, NULL,
			"/file?auth=never&www=Digest%20realm=%22d%22,nonce=%22n1%22,stale=true"));
	live_wait_event(app, task, "chal", 2);
	ck_assert_uint_ge(origin_log_count(rig.origin, "/file"), 4);
	transfer_task_cancel(task);
	ck_assert_int_eq(live_wait(app, task), -999);
	ck_assert_str_eq(live_events(app, task), "created chal:0 chal:1 done:-999");
	transfer_challenge_unref(asked.kept);
	end();
}
END_TEST

/* a field that was set by hand gives way to the credential */
START_TEST(replaces_what_was_set)
{
	transfer_request *request;

	begin_with(use);
	request = live_request(app, NULL, "/file?size=5&" GOOD);
	transfer_request_set_header(request, "Authorization", "Bearer abc");
	live_check(app, live_data(app, request), "created chal:0 resp:200 data:5 done:0");
	ck_assert_str_eq(said("/file", 1), "Bearer abc");
	ck_assert_str_eq(said("/file", 2), "Basic dXNlcjpwYXNzd2Q=");
	end();
}
END_TEST

static void replace(transfer_task *task, const transfer_request *proposed,
	transfer_redirect *answer, void *user)
{
	transfer_auto(transfer_request) other = transfer_request_copy(proposed);

	(void)task;
	/* what a challenge has done away with is not proposed */
	ck_assert_ptr_null(transfer_request_get_header(other, "Authorization"));
	if (*(bool *)user)
		transfer_request_set_header(other, "Authorization", "Bearer abc");
	ck_assert_int_eq(transfer_redirect_replace(answer, other), 0);
}

/* what is set by hand after that is said, and may be asked about again */
START_TEST(gives_way_to_what_is_set)
{
	transfer_request *request;
	transfer_task *task;
	bool is_set = false;
	const char *want;

	memset(&asked, 0, sizeof(asked));
	rig_new(&rig);
	app = live_open(&rig,
		&(struct live_app_config){
			.on_challenge = use, .on_redirect = replace, .user = &is_set });
	for (int i = 0; i < 2; i++) {
		is_set = i;
		request = live_request(app, NULL, "/file?" GOOD "&redirect_to=/auth/basic");
		transfer_request_set_header(request, "Authorization", "Bearer old");
		task = live_data(app, request);
		ck_assert_int_eq(live_wait(app, task), 0);
		ck_assert_int_eq(live_status(task), 200);
		want = is_set ? "created chal:0 redir:302 chal:0 resp:200"
			      : "created chal:0 redir:302 resp:200";
		ck_assert_msg(!strncmp(live_events(app, task), want, strlen(want)), "%s",
			live_events(app, task));
	}
	ck_assert_str_eq(said("/auth/basic", 1), "Basic dXNlcjpwYXNzd2Q=");
	ck_assert_str_eq(said("/auth/basic", 2), "Bearer abc");
	ck_assert_str_eq(said("/auth/basic", 3), "Basic dXNlcjpwYXNzd2Q=");
	end();
}
END_TEST

static transfer_data *produced;

static void on_produced(const transfer_data *resume_data, void *userdata)
{
	(void)userdata;
	produced = resume_data ? transfer_data_ref((transfer_data *)(uintptr_t)resume_data) : NULL;
}

/* what was there is worth more than the page that says who may have it */
START_TEST(a_resumed_download_keeps_what_it_has)
{
	transfer_auto(transfer_error) error = NULL;
	transfer_task *task;

	begin_with(use);
	task = live_download(app,
		live_request(app, NULL,
			"/file?key=k&size=1000000&seed=3&gate=g&gate_after=300000&" GOOD));
	live_wait_event(app, task, "wrote", 1);
	transfer_task_cancel_by_producing_resume_data(task, on_produced, NULL);
	ck_assert_int_eq(live_wait(app, task), -999);
	origin_release(rig.origin, "g");
	app = live_close(app);
	ck_assert_ptr_nonnull(produced);
	app = live_open(&rig, &(struct live_app_config){ .on_challenge = go_on });
	task = live_keep(app,
		transfer_session_download_task_resume(live_session(app), produced, NULL, NULL));
	transfer_task_resume(task);
	ck_assert_int_eq(live_wait(app, task), TRANSFER_ERROR_BAD_SERVER_RESPONSE);
	ck_assert_int_eq(live_status(task), 401);
	error = transfer_task_copy_error(task);
	ck_assert_ptr_nonnull(transfer_error_get_resume_data(error));
	transfer_data_unref(produced);
	end();
}
END_TEST

/* the body of an upload goes again, also when the server does not wait for it */
START_TEST(sends_the_body_again)
{
	static const char *const targets[] = { "/upload?" GOOD, "/upload?auth_early&" GOOD };
	static char body[3000000];
	struct origin_entry entry;
	transfer_task *task;

	memset(body, 'b', sizeof(body));
	begin_with(use);
	for (size_t i = 0; i < 2; i++) {
		origin_log_clear(rig.origin);
		task = live_upload(app, live_request(app, NULL, targets[i]), body, sizeof(body));
		ck_assert_int_eq(live_wait(app, task), 0);
		ck_assert_int_eq(live_status(task), 200);
		ck_assert_int_eq(origin_log_find(rig.origin, "/upload", 2, &entry), 0);
		ck_assert_uint_eq(entry.body_received_bytes, sizeof(body));
	}
	end();
}
END_TEST

static void give_body(transfer_task *task, transfer_body_request *answer, void *user)
{
	transfer_auto(transfer_data) data = transfer_data_new_copy("hello", 5);
	transfer_auto(transfer_body) body = transfer_body_new_data(data);

	(void)task;
	*(enum transfer_body_reason *)user = transfer_body_request_get_reason(answer);
	ck_assert_int_eq(transfer_body_request_provide(answer, body), 0);
}

/* one that is read once is asked for */
START_TEST(asks_for_another_stream)
{
	enum transfer_body_reason reason = TRANSFER_BODY_REASON_START;
	transfer_auto(transfer_request) request = NULL;
	transfer_task *task;

	memset(&asked, 0, sizeof(asked));
	rig_new(&rig);
	app = live_open(&rig,
		&(struct live_app_config){
			.on_challenge = use, .on_need_body = give_body, .user = &reason });
	request = live_request(app, NULL, "/upload?" GOOD);
	task = transfer_session_upload_task_streamed(live_session(app), request);
	live_keep(app, task);
	transfer_task_resume(task);
	ck_assert_int_eq(live_wait(app, task), 0);
	ck_assert_int_eq(live_status(task), 200);
	ck_assert_int_eq(reason, TRANSFER_BODY_REASON_AUTHENTICATION);
	end();
}
END_TEST

/* N-13, BT-52: nothing of it goes to another origin, and it comes back to none */
START_TEST(stays_with_its_origin)
{
	char target[512];
	transfer_task *task;

	begin_with(use);
	snprintf(target, sizeof(target), "/file?%s&redirect_to=%s/echoHeaders", GOOD,
		origin_base6(rig.origin));
	task = live_data(app, live_request(app, NULL, target));
	ck_assert_int_eq(live_wait(app, task), 0);
	ck_assert_str_eq(said("/file", 2), "Basic dXNlcjpwYXNzd2Q=");
	ck_assert_str_eq(said("/echoHeaders", 1), "");
	/* within it, it goes along */
	task = live_data(app, live_request(app, NULL, "/file?" GOOD "&redirect_to=/echoHeaders"));
	ck_assert_int_eq(live_wait(app, task), 0);
	ck_assert_str_eq(said("/echoHeaders", 2), "Basic dXNlcjpwYXNzd2Q=");
	end();
}
END_TEST

/* the next task is asked for itself */
START_TEST(is_forgotten_with_its_task)
{
	begin_with(use);
	live_check(app, live_data(app, live_request(app, NULL, "/file?size=5&" GOOD)),
		"created chal:0 resp:200 data:5 done:0");
	live_check(app, live_data(app, live_request(app, NULL, "/file?size=5&" GOOD)),
		"created chal:0 resp:200 data:5 done:0");
	ck_assert_str_eq(said("/file", 3), "");
	end();
}
END_TEST

START_TEST(may_be_answered_later)
{
	transfer_task *task;

	begin_with(keep);
	task = live_data(app, live_request(app, NULL, "/file?size=5&" GOOD));
	live_wait_event(app, task, "chal", 1);
	say(asked.kept, "user", "passwd");
	transfer_challenge_unref(asked.kept);
	live_check(app, task, "created chal:0 resp:200 data:5 done:0");

	task = live_data(app, live_request(app, NULL, "/file?size=5&" GOOD));
	live_wait_event(app, task, "chal", 1);
	transfer_task_cancel(task);
	live_check(app, task, "created chal:0 done:-999");
	ck_assert_int_eq(transfer_challenge_default(asked.kept), -ESTALE);
	transfer_challenge_unref(asked.kept);
	end();
}
END_TEST

/* thinking is not silence of the server, but it is life of the task */
START_TEST(may_take_its_time)
{
	transfer_request *request;
	transfer_task *task;
	uint64_t begun_ms;

	begin_with(keep);
	begun_ms = proc_now_ms();
	request = live_request(app, NULL, "/file?" GOOD);
	transfer_request_set_timeout(request, 700000);
	transfer_request_set_resource_timeout(request, 1500000);
	task = live_data(app, request);
	live_check(app, task, "created chal:0 done:-1001");
	ck_assert_uint_ge(proc_now_ms() - begun_ms, 1500);
	transfer_challenge_unref(asked.kept);
	end();
}
END_TEST

RUN_TESTS_WITHIN("system/live-auth", 60, TEST(tells_who_asks), TEST(answers_one_connection),
	TEST(counts_failures), TEST_EACH(goes_on_without, results), TEST(asks_for_handlers),
	TEST(tries_the_url_first), TEST(says_digest), TEST(renews_a_nonce),
	TEST(replaces_what_was_set), TEST(gives_way_to_what_is_set),
	TEST(a_resumed_download_keeps_what_it_has), TEST(sends_the_body_again),
	TEST(asks_for_another_stream), TEST(stays_with_its_origin),
	TEST(is_forgotten_with_its_task), TEST(may_be_answered_later), TEST(may_take_its_time))
