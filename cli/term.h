/* SPDX-License-Identifier: MIT */
/* What the terminal can do, and the few sequences we send to it. Data goes to stdout, progress and notes to stderr. */
#ifndef CLI_TERM_H
#define CLI_TERM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "cli/options.h"

enum term_color { TERM_PLAIN, TERM_GREEN, TERM_YELLOW, TERM_RED, TERM_GREY, TERM_BOLD };

struct term {
	bool out_is_tty, err_is_tty; /* and not TERM=dumb */
	bool has_color, err_has_color; /* stdout, stderr: a terminal, or forced */
	bool is_utf8;
	enum options_progress progress; /* AUTO resolved */
	enum options_json json; /* AUTO resolved */
};

/* Reads environment and locale (setlocale must have run); resolves the AUTO values of the options. */
void term_init(struct term *term, const struct options *options);
/* Columns of the window of the stream; $COLUMNS first; 80 when unknown. */
size_t term_columns(FILE *stream);
size_t term_rows(FILE *stream);
/* Starts (or ends, TERM_PLAIN) a colour; "" without colour. */
const char *term_color(const struct term *term, enum term_color color);
const char *term_err_color(const struct term *term, enum term_color color); /* on stderr */
/* A bar of columns width: "━━━╸────" or "[###----]"; share 0.0 … 1.0, negative: unknown. The caller frees; NULL: no memory. */
char *term_bar_text(const struct term *term, double share, size_t columns);

/*
 * Keys are read as they are pressed, and not shown, while we are in the foreground of a terminal.
 * Returns: the descriptor to wait for; -1: there are no keys. term_restore() ends it.
 */
int term_keys_begin(const struct term *term);
/* The next key that was pressed; 0: none. */
char term_key(int fd);

/* Taskbar progress (OSC 9;4) and cursor on stderr; term_restore() undoes all, also from a signal handler. */
void term_taskbar(const struct term *term, int percent); /* -1: clear */
void term_hide_cursor(const struct term *term);
void term_restore(void);

#endif
