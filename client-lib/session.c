/* SPDX-License-Identifier: MIT */
/*
 * Sessions as the application sees them: opened, asked, closed. What happens on the bus is in wire.c (attach), command.c
 * (what was asked) and event.c (what is told); callbacks are in delivery.c.
 */
#include "client-lib/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "client-lib/cache.h"
#include "client-lib/client.h"
#include "client-lib/configuration.h"
#include "client-lib/credential-store.h"
#include "client-lib/error.h"
#include "client-lib/fork.h"
#include "client-lib/live.h"
#include "client-lib/task.h"

void session_memory_ref(transfer_session *session)
{
	ref_get(&session->memory);
}

void session_memory_unref(transfer_session *session)
{
	transfer_client *client;

	if (!session || !ref_put(&session->memory))
		return;
	client = session->client;
	delivery_line_clear(&session->line);
	delivery_line_clear(&session->inbox);
	delivery_line_clear(&session->answers);
	command_list_clear(&session->commands);
	command_list_clear(&session->flight);
	answer_forget_all(session);
	delivery_free(session->last);
	free(session->spare);
	free(session->waiting);
	free(session->description);
	transfer_queue_unref(session->queue);
	transfer_credential_store_unref(session->credentials);
	transfer_cache_unref(session->cache);
	transfer_config_unref(session->config);
	transfer_error_unref(session->open_error);
	free(session);
	client_memory_unref(client);
}

transfer_task *session_find_task(transfer_session *session, uint64_t id)
{
	transfer_task *task;

	HASH_FIND(hh, session->tasks, &id, sizeof(id), task);
	return task;
}

int session_add_task(transfer_session *session, transfer_task *task)
{
	task->is_unlisted = false;
	HASH_ADD(hh, session->tasks, id, sizeof(task->id), task);
	if (task->is_unlisted)
		return err_raise(-ENOMEM);
	transfer_task_ref(task);
	return 0;
}

void session_remove_task(transfer_session *session, transfer_task *task)
{
	if (session_find_task(session, task->id) != task)
		return;
	HASH_DEL(session->tasks, task);
	transfer_task_unref(task);
}

void session_complete_locally(transfer_session *session, transfer_task *task, transfer_error *error)
{
	struct delivery *delivery;

	if (task->stage == TASK_STAGE_ENDED) {
		transfer_error_unref(error);
		return;
	}
	if (live_is(session)) {
		delivery = task_end(task);
		if (delivery) {
			delivery->error = error;
			live_tell(session, task, delivery);
			return;
		}
		task->error = error;
		live_ended(session, task);
		return;
	}
	task->stage = TASK_STAGE_ENDED;
	task->error = error;
	client_changed(session->client);
	delivery = delivery_new(DELIVERY_COMPLETE, task);
	if (!delivery)
		return;
	delivery->error = transfer_error_ref(error);
	delivery_push_take(session, delivery);
	if (task->id)
		session_remove_task(session, task);
}

static void drop_tasks(transfer_session *session)
{
	transfer_task *task, *next;

	HASH_ITER (hh, session->tasks, task, next) {
		HASH_DEL(session->tasks, task);
		transfer_task_unref(task);
	}
}

void session_end_take(transfer_session *session, struct delivery *last)
{
	struct delivery *answer;
	struct command *command;

	if (session->is_dead) {
		delivery_free(last);
		return;
	}
	TAILQ_CONCAT(&session->flight, &session->commands, link);
	while ((command = TAILQ_FIRST(&session->flight))) {
		TAILQ_REMOVE(&session->flight, command, link);
		command_fail_take(session, command);
	}
	while ((answer = TAILQ_FIRST(&session->answers))) {
		TAILQ_REMOVE(&session->answers, answer, link);
		delivery_push_take(session, answer);
	}
	if (last)
		delivery_push_take(session, last);
	session->is_dead = true;
	drop_tasks(session);
	client_changed(session->client);
}

void session_die(transfer_session *session, transfer_error *error)
{
	struct delivery *last = session->last ? take_ptr(session->last)
					      : delivery_new(DELIVERY_INVALID, NULL);

	if (last)
		last->error = error;
	else
		transfer_error_unref(error);
	session_end_take(session, last);
}

