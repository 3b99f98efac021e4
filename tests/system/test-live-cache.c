/* SPDX-License-Identifier: MIT */
/* Answers that are kept: when the server is asked, what with, and what its answer does. */
#include <dirent.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/run.h"
#include "tests/system/live.h"

#define GOOD  "&header=Cache-Control:max-age=60"
#define TOLD  "created resp:200 data:1000 done:0"
#define STALE "&header=Cache-Control:max-age=0"

static struct rig rig;
static struct live_app *app;

static void begin_as(struct live_app_config config)
{
	rig_new(&rig);
	config.caches = true;
	app = live_open(&rig, &config);
}

static void begin(void)
{
	begin_as((struct live_app_config){ .kind = TRANSFER_SESSION_EPHEMERAL });
}

static void end(void)
{
	app = live_close(app);
	rig_done(&rig);
}

static unsigned n_asked(void)
{
	return origin_log_count(rig.origin, "/");
}

/* The n-th request; "": it had no such field. Until the next call. */
static const char *asked_with(unsigned n, const char *name)
{
	static char value[256];
	struct origin_entry entry;

	ck_assert_int_eq(origin_log_find(rig.origin, "/", n, &entry), 0);
	if (!origin_entry_header(&entry, name, value, sizeof(value)))
		value[0] = '\0';
	return value;
}

static transfer_request *request_with(const char *target, const char *name, const char *value)
{
	transfer_request *request = live_request(app, NULL, target);

	if (name)
		ck_assert_int_eq(transfer_request_set_header(request, name, value), 0);
	return request;
}

static const transfer_task *get(const char *target)
{
	const transfer_task *task = live_data(app, live_request(app, NULL, target));

	live_wait(app, task);
	return task;
}

static void check_bytes(const transfer_task *task, uint64_t seed, size_t size)
{
	char *want = malloc(size);
	size_t n;
	const char *got = live_body(app, task, &n);

	origin_bytes(seed, 0, want, size);
	ck_assert_uint_eq(n, size);
	ck_assert_int_eq(memcmp(got, want, size), 0);
	free(want);
}

/* ---- no question ---- */

START_TEST(is_not_fetched_while_it_is_good)
{
	begin();
	for (int i = 0; i < 3; i++) {
		const transfer_task *task = get("/file?size=1000&seed=7" GOOD);

		live_check(app, task, TOLD);
		check_bytes(task, 7, 1000);
		ck_assert_int_eq(live_status(task), 200);
	}
	ck_assert_uint_eq(n_asked(), 1);
	get("/file?size=1000&seed=8" GOOD);
	ck_assert_uint_eq(n_asked(), 2);
	end();
}
END_TEST

START_TEST(long_bodies_come_from_there_too)
{
	begin();
	for (int i = 0; i < 2; i++)
		check_bytes(get("/file?size=200K&seed=7" GOOD), 7, 200 * 1024);
	ck_assert_uint_eq(n_asked(), 1);
	/* more than a twentieth of the cache: not worth it */
	for (int i = 0; i < 2; i++)
		check_bytes(get("/file?size=2M&seed=7" GOOD), 7, 2048 * 1024);
	ck_assert_uint_eq(n_asked(), 3);
	end();
}
END_TEST

static const char *const not_kept[] = {
	"/file?size=9&etag=none&header=Cache-Control:no-store",
	"/file?size=9&etag=none&header=Vary:*" GOOD,
	"/file?size=9&etag=none&header=Vary:Cookie" GOOD,
	"/file?size=9&etag=none&status=404" GOOD,
	"/file?size=9&etag=none&status=500" GOOD,
	"/file?size=9&etag=none&header=WWW-Authenticate:Basic" GOOD,
	"/file?size=1000&etag=none&drop_after=500" GOOD,
	"/file?size=9&etag=none&no_length&close" GOOD,
	/* nothing says how long, and there is nothing to ask with */
	"/file?size=9&etag=none",
};

