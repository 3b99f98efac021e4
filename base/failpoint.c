/* SPDX-License-Identifier: MIT */
/* Counts passes of named points and kills the process, or fails the call, where the environment says. */
#include "base/failpoint.h"

#ifdef TRANSFERD_FAILPOINTS

#	include <errno.h>
#	include <fcntl.h>
#	include <pthread.h>
#	include <signal.h>
#	include <stdatomic.h>
#	include <stdbool.h>
#	include <stdio.h>
#	include <stdlib.h>
#	include <string.h>
#	include <unistd.h>

#	define FAILPOINT_NAMES_MAX 256
#	define FAILPOINT_RULES_MAX 32

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
	char name[64];
	unsigned long hit;
	int error_no; /* 0: kill */
} rules[FAILPOINT_RULES_MAX];
static struct {
	const char *name;
	unsigned long passes;
} seen[FAILPOINT_NAMES_MAX];
static size_t n_rules, n_seen;
static unsigned long passes_of_any;
static bool is_loaded;
/* The environment asks for nothing: threads that meet here need not wait for each other. */
static atomic_bool is_idle;

static void load(void)
{
	const char *text = getenv("TRANSFERD_FAILPOINT");

	is_loaded = true;
	atomic_store(&is_idle, !text && !getenv("TRANSFERD_FAILPOINT_LIST"));
	while (text && *text && n_rules < FAILPOINT_RULES_MAX) {
		size_t len = strcspn(text, ",");
		const char *colon = memchr(text, ':', len);
		char *end;

		if (colon && (size_t)(colon - text) < sizeof(rules[0].name)) {
			memcpy(rules[n_rules].name, text, (size_t)(colon - text));
			rules[n_rules].hit = strtoul(colon + 1, &end, 10);
			if (*end == '=')
				rules[n_rules].error_no = (int)strtol(end + 1, NULL, 10);
			n_rules++;
		}
		text += len + (text[len] == ',');
	}
}

static void note_first_pass(const char *name)
{
	const char *path = getenv("TRANSFERD_FAILPOINT_LIST");
	char line[80];
	int fd, n;

	if (!path)
		return;
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	n = snprintf(line, sizeof(line), "%s\n", name);
	if (n > 0 && write(fd, line, (size_t)n) < 0)
		abort(); /* a test that asked for the list must not go on without it */
	close(fd);
}

static unsigned long count_pass(const char *name)
{
	for (size_t i = 0; i < n_seen; i++)
		if (strcmp(seen[i].name, name) == 0)
			return ++seen[i].passes;
	if (n_seen == FAILPOINT_NAMES_MAX)
		abort();
	seen[n_seen].name = name;
	seen[n_seen].passes = 1;
	n_seen++;
	note_first_pass(name);
	return 1;
}

int failpoint_hit(const char *name)
{
	unsigned long pass;
	int error_no = 0;

	if (atomic_load_explicit(&is_idle, memory_order_relaxed))
		return 0;
	pthread_mutex_lock(&lock);
	if (!is_loaded)
		load();
	pass = count_pass(name);
	passes_of_any++;
	for (size_t i = 0; i < n_rules; i++) {
		bool is_any = strcmp(rules[i].name, "*") == 0;

		if (rules[i].hit != (is_any ? passes_of_any : pass) ||
			(!is_any && strcmp(rules[i].name, name) != 0))
			continue;
		if (rules[i].error_no)
			error_no = rules[i].error_no;
		else
			kill(getpid(), SIGKILL);
	}
	pthread_mutex_unlock(&lock);
	return -error_no;
}

#else
/* An empty translation unit is not ISO C. */
typedef int failpoint_unused;
#endif
