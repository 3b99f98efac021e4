/* SPDX-License-Identifier: MIT */
/* Many tasks of sessions that live in memory: what is sent when, and in which order, and what is asked again. */
#include "client-lib/live.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "ipc/types.h"
#include "tests/client-lib/live-rig.h"
#include "tests/lib/run.h"

static struct live_rig rig;

static void done(transfer_task *task)
{
	transfer_task_unref(task);
	live_rig_done(&rig);
}

START_TEST(a_refused_task_does_not_hurt_others)
{
	live_rig_init(&rig, NULL);
	peer_live_answer_all(rig.peer, true);
	transfer_task_unref(live_rig_fetch(&rig, "a"));
	transfer_task_unref(live_rig_fetch(&rig, "bad"));
	transfer_task_unref(live_rig_fetch(&rig, "c"));
	live_rig_expect(&rig, "handler 0 ");
	live_rig_expect(&rig, "handler 200 0 '1'\n");
	live_rig_expect(&rig, "handler 200 0 '2'\n");
	ck_assert_uint_eq(live_rig_count(&rig, "handler"), 3);
	live_rig_done(&rig);
}
END_TEST

START_TEST(a_refusal_for_want_of_room_is_waited_out)
{
	live_rig_init(&rig, NULL);
	peer_live_answer_all(rig.peer, true);
	peer_live_refuse(rig.peer, IPC_E_LIMIT_REACHED, 2);
	transfer_task_unref(live_rig_fetch(&rig, "a"));
	live_rig_expect(&rig, "handler 200 0 '1'\n");
	ck_assert_ptr_nonnull(strstr(peer_live_log(rig.peer), "refused 1\nrefused 1\n"));
	live_rig_done(&rig);
}
END_TEST

START_TEST(a_crowd_is_sent_in_its_order)
{
	const int n = 3000;
	transfer_task *last = NULL;

	live_rig_init(&rig, NULL);
	rig.is_quiet = true;
	peer_live_answer_all(rig.peer, true);
	for (int i = 0; i < n; i++) {
		char name[16];

		snprintf(name, sizeof(name), "%d", i + 1);
		transfer_task_unref(last);
		last = live_rig_fetch(&rig, name);
	}
	for (int i = 0; i < 100000 && transfer_task_wait(last, 0, NULL) == -ETIMEDOUT; i++)
		transfer_queue_dispatch(rig.queue, 100), rig.log[0] = '\0';
	ck_assert_uint_eq(transfer_task_get_id(last), (uint64_t)n);
	ck_assert_uint_eq(peer_live_n_tasks(rig.peer), (unsigned int)n);
	done(last);
}
END_TEST

static void wait_for_tasks(unsigned int n)
{
	for (int i = 0; i < 3000 && peer_live_n_tasks(rig.peer) < n; i++)
		transfer_queue_dispatch(rig.queue, 10), rig.log[0] = '\0';
	ck_assert_uint_eq(peer_live_n_tasks(rig.peer), n);
}

static void fetch(unsigned int n)
{
	rig.is_quiet = true;
	for (unsigned int i = 0; i < n; i++)
		transfer_task_unref(live_rig_fetch(&rig, "a"));
}

/* A call that is refused for its size goes in parts, and the next ones are as large as may be. */
START_TEST(what_is_too_large_goes_in_parts)
{
	live_rig_init(&rig, NULL);
	peer_live_refuse_more(rig.peer, 20);
	fetch(300);
	wait_for_tasks(300);
	ck_assert_uint_lt(peer_n_create_calls(rig.peer), 100);
	live_rig_done(&rig);
}
END_TEST

/* More than a message may be, and none of the tasks is to blame. */
START_TEST(what_no_message_holds_goes_in_parts)
{
	static const char bytes[60000];
	transfer_auto(transfer_data) body = transfer_data_new_copy(bytes, sizeof(bytes));
	transfer_auto(transfer_request) request = transfer_request_new(URL "large");

	live_rig_init(&rig, NULL);
	rig.is_quiet = true;
	ck_assert_int_eq(transfer_request_set_method(request, "POST"), 0);
	ck_assert_int_eq(transfer_request_set_body(request, body), 0);
	/* while the first one waits, the others gather behind it */
	peer_live_refuse(rig.peer, IPC_E_LIMIT_REACHED, 1);
	fetch(1);
	peer_live_expect(rig.peer, "refused");
	for (int i = 0; i < 600; i++) {
		transfer_auto(transfer_task) task = transfer_session_data_task(
			rig.session, request, live_rig_on_data, &rig);

		transfer_task_resume(task);
	}
	wait_for_tasks(601);
	ck_assert_ptr_null(strstr(rig.log, "handler"));
	live_rig_done(&rig);
}
END_TEST

