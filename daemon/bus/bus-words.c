/* SPDX-License-Identifier: MIT */
/*
 * Words of the bus for the numbers of the model, and back; made from the lists of transfer/types.h and transfer/error.h
 * where they are public.
 */
#include <errno.h>
#include <string.h>

#include <transfer/error.h>
#include <transfer/types.h>

#include "daemon/bus/bus-private.h"

struct word {
	int number;
	const char *text;
};

#define WORD(symbol, number, text)                   { number, text },
#define WORD_OF_ERROR(symbol, number, text, english) { number, text },

static const struct word task_kinds[] = { TRANSFER_TASK_KINDS(WORD) };
static const struct word task_states[] = { TRANSFER_TASK_STATES(WORD) };
static const struct word sub_states[] = { TRANSFER_TASK_SUB_STATES(WORD) };
static const struct word session_kinds[] = { TRANSFER_SESSION_KINDS(WORD) };
static const struct word session_states[] = { TRANSFER_SESSION_STATES(WORD) };
static const struct word cookie_accepts[] = { TRANSFER_COOKIE_ACCEPTS(WORD) };
static const struct word same_sites[] = { TRANSFER_COOKIE_SAME_SITES(WORD) };
static const struct word upload_copies[] = { { TASK_UPLOAD_COPY_SNAPSHOT, "snapshot" },
	{ TASK_UPLOAD_COPY_NONE, "none" } };
static const struct word cache_policies[] = { TRANSFER_CACHE_POLICIES(WORD) };
static const struct word service_types[] = { TRANSFER_SERVICE_TYPES(WORD) };
static const struct word dispositions[] = { TRANSFER_RESPONSE_DISPOSITIONS(WORD) };
static const struct word body_reasons[] = { TRANSFER_BODY_REASONS(WORD) };
static const struct word auth_methods[] = { TRANSFER_AUTH_METHODS(WORD) };
static const struct word tls_versions[] = { TRANSFER_TLS_VERSIONS(WORD) };
static const struct word errors[] = { TRANSFER_ERRORS(WORD_OF_ERROR) };

#define N(array) (sizeof(array) / sizeof((array)[0]))

static const char *text_of(const struct word *words, size_t n, int number)
{
	for (size_t i = 0; i < n; i++)
		if (words[i].number == number)
			return words[i].text;
	return "unknown";
}

static int number_of(const struct word *words, size_t n, const char *text)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(words[i].text, text) == 0)
			return words[i].number;
	return -EINVAL;
}

struct list {
	const char *const *words;
	size_t n;
};

static int mask_of(const struct word *words, size_t n, struct list list, uint32_t *ret_mask,
	const char **ret_bad)
{
	uint32_t mask = 0;

	for (size_t i = 0; i < list.n; i++) {
		int number = number_of(words, n, list.words[i]);

		if (number < 0) {
			*ret_bad = list.words[i];
			return IPC_E_INVALID_REQUEST;
		}
		mask |= UINT32_C(1) << number;
	}
	*ret_mask = mask;
	return 0;
}

const char *bus_words_task_kind(enum transfer_task_kind kind)
{
	return text_of(task_kinds, N(task_kinds), (int)kind);
}

const char *bus_words_task_state(enum transfer_task_state state)
{
	return text_of(task_states, N(task_states), (int)state);
}

const char *bus_words_sub_state(enum transfer_task_sub_state sub_state)
{
	return text_of(sub_states, N(sub_states), (int)sub_state);
}

const char *bus_words_session_kind_name(enum transfer_session_kind kind)
{
	return text_of(session_kinds, N(session_kinds), (int)kind);
}

const char *bus_words_session_state(enum transfer_session_state state)
{
	return text_of(session_states, N(session_states), (int)state);
}

const char *bus_words_error(int32_t code)
{
	return text_of(errors, N(errors), code);
}