void session_remove(transfer_session *session)
{
	transfer_client *client = session->client;

	if (session->phase == SESSION_GONE)
		return;
	session->phase = SESSION_GONE;
	session->is_dead = true;
	session->is_closing = true;
	session->needs_post = false;
	TAILQ_REMOVE(&client->sessions, session, link);
	live_drop(session);
	command_list_clear(&session->commands);
	command_list_clear(&session->flight);
	delivery_line_clear(&session->inbox);
	delivery_line_clear(&session->answers);
	delivery_line_clear(&session->line); /* tasks in it hold the session */
	drop_tasks(session);
	if (session->is_posted && queue_cancel(session->queue, &session->work)) {
		session->is_posted = false;
		session_memory_unref(session); /* of the work; the list has another */
	}
	TAILQ_INSERT_TAIL(&client->garbage, session, link);
	client_changed(client);
}

/* ---- opening ---- */

static void copy_owner(transfer_session *session, const struct transfer_owner *owner)
{
	const struct transfer_session_delegate *delegate = owner->delegate;
	size_t size = !delegate                      ? 0
		: delegate->size < sizeof(*delegate) ? delegate->size
						     : sizeof(*delegate);

	if (delegate)
		memcpy(&session->delegate, delegate, size);
	session->userdata = owner->userdata;
	session->queue = transfer_queue_ref(owner->queue);
	if (owner->size >= sizeof(*owner))
		session->destroy = owner->destroy;
}

/* A queue of its own gets its thread when there is something to run. */
static int choose_queue(transfer_session *session)
{
	if (!session->queue && session->client->own_queue)
		session->queue = transfer_queue_ref(session->client->own_queue);
	if (!session->queue)
		session->queue = queue_new_serial_later();
	return session->queue ? 0 : -ENOMEM;
}

transfer_session *session_alloc(
	transfer_client *client, const transfer_config *config, const struct transfer_owner *owner)
{
	transfer_session *session = calloc(1, sizeof(*session));

	if (!session)
		return NULL;
	ref_init(&session->ref);
	ref_init(&session->memory);
	session->work.run = delivery_run;
	TAILQ_INIT(&session->commands);
	TAILQ_INIT(&session->flight);
	TAILQ_INIT(&session->questions);
	TAILQ_INIT(&session->line);
	TAILQ_INIT(&session->inbox);
	TAILQ_INIT(&session->answers);
	TAILQ_INIT(&session->live_tasks);
	ref_get(&client->memory);
	session->client = client;
	session->config = config ? transfer_config_copy(config) : transfer_config_new_default();
	if (owner)
		copy_owner(session, owner);
	if (!session->config || choose_queue(session) || !command_keep_spare(session)) {
		session->destroy = NULL; /* the session was never there */
		session_memory_unref(session);
		return NULL;
	}
	return session;
}

static bool is_same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Another session of this client under the same name that transferd may take for this one. */
static transfer_session *find_twin(const transfer_session *session)
{
	transfer_session *s;

	TAILQ_FOREACH (s, &session->client->sessions, link) {
		if ((!s->is_dead || s->phase == SESSION_DETACHING) &&
			is_same_text(s->config->identifier, session->config->identifier) &&
			is_same_text(s->config->app_id, session->config->app_id))
			return s;
	}
	return NULL;
}

/* True: none, or one that will not go by waiting. */
static bool is_twin_settled(void *arg)
{
	const transfer_session *twin = find_twin(arg);

	return !twin || !twin->is_closing ||
		(twin->is_running && pthread_equal(twin->runner, pthread_self()));
}

static bool is_opened(void *arg)
{
	return ((transfer_session *)arg)->is_opened;
}

static int open_session(transfer_session *session, transfer_error **ret_error)
{
	transfer_client *client = session->client;
	int r;

	client_lock(client);
	if (client->is_lost) {
		client_unlock(client);
		return error_give(-ENOTCONN,
			error_new_url(TRANSFER_ERROR_BACKGROUND_SESSION_DISCONNECTED, NULL),
			ret_error);
	}
	/* the end of the one before is told first: it would detach this one */
	client_wait(client, is_twin_settled, session, CLIENT_FOREVER);
	if (find_twin(session)) {
		client_unlock(client);
		return error_give(-EBUSY,
			error_new_url(TRANSFER_ERROR_BACKGROUND_SESSION_IN_USE, NULL), ret_error);
	}
	session_memory_ref(session); /* of the list */
	TAILQ_INSERT_TAIL(&client->sessions, session, link);
	client_wake(client);
	client_wait(client, is_opened, session, CLIENT_FOREVER);
	r = session->open_result;
	if (r) {
		error_give(r, transfer_error_ref(session->open_error), ret_error);
		session_remove(session);
	}
	client_unlock(client);
	return r;
}