START_TEST(is_not_kept)
{
	begin();
	get(not_kept[_i]);
	get(not_kept[_i]);
	ck_assert_uint_eq(n_asked(), 2);
	ck_assert_str_eq(asked_with(2, "If-None-Match"), "");
	end();
}
END_TEST

static void say_user(transfer_task *task, transfer_challenge *challenge, void *user)
{
	transfer_auto(transfer_credential) credential = transfer_credential_new_password(
		"user", "passwd", TRANSFER_PERSIST_NONE);

	(void)task;
	(void)user;
	transfer_challenge_use(challenge, credential);
}

START_TEST(is_not_kept_when_somebody_was_named)
{
	const char *target =
		"/file?size=1000&auth=Basic%20dXNlcjpwYXNzd2Q=&www=Basic%20realm=%22a%22"
		"&header=Cache-Control:max-age=60";

	begin_as((struct live_app_config){ .on_challenge = say_user });
	live_check(app, get(target), "created chal:0 resp:200 data:1000 done:0");
	live_check(app, get(target), "created chal:0 resp:200 data:1000 done:0");
	ck_assert_uint_eq(n_asked(), 4);
	end();
}
END_TEST

static const struct {
	const char *name, *value;
} own_fields[] = {
	{ "Authorization", "Basic eA==" },
	{ "Cache-Control", "no-store" },
	{ "If-None-Match", "\"mine\"" },
	{ "If-Modified-Since", "Sun, 09 Sep 2001 01:46:40 GMT" },
};

START_TEST(is_no_answer_to_such_a_request)
{
	const char *target = "/file?size=1000" GOOD;

	begin();
	for (int i = 0; i < 2; i++)
		live_wait(app,
			live_data(app,
				request_with(target, own_fields[_i].name, own_fields[_i].value)));
	ck_assert_uint_eq(n_asked(), 2);
	get(target); /* and none was kept */
	ck_assert_uint_eq(n_asked(), 3);
	live_wait(app,
		live_data(app, request_with(target, own_fields[_i].name, own_fields[_i].value)));
	ck_assert_uint_eq(n_asked(), 4);
	ck_assert_str_eq(asked_with(4, own_fields[_i].name), own_fields[_i].value);
	end();
}
END_TEST

START_TEST(depends_on_what_varies)
{
	static const char *const languages[] = { "de", "fr", "de", "fr", NULL, NULL };
	const char *target = "/file?size=1000&header=Vary:X-Language" GOOD;

	begin();
	for (size_t i = 0; i < sizeof(languages) / sizeof(languages[0]); i++)
		live_check(app,
			live_data(app,
				request_with(
					target, languages[i] ? "X-Language" : NULL, languages[i])),
			TOLD);
	ck_assert_uint_eq(n_asked(), 3);
	end();
}
END_TEST

/* ---- policies ---- */

static const struct {
	enum transfer_cache_policy policy;
	const char *stored; /* what was fetched before; NULL: nothing */
	unsigned n_asked; /* then */
	int code;
} policies[] = {
	{ TRANSFER_CACHE_RELOAD, GOOD, 1, 0 },
	{ TRANSFER_CACHE_RELOAD_EVERYWHERE, GOOD, 1, 0 },
	{ TRANSFER_CACHE_REVALIDATE, GOOD, 1, 0 },
	{ TRANSFER_CACHE_RETURN_ELSE_LOAD, STALE, 0, 0 },
	{ TRANSFER_CACHE_RETURN_ELSE_LOAD, NULL, 1, 0 },
	{ TRANSFER_CACHE_RETURN_DONT_LOAD, STALE, 0, 0 },
	{ TRANSFER_CACHE_RETURN_DONT_LOAD, NULL, 0, TRANSFER_ERROR_CANNOT_LOAD_FROM_NETWORK },
};