/* 200 fields of 60,000 bytes. */
static transfer_task *fetch_giant(void)
{
	transfer_auto(transfer_request) request = transfer_request_new(URL "giant");
	char name[16], value[60001];
	transfer_task *task;

	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = 0;
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "X-%d", i);
		ck_assert_int_eq(transfer_request_set_header(request, name, value), 0);
	}
	task = transfer_session_data_task(rig.session, request, live_rig_on_data, &rig);
	transfer_task_resume(task);
	return task;
}

/* More than a call may be, all by itself: it fails, and what is behind it goes on. */
START_TEST(what_no_call_holds_fails)
{
	transfer_auto(transfer_error) error = NULL;
	transfer_task *task;

	live_rig_init(&rig, NULL);
	rig.is_quiet = true;
	peer_live_refuse(rig.peer, IPC_E_LIMIT_REACHED, 1);
	fetch(1);
	peer_live_expect(rig.peer, "refused");
	task = fetch_giant();
	fetch(9);
	live_rig_expect(&rig, "handler");
	wait_for_tasks(10);
	error = transfer_task_copy_error(task);
	ck_assert_int_eq(transfer_error_get_domain(error), TRANSFER_DOMAIN_POSIX);
	ck_assert_int_eq(transfer_error_get_code(error), EMSGSIZE);
	done(task);
}
END_TEST

/* One that is older than we are is asked once. */
START_TEST(an_older_transferd_has_them_in_messages)
{
	live_rig_init(&rig, NULL);
	peer_live_forget_files(rig.peer);
	fetch(300);
	wait_for_tasks(300);
	ck_assert_uint_eq(peer_n_file_calls(rig.peer), 1);
	ck_assert_uint_lt(peer_n_create_calls(rig.peer), 100);
	live_rig_done(&rig);
}
END_TEST

/* All others are in use. Returns the limit that was. */
static struct rlimit leave_descriptors(rlim_t n)
{
	struct rlimit limit, least;
	int fd = dup(STDOUT_FILENO);

	close(fd);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	least = limit;
	least.rlim_cur = (rlim_t)fd + n;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &least), 0);
	return limit;
}

/* All but one descriptor are in use: the file has it, and libdbus wants one, too. */
START_TEST(a_message_needs_no_descriptor)
{
	struct rlimit limit;

	live_rig_init(&rig, NULL);
	fetch(1);
	wait_for_tasks(1);
	limit = leave_descriptors(1);
	fetch(300);
	wait_for_tasks(301);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_uint_eq(peer_n_file_calls(rig.peer), 0);
	ck_assert_uint_lt(peer_n_create_calls(rig.peer), 100);
	live_rig_done(&rig);
}
END_TEST

static transfer_task *upload(const char *path)
{
	transfer_auto(transfer_request) request = transfer_request_new(URL "upload");
	transfer_task *task = transfer_session_upload_task_file(
		rig.session, request, path, live_rig_on_data, &rig);

	ck_assert_ptr_nonnull(task);
	transfer_task_resume(task);
	return task;
}

/* None is left for a file that is to be sent: that task fails, and those that need none do not. */
START_TEST(without_descriptors_only_files_fail)
{
	transfer_auto(transfer_error) error = NULL;
	struct rlimit limit;
	transfer_task *task;

	live_rig_init(&rig, NULL);
	rig.is_quiet = true;
	fetch(1);
	wait_for_tasks(1);
	peer_live_refuse(rig.peer, IPC_E_LIMIT_REACHED, 1);
	fetch(1);
	peer_live_expect(rig.peer, "refused");
	task = upload("/proc/self/exe");
	fetch(3);
	limit = leave_descriptors(0);
	live_rig_expect(&rig, "handler");
	wait_for_tasks(5);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	error = transfer_task_copy_error(task);
	ck_assert_int_eq(transfer_error_get_domain(error), TRANSFER_DOMAIN_POSIX);
	ck_assert_int_eq(transfer_error_get_code(error), EMFILE);
	done(task);
}
END_TEST

