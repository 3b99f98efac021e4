/* SPDX-License-Identifier: MIT */
/*
 * The options of transferctl: one table that the parser, --help, the completions and a test of the manual read.
 * Values are borrowed from argv and live as long as the process.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OPTIONS_LIST_MAX  256
#define OPTIONS_TABLE_MAX 80

enum options_json { OPTIONS_JSON_OFF, OPTIONS_JSON_SHORT, OPTIONS_JSON_PRETTY, OPTIONS_JSON_AUTO };
enum options_when { OPTIONS_AUTO, OPTIONS_ALWAYS, OPTIONS_NEVER };
enum options_progress {
	OPTIONS_PROGRESS_AUTO,
	OPTIONS_PROGRESS_BAR,
	OPTIONS_PROGRESS_PLAIN,
	OPTIONS_PROGRESS_NONE
};

struct options_list {
	const char *items[OPTIONS_LIST_MAX];
	size_t n;
};

struct options {
	/* which daemon, how to print */
	bool is_user, is_system, is_quiet, is_verbose, is_full, is_plain, no_legend, no_pager,
		is_exact, assume_yes, never_ask;
	bool is_dry_run, show_help, show_version;
	const char *json_text, *color_text, *progress_text, *timeout_text;
	enum options_json json;
	enum options_when color;
	enum options_progress progress;
	/* lists */
	bool is_all, is_in_app, is_reverse, only_values, is_following, as_metrics;
	const char *columns, *sort, *states, *kinds, *session, *properties;
	const char *lines, *since;
	/* starting transfers */
	bool is_detached, is_upload, may_overwrite, allow_insecure, no_copy, cancel_on_interrupt;
	bool is_suspended;
	const char *output_folder, *input, *method, *user_agent, *limit_rate, *cacert, *priority;
	const char *checksum, *not_before, *description, *max_time;
	bool retry_http_errors;
	struct options_list headers, outputs;
	/* fetch */
	bool with_head, only_head, is_failing, follows, no_redirect;
	struct options_list data;
	/* steering */
	bool keep_partial, is_finish, is_cancel;
	bool is_used[OPTIONS_TABLE_MAX]; /* by row of options_table */
};

/* A bit for each command that has options; groups for those that share some. */
enum {
	OPTIONS_FOR_LIST = 1 << 0,
	OPTIONS_FOR_STATUS = 1 << 1,
	OPTIONS_FOR_SHOW = 1 << 2,
	OPTIONS_FOR_WATCH = 1 << 3,
	OPTIONS_FOR_WAIT = 1 << 4,
	OPTIONS_FOR_LOG = 1 << 5,
	OPTIONS_FOR_EVENTS = 1 << 6,
	OPTIONS_FOR_SESSIONS = 1 << 7,
	OPTIONS_FOR_STATS = 1 << 8,
	OPTIONS_FOR_MONITOR = 1 << 9,
	OPTIONS_FOR_GET = 1 << 10,
	OPTIONS_FOR_PUT = 1 << 11,
	OPTIONS_FOR_ADD = 1 << 12,
	OPTIONS_FOR_RESUME = 1 << 13,
	OPTIONS_FOR_SUSPEND = 1 << 14,
	OPTIONS_FOR_CANCEL = 1 << 15,
	OPTIONS_FOR_RETRY = 1 << 16,
	OPTIONS_FOR_REMOVE = 1 << 17,
	OPTIONS_FOR_SET = 1 << 18,
	OPTIONS_FOR_LIMIT = 1 << 19,
	OPTIONS_FOR_INVALIDATE = 1 << 20,
	OPTIONS_FOR_QUIT = 1 << 21,
	OPTIONS_FOR_FLUSH = 1 << 22,
	OPTIONS_FOR_RESET = 1 << 23,
	OPTIONS_FOR_COOKIES = 1 << 24,
	OPTIONS_FOR_ALL = 1
		<< 25, /* no command refuses it; its help shows it with the bits beside this one */
	OPTIONS_FOR_FETCH = 1 << 26,
	OPTIONS_FOR_START = OPTIONS_FOR_GET | OPTIONS_FOR_PUT | OPTIONS_FOR_ADD,
	OPTIONS_FOR_TASKS = OPTIONS_FOR_RESUME | OPTIONS_FOR_SUSPEND | OPTIONS_FOR_CANCEL |
		OPTIONS_FOR_RETRY | OPTIONS_FOR_REMOVE | OPTIONS_FOR_SET,
	OPTIONS_FOR_NAMING = OPTIONS_FOR_LIST | OPTIONS_FOR_STATUS | OPTIONS_FOR_SHOW |
		OPTIONS_FOR_WATCH | OPTIONS_FOR_WAIT | OPTIONS_FOR_LOG | OPTIONS_FOR_TASKS,
	OPTIONS_FOR_TABLES = OPTIONS_FOR_LIST | OPTIONS_FOR_SESSIONS,
	OPTIONS_FOR_ASKING = OPTIONS_FOR_TASKS | OPTIONS_FOR_INVALIDATE | OPTIONS_FOR_QUIT |
		OPTIONS_FOR_RESET | OPTIONS_FOR_COOKIES,
	OPTIONS_FOR_CHANGES = OPTIONS_FOR_START | OPTIONS_FOR_ASKING | OPTIONS_FOR_LIMIT |
		OPTIONS_FOR_FLUSH,
};

struct options_def {
	const char *name; /* long option */
	char letter; /* 0: none; one that several have is, in a command with none of them, the first one's */
	const char *arg; /* "TIME"; NULL: a switch; "[MODE]": optional */
	unsigned commands; /* OPTIONS_FOR_… */
	const char *help;
	size_t offset; /* in struct options: bool, const char * or struct options_list */
	enum { OPTIONS_FLAG, OPTIONS_TEXT, OPTIONS_LIST } type;
};

/* Ends with a row whose name is NULL. */
extern const struct options_def options_table[];

/* Whether the option has its letter there: -n is --lines in log, as in journalctl, and --dry-run elsewhere. commands: its bit. */
bool options_has_letter(const struct options_def *d, unsigned commands);

/*
 * options_parse - reads argv (permuted) and the TRANSFER_* environment
 * Returns: 0, or -EINVAL after it has said on stderr what is wrong.
 * *ret_index: the first word that is not an option.
 */
int options_parse(int argc, char **argv, struct options *ret_options, int *ret_index);

#endif
