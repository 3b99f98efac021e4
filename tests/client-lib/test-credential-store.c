/* SPDX-License-Identifier: MIT */
/* Stores of credentials: whose default is what, what is listed, and when observers are called. */
#include "client-lib/credential-store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/client-lib/live-rig.h"
#include "tests/lib/run.h"

static transfer_credential_store *store;
static transfer_protection_space *space, *other_space;
static transfer_credential *ann, *bob, *ann_anew;
static unsigned int n_changes, n_destroyed;

static void count(transfer_credential_store *changed, void *userdata)
{
	ck_assert_ptr_eq(changed, store);
	++*(unsigned int *)userdata;
}

static void destroy(void *userdata)
{
	ck_assert_ptr_eq(userdata, &n_changes);
	n_destroyed++;
}

static void begin(void)
{
	store = transfer_credential_store_get("test");
	space = transfer_protection_space_new("a.example", 443, "https", "r", TRANSFER_AUTH_BASIC);
	other_space = transfer_protection_space_new(
		"b.example", 443, "https", "r", TRANSFER_AUTH_BASIC);
	ann = transfer_credential_new_password("ann", "1", TRANSFER_PERSIST_SESSION);
	ann_anew = transfer_credential_new_password("ann", "2", TRANSFER_PERSIST_SESSION);
	bob = transfer_credential_new_password("bob", "1", TRANSFER_PERSIST_PERMANENT);
	ck_assert(store && space && other_space && ann && ann_anew && bob);
	ck_assert_int_eq(transfer_credential_store_observe(store, count, &n_changes, destroy), 0);
}

static void end(void)
{
	ck_assert_uint_eq(n_destroyed, 0);
	transfer_credential_store_unobserve(store, count, &n_changes);
	transfer_credential_store_unobserve(store, count, &n_changes);
	ck_assert_uint_eq(n_destroyed, 1);
	transfer_protection_space_unref(space);
	transfer_protection_space_unref(other_space);
	transfer_credential_unref(ann);
	transfer_credential_unref(ann_anew);
	transfer_credential_unref(bob);
}

static int write_down(const transfer_protection_space *of, const transfer_credential *credential,
	bool is_default, void *userdata)
{
	char *text = userdata;
	size_t n = strlen(text);

	snprintf(text + n, 256 - n, "%s%.1s:%s:%s%s", n ? " " : "",
		transfer_protection_space_get_host(of), transfer_credential_get_user(credential),
		transfer_credential_get_password(credential), is_default ? "*" : "");
	return 0;
}

/* "HOST:USER:PASSWORD" of each, with a star behind the default */
static const char *listed(const transfer_protection_space *of)
{
	static char text[256];

	*text = '\0';
	ck_assert_int_eq(transfer_credential_store_foreach(store, of, write_down, text), 0);
	return text;
}

static void check_default(const transfer_credential *want)
{
	transfer_auto(transfer_credential)
		is = transfer_credential_store_copy_default(store, space);

	ck_assert_ptr_eq(is, want);
}

static void set(const transfer_protection_space *of, const transfer_credential *credential)
{
	ck_assert_int_eq(transfer_credential_store_set(store, of, credential), 0);
}

static void set_default(const transfer_protection_space *of, const transfer_credential *credential)
{
	ck_assert_int_eq(transfer_credential_store_set_default(store, of, credential), 0);
}

static void check_changes(unsigned int want)
{
	ck_assert_uint_eq(n_changes, want);
	n_changes = 0;
}

/* SW-110 */
START_TEST(starts_empty)
{
	begin();
	ck_assert_str_eq(listed(NULL), "");
	ck_assert_str_eq(listed(space), "");
	check_default(NULL);
	end();
}
END_TEST

/* SW-111..SW-113: in its space, in no other, and alone it is the default */
START_TEST(keeps_by_space)
{
	begin();
	set(space, ann);
	ck_assert_str_eq(listed(space), "a:ann:1*");
	ck_assert_str_eq(listed(other_space), "");
	check_default(ann);
	set(other_space, bob);
	ck_assert_str_eq(listed(space), "a:ann:1*");
	ck_assert_str_eq(listed(NULL), "a:ann:1* b:bob:1*");
	end();
}
END_TEST

/* SW-114..SW-117 */
START_TEST(has_one_default)
{
	begin();
	set_default(other_space, ann);
	check_default(NULL);
	set_default(space, ann);
	ck_assert_str_eq(listed(space), "a:ann:1*");
	set(space, bob);
	ck_assert_str_eq(listed(space), "a:ann:1* a:bob:1");
	check_default(ann);
	set_default(space, bob);
	ck_assert_str_eq(listed(space), "a:ann:1 a:bob:1*");
	check_default(bob);
	set_default(space, ann);
	check_default(ann);
	end();
}
END_TEST

