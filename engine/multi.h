/* SPDX-License-Identifier: MIT */
/*
 * The connections of one session on one worker: a CURLM under an event_base. The only place where
 * curl and libevent meet. Runs on the worker's thread only. Nothing here may be called inside a
 * curl callback.
 */
#ifndef ENGINE_MULTI_H
#define ENGINE_MULTI_H

#include <curl/curl.h>
#include <stdint.h>

struct event_base;
struct multi;

/*
 * A transfer ended: the handle is already out of the multi; the callee owns it again and may add
 * handles here. private_data: its CURLOPT_PRIVATE.
 */
typedef void (*multi_done_fn)(CURL *easy, CURLcode code, void *user, void *private_data);

int multi_new(struct event_base *base, unsigned max_connections_per_host, multi_done_fn on_done,
	void *user, struct multi **ret_multi);
/* All handles were removed before. Closes the connections. NULL is fine. */
void multi_free(struct multi *multi);

/* A handle that was kept, with all its options; NULL: none. */
CURL *multi_take_easy(struct multi *multi);
/* Keeps a handle whose transfer went well for another like it. */
void multi_keep_easy_take(struct multi *multi, CURL *easy);

int multi_add(struct multi *multi, CURL *easy);
/*
 * Takes a running transfer out; its connection is closed unless it multiplexes. No done callback
 * follows.
 */
void multi_remove(struct multi *multi, CURL *easy);
/* After a pause ended: libcurl looks at its handles again at the end of this turn of the loop. */
void multi_kick(struct multi *multi);
/* Told of each socket that begins to work for a handle, new or kept: in libcurl's callback. */
typedef void (*multi_socket_fn)(void *private_data, int fd);
void multi_set_on_socket(struct multi *multi, multi_socket_fn fn);
/*
 * The descriptor of a connection that was kept, by what the pre-request callback is told of it; -1: not known.
 * libcurl itself says it only of requests that have ended.
 */
int multi_find_kept(
	const struct multi *multi, const char *address, uint16_t port, uint16_t local_port);
/* CURLOPT_CLOSESOCKETFUNCTION of all handles; its data is the multi. */
int multi_on_close(void *multi, curl_socket_t fd);
void multi_set_max_connections(struct multi *multi, unsigned max_connections_per_host);
/* The most that anybody has asked for of his own; from then on multi_set_max_connections() changes nothing. */
void multi_raise_max_connections(struct multi *multi, unsigned max_connections_per_host);

#endif
