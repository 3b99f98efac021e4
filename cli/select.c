/* SPDX-License-Identifier: MIT */
/* Each word becomes a filter of its own; plain numbers share one. */
#include "cli/select.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/suggest.h"

static bool parse_number(const char *text, size_t len, uint64_t *ret)
{
	uint64_t n = 0;

	if (!len || len > 19)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!isdigit((unsigned char)text[i]))
			return false;
		n = n * 10 + (uint64_t)(text[i] - '0');
	}
	*ret = n;
	return n > 0;
}

/* Bits of the names in list; *ret_unknown counts the words that are no name. */
static uint32_t mask_of(const char *list, const char *(*name_of)(int), int n, size_t *ret_unknown)
{
	uint32_t mask = 0;

	*ret_unknown = 0;

	while (*list) {
		size_t len = strcspn(list, ",");
		bool is_known = false;

		for (int i = 0; i < n; i++) {
			const char *name = name_of(i);

			if (!name || strlen(name) != len || strncmp(list, name, len) != 0)
				continue;
			mask |= UINT32_C(1) << i;
			is_known = true;
		}
		*ret_unknown += !is_known;
		list += len + (list[len] == ',');
	}
	return mask;
}

static const char *kind_name(int i)
{
	return transfer_task_kind_get_name((enum transfer_task_kind)i);
}

static const char *state_name(int i)
{
	return transfer_task_state_get_name((enum transfer_task_state)i);
}

/* States as sub-states, so that both can be mixed; and the words that the tables use. */
#define SUB_BIT(name) (UINT32_C(1) << TRANSFER_SUB_STATE_##name)
#define SUB_ENDED     (SUB_BIT(DONE) | SUB_BIT(FAILED) | SUB_BIT(CANCELLED))
#define SUB_WAITING \
	(SUB_BIT(WAITING_NETWORK) | SUB_BIT(WAITING_RETRY) | SUB_BIT(WAITING_DATE) | \
		SUB_BIT(WAITING_DISK) | SUB_BIT(WAITING_MODE) | SUB_BIT(WAITING_ANSWER))

static const struct {
	const char *name;
	uint32_t sub_states;
} state_words[] = {
	{ "running",
		SUB_BIT(QUEUED) | SUB_BIT(CONNECTING) | SUB_BIT(TRANSFERRING) | SUB_BIT(FINISHING) |
			SUB_WAITING },
	{ "waiting", SUB_WAITING },
	{ "retry", SUB_BIT(WAITING_RETRY) },
	{ "paused", SUB_BIT(WAITING_MODE) },
	{ "completed", SUB_ENDED },
};
#define N_STATE_WORDS ((int)(sizeof(state_words) / sizeof(state_words[0])))
#define N_SUB_STATES  16

static const char *sub_state_name(int i)
{
	if (i >= N_SUB_STATES)
		return state_words[i - N_SUB_STATES].name;
	return transfer_task_sub_state_get_name((enum transfer_task_sub_state)i);
}

static uint32_t sub_states_of(const char *list, size_t *ret_unknown)
{
	uint32_t mask = mask_of(list, sub_state_name, N_SUB_STATES + N_STATE_WORDS, ret_unknown);
	uint32_t sub_states = mask & ((UINT32_C(1) << N_SUB_STATES) - 1);

	for (int i = 0; i < N_STATE_WORDS; i++)
		if (mask & UINT32_C(1) << (N_SUB_STATES + i))
			sub_states |= state_words[i].sub_states;
	return sub_states;
}

/* --kind as bits; 0 or an exit code. */
static int parse_kinds(struct ctx *ctx, uint32_t *ret_kinds)
{
	size_t n_unknown = 0;
	uint32_t kinds = ctx->options.kinds ? mask_of(ctx->options.kinds, kind_name, 8, &n_unknown)
					    : 0;

	if (ctx->options.kinds && (!kinds || n_unknown))
		return ctx_fail(ctx, EXIT_CODE_USAGE, "use download or upload.",
			"--kind: \"%s\" is no kind", ctx->options.kinds);
	*ret_kinds = kinds;
	return 0;
}

static const char *any_state_name(size_t i)
{
	static const char *const names[] = { "running", "queued", "waiting", "retry", "suspended",
		"paused", "connecting", "transferring", "finishing", "canceling", "completed",
		"done", "failed", "cancelled", NULL };

	return names[i];
}

