/* SPDX-License-Identifier: MIT */
/* transferctl: shows and steers the queues of transferd. Finds the command, connects if it must, runs it. */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/format.h"

const struct command command_table[] = {
	{ "list", "ls", "[TASK|SESSION|GLOB…]", COMMAND_LOOK, "one line per unfinished task (default command)",
	  OPTIONS_FOR_LIST, false, true, cmd_list },
	{ "status", NULL, "[TASK|SESSION…]", COMMAND_LOOK, "full page for people; no argument: the service itself",
	  OPTIONS_FOR_LIST, false, true, cmd_status },
	{ "show", NULL, "[TASK|SESSION…]", COMMAND_LOOK, "NAME=VALUE for programs; -p NAME,… --value", OPTIONS_FOR_LIST,
	  false, true, cmd_show },
	{ "watch", NULL, "[TASK|SESSION…]", COMMAND_LOOK, "live bars until Ctrl-C or all done", OPTIONS_FOR_LIST, true,
	  true, cmd_watch },
	{ "wait", NULL, "TASK…|--all", COMMAND_LOOK, "silent; exits when all are finished", OPTIONS_FOR_LIST, true, true,
	  cmd_wait },
	{ "events", NULL, "SESSION", COMMAND_LOOK, "undelivered delegate events; -f follows", OPTIONS_FOR_LIST, true, true,
	  cmd_events },
	{ "sessions", NULL, "", COMMAND_LOOK, "one line per session", OPTIONS_FOR_LIST, false, true, cmd_sessions },
	{ "stats", NULL, "", COMMAND_LOOK, "totals, rates, limits; --metrics: Prometheus text", OPTIONS_FOR_LIST, true,
	  true, cmd_stats },
	{ "monitor", NULL, "", COMMAND_LOOK, "one line per state change, all sessions", OPTIONS_FOR_LIST, true, true,
	  cmd_monitor },
	{ "get", NULL, "URL… [-o FILE|DIR]", COMMAND_START, "download and watch; -d prints the ID and returns",
	  OPTIONS_FOR_START, true, true, cmd_get },
	{ "put", NULL, "FILE… URL", COMMAND_START, "upload and watch; -d the same", OPTIONS_FOR_START, true, true,
	  cmd_put },
	{ "add", NULL, "[-i FILE|-] [--upload]", COMMAND_START, "queue a list: URL or URL<TAB>FILE a line, or JSON lines",
	  OPTIONS_FOR_START, true, true, cmd_add },
	{ "resume", NULL, "TASK…", COMMAND_STEER, "start, or go on after suspend", OPTIONS_FOR_STEER, true, true,
	  cmd_resume },
	{ "suspend", "pause", "TASK…", COMMAND_STEER, "stop, keep what is here", OPTIONS_FOR_STEER, true, true,
	  cmd_suspend },
	{ "cancel", NULL, "TASK…|--all [--keep-partial]", COMMAND_STEER, "end unfinished tasks", OPTIONS_FOR_STEER, true,
	  true, cmd_cancel },
	{ "retry", NULL, "TASK…", COMMAND_STEER, "start failed tasks again, from where they stopped", OPTIONS_FOR_STEER,
	  true, true, cmd_retry },
	{ "remove", "rm", "TASK…|--all", COMMAND_STEER, "forget finished tasks (acknowledges them)", OPTIONS_FOR_STEER,
	  true, true, cmd_remove },
	{ "set", NULL, "TASK… NAME=VALUE…", COMMAND_STEER, "priority, rate, description, not-before", OPTIONS_FOR_STEER,
	  true, true, cmd_set },
	{ "limit", NULL, "[down=RATE] [up=RATE] [tasks=N] [connections=N] [mode=running|paused]", COMMAND_STEER,
	  "limits of the whole service; no argument shows them", OPTIONS_FOR_STEER, true, true, cmd_limit },
	{ "invalidate", NULL, "SESSION [--finish|--cancel]", COMMAND_SESSIONS, "end a session", OPTIONS_FOR_STEER, true,
	  true, cmd_invalidate },
	{ "help", NULL, "[COMMAND]", COMMAND_OTHER, "this text, or a command's", 0, false, false, cmd_help },
	{ "version", NULL, "", COMMAND_OTHER, "versions of transferctl and transferd", 0, false, true, cmd_version },
	{ "completion", NULL, "bash|zsh|fish", COMMAND_OTHER, "print a completion script", 0, false, false,
	  cmd_completion },
	{ 0 },
};