START_TEST(follows_the_policy)
{
	bool revalidates = policies[_i].policy == TRANSFER_CACHE_REVALIDATE;
	unsigned n_before = policies[_i].stored != NULL;
	transfer_request *request;
	transfer_task *task;
	char target[128];

	begin();
	snprintf(
		target, sizeof(target), "/file?size=1000%s", n_before ? policies[_i].stored : GOOD);
	if (n_before)
		get(target);
	request = live_request(app, NULL, target);
	transfer_request_set_cache_policy(request, policies[_i].policy);
	task = live_data(app, request);
	ck_assert_int_eq(live_wait(app, task), policies[_i].code);
	ck_assert_uint_eq(n_asked(), n_before + policies[_i].n_asked);
	if (policies[_i].n_asked)
		ck_assert_int_eq(*asked_with(n_before + 1, "If-None-Match") != '\0', revalidates);
	if (!policies[_i].code)
		live_check(app, task, TOLD);
	end();
}
END_TEST

static void load_nothing(transfer_config *config)
{
	transfer_config_set_cache_policy(config, TRANSFER_CACHE_RETURN_DONT_LOAD);
}

START_TEST(policy_of_a_request_wins)
{
	transfer_request *request;

	begin_as((struct live_app_config){ .tune = load_nothing });
	request = live_request(app, NULL, "/file?size=1000");
	transfer_request_set_cache_policy(request, TRANSFER_CACHE_RELOAD);
	live_check(app, live_data(app, request), TOLD);
	live_check(app, get("/file?size=1000"), TOLD);
	ck_assert_int_eq(
		live_wait(app, get("/file?size=1001")), TRANSFER_ERROR_CANNOT_LOAD_FROM_NETWORK);
	ck_assert_uint_eq(n_asked(), 1);
	end();
}
END_TEST

/* ---- whether it is still good ---- */

START_TEST(asks_with_its_tag)
{
	begin();
	for (unsigned i = 1; i <= 3; i++) {
		const transfer_task *task = get("/file?size=1000&seed=7" STALE);

		live_check(app, task, TOLD);
		check_bytes(task, 7, 1000);
		ck_assert_str_eq(asked_with(i, "If-None-Match"), i == 1 ? "" : "\"v7-1000\"");
	}
	ck_assert_uint_eq(n_asked(), 3);
	end();
}
END_TEST

START_TEST(asks_with_its_date)
{
	begin();
	for (unsigned i = 1; i <= 2; i++) {
		live_check(app, get("/file?size=1000&etag=none&lastmod=1000000000" STALE), TOLD);
		ck_assert_str_eq(asked_with(i, "If-Modified-Since"),
			i == 1 ? "" : "Sun, 09 Sep 2001 01:46:40 GMT");
	}
	end();
}
END_TEST

START_TEST(is_renewed_by_what_says_so)
{
	const char *target = "/file?size=1000" GOOD "&only=1" STALE;

	begin();
	for (int i = 0; i < 4; i++)
		live_check(app, get(target), TOLD);
	ck_assert_uint_eq(n_asked(), 2);
	end();
}
END_TEST

/* What the 304 says of it is told with the rest of it. */
START_TEST(tells_what_is_new)
{
	static const char *const values[] = { "2, 1", "2" };

	begin();
	for (size_t i = 0; i < 2; i++) {
		const transfer_task *task = get(
			"/file?size=1000&header=X-Value:2" STALE "&only=1&header=X-Value:1");
		transfer_auto(transfer_response) response = transfer_task_copy_response(task);
		char *list = transfer_response_copy_header_list(response, "X-Value");

		ck_assert_int_eq(transfer_response_get_status(response), 200);
		ck_assert_str_eq(list, values[i]);
		free(list);
	}
	end();
}
END_TEST

START_TEST(another_answer_takes_its_place)
{
	const char *target = "/file?size=1000&seed=7&changed_after=1" STALE;
	const transfer_task *task;

	begin();
	check_bytes(get(target), 7, 1000);
	task = get(target);
	live_check(app, task, TOLD);
	check_bytes(task, origin_changed_seed(7), 1000);
	check_bytes(get(target), origin_changed_seed(7), 1000);
	ck_assert_uint_eq(n_asked(), 3);
	ck_assert_str_eq(asked_with(2, "If-None-Match"), "\"v7-1000\"");
	ck_assert_str_ne(asked_with(3, "If-None-Match"), "\"v7-1000\"");
	end();
}
END_TEST

