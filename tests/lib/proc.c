/* SPDX-License-Identifier: MIT */
/* Children and other processes of a test. Waiting is poll() on a pidfd, a pipe or inotify. */
#include "tests/lib/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct proc {
	pid_t pid;
	int pid_fd;
	int output_fd;
	bool ended;
	int status;
	char *output;
	size_t output_used;
};

uint64_t proc_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

int proc_left_ms(uint64_t until_ms)
{
	uint64_t now_ms = proc_now_ms();

	return until_ms > now_ms ? (int)(until_ms - now_ms) : 0;
}

int proc_wait_fd(int fd, unsigned timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t until_ms = proc_now_ms() + timeout_ms;
	int n;

	do
		n = poll(&p, 1, proc_left_ms(until_ms));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n ? 0 : -ETIMEDOUT;
}

static int open_pid(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* in the child; only calls that are allowed after fork */
static void __attribute__((noreturn))
child(const struct proc_config *config, int output_fd, char **env)
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	dup2(output_fd, 1);
	dup2(output_fd, 2);
	if (config->pass_fd == 3)
		fcntl(3, F_SETFD, 0);
	else if (config->pass_fd)
		dup2(config->pass_fd, 3);
	execvpe(config->argv[0], (char *const *)config->argv, env);
	_exit(127);
}

static char **make_env(const char *const *more)
{
	extern char **environ;
	size_t n = 0, n_more = 0, used = 0;
	char **env;

	while (environ[n])
		n++;
	while (more && more[n_more])
		n_more++;
	env = calloc(n + n_more + 1, sizeof(*env));
	for (size_t i = 0; env && i < n_more; i++)
		env[used++] = (char *)more[i];
	for (size_t i = 0; env && i < n; i++) {
		size_t name_bytes = strcspn(environ[i], "=") + 1;
		bool replaced = false;

		for (size_t j = 0; j < n_more; j++)
			replaced |= !strncmp(environ[i], more[j], name_bytes);
		if (!replaced)
			env[used++] = environ[i];
	}
	return env;
}

static int open_output(const struct proc_config *config, int fds[2])
{
	if (!config->output)
		return pipe2(fds, O_CLOEXEC) ? -errno : 0;
	fds[0] = -1;
	fds[1] = open(config->output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	return fds[1] < 0 ? -errno : 0;
}

int proc_start(const struct proc_config *config, struct proc **ret_proc)
{
	struct proc *p = calloc(1, sizeof(*p));
	char **env = make_env(config->env);
	int fds[2] = { -1, -1 };
	int r = p && env ? open_output(config, fds) : -ENOMEM;

	if (!r) {
		p->pid = fork();
		if (!p->pid)
			child(config, fds[1], env);
		r = p->pid < 0 ? -errno : 0;
	}
	free(env);
	if (fds[1] >= 0)
		close(fds[1]);
	if (r) {
		free(p);
		return r;
	}
	p->pid_fd = open_pid(p->pid);
	fcntl(p->pid_fd, F_SETFD, FD_CLOEXEC);
	p->output_fd = fds[0];
	*ret_proc = p;
	return 0;
}

pid_t proc_pid(const struct proc *p)
{
	return p->pid;
}

int proc_output_fd(const struct proc *p)
{
	return p->output_fd;
}

int proc_kill(struct proc *p, int signal)
{
	if (p->ended)
		return 0;
	return kill(p->pid, signal) ? -errno : 0;
}

/* takes in what there is; 0: the end of the output */
static ssize_t take_output(struct proc *p)
{
	char *more = realloc(p->output, p->output_used + 65536 + 1);
	ssize_t n;

	if (!more)
		return -ENOMEM;
	p->output = more;
	n = read(p->output_fd, p->output + p->output_used, 65536);
	if (n > 0)
		p->output_used += (size_t)n;
	p->output[p->output_used] = '\0';
	return n;
}

/* polls both, so that a child cannot block on a full pipe */
int proc_wait(struct proc *p, unsigned timeout_ms, int *ret_status)
{
	uint64_t until_ms = proc_now_ms() + timeout_ms;

	while (!p->ended) {
		struct pollfd fds[2] = {
			{ .fd = p->pid_fd, .events = POLLIN },
			{ .fd = p->output_fd, .events = POLLIN },
		};
		int n = poll(fds, 2, proc_left_ms(until_ms));

		if (!n)
			return -ETIMEDOUT;
		if (n > 0 && fds[1].revents && take_output(p) <= 0) {
			close(p->output_fd);
			p->output_fd = -1;
		}
		if (n > 0 && fds[0].revents && waitpid(p->pid, &p->status, 0) == p->pid)
			p->ended = true;
	}
	while (p->output_fd >= 0 && !proc_wait_fd(p->output_fd, 0) && take_output(p) > 0)
		;
	if (ret_status)
		*ret_status = p->status;
	return 0;
}

const char *proc_expect(struct proc *p, const char *text, unsigned timeout_ms)
{
	uint64_t until_ms = proc_now_ms() + timeout_ms;

	while (!p->output || !strstr(p->output, text)) {
		if (proc_wait_fd(p->output_fd, (unsigned)proc_left_ms(until_ms)))
			return NULL;
		if (take_output(p) <= 0)
			return NULL;
	}
	return p->output;
}

struct proc *proc_free(struct proc *p)
{
	if (!p)
		return NULL;
	if (!p->ended) {
		proc_kill(p, SIGKILL);
		waitpid(p->pid, &p->status, 0);
	}
	close(p->pid_fd);
	if (p->output_fd >= 0)
		close(p->output_fd);
	free(p->output);
	free(p);
	return NULL;
}

int proc_run(const char *const *argv, unsigned timeout_ms, char **ret_output, int *ret_status)
{
	struct proc_config config = { .argv = argv };
	struct proc *p;
	int r = proc_start(&config, &p);

	if (r)
		return r;
	r = proc_wait(p, timeout_ms, ret_status);
	if (ret_output) {
		*ret_output = p->output ? p->output : strdup("");
		p->output = NULL;
	}
	proc_free(p);
	return r;
}

int proc_wait_pid(pid_t pid, unsigned timeout_ms)
{
	int fd = open_pid(pid);
	int r;

	if (fd < 0)
		return errno == ESRCH ? 0 : -errno;
	r = proc_wait_fd(fd, timeout_ms);
	close(fd);
	return r;
}

int proc_kill_pid(pid_t pid, unsigned timeout_ms)
{
	int fd = open_pid(pid);
	int r;

	if (fd < 0)
		return errno == ESRCH ? 0 : -errno;
	r = (int)syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
	r = r && errno != ESRCH ? -errno : proc_wait_fd(fd, timeout_ms);
	close(fd);
	return r;
}

int proc_wait_file(const char *path, bool (*done)(const char *path, void *user), void *user,
	unsigned timeout_ms)
{
	uint64_t until_ms = proc_now_ms() + timeout_ms;
	char *folder = strdup(path);
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	char waste[4096];
	int r = 0;

	if (!folder || fd < 0 ||
		inotify_add_watch(fd, dirname(folder),
			IN_CREATE | IN_MODIFY | IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE) < 0)
		r = -errno;
	while (!r && !done(path, user)) {
		r = proc_wait_fd(fd, (unsigned)proc_left_ms(until_ms));
		while (!r && read(fd, waste, sizeof(waste)) > 0)
			;
	}
	if (fd >= 0)
		close(fd);
	free(folder);
	return r;
}
