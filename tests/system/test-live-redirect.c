/* SPDX-License-Identifier: MIT */
/* Redirects of sessions that live in memory: who is asked, what is proposed, and what each answer does. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/run.h"
#include "tests/system/live.h"

static struct rig rig;
static struct live_app *app;

/* what the delegate was asked last, and what it answers */
static struct {
	char url[512];
	char method[16];
	const char *replace; /* another target, or NULL */
	transfer_redirect *kept;
	pthread_t thread;
	int answered;
} asked;

static void look_at(const transfer_request *request)
{
	const char *method = transfer_request_get_method(request);

	snprintf(asked.url, sizeof(asked.url), "%s", transfer_request_get_url(request));
	snprintf(asked.method, sizeof(asked.method), "%s", method ? method : "");
}

static void follow(
	transfer_task *task, const transfer_request *request, transfer_redirect *answer, void *user)
{
	(void)task;
	(void)user;
	look_at(request);
	ck_assert_int_eq(transfer_redirect_follow(answer), 0);
}

static void refuse(
	transfer_task *task, const transfer_request *request, transfer_redirect *answer, void *user)
{
	(void)task;
	(void)user;
	look_at(request);
	ck_assert_int_eq(transfer_redirect_refuse(answer), 0);
	ck_assert_int_eq(transfer_redirect_follow(answer), -EALREADY);
}

static void keep(
	transfer_task *task, const transfer_request *request, transfer_redirect *answer, void *user)
{
	(void)task;
	(void)user;
	look_at(request);
	asked.kept = transfer_redirect_ref(answer);
}

/* says nothing, and keeps nothing */
static void drop(
	transfer_task *task, const transfer_request *request, transfer_redirect *answer, void *user)
{
	(void)task;
	(void)answer;
	(void)user;
	look_at(request);
}

static void replace(
	transfer_task *task, const transfer_request *request, transfer_redirect *answer, void *user)
{
	transfer_auto(transfer_request) other = live_request(app, NULL, asked.replace);

	(void)task;
	(void)user;
	look_at(request);
	transfer_request_set_header(other, "X-Replaced", "yes");
	ck_assert_int_eq(transfer_redirect_replace(answer, other), 0);
}

typedef void (*answer_fn)(transfer_task *task, const transfer_request *request,
	transfer_redirect *answer, void *user);

static void begin_with(answer_fn answer)
{
	memset(&asked, 0, sizeof(asked));
	rig_new(&rig);
	app = live_open(&rig, &(struct live_app_config){ .on_redirect = answer });
}

static void end(void)
{
	app = live_close(app);
	rig_done(&rig);
}

/* "%n" stands for the size of what came */
static void check_line(const transfer_task *task, const char *want)
{
	const char *hole = strstr(want, "%n");
	char line[1024];
	size_t n;

	live_wait(app, task);
	live_body(app, task, &n);
	snprintf(line, sizeof(line), "%.*s", hole ? (int)(hole - want) : (int)strlen(want), want);
	if (hole)
		snprintf(line + strlen(line), sizeof(line) - strlen(line), "%zu%s", n, hole + 2);
	live_check(app, task, line);
}

/* what a redirect does to a method (SW-10, SW-47..51); what begins with P carries a body */
static const struct hop {
	unsigned status;
	const char *method;
	const char *want_method; /* NULL: it is not followed */
	bool want_body;
} hops[] = {
	{ 300, "GET", NULL, false },
	{ 301, "GET", "GET", false },
	{ 302, "GET", "GET", false },
	{ 303, "GET", "GET", false },
	{ 305, "GET", NULL, false },
	{ 306, "GET", NULL, false },
	{ 307, "GET", "GET", false },
	{ 308, "GET", "GET", false },
	{ 301, "HEAD", "HEAD", false },
	{ 303, "HEAD", "HEAD", false },
	{ 307, "HEAD", "HEAD", false },
	{ 301, "DELETE", "DELETE", false },
	{ 303, "DELETE", "GET", false },
	{ 308, "DELETE", "DELETE", false },
	{ 301, "POST", "GET", false },
	{ 302, "POST", "GET", false },
	{ 303, "POST", "GET", false },
	{ 307, "POST", "POST", true },
	{ 308, "POST", "POST", true },
	{ 301, "PUT", "PUT", true },
	{ 303, "PUT", "GET", false },
	{ 307, "PUT", "PUT", true },
	{ 308, "PUT", "PUT", true },
};

