/* SPDX-License-Identifier: MIT */
/* Finding by id and attempt; a turn that is kept, and one that is undone exactly. */
#include "daemon/core/registry.h"

#include "tests/lib/run.h"

static struct active *add(struct registry *registry, uint64_t id)
{
	struct task *task = task_new();
	struct active *active;

	ck_assert_ptr_nonnull(task);
	task->id = id;
	task->attempt = 1;
	ck_assert_int_eq(registry_add_take(registry, task, &active), 0);
	return active;
}

static bool is_needed(const struct active *active)
{
	return active->task->attempt != 0;
}

START_TEST(finds_by_attempt)
{
	struct registry registry;
	struct active *a;

	registry_init(&registry);
	a = add(&registry, 5);
	ck_assert_ptr_eq(registry_find(&registry, 5), a);
	ck_assert_ptr_null(registry_find(&registry, 6));
	ck_assert_ptr_eq(registry_find_attempt(&registry, 5, 1), a);
	ck_assert_ptr_null(registry_find_attempt(&registry, 5, 2));
	a->task->attempt = 0;
	ck_assert_ptr_null(registry_find_attempt(&registry, 5, 0));
	a->task->attempt = 1;
	a->is_gone = true;
	ck_assert_ptr_null(registry_find_attempt(&registry, 5, 1));
	registry_done(&registry);
}
END_TEST

static void leave(struct task *task_take, void *user)
{
	uint64_t *left = user;

	*left = task_take->id;
	task_free(task_take);
}

START_TEST(commit_drops_what_is_not_needed)
{
	struct registry registry;
	uint64_t left = 0;
	struct active *a, *b, *c;

	registry_init(&registry);
	a = add(&registry, 1);
	b = add(&registry, 2);
	c = add(&registry, 3);
	b->task->attempt = 0;
	c->is_gone = true;
	registry_commit(&registry, is_needed, leave, &left);
	ck_assert_uint_eq(registry_count(&registry), 1);
	ck_assert_ptr_eq(registry_find(&registry, 1), a);
	ck_assert(!a->is_touched && !a->is_new);
	/* it was given away, and that one is gone was not */
	ck_assert_uint_eq(left, 2);
	registry_done(&registry);
}
END_TEST

START_TEST(rollback_is_exact)
{
	struct registry registry;
	uint64_t left;
	struct active *a;
	const char *etag;

	registry_init(&registry);
	a = add(&registry, 1);
	etag = a->task->etag = arena_strdup(&a->task->arena, "old");
	a->task->offset_bytes = 10;
	registry_commit(&registry, is_needed, leave, &left);

	add(&registry, 2);
	ck_assert_int_eq(registry_touch(&registry, a), 0);
	a->task->offset_bytes = 20;
	/* enough that the arena gets another block */
	for (unsigned i = 0; i < 100; i++)
		a->task->etag = arena_strndup(&a->task->arena,
			"a string of some length that makes the arena of the task grow by another block",
			70);
	ck_assert_int_eq(registry_touch(&registry, a), 0); /* the second one keeps the first copy */
	a->is_told = true;
	a->save = 3;
	registry_rollback(&registry);

	ck_assert_uint_eq(registry_count(&registry), 1);
	ck_assert_uint_eq(a->task->offset_bytes, 10);
	ck_assert_ptr_eq(a->task->etag, etag);
	ck_assert_str_eq(a->task->etag, "old");
	ck_assert(!a->is_told && !a->save && !a->is_touched && !a->before);
	registry_done(&registry);
}
END_TEST

START_TEST(iterates)
{
	struct registry registry;
	size_t cursor = 0, n = 0;

	registry_init(&registry);
	for (uint64_t id = 1; id <= 50; id++)
		add(&registry, id);
	while (registry_next(&registry, &cursor))
		n++;
	ck_assert_uint_eq(n, 50);
	registry_rollback(&registry);
	ck_assert_uint_eq(registry_count(&registry), 0);
	registry_done(&registry);
}
END_TEST

RUN_TESTS("daemon/core/registry", TEST(finds_by_attempt), TEST(commit_drops_what_is_not_needed),
	TEST(rollback_is_exact), TEST(iterates))
