/* SPDX-License-Identifier: MIT */
/* The allocator that fails when it is told to, and the loop around the scenarios. */
#include "tests/torture/torture.h"

#include <dirent.h>
#include <errno.h>
#include <execinfo.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SAMPLE       120 /* failures tried of a scenario in the usual run */
#define REPEATS      4 /* runs in a row that must all grow before it counts as a leak */
#define NOISY_RUNS   24
#define EXIT_SKIPPED 77

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

/* ---- the allocator ---- */

/* glibc's own, under the names that it keeps for this */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *p);

static atomic_bool is_armed;
static atomic_ulong n_asked, fail_at;
static atomic_long n_live;
static atomic_bool has_failed;
static _Thread_local unsigned n_pauses;
static void *failed_frames[24]; /* who asked for what it did not get */
static int n_failed_frames;

static bool fails(void)
{
	if (!atomic_load_explicit(&is_armed, memory_order_relaxed) || n_pauses)
		return false;
	if (atomic_fetch_add(&n_asked, 1) + 1 != atomic_load(&fail_at))
		return false;
	atomic_store(&has_failed, true);
	n_failed_frames = backtrace(failed_frames, 24);
	errno = ENOMEM;
	return true;
}

static void *count(void *p)
{
	if (p)
		atomic_fetch_add_explicit(&n_live, 1, memory_order_relaxed);
	return p;
}

#	define PUBLIC __attribute__((visibility("default")))

PUBLIC void *malloc(size_t size)
{
	return fails() ? NULL : count(__libc_malloc(size));
}

PUBLIC void *calloc(size_t n, size_t size)
{
	return fails() ? NULL : count(__libc_calloc(n, size));
}

PUBLIC void *realloc(void *p, size_t size)
{
	void *grown;

	if (fails())
		return NULL;
	grown = __libc_realloc(p, size);
	if (!p)
		count(grown);
	else if (!size && !grown)
		atomic_fetch_sub_explicit(&n_live, 1, memory_order_relaxed);
	return grown;
}

PUBLIC void *memalign(size_t alignment, size_t size)
{
	return fails() ? NULL : count(__libc_memalign(alignment, size));
}

PUBLIC void *aligned_alloc(size_t alignment, size_t size)
{
	return memalign(alignment, size);
}

PUBLIC int posix_memalign(void **ret, size_t alignment, size_t size)
{
	void *p = memalign(alignment, size);

	if (!p)
		return ENOMEM;
	*ret = p;
	return 0;
}

PUBLIC void free(void *p)
{
	if (!p)
		return;
	atomic_fetch_sub_explicit(&n_live, 1, memory_order_relaxed);
	__libc_free(p);
}

void torture_pause(void)
{
	n_pauses++;
}

void torture_go_on(void)
{
	n_pauses--;
}

/* ---- one run ---- */

static const struct torture *current;
static unsigned long current_at;

static void arm(unsigned long at)
{
	atomic_store(&n_asked, 0);
	atomic_store(&fail_at, at);
	atomic_store(&has_failed, false);
	current_at = at;
	atomic_store(&is_armed, true);
}

static unsigned long disarm(void)
{
	atomic_store(&is_armed, false);
	return atomic_load(&n_asked);
}

_Noreturn void torture_die(const char *file, int line, const char *condition)
{
	void *frames[32];

	disarm();
	fprintf(stderr, "%s:%d: not true: %s\n", file, line, condition);
	fprintf(stderr, "TORTURE='%s:%lu' shows it again\n", current ? current->name : "",
		current_at);
	backtrace_symbols_fd(frames, backtrace(frames, 32), STDERR_FILENO);
	fprintf(stderr, "after this failed:\n");
	backtrace_symbols_fd(failed_frames, n_failed_frames, STDERR_FILENO);
	printf("not ok - %s:%d: %s\n", file, line, condition);
	fflush(stdout);
	_exit(EXIT_FAILURE);
}

static void on_signal(int signal_number)
{
	void *frames[48];
	char text[200];
	int n;

	disarm();
	n = snprintf(text, sizeof(text), "signal %d in TORTURE='%s:%lu'\n", signal_number,
		current ? current->name : "", current_at);
	if (write(STDERR_FILENO, text, (size_t)n) < 0)
		_exit(EXIT_FAILURE);
	backtrace_symbols_fd(frames, backtrace(frames, 48), STDERR_FILENO);
	_exit(EXIT_FAILURE);
}

static int count_fds(bool show)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	char target[200];
	int n = 0;

	if (!dir)
		return -1;
	while ((entry = readdir(dir))) {
		ssize_t size = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target));

		n++;
		if (show && size > 0)
			printf("# %s -> %.*s\n", entry->d_name, (int)size, target);
	}
	closedir(dir);
	return n;
}