/* SW-118, SW-119, SW-122 */
START_TEST(removes)
{
	begin();
	set(space, ann);
	set(space, bob);
	transfer_credential_store_remove(store, space, ann_anew);
	transfer_credential_store_remove(store, other_space, ann);
	ck_assert_str_eq(listed(space), "a:ann:1* a:bob:1");
	transfer_credential_store_remove(store, space, ann);
	ck_assert_str_eq(listed(space), "a:bob:1");
	check_default(NULL);
	set(space, bob);
	check_default(NULL);
	transfer_credential_store_remove(store, space, bob);
	transfer_credential_store_remove(store, space, bob);
	ck_assert_str_eq(listed(NULL), "");
	set(space, bob);
	check_default(bob);
	end();
}
END_TEST

/* the same user has one password, and stays what it was */
START_TEST(replaces_the_same_user)
{
	begin();
	set(space, ann);
	set(space, bob);
	set(space, ann_anew);
	ck_assert_str_eq(listed(space), "a:ann:2* a:bob:1");
	check_default(ann_anew);
	set_default(space, bob);
	set(space, ann);
	ck_assert_str_eq(listed(space), "a:ann:1 a:bob:1*");
	end();
}
END_TEST

/* SW-123 */
START_TEST(keeps_none_that_must_not_be)
{
	transfer_auto(transfer_credential)
		none = transfer_credential_new_password("eve", "1", TRANSFER_PERSIST_NONE);

	begin();
	set(space, none);
	set_default(space, none);
	ck_assert_str_eq(listed(NULL), "");
	check_changes(0);
	end();
}
END_TEST

/* SW-124..SW-129 */
START_TEST(tells_of_changes)
{
	begin();
	set(space, ann);
	check_changes(1);
	set(other_space, ann);
	check_changes(1);
	set_default(space, bob);
	check_changes(1);
	set_default(space, ann);
	check_changes(1);
	set(space, ann_anew);
	check_changes(1);
	transfer_credential_store_remove(store, space, bob);
	check_changes(1);
	transfer_credential_store_remove(store, space, ann_anew);
	check_changes(1);
	credential_store_clear(store);
	check_changes(1);
	end();
}
END_TEST

/* SW-130..SW-132 */
START_TEST(tells_of_nothing_else)
{
	transfer_auto(transfer_credential)
		equal = transfer_credential_new_password("ann", "1", TRANSFER_PERSIST_SESSION);

	begin();
	set(space, ann);
	set_default(space, ann);
	set(space, bob);
	check_changes(2);
	set(space, equal);
	set_default(space, equal);
	set(space, bob);
	transfer_credential_store_remove(store, other_space, ann);
	transfer_credential_store_remove(store, space, ann_anew);
	check_changes(0);
	credential_store_clear(store);
	credential_store_clear(store);
	check_changes(1);
	end();
}
END_TEST

static void leave(transfer_credential_store *changed, void *userdata)
{
	count(changed, userdata);
	transfer_credential_store_unobserve(changed, leave, userdata);
	transfer_credential_store_remove(changed, space, ann);
}

/* an observer may change the store and leave */
START_TEST(observers_may_do_all)
{
	unsigned int n = 0;

	begin();
	ck_assert_int_eq(transfer_credential_store_observe(store, leave, &n, NULL), 0);
	set(space, ann);
	set(space, bob);
	ck_assert_uint_eq(n, 1);
	check_changes(3);
	ck_assert_str_eq(listed(space), "a:bob:1*");
	for (size_t i = 1; i < TRANSFER_CREDENTIAL_OBSERVERS_MAX; i++)
		ck_assert_int_eq(transfer_credential_store_observe(store, leave, &n, NULL), 0);
	ck_assert_int_eq(transfer_credential_store_observe(store, leave, &n, destroy), -ENOSPC);
	for (size_t i = 1; i < TRANSFER_CREDENTIAL_OBSERVERS_MAX; i++)
		transfer_credential_store_unobserve(store, leave, &n);
	end();
}
END_TEST

static int end_visit(const transfer_protection_space *of, const transfer_credential *credential,
	bool is_default, void *userdata)
{
	(void)is_default;
	(void)userdata;
	transfer_credential_store_remove(store, of, credential);
	return 7;
}

START_TEST(a_visit_may_end_and_change)
{
	begin();
	set(space, ann);
	set(space, bob);
	ck_assert_int_eq(transfer_credential_store_foreach(store, NULL, end_visit, NULL), 7);
	ck_assert_str_eq(listed(NULL), "a:bob:1");
	end();
}
END_TEST

