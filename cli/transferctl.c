/* SPDX-License-Identifier: MIT */
/* transferctl: shows and steers the queues of transferd. Finds the command, connects if it must, runs it. */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/format.h"

static int say_unknown(const struct ctx *ctx, const char *word)
{
	char near[160] = "", hint[176];
	unsigned most = strlen(word) > 4 ? 2 : 1; /* of four letters two are half of it */
	size_t used = 0;

	for (const struct command *c = command_table; c->name; c++) {
		bool is_near = format_distance(word, c->name) <= most ||
			(c->alias && format_distance(word, c->alias) <= 1);

		if (!is_near || used + strlen(c->name) + 20 > sizeof(near))
			continue;
		used += (size_t)snprintf(near + used, sizeof(near) - used, "%s\"%s\"",
			used ? " or " : "  Did you mean ", c->name);
	}
	if (!used)
		return ctx_fail(ctx, EXIT_CODE_USAGE, "\"transferctl help\" lists the commands.",
			"unknown command \"%s\"", word);
	if (ctx->term.json != OPTIONS_JSON_OFF) {
		snprintf(hint, sizeof(hint), "%s?", near + 2);
		return ctx_fail(ctx, EXIT_CODE_USAGE, hint, "unknown command \"%s\"", word);
	}
	fprintf(stderr, "transferctl: unknown command \"%s\".%s?\n", word, near);
	return EXIT_CODE_USAGE;
}

static void on_deadly_signal(int number)
{
	term_restore();
	signal(number, SIG_DFL);
	raise(number);
}

/* An option of another command would be ignored: better said. */
static int check_options(const struct ctx *ctx, const struct command *command)
{
	char hint[80];

	snprintf(hint, sizeof(hint), "\"transferctl help %s\" lists its options.", command->name);
	for (size_t i = 0; options_table[i].name; i++)
		if (ctx->options.is_used[i] &&
			!(options_table[i].commands & (command->options | OPTIONS_FOR_ALL)))
			return ctx_fail(ctx, EXIT_CODE_USAGE, hint, "%s does not have --%s",
				command->name, options_table[i].name);
	return 0;
}

static int run_command(struct ctx *ctx, int argc, char **argv)
{
	const struct command *command = command_find(argc > 0 ? argv[0] : "list");
	int r;

	if (!command)
		return say_unknown(ctx, argv[0]);
	ctx->command = command->name;
	ctx->can_start = command->can_start_daemon || ctx->options.is_all;
	if (ctx->options.show_help)
		return cmd_help(ctx, argc > 0 ? 1 : 0, argv);
	if (ctx->options.timeout_text &&
		format_parse_span(ctx->options.timeout_text, &ctx->timeout_us))
		return ctx_fail(ctx, EXIT_CODE_USAGE, "write it like 90s, 5min or 1h30m.",
			"--timeout: \"%s\" is no time", ctx->options.timeout_text);
	if (ctx->options.timeout_text && !ctx->timeout_us)
		ctx->timeout_us = 1; /* look once */
	r = check_options(ctx, command);
	if (r)
		return r;
	if (!*command->args && argc > 1)
		return ctx_fail(ctx, EXIT_CODE_USAGE, NULL, "%s takes no argument: \"%s\"",
			command->name, argv[1]);
	return command->run(ctx, argc > 0 ? argc - 1 : 0, argc > 0 ? argv + 1 : argv);
}

/*
 * Started without some of 0, 1 and 2: what is opened as one of them would get what we print, the bus
 * for one. They fail as closed ones do, since they are open the other way round.
 */
static bool fill_standard_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		int got_fd = fd;

		if (fcntl(fd, F_GETFD) < 0)
			got_fd = open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
		if (got_fd != fd)
			return false;
	}
	return true;
}

/* What was printed has been written; else the exit code, after the message. */
static int finish_output(int code)
{
	errno = 0;
	if (!fflush(stdout) && !ferror(stdout))
		return code;
	/* the reason of an earlier write is lost by now */
	fprintf(stderr, "transferctl: cannot write the output%s%s.\n", errno ? ": " : "",
		errno ? strerror(errno) : "");
	return code ? code : EXIT_CODE_FAILED;
}

int main(int argc, char **argv)
{
	struct ctx ctx = { 0 };
	int first = 1, r;

	if (!fill_standard_streams())
		return EXIT_CODE_FAILED;
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
	free(ctx.session_name);
	free(ctx.session_path);
	free(ctx.session_app);
	return finish_output(r);
}
