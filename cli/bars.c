/* SPDX-License-Identifier: MIT */
/*
 * Two ways to show the same rows. On a terminal a round is one write: cursor up, the new lines over the old ones, the rest of each
 * line erased. What moves comes first; rows beyond the window are counted, not drawn. In a pipe each task remembers what was last said about it, and speaks again only on news.
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
#define BARS_SIZES_BYTES      (2 * FORMAT_SIZE_BYTES + 4)
#define BARS_SIZES_COLUMNS    19
#define BARS_SERVICE_BYTES    600
#define BARS_SERVICE          "transferd"

/* What is remembered of a task from round to round. */
struct memory {
	uint64_t id;
	uint64_t first_us, said_us, moved_us;
	uint64_t said_bytes, moved_bytes;
	char said_state[40];
	bool is_over;
};

/* How the columns of a row share the window. */
struct layout {
	size_t columns, id, name, bar;
	bool has_sizes, has_sparks;
};

struct line {
	char *text;
	size_t width;
};

struct bars {
	const struct term *term;
	bool is_exact;
	uint64_t now_us, newest_id;
	struct layout layout;
	size_t n_total, n_over, n_lines; /* n_lines: height of the block on the screen */
	size_t widths[BARS_LINES_MAX]; /* of the lines on the screen */
	struct line lines[BARS_RANKS][BARS_LINES_MAX]; /* of this round */
	size_t n_ranked[BARS_RANKS], room, hint;
	uint64_t sum_done, sum_total, down_bps, up_bps;
	uint64_t over_bytes; /* of tasks that have ended, which come once only */
	bool is_total_known;
	struct memory *memories;
	size_t n_memories, memories_room;
	char *over; /* lines of this round that stay, above the block */
	size_t over_size;
	FILE *over_stream; /* NULL: in a pipe */
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

static struct layout layout_for(uint64_t newest_id)
{
	struct layout l = { .columns = term_columns(stderr) };
	size_t fixed, left;

