/* SPDX-License-Identifier: MIT */
/*
 * Shows how to watch the transfers of all programs of the user without being their delegate: what is there, then one
 * line per change of state, until nothing is unfinished. transferd is not started for it.
 */
#include <stdio.h>
#include <stdlib.h>

#include <transfer/manager.h>

static void print_row(const struct transfer_task_row *row)
{
	printf("%llu %s %s %s\n", (unsigned long long)row->id,
		row->sub_state_name ? row->sub_state_name : "unknown",
		row->session ? row->session : "-", row->name ? row->name : "-");
}

static int print_all(transfer_manager *manager, size_t *ret_n, transfer_error **ret_error)
{
	transfer_auto(transfer_task_list) list = NULL;
	const char *cursor = NULL;

	*ret_n = 0;
	do {
		transfer_task_list *page = NULL;
		int r = transfer_manager_list_tasks(manager, NULL, cursor, &page, ret_error);

		if (r)
			return r;
		transfer_task_list_unref(list);
		list = page;
		for (size_t i = 0; i < transfer_task_list_get_size(list); i++)
			print_row(transfer_task_list_get(list, i));
		*ret_n += transfer_task_list_get_size(list);
		cursor = transfer_task_list_get_next_cursor(list);
	} while (cursor);
	return 0;
}

/* Says which tasks changed; the rest is asked for outside of the callback. */
static void on_change(const struct transfer_change *change, void *userdata)
{
	int *may_be_over = userdata;

	if (change->has_service) {
		printf("transferd %s\n", change->is_running ? "appeared" : "went away");
		*may_be_over = 1;
	}
	if (change->task && change->has_sub_state)
		printf("%llu %s\n", (unsigned long long)change->task,
			transfer_task_sub_state_get_name(change->sub_state));
	if (change->has_state && change->state == TRANSFER_TASK_STATE_COMPLETED)
		*may_be_over = 1;
	fflush(stdout);
}

int main(void)
{
	transfer_auto(transfer_manager) manager = NULL;
	transfer_auto(transfer_error) error = NULL;
	int may_be_over = 0;
	size_t n;

	if (transfer_manager_new(&manager, TRANSFER_CLIENT_NO_AUTOSTART, &error) ||
		transfer_manager_watch(manager, on_change, &may_be_over, &error) ||
		print_all(manager, &n, &error)) {
		fprintf(stderr, "%s\n", transfer_error_get_message(error));
		return EXIT_FAILURE;
	}
	fflush(stdout);
	while (n && transfer_manager_dispatch(manager, -1) >= 0) {
		if (!may_be_over)
			continue;
		may_be_over = 0;
		if (print_all(manager, &n, &error))
			return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