/* --state as bits of one kind or the other; 0 or an exit code. */
static int parse_states(struct ctx *ctx, uint32_t *ret_states, uint32_t *ret_sub_states)
{
	const char *text = ctx->options.states;
	char hint[SUGGEST_HINT_BYTES];
	uint32_t states, sub_states;
	size_t n_unknown;

	if (!text)
		return 0;
	states = mask_of(text, state_name, 8, &n_unknown);
	if (states && !n_unknown) {
		*ret_states = states;
		return 0;
	}
	sub_states = sub_states_of(text, &n_unknown);
	if (!sub_states || n_unknown)
		return ctx_fail(ctx, EXIT_CODE_USAGE,
			suggest_hint(text, strlen(text), any_state_name,
				"use running, queued, waiting, retry, suspended, done, failed or cancelled.",
				hint),
			"--state: \"%s\" is no state", text);
	*ret_sub_states = sub_states;
	return 0;
}

/* What the options say, without any word. */
static int base_filter(struct ctx *ctx, struct transfer_task_filter *filter)
{
	const struct options *o = &ctx->options;
	int r;

	*filter = (struct transfer_task_filter){ TRANSFER_TASK_FILTER_INIT };
	filter->include_finished = o->is_all && !o->states;
	filter->include_in_app = o->is_in_app;
	filter->session = o->session;
	filter->app_id = o->session ? ctx->session_app : NULL;
	r = parse_kinds(ctx, &filter->kinds);
	if (r == 0)
		r = parse_states(ctx, &filter->states, &filter->sub_states);
	if (filter->sub_states & SUB_ENDED ||
		filter->states & UINT32_C(1) << TRANSFER_TASK_STATE_COMPLETED)
		filter->include_finished = true;
	return r;
}

int select_check(struct ctx *ctx)
{
	struct transfer_task_filter filter;

	return base_filter(ctx, &filter);
}

/* The greatest number in use: by halving, since lists run upwards. 0: there is none. */
static int find_last(struct ctx *ctx, uint64_t *ret_id)
{
	uint64_t low = 0, high = UINT64_C(1) << 40;

	while (low < high) {
		struct transfer_task_filter filter = { TRANSFER_TASK_FILTER_INIT,
			.include_finished = true };
		transfer_auto(transfer_task_list) list = NULL;
		transfer_auto(transfer_error) error = NULL;
		uint64_t middle = low + (high - low + 1) / 2;
		size_t n;

		filter.first_id = middle;
		if (transfer_manager_list_tasks(ctx->manager, &filter, NULL, &list, &error))
			return ctx_fail_error(ctx, NULL, error);
		n = transfer_task_list_get_size(list);
		if (!n)
			high = middle - 1;
		else
			low = transfer_task_list_get(list, n - 1)->id;
	}
	*ret_id = low;
	return 0;
}

static char *keep_word(struct select *s, const char *text)
{
	char **words = realloc(s->words, (s->n_words + 1) * sizeof(*words));
	char *copy = words ? strdup(text) : NULL;

	if (words)
		s->words = words;
	if (copy)
		s->words[s->n_words++] = copy;
	return copy;
}

static int add_id(struct ctx *ctx, struct select *s, uint64_t id)
{
	uint64_t *ids = realloc(s->ids, (s->n_ids + 1) * sizeof(*ids)); /* few: they were typed */

	if (!ids)
		return ctx_fail(ctx, EXIT_CODE_FAILED, NULL, "out of memory");
	ids[s->n_ids++] = id;
	s->ids = ids;
	s->is_exact = true;
	return 0;
}

static uint64_t number_of(const struct transfer_session_row *row)
{
	const char *slash = row->object_path ? strrchr(row->object_path, '/') : NULL;

	return slash ? strtoull(slash + 1, NULL, 10) : 0;
}

/* A session as it was named; borrowed from the list. */
struct found {
	const struct transfer_session_row *row, *other; /* NULL: none; none besides */
};

static struct found match(const transfer_session_list *list, const char *word, uint64_t number)
{
	struct found found = { 0 };

	for (size_t i = 0; i < transfer_session_list_get_size(list) && !found.other; i++) {
		const struct transfer_session_row *row = transfer_session_list_get(list, i);

		if (number ? number_of(row) != number : strcmp(row->identifier, word) != 0)
			continue;
		if (found.row)
			found.other = row;
		else
			found.row = row;
	}
	return found;
}

