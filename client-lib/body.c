/* SPDX-License-Identifier: MIT */
/* Bodies of requests as objects. What becomes of them on their way to transferd stands in body-send.c and body-feed.c. */
#include "client-lib/body.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client-lib/fork.h"

/* litter is its first member. */
static void destroy_reader(struct litter *litter)
{
	struct transfer_body *body = (struct transfer_body *)(void *)litter;

	body->destroy(body->userdata);
	free(body);
}

static void body_free(struct transfer_body *body)
{
	transfer_data_unref(body->data);
	free(body->path);
	if (body->fd >= 0)
		close(body->fd);
	pthread_mutex_destroy(&body->lock);
	if (!body->destroy)
		free(body);
	else if (!litter_put_off(&body->litter, destroy_reader))
		destroy_reader(&body->litter);
}

REF_DEFINE(transfer_body, body_free)

static struct transfer_body *body_new(enum body_kind kind, int64_t length)
{
	struct transfer_body *body = fork_status() ? NULL : calloc(1, sizeof(*body));

	if (!body)
		return NULL;
	ref_init(&body->ref);
	body->n_forks = fork_count();
	pthread_mutex_init(&body->lock, NULL);
	body->kind = kind;
	body->fd = -1;
	body->length = length >= 0 ? length : TRANSFER_SIZE_UNKNOWN;
	return body;
}

transfer_body *transfer_body_new_data(const transfer_data *data)
{
	struct transfer_body *body = body_new(BODY_DATA, (int64_t)transfer_data_get_size(data));

	if (body)
		body->data = transfer_data_ref(data);
	return body;
}

transfer_body *transfer_body_new_file(const char *path)
{
	struct transfer_body *body = path ? body_new(BODY_FILE, TRANSFER_SIZE_UNKNOWN) : NULL;

	if (!body)
		return NULL;
	body->path = strdup(path);
	if (!body->path) {
		body_free(body);
		return NULL;
	}
	return body;
}

transfer_body *transfer_body_new_fd(int fd, int64_t length)
{
	struct transfer_body *body = body_new(BODY_FD, length);
	struct stat st;

	if (!body)
		return NULL;
	body->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (body->fd < 0) {
		body_free(body);
		return NULL;
	}
	body->is_device = !fstat(body->fd, &st) && S_ISCHR(st.st_mode);
	return body;
}

transfer_body *transfer_body_new_reader(
	transfer_body_reader reader, int64_t length, void *userdata, transfer_destroy destroy)
{
	struct transfer_body *body = reader ? body_new(BODY_READER, length) : NULL;

	if (!body)
		return NULL;
	body->reader = reader;
	body->userdata = userdata;
	body->destroy = destroy;
	return body;
}

bool body_is_forked(const transfer_body *body)
{
	return fork_count() != body->n_forks;
}

bool body_is_pumped(const transfer_body *body)
{
	return body->kind == BODY_READER || body->is_device;
}

int64_t body_length(const transfer_body *body)
{
	return body->length;
}
