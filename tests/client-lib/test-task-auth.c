/* SPDX-License-Identifier: MIT */
/* What a task has said to servers: a server that never has enough gets an end. */
#include "client-lib/task-auth.h"

#include <stdio.h>

#include "client-lib/client.h"
#include "client-lib/delivery.h"
#include "tests/client-lib/live-rig.h"
#include "tests/lib/run.h"

#define N_REALMS 17

static struct live_rig rig;

static transfer_protection_space *space_of(unsigned int n)
{
	transfer_protection_space *space;
	char realm[16];

	snprintf(realm, sizeof(realm), "%u", n % N_REALMS);
	space = transfer_protection_space_new("a", 80, "http", realm, TRANSFER_AUTH_BASIC);
	ck_assert_ptr_nonnull(space);
	return space;
}

/* The n-th time that the server asks; false: there is nothing left to say. */
static bool says_something(transfer_task *task, unsigned int n)
{
	struct delivery *delivery = delivery_new(DELIVERY_CHALLENGE, NULL);
	transfer_auto(transfer_credential) stored = NULL;

	ck_assert_ptr_nonnull(delivery);
	delivery->space = space_of(n);
	delivery->previous_failures = n;
	task_auth_take_in(task, delivery);
	stored = task_auth_stored(task, delivery->space);
	if (stored)
		task_auth_say(task, delivery->space, stored, n, false);
	delivery_free(delivery);
	return stored;
}

START_TEST(realms_that_take_turns_have_an_end)
{
	transfer_auto(transfer_credential) credential = transfer_credential_new_password(
		"user", "passwd", TRANSFER_PERSIST_SESSION);
	transfer_task *task;
	unsigned int n = 0;

	live_rig_init(&rig, NULL);
	for (unsigned int i = 0; i < N_REALMS; i++) {
		transfer_auto(transfer_protection_space) space = space_of(i);

		ck_assert_int_eq(transfer_credential_store_set(
					 transfer_session_get_credential_store(rig.session), space,
					 credential),
			0);
	}
	task = live_rig_make(&rig, "a", true);
	client_lock(rig.client);
	while (n < 3 * N_REALMS && says_something(task, n))
		n++;
	client_unlock(rig.client);
	ck_assert_uint_eq(n, 16);
	transfer_task_unref(task);
	live_rig_done(&rig);
}
END_TEST

RUN_TESTS("client-lib/task-auth", TEST(realms_that_take_turns_have_an_end))
