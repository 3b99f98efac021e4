/* SPDX-License-Identifier: MIT */
/* The table of commands: what the parser, help, completions and a test of the manual read. */
#include "cli/command.h"

#include <string.h>

const struct command command_table[] = {
	{ "list", "ls", "[TASK|SESSION|GLOB…]", COMMAND_LOOK,
		"one line per unfinished task (default command)", OPTIONS_FOR_LIST, false,
		cmd_list },
	{ "status", NULL, "[TASK|SESSION…]", COMMAND_LOOK,
		"full page for people; no argument: the service itself", OPTIONS_FOR_LIST, false,
		cmd_status },
	{ "show", NULL, "[TASK|SESSION…]", COMMAND_LOOK,
		"NAME=VALUE for programs; -p NAME,… --value", OPTIONS_FOR_LIST, false, cmd_show },
	{ "watch", NULL, "[TASK|SESSION…]", COMMAND_LOOK, "live bars until Ctrl-C or all done",
		OPTIONS_FOR_LIST, true, cmd_watch },
	{ "wait", NULL, "TASK…|--all", COMMAND_LOOK, "silent; exits when all are finished",
		OPTIONS_FOR_LIST, true, cmd_wait },
	{ "log", NULL, "[TASK|SESSION…]", COMMAND_LOOK,
		"journal lines of these tasks; -f -n --since as in journalctl",
		OPTIONS_FOR_LIST | OPTIONS_FOR_LOG, true, cmd_log },
	{ "events", NULL, "SESSION", COMMAND_LOOK, "undelivered delegate events; -f follows",
		OPTIONS_FOR_LIST, true, cmd_events },
	{ "sessions", NULL, "", COMMAND_LOOK, "one line per session", OPTIONS_FOR_LIST, false,
		cmd_sessions },
	{ "stats", NULL, "", COMMAND_LOOK, "totals, rates, limits; --metrics: Prometheus text",
		OPTIONS_FOR_LIST, true, cmd_stats },
	{ "monitor", NULL, "", COMMAND_LOOK, "one line per state change, all sessions",
		OPTIONS_FOR_LIST, true, cmd_monitor },
	{ "get", NULL, "URL… [-o FILE]… [-O DIR]", COMMAND_START,
		"download and watch; -d prints the ID and returns", OPTIONS_FOR_START, true,
		cmd_get },
	{ "put", NULL, "FILE… URL", COMMAND_START, "upload and watch; -d the same",
		OPTIONS_FOR_START, true, cmd_put },
	{ "add", NULL, "[-i FILE|-] [--upload]", COMMAND_START,
		"queue a list: URL or URL<TAB>FILE a line, or JSON lines", OPTIONS_FOR_START, true,
		cmd_add },
	{ "resume", NULL, "TASK…", COMMAND_STEER, "start, or go on after suspend",
		OPTIONS_FOR_STEER, true, cmd_resume },
	{ "suspend", "pause", "TASK…", COMMAND_STEER, "stop, keep what is here", OPTIONS_FOR_STEER,
		true, cmd_suspend },
	{ "cancel", NULL, "TASK…|--all [--keep-partial]", COMMAND_STEER, "end unfinished tasks",
		OPTIONS_FOR_STEER, true, cmd_cancel },
	{ "retry", NULL, "TASK…", COMMAND_STEER,
		"start failed tasks again, from where they stopped", OPTIONS_FOR_STEER, true,
		cmd_retry },
	{ "remove", "rm", "TASK…|--all", COMMAND_STEER, "forget finished tasks (acknowledges them)",
		OPTIONS_FOR_STEER, true, cmd_remove },
	{ "set", NULL, "TASK… NAME=VALUE…", COMMAND_STEER,
		"priority, rate, description, not-before", OPTIONS_FOR_STEER, true, cmd_set },
	{ "limit", NULL, "[down=RATE] [up=RATE] [tasks=N] [connections=N] [mode=running|paused]",
		COMMAND_STEER, "limits of the whole service; no argument shows them",
		OPTIONS_FOR_STEER, true, cmd_limit },
	{ "invalidate", NULL, "SESSION [--finish|--cancel]", COMMAND_SESSIONS, "end a session",
		OPTIONS_FOR_STEER, true, cmd_invalidate },
	{ "quit", NULL, "APP", COMMAND_SESSIONS, "cancel all tasks of an application",
		OPTIONS_FOR_STEER, true, cmd_quit },
	{ "flush", NULL, "SESSION", COMMAND_SESSIONS, "let new requests use new connections",
		OPTIONS_FOR_STEER, true, cmd_flush },
	{ "reset", NULL, "SESSION", COMMAND_SESSIONS, "remove the cookies, and flush",
		OPTIONS_FOR_STEER, true, cmd_reset },
	{ "cookies", NULL, "list|clear SESSION", COMMAND_SESSIONS,
		"cookies that the session keeps; values with --json",
		OPTIONS_FOR_LIST | OPTIONS_FOR_STEER, true, cmd_cookies },
	{ "help", NULL, "[COMMAND]", COMMAND_OTHER, "this text, or a command's", 0, false,
		cmd_help },
	{ "version", NULL, "", COMMAND_OTHER, "versions of transferctl and transferd", 0, false,
		cmd_version },
	{ "completion", NULL, "bash|zsh|fish", COMMAND_OTHER, "print a completion script", 0, false,
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
