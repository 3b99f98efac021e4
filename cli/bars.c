/* SPDX-License-Identifier: MIT */
/*
 * Two ways to show the same rows. On a terminal the block of the last round is wiped (cursor up, erase) and drawn again; rows beyond
 * the window are counted, not drawn. In a pipe each task remembers what was last said about it, and speaks again only on news.
 */
#include "cli/bars.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/format.h"

#define BARS_LINE_INTERVAL_US UINT64_C(30000000)
#define BARS_RATE_KNOWN_US    UINT64_C(2000000)
#define BARS_STALLED_US       UINT64_C(5000000)
#define BARS_SPARKS           8
#define BARS_LINES_MAX        256

/* What is remembered of a task from round to round. */
struct memory {
	uint64_t id;
	uint64_t first_us, said_us, moved_us;
	uint64_t said_bytes, moved_bytes;
	char said_state[40];
	bool is_over, is_seen;
};

struct bars {
	const struct term *term;
	bool is_exact;
	uint64_t now_us;
	size_t n_total, n_over, n_drawn, n_hidden,
		n_lines; /* n_lines: height of the block on the screen */
	size_t widths[BARS_LINES_MAX]; /* of the lines on the screen */
	size_t widths_put[BARS_LINES_MAX], n_put; /* of this round's lines */
	size_t room, hint;
	uint64_t sum_done, sum_total, sum_rate;
	uint64_t over_bytes; /* of tasks that have ended, which come once only */
	bool is_total_known;
	struct memory *memories;
	size_t n_memories, memories_room;
	char *block; /* lines of this round */
	size_t block_bytes;
	FILE *stream;
	uint64_t sparks[BARS_SPARKS];
	uint64_t spark_us;
};

int bars_new(const struct term *term, bool is_exact, struct bars **ret_bars)
{
	struct bars *bars = calloc(1, sizeof(*bars));

	if (!bars)
		return -ENOMEM;
	bars->term = term;
	bars->is_exact = is_exact;
	if (term->progress == OPTIONS_PROGRESS_BAR)
		term_hide_cursor(term);
	*ret_bars = bars;
	return 0;
}

/* How many rows of the window the block takes: more than lines when the window has become narrower. */
static size_t height(const struct bars *bars)
{
	size_t columns = term_columns(stderr), n = 0;

	for (size_t i = 0; i < bars->n_lines; i++)
		n += bars->widths[i] > columns ? (bars->widths[i] + columns - 1) / columns : 1;
	return n;
}

void bars_clear(struct bars *bars)
{
	if (bars->n_lines)
		fprintf(stderr, "\033[%zuA\r\033[J", height(bars));
	bars->n_lines = 0;
	fflush(stderr);
}

void bars_forget(struct bars *bars)
{
	bars->n_lines = 0;
	if (bars->term->progress == OPTIONS_PROGRESS_BAR)
		term_hide_cursor(bars->term);
}

/* Puts one line into the block: a coloured mark, and what fits of the text, so that nothing wraps. */
static void put_line(struct bars *bars, enum term_color color, const char *mark, const char *text)
{
	size_t columns = term_columns(stderr), width = format_width(mark), room;

	if (bars->n_put == BARS_LINES_MAX)
		return;
	room = columns > width + 1 ? columns - width - 1 : 0;
	fprintf(bars->stream, "%s%s%s%.*s\n", term_err_color(bars->term, color), mark,
		term_err_color(bars->term, TERM_PLAIN), (int)format_prefix(text, room), text);
	width += format_width(text);
	bars->widths_put[bars->n_put++] = width < columns ? width : columns - 1;
}

void bars_free(struct bars *bars)
{
	if (!bars)
		return;
	if (bars->term->progress == OPTIONS_PROGRESS_BAR) {
		bars_clear(bars);
		term_taskbar(bars->term, -1);
		term_restore();
	}
	free(bars->memories);
	free(bars);
}

static struct memory *recall(struct bars *bars, uint64_t id)
{
	struct memory *m;

	/* rows come in the same order every round: look behind the last one first */
	for (size_t i = 0; i < bars->n_memories; i++) {
		size_t at = (bars->hint + 1 + i) % bars->n_memories;

		if (bars->memories[at].id == id) {
			bars->hint = at;
			return &bars->memories[at];
		}
	}
	if (bars->n_memories == bars->memories_room) {
		size_t room = bars->memories_room ? bars->memories_room * 2 : 16;

		m = realloc(bars->memories, room * sizeof(*m));
		if (!m)
			return NULL;
		bars->memories = m;
		bars->memories_room = room;
	}
	bars->hint = bars->n_memories;
	m = &bars->memories[bars->n_memories++];
	*m = (struct memory){ .id = id, .first_us = bars->now_us, .moved_us = bars->now_us };
	return m;
}

