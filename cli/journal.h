/* SPDX-License-Identifier: MIT */
/* What transferd wrote to the journal, read with journalctl(1). A machine without a journal has no lines; that is no error. */
#ifndef CLI_JOURNAL_H
#define CLI_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOURNAL_IDS_NAMED 64 /* so many tasks at most are looked for by journalctl itself */

struct journal_query {
	bool is_system; /* the system's transferd */
	const uint64_t *ids; /* lines about these tasks, ascending; NULL: all lines */
	size_t n_ids;
	const char *since; /* as for journalctl; NULL: from the beginning */
	size_t n_last; /* only so many; 0: all */
	bool is_following; /* goes on until a signal */
};

struct journal_line {
	uint64_t wall_us, pid, task; /* task 0: none is named */
	int priority; /* as in syslog(3) */
	const char *message; /* borrowed */
};

/* Called for each line in order; non-zero ends it. */
typedef int (*journal_fn)(const struct journal_line *line, void *user);

/*
 * journal_each - hand the lines to fn
 * Returns: 0, -ENOENT: there is no journalctl or it does not work here, another negative errno, or what fn returned.
 */
int journal_each(const struct journal_query *query, journal_fn fn, void *user);
/* "Jun 02 10:41:07 transferd[812]: message", made safe for a terminal, on stdout. */
void journal_print(const struct journal_line *line);

#endif
