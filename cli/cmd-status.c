/* SPDX-License-Identifier: MIT */
/* status: a page for people about each task, or about the service. */
#include "cli/command.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/format.h"
#include "cli/idle.h"
#include "cli/journal.h"
#include "cli/now.h"
#include "cli/pages.h"
#include "cli/select.h"
#include "cli/view.h"

#define STATUS_INDENT           14
#define STATUS_LINES            10 /* of the journal, for each task */
#define STATUS_SERVICE_US       UINT64_C(86400000000)
#define STATUS_PAGES_WITH_LINES 16

/* Words go on below the first one, so that a name column stands out; a word that is too long is left to the terminal. */
static void print_words(const struct ctx *ctx, const char *text)
{
	size_t room = term_columns(stdout) - STATUS_INDENT;

	while (ctx->term.out_is_tty && format_width(text) > room && room < 1000) {
		size_t n = format_prefix(text, room);

		while (n > 0 && text[n] != ' ')
			n--;
		if (!n)
			break;
		printf("%.*s\n%*s", (int)n, text, STATUS_INDENT, "");
		text += n + 1;
	}
	puts(text);
}

static void line(const struct ctx *ctx, const char *name, const char *value)
{
	char *safe;

	if (!value || !*value)
		return;
	safe = format_safe(value);
	printf("%12s: ", name);
	print_words(ctx, safe ? safe : "");
	free(safe);
}

static void status_state(
	const struct ctx *ctx, const struct transfer_task_row *row, uint64_t now_us)
{
	char text[256], ago[FORMAT_SPAN_BYTES], span[FORMAT_SPAN_BYTES], why[VIEW_WHY_BYTES];
	uint64_t took_us = view_took_us(row);

	view_why(row, now_us, why);
	if (view_is_finished(row))
		snprintf(text, sizeof(text), "%s %s, %u attempt%s%s%s", view_word(row),
			format_ago(row->finished_wall_usec, now_us, ago), row->n_attempts,
			row->n_attempts == 1 ? "" : "s", took_us ? " in " : "",
			took_us ? format_span(took_us, span) : "");
	else
		snprintf(text, sizeof(text), "%s%s%s, %u attempt%s", view_word(row),
			*why ? ": " : "", why, row->n_attempts, row->n_attempts == 1 ? "" : "s");
	line(ctx, "State", text);
}

static void status_done(const struct ctx *ctx, const struct transfer_task_row *row)
{
	char done[FORMAT_SIZE_BYTES], all[FORMAT_SIZE_BYTES], rate[FORMAT_SIZE_BYTES],
		eta[FORMAT_SPAN_BYTES], text[200];
	int64_t total = view_total_bytes(row);
	uint64_t took_us = view_took_us(row);
	size_t used;

	format_size(view_done_bytes(row), ctx->options.is_exact, done);
	if (total >= 0)
		used = (size_t)snprintf(text, sizeof(text), "%s of %s (%.0f%%)", done,
			format_size((uint64_t)total, ctx->options.is_exact, all),
			total ? (double)view_done_bytes(row) * 100 / (double)total : 100.0);
	else
		used = (size_t)snprintf(text, sizeof(text), "%s, size unknown", done);
	if (view_is_finished(row) && took_us && view_done_bytes(row) && used < sizeof(text))
		used += (size_t)snprintf(text + used, sizeof(text) - used, ", average %s",
			format_rate(
				(uint64_t)((double)view_done_bytes(row) * 1e6 / (double)took_us),
				ctx->options.is_exact, rate));
	if (view_rate_bps(row) && !view_is_finished(row) && used < sizeof(text))
		used += (size_t)snprintf(text + used, sizeof(text) - used, ", %s",
			format_rate(view_rate_bps(row), ctx->options.is_exact, rate));
	if (row->eta_usec != UINT64_MAX && !view_is_finished(row) && used < sizeof(text))
		snprintf(text + used, sizeof(text) - used, ", %s left",
			format_span(row->eta_usec, eta));
	line(ctx, row->kind == TRANSFER_TASK_UPLOAD ? "Sent" : "Done", text);
}

static void status_error(const struct ctx *ctx, const char *name, const transfer_error *error)
{
	const transfer_error *under = error ? transfer_error_get_underlying(error) : NULL;
	char text[400];

	if (!error)
		return;
	/* its own words are often those of what stands behind it */
	if (under &&
		strcmp(transfer_error_get_message(under), transfer_error_get_message(error)) == 0)
		under = NULL;
	snprintf(text, sizeof(text), "%s (%d): %s%s%s", transfer_error_get_name(error),
		transfer_error_get_code(error), transfer_error_get_message(error),
		under ? ": " : "", under ? transfer_error_get_message(under) : "");
	line(ctx, name, text);
}

