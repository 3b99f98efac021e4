/* SPDX-License-Identifier: MIT */
/*
 * add: a list of transfers, a thousand at a time, each thousand durable before the next is read. Lines are "URL", "URL<TAB>FILE", or
 * JSON objects with url, destination or source, method, headers, checksum, priority, description. Memory stays flat.
 */
#include "cli/command.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/request.h"
#include "cli/view.h"

struct adding {
	struct ctx *ctx;
	struct request_defaults defaults;
	const char *session;
	struct transfer_task_spec specs[TRANSFER_MANAGER_MAX_TASKS];
	char *sources[TRANSFER_MANAGER_MAX_TASKS];
	uint64_t ids[TRANSFER_MANAGER_MAX_TASKS];
	size_t n, n_all;
	unsigned long line, first_line;
	json_t *json; /* all ids, when JSON is asked for */
};

static void forget(struct adding *a)
{
	for (size_t i = 0; i < a->n; i++) {
		transfer_request_unref((transfer_request *)a->specs[i].request);
		free(a->sources[i]);
	}
	a->n = 0;
}

static int send_off(struct adding *a)
{
	transfer_auto(transfer_error) error = NULL;
	struct transfer_batch batch = { .size = sizeof(batch), .session = a->session };
	char token[40];
	size_t made = 0;

	if (!a->n)
		return 0;
	request_token(token);
	batch.specs = a->specs;
	batch.n_specs = a->n;
	batch.start = !a->ctx->options.is_suspended;
	batch.token = token;
	if (transfer_manager_create_tasks(a->ctx->manager, &batch, a->ids, &made, &error)) {
		char where[64];

		snprintf(where, sizeof(where), "lines %lu-%lu (%zu queued before)", a->first_line,
			a->line, a->n_all + made);
		return ctx_fail_error(a->ctx, where, error);
	}
	for (size_t i = 0; i < made; i++) {
		if (a->json)
			json_array_append_new(a->json, json_integer((json_int_t)a->ids[i]));
		else if (!a->ctx->options.is_quiet)
			printf("%llu\n", (unsigned long long)a->ids[i]);
	}
	a->n_all += made;
	forget(a);
	a->first_line = a->line + 1;
	return 0;
}

static int bad_line(const struct adding *a, const char *why)
{
	return ctx_fail(a->ctx, EXIT_CODE_USAGE, "a line is URL, URL<TAB>FILE, or a JSON object.",
		"line %lu: %s", a->line, why);
}

/* Where a download without a named file goes. */
static char *default_file(const struct adding *a, const char *url)
{
	const char *folder = a->ctx->options.output;
	char *name = request_file_name(url), *joined = NULL, *all;

	if (!name || asprintf(&joined, "%s%s%s", folder ? folder : "", folder ? "/" : "", name) < 0)
		joined = NULL;
	free(name);
	all = joined ? request_absolute(joined) : NULL;
	free(joined);
	return all;
}

/* Takes the request; file: destination or source, NULL: none named. */
static int add_one(
	struct adding *a, transfer_request *request_take, const char *file, bool is_upload)
{
	struct transfer_task_spec *spec = &a->specs[a->n];
	char *path = file && *file ? request_absolute(file)
		: is_upload        ? NULL
				   : default_file(a, transfer_request_get_url(request_take));

	if (!path) {
		transfer_request_unref(request_take);
		return bad_line(a, is_upload ? "the upload names no file" : "out of memory");
	}
	*spec = (struct transfer_task_spec){ .size = sizeof(*spec), .request = request_take };
	spec->kind = is_upload ? TRANSFER_TASK_UPLOAD : TRANSFER_TASK_DOWNLOAD;
	a->sources[a->n] = NULL;
	if (is_upload) {
		a->sources[a->n] = path;
		spec->source_path = path;
	} else {
		transfer_request_set_destination(request_take, path, a->ctx->options.may_overwrite);
		free(path);
	}
	a->n++;
	return a->n == TRANSFER_MANAGER_MAX_TASKS ? send_off(a) : 0;
}