static void check_hop(const struct hop *hop)
{
	char target[64], want[96], body[3000];
	bool upload = *hop->method == 'P', head = !strcmp(hop->method, "HEAD");
	struct origin_entry entry;
	transfer_request *request;
	transfer_task *task;

	memset(body, 'b', sizeof(body));
	memset(&asked, 0, sizeof(asked));
	origin_log_clear(rig.origin);
	snprintf(target, sizeof(target), "/%u?location=/jsonBody", hop->status);
	request = live_request(app, hop->method, target);
	task = upload ? live_upload(app, request, body, sizeof(body)) : live_data(app, request);
	if (hop->want_method)
		snprintf(want, sizeof(want), "created redir:%u resp:200 %sdone:0", hop->status,
			head ? "" : "data:%n ");
	else
		snprintf(want, sizeof(want), "created resp:%u data:%%n done:0", hop->status);
	check_line(task, want);
	if (hop->want_method) {
		ck_assert_str_eq(asked.method, hop->want_method);
		ck_assert_ptr_nonnull(strstr(asked.url, "/jsonBody"));
		ck_assert_int_eq(origin_log_find(rig.origin, "/jsonBody", 1, &entry), 0);
		ck_assert_str_eq(entry.method, hop->want_method);
		ck_assert_uint_eq(entry.body_received_bytes, hop->want_body ? sizeof(body) : 0);
		ck_assert_int_eq(live_status(task), 200);
	}
}

START_TEST(by_status)
{
	begin_with(follow);
	for (size_t i = 0; i < sizeof(hops) / sizeof(*hops); i++)
		check_hop(&hops[i]);
	end();
}
END_TEST

/* where a Location leads (GS-10, SW-54, SW-55, SW-57); what is proposed is what is asked for */
static const struct {
	const char *target;
	const char *want; /* all that is told */
	const char *want_url; /* proposed last; BASE + this */
} routes[] = {
	{ "/tmpRedirectToOK", "created redir:307 resp:200 data:12 done:0", "/contentOK" },
	{ "/tmpRelativeRedirectToOK", "created redir:307 resp:200 data:12 done:0", "/contentOK" },
	{ "/UnitedKingdom", "created redir:302 resp:200 data:6 done:0", "/UK" },
	{ "/file?redirect_raw=/echo-query?a=f%20oo", "created redir:302 resp:200 data:6 done:0",
		"/echo-query?a=f%20oo" },
	{ "/file?redirect_to=?size=5", "created redir:302 resp:200 data:5 done:0", "/file?size=5" },
	{ "/a/b/../file?redirect_to=./x/../../Nepal", "created redir:302 resp:200 data:9 done:0",
		"/Nepal" },
	{ "/redirect/3", "created redir:302 redir:302 redir:302 resp:200 data:%n done:0",
		"/jsonBody" },
	/* SW-50 */
	{ "/304?location=/Nepal", "created resp:304 done:0", NULL },
	/* no Location, or none that leads anywhere: an answer like any other */
	{ "/file?status=302", "created resp:302 data:11 done:0", NULL },
	{ "/file?redirect_to=", "created resp:302 data:6 done:0", NULL },
	/* these are faults that nobody is asked about */
	{ "/file?redirect_to=ftp://127.0.0.1/x", "created done:-1002", NULL },
	{ "/file?redirect_to=file:///etc/passwd", "created done:-1002", NULL },
	{ "/file?redirect_to=data:,x", "created done:-1002", NULL },
	{ "/file?redirect_to=javascript:x", "created done:-1002", NULL },
	{ "/file?redirect_to=http://127.0.0.1:99999/", "created done:-1000", NULL },
	/* SW-58 */
	{ "/UnitedStates", "created redir:302 done:-1004", NULL },
};

START_TEST(locations)
{
	char url[256];
	transfer_task *task;

	begin_with(follow);
	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++) {
		memset(&asked, 0, sizeof(asked));
		task = live_data(app, live_request(app, NULL, routes[i].target));
		check_line(task, routes[i].want);
		snprintf(url, sizeof(url), "%s%s", origin_base(rig.origin),
			routes[i].want_url ? routes[i].want_url : "");
		if (routes[i].want_url)
			ck_assert_str_eq(asked.url, url);
		else if (!strstr(routes[i].want, "redir"))
			ck_assert_str_eq(asked.url, "");
	}
	end();
}
END_TEST

/* SW-60: sixteen are asked about; the next one fails, and its URL is the one that was one too many */
START_TEST(sixteen)
{
	transfer_auto(transfer_error) error = NULL;
	char url[256], want[512] = "created";
	transfer_task *task;

	begin_with(follow);
	task = live_data(app, live_request(app, NULL, "/redirect/17"));
	for (unsigned i = 0; i < 16; i++)
		snprintf(want + strlen(want), sizeof(want) - strlen(want), " redir:302");
	snprintf(want + strlen(want), sizeof(want) - strlen(want), " done:%d",
		TRANSFER_ERROR_TOO_MANY_REDIRECTS);
	live_check(app, task, want);
	error = transfer_task_copy_error(task);
	snprintf(url, sizeof(url), "%s/jsonBody", origin_base(rig.origin));
	ck_assert_str_eq(transfer_error_get_failing_url(error), url);
	ck_assert_uint_eq(origin_log_count(rig.origin, "/redirect/"), 17);
	ck_assert_uint_eq(origin_log_count(rig.origin, "/jsonBody"), 0);
	end();
}
END_TEST

