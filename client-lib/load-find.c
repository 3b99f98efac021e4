/* SPDX-License-Identifier: MIT */
/* Who answers a request: classes of the configuration or of the process, the built-in ones, or transferd. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "client-lib/configuration.h"
#include "client-lib/fork.h"
#include "client-lib/load.h"
#include "client-lib/session.h"

/* Classes of the shared session; under fork_lock(). */
static struct load_classes registered;

/* What this library knows of a struct that may be older or newer. */
static int copy_protocol(struct transfer_protocol *to, const struct transfer_protocol *from)
{
	if (!from || from->size < offsetof(struct transfer_protocol, userdata) + sizeof(void *))
		return -EINVAL;
	*to = (struct transfer_protocol){ 0 };
	memcpy(to, from, from->size < sizeof(*to) ? from->size : sizeof(*to));
	to->size = sizeof(*to);
	return to->can_init && to->start ? 0 : -EINVAL;
}

int load_classes_add(struct load_classes *classes, const struct transfer_protocol *protocol)
{
	struct transfer_protocol *items, copy;
	int r = copy_protocol(&copy, protocol);

	if (r)
		return r;
	items = realloc(classes->items, (classes->n + 1) * sizeof(*items));
	if (!items)
		return -ENOMEM;
	classes->items = items;
	items[classes->n++] = copy;
	return 0;
}

int load_classes_copy(struct load_classes *to, const struct load_classes *from)
{
	int r = 0;

	for (size_t i = 0; !r && i < from->n; i++)
		r = load_classes_add(to, &from->items[i]);
	return r;
}

void load_classes_done(struct load_classes *classes)
{
	free(classes->items);
	*classes = (struct load_classes){ 0 };
}

int transfer_protocol_register(const struct transfer_protocol *protocol)
{
	int r;

	fork_lock();
	r = load_classes_add(&registered, protocol);
	fork_unlock();
	return r;
}

static bool is_same(const struct transfer_protocol *a, const struct transfer_protocol *b)
{
	return a->can_init == b->can_init && a->canonical == b->canonical &&
		a->is_cache_equivalent == b->is_cache_equivalent && a->start == b->start &&
		a->stop == b->stop && a->userdata == b->userdata;
}

int transfer_protocol_unregister(const struct transfer_protocol *protocol)
{
	struct transfer_protocol copy;
	int r = -ENOENT;

	if (copy_protocol(&copy, protocol))
		return r;
	fork_lock();
	for (size_t i = registered.n; r && i--;) {
		if (!is_same(&registered.items[i], &copy))
			continue;
		memmove(&registered.items[i], &registered.items[i + 1],
			(registered.n - i - 1) * sizeof(copy));
		registered.n--;
		r = 0;
	}
	if (!registered.n)
		load_classes_done(&registered);
	fork_unlock();
	return r;
}

static bool find_in(const struct load_classes *classes, const transfer_request *request,
	struct transfer_protocol *ret_protocol)
{
	for (size_t i = classes->n; i--;) {
		const struct transfer_protocol *protocol = &classes->items[i];

		if (protocol->can_init(request, protocol->userdata)) {
			*ret_protocol = *protocol;
			return true;
		}
	}
	return false;
}

/* A class may be unregistered, or register others, while it is asked. */
static bool find_registered(const transfer_request *request, struct transfer_protocol *ret_protocol)
{
	struct load_classes classes = { 0 };
	bool is_found;
	int r;

	fork_lock();
	r = load_classes_copy(&classes, &registered);
	fork_unlock();
	is_found = !r && find_in(&classes, request, ret_protocol);
	load_classes_done(&classes);
	return is_found;
}

bool load_find(const transfer_session *session, const transfer_request *request,
	struct transfer_protocol *ret_protocol)
{
	const struct transfer_protocol *const built_in[] = { &load_data_protocol,
		&load_file_protocol };
	const struct transfer_config *config = session->config;

	if (config->kind == TRANSFER_SESSION_SHARED
			? find_registered(request, ret_protocol)
			: find_in(&config->protocols, request, ret_protocol))
		return true;
	for (size_t i = 0; i < sizeof(built_in) / sizeof(built_in[0]); i++) {
		if (built_in[i]->can_init(request, NULL)) {
			*ret_protocol = *built_in[i];
			return true;
		}
	}
	return false;
}

bool load_is_for_transferd(const char *url)
{
	static const char *const schemes[] = { "https", "http", "ftp", "ftps" };
	size_t n;

	while (*url && (unsigned char)*url <= ' ')
		url++;
	for (n = 0; isalnum((unsigned char)url[n]) || (n && url[n] && strchr("+-.", url[n])); n++)
		;
	if (!n || url[n] != ':' || !isalpha((unsigned char)url[0]))
		return true;
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		if (strlen(schemes[i]) == n && !strncasecmp(url, schemes[i], n))
			return true;
	}
	return false;
}
