/* SPDX-License-Identifier: MIT */
/* What the daemon holds at one moment: memory, descriptors, threads, files; and whether that grows. */
#ifndef TESTS_SOAK_SAMPLE_H
#define TESTS_SOAK_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum sample_what {
	SAMPLE_RSS_KIB,
	SAMPLE_FDS,
	SAMPLE_THREADS,
	SAMPLE_SPOOL_FILES,
	SAMPLE_DATABASE_KIB, /* without its log, which is as long as it ever was */
	SAMPLE_N,
};

struct sample {
	uint64_t value[SAMPLE_N];
};

const char *sample_name(enum sample_what what);
/* how much more of it there may be at the end than after the beginning */
uint64_t sample_allowance(enum sample_what what);
struct sample sample_take(pid_t daemon, const char *state_folder);
/* keeps the highest of each */
void sample_raise(struct sample *peak, const struct sample *sample);
/* the middle one of n samples */
uint64_t sample_median(const struct sample *samples, unsigned n, enum sample_what what);
/* Of n samples at rest: how much the last third has more than the first one behind the warm-up (n / 6). */
uint64_t sample_growth(const struct sample *samples, unsigned n, enum sample_what what);

#endif
