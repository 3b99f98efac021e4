/* SPDX-License-Identifier: MIT */
/* Properties of configurations about stores and wake-ups: presets by kind of session, what is taken, given back, refused. */
#include <transfer/configuration-store.h>

#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "client-lib/configuration.h"
#include "ipc/proto.h"
#include "tests/lib/run.h"

static transfer_config *config_of(enum transfer_session_kind kind)
{
	return configuration_new(kind, kind == TRANSFER_SESSION_BACKGROUND ? "a" : NULL);
}

static void is_text(const char *got, const char *want)
{
	ck_assert_msg(!got == !want && (!got || !strcmp(got, want)), "%s instead of %s",
		got ? got : "NULL", want ? want : "NULL");
}

typedef int (*set_text)(transfer_config *config, const char *name);
typedef const char *(*get_text)(const transfer_config *config);

#define STORE_FUNCTIONS(name) transfer_config_set_##name, transfer_config_get_##name

static const struct {
	set_text set;
	get_text get;
	enum transfer_session_kind kind;
	const char *preset;
} stores[] = {
	{ STORE_FUNCTIONS(cookie_store), TRANSFER_SESSION_DEFAULT, "shared" },
	{ STORE_FUNCTIONS(cookie_store), TRANSFER_SESSION_SHARED, "shared" },
	{ STORE_FUNCTIONS(cookie_store), TRANSFER_SESSION_BACKGROUND, "shared" },
	{ STORE_FUNCTIONS(cookie_store), TRANSFER_SESSION_EPHEMERAL, "" },
	{ STORE_FUNCTIONS(cache), TRANSFER_SESSION_DEFAULT, NULL },
	{ STORE_FUNCTIONS(cache), TRANSFER_SESSION_BACKGROUND, NULL },
	{ STORE_FUNCTIONS(cache), TRANSFER_SESSION_EPHEMERAL, NULL },
	{ STORE_FUNCTIONS(credential_store), TRANSFER_SESSION_DEFAULT, "shared" },
	{ STORE_FUNCTIONS(credential_store), TRANSFER_SESSION_BACKGROUND, "shared" },
	{ STORE_FUNCTIONS(credential_store), TRANSFER_SESSION_EPHEMERAL, "" },
};

START_TEST(has_stores)
{
	transfer_auto(transfer_config) config = config_of(stores[_i].kind);
	transfer_auto(transfer_config) copy = NULL;
	char long_name[257] = "";

	is_text(stores[_i].get(config), stores[_i].preset);
	ck_assert_int_eq(stores[_i].set(config, "own"), 0);
	copy = transfer_config_copy(config);
	is_text(stores[_i].get(copy), "own");
	ck_assert_int_eq(stores[_i].set(copy, NULL), 0);
	is_text(stores[_i].get(copy), NULL);
	/* what was told can be said again */
	ck_assert_int_eq(stores[_i].set(config, stores[_i].preset), 0);
	is_text(stores[_i].get(config), stores[_i].preset);
	memset(long_name, 'x', 256);
	ck_assert_int_eq(stores[_i].set(config, long_name), -EINVAL);
	ck_assert_int_eq(stores[_i].set(config, "\xff"), -EINVAL);
	ck_assert_int_eq(transfer_config_get_status(config), -EINVAL);
	is_text(stores[_i].get(config), stores[_i].preset);
}
END_TEST

static const struct {
	set_text set;
	get_text get;
	const char *name;
	int want;
} names[] = {
	{ STORE_FUNCTIONS(shared_container), "group.example", 0 },
	{ STORE_FUNCTIONS(shared_container), NULL, 0 },
	{ STORE_FUNCTIONS(shared_container), "\xff", -EINVAL },
	{ STORE_FUNCTIONS(launch), "org.example.App", 0 },
	{ STORE_FUNCTIONS(launch), "org.example.App-2._x", 0 },
	{ STORE_FUNCTIONS(launch), NULL, 0 },
	{ STORE_FUNCTIONS(launch), "", -EINVAL },
	{ STORE_FUNCTIONS(launch), "App", -EINVAL },
	{ STORE_FUNCTIONS(launch), ":1.7", -EINVAL },
	{ STORE_FUNCTIONS(launch), "org..App", -EINVAL },
	{ STORE_FUNCTIONS(launch), "org.2x", -EINVAL },
	{ STORE_FUNCTIONS(launch), "org.App.", -EINVAL },
	{ STORE_FUNCTIONS(launch), "org.A pp", -EINVAL },
};

START_TEST(checks_names)
{
	transfer_auto(transfer_config) config = config_of(TRANSFER_SESSION_BACKGROUND);
	transfer_auto(transfer_config) copy = NULL;

	is_text(names[_i].get(config), NULL);
	ck_assert_int_eq(names[_i].set(config, names[_i].name), names[_i].want);
	ck_assert_int_eq(transfer_config_get_status(config), names[_i].want);
	copy = transfer_config_copy(config);
	is_text(names[_i].get(copy), names[_i].want ? NULL : names[_i].name);
}
END_TEST

static const struct {
	int policy, want;
} policies[] = {
	{ TRANSFER_CACHE_USE_PROTOCOL, 0 },
	{ TRANSFER_CACHE_RELOAD, 0 },
	{ TRANSFER_CACHE_REVALIDATE, 0 },
	{ 6, -EINVAL },
	{ -1, -EINVAL },
};

START_TEST(checks_the_cache_policy)
{
	transfer_auto(transfer_config) config = transfer_config_new_default();

	ck_assert_int_eq(transfer_config_get_cache_policy(config), TRANSFER_CACHE_USE_PROTOCOL);
	ck_assert_int_eq(transfer_config_set_cache_policy(
				 config, (enum transfer_cache_policy)policies[_i].policy),
		policies[_i].want);
	ck_assert_int_eq(transfer_config_get_status(config), policies[_i].want);
	ck_assert_int_eq((int)transfer_config_get_cache_policy(config),
		policies[_i].want ? 0 : policies[_i].policy);
}
END_TEST

/* who is woken goes onto the bus unless wake-ups are off; other kinds of session end with the program */
static const struct {
	enum transfer_session_kind kind;
	bool sends;
	const char *want;
} launches[] = {
	{ TRANSFER_SESSION_BACKGROUND, true, "org.example.App" },
	{ TRANSFER_SESSION_BACKGROUND, false, NULL },
	{ TRANSFER_SESSION_DEFAULT, true, NULL },
};

START_TEST(says_who_is_woken)
{
	transfer_auto(transfer_config) config = config_of(launches[_i].kind);
	struct ipc_manager_open_session_in in;
	struct arena arena = { 0 };

	ck_assert(transfer_config_get_sends_launch_events(config));
	ck_assert_int_eq(transfer_config_set_launch(config, "org.example.App"), 0);
	ck_assert_int_eq(transfer_config_set_sends_launch_events(config, launches[_i].sends), 0);
	ck_assert_int_eq(transfer_config_get_sends_launch_events(config), launches[_i].sends);
	ck_assert_int_eq(configuration_to_ipc(config, &arena, &in), 0);
	is_text(in.configuration.launch, launches[_i].want);
	arena_done(&arena);
}
END_TEST

RUN_TESTS("client-lib/configuration-store", TEST_EACH(has_stores, stores),
	TEST_EACH(checks_names, names), TEST_EACH(checks_the_cache_policy, policies),
	TEST_EACH(says_who_is_woken, launches))