void bars_begin(struct bars *bars, uint64_t now_us, size_t n_total)
{
	size_t rows = term_rows(stderr);

	bars->now_us = now_us;
	bars->n_total = n_total;
	bars->n_drawn = bars->n_hidden = 0;
	bars->sum_done = bars->sum_total = bars->over_bytes;
	bars->sum_rate = 0;
	bars->is_total_known = true;
	bars->room = rows > 4 ? rows - 3 : 1;
	if (bars->room > BARS_LINES_MAX - 2)
		bars->room = BARS_LINES_MAX - 2;
	bars->n_put = 0;
	bars->stream = NULL;
	if (bars->term->progress == OPTIONS_PROGRESS_BAR)
		bars->stream = open_memstream(&bars->block, &bars->block_bytes);
}

/* "2.4 / 3.7 GiB" or "2.4 GiB" */
static void size_pair(const struct bars *bars, uint64_t done, int64_t total, char *buf, size_t size)
{
	char a[FORMAT_SIZE_BYTES], b[FORMAT_SIZE_BYTES];

	if (total >= 0)
		snprintf(buf, size, "%s of %s", format_size(done, bars->is_exact, a),
			format_size((uint64_t)total, bars->is_exact, b));
	else
		snprintf(buf, size, "%s", format_size(done, bars->is_exact, a));
}

/* "12.4 MiB/s  1:47", "stalled 0:12", or the note. */
static void pace(const struct bars *bars, const struct bars_row *row, const struct memory *m,
	char *buf, size_t size)
{
	char rate[FORMAT_SIZE_BYTES], span[FORMAT_SPAN_BYTES] = "-";
	uint64_t quiet_us = bars->now_us - m->moved_us;

	if (row->note) {
		snprintf(buf, size, "%s", row->note);
		return;
	}
	if (row->is_transferring && quiet_us >= BARS_STALLED_US) {
		snprintf(buf, size, "stalled %s", format_span(quiet_us, span));
		return;
	}
	if (!row->is_transferring) {
		snprintf(buf, size, "%s", row->state);
		return;
	}
	if (row->rate_bps && row->total_bytes >= 0 &&
		(uint64_t)row->total_bytes >= row->done_bytes &&
		bars->now_us - m->first_us >= BARS_RATE_KNOWN_US)
		format_span((uint64_t)((double)((uint64_t)row->total_bytes - row->done_bytes) /
				    (double)row->rate_bps * 1e6),
			span);
	snprintf(buf, size, "%11s %7s", format_rate(row->rate_bps, bars->is_exact, rate), span);
}

static void draw_row(struct bars *bars, const struct bars_row *row, const struct memory *m)
{
	size_t columns = term_columns(stderr), name_columns, bar_columns;
	double share = row->total_bytes > 0 ? (double)row->done_bytes / (double)row->total_bytes
					    : -1;
	char sizes[80], speed[200], percent[8] = "   -";
	char *name, *bar, *line;

	bar_columns = columns >= 110 ? 32 : columns >= 90 ? 20 : 12;
	name_columns = columns >= 110 ? 30 : columns >= 90 ? 22 : 16;
	name = format_shorten(row->name, name_columns, bars->term->is_utf8);
	size_pair(bars, row->done_bytes, row->total_bytes, sizes, sizeof(sizes));
	pace(bars, row, m, speed, sizeof(speed));
	if (share >= 0)
		snprintf(
			percent, sizeof(percent), "%3.0f%%", share * 100 > 100 ? 100 : share * 100);
	bar = term_bar_text(bars->term, share, bar_columns);
	if (columns < 90)
		sizes[0] = 0;
	if (asprintf(&line, " %4llu %s%*s %s %s  %s%s%s", (unsigned long long)row->id,
		    name ? name : "", (int)(name_columns - (name ? format_width(name) : 0)), "",
		    bar ? bar : "", percent, sizes, *sizes ? "  " : "", speed) < 0)
		line = NULL;
	put_line(bars, row->color, row->mark, line ? line : "");
	free(line);
	free(bar);
	free(name);
}

static void say_line(const struct bars *bars, const struct bars_row *row)
{
	char sizes[80], rate[FORMAT_SIZE_BYTES], span[FORMAT_SPAN_BYTES];
	char *name = format_safe(row->name);

	if (row->outcome) {
		fprintf(stderr, "%llu %s\n", (unsigned long long)row->id, row->outcome);
		free(name);
		return;
	}
	size_pair(bars, row->done_bytes, row->total_bytes, sizes, sizeof(sizes));
	if (row->total_bytes > 0 && row->is_transferring && row->rate_bps)
		fprintf(stderr, "%llu %-9s %.0f%% %s, %s, %s left\n", (unsigned long long)row->id,
			row->state, (double)row->done_bytes * 100 / (double)row->total_bytes, sizes,
			format_rate(row->rate_bps, bars->is_exact, rate),
			format_span(
				(uint64_t)((double)((uint64_t)row->total_bytes - row->done_bytes) /
					(double)row->rate_bps * 1e6),
				span));
	else
		fprintf(stderr, "%llu %-9s %s%s%s %s\n", (unsigned long long)row->id, row->state,
			row->note ? row->note : "", row->note ? ", " : "", sizes, name ? name : "");
	free(name);
}

