/* SPDX-License-Identifier: MIT */
/* get and put: make the tasks, then watch them, or return at once with -d. */
#include "cli/command.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/follow.h"
#include "cli/request.h"
#include "cli/view.h"

/* The specs of one command line, and what they point to. */
struct batch {
	struct transfer_task_spec *specs;
	char **sources;
	uint64_t *ids;
	size_t n, room;
};

static void batch_done(struct batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		transfer_request_unref((transfer_request *)b->specs[i].request);
		free(b->sources[i]);
	}
	free(b->specs);
	free(b->sources);
	free(b->ids);
}

static int batch_init(struct ctx *ctx, struct batch *b, size_t room)
{
	*b = (struct batch){ .room = room };
	b->specs = calloc(room, sizeof(*b->specs));
	b->sources = calloc(room, sizeof(*b->sources));
	b->ids = calloc(room, sizeof(*b->ids));
	if (b->specs && b->sources && b->ids)
		return 0;
	free(b->specs);
	free(b->sources);
	free(b->ids);
	return ctx_fail(ctx, EXIT_CODE_FAILED, NULL, "out of memory");
}

static void batch_add(struct batch *b, transfer_request *request_take, char *source_take)
{
	b->sources[b->n] = source_take;
	b->specs[b->n] = (struct transfer_task_spec){
		.size = sizeof(struct transfer_task_spec),
		.kind = source_take ? TRANSFER_TASK_UPLOAD : TRANSFER_TASK_DOWNLOAD,
		.request = request_take,
		.source_path = source_take,
	};
	b->n++;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Where the i-th download goes: its -o FILE; else its own name in the folder of -o or -O, or here. The caller frees. */
static char *destination_of(const struct ctx *ctx, const char *url, size_t i)
{
	const struct options_list *outputs = &ctx->options.outputs;
	const char *folder = ctx->options.output_folder;

	if (i < outputs->n && !request_is_folder(outputs->items[i])) {
		if (folder && outputs->items[i][0] != '/')
			return request_join(folder, outputs->items[i]);
		return request_absolute(outputs->items[i]);
	}
	if (outputs->n == 1 && request_is_folder(outputs->items[0]))
		folder = outputs->items[0];
	else if (i < outputs->n)
		folder = outputs->items[i];
	return request_in_folder(folder, url);
}

/* Two downloads cannot become the same file. */
static int check_destinations(struct ctx *ctx, const struct batch *b)
{
	const char **names = calloc(b->n + 1, sizeof(*names));
	int r = 0;

	if (!names)
		return ctx_fail(ctx, EXIT_CODE_FAILED, NULL, "out of memory");
	for (size_t i = 0; i < b->n; i++)
		names[i] = transfer_request_get_destination(b->specs[i].request);
	qsort(names, b->n, sizeof(*names), compare_names);
	for (size_t i = 1; i < b->n && r == 0; i++)
		if (strcmp(names[i - 1], names[i]) == 0)
			r = ctx_fail(ctx, EXIT_CODE_USAGE, "give each its own name with -o.",
				"two of the URLs would be saved as %s", names[i]);
	free(names);
	return r;
}

static int create(struct ctx *ctx, struct batch *b)
{
	transfer_auto(transfer_error) error = NULL;
	struct transfer_batch batch = { .size = sizeof(batch),
		.specs = b->specs,
		.n_specs = b->n,
		.start = !ctx->options.is_suspended };
	const char *url;
	size_t n_made;
	int r = request_open_session(ctx, &batch.session);

	if (r)
		return r;
	if (!transfer_manager_create_tasks(ctx->manager, &batch, b->ids, &n_made, &error))
		return 0;
	url = error ? transfer_error_get_failing_url(error) : NULL;
	if (!url && b->n == 1)
		url = transfer_request_get_url(b->specs[0].request);
	return ctx_fail_error(ctx, url, error);
}

static void print_ids(const struct ctx *ctx, const struct batch *b)
{
	json_t *all;

	if (ctx->term.json == OPTIONS_JSON_OFF) {
		for (size_t i = 0; i < b->n; i++)
			printf("%llu\n", (unsigned long long)b->ids[i]);
		return;
	}
	all = json_array();
	for (size_t i = 0; i < b->n; i++)
		json_array_append_new(all,
			json_pack("{s:I, s:s}", "id", (json_int_t)b->ids[i], "url",
				transfer_request_get_url(b->specs[i].request)));
	view_print_json(ctx, all);
}

/* With --quiet, JSON or a pipe: the paths of finished downloads on stdout. */
static int print_results(struct ctx *ctx, const struct batch *b)
{
	json_t *all = json_array();

	for (size_t i = 0; i < b->n; i += TRANSFER_MANAGER_MAX_TASKS) {
		struct transfer_task_filter filter = { TRANSFER_TASK_FILTER_INIT,
			.include_finished = true };
		transfer_auto(transfer_task_list) list = NULL;

		filter.ids = b->ids + i;
		filter.n_ids = b->n - i < TRANSFER_MANAGER_MAX_TASKS ? b->n - i
								     : TRANSFER_MANAGER_MAX_TASKS;
		if (transfer_manager_list_tasks(ctx->manager, &filter, NULL, &list, NULL))
			continue;
		for (size_t k = 0; k < transfer_task_list_get_size(list); k++) {
			const struct transfer_task_row *row = transfer_task_list_get(list, k);
			const char *path = row->path ? row->path : row->destination;

			if (ctx->term.json != OPTIONS_JSON_OFF)
				json_array_append_new(all, view_json(row));
			else if (row->kind == TRANSFER_TASK_DOWNLOAD &&
				view_exit_code(row) == EXIT_CODE_OK && path &&
				(ctx->options.is_quiet || !ctx->term.out_is_tty))
				puts(path);
		}
	}
	if (ctx->term.json != OPTIONS_JSON_OFF)
		view_print_json(ctx, json_incref(all));
	json_decref(all);
	return 0;
}

/* The bars or lines have said why; what can be done about it they have not. */
static void say_hint(const struct ctx *ctx, const struct transfer_task_row *row, bool is_only)
{
	const char *hint = ctx_hint(row->error);

	if (!is_only)
		return;
	if (hint)
		ctx_note(ctx, "Hint: %s%s", hint, hint[strlen(hint) - 1] == '.' ? "" : ".");
	else if (row->error && row->is_resumable && row->received_bytes > 0)
		ctx_note(ctx, "Hint: \"transferctl retry %llu\" goes on from what is here.",
			(unsigned long long)row->id);
	else if (row->error)
		ctx_note(ctx, "Hint: \"transferctl status %llu\" tells more.",
			(unsigned long long)row->id);
}

/* With bars off, failures must still be heard. */
static void say_failure(struct ctx *ctx, const struct transfer_task_row *row)
{
	char status[VIEW_STATUS_BYTES], *url = view_url(row->url);

	if (row->error)
		ctx_fail_error(ctx, url, row->error);
	else
		ctx_fail(ctx, EXIT_CODE_REFUSED, NULL, "%s: the server answered %s", url,
			view_status(row, status));
	free(url);
}

static void say_failures(struct ctx *ctx, const struct batch *b, bool is_only)
{
	struct transfer_task_filter filter = { TRANSFER_TASK_FILTER_INIT,
		.include_finished = true };
	transfer_auto(transfer_task_list) list = NULL;

	filter.ids = b->ids;
	filter.n_ids = b->n < TRANSFER_MANAGER_MAX_TASKS ? b->n : TRANSFER_MANAGER_MAX_TASKS;
	if (transfer_manager_list_tasks(ctx->manager, &filter, NULL, &list, NULL))
		return;
	for (size_t i = 0; i < transfer_task_list_get_size(list); i++) {
		const struct transfer_task_row *row = transfer_task_list_get(list, i);

		if (!view_is_finished(row) || view_exit_code(row) == EXIT_CODE_OK)
			continue;
		if (ctx->term.progress == OPTIONS_PROGRESS_NONE)
			say_failure(ctx, row);
		else
			say_hint(ctx, row, is_only);
	}
}

static void cancel_all(struct ctx *ctx, const struct batch *b)
{
	struct transfer_steering steering = { .size = sizeof(steering),
		.verb = TRANSFER_VERB_CANCEL };

	steering.ids = b->ids;
	steering.n_ids = b->n;
	steering.flags = TRANSFER_STEER_DELETE_PARTIAL;
	transfer_manager_steer(ctx->manager, &steering, NULL, NULL);
	ctx_note(ctx, "Cancelled.");
}

/* After the tasks exist: print and leave, or follow them to the end. */
static int finish(struct ctx *ctx, struct batch *b)
{
	struct follow follow = { .ids = b->ids, .n_ids = b->n };
	struct follow_end end;
	int r;

	if (ctx->options.is_detached || ctx->options.is_suspended) {
		print_ids(ctx, b);
		return EXIT_CODE_OK;
	}
	r = follow_run(ctx, &follow, &end);
	if (r)
		return r;
	if (end.was_interrupted && ctx->options.cancel_on_interrupt)
		cancel_all(ctx, b);
	else if (end.was_interrupted)
		follow_say_detached(ctx, &end);
	else if (end.code == EXIT_CODE_TIMEOUT)
		return ctx_fail(ctx, EXIT_CODE_TIMEOUT,
			"the transfer goes on in the background; see \"transferctl list\".",
			"not finished within the time given");
	else
		print_results(ctx, b);
	if (end.n_failed && !end.was_interrupted)
		say_failures(ctx, b, end.n_failed == 1);
	return (int)end.code;
}

static int dry_run(struct ctx *ctx, const struct batch *b)
{
	json_t *all = json_array();

	for (size_t i = 0; i < b->n; i++) {
		const char *url = transfer_request_get_url(b->specs[i].request);
		const char *to = transfer_request_get_destination(b->specs[i].request);

		if (ctx->term.json != OPTIONS_JSON_OFF)
			json_array_append_new(all,
				json_pack("{s:s, s:s?, s:s?}", "url", url, "source", b->sources[i],
					"destination", b->sources[i] ? NULL : to));
		else
			printf("%s -> %s\n", b->sources[i] ? b->sources[i] : url,
				b->sources[i] ? url : to);
	}
	if (ctx->term.json != OPTIONS_JSON_OFF)
		view_print_json(ctx, all);
	else
		json_decref(all);
	return EXIT_CODE_OK;
}

static int run_batch(struct ctx *ctx, struct batch *b)
{
	int r;

	if (ctx->options.is_dry_run)
		return dry_run(ctx, b);
	r = create(ctx, b);
	return r ? r : finish(ctx, b);
}

static int add_download(
	struct ctx *ctx, struct batch *b, const struct request_defaults *defaults, const char *url)
{
	char *destination = destination_of(ctx, url, b->n);
	transfer_request *request;
	int r = EXIT_CODE_FAILED;

	if (!request_is_url(url)) {
		free(destination);
		return request_bad_url(ctx, url);
	}
	if (!destination)
		return ctx_fail(ctx, r, NULL, "out of memory");
	if (!ctx->options.may_overwrite && access(destination, F_OK) == 0) {
		r = ctx_fail(ctx, EXIT_CODE_FILE, "pass --overwrite to replace it, or another -o.",
			"%s exists", destination);
		free(destination);
		return r;
	}
	request = request_new(ctx, defaults, url);
	if (request) {
		transfer_request_set_destination(request, destination, ctx->options.may_overwrite);
		batch_add(b, request, NULL);
		r = 0;
	}
	free(destination);
	return r;
}

int cmd_get(struct ctx *ctx, int argc, char **argv)
{
	struct request_defaults defaults;
	struct batch b;
	int r;

	if (argc == 0)
		return ctx_fail(ctx, EXIT_CODE_USAGE, "transferctl get https://example.org/file",
			"get needs a URL");
	if (ctx->options.outputs.n > (size_t)argc)
		return ctx_fail(ctx, EXIT_CODE_USAGE,
			"the first -o is for the first URL, and so on.",
			"there are more -o than URLs");
	if (ctx->options.output_folder && !request_is_folder(ctx->options.output_folder))
		return ctx_fail(ctx, EXIT_CODE_USAGE, "make the folder first.", "%s is no folder",
			ctx->options.output_folder);
	r = request_defaults_init(ctx, &defaults);
	if (r)
		return r;
	r = batch_init(ctx, &b, (size_t)argc);
	for (int i = 0; i < argc && r == 0; i++)
		r = add_download(ctx, &b, &defaults, argv[i]);
	if (r == 0)
		r = check_destinations(ctx, &b);
	if (r == 0)
		r = run_batch(ctx, &b);
	batch_done(&b);
	request_defaults_done(&defaults);
	return r;
}

/* url, with the file's name added when it ends with a slash; the caller frees. */
static char *target_of(const char *url, const char *path)
{
	const char *name = strrchr(path, '/');
	char *target, *t;

	name = name ? name + 1 : path;
	target = malloc(strlen(url) + 3 * strlen(name) + 1);
	if (!target)
		return NULL;
	t = stpcpy(target, url);
	if (t == target || t[-1] != '/')
		return target;
	for (; *name; name++) {
		if (isalnum((unsigned char)*name) || strchr("-._~", *name))
			*t++ = *name;
		else
			t += snprintf(t, 4, "%%%02X", (unsigned char)*name);
	}
	*t = 0;
	return target;
}

static int add_upload(struct ctx *ctx, struct batch *b, const struct request_defaults *defaults,
	const char *url, const char *path)
{
	char *target, *source;
	transfer_request *request;

	if (access(path, R_OK))
		return ctx_fail(
			ctx, EXIT_CODE_FILE, NULL, "cannot read %s: %s", path, strerror(errno));
	if (request_is_folder(path))
		return ctx_fail(ctx, EXIT_CODE_FILE, NULL, "%s is a folder", path);
	target = target_of(url, path);
	source = request_absolute(path);
	request = target && source ? request_new(ctx, defaults, target) : NULL;
	free(target);
	if (!request) {
		free(source);
		return EXIT_CODE_FAILED;
	}
	batch_add(b, request, source);
	return 0;
}

int cmd_put(struct ctx *ctx, int argc, char **argv)
{
	struct request_defaults defaults;
	const char *url = argc ? argv[argc - 1] : "";
	struct batch b;
	int r;

	if (argc < 2)
		return ctx_fail(ctx, EXIT_CODE_USAGE,
			"transferctl put report.pdf https://example.org/inbox/",
			"put needs a file and a URL");
	if (argc > 2 && url[strlen(url) - 1] != '/')
		return ctx_fail(ctx, EXIT_CODE_USAGE,
			"end the URL with a slash; each file's name is added.",
			"several files need a folder to go to");
	if (!request_is_url(url))
		return request_bad_url(ctx, url);
	r = request_defaults_init(ctx, &defaults);
	if (r)
		return r;
	r = batch_init(ctx, &b, (size_t)argc);
	for (int i = 0; i + 1 < argc && r == 0; i++)
		r = add_upload(ctx, &b, &defaults, url, argv[i]);
	if (r == 0)
		r = run_batch(ctx, &b);
	batch_done(&b);
	request_defaults_done(&defaults);
	return r;
}
