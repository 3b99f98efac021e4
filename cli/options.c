/* SPDX-License-Identifier: MIT */
/* The option table, and getopt_long driven by it. */
#include "cli/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/ctx.h"
#include "cli/suggest.h"

#define FLAG(name, letter, commands, member, help) \
	{ \
		name, letter, NULL, commands, help, offsetof(struct options, member), OPTIONS_FLAG \
	}
#define TEXT(name, letter, arg, commands, member, help) \
	{ \
		name, letter, arg, commands, help, offsetof(struct options, member), OPTIONS_TEXT \
	}

const struct options_def options_table[] = {
	FLAG("help", 'h', OPTIONS_FOR_ALL, show_help, "show this help, or the command's"),
	FLAG("version", 0, OPTIONS_FOR_ALL, show_version,
		"show the versions of transferctl and transferd"),
	FLAG("user", 0, OPTIONS_FOR_ALL, is_user, "talk to the user's transferd (default)"),
	FLAG("system", 0, OPTIONS_FOR_ALL, is_system, "talk to the system's transferd"),
	TEXT("json", 0, "[MODE]", OPTIONS_FOR_ALL, json_text, "print JSON: pretty, short, off"),
	{ "json-auto", 'j', NULL, OPTIONS_FOR_ALL, "JSON, pretty on a terminal, else short",
		offsetof(struct options, json), OPTIONS_FLAG },
	FLAG("quiet", 'q', OPTIONS_FOR_ALL, is_quiet,
		"no progress and no notes; errors are still shown"),
	FLAG("verbose", 'v', OPTIONS_FOR_ALL, is_verbose, "say more"),
	TEXT("color", 0, "WHEN", OPTIONS_FOR_ALL, color_text, "auto, always, never"),
	TEXT("progress", 0, "HOW",
		OPTIONS_FOR_ALL | OPTIONS_FOR_WATCH | OPTIONS_FOR_START | OPTIONS_FOR_FETCH,
		progress_text, "auto, bar, plain, none"),
	TEXT("timeout", 0, "TIME",
		OPTIONS_FOR_ALL | OPTIONS_FOR_WATCH | OPTIONS_FOR_WAIT | OPTIONS_FOR_MONITOR |
			OPTIONS_FOR_GET | OPTIONS_FOR_PUT,
		timeout_text, "wait, watch, monitor, get, put: stop waiting then (exit 3)"),
	FLAG("bytes", 0,
		OPTIONS_FOR_ALL | OPTIONS_FOR_LIST | OPTIONS_FOR_STATUS | OPTIONS_FOR_WATCH |
			OPTIONS_FOR_STATS | OPTIONS_FOR_LIMIT | OPTIONS_FOR_GET | OPTIONS_FOR_PUT |
			OPTIONS_FOR_FETCH,
		is_exact, "exact numbers instead of KiB, MiB, GiB"),
	FLAG("dry-run", 'n', OPTIONS_FOR_ALL | OPTIONS_FOR_CHANGES, is_dry_run,
		"show what would happen, change nothing"),
	FLAG("yes", 'y', OPTIONS_FOR_ALL | OPTIONS_FOR_ASKING, assume_yes,
		"answer yes to every question"),
	FLAG("no-ask-password", 0, OPTIONS_FOR_ALL | OPTIONS_FOR_ASKING, never_ask,
		"ask nothing; what needs an answer fails"),
	FLAG("no-pager", 0, OPTIONS_FOR_ALL | OPTIONS_FOR_LIST, no_pager,
		"do not pipe long output into a pager"),

	FLAG("all", 'a', OPTIONS_FOR_NAMING, is_all,
		"finished tasks as well; wait, resume, suspend, cancel, retry, remove, set: all tasks"),
	FLAG("in-app", 0, OPTIONS_FOR_LIST, is_in_app,
		"tasks of running programs' own sessions as well"),
	TEXT("columns", 0, "A,B", OPTIONS_FOR_TABLES, columns,
		"which columns; \"help\" lists them"),
	TEXT("sort", 0, "COLUMN", OPTIONS_FOR_LIST, sort, "order of the rows"),
	FLAG("reverse", 'r', OPTIONS_FOR_LIST, is_reverse, "the other way round"),
	TEXT("state", 0, "LIST", OPTIONS_FOR_NAMING, states,
		"only tasks in these states or sub-states"),
	TEXT("kind", 0, "LIST", OPTIONS_FOR_NAMING, kinds, "only download, upload"),
	TEXT("session", 0, "ID", OPTIONS_FOR_NAMING | OPTIONS_FOR_START, session,
		"only this session; get, put, add: the session to use (default \"cli\")"),
	FLAG("no-legend", 0, OPTIONS_FOR_TABLES | OPTIONS_FOR_EVENTS | OPTIONS_FOR_COOKIES,
		no_legend, "no heading and no summary"),
	FLAG("full", 'l', OPTIONS_FOR_TABLES | OPTIONS_FOR_COOKIES, is_full,
		"do not shorten names"),
	FLAG("plain", 0, OPTIONS_FOR_TABLES, is_plain, "no mark column"),
	TEXT("property", 'p', "NAME,…", OPTIONS_FOR_SHOW, properties,
		"show: only these properties"),
	FLAG("value", 0, OPTIONS_FOR_SHOW, only_values, "show: values without names"),
	FLAG("follow", 'f', OPTIONS_FOR_EVENTS | OPTIONS_FOR_LOG, is_following,
		"events, log: go on as they happen"),
	TEXT("lines", 'n', "N", OPTIONS_FOR_LOG, lines, "log: only the last N lines"),
	TEXT("since", 0, "TIME", OPTIONS_FOR_LOG, since, "log: not older, such as today or -1h"),
	FLAG("metrics", 0, OPTIONS_FOR_STATS, as_metrics, "stats: Prometheus text"),

	{ "output", 'o', "FILE|DIR",
		OPTIONS_FOR_GET | OPTIONS_FOR_ADD | OPTIONS_FOR_TABLES | OPTIONS_FOR_FETCH,
		"get: where to save, one for each URL or a folder for all; add: the folder; "
		"fetch: a file, or a folder for it, and not standard output; "
		"list, sessions: same as --columns",
		offsetof(struct options, outputs), OPTIONS_LIST },
	TEXT("output-dir", 'O', "DIR", OPTIONS_FOR_GET | OPTIONS_FOR_ADD, output_folder,
		"get, add: the folder for what --output does not name"),
	FLAG("overwrite", 0, OPTIONS_FOR_GET | OPTIONS_FOR_ADD | OPTIONS_FOR_FETCH, may_overwrite,
		"replace an existing file when the new one is whole"),
	FLAG("detach", 'd', OPTIONS_FOR_START, is_detached, "print the ID and return at once"),
	TEXT("input", 'i', "FILE|-", OPTIONS_FOR_ADD, input, "add: where the list is"),
	FLAG("upload", 0, OPTIONS_FOR_ADD, is_upload,
		"add: the list holds uploads, URL<TAB>SOURCE"),
	FLAG("suspended", 0, OPTIONS_FOR_START, is_suspended, "create the tasks suspended"),
	{ "header", 'H', "LINE", OPTIONS_FOR_START | OPTIONS_FOR_FETCH,
		"add a request header, \"Name: value\"", offsetof(struct options, headers),
		OPTIONS_LIST },
	TEXT("request", 'X', "METHOD", OPTIONS_FOR_START | OPTIONS_FOR_FETCH, method,
		"request method (get, fetch: GET, put: PUT)"),
	TEXT("user-agent", 'A', "TEXT", OPTIONS_FOR_START | OPTIONS_FOR_FETCH, user_agent,
		"User-Agent header"),
	TEXT("limit-rate", 0, "RATE", OPTIONS_FOR_START, limit_rate,
		"bytes per second for each task, such as 500K or 2M"),
	FLAG("retry-http-errors", 0, OPTIONS_FOR_START, retry_http_errors,
		"try 408, 429 and 5xx answers again"),
	TEXT("cacert", 0, "FILE", OPTIONS_FOR_START | OPTIONS_FOR_FETCH, cacert,
		"trust the certificates in FILE, not the system's"),
	FLAG("allow-insecure", 0, OPTIONS_FOR_START | OPTIONS_FOR_FETCH, allow_insecure,
		"allow plain http"),
	TEXT("priority", 0, "0.0…1.0", OPTIONS_FOR_START, priority,
		"higher goes first (default 0.5)"),
	TEXT("checksum", 0, "ALG:HEX", OPTIONS_FOR_START, checksum,
		"verify before the file appears, sha256:…"),
	TEXT("not-before", 0, "TIME", OPTIONS_FOR_START, not_before,
		"start at TIME: +2h, tomorrow 09:00, 2026-06-04 09:00"),
	TEXT("max-time", 0, "TIME", OPTIONS_FOR_START | OPTIONS_FOR_FETCH, max_time,
		"give the whole transfer up after TIME (default 7d)"),
	TEXT("description", 0, "TEXT", OPTIONS_FOR_START, description, "a note kept with the task"),
	FLAG("no-copy", 0, OPTIONS_FOR_PUT | OPTIONS_FOR_ADD, no_copy,
		"put, add: send the file in place, which must not change"),
	FLAG("cancel-on-interrupt", 0, OPTIONS_FOR_GET | OPTIONS_FOR_PUT, cancel_on_interrupt,
		"Ctrl-C cancels instead of detaching"),

	{ "data", 'd', "DATA", OPTIONS_FOR_FETCH,
		"send it with POST; @FILE: what is in it, @-: standard input; more than one: joined with &",
		offsetof(struct options, data), OPTIONS_LIST },
	FLAG("include", 'i', OPTIONS_FOR_FETCH, with_head, "print the head of the answer first"),
	FLAG("head", 'I', OPTIONS_FOR_FETCH, only_head, "ask for the head alone, and print it"),
	FLAG("fail", 'f', OPTIONS_FOR_FETCH, is_failing,
		"an answer of 400 or more is a failure (exit 6), and is not printed"),
	FLAG("location", 'L', OPTIONS_FOR_FETCH, follows, "follow redirects, which it does anyway"),
	FLAG("no-redirect", 0, OPTIONS_FOR_FETCH, no_redirect,
		"do not follow: the redirect is the answer"),
	FLAG("silent", 's', OPTIONS_FOR_FETCH, is_quiet, "the same as --quiet"),

	FLAG("keep-partial", 0, OPTIONS_FOR_CANCEL, keep_partial,
		"cancel: keep what is here for a later retry"),
	FLAG("finish", 0, OPTIONS_FOR_INVALIDATE, is_finish,
		"invalidate: let the tasks finish first"),
	FLAG("cancel", 0, OPTIONS_FOR_INVALIDATE, is_cancel, "invalidate: cancel the tasks"),
	{ 0 },
};

