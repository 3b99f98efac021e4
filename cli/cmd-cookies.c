/* SPDX-License-Identifier: MIT */
/*
 * cookies, flush, reset: what a session keeps for servers. The values of cookies are secrets: the
 * table leaves them out, JSON has them.
 */
#include "cli/command.h"

#include <libsmartcols/libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/format.h"
#include "cli/select.h"
#include "cli/view.h"

static json_t *cookie_json(const struct transfer_cookie *c)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:I, s:b, s:b, s:b, s:s}", "name", c->name,
		"value", c->value, "domain", c->domain, "path", c->path, "expires_usec",
		c->expires_wall_usec ? json_integer((json_int_t)c->expires_wall_usec) : json_null(),
		"created_usec", (json_int_t)c->created_wall_usec, "host_only", c->is_host_only,
		"secure", c->is_secure, "http_only", c->is_http_only, "same_site",
		transfer_cookie_same_site_get_name(c->same_site));
}

static void set_cell(
	const struct ctx *ctx, struct libscols_line *line, size_t column, const char *text)
{
	char *safe = format_plain(*text ? text : "-", ctx->term.is_utf8);

	if (safe)
		scols_line_set_data(line, column, safe);
	free(safe);
}

static void add_line(
	const struct ctx *ctx, struct libscols_table *table, const struct transfer_cookie *c)
{
	struct libscols_line *line = scols_table_new_line(table, NULL);
	char domain[300], expires[FORMAT_DATE_BYTES] = "session";

	if (!line)
		return;
	snprintf(domain, sizeof(domain), "%s%s", c->is_host_only ? "" : ".", c->domain);
	if (c->expires_wall_usec)
		format_date(c->expires_wall_usec, expires);
	set_cell(ctx, line, 0, domain);
	set_cell(ctx, line, 1, c->path);
	set_cell(ctx, line, 2, c->name);
	set_cell(ctx, line, 3, expires);
	set_cell(ctx, line, 4, c->is_secure ? "secure" : "-");
}

static void print_table(const struct ctx *ctx, const transfer_cookie_list *list)
{
	static const char *const headings[] = { "DOMAIN", "PATH", "NAME", "EXPIRES", "ONLY" };
	struct libscols_table *table = scols_new_table();

	if (!table)
		return;
	scols_table_enable_noheadings(table, ctx->options.no_legend);
	scols_table_set_termforce(
		table, ctx->term.out_is_tty ? SCOLS_TERMFORCE_ALWAYS : SCOLS_TERMFORCE_NEVER);
	if (!ctx->options.is_full)
		scols_table_set_termwidth(table, term_columns(stdout));
	for (size_t i = 0; i < sizeof(headings) / sizeof(headings[0]); i++)
		scols_table_new_column(
			table, headings[i], 0, i < 3 && !ctx->options.is_full ? SCOLS_FL_TRUNC : 0);
	for (size_t i = 0; i < transfer_cookie_list_get_size(list); i++)
		add_line(ctx, table, transfer_cookie_list_get(list, i));
	scols_print_table(table);
	scols_unref_table(table);
}

static int list_cookies(struct ctx *ctx, const char *session)
{
	transfer_auto(transfer_cookie_list) list = NULL;
	transfer_auto(transfer_error) error = NULL;
	json_t *all;
	size_t n;
	int r = select_session(ctx, &session);

	if (r)
		return r;
	if (transfer_manager_list_cookies(
		    ctx->manager, select_session_object(ctx, session), &list, &error))
		return ctx_fail_error(ctx, session, error);
	n = transfer_cookie_list_get_size(list);
	if (ctx->term.json != OPTIONS_JSON_OFF) {
		all = json_array();
		for (size_t i = 0; i < n; i++)
			json_array_append_new(all, cookie_json(transfer_cookie_list_get(list, i)));
		view_print_json(ctx, all);
		return EXIT_CODE_OK;
	}
	if (n)
		print_table(ctx, list);
	if (!ctx->options.no_legend && !ctx->options.is_quiet)
		printf("%s%zu cookie%s.\n", n ? "\n" : "", n, n == 1 ? "" : "s");
	return EXIT_CODE_OK;
}

typedef int (*verb_fn)(
	transfer_manager *manager, const char *identifier, transfer_error **ret_error);

/* question NULL: does no harm. */
static int steer(struct ctx *ctx, const char *session, verb_fn verb, const char *question)
{
	transfer_auto(transfer_error) error = NULL;
	int r;

	if (question && !ctx->options.is_dry_run && !ctx_confirm(ctx, "%s %s?", question, session))
		return ctx_fail(ctx, EXIT_CODE_USAGE, "pass --yes to mean it.", "not confirmed");
	r = ctx_connect(ctx);
	if (r == 0)
		r = select_session(ctx, &session);
	if (r)
		return r;
	if (!ctx->options.is_dry_run &&
		verb(ctx->manager, select_session_object(ctx, session), &error))
		return ctx_fail_error(ctx, session, error);
	if (ctx->term.json != OPTIONS_JSON_OFF)
		view_print_json(ctx,
			json_pack("{s:s, s:b, s:s}", "command", ctx->command, "dry_run",
				ctx->options.is_dry_run, "session", session));
	else if (ctx->options.is_dry_run)
		printf("%s %s\n", ctx->command, session);
	return EXIT_CODE_OK;
}

static int needs_session(const struct ctx *ctx)
{
	return ctx_fail(ctx, EXIT_CODE_USAGE, "\"transferctl sessions\" lists the sessions.",
		"%s needs the name of one session", ctx->command);
}

int cmd_cookies(struct ctx *ctx, int argc, char **argv)
{
	int r;

	if (argc < 1 || (strcmp(argv[0], "list") != 0 && strcmp(argv[0], "clear") != 0))
		return ctx_fail(ctx, EXIT_CODE_USAGE,
			"\"transferctl cookies list SESSION\" shows them.",
			"cookies needs list or clear");
	if (argc != 2)
		return needs_session(ctx);
	if (strcmp(argv[0], "clear") == 0)
		return steer(ctx, argv[1], transfer_manager_clear_cookies,
			"Remove all cookies in the store of");
	r = ctx_connect(ctx);
	return r ? r : list_cookies(ctx, argv[1]);
}

int cmd_flush(struct ctx *ctx, int argc, char **argv)
{
	if (argc != 1)
		return needs_session(ctx);
	return steer(ctx, argv[0], transfer_manager_flush_session, NULL);
}

int cmd_reset(struct ctx *ctx, int argc, char **argv)
{
	if (argc != 1)
		return needs_session(ctx);
	return steer(ctx, argv[0], transfer_manager_reset_session,
		"Remove all cookies and use new connections for");
}
