/* SPDX-License-Identifier: MIT */
/*
 * The tasks that are in memory: those that run, finish, or are looked at in this turn (I5). Owns
 * them.
 *
 * A task is changed only after registry_touch(): the first one in a turn keeps a shallow copy of
 * what it was. Strings live in the task's arena, which only grows, so the copy stays whole, and
 * registry_rollback() undoes a turn exactly.
 */
#ifndef CORE_REGISTRY_H
#define CORE_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/core/map.h"
#include "daemon/core/progress.h"
#include "daemon/core/task.h"

#define REGISTRY_COPIES_MAX 512

struct active {
	struct task *task;
	struct task *before; /* as it was when the turn began; NULL: untouched */
	bool is_new; /* put into the registry in this turn */
	bool is_gone; /* its row was deleted in this turn */
	bool is_told; /* observers must hear of this turn's change */
	bool is_set; /* and of its new description or priority */
	unsigned save; /* what the store still has to be told: bits of the caller */
	void *answer; /* who waits for the task's next step; the caller's */
	struct progress_meter received, sent;
	struct progress_told told;
	struct active *next_touched; /* in order of touching */
	bool is_touched;
};

struct registry {
	struct map tasks;
	struct active *first_touched, **last_touched;
	struct task *copies[REGISTRY_COPIES_MAX]; /* room for what tasks were; unused */
	size_t n_copies;
};

void registry_init(struct registry *registry);
void registry_done(struct registry *registry);

/* Takes ownership of task when 0 is returned. It counts as touched in this turn. */
int registry_add_take(
	struct registry *registry, struct task *task_take, struct active **ret_active);
struct active *registry_find(const struct registry *registry, uint64_t id);
/* Only with the right attempt: what comes back from the engine may be late (I2). */
struct active *registry_find_attempt(
	const struct registry *registry, uint64_t id, uint32_t attempt);
/* Must be called before the task is changed. */
int registry_touch(struct registry *registry, struct active *active);
struct active *registry_next(const struct registry *registry, size_t *cursor);
size_t registry_count(const struct registry *registry);

/* The turn is durable: copies go; tasks for which is_needed() is false leave, those that are not gone to whom leave() gives them. */
typedef bool (*registry_needed_fn)(const struct active *active);
typedef void (*registry_leave_fn)(struct task *task_take, void *user);
void registry_commit(struct registry *registry, registry_needed_fn is_needed,
	registry_leave_fn leave, void *user);
/* The turn is void: every touched task is again as it was; those that came in this turn leave. */
void registry_rollback(struct registry *registry);

#endif
