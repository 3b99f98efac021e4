/* SPDX-License-Identifier: MIT */
#include "base/thread.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "tests/lib/run.h"

struct seen {
	char name[16];
	int blocks_term, blocks_usr1;
};

static void look(void *user)
{
	struct seen *seen = user;
	sigset_t set;

	pthread_getname_np(pthread_self(), seen->name, sizeof(seen->name));
	pthread_sigmask(SIG_BLOCK, NULL, &set);
	seen->blocks_term = sigismember(&set, SIGTERM);
	seen->blocks_usr1 = sigismember(&set, SIGUSR1);
}

START_TEST(blocks_signals_and_has_a_name)
{
	struct seen seen = { 0 };
	struct thread *thread;
	sigset_t mine;

	ck_assert_int_eq(thread_start("a-very-long-thread-name", look, &seen, &thread), 0);
	thread_join(thread);
	ck_assert_str_eq(seen.name, "a-very-long-thr");
	ck_assert_int_eq(seen.blocks_term, 1);
	ck_assert_int_eq(seen.blocks_usr1, 1);
	pthread_sigmask(SIG_BLOCK, NULL, &mine);
	ck_assert_int_eq(sigismember(&mine, SIGTERM), 0);
	thread_join(NULL);
}
END_TEST

RUN_TESTS("base/thread", TEST(blocks_signals_and_has_a_name))
