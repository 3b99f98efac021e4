/* SPDX-License-Identifier: MIT */
/* Facts about the terminal and the sequences for colour, cursor and taskbar. */
#include "cli/term.h"

#include <langinfo.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static volatile sig_atomic_t cursor_is_hidden, taskbar_is_set, keys_are_raw;
static struct termios cooked;

static bool is_terminal(int fd)
{
	const char *kind = getenv("TERM");

	return isatty(fd) && kind && strcmp(kind, "dumb") != 0;
}

void term_init(struct term *term, const struct options *options)
{
	term->out_is_tty = is_terminal(STDOUT_FILENO);
	term->err_is_tty = is_terminal(STDERR_FILENO);
	term->is_utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	term->has_color = options->color == OPTIONS_ALWAYS ||
		(options->color == OPTIONS_AUTO && term->out_is_tty);
	term->err_has_color = options->color == OPTIONS_ALWAYS ||
		(options->color == OPTIONS_AUTO && term->err_is_tty);
	term->progress = options->progress;
	if (term->progress == OPTIONS_PROGRESS_AUTO)
		term->progress = term->err_is_tty ? OPTIONS_PROGRESS_BAR : OPTIONS_PROGRESS_PLAIN;
	if (options->progress == OPTIONS_PROGRESS_AUTO && options->json != OPTIONS_JSON_OFF)
		term->progress = OPTIONS_PROGRESS_NONE;
	if (options->is_quiet)
		term->progress = OPTIONS_PROGRESS_NONE;
	term->json = options->json;
	if (term->json == OPTIONS_JSON_AUTO)
		term->json = term->out_is_tty ? OPTIONS_JSON_PRETTY : OPTIONS_JSON_SHORT;
}

static size_t from_window(FILE *stream, const char *variable, size_t fallback)
{
	const char *text = getenv(variable);
	struct winsize size;

	if (text && atol(text) > 0 && atol(text) < 10000)
		return (size_t)atol(text);
	if (ioctl(fileno(stream), TIOCGWINSZ, &size))
		return fallback;
	if (strcmp(variable, "COLUMNS") == 0)
		return size.ws_col ? size.ws_col : fallback;
	return size.ws_row ? size.ws_row : fallback;
}

size_t term_columns(FILE *stream)
{
	return from_window(stream, "COLUMNS", 80);
}

size_t term_rows(FILE *stream)
{
	return from_window(stream, "LINES", 24);
}

static const char *const color_codes[] = {
	[TERM_PLAIN] = "\033[0m",
	[TERM_GREEN] = "\033[32m",
	[TERM_YELLOW] = "\033[33m",
	[TERM_RED] = "\033[31m",
	[TERM_GREY] = "\033[90m",
	[TERM_BOLD] = "\033[1m",
};

const char *term_color(const struct term *term, enum term_color color)
{
	return term->has_color ? color_codes[color] : "";
}

const char *term_err_color(const struct term *term, enum term_color color)
{
	return term->err_has_color ? color_codes[color] : "";
}

static void print_bar(const struct term *term, FILE *stream, double share, size_t columns)
{
	size_t halves, inner = term->is_utf8 ? columns : columns > 2 ? columns - 2 : 0;

	if (!term->is_utf8)
		fputc('[', stream);
	halves = share < 0 ? 0 : (size_t)((share > 1 ? 1 : share) * (double)inner * 2);
	for (size_t i = 0; i < inner; i++) {
		bool is_full = halves >= 2 * (i + 1), is_half = !is_full && halves > 2 * i;

		if (term->is_utf8)
			fputs(share < 0 ? "·" : is_full ? "━" : is_half ? "╸" : "─", stream);
		else
			fputc(share < 0 ? '.' : is_full ? '#' : '-', stream);
	}
	if (!term->is_utf8)
		fputc(']', stream);
}

char *term_bar_text(const struct term *term, double share, size_t columns)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	if (!stream)
		return NULL;
	print_bar(term, stream, share, columns);
	fclose(stream);
	return text;
}

void term_taskbar(const struct term *term, int percent)
{
	if (!term->err_is_tty)
		return;
	if (percent < 0 && !taskbar_is_set)
		return;
	if (percent < 0)
		fputs("\033]9;4;0\033\\", stderr);
	else
		fprintf(stderr, "\033]9;4;1;%d\033\\", percent);
	taskbar_is_set = percent >= 0;
}

void term_hide_cursor(const struct term *term)
{
	if (!term->err_is_tty)
		return;
	fputs("\033[?25l", stderr);
	cursor_is_hidden = 1;
}

int term_keys_begin(const struct term *term)
{
	struct termios raw;

	if (!term->err_is_tty || !isatty(STDIN_FILENO) || tcgetpgrp(STDIN_FILENO) != getpgrp())
		return -1;
	if (!keys_are_raw && tcgetattr(STDIN_FILENO, &cooked))
		return -1;
	raw = cooked;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 0;
	keys_are_raw = 1;
	if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw))
		return -1;
	return STDIN_FILENO;
}

char term_key(int fd)
{
	char key = 0;

	return read(fd, &key, 1) == 1 ? key : 0;
}

/* Only async-signal-safe calls: this also runs in the handler of a deadly signal. */
void term_restore(void)
{
	static const char show[] = "\033[?25h", clear[] = "\033]9;4;0\033\\";

	if (keys_are_raw && tcgetpgrp(STDIN_FILENO) == getpgrp())
		tcsetattr(STDIN_FILENO, TCSANOW, &cooked);
	keys_are_raw = 0;
	if (cursor_is_hidden && write(STDERR_FILENO, show, sizeof(show) - 1) < 0)
		return;
	cursor_is_hidden = 0;
	if (taskbar_is_set && write(STDERR_FILENO, clear, sizeof(clear) - 1) < 0)
		return;
	taskbar_is_set = 0;
}
