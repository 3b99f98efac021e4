/* SPDX-License-Identifier: MIT */
/* Sessions: opened, refused, come back to, described, invalidated. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ipc/types.h"
#include "tests/client-lib/rig.h"
#include "tests/lib/run.h"

START_TEST(opens_and_comes_back)
{
	struct rig rig;

	rig_init(&rig, 0);
	rig_open(&rig);
	ck_assert(!transfer_session_was_reassociated(rig.session));
	ck_assert_str_eq(transfer_session_get_identifier(rig.session), RIG_IDENTIFIER);
	rig_expect(&rig, "drained\n");
	rig_close_session(&rig);
	ck_assert(peer_wait(rig.peer, peer_has_detached, 0));
	rig_open(&rig);
	ck_assert(transfer_session_was_reassociated(rig.session));
	rig_done(&rig);
}
END_TEST

/* The end of the session before may not detach the new one. */
START_TEST(comes_back_at_once)
{
	transfer_auto(transfer_error) error = NULL;
	transfer_session *first;
	struct rig rig;

	rig_init(&rig, 0);
	for (unsigned i = 1; i <= 30; i++) {
		transfer_task *task;

		rig_open(&rig);
		task = rig_download(&rig, "https://example.org/a");
		rig_flush(&rig);
		ck_assert(peer_is_attached(rig.peer));
		peer_complete(rig.peer, transfer_task_get_id(task), 0);
		rig.log[0] = '\0';
		rig_expect(&rig, "complete");
		transfer_task_unref(task);
		rig_close_session(&rig);
	}
	rig_open(&rig);
	first = rig.session;
	rig.session = NULL;
	ck_assert_int_eq(rig_try_open(&rig, &error), -EBUSY);
	ck_assert_int_eq(transfer_error_get_code(error), TRANSFER_ERROR_BACKGROUND_SESSION_IN_USE);
	ck_assert_ptr_null(rig.session);
	rig.session = first;
	rig_done(&rig);
}
END_TEST

static const struct {
	int open, attach, want;
	enum transfer_error_domain domain;
	int code;
} refusals[] = {
	{ 0, IPC_E_ALREADY_ATTACHED, -EBUSY, TRANSFER_DOMAIN_URL,
		TRANSFER_ERROR_BACKGROUND_SESSION_IN_USE },
	{ IPC_E_SESSION_INVALID, 0, -ESTALE, TRANSFER_DOMAIN_BUS,
		TRANSFER_BUS_ERROR_SESSION_INVALID },
	{ IPC_E_LIMIT_REACHED, 0, -EREMOTEIO, TRANSFER_DOMAIN_BUS,
		TRANSFER_BUS_ERROR_LIMIT_REACHED },
};

START_TEST(is_refused)
{
	transfer_auto(transfer_error) error = NULL;
	struct rig rig;

	rig_init(&rig, 0);
	peer_fail_open(rig.peer, refusals[_i].open);
	peer_fail_attach(rig.peer, refusals[_i].attach);
	ck_assert_int_eq(rig_try_open(&rig, &error), refusals[_i].want);
	ck_assert_ptr_null(rig.session);
	ck_assert_int_eq(transfer_error_get_domain(error), refusals[_i].domain);
	ck_assert_int_eq(transfer_error_get_code(error), refusals[_i].code);
	ck_assert_ptr_nonnull(transfer_error_get_bus_name(error));
	rig_done(&rig);
}
END_TEST

START_TEST(needs_a_daemon)
{
	transfer_auto(transfer_error) error = NULL;
	struct rig rig;

	rig_init(&rig, 0);
	peer_stop(rig.peer);
	ck_assert_int_eq(rig_try_open(&rig, &error), -ENOTCONN);
	ck_assert_int_eq(
		transfer_error_get_code(error), TRANSFER_ERROR_BACKGROUND_SESSION_DISCONNECTED);
	ck_assert_ptr_nonnull(transfer_error_get_underlying(error));
	ck_assert_int_eq(transfer_error_get_code(transfer_error_get_underlying(error)),
		TRANSFER_BUS_ERROR_NOT_RUNNING);
	peer_start(rig.peer);
	rig_open(&rig);
	rig_done(&rig);
}
END_TEST

