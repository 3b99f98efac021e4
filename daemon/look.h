/* SPDX-License-Identifier: MIT */
/*
 * What one call names in the file system, and what is found there. A network mount may never answer: look_ask() is for a thread that
 * may wait for ever (scouts.h), never for the main thread. All of it is a hint: when a file is put in place it is asked again, without
 * a gap.
 */
#ifndef DAEMON_LOOK_H
#define DAEMON_LOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/mailbox.h"

/* Of one request; NULL: not named. What is no absolute path is not asked for, and is not there. */
struct look_names {
	const char *destination, *ca_file, *source_path;
	bool keeps_source; /* its descriptor is wanted */
};

struct look_answer {
	bool has_folder; /* the destination's is one, and new files can be made in it */
	bool has_file, is_replaceable; /* something has the destination's name; a file, or a link */
	int ca_errno; /* 0: it can be read */
	int source_errno; /* 0: it could be opened */
	int source_fd; /* -1: none; whoever takes it says so here */
	bool is_source_file;
	uint64_t source_size_bytes, source_mtime_ns, source_ino;
};

struct look {
	struct mail mail;
	TAILQ_ENTRY(look) entry; /* these are the scouts', as the ticket */
	uint64_t ticket, who, due_us;
	unsigned scout;
	bool is_asked;
	size_t n; /* added so far */
	struct look_names *names;
	struct look_answer *answers; /* as many, in the order of the names */
};

/* Room for n requests; NULL: no memory. */
struct look *look_new(size_t n_max);
struct look *look_free(struct look *look);
/* The texts are copied. 0 or -ENOMEM */
int look_add(struct look *look, const struct look_names *names);
/* May block. */
void look_ask(struct look *look);
/* Closes what nobody took. May block, as every close() of a file that is not ours. */
void look_close(struct look *look);
bool look_has_files(const struct look *look);

/* One request, here and now. Its descriptor is the caller's. */
void look_ask_one(const struct look_names *names, struct look_answer *ret_answer);

/* What is known of an open file without asking its file system. 0 or -errno */
int look_at_fd(int fd, struct look_answer *inout_answer);

#endif