static int add_text(struct adding *a, char *text)
{
	char *tab = strchr(text, '\t');
	transfer_request *request;

	if (tab)
		*tab = 0;
	request = request_new(a->ctx, &a->defaults, text);
	if (!request)
		return EXIT_CODE_FAILED;
	return add_one(a, request, tab ? tab + 1 : NULL, a->ctx->options.is_upload);
}

static const char *text_of(json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static void apply_json(transfer_request *request, json_t *o)
{
	const char *checksum = text_of(o, "checksum"),
		   *colon = checksum ? strchr(checksum, ':') : NULL, *name;
	json_t *priority = json_object_get(o, "priority"), *value;
	char algorithm[16];

	if (text_of(o, "method"))
		transfer_request_set_method(request, text_of(o, "method"));
	if (text_of(o, "description"))
		transfer_request_set_description(request, text_of(o, "description"));
	if (json_is_number(priority))
		transfer_request_set_priority(request, json_number_value(priority));
	if (colon && (size_t)(colon - checksum) < sizeof(algorithm)) {
		memcpy(algorithm, checksum, (size_t)(colon - checksum));
		algorithm[colon - checksum] = 0;
		transfer_request_set_checksum(request, algorithm, colon + 1);
	}
	json_object_foreach(json_object_get(o, "headers"), name, value) if (json_is_string(value))
		transfer_request_add_header(request, name, json_string_value(value));
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
	bool is_upload;
	int r;

	if (!json_is_object(o) || !text_of(o, "url") || !has_only_known_keys(o)) {
		r = bad_line(a,
			!o                           ? why.text
				: !text_of(o, "url") ? "there is no \"url\""
						     : "unknown key");
		json_decref(o);
		return r;
	}
	is_upload = a->ctx->options.is_upload || text_of(o, "source");
	request = request_new(a->ctx, &a->defaults, text_of(o, "url"));
	if (!request) {
		json_decref(o);
		return EXIT_CODE_FAILED;
	}
	apply_json(request, o);
	r = add_one(a, request, text_of(o, is_upload ? "source" : "destination"), is_upload);
	json_decref(o);
	return r;
}

static int read_list(struct adding *a, FILE *file)
{
	char *text = NULL;
	size_t size = 0;
	ssize_t n;
	int r = 0;

	a->first_line = 1;
	while (r == 0 && (n = getline(&text, &size, file)) >= 0) {
		a->line++;
		while (n && (text[n - 1] == '\n' || text[n - 1] == '\r'))
			text[--n] = 0;
		if (!n || text[0] == '#')
			continue;
		r = text[0] == '{' ? add_json(a, text) : add_text(a, text);
	}
	free(text);
	if (r == 0 && ferror(file))
		r = ctx_fail(
			a->ctx, EXIT_CODE_FILE, NULL, "cannot read the list: %s", strerror(errno));
	return r ? r : send_off(a);
}

int cmd_add(struct ctx *ctx, int argc, char **argv)
{
	const char *input = ctx->options.input ? ctx->options.input : argc ? argv[0] : "-";
	FILE *file = strcmp(input, "-") == 0 ? stdin : fopen(input, "re");
	struct adding *a;
	int r;

	if (!file)
		return ctx_fail(
			ctx, EXIT_CODE_FILE, NULL, "cannot read %s: %s", input, strerror(errno));
	a = calloc(1, sizeof(*a));
	r = a ? request_defaults_init(ctx, &a->defaults)
	      : ctx_fail(ctx, EXIT_CODE_FAILED, NULL, "out of memory");
	if (r == 0) {
		a->ctx = ctx;
		a->json = ctx->term.json != OPTIONS_JSON_OFF ? json_array() : NULL;
		r = request_open_session(ctx, &a->session);
		if (r == 0)
			r = read_list(a, file);
		if (r == 0)
			ctx_note(ctx, "%zu task%s queued.", a->n_all, a->n_all == 1 ? "" : "s");
		if (a->json)
			view_print_json(ctx, a->json);
		forget(a);
		request_defaults_done(&a->defaults);
	}
	if (file != stdin)
		fclose(file);
	free(a);
	return r;
}
