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

#define TABLE_COLUMNS_MAX 24

/* What the pages of one table have in common. Starts as zero. */
struct table_shape {
	bool has_more; /* pages come after this one */
	bool is_begun, has_why;
	size_t widths[TABLE_COLUMNS_MAX]; /* of the columns so far; they only grow */
};

int table_add(struct table_rows *rows, const struct transfer_task_row *row); /* 0 or -ENOMEM */
void table_done(struct table_rows *rows);
/* The text of --columns (or -o); NULL: the default columns. */
const char *table_wanted(const struct ctx *ctx);
/* Whether --columns and --sort name columns. 0 or an exit code, after the message. */
int table_check(const struct ctx *ctx);
/* Sorts by --sort and -r. */
void table_sort(const struct ctx *ctx, struct table_rows *rows);
/* Prints the rows as a table, or as its next page, on stdout; 0 or an exit code. */
int table_print(const struct ctx *ctx, struct table_shape *shape, const struct table_rows *rows,
	uint64_t now_wall_us);
/* "--columns=help" */
void table_print_columns(const struct ctx *ctx);

#endif