/* SW-52, GS-09, GS-16: the answer that redirects is the result; again and again on a warm connection */
START_TEST(refused)
{
	struct origin_entry first, last;
	transfer_task *task;

	begin_with(refuse);
	for (unsigned i = 0; i < 100; i++) {
		task = live_data(app, live_request(app, NULL, "/file?redirect_to=/Nepal"));
		live_check(app, task, "created redir:302 resp:302 data:6 done:0");
		ck_assert_str_eq(live_body(app, task, NULL), "moved\n");
		ck_assert_int_eq(live_status(task), 302);
	}
	task = live_handled(app, live_request(app, NULL, "/file?redirect_to=/Nepal"));
	live_check(app, task, "created redir:302 handler:0:302:6");
	ck_assert_uint_eq(origin_log_count(rig.origin, "/Nepal"), 0);
	ck_assert_int_eq(origin_log_find(rig.origin, "/file", 1, &first), 0);
	ck_assert_int_eq(origin_log_find(rig.origin, "/file", 101, &last), 0);
	ck_assert_uint_eq(first.connection, last.connection);
	end();
}
END_TEST

/* SW-56: the port of the first is not that of the next */
START_TEST(the_usual_port_is_not_named)
{
	transfer_task *task;

	begin_with(refuse);
	task = live_data(app, live_request(app, NULL, "/redirect-with-default-port"));
	live_check(app, task, "created redir:302 resp:302 done:0");
	ck_assert_str_eq(asked.url, "http://127.0.0.1/redirected-with-default-port");
	end();
}
END_TEST

START_TEST(replaced)
{
	struct origin_entry entry;
	transfer_task *task;
	char value[16];

	begin_with(replace);
	asked.replace = "/Peru";
	task = live_data(app, live_request(app, NULL, "/file?redirect_to=/Nepal"));
	live_check(app, task, "created redir:302 resp:200 data:4 done:0");
	ck_assert_uint_eq(origin_log_count(rig.origin, "/Nepal"), 0);
	ck_assert_int_eq(origin_log_find(rig.origin, "/Peru", 1, &entry), 0);
	ck_assert(origin_entry_header(&entry, "X-Replaced", value, sizeof(value)));
	/* what must not be asked for is not, whoever wants it */
	asked.replace = "ftp://127.0.0.1/x";
	task = live_data(app, live_request(app, NULL, "/file?redirect_to=/Nepal"));
	ck_assert_int_ne(live_wait(app, task), 0);
	end();
}
END_TEST

/* SW-61: a task with a handler is asked, too */
START_TEST(a_handler_task_asks)
{
	transfer_task *task;

	begin_with(follow);
	task = live_handled(app, live_request(app, NULL, "/file?redirect_to=/Nepal"));
	live_check(app, task, "created redir:302 handler:0:200:9");
	ck_assert_str_eq(live_body(app, task, NULL), "Kathmandu");
	task = live_download(app, live_request(app, NULL, "/file?redirect_to=/Nepal"));
	live_check(app, task, "created redir:302 file done:0");
	/* GS-02 */
	task = live_download(app, live_request(app, NULL, "/tmpRedirectToOK"));
	live_check(app, task, "created redir:307 file done:0");
	end();
}
END_TEST

/* GS-06: nobody is there to be asked, or nobody answers */
START_TEST(followed_silently)
{
	transfer_task *task;

	begin_with(_i ? drop : NULL);
	task = live_handled(app, live_request(app, NULL, "/redirect/2"));
	check_line(task,
		_i ? "created redir:302 redir:302 handler:0:200:%n" : "created handler:0:200:%n");
	task = live_data(app, live_request(app, NULL, "/redirect/2"));
	check_line(task,
		_i ? "created redir:302 redir:302 resp:200 data:%n done:0"
		   : "created resp:200 data:%n done:0");
	end();
}
END_TEST

/* GS-15: another thread may answer, later; only the first answer counts */
static void *answer_main(void *argument)
{
	(void)argument;
	asked.answered = transfer_redirect_follow(asked.kept);
	return NULL;
}