static const char *app_of(const struct transfer_session_row *row)
{
	return row->app_id && *row->app_id ? row->app_id : "a program without a name";
}

/* A session by name or #NUMBER -> its row, or NULL: no such. A name that several have is refused. */
static int look_up(struct ctx *ctx, const char *word, transfer_session_list **ret_list,
	const struct transfer_session_row **ret_row)
{
	transfer_auto(transfer_error) error = NULL;
	uint64_t number = 0;
	struct found found;
	char hint[700];

	*ret_row = NULL;
	if (word[0] == '#' && !parse_number(word + 1, strlen(word + 1), &number))
		return 0;
	if (transfer_manager_list_sessions(ctx->manager, ret_list, &error))
		return ctx_fail_error(ctx, NULL, error);
	found = match(*ret_list, word, number);
	if (found.other) {
		snprintf(hint, sizeof(hint),
			"\"#%llu\" names that of %s, \"#%llu\" that of %s; "
			"\"transferctl sessions --columns=number,session,app\" lists them.",
			(unsigned long long)number_of(found.row), app_of(found.row),
			(unsigned long long)number_of(found.other), app_of(found.other));
		return ctx_fail(ctx, EXIT_CODE_USAGE, hint,
			"several applications have a session \"%s\"", word);
	}
	*ret_row = found.row;
	return 0;
}

/* Narrows the filter to the session of this name; *ret_found: there is one. */
static int find_session(struct ctx *ctx, struct select *s, const char *word,
	struct transfer_task_filter *filter, bool *ret_found)
{
	transfer_auto(transfer_session_list) list = NULL;
	const struct transfer_session_row *row;
	int r = look_up(ctx, word, &list, &row);

	*ret_found = r == 0 && row;
	if (!*ret_found)
		return r;
	filter->session = keep_word(s, row->identifier);
	filter->app_id = row->app_id && *row->app_id ? keep_word(s, row->app_id) : NULL;
	return 0;
}

static void replace_text(char **text, const char *with)
{
	char *copy = with && *with ? strdup(with) : NULL;

	free(*text);
	*text = copy;
}

/* 0 or an exit code, after the message */
static int keep_session(struct ctx *ctx, const struct transfer_session_row *row)
{
	replace_text(&ctx->session_name, row->identifier);
	replace_text(&ctx->session_path, row->object_path);
	replace_text(&ctx->session_app, row->app_id);
	if (!ctx->session_name || !ctx->session_path)
		return ctx_fail(ctx, EXIT_CODE_FAILED, NULL, "out of memory");
	return 0;
}

int select_session(struct ctx *ctx, const char **word)
{
	transfer_auto(transfer_session_list) list = NULL;
	const struct transfer_session_row *row;
	int r;

	if (!*word)
		return 0;
	r = look_up(ctx, *word, &list, &row);
	if (r == 0 && !row && (*word)[0] == '#')
		return ctx_fail(ctx, EXIT_CODE_NOT_FOUND,
			"\"transferctl sessions --columns=number,session\" lists them.",
			"no session %s", *word);
	if (r || !row)
		return r;
	r = keep_session(ctx, row);
	if (r == 0)
		*word = ctx->session_name;
	return r;
}

int select_session_of(
	struct ctx *ctx, const char *app_id, const char *name, const char **ret_object)
{
	transfer_auto(transfer_session_list) list = NULL;
	transfer_auto(transfer_error) error = NULL;
	int r;

	if (transfer_manager_list_sessions(ctx->manager, &list, &error))
		return ctx_fail_error(ctx, NULL, error);
	for (size_t i = 0; i < transfer_session_list_get_size(list); i++) {
		const struct transfer_session_row *row = transfer_session_list_get(list, i);

		if (!row->app_id || strcmp(row->app_id, app_id) != 0 ||
			strcmp(row->identifier, name) != 0)
			continue;
		r = keep_session(ctx, row);
		*ret_object = ctx->session_path;
		return r;
	}
	return ctx_fail(ctx, EXIT_CODE_NOT_FOUND, NULL, "session \"%s\" is gone", name);
}

const char *select_session_object(const struct ctx *ctx, const char *session)
{
	return ctx->session_path ? ctx->session_path : session;
}

