/* SPDX-License-Identifier: MIT */
/* The columns of "list": what each is called and how its cell is made. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "cli/ctx.h"

/* Rows are borrowed and must live until table_print(). */
struct table_rows {
	const struct transfer_task_row **rows;
	size_t n, room;
};

int table_add(struct table_rows *rows, const struct transfer_task_row *row); /* 0 or -ENOMEM */
void table_done(struct table_rows *rows);
/* Sorts by --sort and -r; an unknown column: exit code after the message. */
int table_sort(const struct ctx *ctx, struct table_rows *rows);
/* Prints the rows as a table on stdout; 0 or an exit code. */
int table_print(const struct ctx *ctx, const struct table_rows *rows, uint64_t now_wall_us);
/* "--columns=help" */
void table_print_columns(void);

#endif