static const char *fault_of(const transfer_config *config, const struct transfer_owner *owner)
{
	bool is_background = config && config->kind == TRANSFER_SESSION_BACKGROUND;

	if (config && transfer_config_get_status(config))
		return "the configuration is wrong";
	if (owner && owner->size < offsetof(struct transfer_owner, destroy))
		return "the owner has no size";
	if (is_background && (!owner || !owner->delegate))
		return "a background session needs a delegate";
	if (owner && owner->delegate &&
		owner->delegate->size <
			offsetof(struct transfer_session_delegate, did_finish_background_events))
		return "the delegate has no size";
	return NULL;
}

static int new_live(transfer_session **ret_session, transfer_client *client,
	const transfer_config *config, const struct transfer_owner *owner,
	transfer_error **ret_error)
{
	int r = live_session_new(ret_session, client, config, owner, ret_error);

	if (!r)
		transfer_client_ref(client);
	return r;
}

int transfer_session_new(transfer_session **ret_session, transfer_client *client,
	const transfer_config *config, const struct transfer_owner *owner,
	transfer_error **ret_error)
{
	const char *fault = fault_of(config, owner);
	transfer_session *session;
	int r;

	if (fault)
		return error_give(-EINVAL, error_new_errno(EINVAL, fault), ret_error);
	if (client_is_forked(client) || (owner && owner->queue && queue_is_forked(owner->queue)))
		return error_give(
			-ECHILD, error_new_errno(ECHILD, "the process was forked"), ret_error);
	if (!config || config->kind != TRANSFER_SESSION_BACKGROUND)
		return new_live(ret_session, client, config, owner, ret_error);
	session = session_alloc(client, config, owner);
	if (!session)
		return error_give(-ENOMEM, error_new_errno(ENOMEM, NULL), ret_error);
	transfer_client_ref(client);
	r = open_session(session, ret_error);
	if (r) {
		session_memory_unref(session);
		transfer_client_unref(client);
		return r;
	}
	*ret_session = session;
	return 0;
}

static bool is_quiet(void *arg)
{
	transfer_session *session = arg;

	return !session->is_running || pthread_equal(session->runner, pthread_self());
}

void session_over(transfer_session *session)
{
	transfer_destroy destroy;

	client_lock(session->client);
	destroy = session->destroy;
	session->destroy = NULL;
	client_unlock(session->client);
	credential_store_leave(session->credentials);
	cache_leave(session->cache);
	if (destroy)
		destroy(session->userdata);
}

/* No handle is left: what was asked is still sent, nothing is called any more. */
static void session_close(transfer_session *session)
{
	transfer_client *client = session->client;
	bool is_shared = session->config->kind == TRANSFER_SESSION_SHARED, is_inside;

	if (client_is_forked(client))
		return;
	client_lock(client);
	session->is_closing = true;
	if (live_is(session))
		live_drop(session);
	client_wake(client);
	while (!is_quiet(session))
		pthread_cond_wait(&client->changed, &client->lock);
	is_inside = session->is_running;
	client_unlock(client);
	if (!is_inside)
		session_over(session);
	session_memory_unref(session);
	if (!is_shared) /* it belongs to the client */
		transfer_client_unref(client);
}

REF_DEFINE(transfer_session, session_close)

/* ---- asking ---- */

bool transfer_session_was_reassociated(const transfer_session *session)
{
	return session->is_reassociated;
}

const char *transfer_session_get_identifier(const transfer_session *session)
{
	return session->config->identifier;
}

transfer_config *transfer_session_copy_config(const transfer_session *session)
{
	transfer_config *copy = transfer_config_copy(session->config);

	if (copy && copy->kind == TRANSFER_SESSION_SHARED)
		copy->kind = TRANSFER_SESSION_DEFAULT; /* there is one shared session */
	return copy;
}

enum transfer_session_kind transfer_session_get_kind(const transfer_session *session)
{
	return session->config->kind;
}

/* The copy that can be asked for; transferd has its own of a background session. */
static int keep_description(transfer_session *session, const char *text)
{
	char *copy = NULL;
	int r = text && *text ? text_set(&copy, text, TEXT_DESCRIPTION_MAX_BYTES) : 0;

	if (r)
		return r;
	client_lock(session->client);
	free(session->description);
	session->description = copy;
	client_unlock(session->client);
	return 0;
}

int transfer_session_set_description(transfer_session *session, const char *text)
{
	struct command *command;
	int r = keep_description(session, text);

	if (r || live_is(session))
		return r;
	command = command_new(COMMAND_DESCRIBE_SESSION, NULL);
	if (!command)
		return -ENOMEM;
	r = text_set(&command->text, text ? text : "", TEXT_DESCRIPTION_MAX_BYTES);
	if (r) {
		command_free(command);
		return r;
	}
	command_push_take(session, command);
	return 0;
}

