/* SPDX-License-Identifier: MIT */
/*
 * fetch: an answer to standard output as it comes, for people and pipes. It belongs to this program: what is not read waits
 * at the server, and with the program goes the transfer.
 */
#include "cli/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <transfer/transfer.h>

#include "cli/format.h"
#include "cli/now.h"
#include "cli/place.h"
#include "cli/request.h"
#include "cli/view.h"

#define FETCH_BLOCK_BYTES  (256u * 1024)
#define FETCH_DRAW_US      100000
#define FETCH_BAR_COLUMNS  30
#define FETCH_FIRST_STATUS 400 /* that is a refusal */

struct fetch {
	struct ctx *ctx;
	const char *url;
	char *shown; /* without password */
	transfer_session *session;
	transfer_request *request;
	transfer_reader *reader;
	struct place place; /* fd -1: standard output */
	bool has_progress;
	uint64_t begun_us, drawn_us, n_bytes;
	char *block;
};

static void on_interrupt(int number)
{
	term_restore();
	signal(number, SIG_DFL);
	raise(number);
}

static int out_of_memory(const struct ctx *ctx)
{
	return ctx_fail(ctx, EXIT_CODE_FAILED, NULL, "out of memory");
}

/* ---- the request ---- */

static int set_body_from(struct fetch *f, const char *path)
{
	transfer_auto(transfer_body) body = NULL;
	char *absolute = NULL;

	if (strcmp(path, "-") == 0) {
		body = transfer_body_new_fd(STDIN_FILENO, TRANSFER_SIZE_UNKNOWN);
		if (!body)
			return ctx_fail(f->ctx, EXIT_CODE_FILE, NULL,
				"cannot read standard input: %s", strerror(errno));
	} else if (access(path, R_OK)) {
		return ctx_fail(
			f->ctx, EXIT_CODE_FILE, NULL, "cannot read %s: %s", path, strerror(errno));
	} else {
		absolute = request_absolute(path);
		body = absolute ? transfer_body_new_file(absolute) : NULL;
		free(absolute);
	}
	if (!body)
		return out_of_memory(f->ctx);
	transfer_request_set_body_stream(f->request, body);
	return 0;
}

/* All with & between them, as forms have it. */
static int set_body_text(struct fetch *f)
{
	const struct options_list *data = &f->ctx->options.data;
	transfer_auto(transfer_data) body = NULL;
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);

	if (!stream)
		return out_of_memory(f->ctx);
	for (size_t i = 0; i < data->n; i++)
		fprintf(stream, "%s%s", i ? "&" : "", data->items[i]);
	if (fclose(stream) == 0)
		body = transfer_data_new_copy(text, size);
	free(text);
	if (!body)
		return out_of_memory(f->ctx);
	transfer_request_set_body(f->request, body);
	return 0;
}

static int set_body(struct fetch *f)
{
	const struct options_list *data = &f->ctx->options.data;

	for (size_t i = 0; i < data->n; i++)
		if (data->items[i][0] == '@' && data->n > 1)
			return ctx_fail(f->ctx, EXIT_CODE_USAGE, "join the parts into one file.",
				"--data=%s goes alone", data->items[i]);
	if (!data->n)
		return 0;
	if (!f->ctx->options.method)
		transfer_request_set_method(f->request, "POST");
	return data->items[0][0] == '@' ? set_body_from(f, data->items[0] + 1) : set_body_text(f);
}

static int make_request(struct fetch *f)
{
	struct request_defaults defaults;
	int r = request_defaults_init(f->ctx, &defaults);

	if (r)
		return r;
	f->request = request_new(f->ctx, &defaults, f->url);
	request_defaults_done(&defaults);
	if (!f->request)
		return EXIT_CODE_FAILED;
	if (f->ctx->options.only_head && !f->ctx->options.method)
		transfer_request_set_method(f->request, "HEAD");
	return set_body(f);
}

/* ---- the session: of this program, and of nobody else ---- */

static void on_redirect(transfer_session *session, transfer_task *task,
	const transfer_response *response, const transfer_request *request,
	transfer_redirect *answer, void *userdata)
{
	(void)session;
	(void)task;
	(void)response;
	(void)request;
	(void)userdata;
	transfer_redirect_refuse(answer);
}