/* transferd has all it may have, and the next ones go together: not one for each that has ended. */
START_TEST(more_are_sent_by_the_hundred)
{
	const unsigned int n_sent = 1000, n = 1100;
	unsigned int n_calls;

	live_rig_init(&rig, NULL);
	rig.is_quiet = true;
	for (unsigned int i = 0; i < n; i++)
		transfer_task_unref(live_rig_fetch(&rig, "a"));
	wait_for_tasks(n_sent);
	n_calls = peer_n_create_calls(rig.peer);
	for (uint64_t i = 1; i <= 100; i++) {
		PEER_LIVE(rig.peer, { .task = i, .kind = IPC_EVENT_DID_COMPLETE, .folded = true });
		live_rig_expect(&rig, "handler");
		rig.log[0] = '\0';
	}
	wait_for_tasks(n);
	ck_assert_uint_lt(peer_n_create_calls(rig.peer), n_calls + 50);
	ck_assert_uint_gt(peer_n_file_calls(rig.peer), 0);
	live_rig_done(&rig);
}
END_TEST

/* What the others wait for need not come. */
START_TEST(a_place_is_used_though_no_other_gets_free)
{
	const unsigned int n_sent = 1000;

	live_rig_init(&rig, NULL);
	rig.is_quiet = true;
	for (unsigned int i = 0; i <= n_sent; i++)
		transfer_task_unref(live_rig_fetch(&rig, "a"));
	wait_for_tasks(n_sent);
	PEER_LIVE(rig.peer, { .task = 1, .kind = IPC_EVENT_DID_COMPLETE, .folded = true });
	wait_for_tasks(n_sent + 1);
	live_rig_done(&rig);
}
END_TEST

START_TEST(many_bytes_are_acknowledged_soon)
{
	static char text[60000];

	memset(text, 'x', sizeof(text) - 1);
	live_rig_init(&rig, NULL);
	for (uint64_t i = 1; i <= 10; i++) {
		char name[16];

		snprintf(name, sizeof(name), "n%d", (int)i);
		transfer_task_unref(live_rig_fetch(&rig, name));
		peer_live_expect(rig.peer, name);
		live_rig_answer(&rig, i, text);
		live_rig_expect(&rig, "handler 200 0 ");
		rig.log[0] = '\0';
	}
	peer_live_expect(rig.peer, "ack 9\n");
	live_rig_done(&rig);
}
END_TEST

START_TEST(the_most_urgent_is_sent_first)
{
	transfer_task *low, *high;

	live_rig_init(&rig, NULL);
	peer_live_refuse(rig.peer, IPC_E_LIMIT_REACHED, UINT_MAX);
	low = live_rig_make(&rig, "low", true);
	high = live_rig_make(&rig, "high", true);
	ck_assert_int_eq(transfer_task_set_priority(low, 0.1), 0);
	ck_assert_int_eq(transfer_task_set_priority(high, 0.2), 0);
	transfer_task_resume(low);
	peer_live_expect(rig.peer, "refused");
	transfer_task_resume(high);
	ck_assert_int_eq(transfer_task_set_priority(high, 0.9), 0);
	peer_live_expect(rig.peer, "refused 2"); /* no call with the first alone is on its way */
	peer_live_refuse(rig.peer, IPC_E_LIMIT_REACHED, 0);
	peer_live_expect(rig.peer, "create data " URL "high - -\ncreate data " URL "low");
	transfer_task_unref(low);
	done(high);
}
END_TEST

RUN_TESTS("client-lib/live-crowd", TEST(a_refused_task_does_not_hurt_others),
	TEST(a_refusal_for_want_of_room_is_waited_out), TEST(a_crowd_is_sent_in_its_order),
	TEST(more_are_sent_by_the_hundred), TEST(a_place_is_used_though_no_other_gets_free),
	TEST(what_is_too_large_goes_in_parts), TEST(what_no_message_holds_goes_in_parts),
	TEST(an_older_transferd_has_them_in_messages), TEST(a_message_needs_no_descriptor),
	TEST(what_no_call_holds_fails), TEST(without_descriptors_only_files_fail),
	TEST(the_most_urgent_is_sent_first), TEST(many_bytes_are_acknowledged_soon))
