/* SPDX-License-Identifier: MIT */
/* The lists of <transfer/types.h> as functions: number to word and back. */
#include "client-lib/words.h"

#include <stddef.h>
#include <string.h>

#include <transfer/manager.h>

struct word {
	int value;
	const char *name;
};

#define WORD(symbol, value, name) { value, name },
static const struct word task_kinds[] = { TRANSFER_TASK_KINDS(WORD){ 0, NULL } };
static const struct word task_states[] = { TRANSFER_TASK_STATES(WORD){ 0, NULL } };
static const struct word task_sub_states[] = { TRANSFER_TASK_SUB_STATES(WORD){ 0, NULL } };
static const struct word session_kinds[] = { TRANSFER_SESSION_KINDS(WORD){ 0, NULL } };
static const struct word session_states[] = { TRANSFER_SESSION_STATES(WORD){ 0, NULL } };

static const struct word cookie_accepts[] = { TRANSFER_COOKIE_ACCEPTS(WORD){ 0, NULL } };
static const struct word same_sites[] = { TRANSFER_COOKIE_SAME_SITES(WORD){ 0, NULL } };

static const struct word cache_policies[] = { TRANSFER_CACHE_POLICIES(WORD){ 0, NULL } };
static const struct word service_types[] = { TRANSFER_SERVICE_TYPES(WORD){ 0, NULL } };
static const struct word tls_versions[] = { TRANSFER_TLS_VERSIONS(WORD){ 0, NULL } };

static const char *name_of(const struct word *words, int value)
{
	for (; words->name; words++) {
		if (words->value == value)
			return words->name;
	}
	return NULL;
}

static int value_of(const struct word *words, const char *name, int fallback)
{
	for (; name && words->name; words++) {
		if (!strcmp(words->name, name))
			return words->value;
	}
	return fallback;
}

const char *transfer_task_kind_get_name(enum transfer_task_kind kind)
{
	return name_of(task_kinds, (int)kind);
}

const char *transfer_task_state_get_name(enum transfer_task_state state)
{
	return name_of(task_states, (int)state);
}

const char *transfer_task_sub_state_get_name(enum transfer_task_sub_state sub_state)
{
	return name_of(task_sub_states, (int)sub_state);
}

const char *transfer_session_kind_get_name(enum transfer_session_kind kind)
{
	return name_of(session_kinds, (int)kind);
}

const char *transfer_session_state_get_name(enum transfer_session_state state)
{
	return name_of(session_states, (int)state);
}

const char *transfer_cookie_same_site_get_name(enum transfer_cookie_same_site same_site)
{
	return name_of(same_sites, (int)same_site);
}

const char *words_cookie_accept(enum transfer_cookie_accept accept)
{
	return name_of(cookie_accepts, (int)accept);
}

const char *words_cache_policy(enum transfer_cache_policy policy)
{
	return name_of(cache_policies, (int)policy);
}

const char *words_service_type(enum transfer_service_type type)
{
	return name_of(service_types, (int)type);
}

const char *words_tls_version(enum transfer_tls_version version)
{
	return name_of(tls_versions, (int)version);
}

enum transfer_cookie_same_site words_cookie_same_site(const char *word)
{
	return (enum transfer_cookie_same_site)value_of(
		same_sites, word, TRANSFER_COOKIE_SAME_SITE_UNSET);
}

enum transfer_task_kind words_task_kind(const char *word)
{
	return (enum transfer_task_kind)value_of(task_kinds, word, TRANSFER_TASK_DOWNLOAD);
}

enum transfer_task_state words_task_state(const char *word)
{
	return (enum transfer_task_state)value_of(task_states, word, TRANSFER_TASK_STATE_RUNNING);
}

enum transfer_task_sub_state words_task_sub_state(const char *word, bool *known)
{
	int value = value_of(task_sub_states, word, -1);

	if (known)
		*known = value >= 0;
	return value >= 0 ? (enum transfer_task_sub_state)value : TRANSFER_SUB_STATE_QUEUED;
}

enum transfer_session_kind words_session_kind(const char *word)
{
	return (enum transfer_session_kind)value_of(
		session_kinds, word, TRANSFER_SESSION_BACKGROUND);
}

enum transfer_session_state words_session_state(const char *word)
{
	return (enum transfer_session_state)value_of(
		session_states, word, TRANSFER_SESSION_STATE_ACTIVE);
}
