/* SPDX-License-Identifier: MIT */
/* What status and show have in common. */
#ifndef CLI_PAGES_H
#define CLI_PAGES_H

#include "cli/select.h"

/* The tasks as JSON. 0 or an exit code. */
int pages_print_json(struct ctx *ctx, struct select *select);
/* Not one, or not all, of the tasks that were named was there: says so if nobody did, and returns the exit code. */
int pages_none_found(const struct ctx *ctx, const struct select *select);

#endif