/* The same date there: not about what is here. */
START_TEST(a_question_does_not_follow_a_redirect)
{
	static const char first[] =
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nCache-Control: max-age=0\r\n"
		"Last-Modified: Sun, 09 Sep 2001 01:46:40 GMT\r\n\r\nold";
	const char *other = "/file?size=1000&seed=7&etag=none&lastmod=1000000000";
	const transfer_task *task;
	char moved[512];

	begin();
	ck_assert_int_eq(origin_raw(rig.origin, "/moved", first, sizeof(first) - 1), 0);
	get("/moved");
	snprintf(moved, sizeof(moved),
		"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: %s\r\n\r\n", other);
	ck_assert_int_eq(origin_raw(rig.origin, "/moved", moved, strlen(moved)), 0);
	task = get("/moved");
	live_check(app, task, TOLD);
	check_bytes(task, 7, 1000);
	ck_assert_str_eq(asked_with(2, "If-Modified-Since"), "Sun, 09 Sep 2001 01:46:40 GMT");
	end();
}
END_TEST

/* What is ours is not shown, and does not go along. */
static void follow(
	transfer_task *task, const transfer_request *request, transfer_redirect *answer, void *user)
{
	(void)task;
	(void)user;
	ck_assert_ptr_null(transfer_request_get_header(request, "If-Modified-Since"));
	ck_assert_ptr_null(transfer_request_get_header(request, "If-None-Match"));
	transfer_redirect_replace(answer, request);
}

START_TEST(a_delegate_does_not_see_the_question)
{
	static const char first[] =
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nCache-Control: max-age=0\r\n"
		"Last-Modified: Sun, 09 Sep 2001 01:46:40 GMT\r\nETag: \"a\"\r\n\r\nold";
	static const char moved[] =
		"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n"
		"Location: /file?size=1000&etag=none&lastmod=1000000000\r\n\r\n";

	begin_as((struct live_app_config){ .on_redirect = follow });
	ck_assert_int_eq(origin_raw(rig.origin, "/moved", first, sizeof(first) - 1), 0);
	get("/moved");
	ck_assert_int_eq(origin_raw(rig.origin, "/moved", moved, sizeof(moved) - 1), 0);
	live_check(app, get("/moved"), "created redir:302 resp:200 data:1000 done:0");
	ck_assert_str_eq(asked_with(2, "If-None-Match"), "\"a\"");
	ck_assert_str_eq(asked_with(3, "If-None-Match"), "");
	end();
}
END_TEST

START_TEST(what_a_redirect_leads_to_is_kept)
{
	begin();
	live_check(app,
		get("/file?redirect_to=/file%3Fsize=1000%26header=Cache-Control:max-age=60"), TOLD);
	live_check(app, get("/file?size=1000&header=Cache-Control:max-age=60"), TOLD);
	ck_assert_uint_eq(n_asked(), 2);
	end();
}
END_TEST

/* ---- whether it is kept ---- */

enum { KEEP, REFUSE, CHANGE };

static transfer_cached_response *will_cache(
	transfer_task *task, const transfer_cached_response *proposed, void *user)
{
	transfer_auto(transfer_data) body = transfer_data_new_copy("mine", 4);

	(void)task;
	ck_assert_uint_eq(
		transfer_data_get_size(transfer_cached_response_get_body(proposed)), 1000);
	ck_assert_int_eq(
		transfer_cached_response_get_storage_policy(proposed), TRANSFER_STORAGE_ALLOWED);
	if (*(int *)user == REFUSE)
		return NULL;
	if (*(int *)user == KEEP)
		return transfer_cached_response_ref(proposed);
	return transfer_cached_response_new(transfer_cached_response_get_response(proposed), body,
		TRANSFER_STORAGE_IN_MEMORY_ONLY);
}