static void status_hint(const struct transfer_task_row *row)
{
	char kept[FORMAT_SIZE_BYTES];

	if (row->error && row->is_resumable && row->received_bytes > 0)
		printf("\nHint: \"transferctl retry %llu\" continues at %s.\n",
			(unsigned long long)row->id,
			format_size((uint64_t)row->received_bytes, false, kept));
	else if (row->error)
		printf("\nHint: \"transferctl retry %llu\" tries again from the start.\n",
			(unsigned long long)row->id);
	else if (row->sub_state == TRANSFER_SUB_STATE_SUSPENDED)
		printf("\nHint: \"transferctl resume %llu\" lets it go on.\n",
			(unsigned long long)row->id);
}

static void status_response(const struct ctx *ctx, const struct transfer_task_row *row)
{
	bool is_verified;
	char text[192];
	const char *mime;

	if (!row->response)
		return;
	mime = transfer_response_get_mime_type(row->response);
	is_verified = transfer_response_is_length_verified(row->response);
	snprintf(text, sizeof(text), "HTTP/%s %d%s%s%s",
		transfer_response_get_http_version(row->response)
			? transfer_response_get_http_version(row->response)
			: "?",
		transfer_response_get_status(row->response), mime ? ", " : "", mime ? mime : "",
		is_verified ? "" : ", length unverified");
	line(ctx, "Response", text);
}

static int on_journal_line(const struct journal_line *line, void *user)
{
	bool *is_first = user;

	if (*is_first)
		putchar('\n');
	*is_first = false;
	journal_print(line);
	return 0;
}

/* The last lines about the task since it was made; id 0: of the service. */
static void status_journal(const struct ctx *ctx, uint64_t id, uint64_t since_wall_us)
{
	char since[32];
	bool is_first = true;
	struct journal_query q = { .is_system = ctx->options.is_system,
		.ids = id ? &id : NULL,
		.n_ids = id ? 1 : 0,
		.since = since,
		.n_last = STATUS_LINES };

	snprintf(since, sizeof(since), "@%llu", (unsigned long long)(since_wall_us / 1000000));
	journal_each(&q, on_journal_line, &is_first);
}

/* A value that a terminal can open: text, with href behind it. */
static void link_line(const struct ctx *ctx, const char *name, const char *text, const char *href)
{
	const char *wish = getenv("TRANSFER_URLIFY");
	bool is_wanted = !wish || (strcmp(wish, "0") != 0 && strcmp(wish, "no") != 0);
	char *safe = text && *text ? format_safe(text) : NULL;

	if (safe && ctx->term.out_is_tty && is_wanted && href && strcmp(safe, text) == 0)
		printf("%12s: \033]8;;%s\033\\%s\033]8;;\033\\\n", name, href, safe);
	else if (safe)
		printf("%12s: %s\n", name, safe);
	free(safe);
}

static void url_line(const struct ctx *ctx, const char *name, const char *url)
{
	char *clean = view_url(url);

	link_line(ctx, name, clean, clean);
	free(clean);
}

static void file_line(const struct ctx *ctx, const char *name, const char *path)
{
	char *href = NULL, *h;

	if (!path)
		return;
	href = malloc(8 + 3 * strlen(path));
	if (!href)
		return;
	h = stpcpy(href, "file://");
	for (const char *p = path; *p; p++)
		if (isalnum((unsigned char)*p) || strchr("-._~/", *p))
			*h++ = *p;
		else
			h += snprintf(h, 4, "%%%02X", (unsigned char)*p);
	*h = 0;
	link_line(ctx, name, path, path[0] == '/' ? href : NULL);
	free(href);
}

static void status_places(const struct ctx *ctx, const struct transfer_task_row *row)
{
	bool is_upload = row->kind == TRANSFER_TASK_UPLOAD;

	url_line(ctx, is_upload ? "Target" : "Source", row->url);
	if (row->current_url && row->url && strcmp(row->current_url, row->url) != 0)
		url_line(ctx, "Now at", row->current_url);
	file_line(ctx, "File",
		is_upload                  ? row->source
			: row->destination ? row->destination
					   : row->path);
	if (!is_upload && row->path && row->destination && view_done_bytes(row) &&
		strcmp(row->path, row->destination) != 0)
		file_line(ctx, "Partly in", row->path);
}

static void status_dates(
	const struct ctx *ctx, const struct transfer_task_row *row, uint64_t now_us)
{
	char text[FORMAT_DATE_BYTES];

	line(ctx, "Created", format_date(row->created_wall_usec, text));
	if (row->started_wall_usec)
		line(ctx, "Started", format_date(row->started_wall_usec, text));
	if (row->finished_wall_usec)
		line(ctx, "Finished", format_date(row->finished_wall_usec, text));
	if (row->not_before_wall_usec > now_us)
		line(ctx, "Not before", format_date(row->not_before_wall_usec, text));
}

static void status_digest(const struct ctx *ctx, const struct transfer_task_row *row)
{
	char digest[200];

	if (!row->digest_hex)
		return;
	snprintf(digest, sizeof(digest), "%s:%s", row->digest_algorithm, row->digest_hex);
	line(ctx, "Digest", digest);
}

