/* SPDX-License-Identifier: MIT */
/* What a task has said to servers, what they said to that, and what of it is kept. */
#include "client-lib/task-auth.h"

#include <stdio.h>

#include "client-lib/client.h"
#include "client-lib/credential-store.h"
#include "client-lib/delivery.h"
#include "client-lib/live.h"
#include "client-lib/response.h"
#include "client-lib/task.h"
#include "ipc/proto.h"
#include "tests/client-lib/live-rig.h"
#include "tests/lib/run.h"

#define N_REALMS 17

static struct live_rig rig;
static transfer_task *task;
static transfer_credential_store *store;
static transfer_protection_space *space;
static transfer_credential *ann, *bob;
static unsigned int attempt; /* that is challenged */

static transfer_protection_space *space_at(const char *host, const char *realm)
{
	transfer_protection_space *made = transfer_protection_space_new(
		host, 80, "http", realm, TRANSFER_AUTH_BASIC);

	ck_assert_ptr_nonnull(made);
	return made;
}

static void begin(void)
{
	live_rig_init(&rig, NULL);
	store = transfer_session_get_credential_store(rig.session);
	task = live_rig_make(&rig, "a", true);
	space = space_at("a", "r");
	ann = transfer_credential_new_password("ann", "1", TRANSFER_PERSIST_SESSION);
	bob = transfer_credential_new_password("bob", "1", TRANSFER_PERSIST_SESSION);
	ck_assert(store && ann && bob);
}

static void end(void)
{
	transfer_credential_unref(ann);
	transfer_credential_unref(bob);
	transfer_protection_space_unref(space);
	transfer_task_unref(task);
	live_rig_done(&rig);
}

static void take_in(struct delivery *delivery)
{
	client_lock(rig.client);
	task_auth_take_in(task, delivery);
	client_unlock(rig.client);
	delivery_free(delivery);
}

static void challenge(const transfer_protection_space *from, unsigned int n_failures)
{
	struct delivery *delivery = delivery_new(DELIVERY_CHALLENGE, NULL);

	ck_assert_ptr_nonnull(delivery);
	delivery->space = transfer_protection_space_ref(from);
	delivery->previous_failures = n_failures;
	delivery->attempt = attempt;
	take_in(delivery);
}

static void say(const transfer_protection_space *to, const transfer_credential *credential)
{
	client_lock(rig.client);
	task_auth_say(task, to, credential, true);
	client_unlock(rig.client);
}

/* The server's answer, which is told in the session's turn only. */
static void answer(uint32_t status)
{
	const struct ipc_response response = { .url = "http://a/", .status = status };
	struct delivery *delivery = delivery_new(DELIVERY_RESPONSE, NULL);

	ck_assert_ptr_nonnull(delivery);
	delivery->response = response_new_ipc(&response);
	ck_assert_ptr_nonnull(delivery->response);
	take_in(delivery);
}

static void check_kept(const transfer_protection_space *of, const transfer_credential *want)
{
	transfer_auto(transfer_credential) kept = NULL;

	live_rig_dispatch(&rig);
	kept = transfer_credential_store_copy_default(store, of);
	ck_assert_ptr_eq(kept, want);
}

static void check_taken(const transfer_protection_space *from, const transfer_credential *want)
{
	transfer_auto(transfer_credential) stored = task_auth_stored(task, from);

	ck_assert_ptr_eq(stored, want);
}

/* what is no opinion of who asks keeps nothing */
static const struct {
	uint32_t status;
	bool is_kept;
} answers[] = {
	{ 200, true },
	{ 204, true },
	{ 302, true },
	{ 403, true },
	{ 404, true },
	{ 401, false },
	{ 407, false },
	{ 408, false },
	{ 421, false },
	{ 425, false },
	{ 429, false },
	{ 431, false },
	{ 500, false },
	{ 503, false },
};

START_TEST(keeps_what_was_accepted)
{
	begin();
	challenge(space, 0);
	say(space, ann);
	answer(answers[_i].status);
	check_kept(space, answers[_i].is_kept ? ann : NULL);
	end();
}
END_TEST

/* what was emptied, or taken out of, while it was under way; what is taken out elsewhere was not meant for it */
START_TEST(what_was_forgotten_stays_forgotten)
{
	transfer_auto(transfer_protection_space) other = space_at("b", "r");
	int n_elsewhere = _i == 4 ? 32 : _i == 5 ? 33 : 0;

	begin();
	if (_i == 3)
		transfer_credential_store_remove(store, space, ann);
	challenge(space, 0);
	say(space, ann);
	if (_i == 0)
		credential_store_clear(store);
	while (n_elsewhere--)
		transfer_credential_store_remove(store, other, ann);
	answer(200);
	if (_i == 1)
		credential_store_clear(store);
	else if (_i == 2)
		transfer_credential_store_remove(store, space, ann);
	/* nobody remembers what 33 were */
	check_kept(space, _i == 3 || _i == 4 ? ann : NULL);
	end();
}
END_TEST

/* the default that another one has become meanwhile stays it */
START_TEST(takes_the_place_of_what_was_refused)
{
	transfer_auto(transfer_credential)
		zoe = transfer_credential_new_password("zoe", "1", TRANSFER_PERSIST_SESSION);
	bool is_changed = _i;

	begin();
	ck_assert_int_eq(transfer_credential_store_set(store, space, bob), 0);
	challenge(space, 0);
	say(space, bob);
	challenge(space, 1);
	check_taken(space, NULL);
	say(space, ann);
	answer(200);
	if (is_changed)
		ck_assert_int_eq(transfer_credential_store_set_default(store, space, zoe), 0);
	check_kept(space, is_changed ? zoe : ann);
	end();
}
END_TEST

