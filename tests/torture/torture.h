/* SPDX-License-Identifier: MIT */
/*
 * Every allocation fails once, in turn, in scenarios that each say what must be true afterwards (F-12).
 *
 * The program's malloc() and its family are ours, so what the libraries below allocate fails as well. A scenario is run
 * unharmed to count its allocations, then with the first failing, then the second, and so on; each time it must end
 * with success or -ENOMEM, leave no block and no descriptor behind, and work again right afterwards. In the usual test
 * run a long scenario is sampled; TORTURE=all tries every allocation, TORTURE=NAME:N one (for a debugger).
 */
#ifndef TESTS_TORTURE_TORTURE_H
#define TESTS_TORTURE_TORTURE_H

#include <stdbool.h>
#include <stddef.h>

struct torture {
	const char *name;
	/*
	 * 0: all was done and is right; -ENOMEM: nothing was done. Anything else fails the test. Checks of its own end the
	 * program. Leaves nothing behind, neither in memory nor in its world.
	 */
	int (*run)(void);
	/* how the same thing may be told otherwise, beside -ENOMEM; 0: not at all */
	int also;
	/* threads or caches make the number of blocks differ from run to run: only growth over many runs is a leak */
	bool is_noisy;
	/* failures tried in the usual run; 0: as many as is usual */
	unsigned long n_sampled;
	/* a library below that loses blocks when one fails, and where; NULL: leaks count */
	const char *foreign_leak;
};

#define TORTURE(text, function) \
	{ \
		.name = (text), .run = (function) \
	}

/* Runs them all, prints TAP; what main() returns. */
int torture_main(const struct torture *scenarios, size_t n);

/* What the calling thread allocates in between always succeeds: for the part of a scenario that is not on trial. */
void torture_pause(void);
void torture_go_on(void);

/* Ends the program when the condition is false: a result that may not be, whatever failed. */
#define TORTURE_CHECK(condition) \
	do { \
		if (!(condition)) \
			torture_die(__FILE__, __LINE__, #condition); \
	} while (0)
_Noreturn void torture_die(const char *file, int line, const char *condition);

#endif
