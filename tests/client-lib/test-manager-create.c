/* SPDX-License-Identifier: MIT */
/* New tasks of a manager, one call or many at once. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <transfer/manager.h>
#include <transfer/transfer.h>

#include "tests/client-lib/managed.h"
#include "tests/lib/tmpdir.h"

/* A batch of the session's, n times the same request; suspended, without a token. */
static struct transfer_batch batch_of(
	struct transfer_task_spec *specs, size_t n, transfer_request *request)
{
	for (size_t i = 0; i < n; i++)
		specs[i] = (struct transfer_task_spec){
			.size = sizeof(specs[i]),
			.kind = TRANSFER_TASK_DOWNLOAD,
			.request = request,
		};
	return (struct transfer_batch){
		.size = sizeof(struct transfer_batch),
		.session = "com.example.test",
		.specs = specs,
		.n_specs = n,
	};
}

START_TEST(makes_downloads)
{
	transfer_auto(transfer_request) request = transfer_request_new("https://example.org/a");
	transfer_auto(transfer_request) bad = transfer_request_new("https://bad/");
	transfer_auto(transfer_error) error = NULL;
	struct transfer_task_spec specs[1000];
	struct transfer_batch batch = batch_of(specs, 1000, request);
	uint64_t ids[1000];
	size_t n;

	begin();
	ck_assert_int_eq(transfer_request_set_destination(request, "/tmp/a", true), 0);
	batch.start = true;
	batch.token = "t1";
	/* the reply is lost, the call is repeated, the tasks are there once */
	ck_assert_int_eq(transfer_manager_create_tasks(manager, &batch, ids, &n, NULL), 0);
	ck_assert_uint_eq(n, 1000);
	ck_assert_uint_eq(ids[999], 1099);
	ck_assert_int_eq(transfer_manager_create_tasks(manager, &batch, ids, &n, NULL), 0);
	ck_assert_uint_eq(ids[999], 1099);
	ck_assert_uint_eq(peer_n_tasks(peer), 1000);
	ck_assert_str_eq(peer_describe(peer, 100), "download https://example.org/a - /tmp/a - -");
	ck_assert(!peer_is_suspended(peer, 100));

	specs[3].request = bad;
	batch.token = NULL;
	ck_assert_int_eq(
		transfer_manager_create_tasks(manager, &batch, ids, &n, &error), -EREMOTEIO);
	ck_assert_uint_eq(n, 0);
	ck_assert_str_eq(transfer_error_get_message(error), "requests[3]: bad");
	batch.session = "nobody";
	ck_assert_int_eq(transfer_manager_create_tasks(manager, &batch, ids, &n, NULL), -ENOENT);
	batch.session = NULL;
	ck_assert_int_eq(transfer_manager_create_tasks(manager, &batch, ids, &n, NULL), -EINVAL);
	end();
}
END_TEST

START_TEST(makes_uploads)
{
	transfer_auto(transfer_request) request = transfer_request_new("https://example.org/in");
	transfer_auto(transfer_error) error = NULL;
	struct transfer_task_spec specs[40];
	struct transfer_batch batch = batch_of(specs, 40, request);
	char *path;
	uint64_t ids[40];
	size_t n;

	begin();
	path = tmpdir_path("source");
	ck_assert_int_eq(tmpdir_write(path, "content"), 0);
	for (int i = 0; i < 40; i++) {
		specs[i].kind = TRANSFER_TASK_UPLOAD;
		specs[i].source_path = path;
	}
	ck_assert_int_eq(transfer_manager_create_tasks(manager, &batch, ids, &n, NULL), 0);
	ck_assert_uint_eq(n, 40);
	ck_assert_uint_eq(peer_n_create_calls(peer), 3);
	ck_assert_str_eq(
		peer_describe(peer, ids[39]), "upload https://example.org/in - - - content");
	ck_assert(peer_is_suspended(peer, ids[39]));

	specs[20].source_path = "/nonexistent";
	ck_assert_int_eq(transfer_manager_create_tasks(manager, &batch, ids, &n, &error), -ENOENT);
	ck_assert_uint_eq(n, 16);
	ck_assert_int_eq(transfer_error_get_code(error), TRANSFER_ERROR_FILE_DOES_NOT_EXIST);
	free(path);
	end();
}
END_TEST

