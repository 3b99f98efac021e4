/* SPDX-License-Identifier: MIT */
/* A map by id and the list of what this turn has touched. */
#include "daemon/core/registry.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/err.h"

void registry_init(struct registry *registry)
{
	*registry = (struct registry){ .last_touched = &registry->first_touched };
}

static void active_free(struct active *active)
{
	free(active->before);
	task_free(active->task);
	free(active);
}

static void free_copies(struct registry *registry)
{
	while (registry->n_copies)
		free(registry->copies[--registry->n_copies]);
}

/* The next turn needs as many again. */
static void give_copy_back(struct registry *registry, struct active *active)
{
	if (registry->n_copies < REGISTRY_COPIES_MAX)
		registry->copies[registry->n_copies++] = active->before;
	else
		free(active->before);
	active->before = NULL;
}

void registry_done(struct registry *registry)
{
	struct active *active;
	size_t cursor = 0;

	while ((active = map_next(&registry->tasks, &cursor)))
		active_free(active);
	map_done(&registry->tasks);
	free_copies(registry);
	registry_init(registry);
}

static void link_touched(struct registry *registry, struct active *active)
{
	active->is_touched = true;
	active->next_touched = NULL;
	*registry->last_touched = active;
	registry->last_touched = &active->next_touched;
}

int registry_add_take(struct registry *registry, struct task *task_take, struct active **ret_active)
{
	struct active *active;
	int r;

	assert(task_take->id && !map_find(&registry->tasks, task_take->id));
	active = calloc(1, sizeof(*active));
	if (!active)
		return err_raise(-ENOMEM);
	r = map_put(&registry->tasks, task_take->id, active);
	if (r) {
		free(active);
		return r;
	}
	active->task = task_take;
	active->is_new = true;
	link_touched(registry, active);
	*ret_active = active;
	return 0;
}

struct active *registry_find(const struct registry *registry, uint64_t id)
{
	return map_find(&registry->tasks, id);
}

struct active *registry_find_attempt(const struct registry *registry, uint64_t id, uint32_t attempt)
{
	struct active *active = map_find(&registry->tasks, id);

	return active && !active->is_gone && attempt && active->task->attempt == attempt ? active
											 : NULL;
}

int registry_touch(struct registry *registry, struct active *active)
{
	if (active->is_touched)
		return 0;
	active->before = registry->n_copies ? registry->copies[--registry->n_copies]
					    : malloc(sizeof(*active->before));
	if (!active->before)
		return err_raise(-ENOMEM);
	*active->before = *active->task;
	link_touched(registry, active);
	return 0;
}

struct active *registry_next(const struct registry *registry, size_t *cursor)
{
	return map_next(&registry->tasks, cursor);
}

size_t registry_count(const struct registry *registry)
{
	return registry->tasks.n_used;
}

static struct active *take_touched(struct registry *registry)
{
	struct active *active = registry->first_touched;

	if (!active)
		return NULL;
	registry->first_touched = active->next_touched;
	if (!registry->first_touched)
		registry->last_touched = &registry->first_touched;
	active->is_touched = false;
	active->next_touched = NULL;
	return active;
}

void registry_commit(struct registry *registry, registry_needed_fn is_needed,
	registry_leave_fn leave, void *user)
{
	struct active *active;

	while ((active = take_touched(registry))) {
		if (active->before)
			give_copy_back(registry, active);
		active->is_new = false;
		active->is_told = active->is_set = false;
		active->save = 0;
		if (!active->is_gone && is_needed(active))
			continue;
		map_remove(&registry->tasks, active->task->id);
		if (!active->is_gone)
			leave(take_ptr(active->task), user);
		active_free(active);
	}
	if (!registry_count(registry))
		free_copies(registry);
}

void registry_rollback(struct registry *registry)
{
	struct active *active;

	while ((active = take_touched(registry))) {
		struct arena arena = active->task->arena;

		if (active->is_new) {
			map_remove(&registry->tasks, active->task->id);
			active_free(active);
			continue;
		}
		*active->task = *active->before;
		active->task->arena = arena;
		give_copy_back(registry, active);
		active->is_gone = false;
		active->is_told = active->is_set = false;
		active->save = 0;
	}
}
