/* SPDX-License-Identifier: MIT */
/* One table says how each sub-state looks; everything else reads rows. */
#include "cli/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/format.h"

static const struct {
	enum transfer_task_sub_state sub_state;
	const char *utf8, *ascii, *word;
	enum term_color color;
	const char *why; /* NULL: it does not wait */
} looks[VIEW_LOOKS] = {
	{ TRANSFER_SUB_STATE_SUSPENDED, "◌", "-", "suspended", TERM_GREY, NULL },
	{ TRANSFER_SUB_STATE_QUEUED, "○", "o", "queued", TERM_PLAIN, "waits for a slot" },
	{ TRANSFER_SUB_STATE_CONNECTING, "●", "*", "connecting", TERM_GREEN, NULL },
	{ TRANSFER_SUB_STATE_TRANSFERRING, "●", "*", "running", TERM_GREEN, NULL },
	{ TRANSFER_SUB_STATE_FINISHING, "●", "*", "finishing", TERM_GREEN, NULL },
	{ TRANSFER_SUB_STATE_WAITING_NETWORK, "○", "~", "waiting", TERM_YELLOW,
		"network unreachable, goes on by itself" },
	{ TRANSFER_SUB_STATE_WAITING_RETRY, "↻", "r", "retry", TERM_YELLOW, "next try" },
	{ TRANSFER_SUB_STATE_WAITING_DATE, "○", "~", "waiting", TERM_YELLOW, "starts" },
	{ TRANSFER_SUB_STATE_WAITING_DISK, "!", "!", "waiting", TERM_RED,
		"disk full, goes on when there is room" },
	{ TRANSFER_SUB_STATE_WAITING_ANSWER, "?", "?", "waiting", TERM_YELLOW,
		"its application must answer first" },
	{ TRANSFER_SUB_STATE_WAITING_MODE, "◌", "-", "paused", TERM_GREY, "the service is paused" },
	{ TRANSFER_SUB_STATE_CANCELING, "×", "x", "canceling", TERM_GREY, NULL },
	{ TRANSFER_SUB_STATE_DONE, "✓", "+", "done", TERM_GREEN, NULL },
	{ TRANSFER_SUB_STATE_FAILED, "×", "x", "failed", TERM_RED, NULL },
	{ TRANSFER_SUB_STATE_CANCELLED, "×", "x", "cancelled", TERM_GREY, NULL },
};

size_t view_look(const struct transfer_task_row *row)
{
	for (size_t i = 0; i < VIEW_LOOKS; i++)
		if (looks[i].sub_state == row->sub_state)
			return i;
	return 1;
}

const char *view_look_word(size_t look)
{
	return looks[look].word;
}

static int status_of(const struct transfer_task_row *row)
{
	return row->response ? transfer_response_get_status(row->response) : 0;
}

/* It ended well for transferd, but what came is the server's excuse. */
static bool is_refused(const struct transfer_task_row *row)
{
	return row->sub_state == TRANSFER_SUB_STATE_DONE && status_of(row) >= 400;
}

const char *view_mark(const struct term *term, const struct transfer_task_row *row)
{
	size_t i = view_look(row);

	if (is_refused(row))
		return "!";
	return term->is_utf8 ? looks[i].utf8 : looks[i].ascii;
}

enum term_color view_color(const struct transfer_task_row *row)
{
	return is_refused(row) ? TERM_YELLOW : looks[view_look(row)].color;
}

const char *view_word(const struct transfer_task_row *row)
{
	return looks[view_look(row)].word;
}

static bool has_reason(const struct transfer_task_row *row, const char *reason)
{
	for (size_t i = 0; i < row->n_reasons; i++)
		if (strcmp(row->reasons[i], reason) == 0)
			return true;
	return false;
}

/* Of a task that is tried again: what went wrong, and when that is. */
static void write_retry(const struct transfer_task_row *row, const char *blocked,
	uint64_t now_wall_us, char buf[VIEW_WHY_BYTES])
{
	uint64_t until_us = row->waiting_until_wall_usec;
	const char *error = row->last_error ? transfer_error_get_message(row->last_error) : "";
	char status[16] = "", span[FORMAT_SPAN_BYTES];

	if (!row->last_error && status_of(row) >= 400)
		snprintf(status, sizeof(status), "%d, ", status_of(row));
	format_span(until_us > now_wall_us ? until_us - now_wall_us : 0, span);
	if (!until_us && blocked)
		snprintf(buf, VIEW_WHY_BYTES, "%s%s, then next try%s%s", status, blocked,
			*error ? ": " : "", error);
	else
		snprintf(buf, VIEW_WHY_BYTES, "%snext try in %s%s%s", status, span,
			*error ? ": " : "", error);
}