static int open_session(struct fetch *f)
{
	static const struct transfer_session_delegate delegate = {
		TRANSFER_SESSION_DELEGATE_INIT,
		.task_will_redirect = on_redirect,
	};
	const struct transfer_owner owner = {
		TRANSFER_OWNER_INIT,
		.delegate = f->ctx->options.no_redirect ? &delegate : NULL,
	};
	transfer_auto(transfer_config) config = transfer_config_new_ephemeral();
	transfer_auto(transfer_client) client = NULL;
	transfer_auto(transfer_error) error = NULL;
	uint64_t flags = f->ctx->options.is_system ? TRANSFER_CLIENT_SYSTEM : 0;

	if (!config)
		return out_of_memory(f->ctx);
	transfer_config_set_cache(config, NULL); /* what is asked for is fetched */
	if (transfer_client_new(&client, flags, &error))
		return ctx_fail_unreachable(f->ctx, error);
	if (transfer_session_new(&f->session, client, config, &owner, &error))
		return ctx_fail_error(f->ctx, NULL, error);
	return 0;
}

/* ---- the head ---- */

static int print_field(const char *name, const char *value, void *userdata)
{
	char *safe = format_safe(value);

	(void)userdata;
	printf("%s: %s\n", name, safe ? safe : "");
	free(safe);
	return 0;
}

static int add_field(const char *name, const char *value, void *userdata)
{
	char *safe = format_safe(value);

	json_array_append_new(userdata, json_pack("{s:s, s:s?}", "name", name, "value", safe));
	free(safe);
	return 0;
}

static void print_head_json(const struct ctx *ctx, const transfer_response *response)
{
	int64_t length = transfer_response_get_expected_length(response);
	json_t *head = view_response_json(response), *fields = json_array();

	transfer_response_foreach_header(response, add_field, fields);
	json_object_set_new(
		head, "expected_length", length < 0 ? json_null() : json_integer(length));
	json_object_set_new(head, "headers", fields);
	view_print_json(ctx, head);
}

static void print_head(const struct fetch *f, const transfer_response *response)
{
	const struct options *o = &f->ctx->options;
	const char *version = transfer_response_get_http_version(response);
	bool is_json = f->ctx->term.json != OPTIONS_JSON_OFF;
	bool is_beside = is_json && o->outputs.n && f->place.fd >= 0;

	if (!o->with_head && !o->only_head && !is_beside)
		return;
	if (is_json) {
		print_head_json(f->ctx, response);
	} else {
		if (transfer_response_get_status(response))
			printf("HTTP/%s %d\n", version ? version : "1.1",
				transfer_response_get_status(response));
		transfer_response_foreach_header(response, print_field, NULL);
		putchar('\n');
	}
	fflush(stdout);
}

/* ---- the body ---- */

static void draw(struct fetch *f, int64_t expected)
{
	uint64_t now_us = now_monotonic_us(), took_us = now_us - f->begun_us;
	char done[FORMAT_SIZE_BYTES], rate[FORMAT_SIZE_BYTES], percent[16] = "";
	double share = expected > 0 ? (double)f->n_bytes / (double)expected : -1;
	char *bar;

	if (!f->has_progress || now_us - f->drawn_us < FETCH_DRAW_US)
		return;
	f->drawn_us = now_us;
	bar = term_bar_text(&f->ctx->term, share, FETCH_BAR_COLUMNS);
	if (share >= 0)
		snprintf(percent, sizeof(percent), "%3.0f%% ", share * 100);
	fprintf(stderr, "\r%s %s%s  %s\033[K", bar ? bar : "", percent,
		format_size(f->n_bytes, f->ctx->options.is_exact, done),
		format_rate((uint64_t)((double)f->n_bytes * 1e6 / (double)(took_us ? took_us : 1)),
			f->ctx->options.is_exact, rate));
	free(bar);
}

static void end_drawing(const struct fetch *f)
{
	if (f->has_progress && f->drawn_us)
		fputs("\r\033[K", stderr);
}

/* 0 or -errno; standard output may be told not to wait, by another program that has it, too. */
static int write_all(int fd, const char *bytes, size_t size)
{
	while (size) {
		ssize_t n = write(fd, bytes, size);

		if (n < 0 && errno == EAGAIN) {
			struct pollfd wait = { .fd = fd, .events = POLLOUT };

			poll(&wait, 1, -1);
		} else if (n < 0 && errno != EINTR) {
			return -errno;
		} else if (n > 0) {
			bytes += n;
			size -= (size_t)n;
		}
	}
	return 0;
}