static int run_at(unsigned long at, unsigned long *ret_asked)
{
	unsigned long asked;
	int r;

	arm(at);
	r = current->run();
	asked = disarm();
	if (ret_asked)
		*ret_asked = asked;
	return r;
}

/* ---- a scenario ---- */

static bool is_allowed(int r)
{
	return r == 0 || r == -ENOMEM || (current->also && r == current->also);
}

static bool leaks(unsigned long at)
{
	int n = current->is_noisy ? NOISY_RUNS : REPEATS;
	long before = atomic_load(&n_live), first = before, now;
	int n_grown = 0;

	for (int i = 0; i < n; i++) {
		(void)run_at(at, NULL);
		now = atomic_load(&n_live);
		n_grown += now > before;
		before = now;
	}
	return current->is_noisy ? before - first >= n - 1 : n_grown == n;
}

static const char *try_at(unsigned long at, char *text, size_t size)
{
	long live = atomic_load(&n_live);
	bool failed;
	int r;

	r = run_at(at, NULL);
	failed = atomic_load(&has_failed);
	if (!is_allowed(r)) {
		snprintf(text, size, "allocation %lu failed: answer %d (%s)", at, r,
			strerror(r < 0 ? -r : 0));
		return text;
	}
	if (r && !failed) {
		snprintf(text, size, "nothing failed, and yet: %d", r);
		return text;
	}
	if (!current->foreign_leak && atomic_load(&n_live) > live && leaks(at)) {
		snprintf(text, size, "allocation %lu failed: leak", at);
		backtrace_symbols_fd(failed_frames, n_failed_frames, STDERR_FILENO);
		return text;
	}
	r = run_at(0, NULL);
	if (r) {
		snprintf(text, size, "after allocation %lu failed, all went well no more: %d", at,
			r);
		return text;
	}
	return NULL;
}

static const char *sweep(const char *want, unsigned long *ret_tried, char *text, size_t size)
{
	unsigned long n_all, n_sampled, step, only = 0;
	const char *wrong = NULL;
	int n_fds;

	for (int i = 0; i < 3; i++) {
		int r = run_at(0, &n_all);

		if (r) {
			snprintf(text, size, "unharmed: %d (%s)", r, strerror(r < 0 ? -r : 0));
			return text;
		}
	}
	n_fds = count_fds(false);
	n_sampled = current->n_sampled ? current->n_sampled : SAMPLE;
	step = want || n_all <= n_sampled ? 1 : n_all / n_sampled;
	if (want && strchr(want, ':'))
		only = strtoul(strchr(want, ':') + 1, NULL, 10);
	for (unsigned long at = only ? only : 1; at <= (only ? only : n_all) && !wrong;
		at += step) {
		wrong = try_at(at, text, size);
		++*ret_tried;
	}
	/* another thread may still be closing its own */
	for (int i = 0; !wrong && i < 200 && count_fds(false) > n_fds; i++)
		poll(NULL, 0, 10);
	if (!wrong && count_fds(false) > n_fds) {
		snprintf(text, size, "%d descriptors, %d before", count_fds(true), n_fds);
		wrong = text;
	}
	return wrong;
}

int torture_main(const struct torture *scenarios, size_t n)
{
	const char *want = getenv("TORTURE");
	static const int signals[] = { SIGSEGV, SIGABRT, SIGBUS, SIGFPE };
	void *frame;
	int n_failed = 0;

	(void)backtrace(&frame, 1); /* it allocates the first time */
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signal(signals[i], on_signal);
	printf("1..%zu\n", n);
	for (size_t i = 0; i < n; i++) {
		char text[200];
		unsigned long n_tried = 0;
		const char *wrong;

		current = &scenarios[i];
		if (want && strcmp(want, "all") != 0 &&
			strncmp(want, current->name, strcspn(want, ":")) != 0) {
			printf("ok %zu - %s # SKIP\n", i + 1, current->name);
			continue;
		}
		wrong = sweep(want, &n_tried, text, sizeof(text));
		printf("%s %zu - %s: %s%lu failures\n", wrong ? "not ok" : "ok", i + 1,
			current->name, wrong ? "" : "withstands ", n_tried);
		if (wrong)
			printf("# %s\n", wrong);
		fflush(stdout);
		n_failed += wrong != NULL;
	}
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#else /* the sanitizers have allocators of their own */

void torture_pause(void)
{
}

void torture_go_on(void)
{
}

_Noreturn void torture_die(const char *file, int line, const char *condition)
{
	fprintf(stderr, "%s:%d: not true: %s\n", file, line, condition);
	abort();
}

int torture_main(const struct torture *scenarios, size_t n)
{
	printf("1..%zu\n", n);
	for (size_t i = 0; i < n; i++)
		printf("%s %zu - %s: unharmed\n", scenarios[i].run() ? "not ok" : "ok", i + 1,
			scenarios[i].name);
	return EXIT_SUCCESS;
}

#endif