int bus_words_task_kinds(
	const char *const *words, size_t n, uint32_t *ret_mask, const char **ret_bad)
{
	return mask_of(task_kinds, N(task_kinds), (struct list){ words, n }, ret_mask, ret_bad);
}

int bus_words_task_states(
	const char *const *words, size_t n, uint32_t *ret_mask, const char **ret_bad)
{
	return mask_of(task_states, N(task_states), (struct list){ words, n }, ret_mask, ret_bad);
}

int bus_words_sub_states(
	const char *const *words, size_t n, uint32_t *ret_mask, const char **ret_bad)
{
	return mask_of(sub_states, N(sub_states), (struct list){ words, n }, ret_mask, ret_bad);
}

int bus_words_session_kind(const char *word, enum transfer_session_kind *ret_kind)
{
	int number = number_of(session_kinds, N(session_kinds), word);

	if (number < 0)
		return number;
	*ret_kind = (enum transfer_session_kind)number;
	return 0;
}

int bus_words_task_kind_parse(const char *word, enum transfer_task_kind *ret_kind)
{
	int number = number_of(task_kinds, N(task_kinds), word);

	if (number < 0)
		return number;
	*ret_kind = (enum transfer_task_kind)number;
	return 0;
}

const char *bus_words_cookie_accept_name(enum transfer_cookie_accept accept)
{
	return text_of(cookie_accepts, N(cookie_accepts), (int)accept);
}

int bus_words_cookie_accept(const char *word, enum transfer_cookie_accept *ret_accept)
{
	int number = number_of(cookie_accepts, N(cookie_accepts), word);

	if (number < 0)
		return number;
	*ret_accept = (enum transfer_cookie_accept)number;
	return 0;
}

const char *bus_words_same_site_name(enum transfer_cookie_same_site same_site)
{
	return text_of(same_sites, N(same_sites), (int)same_site);
}

int bus_words_same_site(const char *word, enum transfer_cookie_same_site *ret_same_site)
{
	int number = number_of(same_sites, N(same_sites), word);

	if (number < 0)
		return number;
	*ret_same_site = (enum transfer_cookie_same_site)number;
	return 0;
}

const char *bus_words_upload_copy_name(enum task_upload_copy copy)
{
	return text_of(upload_copies, N(upload_copies), (int)copy);
}

int bus_words_upload_copy(const char *word, enum task_upload_copy *ret_copy)
{
	int number = number_of(upload_copies, N(upload_copies), word);

	if (number < 0)
		return number;
	*ret_copy = (enum task_upload_copy)number;
	return 0;
}

int bus_words_cache_policy(const char *word, enum transfer_cache_policy *ret_policy)
{
	int number = number_of(cache_policies, N(cache_policies), word);

	if (number < 0)
		return number;
	*ret_policy = (enum transfer_cache_policy)number;
	return 0;
}

int bus_words_service_type(const char *word, enum transfer_service_type *ret_type)
{
	int number = number_of(service_types, N(service_types), word);

	if (number < 0)
		return number;
	*ret_type = (enum transfer_service_type)number;
	return 0;
}

int bus_words_disposition(const char *word, enum transfer_response_disposition *ret_disposition)
{
	int number = number_of(dispositions, N(dispositions), word);

	if (number < 0)
		return number;
	*ret_disposition = (enum transfer_response_disposition)number;
	return 0;
}

int bus_words_tls_version(const char *word, enum transfer_tls_version *ret_version)
{
	int number = number_of(tls_versions, N(tls_versions), word);

	if (number < 0)
		return number;
	*ret_version = (enum transfer_tls_version)number;
	return 0;
}

bool bus_words_has(const char *const *words, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(words[i], word) == 0)
			return true;
	return false;
}

const char *bus_words_body_reason(enum transfer_body_reason reason)
{
	return text_of(body_reasons, N(body_reasons), (int)reason);
}

const char *bus_words_auth_method(enum transfer_auth_method method)
{
	return text_of(auth_methods, N(auth_methods), (int)method);
}