static int add_filter(struct ctx *ctx, struct select *s, struct transfer_task_filter **ret_filter)
{
	int r;

	if (s->n_filters + 1 >= SELECT_FILTERS_MAX)
		return ctx_fail(ctx, EXIT_CODE_USAGE, "use a range or a glob.", "too many words");
	r = base_filter(ctx, &s->filters[s->n_filters]);
	if (r == 0)
		*ret_filter = &s->filters[s->n_filters++];
	return r;
}

/* A word that is a name: session, or glob. */
static int parse_name(struct ctx *ctx, struct select *s, const char *word)
{
	struct transfer_task_filter *filter = NULL, named = { 0 };
	bool is_session;
	int r = find_session(ctx, s, word, &named, &is_session);

	if (r == 0 && !is_session && !strpbrk(word, "*?["))
		return ctx_fail(ctx, EXIT_CODE_NOT_FOUND,
			"\"transferctl sessions\" lists the sessions.",
			"no task and no session \"%s\"", word);
	if (r == 0)
		r = add_filter(ctx, s, &filter);
	if (r)
		return r;
	if (is_session) {
		filter->session = named.session;
		filter->app_id = named.app_id;
	} else {
		filter->name_glob = keep_word(s, word);
	}
	return 0;
}

/* SESSION/ID: the number counts only when it is one of the session's. */
static int parse_session_id(struct ctx *ctx, struct select *s, const char *word, uint64_t id)
{
	struct transfer_task_filter filter = { TRANSFER_TASK_FILTER_INIT,
		.include_finished = true };
	transfer_auto(transfer_task_list) list = NULL;
	transfer_auto(transfer_error) error = NULL;
	char *name = strndup(word, (size_t)(strrchr(word, '/') - word));
	bool is_session;
	int r;

	if (!name)
		return ctx_fail(ctx, EXIT_CODE_FAILED, NULL, "out of memory");
	r = find_session(ctx, s, name, &filter, &is_session);
	if (r == 0 && !is_session)
		r = ctx_fail(ctx, EXIT_CODE_NOT_FOUND,
			"\"transferctl sessions\" lists the sessions.", "no session \"%s\"", name);
	free(name);
	if (r)
		return r;
	filter.first_id = filter.last_id = id;
	if (transfer_manager_list_tasks(ctx->manager, &filter, NULL, &list, &error))
		return ctx_fail_error(ctx, NULL, error);
	if (!transfer_task_list_get_size(list))
		return ctx_fail(ctx, EXIT_CODE_NOT_FOUND, NULL, "no task %llu in session \"%s\"",
			(unsigned long long)id, filter.session);
	return add_id(ctx, s, id);
}

static int parse_word(struct ctx *ctx, struct select *s, const char *word)
{
	struct transfer_task_filter *filter = NULL;
	const char *slash = strrchr(word, '/'), *dash = strchr(word, '-');
	uint64_t first = 0, last = 0;
	int r;

	if (strcmp(word, "@last") == 0) {
		r = find_last(ctx, &last);
		if (r == 0 && !last)
			return ctx_fail(ctx, EXIT_CODE_NOT_FOUND, NULL, "there is no task yet");
		return r ? r : add_id(ctx, s, last);
	}
	if (slash && parse_number(slash + 1, strlen(slash + 1), &first))
		return parse_session_id(ctx, s, word, first);
	if (parse_number(word, strlen(word), &first))
		return add_id(ctx, s, first);
	if (dash && parse_number(word, (size_t)(dash - word), &first) &&
		parse_number(dash + 1, strlen(dash + 1), &last)) {
		r = add_filter(ctx, s, &filter);
		if (r)
			return r;
		filter->first_id = first;
		filter->last_id = last;
		return 0;
	}
	return parse_name(ctx, s, word);
}

int select_parse(struct ctx *ctx, int argc, char **argv, struct select *ret_select)
{
	struct transfer_task_filter *filter;
	int r = select_check(ctx);

	*ret_select = (struct select){ 0 };
	if (r == 0)
		r = ctx_connect(ctx);
	if (r == 0)
		r = select_session(ctx, &ctx->options.session);
	for (int i = 0; i < argc && r == 0; i++)
		r = parse_word(ctx, ret_select, argv[i]);
	if (r == 0 && argc == 0)
		r = add_filter(ctx, ret_select, &filter);
	if (r)
		select_done(ret_select);
	return r;
}

void select_done(struct select *select)
{
	for (size_t i = 0; i < select->n_words; i++)
		free(select->words[i]);
	free(select->words);
	free(select->ids);
	*select = (struct select){ 0 };
}

