/* SPDX-License-Identifier: MIT */
/* help, version and completion: all read the tables of commands and options. */
#include "cli/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/format.h"
#include "cli/suggest.h"
#include "cli/view.h"

#define OPTION_HELP_BYTES 160

static const char *const group_titles[] = { "Look", "Start", "Steer", "Sessions", "Other" };

/* printf() to stdout; without UTF-8 "…" is "...". */
static void __attribute__((format(printf, 2, 3)))
say(const struct ctx *ctx, const char *format, ...)
{
	char *text = NULL, *at, *dots;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	for (at = text; at && (dots = strstr(at, "…")) && !ctx->term.is_utf8;
		at = dots + strlen("…"))
		printf("%.*s...", (int)(dots - at), at);
	fputs(at ? at : "", stdout);
	free(text);
}

/* Whether a part of an option's help begins with names of commands and a colon, and this command is one of them. */
static const char *skip_names(const char *part, size_t len, const char *name, bool *ret_is_named)
{
	const char *at = part, *end = memchr(part, ':', len);

	*ret_is_named = false;
	while (end && at < end) {
		char word[32] = "";
		size_t n = strcspn(at, ",:");

		if (n < sizeof(word))
			memcpy(word, at, n);
		if (!command_find(word))
			return part;
		*ret_is_named |= strcmp(word, name) == 0;
		at += n + (at[n] == ',' ? strlen(", ") : 0);
	}
	return end ? end + strlen(": ") : part;
}

/* What an option means for this command: "x; get: y" is y for get and x for the others. */
static void option_help(const struct options_def *d, const char *name, char *buf, size_t size)
{
	size_t len, used = 0;
	bool is_named;

	buf[0] = 0;
	for (const char *part = d->help; *part; part += len + strspn(part + len, "; ")) {
		const char *text;

		len = strcspn(part, ";");
		text = skip_names(part, len, name, &is_named);
		if (text != part && !is_named)
			continue;
		if (is_named)
			used = 0;
		used += (size_t)snprintf(buf + used, size - used, "%s%.*s", used ? "; " : "",
			(int)(len - (size_t)(text - part)), text);
		if (is_named || used >= size)
			return;
	}
}

static void print_option(
	const struct ctx *ctx, const struct options_def *d, const struct command *command)
{
	char names[64], letter[8] = "    ", help[OPTION_HELP_BYTES];
	bool is_short = strcmp(d->name, "json-auto") == 0;

	if (options_has_letter(d, command->options))
		snprintf(letter, sizeof(letter), "-%c%s", d->letter, is_short ? "  " : ", ");
	if (is_short)
		names[0] = 0;
	else if (d->arg && d->arg[0] == '[')
		snprintf(names, sizeof(names), "--%s[=%s", d->name, d->arg + 1);
	else
		snprintf(names, sizeof(names), "--%s%s%s", d->name, d->arg ? "=" : "",
			d->arg ? d->arg : "");
	option_help(d, command->name, help, sizeof(help));
	say(ctx, "  %s%s%*s %s\n", letter, names,
		(int)(format_width(names) < 24 ? 24 - format_width(names) : 0), "", help);
}

static int help_all(const struct ctx *ctx)
{
	say(ctx,
		"transferctl [OPTIONS…] [COMMAND] [ARGUMENTS…]\n\nShow and steer the transfers of transferd.\n");
	for (enum command_group g = COMMAND_LOOK; g <= COMMAND_OTHER; g++) {
		printf("\n%s\n", group_titles[g]);
		for (const struct command *c = command_table; c->name; c++)
			if (c->group == g)
				say(ctx, "  %-11s %s\n", c->name, c->help);
	}
	puts("\nTASK is an ID, FIRST-LAST, @last or SESSION/ID; SESSION an identifier or #NUMBER.\n"
	     "\"transferctl help COMMAND\" shows a command's options; transferctl(1) tells all.");
	return EXIT_CODE_OK;
}

static bool has_option(const struct command *command, const struct options_def *d)
{
	return (d->commands & command->options) || d->commands == OPTIONS_FOR_ALL;
}

static json_t *option_json(const struct options_def *d, const struct command *command)
{
	char letter[2] = { d->letter, 0 }, help[OPTION_HELP_BYTES];
	bool has_letter = options_has_letter(d, command->options);

	option_help(d, command->name, help, sizeof(help));
	return json_pack("{s:s, s:s?, s:s?, s:s}", "name", d->name, "letter",
		has_letter ? letter : NULL, "argument", d->arg, "help", help);
}

