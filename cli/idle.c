/* SPDX-License-Identifier: MIT */
/* transferd leaves when nothing is to do: that it does not run is an answer, and no reason to start it. */
#include "cli/idle.h"

bool idle_is(struct ctx *ctx)
{
	if (ctx->can_start || transfer_manager_is_running(ctx->manager, NULL) != 0)
		return false;
	ctx_note(ctx,
		"transferd is idle: nothing is running or queued.\n"
		"Hint: \"transferctl list --all\" starts it and shows suspended and finished tasks.");
	return true;
}
