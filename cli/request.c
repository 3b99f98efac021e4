/* SPDX-License-Identifier: MIT */
/* Options and URLs become requests; file names never come from a server. */
#include "cli/request.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/now.h"
#include "cli/format.h"
#include "cli/select.h"

#define REQUEST_APP      "transferctl"
#define REQUEST_SESSION  "cli"
#define REQUEST_NAME_MAX 200
#define ALGORITHM_BYTES  16

static int bad_value(const struct ctx *ctx, const char *option, const char *text, const char *hint)
{
	return ctx_fail(ctx, EXIT_CODE_USAGE, hint, "--%s: \"%s\" is not understood", option, text);
}

int request_set_checksum(transfer_request *request, const char *text)
{
	size_t n = strcspn(text, ":");
	char algorithm[ALGORITHM_BYTES];

	if (!text[n] || n >= sizeof(algorithm))
		return -EINVAL;
	memcpy(algorithm, text, n);
	algorithm[n] = 0;
	return transfer_request_set_checksum(request, algorithm, text + n + 1);
}

/* What libtransfer refuses is said before anything is asked: by itself, on a request that goes nowhere. */
static int try_texts(const struct ctx *ctx)
{
	transfer_auto(transfer_request) request = transfer_request_new("https://host/");
	const struct options *o = &ctx->options;

	if (!request)
		return ctx_fail(ctx, EXIT_CODE_FAILED, NULL, "out of memory");
	if (o->checksum && request_set_checksum(request, o->checksum))
		return bad_value(
			ctx, "checksum", o->checksum, "write it like sha256:HEX, with all digits.");
	if (o->description && transfer_request_set_description(request, o->description))
		return ctx_fail(
			ctx, EXIT_CODE_USAGE, NULL, "--description is too long, or not UTF-8");
	return 0;
}

static int parse_priority(const struct ctx *ctx, struct request_defaults *d, const char *text)
{
	char *end;

	d->priority = strtod(text, &end);
	d->has_priority = true;
	if (*end || end == text || !(d->priority >= 0 && d->priority <= 1))
		return bad_value(ctx, "priority", text, "use a number from 0.0 to 1.0.");
	return 0;
}

int request_defaults_init(struct ctx *ctx, struct request_defaults *ret_defaults)
{
	const struct options *o = &ctx->options;
	struct request_defaults d = { 0 };
	int r = 0;

	if (o->not_before && format_parse_date(o->not_before, now_wall_us(), &d.not_before_wall_us))
		r = bad_value(ctx, "not-before", o->not_before,
			"write it like +2h, tomorrow 09:00 or 2026-06-04 09:00.");
	if (!r && o->limit_rate && format_parse_size(o->limit_rate, &d.max_rate_bps))
		r = bad_value(ctx, "limit-rate", o->limit_rate, "write it like 500K or 2M.");
	if (!r && o->max_time && format_parse_span(o->max_time, &d.max_time_us))
		r = bad_value(ctx, "max-time", o->max_time, "write it like 90s, 5min or 2d.");
	if (!r)
		r = try_texts(ctx);
	if (!r && o->priority)
		r = parse_priority(ctx, &d, o->priority);
	if (!r && o->cacert) {
		d.cacert = request_absolute(o->cacert);
		if (!d.cacert || access(d.cacert, R_OK)) {
			free(d.cacert);
			r = ctx_fail(ctx, EXIT_CODE_FILE, NULL, "cannot read %s", o->cacert);
		}
	}
	for (size_t i = 0; !r && i < o->headers.n; i++)
		if (!strchr(o->headers.items[i], ':'))
			r = bad_value(ctx, "header", o->headers.items[i],
				"write it like \"Name: value\".");
	if (r == 0)
		*ret_defaults = d;
	return r;
}

void request_defaults_done(struct request_defaults *defaults)
{
	free(defaults->cacert);
	*defaults = (struct request_defaults){ 0 };
}

static void add_header_line(transfer_request *request, const char *text)
{
	char *copy = strdup(text), *value;

	if (!copy)
		return;
	value = strchr(copy, ':');
	*value++ = 0;
	while (*value == ' ' || *value == '\t')
		value++;
	transfer_request_add_header(request, copy, value);
	free(copy);
}

transfer_request *request_new(
	struct ctx *ctx, const struct request_defaults *defaults, const char *url)
{
	const struct options *o = &ctx->options;
	transfer_request *request = transfer_request_new(url);