static json_t *command_json(const struct command *c)
{
	json_t *options = json_array(), *examples = json_array();

	for (const struct options_def *d = options_table; d->name; d++)
		if (has_option(c, d) && strcmp(d->name, "json-auto") != 0)
			json_array_append_new(options, option_json(d, c));
	for (size_t i = 0; i < sizeof(c->examples) / sizeof(c->examples[0]); i++)
		if (c->examples[i])
			json_array_append_new(examples, json_string(c->examples[i]));
	return json_pack("{s:s, s:s?, s:o, s:s, s:o, s:o}", "command", c->name, "alias", c->alias,
		"arguments", *c->args ? json_string(c->args) : json_null(), "help", c->help,
		"options", options, "examples", examples);
}

static const char *command_name(size_t i)
{
	return command_table[i].name;
}

static void print_command(const struct ctx *ctx, const struct command *c)
{
	bool has_own = false;

	say(ctx, "transferctl %s%s%s\n\n%s%s%s%s.\n", c->name, *c->args ? " " : "", c->args,
		c->help, c->alias ? " (alias " : "", c->alias ? c->alias : "", c->alias ? ")" : "");
	for (const struct options_def *d = options_table; d->name; d++) {
		if (!(d->commands & c->options))
			continue;
		fputs(has_own ? "" : "\nOptions\n", stdout);
		has_own = true;
		print_option(ctx, d, c);
	}
	puts("\nExamples");
	for (size_t i = 0; i < sizeof(c->examples) / sizeof(c->examples[0]); i++)
		if (c->examples[i])
			printf("  %s\n", c->examples[i]);
	puts("\nOptions of all commands");
	for (const struct options_def *d = options_table; d->name; d++)
		if (d->commands == OPTIONS_FOR_ALL)
			print_option(ctx, d, c);
}

static int help_one(const struct ctx *ctx, const char *name)
{
	char hint[SUGGEST_HINT_BYTES];
	const struct command *command = command_find(name);

	if (!command)
		return ctx_fail(ctx, EXIT_CODE_USAGE,
			suggest_hint(name, strlen(name), command_name,
				"\"transferctl help\" lists the commands.", hint),
			"unknown command \"%s\"", name);
	if (ctx->term.json != OPTIONS_JSON_OFF) {
		view_print_json(ctx, command_json(command));
		return EXIT_CODE_OK;
	}
	print_command(ctx, command);
	return EXIT_CODE_OK;
}

static int help_json(const struct ctx *ctx)
{
	json_t *all = json_array();

	for (const struct command *c = command_table; c->name; c++)
		json_array_append_new(all, command_json(c));
	view_print_json(ctx, all);
	return EXIT_CODE_OK;
}

int cmd_help(struct ctx *ctx, int argc, char **argv)
{
	if (argc == 0 && ctx->term.json != OPTIONS_JSON_OFF)
		return help_json(ctx);
	return argc > 0 ? help_one(ctx, argv[0]) : help_all(ctx);
}

int cmd_version(struct ctx *ctx, int argc, char **argv)
{
	struct transfer_service service = { .size = sizeof(service) };
	const char *daemon = NULL;
	uint64_t flags = TRANSFER_CLIENT_NO_AUTOSTART;

	(void)argc;
	(void)argv;
	if (ctx->options.is_system)
		flags |= TRANSFER_CLIENT_SYSTEM;
	transfer_manager_new(&ctx->manager, flags, NULL); /* without a bus there is no daemon */
	if (ctx->manager && transfer_manager_is_running(ctx->manager, NULL) == 1 &&
		transfer_manager_get_service(ctx->manager, &service, NULL) == 0)
		daemon = service.version;
	if (ctx->term.json != OPTIONS_JSON_OFF) {
		view_print_json(ctx,
			json_pack("{s:s, s:s?}", "transferctl", PACKAGE_VERSION, "transferd",
				daemon));
		return EXIT_CODE_OK;
	}
	printf("transferctl %s\ntransferd   %s\n", PACKAGE_VERSION,
		daemon ? daemon : "not running");
	return EXIT_CODE_OK;
}

/* Inside single quotes, in each of the shells. */
static void print_quoted(const char *text)
{
	for (; *text; text++)
		fputs(*text == '\'' ? "'\\''" : (char[]){ *text, 0 }, stdout);
}

static void completion_words(bool with_help, const char *separator)
{
	for (const struct command *c = command_table; c->name; c++) {
		printf("%s%s%s", separator, with_help ? "'" : "", c->name);
		if (with_help) {
			putchar(':');
			print_quoted(c->help);
			putchar('\'');
		}
	}
}

