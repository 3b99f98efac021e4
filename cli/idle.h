/* SPDX-License-Identifier: MIT */
/* What commands that only look do while transferd does not run: they say so and leave it alone. */
#ifndef CLI_IDLE_H
#define CLI_IDLE_H

#include "cli/ctx.h"

/* True, after a note: the command may not start transferd, and it does not run. */
bool idle_is(struct ctx *ctx);

#endif