	l.id = 4;
	for (uint64_t id = newest_id; id >= 10000; id /= 10)
		l.id++;
	l.has_sizes = l.columns >= 100;
	l.has_sparks = l.columns >= 120;
	/* mark, id, name, bar, percent, sizes, rate, time left */
	fixed = 2 + l.id + 1 + 1 + 5 + 2 + (l.has_sizes ? BARS_SIZES_COLUMNS + 2 : 0) + 11 + 1 + 7 +
		(l.has_sparks ? BARS_SPARKS + 2 : 0);
	left = l.columns > fixed + 1 ? l.columns - fixed - 1 : 0;
	l.bar = left * 2 / 5 < 8 ? 8 : left * 2 / 5 > 40 ? 40 : left * 2 / 5;
	l.name = left > l.bar + 8 ? left - l.bar : 8;
	l.name = l.name > 40 ? 40 : l.name;
	return l;
}

void bars_begin(struct bars *bars, uint64_t now_us, size_t n_total)
{
	size_t rows = term_rows(stderr);

	bars->now_us = now_us;
	bars->n_total = n_total;
	bars->sum_done = bars->sum_total = bars->over_bytes;
	bars->down_bps = bars->up_bps = 0;
	bars->is_total_known = true;
	/* the service, what is hidden, the total, the cursor */
	bars->room = rows > 5 ? rows - 4 : 1;
	if (bars->room > BARS_LINES_MAX - 3)
		bars->room = BARS_LINES_MAX - 3;
	bars->layout = layout_for(bars->newest_id);
	bars->over_stream = NULL;
	if (bars->term->progress == OPTIONS_PROGRESS_BAR)
		bars->over_stream = open_memstream(&bars->over, &bars->over_size);
}

/* "2.4 / 3.7 GiB", "380.0 MiB / 3.7 GiB" or "2.4 GiB" */
static const char *size_pair(
	const struct bars *bars, uint64_t done, int64_t total, char buf[BARS_SIZES_BYTES])
{
	char a[FORMAT_SIZE_BYTES], b[FORMAT_SIZE_BYTES];
	const char *unit_a, *unit_b;

	format_size(done, bars->is_exact, a);
	if (total < 0) {
		snprintf(buf, BARS_SIZES_BYTES, "%s", a);
		return buf;
	}
	format_size((uint64_t)total, bars->is_exact, b);
	unit_a = strchr(a, ' ');
	unit_b = strchr(b, ' ');
	if (unit_a && unit_b && strcmp(unit_a, unit_b) == 0)
		a[unit_a - a] = 0;
	snprintf(buf, BARS_SIZES_BYTES, "%s / %s", a, b);
	return buf;
}

/* The time that the rest takes; "-": nobody knows. */
static const char *time_left(
	uint64_t done, int64_t total, uint64_t bps, char buf[FORMAT_SPAN_BYTES])
{
	if (bps && total >= 0 && (uint64_t)total >= done)
		return format_span(
			(uint64_t)((double)((uint64_t)total - done) / (double)bps * 1e6), buf);
	snprintf(buf, FORMAT_SPAN_BYTES, "-");
	return buf;
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
	if (bars->now_us - m->first_us >= BARS_RATE_KNOWN_US)
		time_left(row->done_bytes, row->total_bytes, row->rate_bps, span);
	snprintf(buf, size, "%11s %7s", format_rate(row->rate_bps, bars->is_exact, rate), span);
}

/* "━━━╸────  64%   2.4 / 3.7 GiB  ": what rows and the total have in common. The caller frees. */
static char *gauge(const struct bars *bars, uint64_t done, int64_t total)
{
	const struct layout *l = &bars->layout;
	double share = total > 0 ? (double)done / (double)total : total == 0 ? 1 : -1;
	char sizes[BARS_SIZES_BYTES] = "", percent[8] = "   -", *text = NULL;
	char *bar = term_bar_text(bars->term, share, l->bar);

	if (share >= 0)
		snprintf(percent, sizeof(percent), "%3.0f%%", share > 1 ? 100 : share * 100);
	if (l->has_sizes)
		size_pair(bars, done, total, sizes);
	if (asprintf(&text, "%s %s  %*s%s", bar ? bar : "", percent,
		    l->has_sizes ? BARS_SIZES_COLUMNS : 0, sizes, l->has_sizes ? "  " : "") < 0)
		text = NULL;
	free(bar);
	return text;
}

/* One line of the block: a coloured mark, and what fits of the text, so that nothing wraps. */
static struct line make_line(
	const struct bars *bars, enum term_color color, const char *mark, const char *text)
{
	size_t columns = bars->layout.columns, width = format_width(mark), room;
	struct line line = { 0 };

	room = columns > width + 1 ? columns - width - 1 : 0;
	if (asprintf(&line.text, "%s%s%s%.*s", term_err_color(bars->term, color), mark,
		    term_err_color(bars->term, TERM_PLAIN), (int)format_prefix(text, room),
		    text) < 0)
		line.text = NULL;
	width += format_width(text);
	line.width = width < columns ? width : columns - 1;
	return line;
}

/* Whether a row of this rank may come into the window; those before it are not fewer. */
static bool has_room(const struct bars *bars, unsigned rank)
{
	size_t n = 0;

	for (unsigned i = 0; i <= rank; i++)
		n += bars->n_ranked[i];
	return n < bars->room;
}

static void draw_row(struct bars *bars, const struct bars_row *row, const struct memory *m)
{
	const struct layout *l = &bars->layout;
	char speed[200], *text;
	char *name = format_shorten(row->name, l->name, bars->term->is_utf8);
	char *bar = gauge(bars, row->done_bytes, row->total_bytes);
	size_t width = name ? format_width(name) : 0;

	pace(bars, row, m, speed, sizeof(speed));
	if (asprintf(&text, " %*llu %s%*s %s%s", (int)l->id, (unsigned long long)row->id,
		    name ? name : "", (int)(width < l->name ? l->name - width : 0), "",
		    bar ? bar : "", speed) < 0)
		text = NULL;
	bars->lines[row->rank][bars->n_ranked[row->rank]++] = make_line(
		bars, row->color, row->mark, text ? text : "");
	free(text);
	free(bar);
	free(name);
}

static void say_line(const struct bars *bars, const struct bars_row *row)
{
	char done[FORMAT_SIZE_BYTES], all[FORMAT_SIZE_BYTES] = "", rate[FORMAT_SIZE_BYTES],
				      span[FORMAT_SPAN_BYTES];
	char *name;

	format_size(row->done_bytes, bars->is_exact, done);
	if (row->outcome) {
		fprintf(stderr, "%llu %-9s %s%s%s, %s\n", (unsigned long long)row->id, row->state,
			done, row->took_us ? " in " : "",
			row->took_us ? format_span(row->took_us, span) : "", row->outcome);
		return;
	}
	if (row->total_bytes >= 0)
		format_size((uint64_t)row->total_bytes, bars->is_exact, all);
	if (row->total_bytes > 0 && row->is_transferring && row->rate_bps) {
		fprintf(stderr, "%llu %-9s %.0f%% %s of %s, %s, %s left\n",
			(unsigned long long)row->id, row->state,
			(double)row->done_bytes * 100 / (double)row->total_bytes, done, all,
			format_rate(row->rate_bps, bars->is_exact, rate),
			time_left(row->done_bytes, row->total_bytes, row->rate_bps, span));
		return;
	}
	name = format_safe(row->name);
	fprintf(stderr, "%llu %-9s %s%s%s%s%s %s\n", (unsigned long long)row->id, row->state,
		row->note ? row->note : "", row->note ? ", " : "", done, *all ? " of " : "", all,
		name ? name : "");
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
	if (row->is_upload)
		bars->up_bps += row->rate_bps;
	else
		bars->down_bps += row->rate_bps;
	if (row->total_bytes >= 0)
		bars->sum_total += (uint64_t)row->total_bytes;
	else
		bars->is_total_known = false;
}

/* A finished task's line, which stays above the block. */
static void print_over(struct bars *bars, const struct bars_row *row)
{
	const struct layout *l = &bars->layout;
	char size[FORMAT_SIZE_BYTES];
	char *name = format_shorten(row->name, l->name, bars->term->is_utf8);
	size_t width = name ? format_width(name) : 0;

	fprintf(bars->over_stream, "%s%s%s %*llu %s%*s %10s  %s\033[K\n",
		term_err_color(bars->term, row->color), row->mark,
		term_err_color(bars->term, TERM_PLAIN), (int)l->id, (unsigned long long)row->id,
		name ? name : "", (int)(width < l->name ? l->name - width : 0), "",
		format_size(row->done_bytes, bars->is_exact, size), row->outcome);
	free(name);
}

void bars_row(struct bars *bars, const struct bars_row *row)
{
	struct memory *m = recall(bars, row->id);

	if (row->id > bars->newest_id)
		bars->newest_id = row->id;
	if (!m || m->is_over)
		return;
	add_to_sums(bars, row);
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
	if (bars->over_stream && row->outcome)
		print_over(bars, row);
	m->is_over = row->outcome != NULL;
	if (bars->over_stream && !row->outcome && has_room(bars, row->rank))
		draw_row(bars, row, m);
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
		bars->sparks[BARS_SPARKS - 1] = bars->down_bps + bars->up_bps;
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

static struct line total_line(struct bars *bars, const char *sparks)
{
	const struct layout *l = &bars->layout;
	int64_t total = bars->is_total_known ? (int64_t)bars->sum_total : -1;
	uint64_t bps = bars->down_bps + bars->up_bps;
	char rate[FORMAT_SIZE_BYTES], span[FORMAT_SPAN_BYTES], words[80];
	char *text = NULL, *bar = gauge(bars, bars->sum_done, total);
	struct line line;

	snprintf(words, sizeof(words), "total %zu of %zu done", bars->n_over, bars->n_total);
	if (asprintf(&text, "  %-*s %s%11s %7s  %s", (int)(l->id + 1 + l->name), words,
		    bar ? bar : "", format_rate(bps, bars->is_exact, rate),
		    time_left(bars->sum_done, total, bps, span), l->has_sparks ? sparks : "") < 0)
		text = NULL;
	line = make_line(bars, TERM_PLAIN, "", text ? text : "");
	free(text);
	free(bar);
	return line;
}

/* Adds a part to the line above the bars, if it fits. */
static void append(const struct bars *bars, char *line, size_t size, const char *part)
{
	if (strlen(BARS_SERVICE) + format_width(line) + format_width(part) < bars->layout.columns &&
		strlen(line) + strlen(part) < size)
		strncat(line, part, size - strlen(line) - 1);
}

static struct line service_line(
	const struct bars *bars, const struct bars_service *s, const char *sparks)
{
	char text[BARS_SERVICE_BYTES] = "", part[160], a[FORMAT_SIZE_BYTES], b[FORMAT_SIZE_BYTES];
	bool is_utf8 = bars->term->is_utf8;

	sparks += strspn(sparks, " ");
	snprintf(part, sizeof(part), "  %s %s%s%s  %s %s", is_utf8 ? "↓" : "down",
		bars->down_bps ? format_rate(bars->down_bps, bars->is_exact, a) : "0 B/s",
		*sparks ? " " : "", sparks, is_utf8 ? "↑" : "up",
		bars->up_bps ? format_rate(bars->up_bps, bars->is_exact, b) : "0 B/s");
	append(bars, text, sizeof(text), part);
	snprintf(part, sizeof(part), "   %llu running  %llu queued",
		(unsigned long long)s->n_running, (unsigned long long)s->n_queued);
	append(bars, text, sizeof(text), part);
	if (s->n_waiting) {
		snprintf(part, sizeof(part), "  %llu waiting", (unsigned long long)s->n_waiting);
		append(bars, text, sizeof(text), part);
	}
	if (s->is_paused)
		append(bars, text, sizeof(text), "   paused");
	if (!s->max_down_bps && !s->max_up_bps)
		snprintf(part, sizeof(part), "   limit: none");
	else
		snprintf(part, sizeof(part), "   limit: %s down, %s up",
			s->max_down_bps ? format_rate(s->max_down_bps, bars->is_exact, a) : "no",
			s->max_up_bps ? format_rate(s->max_up_bps, bars->is_exact, b) : "no");
	append(bars, text, sizeof(text), part);
	if (strcmp(s->metered, "unknown") != 0) {
		snprintf(part, sizeof(part), "   metered: %s", s->metered);
		append(bars, text, sizeof(text), part);
	}
	return make_line(bars, TERM_BOLD, BARS_SERVICE, text);
}

/* Writes a line of the block over what stands there. Takes its text. */
static void put(struct bars *bars, FILE *frame, struct line line)
{
	if (line.text && bars->n_lines < BARS_LINES_MAX) {
		fprintf(frame, "%s\033[K\n", line.text);
		bars->widths[bars->n_lines++] = line.width;
	}
	free(line.text);
}

/* The rows that fit, by rank; the others are dropped. Returns how many were put. */
static size_t put_rows(struct bars *bars, FILE *frame)
{
	size_t n = 0;

	for (unsigned rank = 0; rank < BARS_RANKS; rank++) {
		for (size_t i = 0; i < bars->n_ranked[rank]; i++) {
			if (n < bars->room) {
				put(bars, frame, bars->lines[rank][i]);
				n++;
			} else {
				free(bars->lines[rank][i].text);
			}
		}
		bars->n_ranked[rank] = 0;
	}
	return n;
}

static void put_block(struct bars *bars, FILE *frame, const struct bars_service *service)
{
	char sparks[BARS_SPARKS * 4], more[80];
	size_t n, n_open = bars->n_total > bars->n_over ? bars->n_total - bars->n_over : 0;

	draw_sparks(bars, sparks, sizeof(sparks));
	if (service)
		put(bars, frame, service_line(bars, service, sparks));
	n = put_rows(bars, frame);
	if (n && n_open > n) {
		snprintf(more, sizeof(more), "  %s %zu more, sorted by state",
			bars->term->is_utf8 ? "…" : "...", n_open - n);
		put(bars, frame, make_line(bars, TERM_PLAIN, "", more));
	}
	if (n || service)
		put(bars, frame, total_line(bars, sparks));
}

/* The whole frame is one write over the last one: nothing flickers. */
void bars_end(struct bars *bars, const struct bars_service *service)
{
	size_t size, n_up = height(bars);
	char *text = NULL;
	FILE *frame;

	if (!bars->over_stream)
		return;
	fclose(bars->over_stream);
	bars->over_stream = NULL;
	frame = open_memstream(&text, &size);
	if (frame) {
		if (n_up)
			fprintf(frame, "\033[%zuA\r", n_up);
		fputs(bars->over, frame);
		bars->n_lines = 0;
		put_block(bars, frame, service);
		if (n_up)
			fputs("\033[J", frame);
		fclose(frame);
		fputs(text, stderr);
	}
	if (bars->is_total_known && bars->sum_total)
		term_taskbar(
			bars->term, (int)((double)bars->sum_done * 100 / (double)bars->sum_total));
	fflush(stderr);
	free(bars->over);
	bars->over = NULL;
	free(text);
}