/* Commands that mean finished tasks as well; the others do not even start transferd to find out. */
#define COMPLETION_FINISHED "show|status|log|list|ls|retry|remove|rm"
#define COMPLETION_APPS \
	"transferctl sessions --plain --no-legend --columns=app 2>/dev/null | sort -u"
#define COMPLETION_LIST \
	"transferctl list $all --plain --no-legend --columns=id,name 2>/dev/null | head -n 1000"

static bool is_file(const struct options_def *d)
{
	return d->arg && (strstr(d->arg, "FILE") || strstr(d->arg, "DIR"));
}

static void completion_bash_options(const struct command *c)
{
	printf("    %s%s%s) options='", c->name, c->alias ? "|" : "", c->alias ? c->alias : "");
	for (const struct options_def *d = options_table; d->name; d++)
		if (has_option(c, d) && strcmp(d->name, "json-auto") != 0)
			printf(" --%s%s", d->name, d->arg && d->arg[0] != '[' ? "=" : "");
	puts("' ;;");
}

static void completion_bash(void)
{
	fputs("# bash completion for transferctl\n_transferctl() {\n"
	      "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words='",
		stdout);
	completion_words(false, " ");
	fputs("' options=\n    case $prev in\n    -i|-o|-O) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n    esac\n"
	      "    local i command= all= ids\n    for ((i = 1; i < COMP_CWORD; i++)); do\n"
	      "        [[ ${COMP_WORDS[i]} == -* ]] || { command=${COMP_WORDS[i]}; break; }\n    done\n"
	      "    case ${command:-list} in\n",
		stdout);
	for (const struct command *c = command_table; c->name; c++)
		completion_bash_options(c);
	fputs("    esac\n"
	      "    if [[ $cur == -* ]]; then\n        COMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n"
	      "        [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace\n        return\n    fi\n"
	      "    case $command in\n"
	      "    '') COMPREPLY=($(compgen -W \"$words\" -- \"$cur\")); return ;;\n"
	      "    get|fetch|sessions|stats|monitor|version) return ;;\n"
	      "    put|add) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n"
	      "    help) COMPREPLY=($(compgen -W \"$words\" -- \"$cur\")); return ;;\n"
	      "    completion) COMPREPLY=($(compgen -W 'bash zsh fish' -- \"$cur\")); return ;;\n"
	      "    limit) COMPREPLY=($(compgen -W 'down= up= tasks= connections= mode=' -- \"$cur\")); compopt -o nospace; return ;;\n"
	      "    events|invalidate|flush|reset|cookies) COMPREPLY=($(compgen -W \"$(transferctl sessions --plain --no-legend "
	      "--columns=session 2>/dev/null)\" -- \"$cur\")); return ;;\n"
	      "    quit) COMPREPLY=($(compgen -W \"$(" COMPLETION_APPS
	      ")\" -- \"$cur\")); return ;;\n"
	      "    " COMPLETION_FINISHED ") all=--all ;;\n    esac\n"
	      "    ids=$(" COMPLETION_LIST " | sed 's/^ *//; s/ .*//')\n"
	      "    [[ $command == set ]] && ids+=' priority= rate= description= not-before='\n"
	      "    COMPREPLY=($(compgen -W \"$ids\" -- \"$cur\"))\n"
	      "    [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace\n}\ncomplete -F _transferctl transferctl\n",
		stdout);
}

static void completion_zsh_options(const struct command *c)
{
	printf("    %s%s%s) options=(", c->name, c->alias ? "|" : "", c->alias ? c->alias : "");
	for (const struct options_def *d = options_table; d->name; d++)
		if (has_option(c, d) && strcmp(d->name, "json-auto") != 0)
			printf("\n        '--%s%s[%s]%s'", d->name,
				d->arg && d->arg[0] != '[' ? "=" : "", d->name,
				is_file(d)       ? ":file:_files"
					: d->arg ? ": :"
						 : "");
	puts(") ;;");
}

