/* SPDX-License-Identifier: MIT */
/*
 * Runs a fuzz target without libFuzzer: over each file of its corpus, cut at many lengths, and over a fixed
 * sequence of mutations. A wrong step ends the process, which the test driver sees.
 */
#include <dirent.h>
#include <errno.h>
#include <libgen.h>
#include <stdio.h>

#include "tests/fuzz/fuzz.h"

#define SEED_MAX_BYTES 4096

/* Runs of the whole corpus; a target that takes long each time says fewer. */
__attribute__((weak)) unsigned fuzz_n_runs = 30000;

static uint32_t state = 2463534242u;

static uint32_t draw(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % below;
}

/* The target gets a copy of its own, so that reading past the end is seen. */
static void run(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	FUZZ_MUST(copy);
	if (size)
		memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static size_t mutate(uint8_t *data, size_t size)
{
	static const char marks[] = "\0\n\r\t :;,=\"\\/%@[]*-+9\xff\xc3\xe2";

	for (uint32_t n = 1 + draw(6); n && size; n--) {
		uint32_t at = draw((uint32_t)size);

		switch (draw(5)) {
		case 0:
			data[at] = (uint8_t)draw(256);
			break;
		case 1:
			data[at] = (uint8_t)marks[draw(sizeof(marks) - 1)];
			break;
		case 2: /* drop */
			memmove(data + at, data + at + 1, size - at - 1);
			size--;
			break;
		case 3: /* double a piece */
			if (size < SEED_MAX_BYTES) {
				uint32_t piece = 1 + draw((uint32_t)(size - at));

				if (size + piece > SEED_MAX_BYTES)
					piece = (uint32_t)(SEED_MAX_BYTES - size);
				memmove(data + at + piece, data + at, size - at);
				size += piece;
			}
			break;
		case 4:
			data[at] = (uint8_t)(data[at] ^ (1u << draw(8)));
			break;
		}
	}
	return size;
}

static void replay(const uint8_t *seed, size_t size, unsigned n_runs)
{
	uint8_t data[SEED_MAX_BYTES];
	size_t step = 1 + 2 * size / n_runs;

	run(seed, size);
	for (size_t n = 0; n < size; n += step)
		run(seed, n);
	for (unsigned i = 0; i < n_runs; i++) {
		memcpy(data, seed, size);
		run(data, mutate(data, size));
	}
}

static unsigned count_files(DIR *files)
{
	struct dirent *entry;
	unsigned n = 0;

	while ((entry = readdir(files)))
		n += entry->d_name[0] != '.';
	rewinddir(files);
	return n;
}

int main(int argc, char **argv)
{
	const char *source = getenv("top_srcdir");
	char folder[4096], path[8192];
	uint8_t seed[SEED_MAX_BYTES];
	struct dirent *entry;
	unsigned n = 0, n_files;
	DIR *files;

	snprintf(folder, sizeof(folder), "%s/tests/fuzz/corpus/%s", source ? source : ".",
		argc > 1 ? argv[1] : basename(argv[0]));
	files = opendir(folder);
	if (!files) {
		fprintf(stderr, "%s: %s\n", folder, strerror(errno));
		return EXIT_FAILURE;
	}
	n_files = count_files(files);
	while ((entry = readdir(files))) {
		FILE *file;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		file = fopen(path, "re");
		FUZZ_MUST(file);
		replay(seed, fread(seed, 1, sizeof(seed), file), 1 + fuzz_n_runs / n_files);
		fclose(file);
		printf("ok %u - %s and its mutations\n", ++n, entry->d_name);
	}
	closedir(files);
	printf("1..%u\n", n);
	return n ? EXIT_SUCCESS : EXIT_FAILURE;
}
