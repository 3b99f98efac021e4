/* SPDX-License-Identifier: MIT */
/* Calls that wait, beside a test that says what happens meanwhile: each runs in a thread of its own. */
#include "client-lib/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client-lib/segment.h"
#include "tests/client-lib/live-rig.h"
#include "tests/lib/run.h"
#include "tests/lib/tmpdir.h"

struct call {
	pthread_t thread;
	transfer_session *session;
	const char *url;
	int r;
	transfer_data *body;
	transfer_response *response;
	transfer_reader *reader;
	transfer_error *error;
	char text[64]; /* what was read */
	ssize_t n;
};

static struct live_rig rig;

static void *run_fetch(void *arg)
{
	struct call *call = arg;
	transfer_auto(transfer_request) request = transfer_request_new(call->url);

	call->r = transfer_fetch(
		call->session, request, &call->body, &call->response, &call->error);
	return NULL;
}

static void *run_open(void *arg)
{
	struct call *call = arg;
	transfer_auto(transfer_request) request = transfer_request_new(call->url);

	call->r = transfer_reader_open(call->session, request, &call->reader, &call->error);
	return NULL;
}

static void *run_read(void *arg)
{
	struct call *call = arg;

	call->n = transfer_reader_read(
		call->reader, call->text, sizeof(call->text) - 1, &call->error);
	return NULL;
}

static void start(struct call *call, void *(*run)(void *))
{
	ck_assert_int_eq(pthread_create(&call->thread, NULL, run, call), 0);
}

static void join(struct call *call)
{
	ck_assert_int_eq(pthread_join(call->thread, NULL), 0);
}

/* Of https://example.org/a, and what is asked has arrived. */
static void begin(void *(*run)(void *), struct call *call)
{
	*call = (struct call){ .session = rig.session, .url = URL "a" };
	start(call, run);
	peer_live_expect(rig.peer, "create data " URL "a");
}

static void release(struct call *call)
{
	transfer_data_unref(call->body);
	transfer_response_unref(call->response);
	transfer_reader_unref(call->reader);
	transfer_error_unref(call->error);
}

static void end(struct call *call)
{
	release(call);
	live_rig_done(&rig);
}

static int code_of(const struct call *call)
{
	return call->error ? transfer_error_get_code(call->error) : 0;
}

static bool is_body(const struct call *call, const char *text)
{
	size_t n = strlen(text);

	return transfer_data_get_size(call->body) == n &&
		(!n || !memcmp(transfer_data_get_bytes(call->body), text, n));
}

/* A session whose callbacks have a thread of their own: loaders need it. */
static transfer_session *open_served(void)
{
	transfer_session *session = NULL;

	ck_assert_int_eq(transfer_session_new(&session, rig.client, NULL, NULL, NULL), 0);
	return session;
}

/* ---- whole answers ---- */

static const struct {
	const char *url, *body;
	int code;
} local_cases[] = {
	{ "data:,hello%20world", "hello world", 0 },
	{ "data:text/plain;base64,aGk=", "hi", 0 },
	{ "data:,", "", 0 },
	{ "data:x", NULL, TRANSFER_ERROR_BAD_URL },
	{ "file:///nowhere/at/all", NULL, TRANSFER_ERROR_FILE_DOES_NOT_EXIST },
	{ "gopher://example.org/", NULL, TRANSFER_ERROR_UNSUPPORTED_URL },
};

/* by a session that was made, and by the one of the process */
START_TEST(fetches_without_a_server)
{
	struct call call = { .url = local_cases[_i / 2].url };

	live_rig_init(&rig, NULL);
	call.session = _i % 2 ? open_served() : NULL;
	run_fetch(&call);
	ck_assert_int_eq(code_of(&call), local_cases[_i / 2].code);
	ck_assert_int_eq(call.r, local_cases[_i / 2].code ? -EIO : 0);
	ck_assert_int_eq(!call.body, !local_cases[_i / 2].body);
	ck_assert(!call.body || is_body(&call, local_cases[_i / 2].body));
	ck_assert_int_eq(!call.response, !local_cases[_i / 2].body);
	transfer_session_unref(call.session);
	end(&call);
}
END_TEST

