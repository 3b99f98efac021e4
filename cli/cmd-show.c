/* SPDX-License-Identifier: MIT */
/* show: properties of tasks for programs, one NAME=VALUE per line. */
#include "cli/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/format.h"
#include "cli/idle.h"
#include "cli/pages.h"
#include "cli/select.h"
#include "cli/suggest.h"
#include "cli/view.h"

#define SHOW_PROPERTIES_MAX 64
#define SHOW_NAME_BYTES     64

/* "bytes_received" -> "BytesReceived"; "id" -> "Id" */
static void property_name(const char *key, char *buf, size_t size)
{
	size_t used = 0;
	bool is_start = true;

	for (; *key && used + 1 < size; key++) {
		if (*key == '_') {
			is_start = true;
			continue;
		}
		buf[used++] = is_start && *key >= 'a' && *key <= 'z' ? (char)(*key - 'a' + 'A')
								     : *key;
		is_start = false;
	}
	buf[used] = 0;
}

static bool is_wanted(const struct ctx *ctx, const char *name)
{
	const char *list = ctx->options.properties;

	if (!list)
		return true;
	while (*list) {
		size_t len = strcspn(list, ",");

		if (strlen(name) == len && strncasecmp(list, name, len) == 0)
			return true;
		list += len + (list[len] == ',');
	}
	return false;
}

/* All properties that there are; name_at(N) for suggestions. */
static const char *known_name(size_t i)
{
	static char names[SHOW_PROPERTIES_MAX][SHOW_NAME_BYTES];
	struct transfer_task_row none = { 0 };
	size_t n = 0;
	const char *key;
	json_t *o, *value;

	if (!names[0][0]) {
		o = view_json(&none);
		json_object_foreach(o, key, value)
		{
			if (n < SHOW_PROPERTIES_MAX)
				property_name(key, names[n++], sizeof(names[0]));
		}
		json_decref(o);
	}
	return i < SHOW_PROPERTIES_MAX && names[i][0] ? names[i] : NULL;
}

/* Each word of --property must be one that a task has. */
static int check_properties(const struct ctx *ctx)
{
	const char *list = ctx->options.properties;

	for (; list && *list; list += strcspn(list, ","), list += *list == ',') {
		size_t len = strcspn(list, ","), i = 0;
		char hint[SUGGEST_HINT_BYTES];
		const char *name;

		while ((name = known_name(i)) &&
			(strlen(name) != len || strncasecmp(list, name, len) != 0))
			i++;
		if (!name)
			return ctx_fail(ctx, EXIT_CODE_NOT_FOUND,
				suggest_hint(list, len, known_name,
					"\"transferctl show TASK\" prints all of them.", hint),
				"no property \"%.*s\"", (int)len, list);
	}
	return 0;
}

static char *property_text(json_t *value)
{
	json_t *name = json_object_get(value, "name");
	char *text;

	if (json_is_null(value))
		return strdup("");
	if (json_is_string(value))
		return format_safe(json_string_value(value));
	if (json_is_string(name))
		return strdup(json_string_value(name));
	text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	return text;
}

static int show_page(struct ctx *ctx, transfer_task_list *list, void *user)
{
	size_t *n = user;

	for (size_t i = 0; i < transfer_task_list_get_size(list); i++) {
		json_t *o = view_json(transfer_task_list_get(list, i)), *value;
		const char *key;
		char name[64];

		if ((*n)++ && !ctx->options.only_values)
			putchar('\n');
		json_object_foreach(o, key, value)
		{
			char *text;

			property_name(key, name, sizeof(name));
			if (!is_wanted(ctx, name))
				continue;
			text = property_text(value);
			if (ctx->options.only_values)
				printf("%s\n", text ? text : "");
			else
				printf("%s=%s\n", name, text ? text : "");
			free(text);
		}
		json_decref(o);
	}
	return 0;
}

int cmd_show(struct ctx *ctx, int argc, char **argv)
{
	struct select select;
	size_t n = 0;
	int r;

	r = check_properties(ctx);
	if (r)
		return r;
	ctx->can_start = ctx->can_start || argc > 0;
	r = select_check(ctx);
	if (r == 0)
		r = ctx_connect(ctx);
	if (r)
		return r;
	if (idle_is(ctx)) {
		if (ctx->term.json != OPTIONS_JSON_OFF)
			puts("[]");
		return EXIT_CODE_OK;
	}
	r = select_parse(ctx, argc, argv, &select);
	if (r)
		return r;
	if (ctx->term.json != OPTIONS_JSON_OFF) {
		r = pages_print_json(ctx, &select);
	} else {
		r = select_each_page(ctx, &select, show_page, &n);
		if (r == 0 && argc > 0 && (n == 0 || select.n_missing))
			r = pages_none_found(ctx, &select);
	}
	select_done(&select);
	return r;
}