/* In a pipe: on a change of state, or when both 10 % and half a minute have passed. */
static bool is_news(const struct bars *bars, const struct bars_row *row, const struct memory *m)
{
	uint64_t step = row->total_bytes > 0 ? (uint64_t)row->total_bytes / 10 : UINT64_C(64) << 20;

	if (row->outcome)
		return !m->is_over;
	if (strncmp(m->said_state, row->state, sizeof(m->said_state) - 1) != 0)
		return true;
	return row->done_bytes - m->said_bytes >= step &&
		bars->now_us - m->said_us >= BARS_LINE_INTERVAL_US;
}

static void add_to_sums(struct bars *bars, const struct bars_row *row)
{
	bars->sum_done += row->done_bytes;
	if (row->outcome) {
		bars->over_bytes += row->done_bytes;
		bars->sum_total += row->done_bytes;
		bars->n_over++;
		return;
	}
	bars->sum_rate += row->rate_bps;
	if (row->total_bytes >= 0)
		bars->sum_total += (uint64_t)row->total_bytes;
	else
		bars->is_total_known = false;
}

/* A finished task's line, which stays above the block. */
static void print_over(struct bars *bars, const struct bars_row *row)
{
	char size[FORMAT_SIZE_BYTES];
	char *name = format_safe(row->name);

	bars_clear(bars);
	fprintf(stderr, "%s%s%s %4llu %s  %s  %s\n", term_err_color(bars->term, row->color),
		row->mark, term_err_color(bars->term, TERM_PLAIN), (unsigned long long)row->id,
		name ? name : "", format_size(row->done_bytes, bars->is_exact, size), row->outcome);
	free(name);
}

void bars_row(struct bars *bars, const struct bars_row *row)
{
	struct memory *m = recall(bars, row->id);

	add_to_sums(bars, row);
	if (!m)
		return;
	if (row->done_bytes != m->moved_bytes) {
		m->moved_bytes = row->done_bytes;
		m->moved_us = bars->now_us;
	}
	if (bars->term->progress == OPTIONS_PROGRESS_PLAIN && is_news(bars, row, m)) {
		say_line(bars, row);
		snprintf(m->said_state, sizeof(m->said_state), "%s", row->state);
		m->said_us = bars->now_us;
		m->said_bytes = row->done_bytes;
	}
	if (bars->stream && row->outcome && !m->is_over)
		print_over(bars, row);
	m->is_over = m->is_over || row->outcome;
	if (!bars->stream || row->outcome)
		return;
	if (bars->n_drawn < bars->room) {
		draw_row(bars, row, m);
		bars->n_drawn++;
	} else {
		bars->n_hidden++;
	}
}

/* The rate of the last seconds as a row of blocks. */
static void draw_sparks(struct bars *bars, char *buf, size_t size)
{
	static const char *const utf8[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	uint64_t most = 1;
	size_t used = 0;

	buf[0] = 0;

	if (bars->now_us - bars->spark_us >= 1000000) {
		memmove(bars->sparks, bars->sparks + 1,
			sizeof(bars->sparks) - sizeof(bars->sparks[0]));
		bars->sparks[BARS_SPARKS - 1] = bars->sum_rate;
		bars->spark_us = bars->now_us;
	}
	if (!bars->term->is_utf8)
		return;
	for (size_t i = 0; i < BARS_SPARKS; i++)
		most = bars->sparks[i] > most ? bars->sparks[i] : most;
	for (size_t i = 0; i < BARS_SPARKS; i++)
		used += (size_t)snprintf(buf + used, size - used, "%s",
			bars->sparks[i] ? utf8[bars->sparks[i] * 7 / most] : " ");
}

static void draw_totals(struct bars *bars)
{
	char sizes[80], rate[FORMAT_SIZE_BYTES], sparks[BARS_SPARKS * 4], line[240];

	size_pair(bars, bars->sum_done, bars->is_total_known ? (int64_t)bars->sum_total : -1, sizes,
		sizeof(sizes));
	if (bars->n_hidden) {
		snprintf(line, sizeof(line), "  %s %zu more", bars->term->is_utf8 ? "…" : "...",
			bars->n_hidden);
		put_line(bars, TERM_PLAIN, "", line);
	}
	draw_sparks(bars, sparks, sizeof(sparks));
	snprintf(line, sizeof(line), "  total %zu of %zu done  %s  %s  %s", bars->n_over,
		bars->n_total, sizes, format_rate(bars->sum_rate, bars->is_exact, rate), sparks);
	put_line(bars, TERM_PLAIN, "", line);
}

void bars_end(struct bars *bars)
{
	if (!bars->stream)
		return;
	if (bars->n_drawn)
		draw_totals(bars);
	fclose(bars->stream);
	bars_clear(bars);
	if (bars->n_drawn) {
		fputs(bars->block, stderr);
		bars->n_lines = bars->n_put;
		memcpy(bars->widths, bars->widths_put, bars->n_put * sizeof(bars->widths[0]));
	}
	if (bars->is_total_known && bars->sum_total)
		term_taskbar(
			bars->term, (int)((double)bars->sum_done * 100 / (double)bars->sum_total));
	fflush(stderr);
	free(bars->block);
	bars->block = NULL;
	bars->stream = NULL;
}