static const char *const second_told[] = { TOLD, "created resp:200 data:1000 cache? done:0",
	"created resp:200 data:4 done:0" };

START_TEST(the_delegate_decides)
{
	int what = _i;

	begin_as((struct live_app_config){ .on_will_cache = will_cache, .user = &what });
	live_check(app, get("/file?size=1000" GOOD), "created resp:200 data:1000 cache? done:0");
	live_check(app, get("/file?size=1000" GOOD), second_told[_i]);
	live_check(app, get("/file?size=9&status=404" GOOD), "created resp:404 data:11 done:0");
	end();
}
END_TEST

/* ---- as any task ---- */

START_TEST(handlers_get_it)
{
	transfer_auto(transfer_request) request = NULL;
	transfer_auto(transfer_data) body = NULL;

	begin();
	for (int i = 0; i < 2; i++) {
		transfer_task *task = live_handled(
			app, live_request(app, NULL, "/file?size=1000&seed=7" GOOD));

		live_check(app, task, "created handler:0:200:1000");
		check_bytes(task, 7, 1000);
	}
	request = live_request(app, NULL, "/file?size=1000&seed=7" GOOD);
	ck_assert_int_eq(transfer_fetch(live_session(app), request, &body, NULL, NULL), 0);
	ck_assert_uint_eq(transfer_data_get_size(body), 1000);
	ck_assert_uint_eq(n_asked(), 1);
	/* and asks */
	for (int i = 0; i < 2; i++)
		live_check(app, live_handled(app, live_request(app, NULL, "/file?size=9" STALE)),
			"created handler:0:200:9");
	ck_assert_uint_eq(n_asked(), 3);
	ck_assert_str_ne(asked_with(3, "If-None-Match"), "");
	end();
}
END_TEST

enum { ALLOW, SUSPEND, CANCEL, DOWNLOAD };

static void dispose(transfer_task *task, const transfer_response *response,
	transfer_disposition *answer, void *user)
{
	int what = *(int *)user;

	(void)response;
	if (what == SUSPEND)
		transfer_task_suspend(task);
	if (what == CANCEL)
		transfer_task_cancel(task);
	transfer_disposition_set(answer,
		what == DOWNLOAD ? TRANSFER_RESPONSE_BECOME_DOWNLOAD : TRANSFER_RESPONSE_ALLOW);
}

static const char *const good_and_stale[] = { "/file?size=1000&seed=7" GOOD,
	"/file?size=1000&seed=7" STALE };

START_TEST(waits_while_it_is_suspended)
{
	const char *target = good_and_stale[_i];
	int what = ALLOW;
	transfer_task *task;

	begin_as((struct live_app_config){ .on_response = dispose, .user = &what });
	get(target);
	what = SUSPEND;
	task = live_data(app, live_request(app, NULL, target));
	live_wait_event(app, task, "resp", 1);
	what = ALLOW;
	get("/file?size=9"); /* all that could have come has */
	ck_assert_str_eq(live_events(app, task), "created resp:200");
	transfer_task_resume(task);
	live_check(app, task, TOLD);
	end();
}
END_TEST

START_TEST(a_download_is_fetched)
{
	int what = ALLOW;
	transfer_task *task;

	begin_as((struct live_app_config){ .on_response = dispose, .user = &what });
	get(good_and_stale[_i]);
	what = DOWNLOAD;
	task = live_data(app, live_request(app, NULL, good_and_stale[_i]));
	live_check(app, task, "created resp:200 became");
	live_check(app, live_download_of(app, task), "created file done:0");
	ck_assert_int_eq(
		origin_bytes_check(live_file(app, live_download_of(app, task)), 7, 1000), 0);
	ck_assert_uint_eq(n_asked(), 2 + (unsigned)_i);
	end();
}
END_TEST

