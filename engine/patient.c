/* SPDX-License-Identifier: MIT */
/* Each allocation up to a hundred times in a second. The waiting thread holds no lock of ours. */
#include "engine/patient.h"

#include <curl/curl.h>
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/err.h"

#define TRIES 100

/* Between two tries; at the last one there is no next. */
static void wait_for_memory(void)
{
	static const struct timespec pause = { .tv_nsec = 10000000 };

	nanosleep(&pause, NULL);
}

void *patient_calloc(size_t n, size_t size)
{
	void *p = calloc(n, size);

	for (int i = 1; !p && i < TRIES; i++) {
		wait_for_memory();
		p = calloc(n, size);
	}
	return p;
}

static void *patient_realloc(void *old, size_t size)
{
	void *p;

	if (!size) {
		free(old);
		return NULL;
	}
	for (int i = 1;; i++) {
		p = realloc(old, size);
		if (p || i == TRIES)
			return p; /* NULL: old is as it was */
		wait_for_memory();
	}
}

static void *patient_malloc(size_t size)
{
	return patient_realloc(NULL, size ? size : 1);
}

static char *patient_strdup(const char *s)
{
	size_t size = strlen(s) + 1;
	char *p = patient_malloc(size);

	return p ? memcpy(p, s, size) : NULL;
}

int patient_init(void)
{
	CURLcode code = curl_global_init_mem(CURL_GLOBAL_ALL, patient_malloc, free, patient_realloc,
		patient_strdup, patient_calloc);

	event_set_mem_functions(patient_malloc, patient_realloc, free);
	return code ? err_raise(-ENOMEM) : 0;
}
