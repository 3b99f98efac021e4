/* SPDX-License-Identifier: MIT */
/*
 * add: a list of transfers, a few thousand at a time, durable before more is read. Lines are "URL", "URL<TAB>FILE", or
 * JSON objects with url, destination or source, method, headers, checksum, priority, description. Memory stays flat.
 */
#include "cli/command.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/format.h"
#include "cli/now.h"
#include "cli/request.h"
#include "cli/view.h"

#define ADD_PROGRESS_US 100000
/* Several calls, so that reading, sending and saving go on at once. */
#define ADD_BATCH       (8 * TRANSFER_MANAGER_MAX_TASKS)
/* So many go first: they are under way while the rest is read. */
#define ADD_FIRST       256

struct adding {
	struct ctx *ctx;
	struct request_defaults defaults;
	const char *session, *folder;
	unsigned long lines[ADD_BATCH];
	struct transfer_task_spec specs[ADD_BATCH];
	char *sources[ADD_BATCH];
	uint64_t ids[ADD_BATCH];
	size_t n, n_all;
	unsigned long line, first_left; /* read; the first that is not queued, 0: not known yet */
	uint64_t size_bytes, said_us; /* of the list, 0: not known; when progress was last shown */
	FILE *file;
	json_t *json; /* all ids, when JSON is asked for */
};

static volatile sig_atomic_t was_interrupted;

static void on_interrupt(int number)
{
	was_interrupted = 1;
	signal(number, SIG_DFL); /* the second one ends us at once */
}

static void forget(struct adding *a)
{
	for (size_t i = 0; i < a->n; i++) {
		transfer_request_unref((transfer_request *)a->specs[i].request);
		free(a->sources[i]);
	}
	a->n = 0;
}

/* A line in place on a terminal; the numbers of the tasks would tear it. */
static void show_progress(struct adding *a, bool is_over)
{
	const struct ctx *ctx = a->ctx;
	uint64_t now_us = now_monotonic_us();
	long at = a->size_bytes ? ftell(a->file) : -1;

	if (ctx->term.progress != OPTIONS_PROGRESS_BAR || (ctx->term.out_is_tty && !a->json) ||
		(!is_over && now_us - a->said_us < ADD_PROGRESS_US))
		return;
	if (is_over)
		fputs("\r\033[K", stderr);
	else if (at >= 0)
		fprintf(stderr, "\r%zu queued, %3.0f%% of the list\033[K", a->n_all,
			(double)at * 100 / (double)a->size_bytes);
	else
		fprintf(stderr, "\r%zu queued\033[K", a->n_all);
	a->said_us = now_us;
}

/* Which of this call's tasks the error is about; n: it does not tell. */
static size_t culprit_of(const struct adding *a, size_t made, const transfer_error *error)
{
	const char *url = error ? transfer_error_get_failing_url(error) : NULL;
	const char *why = error ? transfer_error_get_message(error) : "";

	if (strncmp(why, "requests[", 9) == 0 && made + strtoull(why + 9, NULL, 10) < a->n)
		return made + (size_t)strtoull(why + 9, NULL, 10);
	for (size_t i = made; url && i < a->n; i++)
		if (strcmp(transfer_request_get_url(a->specs[i].request), url) == 0)
			return i;
	return a->n;
}

/* Names the line of the task that the error is about; the others of this call were not made either. */
static int say_failure(struct adding *a, size_t made, const transfer_error *error)
{
	size_t culprit = culprit_of(a, made, error);
	char where[64];
	int r;

	show_progress(a, true);
	if (culprit < a->n)
		snprintf(where, sizeof(where), "line %lu", a->lines[culprit]);
	else
		snprintf(where, sizeof(where), "lines %lu-%lu", a->lines[made], a->lines[a->n - 1]);
	r = ctx_fail_error(a->ctx, where, error);
	a->n_all += made;
	a->first_left = a->lines[made];
	return r;
}

