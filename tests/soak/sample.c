/* SPDX-License-Identifier: MIT */
/* Reads what the daemon holds from /proc and its state folder. */
#include "tests/soak/sample.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct {
	const char *name;
	uint64_t allowance;
} kinds[SAMPLE_N] = {
	/* what the allocator keeps of the last load goes up and down by as much */
	[SAMPLE_RSS_KIB] = { "RSS KiB", 4096 },
	/* connections that are kept open for a while */
	[SAMPLE_FDS] = { "descriptors", 6 },
	[SAMPLE_THREADS] = { "threads", 0 },
	[SAMPLE_SPOOL_FILES] = { "spool files", 0 },
	/* the tokens of the last 256 calls of each session stay */
	[SAMPLE_DATABASE_KIB] = { "database KiB", 2048 },
};

const char *sample_name(enum sample_what what)
{
	return kinds[what].name;
}

uint64_t sample_allowance(enum sample_what what)
{
	return kinds[what].allowance;
}

static uint64_t status_value(pid_t pid, const char *name)
{
	char path[64], line[256];
	uint64_t value = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)))
			value = strtoull(line + strlen(name), NULL, 10);
	if (f)
		fclose(f);
	return value;
}

static uint64_t count_fds(pid_t pid)
{
	char path[64];
	uint64_t n = 0;
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	folder = opendir(path);
	if (!folder)
		return 0;
	while (readdir(folder))
		n++;
	closedir(folder);
	return n - 2;
}

static uint64_t n_files; /* of the walk below, which has no user pointer */

static int count_file(const char *path, const struct stat *status, int type, struct FTW *where)
{
	(void)path;
	(void)status;
	(void)where;
	n_files += type == FTW_F;
	return 0;
}

static uint64_t size_kib(const char *folder, const char *name)
{
	char path[512];
	struct stat status;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return stat(path, &status) ? 0 : (uint64_t)status.st_size / 1024;
}

struct sample sample_take(pid_t daemon, const char *state_folder)
{
	struct sample s = { 0 };
	char spool[512];

	s.value[SAMPLE_RSS_KIB] = status_value(daemon, "VmRSS:");
	s.value[SAMPLE_THREADS] = status_value(daemon, "Threads:");
	s.value[SAMPLE_FDS] = count_fds(daemon);
	snprintf(spool, sizeof(spool), "%s/spool", state_folder);
	n_files = 0;
	nftw(spool, count_file, 16, FTW_PHYS);
	s.value[SAMPLE_SPOOL_FILES] = n_files;
	s.value[SAMPLE_DATABASE_KIB] = size_kib(state_folder, "queue.db");
	return s;
}

void sample_raise(struct sample *peak, const struct sample *sample)
{
	for (unsigned i = 0; i < SAMPLE_N; i++)
		if (sample->value[i] > peak->value[i])
			peak->value[i] = sample->value[i];
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

uint64_t sample_median(const struct sample *samples, unsigned n, enum sample_what what)
{
	uint64_t values[64];
	unsigned used = 0;

	for (unsigned i = 0; i < n && used < 64; i++)
		values[used++] = samples[i].value[what];
	if (!used)
		return 0;
	qsort(values, used, sizeof(*values), compare);
	return values[used / 2];
}

uint64_t sample_growth(const struct sample *samples, unsigned n, enum sample_what what)
{
	unsigned warm = (n + 5) / 6, third = (n - warm + 2) / 3;
	uint64_t before, after;

	if (n < 3)
		return 0;
	before = sample_median(samples + warm, third, what);
	after = sample_median(samples + n - third, third, what);
	return after > before ? after - before : 0;
}