START_TEST(is_bounded)
{
	char user[16];

	begin();
	for (size_t i = 0; i < TRANSFER_CREDENTIALS_MAX; i++) {
		transfer_auto(transfer_credential) credential = NULL;

		snprintf(user, sizeof(user), "u%zu", i);
		credential = transfer_credential_new_password(user, "p", TRANSFER_PERSIST_SESSION);
		set(space, credential);
	}
	check_changes(TRANSFER_CREDENTIALS_MAX);
	ck_assert_int_eq(transfer_credential_store_set(store, space, ann), -ENOSPC);
	ck_assert_int_eq(transfer_credential_store_set_default(store, other_space, ann), -ENOSPC);
	check_changes(0);
	credential_store_clear(store);
	set(space, ann);
	end();
}
END_TEST

/* What a task says to a host with such a realm, and that the server accepts. */
static void accept(const char *host, size_t realm)
{
	struct accepted accepted = { .credential = ann,
		.n_removals = credential_store_n_removals(store) };
	transfer_auto(transfer_protection_space) made = NULL;
	char name[24];

	snprintf(name, sizeof(name), "%zu", realm);
	made = transfer_protection_space_new(host, 443, "https", name, TRANSFER_AUTH_BASIC);
	accepted.space = made;
	credential_store_accept(store, &accepted);
}

static bool is_there(const char *host, size_t realm)
{
	transfer_auto(transfer_protection_space) made = NULL;
	transfer_auto(transfer_credential) found = NULL;
	char name[24];

	snprintf(name, sizeof(name), "%zu", realm);
	made = transfer_protection_space_new(host, 443, "https", name, TRANSFER_AUTH_BASIC);
	found = transfer_credential_store_copy_default(store, made);
	return found;
}

/* A server that has ever new realms: of what tasks keep, the least recently used of that host goes. */
START_TEST(a_host_has_so_many)
{
	begin();
	set(space, ann);
	accept("b.example", 0);
	for (size_t i = 0; i < 16; i++)
		accept("a.example", i);
	accept("a.example", 0); /* once more */
	accept("a.example", 16);
	ck_assert(is_there("a.example", 0) && is_there("b.example", 0));
	ck_assert(!is_there("a.example", 1) && is_there("a.example", 2));
	check_default(ann);
	for (size_t i = 17; i < 40; i++)
		accept("a.example", i);
	ck_assert(!is_there("a.example", 23) && is_there("a.example", 24));
	ck_assert(is_there("b.example", 0));
	check_default(ann);
	credential_store_clear(store);
	end();
}
END_TEST

/* A full store: what tasks have kept makes room, what the program has set does not. */
START_TEST(what_is_set_stays)
{
	transfer_auto(transfer_protection_space) kept = transfer_protection_space_new(
		"h0.example", 443, "https", "0", TRANSFER_AUTH_BASIC);
	char text[24];

	begin();
	for (size_t i = 0; i < 3; i++) {
		snprintf(text, sizeof(text), "h%zu.example", i);
		accept(text, 0);
	}
	credential_store_note_use(store, kept, ann);
	for (size_t i = 0; i < TRANSFER_CREDENTIALS_MAX - 2; i++) {
		transfer_auto(transfer_credential) credential = NULL;

		snprintf(text, sizeof(text), "u%zu", i);
		credential = transfer_credential_new_password(text, "p", TRANSFER_PERSIST_SESSION);
		set(space, credential);
	}
	ck_assert(is_there("h0.example", 0) && !is_there("h1.example", 0));
	set(kept, ann); /* the program's from now on */
	accept("h3.example", 0);
	ck_assert(is_there("h3.example", 0) && !is_there("h2.example", 0));
	set(space, ann);
	ck_assert(is_there("h0.example", 0) && !is_there("h3.example", 0));
	accept("h4.example", 0);
	ck_assert(!is_there("h4.example", 0));
	ck_assert_int_eq(transfer_credential_store_set(store, other_space, ann), -ENOSPC);
	credential_store_clear(store);
	end();
}
END_TEST

START_TEST(has_names)
{
	char long_name[258];

	begin();
	ck_assert_ptr_eq(transfer_credential_store_get("test"), store);
	ck_assert_ptr_ne(transfer_credential_store_get("shared"), store);
	ck_assert_ptr_null(transfer_credential_store_get(NULL));
	ck_assert_ptr_null(transfer_credential_store_get(""));
	ck_assert_ptr_null(transfer_credential_store_get("\xff"));
	memset(long_name, 'a', sizeof(long_name));
	long_name[257] = '\0';
	ck_assert_ptr_null(transfer_credential_store_get(long_name));
	end();
}
END_TEST

static void destroy_own(void *userdata)
{
	++*(unsigned int *)userdata;
}