static void status_task(
	const struct ctx *ctx, const struct transfer_task_row *row, bool with_journal)
{
	char text[32], *url = view_url(row->url), *name = format_safe(row->name ? row->name : url);
	uint64_t now_us = now_wall_us();

	printf("%s%s%s %llu %s\n", term_color(&ctx->term, view_color(row)),
		view_mark(&ctx->term, row), term_color(&ctx->term, TERM_PLAIN),
		(unsigned long long)row->id, name ? name : "");
	free(name);
	free(url);
	snprintf(text, sizeof(text), "(%s)", transfer_session_kind_get_name(row->session_kind));
	printf("%12s: %s %s\n", "Session", row->session ? row->session : "-", text);
	line(ctx, "Note", row->description);
	status_state(ctx, row, now_us);
	status_places(ctx, row);
	status_done(ctx, row);
	status_response(ctx, row);
	status_digest(ctx, row);
	status_error(ctx, "Error", row->error);
	status_error(ctx, "Last error", row->error ? NULL : row->last_error);
	if (row->kind == TRANSFER_TASK_DOWNLOAD && !view_is_finished(row) && row->response)
		line(ctx, "Resumes",
			row->is_resumable ? "yes, from the bytes that are here"
					  : "no, it would start over");
	status_dates(ctx, row, now_us);
	if (with_journal)
		status_journal(ctx, row->id, row->created_wall_usec);
	status_hint(row);
}

static int status_page(struct ctx *ctx, transfer_task_list *list, void *user)
{
	size_t *n = user;

	for (size_t i = 0; i < transfer_task_list_get_size(list); i++) {
		if ((*n)++)
			putchar('\n');
		status_task(ctx, transfer_task_list_get(list, i), *n <= STATUS_PAGES_WITH_LINES);
	}
	return 0;
}

static void service_json(const struct ctx *ctx, const struct transfer_service *s)
{
	view_print_json(ctx,
		json_pack("{s:b, s:s, s:s, s:s, s:s, s:I, s:I, s:i, s:i, s:i, s:i}", "running", 1,
			"version", s->version, "metered", s->metered, "mode",
			s->is_paused ? "paused" : "running", "network", s->network_state,
			"max_download_rate", (json_int_t)s->max_download_rate_bps,
			"max_upload_rate", (json_int_t)s->max_upload_rate_bps, "max_active_tasks",
			(int)s->max_active_tasks, "max_connections_per_host",
			(int)s->max_connections_per_host, "active_tasks", (int)s->n_active_tasks,
			"queued_tasks", (int)s->n_queued_tasks));
}

static int status_service(struct ctx *ctx)
{
	struct transfer_service s = { .size = sizeof(s) };
	transfer_auto(transfer_error) error = NULL;
	char down[FORMAT_SIZE_BYTES], up[FORMAT_SIZE_BYTES];

	int r = ctx_connect(ctx);

	if (r)
		return r;
	if (idle_is(ctx)) {
		if (ctx->term.json != OPTIONS_JSON_OFF)
			view_print_json(ctx,
				json_pack("{s:b, s:n, s:n, s:i, s:i}", "running", 0, "version",
					"mode", "active_tasks", 0, "queued_tasks", 0));
		return EXIT_CODE_OK;
	}
	if (transfer_manager_get_service(ctx->manager, &s, &error))
		return ctx_fail_error(ctx, NULL, error);
	if (ctx->term.json != OPTIONS_JSON_OFF) {
		service_json(ctx, &s);
		return EXIT_CODE_OK;
	}
	printf("%s transferd %s\n", ctx->term.is_utf8 ? "●" : "*", s.version);
	printf("%12s: %s\n", "Mode",
		s.is_paused ? "paused (\"transferctl limit mode=running\" goes on)" : "running");
	printf("%12s: %s\n", "Network", s.network_state);
	if (strcmp(s.metered, "unknown") != 0)
		printf("%12s: %s\n", "Metered", s.metered);
	printf("%12s: %u running, %u queued\n", "Tasks", s.n_active_tasks, s.n_queued_tasks);
	printf("%12s: down %s, up %s, %u at once, %u connections for each host\n", "Limits",
		s.max_download_rate_bps ? format_rate(s.max_download_rate_bps, false, down)
					: "none",
		s.max_upload_rate_bps ? format_rate(s.max_upload_rate_bps, false, up) : "none",
		s.max_active_tasks, s.max_connections_per_host);
	status_journal(ctx, 0, now_wall_us() - STATUS_SERVICE_US);
	return EXIT_CODE_OK;
}

static bool has_filter(const struct ctx *ctx)
{
	const struct options *o = &ctx->options;

	return o->is_all || o->states || o->kinds || o->session;
}

int cmd_status(struct ctx *ctx, int argc, char **argv)
{
	struct select select;
	size_t n = 0;
	int r;

	if (argc == 0 && !has_filter(ctx))
		return status_service(ctx);
	ctx->can_start = true;
	r = select_parse(ctx, argc, argv, &select);
	if (r)
		return r;
	if (ctx->term.json != OPTIONS_JSON_OFF) {
		r = pages_print_json(ctx, &select);
	} else {
		r = select_each_page(ctx, &select, status_page, &n);
		if (r == 0 && (n == 0 || select.n_missing))
			r = pages_none_found(ctx, &select);
	}
	select_done(&select);
	return r;
}