static void print_ids(const struct adding *a, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (a->json)
			json_array_append_new(a->json, json_integer((json_int_t)a->ids[i]));
		else if (!a->ctx->options.is_quiet)
			printf("%llu\n", (unsigned long long)a->ids[i]);
	}
}

/* What a list says is not what a terminal should do. */
static void print_pair(const char *from, const char *to)
{
	char *safe_from = format_safe(from), *safe_to = format_safe(to);

	if (safe_from && safe_to)
		printf("%s -> %s\n", safe_from, safe_to);
	free(safe_from);
	free(safe_to);
}

static void dry_run(const struct adding *a)
{
	for (size_t i = 0; i < a->n; i++) {
		const char *url = transfer_request_get_url(a->specs[i].request);
		const char *to = transfer_request_get_destination(a->specs[i].request);

		if (a->json)
			json_array_append_new(a->json,
				json_pack("{s:s, s:s?, s:s?}", "url", url, "source", a->sources[i],
					"destination", a->sources[i] ? NULL : to));
		else
			print_pair(a->sources[i] ? a->sources[i] : url, a->sources[i] ? url : to);
	}
}

static int send_off(struct adding *a)
{
	transfer_auto(transfer_error) error = NULL;
	struct transfer_batch batch = { .size = sizeof(batch), .session = a->session };
	size_t made = 0;

	if (!a->n)
		return 0;
	if (a->ctx->options.is_dry_run) {
		dry_run(a);
		forget(a);
		return 0;
	}
	batch.specs = a->specs;
	batch.n_specs = a->n;
	batch.start = !a->ctx->options.is_suspended;
	if (transfer_manager_create_tasks(a->ctx->manager, &batch, a->ids, &made, &error)) {
		print_ids(a, made);
		return say_failure(a, made, error);
	}
	print_ids(a, made);
	a->n_all += made;
	forget(a);
	show_progress(a, false);
	return 0;
}

static int bad_line(struct adding *a, const char *why)
{
	show_progress(a, true);
	a->first_left = a->n ? a->lines[0] : a->line;
	return ctx_fail(a->ctx, EXIT_CODE_USAGE, "a line is URL, URL<TAB>FILE, or a JSON object.",
		"line %lu: %s", a->line, why);
}

/* A setter of it has failed: the call would be refused, and the line not be known any more. */
static int bad_request_take(struct adding *a, transfer_request *request_take)
{
	bool has_url = transfer_request_get_url(request_take);

	transfer_request_unref(request_take);
	return bad_line(a,
		has_url ? "a part of it cannot be in a request"
			: "the URL is too long or no UTF-8");
}

/* Takes the request; file: destination or source, NULL: none named. */
static int add_one(
	struct adding *a, transfer_request *request_take, const char *file, bool is_upload)
{
	struct transfer_task_spec *spec = &a->specs[a->n];
	char *path = NULL;

	if (transfer_request_get_status(request_take))
		return bad_request_take(a, request_take);
	if (file && *file)
		path = request_absolute(file);
	else if (!is_upload)
		path = request_in_folder(a->folder, transfer_request_get_url(request_take));
	if (!path) {
		transfer_request_unref(request_take);
		return bad_line(a, is_upload ? "the upload names no file" : "out of memory");
	}
	if (!is_upload)
		transfer_request_set_destination(request_take, path, a->ctx->options.may_overwrite);
	if (transfer_request_get_status(request_take)) {
		free(path);
		return bad_request_take(a, request_take);
	}
	*spec = (struct transfer_task_spec){ .size = sizeof(*spec), .request = request_take };
	spec->kind = is_upload ? TRANSFER_TASK_UPLOAD : TRANSFER_TASK_DOWNLOAD;
	spec->source_path = a->sources[a->n] = is_upload ? path : NULL;
	if (!is_upload)
		free(path);
	a->lines[a->n++] = a->line;
	return a->n == (a->n_all ? ADD_BATCH : ADD_FIRST) ? send_off(a) : 0;
}