static int count_one(const transfer_protection_space *of, const transfer_credential *credential,
	bool is_default, void *userdata)
{
	(void)of;
	(void)credential;
	(void)is_default;
	++*(unsigned int *)userdata;
	return 0;
}

/* SW-133..SW-137: the one that its configuration says; an ephemeral session's own goes with it */
START_TEST(sessions_have_one)
{
	transfer_auto(transfer_config) ephemeral = transfer_config_new_ephemeral();
	transfer_auto(transfer_config) none = transfer_config_new_default();
	transfer_credential_store *own;
	transfer_session *session;
	unsigned int n = 0, n_gone = 0;
	struct live_rig rig;

	live_rig_init(&rig, NULL);
	store = transfer_session_get_credential_store(rig.session);
	ck_assert_ptr_nonnull(store);
	ck_assert_ptr_eq(store, transfer_credential_store_get("shared"));
	ck_assert_int_eq(transfer_config_set_credential_store(none, NULL), 0);
	session = live_rig_open(&rig, none, NULL);
	ck_assert_ptr_null(transfer_session_get_credential_store(session));
	transfer_session_unref(session);
	session = live_rig_open(&rig, ephemeral, NULL);
	own = transfer_session_get_credential_store(session);
	ck_assert_ptr_nonnull(own);
	ck_assert_ptr_ne(own, store);
	ck_assert_int_eq(transfer_credential_store_observe(own, count, &n, destroy_own), 0);
	transfer_credential_store_unobserve(own, count, &n);
	ck_assert_int_eq(transfer_credential_store_observe(own, count, &n_gone, destroy_own), 0);
	transfer_session_unref(session);
	live_rig_done(&rig);
	ck_assert_uint_eq(n, 1);
	ck_assert_uint_eq(n_gone, 1);
}
END_TEST

/* when nobody is told any more it is empty, whoever still holds it */
START_TEST(its_own_is_emptied_with_it)
{
	transfer_auto(transfer_config) ephemeral = transfer_config_new_ephemeral();
	transfer_auto(transfer_credential_store) own = NULL;
	transfer_session *session;
	struct live_rig rig;
	unsigned int n = 0;
	bool is_dropped = _i;

	begin();
	live_rig_init(&rig, &live_rig_delegate);
	session = live_rig_open(&rig, ephemeral, &live_rig_delegate);
	own = transfer_credential_store_ref(transfer_session_get_credential_store(session));
	ck_assert_int_eq(transfer_credential_store_set(own, space, ann), 0);
	set(space, ann);
	if (is_dropped) {
		transfer_session_unref(session);
	} else {
		transfer_session_finish_and_invalidate(session);
		live_rig_expect(&rig, "inval 0\ndestroyed\n");
	}
	ck_assert_int_eq(transfer_credential_store_foreach(own, NULL, count_one, &n), 0);
	ck_assert_uint_eq(n, 0);
	check_default(ann);
	if (!is_dropped)
		transfer_session_unref(session);
	live_rig_done(&rig);
	end();
}
END_TEST

static void drop_store(transfer_credential_store *changed, void *userdata)
{
	transfer_credential_store_unref(changed);
	*(unsigned int *)userdata = 0;
}

static void see_it_there(transfer_credential_store *changed, void *userdata)
{
	(void)changed;
	ck_assert_uint_eq(*(unsigned int *)userdata, 0);
}

/* an observer may drop what holds the store; it is there until all have been called */
START_TEST(stays_until_all_are_told)
{
	transfer_auto(transfer_config) ephemeral = transfer_config_new_ephemeral();
	transfer_credential_store *own;
	unsigned int n_gone = 7;

	begin();
	ck_assert_int_eq(credential_store_open(ephemeral, &own), 0);
	ck_assert_int_eq(
		transfer_credential_store_observe(own, drop_store, &n_gone, destroy_own), 0);
	ck_assert_int_eq(transfer_credential_store_observe(own, see_it_there, &n_gone, NULL), 0);
	ck_assert_int_eq(transfer_credential_store_set(own, space, ann), 0);
	ck_assert_uint_eq(n_gone, 1);
	end();
}
END_TEST

RUN_TESTS("client-lib/credential-store", TEST(starts_empty), TEST(keeps_by_space),
	TEST(has_one_default), TEST(removes), TEST(replaces_the_same_user),
	TEST(keeps_none_that_must_not_be), TEST(tells_of_changes), TEST(tells_of_nothing_else),
	TEST(observers_may_do_all), TEST(a_visit_may_end_and_change), TEST(is_bounded),
	TEST(a_host_has_so_many), TEST(what_is_set_stays), TEST(has_names), TEST(sessions_have_one),
	TEST_LOOP(its_own_is_emptied_with_it, 2), TEST(stays_until_all_are_told))