START_TEST(a_cancelled_one_is_cancelled)
{
	int what = ALLOW;
	transfer_task *task;

	begin_as((struct live_app_config){ .on_response = dispose, .user = &what });
	get(good_and_stale[_i]);
	what = CANCEL;
	task = live_data(app, live_request(app, NULL, good_and_stale[_i]));
	live_check(app, task, "created resp:200 done:-999");
	ck_assert_uint_eq(n_asked(), 1 + (unsigned)_i);
	end();
}
END_TEST

/* ---- what is forgotten ---- */

static const struct {
	const char *method;
	const char *status;
	unsigned n_asked;
} unsafe[] = { { "POST", "", 3 }, { "DELETE", "", 3 }, { "PUT", "", 3 }, { "POST", "&fail", 2 },
	{ "HEAD", "", 2 } };

START_TEST(others_change_it)
{
	const char *target = "/file?size=1000" GOOD "&only_method=GET";

	begin();
	if (!*unsafe[_i].status)
		target = "/file?size=1000" GOOD;
	get(target);
	live_wait(app, live_data(app, live_request(app, unsafe[_i].method, target)));
	ck_assert_uint_eq(n_asked(), 2);
	live_check(app, get(target), TOLD);
	ck_assert_uint_eq(n_asked(), unsafe[_i].n_asked);
	end();
}
END_TEST

static void on_done(const transfer_error *error, void *userdata)
{
	(void)error;
	*(volatile bool *)userdata = true;
}

START_TEST(a_reset_empties_it)
{
	volatile bool is_done = false;

	begin();
	get("/file?size=1000" GOOD);
	transfer_session_reset(live_session(app), on_done, (void *)&is_done);
	live_check(app, get("/file?size=1000" GOOD), TOLD);
	ck_assert_uint_eq(n_asked(), 2);
	live_check(app, get("/file?size=1000" GOOD), TOLD);
	ck_assert(is_done);
	end();
}
END_TEST

/* Not among them: what the bus and the test put there. */
static unsigned n_cache_folders(void)
{
	DIR *folder = opendir(rig.folder);
	const struct dirent *entry;
	unsigned n = 0;

	ck_assert_ptr_nonnull(folder);
	while ((entry = readdir(folder)))
		n += strstr(entry->d_name, "org.example") ||
			strstr(entry->d_name, "test-live-cache");
	closedir(folder);
	return n;
}

START_TEST(an_ephemeral_session_has_no_file)
{
	begin();
	get("/file?size=100K" GOOD);
	get("/file?size=100K" GOOD);
	ck_assert_uint_eq(n_asked(), 1);
	transfer_session_finish_and_invalidate(live_session(app));
	live_wait_invalid(app);
	ck_assert_uint_eq(n_cache_folders(), 0);
	end();
}
END_TEST

static void on_flushed(const transfer_error *error, void *userdata)
{
	ck_assert_ptr_null(error);
	sem_post(userdata);
}

/* An application that fetches it, and is over: its files are written. */
static void fetch_and_end(struct rig *of, void *user)
{
	struct live_app_config config = { .base = user, .caches = true };
	sem_t is_flushed;

	rig.folder = of->folder;
	app = live_open(of, &config);
	check_bytes(get("/file?size=100K&seed=7" GOOD), 7, 100 * 1024);
	check_bytes(get("/file?size=100K&seed=8" STALE), 8, 100 * 1024);
	ck_assert_int_eq(sem_init(&is_flushed, 0, 0), 0);
	transfer_session_flush(live_session(app), on_flushed, &is_flushed);
	ck_assert_int_eq(sem_wait(&is_flushed), 0);
	live_close(app);
}

START_TEST(another_program_finds_it)
{
	rig_new(&rig);
	ck_assert_int_eq(
		rig_join(rig_fork(&rig, fetch_and_end, (void *)origin_base(rig.origin))), 0);
	ck_assert_uint_eq(n_asked(), 2);
	app = live_open(&rig, &(struct live_app_config){ .caches = true });
	check_bytes(get("/file?size=100K&seed=7" GOOD), 7, 100 * 1024);
	ck_assert_uint_eq(n_asked(), 2);
	check_bytes(get("/file?size=100K&seed=8" STALE), 8, 100 * 1024);
	ck_assert_str_eq(asked_with(3, "If-None-Match"), "\"v8-102400\"");
	live_check(app, get("/file?size=1000" GOOD), TOLD);
	ck_assert_uint_eq(n_asked(), 4);
	end();
}
END_TEST