START_TEST(answered_later_from_a_thread)
{
	transfer_task *task, *other;

	begin_with(keep);
	task = live_data(app, live_request(app, NULL, "/file?redirect_to=/Nepal"));
	live_wait_event(app, task, "redir", 1);
	/* others go on meanwhile */
	other = live_data(app, live_request(app, NULL, "/Peru"));
	live_check(app, other, "created resp:200 data:4 done:0");
	ck_assert_str_eq(live_events(app, task), "created redir:302");
	ck_assert_int_eq(pthread_create(&asked.thread, NULL, answer_main, NULL), 0);
	pthread_join(asked.thread, NULL);
	ck_assert_int_eq(asked.answered, 0);
	ck_assert_int_eq(transfer_redirect_refuse(asked.kept), -EALREADY);
	live_check(app, task, "created redir:302 resp:200 data:9 done:0");
	transfer_redirect_unref(asked.kept);
	end();
}
END_TEST

/* an answer that nobody needs any more */
START_TEST(answered_too_late)
{
	transfer_task *task;

	begin_with(keep);
	task = live_data(app, live_request(app, NULL, "/file?redirect_to=/Nepal"));
	live_wait_event(app, task, "redir", 1);
	transfer_task_cancel(task);
	live_check(app, task, "created redir:302 done:-999");
	ck_assert_int_eq(transfer_redirect_follow(asked.kept), -ESTALE);
	transfer_redirect_unref(asked.kept);
	ck_assert_uint_eq(origin_log_count(rig.origin, "/Nepal"), 0);
	end();
}
END_TEST

/* SW-53: thinking is not silence of the server, but it is life of the task */
START_TEST(an_answer_that_does_not_come)
{
	uint64_t begun_ms = proc_now_ms();
	transfer_request *request;
	transfer_task *task;

	begin_with(keep);
	request = live_request(app, NULL, "/file?redirect_to=/Nepal");
	transfer_request_set_timeout(request, 700000);
	transfer_request_set_resource_timeout(request, 1500000);
	task = live_data(app, request);
	live_check(app, task, "created redir:302 done:-1001");
	ck_assert_uint_ge(proc_now_ms() - begun_ms, 1500);
	transfer_redirect_unref(asked.kept);
	end();
}
END_TEST

/* SW-59: each request that is proposed has the limit of the first */
static unsigned n_same;

static void follow_counting(
	transfer_task *task, const transfer_request *request, transfer_redirect *answer, void *user)
{
	(void)task;
	(void)user;
	n_same += transfer_request_get_timeout(request) == 31000000;
	ck_assert_int_eq(transfer_redirect_follow(answer), 0);
}

START_TEST(timeouts_go_along)
{
	transfer_request *request;
	transfer_task *task;

	n_same = 0;
	begin_with(follow_counting);
	request = live_request(app, NULL, "/redirect/4");
	transfer_request_set_timeout(request, 31000000);
	task = live_data(app, request);
	check_line(task, "created redir:302 redir:302 redir:302 redir:302 resp:200 data:%n done:0");
	ck_assert_uint_eq(n_same, 4);
	end();
}
END_TEST

/* another origin (another port is one) never sees what was meant for the first, nor is it proposed */
static const char *const secrets[] = {
	"Authorization",
	"Cookie",
	"X-Api-Key",
};

START_TEST(nothing_crosses)
{
	struct origin *other;
	struct origin_entry entry;
	transfer_request *request;
	transfer_task *task;
	char target[256];

	begin_with(follow);
	ck_assert_int_eq(origin_new(NULL, &other), 0);
	snprintf(target, sizeof(target), "/file?redirect_to=%s/Nepal", origin_base(other));
	for (unsigned i = 0; i < sizeof(secrets) / sizeof(*secrets); i++) {
		request = live_request(app, NULL, target);
		transfer_request_set_header(request, secrets[i], "secret-4711");
		task = live_data(app, request);
		live_check(app, task, "created redir:302 resp:200 data:9 done:0");
		ck_assert_int_eq(origin_log_find(other, "/Nepal", i + 1, &entry), 0);
		ck_assert_ptr_null(strstr(entry.headers, "secret-4711"));
		request = live_request(app, NULL, "/file?redirect_to=/Peru");
		transfer_request_set_header(request, secrets[i], "secret-4711");
		task = live_data(app, request);
		live_check(app, task, "created redir:302 resp:200 data:4 done:0");
		ck_assert_int_eq(origin_log_find(rig.origin, "/Peru", i + 1, &entry), 0);
		ck_assert_ptr_nonnull(strstr(entry.headers, "secret-4711"));
	}
	origin_free(other);
	end();
}
END_TEST

RUN_TESTS_WITHIN("system/live-redirect", 60, TEST(by_status), TEST(locations), TEST(sixteen),
	TEST(refused), TEST(the_usual_port_is_not_named), TEST(replaced), TEST(a_handler_task_asks),
	TEST_LOOP(followed_silently, 2), TEST(answered_later_from_a_thread),
	TEST(answered_too_late), TEST(an_answer_that_does_not_come), TEST(timeouts_go_along),
	TEST(nothing_crosses))
