/* SPDX-License-Identifier: MIT */
/* Words on the command line -> tasks: 412, 400-420, @last, SESSION/412, a session's name, #NUMBER, a glob for names. */
#ifndef CLI_SELECT_H
#define CLI_SELECT_H

#include "cli/ctx.h"

#define SELECT_FILTERS_MAX 64

struct select {
	struct transfer_task_filter filters[SELECT_FILTERS_MAX];
	size_t n_filters;
	uint64_t *ids; /* of the first filter, when is_exact */
	size_t n_ids;
	char **words; /* owned texts the filters point to */
	size_t n_words;
	bool is_exact; /* numbers were named: each must exist */
	size_t n_missing; /* of them do not, which select_each_page() has said */
};

/* Whether --state and --kind can be understood; asks nobody. 0 or an exit code, after the message. */
int select_check(struct ctx *ctx);
/*
 * Looks for the session: puts its identifier in *word and the rest in ctx, which they live as long as. A name that nobody has stays,
 * one that several have is refused, and a #NUMBER that is not there. 0 or an exit code, after the message.
 */
int select_session(struct ctx *ctx, const char **word);
/* The application's session of this name, for calls of the library. */
int select_session_of(
	struct ctx *ctx, const char *app_id, const char *name, const char **ret_object);
/* What names it in calls of the library. */
const char *select_session_object(const struct ctx *ctx, const char *session);
/* Connects, too. 0 or an exit code, after the message. No words: every task that --state, --kind, --session and --all let through. */
int select_parse(struct ctx *ctx, int argc, char **argv, struct select *ret_select);
void select_done(struct select *select);

/* The tasks, page by page; fn's non-zero result ends it and is returned. Error: an exit code, after the message. */
typedef int (*select_page_fn)(struct ctx *ctx, transfer_task_list *list, void *user);
int select_each_page(struct ctx *ctx, struct select *select, select_page_fn fn, void *user);
/* All numbers (free()); 0 or an exit code. A number that does not exist is kept: the verb says so. */
int select_ids(struct ctx *ctx, struct select *select, uint64_t **ret_ids, size_t *ret_n);

#endif