static int say_write(const struct fetch *f, int r)
{
	if (r == -EPIPE) /* whoever read it has enough */
		return EXIT_CODE_FAILED;
	if (r == -EEXIST)
		return ctx_fail(f->ctx, EXIT_CODE_FILE,
			"choose another name, or pass --overwrite to replace it.", "%s exists",
			f->place.path);
	return ctx_fail(f->ctx, EXIT_CODE_FILE, NULL, "cannot write %s: %s",
		f->place.fd >= 0 ? f->place.path : "the output", strerror(-r));
}

static int copy_body(struct fetch *f, int64_t expected)
{
	int fd = f->place.fd >= 0 ? f->place.fd : STDOUT_FILENO, r = 0;
	transfer_auto(transfer_error) error = NULL;
	ssize_t n;

	while ((n = transfer_reader_read(f->reader, f->block, FETCH_BLOCK_BYTES, &error)) > 0) {
		r = write_all(fd, f->block, (size_t)n);
		if (r)
			break;
		f->n_bytes += (uint64_t)n;
		draw(f, expected);
	}
	end_drawing(f);
	if (r)
		return say_write(f, r);
	return n < 0 ? ctx_fail_error(f->ctx, f->shown, error) : EXIT_CODE_OK;
}

static int run(struct fetch *f)
{
	const struct options *o = &f->ctx->options;
	transfer_auto(transfer_error) error = NULL;
	const transfer_response *response;
	int r, status;

	f->begun_us = now_monotonic_us();
	if (transfer_reader_open(f->session, f->request, &f->reader, &error))
		return ctx_fail_error(f->ctx, f->shown, error);
	response = transfer_reader_get_response(f->reader);
	status = transfer_response_get_status(response);
	if (o->is_failing && status >= FETCH_FIRST_STATUS)
		return ctx_fail(f->ctx, EXIT_CODE_REFUSED,
			"without --fail the page that came with it is printed.",
			"%s: the server answered %d", f->shown, status);
	print_head(f, response);
	r = copy_body(f, transfer_response_get_expected_length(response));
	if (r || f->place.fd < 0)
		return r;
	r = place_keep(&f->place);
	return r ? say_write(f, r) : EXIT_CODE_OK;
}

static int open_place(struct fetch *f)
{
	const struct options *o = &f->ctx->options;
	const char *name = o->outputs.n ? o->outputs.items[0] : "-";
	char *path;
	int r;

	if (o->outputs.n > 1)
		return ctx_fail(f->ctx, EXIT_CODE_USAGE, NULL, "fetch has one output");
	if (strcmp(name, "-") == 0)
		return 0;
	path = request_is_folder(name) ? request_in_folder(name, f->url) : strdup(name);
	if (!path)
		return out_of_memory(f->ctx);
	r = place_open(path, o->may_overwrite, &f->place);
	if (r == -EEXIST)
		r = ctx_fail(f->ctx, EXIT_CODE_FILE,
			"choose another name, or pass --overwrite to replace it.", "%s exists",
			path);
	else if (r)
		r = ctx_fail(
			f->ctx, EXIT_CODE_FILE, NULL, "cannot write %s: %s", path, strerror(-r));
	free(path);
	return r;
}

static int fetch(struct fetch *f)
{
	const struct ctx *ctx = f->ctx;
	int r = open_place(f);

	if (!r)
		r = make_request(f);
	if (!r)
		r = open_session(f);
	if (r)
		return r;
	f->has_progress = f->place.fd >= 0 && !f->place.is_direct && ctx->term.err_is_tty &&
		ctx->term.progress == OPTIONS_PROGRESS_BAR && !ctx->options.is_quiet &&
		ctx->term.json == OPTIONS_JSON_OFF;
	f->block = malloc(FETCH_BLOCK_BYTES);
	return f->block ? run(f) : out_of_memory(ctx);
}

int cmd_fetch(struct ctx *ctx, int argc, char **argv)
{
	struct fetch f = { .ctx = ctx, .place.fd = -1 };
	int r;

	if (argc != 1)
		return ctx_fail(ctx, EXIT_CODE_USAGE, "transferctl get takes many, and saves them.",
			"fetch needs one URL");
	f.url = argv[0];
	if (!strchr(f.url, ':'))
		return request_bad_url(ctx, f.url);
	f.shown = view_url(f.url);
	signal(SIGINT, on_interrupt);
	signal(SIGPIPE, SIG_DFL); /* whoever read it has enough: quietly */
	r = fetch(&f);
	transfer_reader_unref(f.reader);
	transfer_request_unref(f.request);
	transfer_session_unref(f.session);
	place_free(&f.place);
	free(f.block);
	free(f.shown);
	return r;
}