/* What goes wrong in a batch of four calls; what is made is the beginning. */
static const struct {
	int bad; /* index of a spec that is refused; -1: none */
	int unread; /* index of one that cannot be read */
	size_t want_n;
	int want_r;
} streams[] = {
	{ -1, -1, 3500, 0 },
	{ 5, -1, 0, -EREMOTEIO },
	{ 1005, -1, 1000, -EREMOTEIO },
	{ 3499, -1, 3000, -EREMOTEIO },
	{ -1, 999, 0, -EINVAL },
	{ -1, 2000, 2000, -EINVAL },
	{ 1000, 2000, 1000, -EREMOTEIO },
};

START_TEST(streams_a_long_batch)
{
	transfer_auto(transfer_request) request = transfer_request_new("https://example.org/a");
	transfer_auto(transfer_request) bad = transfer_request_new("https://bad/");
	transfer_auto(transfer_error) error = NULL;
	static struct transfer_task_spec specs[3500];
	static uint64_t ids[3500];
	struct transfer_batch batch = batch_of(specs, 3500, request);
	size_t n;

	begin();
	if (streams[_i].bad >= 0)
		specs[streams[_i].bad].request = bad;
	if (streams[_i].unread >= 0)
		specs[streams[_i].unread].request = NULL;
	ck_assert_int_eq(transfer_manager_create_tasks(manager, &batch, ids, &n, &error),
		streams[_i].want_r);
	ck_assert_uint_eq(n, streams[_i].want_n);
	ck_assert_uint_eq(peer_n_tasks(peer), n);
	for (size_t i = 0; i < n; i++)
		ck_assert_uint_eq(ids[i], 100 + i);
	if (streams[_i].want_r == -EREMOTEIO)
		ck_assert_ptr_nonnull(strstr(transfer_error_get_message(error), ": bad"));
	/* nothing is left on its way: the next call gets its own answer */
	batch.n_specs = 1;
	specs[0].request = request;
	ck_assert_int_eq(transfer_manager_create_tasks(manager, &batch, ids, &n, NULL), 0);
	ck_assert_uint_eq(ids[0], 100 + streams[_i].want_n);
	end();
}
END_TEST

/* Once the replies are lost, the peer goes away and comes back. */
static void *lose_replies(void *unused)
{
	(void)unused;
	ck_assert(peer_wait(peer, peer_has_created, 3));
	peer_restart(peer);
	return NULL;
}

/* The other end goes away with its answers: the batch is repeated, and made once. */
START_TEST(repeats_a_long_batch)
{
	transfer_auto(transfer_request) request = transfer_request_new("https://example.org/a");
	static struct transfer_task_spec specs[3500];
	static uint64_t ids[3500];
	struct transfer_batch batch = batch_of(specs, 3500, request);
	pthread_t thread;
	size_t n;
	int r;

	begin();
	batch.token = "t";
	peer_swallow_create(peer, 3);
	ck_assert_int_eq(pthread_create(&thread, NULL, lose_replies, NULL), 0);
	r = transfer_manager_create_tasks(manager, &batch, ids, &n, NULL);
	pthread_join(thread, NULL);
	/* unless it was back in time for the calls that are made once more */
	if (r) {
		ck_assert_uint_eq(n, 0);
		ck_assert_int_eq(transfer_manager_create_tasks(manager, &batch, ids, &n, NULL), 0);
	}
	ck_assert_uint_eq(n, 3500);
	ck_assert_uint_eq(peer_n_tasks(peer), 3500);
	for (size_t i = 0; i < n; i++)
		ck_assert_uint_eq(ids[i], 100 + i);
	end();
}
END_TEST

RUN_TESTS("client-lib/manager-create", TEST(makes_downloads), TEST(makes_uploads),
	TEST_EACH(streams_a_long_batch, streams), TEST(repeats_a_long_batch))