static void completion_zsh(void)
{
	fputs("#compdef transferctl\n_transferctl() {\n    local -a commands ids\n    local all=\n    commands=(",
		stdout);
	completion_words(true, "\n        ");
	fputs("\n    )\n    local -a options others\n    others=(${words[2,CURRENT-1]:#-*})\n"
	      "    case ${others[1]:-list} in\n",
		stdout);
	for (const struct command *c = command_table; c->name; c++)
		completion_zsh_options(c);
	fputs("    esac\n    _arguments -C $options \\\n"
	      "        '1:command:->command' '*::argument:->argument'\n"
	      "    case $state in\n    command) _describe command commands ;;\n    argument)\n"
	      "        case $words[1] in\n        put|add) _files; return ;;\n"
	      "        completion) _values shell bash zsh fish; return ;;\n"
	      "        get|fetch|sessions|stats|monitor|version) return ;;\n"
	      "        events|invalidate|flush|reset|cookies) compadd -- ${(f)\"$(transferctl sessions --plain --no-legend "
	      "--columns=session 2>/dev/null)\"}; return ;;\n"
	      "        quit) compadd -- ${(f)\"$(" COMPLETION_APPS ")\"}; return ;;\n"
	      "        " COMPLETION_FINISHED ") all=--all ;;\n        esac\n"
	      "        ids=(${(f)\"$(" COMPLETION_LIST " | sed 's/^ *\\([0-9]*\\) */\\1:/')\"})\n"
	      "        _describe task ids ;;\n    esac\n}\n_transferctl \"$@\"\n",
		stdout);
}

static void completion_fish_option(const struct options_def *d)
{
	fputs("complete -c transferctl", stdout);
	if (d->commands != OPTIONS_FOR_ALL) {
		fputs(" -n '__fish_seen_subcommand_from", stdout);
		for (const struct command *c = command_table; c->name; c++)
			if (d->commands & c->options)
				printf(" %s%s%s", c->name, c->alias ? " " : "",
					c->alias ? c->alias : "");
		putchar('\'');
	}
	printf(" -l %s%s%s -d \"%s\"\n", d->name, d->arg && d->arg[0] != '[' ? " -r" : "",
		is_file(d) ? " -F" : "", d->name);
}

static void completion_fish(void)
{
	puts("# fish completion for transferctl\n"
	     "function __transferctl_tasks\n    set -l all $argv\n    " COMPLETION_LIST
	     " | sed 's/^ *\\([0-9]*\\) */\\1\\t/'\nend\n"
	     "complete -c transferctl -f");
	for (const struct command *c = command_table; c->name; c++) {
		printf("complete -c transferctl -n __fish_use_subcommand -a %s -d '", c->name);
		print_quoted(c->help);
		puts("'");
	}
	for (const struct options_def *d = options_table; d->name; d++)
		if (strcmp(d->name, "json-auto") != 0)
			completion_fish_option(d);
	puts("complete -c transferctl -n '__fish_seen_subcommand_from put add' -F\n"
	     "complete -c transferctl -n '__fish_seen_subcommand_from watch wait resume suspend cancel set' "
	     "-a '(__transferctl_tasks)'\n"
	     "complete -c transferctl -n '__fish_seen_subcommand_from list show status log retry remove' "
	     "-a '(__transferctl_tasks --all)'\n"
	     "complete -c transferctl -n '__fish_seen_subcommand_from events invalidate flush reset cookies' "
	     "-a '(transferctl sessions --plain --no-legend --columns=session 2>/dev/null)'\n"
	     "complete -c transferctl -n '__fish_seen_subcommand_from quit' -a '(" COMPLETION_APPS
	     ")'");
}

/* The script inside an object. */
static int completion_json(const struct ctx *ctx, const char *shell, void (*print)(void))
{
	FILE *before = stdout;
	char *text = NULL;
	size_t size;

	stdout = open_memstream(&text, &size);
	if (!stdout) {
		stdout = before;
		return ctx_fail(ctx, EXIT_CODE_FAILED, NULL, "out of memory");
	}
	print();
	fclose(stdout);
	stdout = before;
	view_print_json(ctx, json_pack("{s:s, s:s}", "shell", shell, "script", text));
	free(text);
	return EXIT_CODE_OK;
}

int cmd_completion(struct ctx *ctx, int argc, char **argv)
{
	static const struct {
		const char *shell;
		void (*print)(void);
	} shells[] = { { "bash", completion_bash }, { "zsh", completion_zsh },
		{ "fish", completion_fish } };

	for (size_t i = 0; argc == 1 && i < sizeof(shells) / sizeof(shells[0]); i++) {
		if (strcmp(argv[0], shells[i].shell) == 0) {
			if (ctx->term.json != OPTIONS_JSON_OFF)
				return completion_json(ctx, shells[i].shell, shells[i].print);
			shells[i].print();
			return EXIT_CODE_OK;
		}
	}
	return ctx_fail(ctx, EXIT_CODE_USAGE, "write \"transferctl completion bash\", zsh or fish.",
		"completion needs the name of a shell");
}