/* Opened for writing. */
static int new_file(char *ret_url, size_t size)
{
	snprintf(ret_url, size, "file://%s/a", tmpdir_new());
	return open(ret_url + strlen("file://"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

START_TEST(reads_a_file)
{
	char url[256];
	struct call call = { .url = url };
	int fd;

	live_rig_init(&rig, NULL);
	fd = new_file(url, sizeof(url));
	ck_assert_int_eq(write(fd, "in a file", 9), 9);
	close(fd);
	call.session = open_served();
	run_fetch(&call);
	ck_assert_int_eq(call.r, 0);
	ck_assert(is_body(&call, "in a file"));
	transfer_session_unref(call.session);
	end(&call);
}
END_TEST

START_TEST(waits_for_the_whole)
{
	struct call call;

	live_rig_init(&rig, &live_rig_delegate);
	begin(run_fetch, &call);
	PEER_LIVE(rig.peer,
		{ .task = 1,
			.kind = IPC_EVENT_DID_COMPLETE,
			.folded = true,
			.status = 404,
			.body = "not here" });
	join(&call);
	ck_assert_int_eq(call.r, 0);
	ck_assert(is_body(&call, "not here"));
	ck_assert_int_eq(transfer_response_get_status(call.response), 404);
	/* the delegate hears that there is one, and nothing of what is fetched */
	live_rig_dispatch(&rig);
	ck_assert_str_eq(rig.log, "created 1\n");
	end(&call);
}
END_TEST

START_TEST(says_why_it_failed)
{
	struct call call;

	live_rig_init(&rig, NULL);
	begin(run_fetch, &call);
	PEER_LIVE(rig.peer,
		{ .task = 1,
			.kind = IPC_EVENT_DID_COMPLETE,
			.folded = true,
			.status = 200,
			.body = "cut",
			.code = -1005 });
	join(&call);
	ck_assert_int_eq(call.r, -EIO);
	ck_assert_int_eq(code_of(&call), -1005);
	ck_assert_ptr_null(call.body);
	ck_assert_int_eq(transfer_response_get_status(call.response), 200);
	end(&call);
}
END_TEST

START_TEST(ends_when_transferd_goes)
{
	struct call call;

	live_rig_init(&rig, NULL);
	begin(run_fetch, &call);
	peer_stop(rig.peer);
	join(&call);
	ck_assert_int_eq(call.r, -EIO);
	ck_assert_int_eq(code_of(&call), TRANSFER_ERROR_BACKGROUND_SESSION_DISCONNECTED);
	peer_start(rig.peer);
	end(&call);
}
END_TEST

START_TEST(needs_nothing_back)
{
	transfer_auto(transfer_request) request = transfer_request_new("data:,x");
	transfer_auto(transfer_request) bad = transfer_request_new("data:x");
	transfer_session *session;

	live_rig_init(&rig, NULL);
	session = open_served();
	ck_assert_int_eq(transfer_fetch(session, request, NULL, NULL, NULL), 0);
	ck_assert_int_eq(transfer_fetch(session, bad, NULL, NULL, NULL), -EIO);
	transfer_session_unref(session);
	live_rig_done(&rig);
}
END_TEST

/* ---- where they may not be called ---- */

static int called_inside;

static void fetch_inside(struct live_rig *from, transfer_task *task, const char *what)
{
	transfer_auto(transfer_request) request = transfer_request_new(URL "b");

	(void)task;
	if (!strcmp(what, "done"))
		called_inside = transfer_fetch(from->session, request, NULL, NULL, NULL);
}

START_TEST(refuses_to_wait_for_its_caller)
{
	transfer_task *task;

	live_rig_init(&rig, &live_rig_delegate);
	rig.in_callback = fetch_inside;
	task = live_rig_get(&rig, "a");
	peer_live_expect(rig.peer, "create data");
	PEER_LIVE(rig.peer, { .task = 1, .kind = IPC_EVENT_DID_COMPLETE });
	live_rig_expect(&rig, "done 1 0\n");
	ck_assert_int_eq(called_inside, -EDEADLK);
	transfer_task_unref(task);
	live_rig_done(&rig);
}
END_TEST

START_TEST(a_background_session_has_none)
{
	transfer_auto(transfer_config) config = transfer_config_new_background("a");
	struct call call = { .url = URL "a" };

	live_rig_init(&rig, NULL);
	transfer_config_set_app_id(config, "org.example.Test");
	call.session = live_rig_open(&rig, config, &live_rig_delegate);
	run_fetch(&call);
	ck_assert_int_eq(call.r, -EIO);
	ck_assert_int_eq(transfer_error_get_domain(call.error), TRANSFER_DOMAIN_BUS);
	ck_assert_int_eq(code_of(&call), TRANSFER_BUS_ERROR_NOT_SUPPORTED_IN_SESSION);
	transfer_session_unref(call.session);
	end(&call);
}
END_TEST

/* ---- piece by piece ---- */

/* With a pipe of the peer's, whose write end this is. */
static int send_pipe(void)
{
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	PEER_LIVE(rig.peer, { .task = 1, .kind = IPC_EVENT_DID_RECEIVE_RESPONSE, .status = 200 },
		{ .task = 1, .kind = IPC_EVENT_DID_RECEIVE_DATA, .pipe_fd = fds[0] });
	return fds[1];
}

static void put(int fd, const char *text)
{
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void check_read(struct call *call, size_t size, const char *want)
{
	char text[64] = "";
	ssize_t n = transfer_reader_read(call->reader, text, size, &call->error);

	ck_assert_int_eq(n, (ssize_t)strlen(want));
	ck_assert_str_eq(text, want);
}

START_TEST(reads_as_it_comes)
{
	struct call call;
	int fd;

	live_rig_init(&rig, &live_rig_delegate);
	begin(run_open, &call);
	fd = send_pipe();
	join(&call);
	ck_assert_int_eq(call.r, 0);
	ck_assert_int_eq(
		transfer_response_get_status(transfer_reader_get_response(call.reader)), 200);
	ck_assert_uint_eq(transfer_task_get_id(transfer_reader_get_task(call.reader)), 1);
	put(fd, "one two");
	check_read(&call, 4, "one ");
	check_read(&call, 8, "two");
	start(&call, run_read);
	put(fd, "three");
	join(&call);
	ck_assert_int_eq(call.n, 5);
	PEER_LIVE(rig.peer, { .task = 1, .kind = IPC_EVENT_DID_COMPLETE });
	close(fd);
	check_read(&call, 8, "");
	check_read(&call, 8, "");
	ck_assert_ptr_null(call.error);
	live_rig_dispatch(&rig);
	ck_assert_str_eq(rig.log, "created 1\n");
	end(&call);
}
END_TEST

START_TEST(reads_what_came_with_the_end)
{
	struct call call;

	live_rig_init(&rig, NULL);
	begin(run_open, &call);
	live_rig_answer(&rig, 1, "all of it");
	join(&call);
	ck_assert_int_eq(call.r, 0);
	check_read(&call, 63, "all of it");
	check_read(&call, 63, "");
	end(&call);
}
END_TEST

START_TEST(reads_a_body_to_where_it_broke)
{
	struct call call;
	int fd;

	live_rig_init(&rig, NULL);
	begin(run_open, &call);
	fd = send_pipe();
	join(&call);
	put(fd, "half");
	PEER_LIVE(rig.peer, { .task = 1, .kind = IPC_EVENT_DID_COMPLETE, .code = -1005 });
	close(fd);
	check_read(&call, 63, "half");
	ck_assert_int_eq(transfer_reader_read(call.reader, call.text, 8, &call.error), -EIO);
	ck_assert_int_eq(code_of(&call), -1005);
	end(&call);
}
END_TEST

START_TEST(what_is_not_read_waits_at_the_server)
{
	static char block[4096], room[65536];
	size_t written = 0, n_read = 0;
	struct call call;
	ssize_t n;
	int fd;

	live_rig_init(&rig, NULL);
	begin(run_open, &call);
	fd = send_pipe();
	join(&call);
	/* nobody reads: what fits is a piece, and what the pipe holds */
	for (int quiet = 0; quiet < 20;) {
		struct pollfd wait = { .fd = fd, .events = POLLOUT };

		if (poll(&wait, 1, 10) <= 0) {
			quiet++;
			continue;
		}
		quiet = 0;
		written += (size_t)write(fd, block, sizeof(block));
		ck_assert_uint_le(written, 2 * SEGMENT_BYTES);
	}
	PEER_LIVE(rig.peer, { .task = 1, .kind = IPC_EVENT_DID_COMPLETE });
	close(fd);
	while ((n = transfer_reader_read(call.reader, room, sizeof(room), NULL)) > 0)
		n_read += (size_t)n;
	ck_assert_int_eq(n, 0);
	ck_assert_uint_eq(n_read, written);
	end(&call);
}
END_TEST

/* ---- what the program's own protocols, and files, give ---- */

static const char block_given[64 * 1024];
static int n_given;
static sem_t all_given;

static bool is_ours(const transfer_request *request, void *userdata)
{
	(void)userdata;
	return !strncmp(transfer_request_get_url(request), "demo:", 5);
}

static void give_what_is_wanted(transfer_load *load, void *userdata)
{
	transfer_auto(transfer_response)
		response = transfer_response_new("demo:a", "text/plain", -1, NULL);
	transfer_auto(transfer_data)
		data = transfer_data_new_copy(block_given, sizeof(block_given));

	(void)userdata;
	ck_assert_int_eq(transfer_load_respond(load, response, TRANSFER_STORAGE_NOT_ALLOWED), 0);
	for (n_given = 0; n_given < 64 && transfer_load_is_wanted(load); n_given++)
		ck_assert_int_eq(transfer_load_give(load, data), 0);
	transfer_load_finish(load);
	sem_post(&all_given);
}

static size_t read_all(struct call *call)
{
	static char room[100000];
	size_t n_read = 0;
	ssize_t n;

	while ((n = transfer_reader_read(call->reader, room, sizeof(room), &call->error)) > 0)
		n_read += (size_t)n;
	ck_assert_int_eq(n, 0);
	return n_read;
}

START_TEST(what_is_not_read_is_not_wanted)
{
	const struct transfer_protocol protocol = {
		TRANSFER_PROTOCOL_INIT,
		.can_init = is_ours,
		.start = give_what_is_wanted,
	};
	transfer_auto(transfer_config) config = transfer_config_new_default();
	struct call call = { .url = "demo:a" };

	live_rig_init(&rig, NULL);
	ck_assert_int_eq(sem_init(&all_given, 0, 0), 0);
	ck_assert_int_eq(transfer_config_add_protocol(config, &protocol), 0);
	ck_assert_int_eq(transfer_session_new(&call.session, rig.client, config, NULL, NULL), 0);
	run_open(&call);
	ck_assert_int_eq(call.r, 0);
	while (sem_wait(&all_given))
		;
	ck_assert_int_eq(n_given, 16);
	ck_assert_uint_eq(read_all(&call), 16 * sizeof(block_given));
	transfer_session_unref(call.session);
	end(&call);
	sem_destroy(&all_given);
}
END_TEST

/* In many turns, of which each waits for the reader. */
START_TEST(reads_a_long_file)
{
	char url[256];
	struct call call = { .url = url };
	int fd;

	live_rig_init(&rig, NULL);
	fd = new_file(url, sizeof(url));
	ck_assert_int_eq(ftruncate(fd, 4000001), 0);
	close(fd);
	call.session = open_served();
	run_open(&call);
	ck_assert_int_eq(call.r, 0);
	ck_assert_uint_eq(read_all(&call), 4000001);
	transfer_session_unref(call.session);
	end(&call);
}
END_TEST

/* One response for each part of multipart/x-mixed-replace: what was lent stays. */
START_TEST(a_response_that_was_lent_stays)
{
	const transfer_response *lent;
	struct call call;
	int fd;

	live_rig_init(&rig, NULL);
	begin(run_open, &call);
	PEER_LIVE(rig.peer, { .task = 1, .kind = IPC_EVENT_DID_RECEIVE_RESPONSE, .status = 203 });
	join(&call);
	lent = transfer_reader_get_response(call.reader);
	fd = send_pipe();
	put(fd, "part");
	check_read(&call, 8, "part");
	ck_assert_ptr_eq(transfer_reader_get_response(call.reader), lent);
	ck_assert_int_eq(transfer_response_get_status(lent), 203);
	close(fd);
	end(&call);
}
END_TEST

START_TEST(opens_nothing_without_an_answer)
{
	struct call call;

	live_rig_init(&rig, NULL);
	begin(run_open, &call);
	PEER_LIVE(rig.peer, { .task = 1, .kind = IPC_EVENT_DID_COMPLETE, .code = -1004 });
	join(&call);
	ck_assert_int_eq(call.r, -EIO);
	ck_assert_int_eq(code_of(&call), -1004);
	ck_assert_ptr_null(call.reader);
	end(&call);
}
END_TEST

/* with what was read and not taken, too */
START_TEST(the_last_handle_cancels)
{
	struct call call;
	int fd;

	live_rig_init(&rig, NULL);
	begin(run_open, &call);
	fd = send_pipe();
	join(&call);
	put(fd, "never taken");
	check_read(&call, 5, "never");
	transfer_reader_unref(call.reader);
	call.reader = NULL;
	peer_live_expect(rig.peer, "cancel 1");
	close(fd);
	end(&call);
}
END_TEST

START_TEST(a_cancel_wakes_who_reads)
{
	struct call call;
	int fd;

	live_rig_init(&rig, NULL);
	begin(run_open, &call);
	fd = send_pipe();
	join(&call);
	start(&call, run_read);
	transfer_task_cancel(transfer_reader_get_task(call.reader));
	peer_live_expect(rig.peer, "cancel 1");
	join(&call);
	ck_assert_int_eq(call.n, -EIO);
	ck_assert_int_eq(code_of(&call), TRANSFER_ERROR_CANCELLED);
	close(fd);
	end(&call);
}
END_TEST

START_TEST(a_reader_keeps_its_session)
{
	struct call call;
	int fd;

	live_rig_init(&rig, NULL);
	begin(run_open, &call);
	fd = send_pipe();
	join(&call);
	transfer_session_unref(rig.session);
	rig.session = NULL;
	put(fd, "still");
	check_read(&call, 8, "still");
	PEER_LIVE(rig.peer, { .task = 1, .kind = IPC_EVENT_DID_COMPLETE });
	close(fd);
	check_read(&call, 8, "");
	end(&call);
}
END_TEST

RUN_TESTS("client-lib/fetch",
	TEST_LOOP(fetches_without_a_server, 2 * sizeof(local_cases) / sizeof(*local_cases)),
	TEST(reads_a_file), TEST(waits_for_the_whole), TEST(says_why_it_failed),
	TEST(ends_when_transferd_goes), TEST(needs_nothing_back),
	TEST(refuses_to_wait_for_its_caller), TEST(a_background_session_has_none),
	TEST(reads_as_it_comes), TEST(reads_what_came_with_the_end),
	TEST(reads_a_body_to_where_it_broke), TEST(what_is_not_read_waits_at_the_server),
	TEST(what_is_not_read_is_not_wanted), TEST(reads_a_long_file),
	TEST(a_response_that_was_lent_stays), TEST(opens_nothing_without_an_answer),
	TEST(the_last_handle_cancels), TEST(a_cancel_wakes_who_reads),
	TEST(a_reader_keeps_its_session))