#define OPTIONS_BASE 256

bool options_has_letter(const struct options_def *d, unsigned commands)
{
	const struct options_def *first = NULL;

	for (const struct options_def *o = options_table; d->letter && o->name; o++) {
		if (o->letter != d->letter)
			continue;
		if (o->commands & commands)
			return o == d;
		first = first ? first : o;
	}
	return first == d;
}

/* Of the command that is named. */
static unsigned find_commands(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		const struct command *command = argv[i][0] != '-' ? command_find(argv[i]) : NULL;

		if (command)
			return command->options;
	}
	return 0;
}

static void build_getopt(struct option *longs, char *shorts, unsigned commands)
{
	size_t i = 0, s = 0;

	for (; options_table[i].name; i++) {
		const struct options_def *d = &options_table[i];

		longs[i] = (struct option){ .name = d->name, .val = OPTIONS_BASE + (int)i };
		longs[i].has_arg = !d->arg ? no_argument
			: d->arg[0] == '[' ? optional_argument
					   : required_argument;
		if (!options_has_letter(d, commands))
			continue;
		shorts[s++] = d->letter;
		if (d->arg)
			shorts[s++] = ':';
	}
	longs[i] = (struct option){ 0 };
	shorts[s] = 0;
}

static const struct options_def *find_def(int value, unsigned commands)
{
	if (value >= OPTIONS_BASE)
		return &options_table[value - OPTIONS_BASE];
	for (const struct options_def *d = options_table; d->name; d++)
		if (d->letter == value && options_has_letter(d, commands))
			return d;
	return NULL;
}

