/* SPDX-License-Identifier: MIT */
/* Between the words that travel on the bus and the enums of the public header. Unknown words give the fallback. */
#ifndef CLIENT_LIB_WORDS_H
#define CLIENT_LIB_WORDS_H

#include <transfer/types.h>

#include <stdbool.h>

enum transfer_task_kind words_task_kind(const char *word);
enum transfer_task_state words_task_state(const char *word);
/* @known: whether the word is one of ours; may be NULL */
enum transfer_task_sub_state words_task_sub_state(const char *word, bool *known);
enum transfer_session_kind words_session_kind(const char *word);
enum transfer_session_state words_session_state(const char *word);
/* NULL: not one of them. */
const char *words_cookie_accept(enum transfer_cookie_accept accept);
const char *words_cache_policy(enum transfer_cache_policy policy);
const char *words_service_type(enum transfer_service_type type);
const char *words_tls_version(enum transfer_tls_version version);
enum transfer_cookie_same_site words_cookie_same_site(const char *word);

#endif