static int add_text(struct adding *a, char *text)
{
	char *tab = strchr(text, '\t');
	transfer_request *request;

	if (tab)
		*tab = 0;
	if (!request_is_url(text))
		return bad_line(a, "it does not begin with a URL");
	request = request_new(a->ctx, &a->defaults, text);
	if (!request)
		return EXIT_CODE_FAILED;
	return add_one(a, request, tab ? tab + 1 : NULL, a->ctx->options.is_upload);
}

static const char *text_of(json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static const char *apply_headers(transfer_request *request, json_t *headers)
{
	const char *name;
	json_t *value;

	if (!json_is_object(headers))
		return "\"headers\" is no object";
	json_object_foreach(headers, name, value)
	{
		if (!json_is_string(value))
			return "the value of a header field is no string";
		transfer_request_add_header(request, name, json_string_value(value));
	}
	return NULL;
}

/* NULL, or what is wrong: nothing that was asked for is left out silently. */
static const char *apply_json(transfer_request *request, json_t *o)
{
	static const char *const words[] = { "destination", "source", "method", "description" };
	const char *checksum = text_of(o, "checksum");
	json_t *priority = json_object_get(o, "priority");
	const char *why = NULL;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (json_object_get(o, words[i]) && !text_of(o, words[i]))
			return "a value is no string";
	if (text_of(o, "method"))
		transfer_request_set_method(request, text_of(o, "method"));
	if (text_of(o, "description"))
		transfer_request_set_description(request, text_of(o, "description"));
	if (priority && !json_is_number(priority))
		return "\"priority\" is no number";
	if (priority)
		transfer_request_set_priority(request, json_number_value(priority));
	if (json_object_get(o, "checksum") &&
		(!checksum || request_set_checksum(request, checksum)))
		why = "\"checksum\" is written like sha256:HEX, with all digits";
	if (!why && json_object_get(o, "headers"))
		why = apply_headers(request, json_object_get(o, "headers"));
	return why;
}

static bool has_only_known_keys(json_t *o)
{
	static const char *const known[] = { "url", "destination", "source", "method", "headers",
		"checksum", "priority", "description" };
	const char *key;
	json_t *value;

	json_object_foreach(o, key, value)
	{
		bool is_known = false;

		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			is_known = is_known || strcmp(key, known[i]) == 0;
		if (!is_known)
			return false;
	}
	return true;
}

static int add_json(struct adding *a, const char *text)
{
	json_error_t why;
	json_t *o = json_loads(text, JSON_REJECT_DUPLICATES, &why);
	transfer_request *request;
	const char *wrong = NULL;
	bool is_upload;
	int r;

	if (!o)
		wrong = why.text;
	else if (!text_of(o, "url") || !request_is_url(text_of(o, "url")))
		wrong = "there is no \"url\" that is one";
	else if (!has_only_known_keys(o))
		wrong = "unknown key";
	if (wrong) {
		r = bad_line(a, wrong);
		json_decref(o);
		return r;
	}
	is_upload = a->ctx->options.is_upload || text_of(o, "source");
	request = request_new(a->ctx, &a->defaults, text_of(o, "url"));
	if (!request) {
		json_decref(o);
		return EXIT_CODE_FAILED;
	}
	wrong = apply_json(request, o);
	if (wrong) {
		transfer_request_unref(request);
		r = bad_line(a, wrong);
	} else {
		r = add_one(
			a, request, text_of(o, is_upload ? "source" : "destination"), is_upload);
	}
	json_decref(o);
	return r;
}

static int read_list(struct adding *a)
{
	char *text = NULL;
	size_t size = 0;
	ssize_t n;
	int r = 0;

	while (r == 0 && !was_interrupted && (n = getline(&text, &size, a->file)) >= 0) {
		a->line++;
		if (memchr(text, 0, (size_t)n)) {
			r = bad_line(a, "it holds a zero byte");
			break;
		}
		while (n && (text[n - 1] == '\n' || text[n - 1] == '\r'))
			text[--n] = 0;
		if (!n || text[0] == '#')
			continue;
		r = text[0] == '{' ? add_json(a, text) : add_text(a, text);
	}
	free(text);
	if (r == 0 && !was_interrupted && ferror(a->file))
		r = ctx_fail(
			a->ctx, EXIT_CODE_FILE, NULL, "cannot read the list: %s", strerror(errno));
	return r || was_interrupted ? r : send_off(a);
}

/* What was sent is queued and goes on; what was only read is not. */
static int finish(struct adding *a, int r)
{
	const struct ctx *ctx = a->ctx;

	show_progress(a, true);
	if (!a->first_left)
		a->first_left = a->n ? a->lines[0] : a->line + 1;
	/* belongs to the error, so --quiet does not leave it out; in JSON the numbers say it */
	if (((r && a->n_all) || was_interrupted) && !a->json)
		fprintf(stderr, "%s%zu task%s queued; nothing from line %lu on.\n",
			r ? "" : "Interrupted: ", a->n_all, a->n_all == 1 ? " is" : "s are",
			a->first_left);
	else if (r == 0 && !was_interrupted && !ctx->options.is_dry_run)
		ctx_note(ctx, "%zu task%s queued.", a->n_all, a->n_all == 1 ? "" : "s");
	if (r == 0 && was_interrupted)
		r = EXIT_CODE_INTERRUPTED;
	if (a->json)
		view_print_json(ctx, a->json);
	return r;
}

static int add_list(struct ctx *ctx, FILE *file)
{
	struct sigaction action = { .sa_handler = on_interrupt };
	struct adding *a = calloc(1, sizeof(*a));
	struct stat st;
	int r;

	if (!a)
		return ctx_fail(ctx, EXIT_CODE_FAILED, NULL, "out of memory");
	a->ctx = ctx;
	a->file = file;
	a->folder = ctx->options.output_folder;
	if (!a->folder && ctx->options.outputs.n)
		a->folder = ctx->options.outputs.items[ctx->options.outputs.n - 1];
	if (fstat(fileno(file), &st) == 0 && S_ISREG(st.st_mode))
		a->size_bytes = (uint64_t)st.st_size;
	r = request_defaults_init(ctx, &a->defaults);
	if (r == 0) {
		a->json = ctx->term.json != OPTIONS_JSON_OFF ? json_array() : NULL;
		if (!ctx->options.is_dry_run)
			r = request_open_session(ctx, &a->session);
		sigaction(SIGINT, &action, NULL);
		if (r == 0)
			r = read_list(a);
		r = finish(a, r);
		forget(a);
		request_defaults_done(&a->defaults);
	}
	free(a);
	return r;
}

int cmd_add(struct ctx *ctx, int argc, char **argv)
{
	const char *input = ctx->options.input ? ctx->options.input : argc ? argv[0] : "-";
	FILE *file;
	int r;

	if (argc > (ctx->options.input ? 0 : 1))
		return ctx_fail(ctx, EXIT_CODE_USAGE,
			"\"transferctl get -d\" takes URLs; add takes a file with one on each line.",
			"add takes one list: \"%s\"", argv[ctx->options.input ? 0 : 1]);
	if (argc && strstr(input, "://"))
		return ctx_fail(ctx, EXIT_CODE_USAGE,
			"\"transferctl get -d\" takes URLs; add takes a file with one on each line.",
			"%s is no list", input);
	file = strcmp(input, "-") == 0 ? stdin : fopen(input, "re");
	if (!file)
		return ctx_fail(
			ctx, EXIT_CODE_FILE, NULL, "cannot read %s: %s", input, strerror(errno));
	r = add_list(ctx, file);
	if (file != stdin)
		fclose(file);
	return r;
}