	if (!request) {
		ctx_fail(ctx, EXIT_CODE_FAILED, NULL, "out of memory");
		return NULL;
	}
	if (o->method)
		transfer_request_set_method(request, o->method);
	if (o->user_agent)
		transfer_request_set_header(request, "User-Agent", o->user_agent);
	for (size_t i = 0; i < o->headers.n; i++)
		add_header_line(request, o->headers.items[i]);
	if (defaults->has_priority)
		transfer_request_set_priority(request, defaults->priority);
	if (defaults->max_rate_bps)
		transfer_request_set_max_rate(request, defaults->max_rate_bps);
	if (defaults->not_before_wall_us)
		transfer_request_set_not_before(request, defaults->not_before_wall_us);
	if (defaults->max_time_us)
		transfer_request_set_resource_timeout(request, defaults->max_time_us);
	if (o->checksum)
		request_set_checksum(request, o->checksum);
	if (defaults->cacert)
		transfer_request_set_ca_file(request, defaults->cacert);
	if (o->description)
		transfer_request_set_description(request, o->description);
	if (o->allow_insecure)
		transfer_request_set_allow_insecure(request, true);
	if (o->retry_http_errors)
		transfer_request_set_retry_http_errors(request, true);
	if (o->no_copy)
		transfer_request_set_upload_copy(request, TRANSFER_UPLOAD_COPY_NONE);
	return request;
}

static int hex_of(char c)
{
	return isdigit((unsigned char)c)     ? c - '0'
		: isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10
					     : -1;
}

/* The last part of the URL's path, decoded and safe as a file name; "index.html" when there is none. The caller frees. */
static char *file_name(const char *url)
{
	const char *start = strstr(url, "://"), *end, *slash;
	char name[REQUEST_NAME_MAX + 1];
	size_t n = 0;

	start = start ? start + 3 : url;
	end = start + strcspn(start, "?#");
	slash = memchr(start, '/', (size_t)(end - start));
	if (!slash)
		return strdup("index.html");
	for (const char *p = slash; p < end; p++)
		slash = *p == '/' ? p : slash;
	for (const char *p = slash + 1; p < end && n < REQUEST_NAME_MAX; p++) {
		int c = (unsigned char)*p;

		if (c == '%' && end - p > 2 && hex_of(p[1]) >= 0 && hex_of(p[2]) >= 0) {
			c = hex_of(p[1]) * 16 + hex_of(p[2]);
			p += 2;
		}
		if (c == '/' || c == '\\' || c < 0x20 || c == 0x7f)
			c = '_';
		if (n == 0 && c == '.')
			c = '_'; /* never a hidden file, never ".." */
		name[n++] = (char)c;
	}
	name[n] = 0;
	return strdup(n ? name : "index.html");
}

char *request_absolute(const char *path)
{
	char *folder, *all = NULL;

	if (path[0] == '/')
		return strdup(path);
	folder = getcwd(NULL, 0);
	if (!folder)
		return NULL;
	while (path[0] == '.' && path[1] == '/')
		path += 2;
	if (asprintf(&all, "%s/%s", strcmp(folder, "/") == 0 ? "" : folder, path) < 0)
		all = NULL;
	free(folder);
	return all;
}

bool request_is_url(const char *text)
{
	const char *end = strstr(text, "://");

	return end && end > text && isalpha((unsigned char)text[0]) && end[3];
}

int request_bad_url(const struct ctx *ctx, const char *text)
{
	return ctx_fail(ctx, EXIT_CODE_USAGE, "write it like https://example.org/file.",
		"\"%s\" is no URL", text);
}

bool request_is_folder(const char *path)
{
	struct stat st;

	return (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) ||
		(*path && path[strlen(path) - 1] == '/');
}

char *request_join(const char *folder, const char *name)
{
	bool has_slash = folder && *folder && folder[strlen(folder) - 1] == '/';
	char *joined, *all;

	if (asprintf(&joined, "%s%s%s", folder ? folder : "",
		    folder && *folder && !has_slash ? "/" : "", name) < 0)
		return NULL;
	all = request_absolute(joined);
	free(joined);
	return all;
}

char *request_in_folder(const char *folder, const char *url)
{
	char *name = file_name(url), *all = name ? request_join(folder, name) : NULL;

	free(name);
	return all;
}

int request_open_session(struct ctx *ctx, const char **ret_session)
{
	const char *name = ctx->options.session ? ctx->options.session : REQUEST_SESSION;
	transfer_auto(transfer_config) config = NULL;
	transfer_auto(transfer_error) error = NULL;
	int r;

	if (!name[0])
		return ctx_fail(ctx, EXIT_CODE_USAGE,
			"leave it out for the session \"" REQUEST_SESSION "\".",
			"--session needs a name");
	r = ctx_connect(ctx);
	/* a name is one of our own, whoever else has it */
	if (r == 0 && name[0] == '#')
		r = select_session(ctx, &name);
	if (r)
		return r;
	if (ctx->session_app && strcmp(ctx->session_app, REQUEST_APP) != 0)
		return ctx_fail(ctx, EXIT_CODE_USAGE,
			"tasks are added to sessions of transferctl only.",
			"session \"%s\" belongs to %s", name, ctx->session_app);
	config = transfer_config_new_background(name);
	if (!config)
		return ctx_fail(ctx, EXIT_CODE_FAILED, NULL, "out of memory");
	transfer_config_set_app_id(config, REQUEST_APP);
	if (transfer_manager_open_session(ctx->manager, config, &error) < 0)
		return ctx_fail_error(ctx, NULL, error);
	return select_session_of(ctx, REQUEST_APP, name, ret_session);
}
