/* SPDX-License-Identifier: MIT */
/* Lists and looks: filters, pages, states. */
#include "tests/daemon/live-rig.h"

#include <stdio.h>
#include <string.h>

#include <transfer/error.h>

#include "tests/lib/run.h"

struct list {
	uint64_t base;
	char text[256];
};

static int on_task(const struct task *task, void *user)
{
	struct list *list = user;
	size_t n = strlen(list->text);

	snprintf(list->text + n, sizeof(list->text) - n, "%llu ",
		(unsigned long long)(task->id - list->base));
	return 0;
}

/* Three sessions' tasks, numbered from the first. */
static uint64_t fill(struct rig *rig)
{
	struct live_open open = rig_open(TRANSFER_SESSION_EPHEMERAL);
	uint64_t one = rig_session(rig, 0, 0, true), two, first;
	struct live_request requests[4];

	open.app_id = "other";
	two = rig_session_with(rig, &open);
	for (size_t i = 0; i < 4; i++)
		requests[i] = rig_request(
			i & 1 ? TRANSFER_TASK_DOWNLOAD : TRANSFER_TASK_DATA, "https://host/f");
	requests[3].request.url = "https://host/other.iso";
	ck_assert_int_eq(live_tasks_create(rig->live, one, requests, 4, &first), 0);
	rig_turn(rig);
	(void)rig_create(rig, two, &requests[0]);
	ck_assert_int_eq(rig_steer(rig, FLOW_VERB_SUSPEND, first), 0);
	return first;
}

START_TEST(filters)
{
	struct rig *rig = rig_new();
	uint64_t first = fill(rig), next;
	uint64_t listed[] = { 0, first + 1, first + 3 };
	const struct task *last = &TAILQ_LAST(&rig->live->all, live_tasks)->task;
	const struct {
		struct flow_query query;
		const char *list;
		bool has_more;
	} rows[] = {
		{ { .uid = (uid_t)-1, .last_id = first + 3 }, "0 1 2 3 ", false },
		{ { .uid = RIG_UID, .session = rig_find(rig, first)->task.session }, "0 1 2 3 ",
			false },
		{ { .uid = RIG_UID + 1 }, "", false },
		{ { .uid = RIG_UID, .last_id = first + 3, .limit = 2 }, "0 1 ", true },
		{ { .uid = RIG_UID, .last_id = first + 3, .after_id = first + 1, .limit = 2 },
			"2 3 ", false },
		{ { .uid = RIG_UID, .ids = listed, .n_ids = 3 }, "1 3 ", false },
		{ { .uid = RIG_UID, .first_id = first + 2, .last_id = first + 3 }, "2 3 ", false },
		{ { .uid = RIG_UID, .kinds_mask = 1u << TRANSFER_TASK_DOWNLOAD }, "1 3 ", false },
		{ { .uid = RIG_UID, .states_mask = 1u << TRANSFER_TASK_STATE_SUSPENDED }, "0 ",
			false },
		{ { .uid = RIG_UID, .sub_states_mask = 1u << TRANSFER_SUB_STATE_SUSPENDED }, "0 ",
			false },
		{ { .uid = RIG_UID, .name_glob = "*.iso" }, "3 ", false },
		{ { .uid = RIG_UID, .app_id = "nobody" }, "", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct list list = { .base = first };

		ck_assert_int_eq(
			live_tasks_each(rig->live, &rows[i].query, on_task, &list, &next), 0);
		ck_assert_msg(!strcmp(list.text, rows[i].list), "row %zu: %s", i, list.text);
		ck_assert_int_eq(next != 0, rows[i].has_more);
	}
	ck_assert_uint_gt(last->id, first + 3);
	rig_free(rig);
}
END_TEST

static int on_look(const struct task *task, void *user)
{
	*(enum task_state *)user = task->state;
	return 7;
}

START_TEST(look)
{
	struct rig *rig = rig_new();
	uint64_t session = rig_session(rig, RIG_ASKS, RIG_TELLS, true);
	uint64_t id = rig_task(rig, session, TRANSFER_TASK_DATA);
	enum task_state state;

	ck_assert_int_eq(live_task_look(rig->live, id, on_look, &state), 7);
	ck_assert_int_eq(state, TASK_STATE_QUEUED);
	ck_assert_int_eq(live_task_look(rig->live, id + 9, on_look, &state), FLOW_E_NO_SUCH_TASK);
	ck_assert_int_eq(rig_steer(rig, FLOW_VERB_CANCEL, id), 0);
	ck_assert_int_eq(live_task_look(rig->live, id, on_look, &state), 7);
	ck_assert_int_eq(state, TASK_STATE_CANCELING);
	/* it has ended, and its end waits to be told */
	rig->is_full = true;
	rig_post_stopped(rig, id, 0);
	ck_assert_int_eq(live_task_look(rig->live, id, on_look, &state), 7);
	ck_assert_int_eq(state, TASK_STATE_COMPLETED);
	ck_assert_int_eq(live_task_sub_state(rig->live, &rig_find(rig, id)->task),
		TRANSFER_SUB_STATE_CANCELLED);
	rig->is_full = false;
	rig_take(rig, session);
	ck_assert_int_eq(live_task_look(rig->live, id, on_look, &state), FLOW_E_NO_SUCH_TASK);
	rig_free(rig);
}
END_TEST

RUN_TESTS("daemon/live-query", TEST(filters), TEST(look))