static int each_page(
	struct ctx *ctx, const struct transfer_task_filter *filter, select_page_fn fn, void *user)
{
	char *cursor = NULL;
	int r = 0;

	do {
		transfer_auto(transfer_task_list) list = NULL;
		transfer_auto(transfer_error) error = NULL;
		const char *next;

		if (transfer_manager_list_tasks(ctx->manager, filter, cursor, &list, &error)) {
			r = ctx_fail_error(ctx, NULL, error);
			break;
		}
		r = fn(ctx, list, user);
		next = transfer_task_list_get_next_cursor(list);
		free(cursor);
		cursor = next && *next ? strdup(next) : NULL;
	} while (r == 0 && cursor);
	free(cursor);
	return r;
}

static bool is_in(const transfer_task_list *list, uint64_t id)
{
	for (size_t i = 0; i < transfer_task_list_get_size(list); i++)
		if (transfer_task_list_get(list, i)->id == id)
			return true;
	return false;
}

/* The tasks that were named by number, and a word about each that is not there. */
static int each_exact(struct ctx *ctx, struct select *select,
	const struct transfer_task_filter *filter, select_page_fn fn, void *user)
{
	transfer_auto(transfer_task_list) list = NULL;
	transfer_auto(transfer_error) error = NULL;
	int r;

	if (transfer_manager_list_tasks(ctx->manager, filter, NULL, &list, &error))
		return ctx_fail_error(ctx, NULL, error);
	r = fn(ctx, list, user);
	for (size_t i = 0; i < filter->n_ids; i++) {
		if (is_in(list, filter->ids[i]))
			continue;
		select->n_missing++;
		fflush(stdout);
		ctx_fail(ctx, EXIT_CODE_NOT_FOUND,
			"finished tasks are listed with \"transferctl list --all\"; IDs are never reused.",
			"no task %llu", (unsigned long long)filter->ids[i]);
	}
	return r;
}

int select_each_page(struct ctx *ctx, struct select *select, select_page_fn fn, void *user)
{
	int r = 0;

	for (size_t i = 0; i < select->n_ids && r == 0; i += TRANSFER_MANAGER_MAX_TASKS) {
		struct transfer_task_filter filter = { TRANSFER_TASK_FILTER_INIT,
			.include_finished = true };

		filter.ids = select->ids + i;
		filter.n_ids = select->n_ids - i;
		if (filter.n_ids > TRANSFER_MANAGER_MAX_TASKS)
			filter.n_ids = TRANSFER_MANAGER_MAX_TASKS;
		r = each_exact(ctx, select, &filter, fn, user);
	}
	for (size_t i = 0; i < select->n_filters && r == 0; i++)
		r = each_page(ctx, &select->filters[i], fn, user);
	return r;
}

struct id_collector {
	uint64_t *ids;
	size_t n, room;
};

static int collect_ids(struct ctx *ctx, transfer_task_list *list, void *user)
{
	struct id_collector *c = user;
	size_t n = transfer_task_list_get_size(list);

	if (c->n + n > c->room) {
		size_t room = (c->n + n) * 2;
		uint64_t *ids = realloc(c->ids, room * sizeof(*ids));

		if (!ids)
			return ctx_fail(ctx, EXIT_CODE_FAILED, NULL, "out of memory");
		c->ids = ids;
		c->room = room;
	}
	for (size_t i = 0; i < n; i++)
		c->ids[c->n++] = transfer_task_list_get(list, i)->id;
	return 0;
}

int select_ids(struct ctx *ctx, struct select *select, uint64_t **ret_ids, size_t *ret_n)
{
	struct id_collector c = { 0 };
	size_t n_exact = select->n_ids;
	int r = 0;

	c.room = n_exact + 1;
	c.ids = malloc(c.room * sizeof(*c.ids));
	if (!c.ids)
		return ctx_fail(ctx, EXIT_CODE_FAILED, NULL, "out of memory");
	if (n_exact)
		memcpy(c.ids, select->ids, n_exact * sizeof(*c.ids));
	c.n = n_exact;
	select->n_ids = 0; /* named numbers need no look-up */
	for (size_t i = 0; i < select->n_filters; i++)
		select->filters[i].ids_only = true;
	r = select_each_page(ctx, select, collect_ids, &c);
	select->n_ids = n_exact;
	if (r) {
		free(c.ids);
		return r;
	}
	*ret_ids = c.ids;
	*ret_n = c.n;
	return 0;
}
