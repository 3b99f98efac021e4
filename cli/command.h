/* SPDX-License-Identifier: MIT */
/* One row per command; the parser, help, completions and a test of the manual read the table. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "cli/ctx.h"

enum command_group { COMMAND_LOOK, COMMAND_START, COMMAND_STEER, COMMAND_SESSIONS, COMMAND_OTHER };

struct command {
	const char *name, *alias; /* alias NULL: none */
	const char *args;
	enum command_group group;
	const char *help;
	unsigned options; /* its bit of OPTIONS_FOR_…; 0: only those for all */
	bool can_start_daemon; /* false: looks only, an idle daemon stays idle */
	int (*run)(struct ctx *ctx, int argc,
		char **argv); /* argv[0]: first word after the command; returns an exit code */
	const char *examples[2]; /* the second may be NULL */
};

/* Ends with a row whose name is NULL. */
extern const struct command command_table[];

const struct command *command_find(const char *name);

/* cmd-list.c, cmd-log.c, cmd-sessions.c, cmd-show.c, cmd-status.c */
int cmd_list(struct ctx *ctx, int argc, char **argv);
int cmd_log(struct ctx *ctx, int argc, char **argv);
int cmd_sessions(struct ctx *ctx, int argc, char **argv);
int cmd_show(struct ctx *ctx, int argc, char **argv);
int cmd_stats(struct ctx *ctx, int argc, char **argv);
int cmd_status(struct ctx *ctx, int argc, char **argv);
/* cmd-watch.c */
int cmd_watch(struct ctx *ctx, int argc, char **argv);
int cmd_wait(struct ctx *ctx, int argc, char **argv);
int cmd_monitor(struct ctx *ctx, int argc, char **argv);
/* cmd-events.c */
int cmd_events(struct ctx *ctx, int argc, char **argv);
/* cmd-fetch.c */
int cmd_fetch(struct ctx *ctx, int argc, char **argv);
/* cmd-start.c */
int cmd_get(struct ctx *ctx, int argc, char **argv);
int cmd_put(struct ctx *ctx, int argc, char **argv);
int cmd_add(struct ctx *ctx, int argc, char **argv);
/* cmd-steer.c */
int cmd_resume(struct ctx *ctx, int argc, char **argv);
int cmd_suspend(struct ctx *ctx, int argc, char **argv);
int cmd_cancel(struct ctx *ctx, int argc, char **argv);
int cmd_retry(struct ctx *ctx, int argc, char **argv);
int cmd_remove(struct ctx *ctx, int argc, char **argv);
int cmd_set(struct ctx *ctx, int argc, char **argv);
int cmd_limit(struct ctx *ctx, int argc, char **argv);
int cmd_invalidate(struct ctx *ctx, int argc, char **argv);
/* cmd-quit.c */
int cmd_quit(struct ctx *ctx, int argc, char **argv);
/* cmd-cookies.c */
int cmd_cookies(struct ctx *ctx, int argc, char **argv);
int cmd_flush(struct ctx *ctx, int argc, char **argv);
int cmd_reset(struct ctx *ctx, int argc, char **argv);
/* cmd-help.c */
int cmd_help(struct ctx *ctx, int argc, char **argv);
int cmd_version(struct ctx *ctx, int argc, char **argv);
int cmd_completion(struct ctx *ctx, int argc, char **argv);

#endif