/* behind a redirect: the first server was content */
START_TEST(another_server_does_not_refuse_it)
{
	transfer_auto(transfer_protection_space) other = space_at("b", "r");

	begin();
	challenge(space, 0);
	say(space, ann);
	challenge(other, 1);
	check_kept(space, ann);
	check_taken(space, ann);
	end();
}
END_TEST

/* an attempt that was begun anew: the server has not heard what was said, be it behind a redirect or not */
START_TEST(a_new_attempt_says_nothing_of_it)
{
	transfer_auto(transfer_protection_space) other = space_at("b", "r");

	begin();
	attempt = 1;
	challenge(space, 0);
	say(space, ann);
	challenge(other, 0);
	check_kept(space, ann);
	say(other, bob);
	attempt = 2;
	challenge(space, 0);
	check_kept(other, NULL);
	say(space, ann);
	attempt = 3;
	challenge(space, 0);
	check_taken(space, ann);
	say(space, ann);
	challenge(space, 1);
	check_taken(space, NULL);
	end();
}
END_TEST

/* nor does another realm, which keeps nothing either */
START_TEST(another_realm_does_not_refuse_it)
{
	transfer_auto(transfer_protection_space) other = space_at("a", "other");

	begin();
	challenge(space, 0);
	say(space, ann);
	challenge(other, 1);
	check_kept(space, NULL);
	ck_assert_int_eq(transfer_credential_store_set(store, space, ann), 0);
	check_taken(space, ann);
	end();
}
END_TEST

/* with more refused than can be remembered, what takes the place of a default is still only what that one was */
START_TEST(many_refusals_are_not_all)
{
	transfer_auto(transfer_protection_space) other = space_at("a", "other");

	begin();
	for (unsigned int n = 0; n < 16; n++) {
		char user[8];
		transfer_auto(transfer_credential) wrong = NULL;

		snprintf(user, sizeof(user), "u%u", n);
		wrong = transfer_credential_new_password(user, "1", TRANSFER_PERSIST_NONE);
		challenge(space, n);
		say(space, wrong);
	}
	challenge(space, 16);
	ck_assert_int_eq(transfer_credential_store_set(store, other, bob), 0);
	challenge(other, 16);
	check_taken(other, NULL);
	say(other, ann);
	answer(200);
	check_kept(other, bob);
	end();
}
END_TEST

/* what a newer transferd calls in a way that is not known here */
START_TEST(an_unknown_method_is_left_alone)
{
	static const struct protection_space_words words = {
		.method = TRANSFER_AUTH_DEFAULT,
		.protocol = "http",
		.host = "a",
		.realm = "r",
		.port = 80,
	};
	transfer_auto(transfer_protection_space) unknown = protection_space_new_asked(&words);

	begin();
	ck_assert_ptr_nonnull(unknown);
	ck_assert_int_eq(transfer_protection_space_get_method(unknown), TRANSFER_AUTH_DEFAULT);
	ck_assert(!transfer_protection_space_is_equal(unknown, space));
	challenge(unknown, 0);
	say(unknown, ann);
	answer(200);
	check_kept(unknown, NULL);
	ck_assert_int_eq(transfer_credential_store_set(store, unknown, ann), 0);
	challenge(unknown, 0);
	check_taken(unknown, NULL);
	ck_assert_ptr_null(task_auth_propose(task, unknown));
	end();
}
END_TEST

/* as the user of the URL is not said then, either */
START_TEST(what_is_said_by_hand_is_all)
{
	begin();
	ck_assert_int_eq(transfer_credential_store_set(store, space, ann), 0);
	challenge(space, 0);
	check_taken(space, ann);
	ck_assert_int_eq(
		transfer_request_set_header(task->request, "authorization", "Bearer x"), 0);
	check_taken(space, NULL);
	end();
}
END_TEST

/* A server that never has enough gets an end. The n-th time that it asks; false: there is nothing left to say. */
static bool says_something(unsigned int n)
{
	transfer_auto(transfer_protection_space) asks = NULL;
	transfer_auto(transfer_credential) stored = NULL;
	char realm[16];

	snprintf(realm, sizeof(realm), "%u", n % N_REALMS);
	asks = space_at("a", realm);
	challenge(asks, n);
	stored = task_auth_stored(task, asks);
	if (stored)
		say(asks, stored);
	return stored;
}

START_TEST(realms_that_take_turns_have_an_end)
{
	unsigned int n = 0;

	begin();
	for (unsigned int i = 0; i < N_REALMS; i++) {
		transfer_auto(transfer_protection_space) one = NULL;
		char realm[16];

		snprintf(realm, sizeof(realm), "%u", i);
		one = space_at("a", realm);
		ck_assert_int_eq(transfer_credential_store_set(store, one, ann), 0);
	}
	while (n < 3 * N_REALMS && says_something(n))
		n++;
	ck_assert_uint_eq(n, 16);
	end();
}
END_TEST

RUN_TESTS("client-lib/task-auth", TEST_EACH(keeps_what_was_accepted, answers),
	TEST_LOOP(what_was_forgotten_stays_forgotten, 6),
	TEST_LOOP(takes_the_place_of_what_was_refused, 2), TEST(another_server_does_not_refuse_it),
	TEST(a_new_attempt_says_nothing_of_it), TEST(another_realm_does_not_refuse_it),
	TEST(many_refusals_are_not_all), TEST(an_unknown_method_is_left_alone),
	TEST(what_is_said_by_hand_is_all), TEST(realms_that_take_turns_have_an_end))