char *transfer_session_copy_description(const transfer_session *session)
{
	char *copy;

	client_lock(session->client);
	copy = session->description ? strdup(session->description) : NULL;
	client_unlock(session->client);
	return copy;
}

static void end(
	transfer_session *session, enum command_kind kind, void (*live)(transfer_session *session))
{
	struct command *command;

	if (live_is(session)) {
		client_lock(session->client);
		live(session);
		client_unlock(session->client);
		return;
	}
	command = command_new(kind, NULL);
	if (command)
		command_push_take(session, command);
}

void transfer_session_finish_and_invalidate(transfer_session *session)
{
	end(session, COMMAND_FINISH, live_finish);
}

void transfer_session_invalidate_and_cancel(transfer_session *session)
{
	end(session, COMMAND_INVALIDATE, live_invalidate);
}

/* The library knows them itself. */
static void list_live(transfer_session *session, struct command *command)
{
	client_lock(session->client);
	live_list_take(session, take_ptr(command->reply));
	client_unlock(session->client);
	command_free(command);
}

static void list(transfer_session *session, struct command *command)
{
	if (live_is(session))
		list_live(session, command);
	else
		command_push_take(session, command);
}

void transfer_session_get_tasks(
	transfer_session *session, transfer_tasks_handler handler, void *userdata)
{
	struct command *command = command_new_question(COMMAND_GET_TASKS, NULL, DELIVERY_TASKS);

	if (!command) {
		if (handler)
			handler(NULL, 0, userdata);
		return;
	}
	command->reply->tasks_handler = handler;
	command->reply->userdata = userdata;
	list(session, command);
}

void transfer_session_get_task_lists(
	transfer_session *session, transfer_task_lists_handler handler, void *userdata)
{
	const struct transfer_task_lists unknown = { .size = sizeof(unknown) };
	struct command *command = command_new_question(
		COMMAND_GET_TASKS, NULL, DELIVERY_TASK_LISTS);

	if (!command) {
		if (handler)
			handler(&unknown, userdata);
		return;
	}
	command->reply->lists_handler = handler;
	command->reply->userdata = userdata;
	list(session, command);
}

/* ---- the shared session ---- */

/* The client of programs that have none; under fork_lock(). */
static transfer_client *process_client;

/* The parent's, whose threads are not here, or one that is of no use any more: its session is lent, so it stays. */
static bool is_useful(transfer_client *client)
{
	return client && !client_is_forked(client) && !client_is_lost(client);
}

static transfer_client *get_process_client(void)
{
	transfer_client *client, *extra;

	fork_lock();
	client = process_client;
	fork_unlock();
	if (is_useful(client))
		return client;
	if (transfer_client_new(&extra, 0, NULL))
		return NULL;
	fork_lock();
	if (process_client == client) {
		process_client = extra;
		extra = NULL;
	}
	client = process_client;
	fork_unlock();
	transfer_client_unref(extra); /* another thread was first */
	return client;
}

transfer_session *transfer_session_get_shared(transfer_client *client)
{
	transfer_config *config;
	transfer_session *session = NULL, *extra = NULL;

	if (!client)
		client = get_process_client();
	if (!client || client_is_forked(client))
		return NULL;
	client_lock(client);
	session = client->shared;
	client_unlock(client);
	if (session)
		return session;
	config = configuration_new(TRANSFER_SESSION_SHARED, NULL);
	if (!config || live_session_new(&extra, client, config, NULL, NULL)) {
		transfer_config_unref(config);
		return NULL;
	}
	transfer_config_unref(config);
	client_lock(client);
	if (!client->shared) {
		client->shared = extra;
		extra = NULL;
	}
	session = client->shared;
	client_unlock(client);
	transfer_session_unref(extra); /* another thread was first */
	return session;
}

static void push_done(transfer_session *session, enum command_kind kind,
	transfer_done_handler handler, void *userdata)
{
	struct command *command = command_new_question(kind, NULL, DELIVERY_DONE);
	transfer_auto(transfer_error) error = command ? NULL : error_new_errno(ENOMEM, NULL);

	if (!command) {
		if (handler)
			handler(error, userdata);
		return;
	}
	command->reply->done_handler = handler;
	command->reply->userdata = userdata;
	command_push_take(session, command);
}

void transfer_session_flush(
	transfer_session *session, transfer_done_handler handler, void *userdata)
{
	push_done(session, COMMAND_FLUSH, handler, userdata);
}

void transfer_session_reset(
	transfer_session *session, transfer_done_handler handler, void *userdata)
{
	if (session->credentials)
		credential_store_clear(session->credentials);
	cache_clear(session->cache);
	push_done(session, COMMAND_RESET, handler, userdata);
}
