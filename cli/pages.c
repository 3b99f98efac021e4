/* SPDX-License-Identifier: MIT */
/* One object for one task that was named by its number, else an array; so a script knows what comes. */
#include "cli/pages.h"

#include "cli/view.h"

static int collect_json(struct ctx *ctx, transfer_task_list *list, void *user)
{
	(void)ctx;
	for (size_t i = 0; i < transfer_task_list_get_size(list); i++)
		json_array_append_new(user, view_json(transfer_task_list_get(list, i)));
	return 0;
}

int pages_print_json(struct ctx *ctx, struct select *select)
{
	bool is_one = select->n_ids == 1 && !select->n_filters;
	json_t *all = json_array(), *one;
	int r = select_each_page(ctx, select, collect_json, all);

	if (r == 0 && is_one && json_array_size(all) == 1) {
		one = json_incref(json_array_get(all, 0));
		json_decref(all);
		view_print_json(ctx, one);
		return 0;
	}
	if (r == 0 && !is_one)
		view_print_json(ctx, json_incref(all));
	json_decref(all);
	return r ? r : select->n_missing ? EXIT_CODE_NOT_FOUND : EXIT_CODE_OK;
}

int pages_none_found(const struct ctx *ctx, const struct select *select)
{
	if (select->n_missing)
		return EXIT_CODE_NOT_FOUND;
	return ctx_fail(
		ctx, EXIT_CODE_NOT_FOUND, "pass --all to include finished tasks.", "no such task");
}
