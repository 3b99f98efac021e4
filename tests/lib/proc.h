/* SPDX-License-Identifier: MIT */
/* Processes of a test: started, watched by pidfd and ended by pid, always with a deadline. */
#ifndef TESTS_LIB_PROC_H
#define TESTS_LIB_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct proc;

struct proc_config {
	const char *const *argv;
	const char *const *env; /* "NAME=value"… added to the environment; NULL: none */
	const char *output; /* where stdout and stderr are appended; NULL: a pipe */
	int pass_fd; /* 0: none; else it is the child's descriptor 3 */
};

/* The child gets SIGKILL when this process dies. */
int proc_start(const struct proc_config *config, struct proc **ret_proc);
/* kills it if it still runs */
struct proc *proc_free(struct proc *p);
pid_t proc_pid(const struct proc *p);
/* readable: its output, NULL config.output only */
int proc_output_fd(const struct proc *p);
int proc_kill(struct proc *p, int signal);
/* 0 and a status as of waitpid(); -ETIMEDOUT */
int proc_wait(struct proc *p, unsigned timeout_ms, int *ret_status);
/* reads its output until it contains TEXT; the output so far, or NULL; borrowed */
const char *proc_expect(struct proc *p, const char *text, unsigned timeout_ms);
/* Runs it to its end. ret_output (may be NULL) is to be freed. -ETIMEDOUT: it was killed. */
int proc_run(const char *const *argv, unsigned timeout_ms, char **ret_output, int *ret_status);

/* for processes that are not our children; both are fine with one that is gone */
int proc_wait_pid(pid_t pid, unsigned timeout_ms);
int proc_kill_pid(pid_t pid, unsigned timeout_ms);

uint64_t proc_now_ms(void);
/* what is left until then, never negative; for poll() */
int proc_left_ms(uint64_t until_ms);
/* 0: readable; -ETIMEDOUT */
int proc_wait_fd(int fd, unsigned timeout_ms);
/* calls DONE each time FILE's folder changes, until it says true; -ETIMEDOUT */
int proc_wait_file(const char *path, bool (*done)(const char *path, void *user), void *user,
	unsigned timeout_ms);

#endif
