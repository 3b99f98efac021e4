/* SPDX-License-Identifier: MIT */
/* quit: the end of all work of an application, as a force quit is. */
#include "cli/command.h"

#include <inttypes.h>
#include <stdio.h>

#include "cli/view.h"

int cmd_quit(struct ctx *ctx, int argc, char **argv)
{
	transfer_auto(transfer_error) error = NULL;
	bool is_dry = ctx->options.is_dry_run;
	uint64_t n = 0;
	int r;

	if (argc != 1)
		return ctx_fail(ctx, EXIT_CODE_USAGE,
			"\"transferctl sessions --columns=session,app\" lists them.",
			"quit needs the id of one application");
	if (!is_dry && !ctx_confirm(ctx, "Cancel all tasks of %s?", argv[0]))
		return ctx_fail(ctx, EXIT_CODE_USAGE, "pass --yes to mean it.", "not confirmed");
	r = ctx_connect(ctx);
	if (r)
		return r;
	if (!is_dry && transfer_manager_quit_application(ctx->manager, argv[0], &n, &error))
		return ctx_fail_error(ctx, argv[0], error);
	if (ctx->term.json != OPTIONS_JSON_OFF)
		view_print_json(ctx,
			json_pack("{s:s, s:b, s:s, s:o}", "command", ctx->command, "dry_run",
				is_dry, "app_id", argv[0], "tasks",
				is_dry ? json_null() : json_integer((json_int_t)n)));
	else if (is_dry)
		printf("%s %s\n", ctx->command, argv[0]);
	else
		ctx_note(ctx, "%" PRIu64 " task%s of %s cancelled.", n, n == 1 ? "" : "s", argv[0]);
	return EXIT_CODE_OK;
}
