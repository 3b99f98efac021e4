/* SPDX-License-Identifier: MIT */
/* Functions of the program that are called when something goes may call the library. */
#include "client-lib/litter.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include <transfer/transfer.h>

#include "tests/client-lib/live-rig.h"
#include "tests/lib/run.h"

static struct live_rig rig;
static atomic_int n_gone;

/* ---- the list ---- */

static void count(struct litter *litter)
{
	ck_assert_ptr_nonnull(litter);
	n_gone++;
}

START_TEST(waits_for_the_lock)
{
	struct litter a, b;

	ck_assert(!litter_put_off(&a, count));
	litter_begin();
	ck_assert(litter_put_off(&a, count));
	ck_assert(litter_put_off(&b, count));
	ck_assert_int_eq(n_gone, 0);
	litter_end();
	ck_assert_int_eq(n_gone, 2);
	ck_assert(!litter_put_off(&a, count));
}
END_TEST

/* ---- what goes ---- */

/* Takes the client's lock: it would never come back with it. */
static void gone(void *userdata)
{
	(void)userdata;
	transfer_session_get_tasks(rig.session, NULL, NULL);
	n_gone++;
}

static bool is_ours(const transfer_request *request, void *userdata)
{
	(void)userdata;
	return !strncmp(transfer_request_get_url(request), "demo:", 5);
}

static void start(transfer_load *load, void *userdata)
{
	static char bytes[] = "abc";
	transfer_auto(transfer_response)
		response = transfer_response_new("demo:a", "text/plain", -1, NULL);

	(void)userdata;
	ck_assert_int_eq(transfer_load_respond(load, response, TRANSFER_STORAGE_NOT_ALLOWED), 0);
	for (int i = 0; i < 3; i++) {
		transfer_auto(transfer_data) data = transfer_data_new_take(bytes, 3, gone, NULL);

		ck_assert_int_eq(transfer_load_give(load, data), 0);
	}
	transfer_load_finish(load);
}

START_TEST(bytes_of_a_protocol)
{
	const struct transfer_protocol protocol = {
		TRANSFER_PROTOCOL_INIT,
		.can_init = is_ours,
		.start = start,
	};
	transfer_auto(transfer_config) config = transfer_config_new_default();
	transfer_auto(transfer_request) request = transfer_request_new("demo:a");
	transfer_session *session;
	transfer_task *task;

	live_rig_init(&rig, NULL);
	ck_assert_int_eq(transfer_config_add_protocol(config, &protocol), 0);
	session = live_rig_open(&rig, config, NULL);
	task = transfer_session_data_task(session, request, live_rig_on_data, &rig);
	transfer_task_resume(task);
	live_rig_expect(&rig, "handler 0 0 'abcabcabc'\n");
	ck_assert_int_eq(n_gone, 3);
	transfer_task_unref(task);
	transfer_session_unref(session);
	live_rig_done(&rig);
}
END_TEST

static ssize_t read_nothing(void *bytes, size_t size, void *userdata)
{
	(void)bytes;
	(void)size;
	(void)userdata;
	return -EAGAIN;
}

/* The last who has them is the thread that watches the socket of the body. */
START_TEST(a_body_and_a_property)
{
	transfer_request *request = transfer_request_new(URL "a");
	transfer_body *body = transfer_body_new_reader(
		read_nothing, TRANSFER_SIZE_UNKNOWN, NULL, gone);
	transfer_task *task;

	live_rig_init(&rig, &live_rig_delegate);
	ck_assert_int_eq(transfer_request_set_body_stream(request, body), 0);
	ck_assert_int_eq(transfer_request_set_property(request, "a", &rig, gone), 0);
	transfer_body_unref(body);
	task = transfer_session_data_task(rig.session, request, NULL, NULL);
	transfer_request_unref(request);
	transfer_task_resume(task);
	peer_live_expect(rig.peer, "create data");
	transfer_task_cancel(task);
	transfer_task_unref(task);
	live_rig_expect(&rig, "done 1 -999\n");
	for (int i = 0; i < 1000 && n_gone < 2; i++)
		transfer_queue_dispatch(rig.queue, 10);
	ck_assert_int_eq(n_gone, 2);
	live_rig_done(&rig);
}
END_TEST

RUN_TESTS("client-lib/litter", TEST(waits_for_the_lock), TEST(bytes_of_a_protocol),
	TEST(a_body_and_a_property))