const struct command *command_find(const char *name)
{
	for (const struct command *c = command_table; c->name; c++)
		if (strcmp(c->name, name) == 0 || (c->alias && strcmp(c->alias, name) == 0))
			return c;
	return NULL;
}

static int say_unknown(const struct ctx *ctx, const char *word)
{
	char near[160] = "";
	size_t used = 0;

	for (const struct command *c = command_table; c->name; c++) {
		if (format_distance(word, c->name) > 2 || used + strlen(c->name) + 16 > sizeof(near))
			continue;
		used += (size_t)snprintf(near + used, sizeof(near) - used, "%s\"%s\"", used ? " or " : "  Did you mean ",
		                         c->name);
	}
	if (!used)
		return ctx_fail(ctx, EXIT_CODE_USAGE, "\"transferctl help\" lists the commands.", "unknown command \"%s\"",
		                word);
	if (ctx->term.json != OPTIONS_JSON_OFF)
		return ctx_fail(ctx, EXIT_CODE_USAGE, NULL, "unknown command \"%s\"", word);
	fprintf(stderr, "transferctl: unknown command \"%s\".%s?\n", word, near);
	return EXIT_CODE_USAGE;
}

/* A daemon that is not running is no failure for commands that only look: they say it is idle. */
static int connect_manager(struct ctx *ctx, const struct command *command)
{
	transfer_auto(transfer_error) error = NULL;
	uint64_t flags = 0;

	if (ctx->options.is_system)
		flags |= TRANSFER_CLIENT_SYSTEM;
	if (!command->can_start_daemon && !ctx->options.is_all)
		flags |= TRANSFER_CLIENT_NO_AUTOSTART;
	if (transfer_manager_new(&ctx->manager, flags, &error) == 0)
		return 0;
	if (command->run == cmd_version)
		return 0;
	return ctx_fail_error(ctx, NULL, error);
}

static void on_deadly_signal(int number)
{
	term_restore();
	signal(number, SIG_DFL);
	raise(number);
}

static int run_command(struct ctx *ctx, int argc, char **argv)
{
	const struct command *command = command_find(argc > 0 ? argv[0] : "list");
	int r;

	if (!command)
		return say_unknown(ctx, argv[0]);
	ctx->command = command->name;
	if (ctx->options.show_help)
		return cmd_help(ctx, argc > 0 ? 1 : 0, argv);
	if (ctx->options.timeout_text && format_parse_span(ctx->options.timeout_text, &ctx->timeout_us))
		return ctx_fail(ctx, EXIT_CODE_USAGE, "write it like 90s, 5min or 1h30m.", "--timeout: \"%s\" is no time",
		                ctx->options.timeout_text);
	if (command->needs_daemon) {
		r = connect_manager(ctx, command);
		if (r)
			return r;
	}
	return command->run(ctx, argc > 0 ? argc - 1 : 0, argc > 0 ? argv + 1 : argv);
}

int main(int argc, char **argv)
{
	struct ctx ctx = { 0 };
	int first = 1, r;

	setlocale(LC_ALL, "");
	if (options_parse(argc, argv, &ctx.options, &first))
		return EXIT_CODE_USAGE;
	term_init(&ctx.term, &ctx.options);
	atexit(term_restore);
	signal(SIGTERM, on_deadly_signal);
	signal(SIGHUP, on_deadly_signal);
	if (ctx.options.show_version) {
		static char word[] = "version";
		char *words[] = { word, NULL };

		r = run_command(&ctx, 1, words);
	} else {
		r = run_command(&ctx, argc - first, argv + first);
	}
	transfer_manager_unref(ctx.manager);
	if (fflush(stdout) || ferror(stdout))
		return r ? r : EXIT_CODE_FAILED;
	return r;
}