/* ---- what was measured ---- */

struct measured {
	size_t n;
	enum transfer_fetch_type types[4];
	int status[4];
	sem_t is_over;
};

static void on_over(
	transfer_session *session, transfer_task *task, const transfer_error *error, void *userdata)
{
	struct measured *measured = userdata;

	(void)session;
	(void)task;
	ck_assert_ptr_null(error);
	sem_post(&measured->is_over);
}

static void on_measured(transfer_session *session, transfer_task *task,
	const struct transfer_metrics *metrics, void *userdata)
{
	struct measured *measured = userdata;

	(void)session;
	(void)task;
	measured->n = metrics->n_transactions;
	for (size_t i = 0; i < metrics->n_transactions && i < 4; i++) {
		measured->types[i] = metrics->transactions[i]->fetch_type;
		measured->status[i] = metrics->transactions[i]->status;
	}
}

START_TEST(says_where_it_came_from)
{
	const struct transfer_session_delegate delegate = { TRANSFER_SESSION_DELEGATE_INIT,
		.task_did_collect_metrics = on_measured, .task_did_complete = on_over };
	struct measured measured = { 0 };

	sem_init(&measured.is_over, 0, 0);
	begin();
	get("/file?size=1000" GOOD);
	get("/file?size=1000" STALE);
	for (int i = 0; i < 2; i++) {
		transfer_auto(transfer_request) request = live_request(
			app, NULL, i ? "/file?size=1000" STALE : "/file?size=1000" GOOD);
		transfer_task *task = transfer_session_data_task(
			live_session(app), request, NULL, NULL);

		ck_assert_int_eq(transfer_task_set_delegate(task, &delegate, &measured), 0);
		transfer_task_resume(task);
		sem_wait(&measured.is_over);
		transfer_task_unref(task);
		ck_assert_uint_eq(measured.n, 1u + (unsigned)i);
		ck_assert_int_eq(measured.types[i], TRANSFER_FETCH_LOCAL);
		ck_assert_int_eq(measured.status[i], 200);
	}
	ck_assert_int_eq(measured.types[0], TRANSFER_FETCH_NETWORK);
	ck_assert_int_eq(measured.status[0], 304);
	end();
}
END_TEST

RUN_TESTS("system/live-cache", TEST(is_not_fetched_while_it_is_good),
	TEST(long_bodies_come_from_there_too), TEST_EACH(is_not_kept, not_kept),
	TEST(is_not_kept_when_somebody_was_named),
	TEST_EACH(is_no_answer_to_such_a_request, own_fields), TEST(depends_on_what_varies),
	TEST_EACH(follows_the_policy, policies), TEST(policy_of_a_request_wins),
	TEST(asks_with_its_tag), TEST(asks_with_its_date), TEST(is_renewed_by_what_says_so),
	TEST(tells_what_is_new), TEST(another_answer_takes_its_place),
	TEST(a_question_does_not_follow_a_redirect), TEST(a_delegate_does_not_see_the_question),
	TEST(what_a_redirect_leads_to_is_kept), TEST_EACH(the_delegate_decides, second_told),
	TEST(handlers_get_it), TEST_EACH(waits_while_it_is_suspended, good_and_stale),
	TEST_EACH(a_download_is_fetched, good_and_stale),
	TEST_EACH(a_cancelled_one_is_cancelled, good_and_stale),
	TEST_EACH(others_change_it, unsafe), TEST(a_reset_empties_it),
	TEST(an_ephemeral_session_has_no_file), TEST(another_program_finds_it),
	TEST(says_where_it_came_from))