static bool wants_json; /* complaints are JSON, too */

/* Whether JSON is asked for, before the options are understood. */
static bool expects_json(int argc, char **argv)
{
	const char *text = getenv("TRANSFER_JSON");
	bool is_json = text && *text && strcmp(text, "off") != 0;

	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "-j") == 0 || strncmp(argv[i], "--json", 6) == 0)
			is_json = strcmp(argv[i], "--json=off") != 0;
	return is_json;
}

static void __attribute__((format(printf, 2, 3)))
complain(const char *hint, const char *format, ...)
{
	struct ctx ctx = { .term.json = wants_json ? OPTIONS_JSON_SHORT : OPTIONS_JSON_OFF };
	char *message = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&message, format, args) < 0)
		message = NULL;
	va_end(args);
	ctx_fail(&ctx, EXIT_CODE_USAGE, hint, "%s", message ? message : "out of memory");
	free(message);
}

static int store_value(struct options *o, const struct options_def *d, const char *text)
{
	void *member = (char *)o + d->offset;
	struct options_list *list = member;

	o->is_used[d - options_table] = true;
	if (d->offset == offsetof(struct options, json)) {
		o->json_text = "";
		return 0;
	}
	switch (d->type) {
	case OPTIONS_FLAG:
		*(bool *)member = true;
		return 0;
	case OPTIONS_TEXT:
		*(const char **)member = text ? text : "";
		return 0;
	case OPTIONS_LIST:
		if (list->n == OPTIONS_LIST_MAX) {
			complain(NULL, "too many --%s options", d->name);
			return -EINVAL;
		}
		list->items[list->n++] = text;
		return 0;
	}
	return -EINVAL;
}