START_TEST(needs_a_delegate)
{
	transfer_auto(transfer_config) config = transfer_config_new_background(RIG_IDENTIFIER);
	transfer_auto(transfer_config) wrong = transfer_config_new_background("");
	transfer_auto(transfer_error) error = NULL;
	struct transfer_owner owner = { TRANSFER_OWNER_INIT };
	transfer_session *session = NULL;
	struct rig rig;

	rig_init(&rig, 0);
	ck_assert_int_eq(
		transfer_session_new(&session, rig.client, config, &owner, &error), -EINVAL);
	ck_assert_ptr_nonnull(strstr(transfer_error_get_message(error), "delegate"));
	owner.delegate = &rig_delegate;
	ck_assert_int_eq(transfer_session_new(&session, rig.client, wrong, &owner, NULL), -EINVAL);
	owner.size = 0;
	ck_assert_int_eq(transfer_session_new(&session, rig.client, config, &owner, NULL), -EINVAL);
	ck_assert_ptr_null(session);
	rig_done(&rig);
}
END_TEST

START_TEST(is_described)
{
	struct rig rig;

	rig_init(&rig, 0);
	rig_open(&rig);
	ck_assert_int_eq(transfer_session_set_description(rig.session, "Mirror of \xff"), -EINVAL);
	ck_assert_int_eq(transfer_session_set_description(rig.session, "Mirror"), 0);
	rig_flush(&rig);
	ck_assert_str_eq(peer_session_description(rig.peer), "Mirror");
	rig_done(&rig);
}
END_TEST

START_TEST(is_invalidated)
{
	struct rig rig;
	transfer_task *task, *late;

	task = rig_begin(&rig);
	transfer_session_invalidate_and_cancel(rig.session);
	rig_expect(&rig, "invalid 0\n");
	ck_assert_ptr_nonnull(strstr(rig.log, "complete 100 -999\ninvalid 0\n"));
	ck_assert(peer_wait(rig.peer, peer_has_acked, 2));

	/* nothing is told after that, but the task says why it ended */
	late = rig_download(&rig, "https://example.org/b");
	ck_assert_int_eq(transfer_task_wait(late, 1000, NULL), -EIO);
	ck_assert_int_eq(transfer_queue_dispatch(rig.queue, 0), 0);
	ck_assert_uint_eq(rig_count(&rig, "complete"), 1);
	transfer_task_unref(task);
	transfer_task_unref(late);
	rig_done(&rig);
}
END_TEST

static void on_tasks(transfer_task *const *tasks, size_t n, void *user)
{
	struct rig *rig = user;

	for (size_t i = 0; i < n; i++) {
		size_t used = strlen(rig->log);
		transfer_auto(transfer_request)
			current = transfer_task_copy_current_request(tasks[i]);

		snprintf(rig->log + used, sizeof(rig->log) - used, "task %llu %s %s\n",
			(unsigned long long)transfer_task_get_id(tasks[i]),
			transfer_request_get_url(current),
			transfer_request_get_header(
				transfer_task_get_original_request(tasks[i]), "x-old"));
	}
	strncat(rig->log, "listed\n", sizeof(rig->log) - strlen(rig->log) - 1);
}

/* More than one page, old and new ones, each task object once. */
START_TEST(lists_its_tasks)
{
	struct rig rig;
	transfer_task *task;

	rig_init(&rig, 0);
	for (int i = 0; i < 7; i++)
		peer_add_task(rig.peer, "https://example.org/old");
	rig_open(&rig);
	task = rig_download(&rig, "https://example.org/new");
	transfer_session_get_tasks(rig.session, on_tasks, &rig);
	rig_expect(&rig, "listed\n");
	ck_assert_uint_eq(rig_count(&rig, "https://example.org/old value\n"), 7);
	ck_assert_ptr_nonnull(strstr(rig.log,
		"task 106 https://example.org/old value\ntask 107 https://example.org/new"));
	transfer_task_unref(task);
	rig_done(&rig);
}
END_TEST

static void on_stored(const transfer_error *error, void *userdata)
{
	struct rig *rig = userdata;
	size_t used = strlen(rig->log);

	snprintf(rig->log + used, sizeof(rig->log) - used, "stored %s\n",
		error ? transfer_error_get_name(error) : "0");
}

/* BT-87, BT-88 */
START_TEST(flushes_and_resets)
{
	struct rig rig;

	rig_init(&rig, 0);
	rig_open(&rig);
	transfer_session_flush(rig.session, on_stored, &rig);
	rig_expect(&rig, "stored 0");
	transfer_session_reset(rig.session, on_stored, &rig);
	transfer_session_reset(rig.session, NULL, NULL);
	rig_flush(&rig);
	while (rig_count(&rig, "stored 0") < 2)
		transfer_queue_dispatch(rig.queue, 10000);
	rig_done(&rig);
}
END_TEST

RUN_TESTS("client-lib/session", TEST(opens_and_comes_back), TEST(comes_back_at_once),
	TEST_EACH(is_refused, refusals), TEST(needs_a_daemon), TEST(needs_a_delegate),
	TEST(is_described), TEST(is_invalidated), TEST(lists_its_tasks), TEST(flushes_and_resets))