const char *view_why(
	const struct transfer_task_row *row, uint64_t now_wall_us, char buf[VIEW_WHY_BYTES])
{
	const char *why = looks[view_look(row)].why, *blocked = NULL;
	uint64_t until_us = row->waiting_until_wall_usec;
	char when[FORMAT_DATE_BYTES];

	buf[0] = 0;
	if (!why)
		return buf;
	if (has_reason(row, "mode"))
		blocked = "the service is paused";
	else if (has_reason(row, "network"))
		blocked = "network unreachable";
	if (row->sub_state == TRANSFER_SUB_STATE_WAITING_RETRY)
		write_retry(row, blocked, now_wall_us, buf);
	else if (row->sub_state == TRANSFER_SUB_STATE_WAITING_DATE)
		snprintf(buf, VIEW_WHY_BYTES, "%s %s%s%s", why,
			format_date(until_us ? until_us : row->not_before_wall_usec, when),
			blocked ? "; " : "", blocked ? blocked : "");
	else if (row->sub_state == TRANSFER_SUB_STATE_QUEUED && has_reason(row, "host"))
		snprintf(buf, VIEW_WHY_BYTES, "waits for a connection to its server");
	else if (row->sub_state == TRANSFER_SUB_STATE_QUEUED && has_reason(row, "turn"))
		snprintf(buf, VIEW_WHY_BYTES, "its turn is next");
	else
		snprintf(buf, VIEW_WHY_BYTES, "%s", why);
	return buf;
}

uint64_t view_done_bytes(const struct transfer_task_row *row)
{
	int64_t done = row->kind == TRANSFER_TASK_UPLOAD ? row->sent_bytes : row->received_bytes;

	return done > 0 ? (uint64_t)done : 0;
}

int64_t view_total_bytes(const struct transfer_task_row *row)
{
	return row->kind == TRANSFER_TASK_UPLOAD ? row->expected_send_bytes
						 : row->expected_receive_bytes;
}

uint64_t view_rate_bps(const struct transfer_task_row *row)
{
	return row->kind == TRANSFER_TASK_UPLOAD ? row->send_rate_bps : row->receive_rate_bps;
}

bool view_is_finished(const struct transfer_task_row *row)
{
	return row->state == TRANSFER_TASK_STATE_COMPLETED;
}

char *view_url(const char *url)
{
	const char *start = url ? strstr(url, "://") : NULL, *at = NULL;
	char *clean = NULL;

	if (start) {
		start += 3;
		for (const char *p = start; *p && !strchr("/?#", *p); p++)
			at = *p == '@' ? p : at;
	}
	if (!at)
		return url ? strdup(url) : NULL;
	if (asprintf(&clean, "%.*s%s", (int)(start - url), url, at + 1) < 0)
		clean = NULL;
	return clean;
}