/* The index of text among words, or -1 after saying which words there are. */
static int pick(const char *option, const char *text, const char *const *words)
{
	char hint[80] = "use one of:";
	size_t used = strlen(hint);

	for (int i = 0; words[i]; i++)
		if (strcmp(text, words[i]) == 0)
			return i;
	for (int i = 0; words[i]; i++)
		used += (size_t)snprintf(hint + used, sizeof(hint) - used, " %s", words[i]);
	complain(hint, "--%s does not know \"%s\"", option, text);
	return -1;
}

static int settle_words(struct options *o)
{
	static const char *const json[] = { "off", "short", "pretty", NULL };
	static const char *const when[] = { "auto", "always", "never", NULL };
	static const char *const how[] = { "auto", "bar", "plain", "none", NULL };
	int i;

	if (o->json_text && !*o->json_text) {
		o->json = OPTIONS_JSON_AUTO;
	} else if (o->json_text) {
		i = pick("json", o->json_text, json);
		if (i < 0)
			return -EINVAL;
		o->json = (enum options_json)i;
	}
	if (o->color_text) {
		i = pick("color", o->color_text, when);
		if (i < 0)
			return -EINVAL;
		o->color = (enum options_when)i;
	}
	if (o->progress_text) {
		i = pick("progress", o->progress_text, how);
		if (i < 0)
			return -EINVAL;
		o->progress = (enum options_progress)i;
	}
	return 0;
}

static void read_environment(struct options *o)
{
	const char *bus = getenv("TRANSFER_BUS");

	o->json_text = getenv("TRANSFER_JSON");
	o->color_text = getenv("TRANSFER_COLORS");
	o->progress_text = getenv("TRANSFER_PROGRESS");
	o->is_system = bus && strcmp(bus, "system") == 0;
	if (getenv("NO_COLOR") && *getenv("NO_COLOR"))
		o->color = OPTIONS_NEVER;
	else if (getenv("CLICOLOR_FORCE"))
		o->color = OPTIONS_ALWAYS;
}

static const char *option_name(size_t i)
{
	return options_table[i].name;
}

static void say_unknown(const char *word)
{
	const char *near = NULL;
	char hint[SUGGEST_HINT_BYTES] = "\"transferctl help\" lists the options.";
	size_t len;

	while (*word == '-')
		word++;
	len = strcspn(word, "=");
	if (len > 1)
		near = suggest_nearest(word, len, option_name);
	if (near)
		snprintf(hint, sizeof(hint), "did you mean \"--%s\"?", near);
	complain(hint, "unknown option \"%s%.*s\"", len > 1 ? "--" : "-", (int)len, word);
}

int options_parse(int argc, char **argv, struct options *ret_options, int *ret_index)
{
	struct option longs[OPTIONS_TABLE_MAX + 1];
	char shorts[2 * OPTIONS_TABLE_MAX + 2];
	unsigned commands;
	int value;

	*ret_options = (struct options){ 0 };
	read_environment(ret_options);
	wants_json = expects_json(argc, argv);
	shorts[0] = ':';
	commands = find_commands(argc, argv);
	build_getopt(longs, shorts + 1, commands);
	opterr = 0;
	while ((value = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		const struct options_def *d = find_def(value, commands);

		if (value == ':') {
			complain(NULL, "option \"%s\" needs a value", argv[optind - 1]);
			return -EINVAL;
		}
		if (value == '?' && optopt >= OPTIONS_BASE) {
			complain(NULL, "option \"--%s\" takes no value",
				options_table[optopt - OPTIONS_BASE].name);
			return -EINVAL;
		}
		if (value == '?' || !d) {
			char letter[2] = { (char)optopt, 0 };

			say_unknown(optopt ? letter : argv[optind - 1]);
			return -EINVAL;
		}
		if (store_value(ret_options, d, optarg))
			return -EINVAL;
		if (strcmp(d->name, "user") == 0)
			ret_options->is_system = false;
		else if (strcmp(d->name, "color") == 0)
			ret_options->color = OPTIONS_AUTO;
	}
	*ret_index = optind;
	return settle_words(ret_options);
}