const char *view_status(const struct transfer_task_row *row, char buf[VIEW_STATUS_BYTES])
{
	static const struct {
		int status;
		const char *phrase;
	} phrases[] = {
		{ 200, "OK" },
		{ 201, "Created" },
		{ 202, "Accepted" },
		{ 204, "No Content" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 408, "Request Timeout" },
		{ 409, "Conflict" },
		{ 410, "Gone" },
		{ 412, "Precondition Failed" },
		{ 413, "Content Too Large" },
		{ 416, "Range Not Satisfiable" },
		{ 429, "Too Many Requests" },
		{ 500, "Internal Server Error" },
		{ 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
		{ 507, "Insufficient Storage" },
	};
	const char *phrase = NULL;
	int status = status_of(row);

	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
		if (phrases[i].status == status)
			phrase = phrases[i].phrase;
	snprintf(buf, VIEW_STATUS_BYTES, "%d%s%s", status, phrase ? " " : "", phrase ? phrase : "");
	return buf;
}

/* The path as seen from the current folder. */
static const char *short_path(const char *path)
{
	char *folder = getcwd(NULL, 0);
	size_t len = folder ? strlen(folder) : 0;

	if (len > 1 && strncmp(path, folder, len) == 0 && path[len] == '/')
		path += len + 1;
	free(folder);
	return path;
}

static char *outcome_of(const struct transfer_task_row *row, bool is_short)
{
	const char *path = row->path ? row->path : row->destination, *url = row->url;
	char status[VIEW_STATUS_BYTES], *clean, *text = NULL;
	int r;

	view_status(row, status);
	if (path && is_short)
		path = short_path(path);
	if (row->error) {
		r = asprintf(&text, "%s%s%s", is_short ? view_word(row) : "", is_short ? ": " : "",
			transfer_error_get_message(row->error));
	} else if (row->kind == TRANSFER_TASK_UPLOAD) {
		if (row->response && transfer_response_get_url(row->response))
			url = transfer_response_get_url(row->response);
		clean = view_url(url);
		r = asprintf(&text, "%s, %s", status, clean ? clean : "");
		free(clean);
	} else if (status_of(row) >= 400) {
		r = asprintf(&text, "%s, the page is in %s", status, path ? path : "the spool");
	} else {
		r = asprintf(&text, "saved as %s", path ? path : "a file of transferd");
	}
	return r < 0 ? NULL : text;
}

char *view_outcome(const struct transfer_task_row *row, bool is_short)
{
	char *text = view_is_finished(row) ? outcome_of(row, is_short) : NULL;
	char *safe = text ? format_safe(text) : NULL;

	free(text);
	return safe;
}

uint64_t view_took_us(const struct transfer_task_row *row)
{
	if (!row->started_wall_usec || row->finished_wall_usec < row->started_wall_usec + 1000000)
		return 0;
	return row->finished_wall_usec - row->started_wall_usec;
}

unsigned view_rank(const struct transfer_task_row *row)
{
	switch (row->sub_state) {
	case TRANSFER_SUB_STATE_CONNECTING:
	case TRANSFER_SUB_STATE_TRANSFERRING:
	case TRANSFER_SUB_STATE_FINISHING:
	case TRANSFER_SUB_STATE_CANCELING:
	case TRANSFER_SUB_STATE_DONE:
	case TRANSFER_SUB_STATE_FAILED:
	case TRANSFER_SUB_STATE_CANCELLED:
		return 0;
	case TRANSFER_SUB_STATE_WAITING_NETWORK:
	case TRANSFER_SUB_STATE_WAITING_RETRY:
	case TRANSFER_SUB_STATE_WAITING_DATE:
	case TRANSFER_SUB_STATE_WAITING_DISK:
	case TRANSFER_SUB_STATE_WAITING_ANSWER:
		return 1;
	case TRANSFER_SUB_STATE_QUEUED:
		return 2;
	case TRANSFER_SUB_STATE_SUSPENDED:
	case TRANSFER_SUB_STATE_WAITING_MODE:
		return 3;
	}
	return 3;
}

enum exit_code view_exit_code(const struct transfer_task_row *row)
{
	if (!view_is_finished(row))
		return EXIT_CODE_UNFINISHED;
	if (row->error)
		return ctx_exit_code(row->error);
	return status_of(row) >= 400 ? EXIT_CODE_REFUSED : EXIT_CODE_OK;
}

/* Unknown (-1) is null. */
static json_t *size_json(int64_t bytes)
{
	return bytes < 0 ? json_null() : json_integer(bytes);
}

static json_t *time_json(uint64_t wall_us)
{
	return wall_us ? json_integer((json_int_t)wall_us) : json_null();
}

static json_t *text_json(const char *text)
{
	json_t *value = text ? json_string(text) : json_null();

	return value ? value : json_null();
}

static json_t *url_json(const char *url)
{
	char *clean = view_url(url);
	json_t *value = text_json(clean);

	free(clean);
	return value;
}

json_t *view_error_json(const transfer_error *error)
{
	json_t *o;

	if (!error)
		return json_null();
	o = json_object();
	json_object_set_new(o, "domain", json_string(ctx_domain_name(error)));
	json_object_set_new(o, "code", json_integer(transfer_error_get_code(error)));
	json_object_set_new(o, "name", text_json(transfer_error_get_name(error)));
	json_object_set_new(o, "message", text_json(transfer_error_get_message(error)));
	json_object_set_new(o, "hint", text_json(transfer_error_get_hint(error)));
	json_object_set_new(o, "failing_url", url_json(transfer_error_get_failing_url(error)));
	json_object_set_new(
		o, "resumable", json_boolean(transfer_error_get_resume_data(error) != NULL));
	return o;
}

json_t *view_response_json(const transfer_response *response)
{
	json_t *o;

	if (!response)
		return json_null();
	o = json_object();
	json_object_set_new(o, "status", json_integer(transfer_response_get_status(response)));
	json_object_set_new(o, "mime_type", text_json(transfer_response_get_mime_type(response)));
	json_object_set_new(
		o, "http_version", text_json(transfer_response_get_http_version(response)));
	json_object_set_new(o, "url", url_json(transfer_response_get_url(response)));
	json_object_set_new(
		o, "length_verified", json_boolean(transfer_response_is_length_verified(response)));
	return o;
}

static void set_counters(json_t *o, const struct transfer_task_row *row)
{
	json_object_set_new(o, "bytes_received", size_json(row->received_bytes));
	json_object_set_new(o, "bytes_expected_to_receive", size_json(row->expected_receive_bytes));
	json_object_set_new(o, "bytes_sent", size_json(row->sent_bytes));
	json_object_set_new(o, "bytes_expected_to_send", size_json(row->expected_send_bytes));
	json_object_set_new(o, "receive_rate", json_integer((json_int_t)row->receive_rate_bps));
	json_object_set_new(o, "send_rate", json_integer((json_int_t)row->send_rate_bps));
	json_object_set_new(o, "eta_usec",
		row->eta_usec == UINT64_MAX ? json_null()
					    : json_integer((json_int_t)row->eta_usec));
	json_object_set_new(o, "attempts", json_integer(row->n_attempts));
	json_object_set_new(o, "next_retry_usec", time_json(row->next_retry_wall_usec));
	json_object_set_new(o, "not_before_usec", time_json(row->not_before_wall_usec));
	json_object_set_new(o, "waiting_until_usec", time_json(row->waiting_until_wall_usec));
	json_object_set_new(o, "created_usec", time_json(row->created_wall_usec));
	json_object_set_new(o, "started_usec", time_json(row->started_wall_usec));
	json_object_set_new(o, "finished_usec", time_json(row->finished_wall_usec));
}

json_t *view_json(const struct transfer_task_row *row)
{
	json_t *o = json_object(), *why = json_array();

	for (size_t i = 0; i < row->n_reasons; i++)
		json_array_append_new(why, json_string(row->reasons[i]));
	json_object_set_new(o, "id", json_integer((json_int_t)row->id));
	json_object_set_new(o, "session", text_json(row->session));
	json_object_set_new(
		o, "session_kind", text_json(transfer_session_kind_get_name(row->session_kind)));
	json_object_set_new(o, "app_id", text_json(row->app_id));
	json_object_set_new(o, "kind", text_json(transfer_task_kind_get_name(row->kind)));
	json_object_set_new(o, "state", text_json(transfer_task_state_get_name(row->state)));
	json_object_set_new(o, "sub_state", text_json(row->sub_state_name));
	json_object_set_new(o, "why", why);
	json_object_set_new(o, "url", url_json(row->url));
	json_object_set_new(o, "current_url", url_json(row->current_url));
	json_object_set_new(o, "name", text_json(row->name));
	json_object_set_new(o, "method", text_json(row->method));
	json_object_set_new(o, "description", text_json(row->description));
	json_object_set_new(o, "priority", json_real(row->priority));
	set_counters(o, row);
	json_object_set_new(o, "response", view_response_json(row->response));
	json_object_set_new(o, "destination", text_json(row->destination));
	json_object_set_new(o, "path", text_json(row->path));
	json_object_set_new(o, "source", text_json(row->source));
	json_object_set_new(o, "digest",
		row->digest_hex ? json_sprintf("%s:%s", row->digest_algorithm, row->digest_hex)
				: json_null());
	json_object_set_new(o, "resumable", json_boolean(row->is_resumable));
	json_object_set_new(o, "error", view_error_json(row->error));
	json_object_set_new(o, "last_error", view_error_json(row->last_error));
	return o;
}

void view_print_json(const struct ctx *ctx, json_t *value_take)
{
	json_dumpf(value_take, stdout,
		ctx->term.json == OPTIONS_JSON_PRETTY ? JSON_INDENT(2) : JSON_COMPACT);
	putchar('\n');
	json_decref(value_take);
}

void view_print_json_line(json_t *value_take)
{
	json_dumpf(value_take, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(value_take);
}
