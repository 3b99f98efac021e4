/* SPDX-License-Identifier: MIT */
/* The pager is a child that reads a pipe; our stdout becomes the other end. Under sudo it is less, in secure mode. */
#include "cli/pager.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t pager_pid;

/* The command; NULL: none wanted. */
static const char *command(void)
{
	const char *text = getenv("TRANSFER_PAGER");

	if (getenv("SUDO_UID"))
		return "less";
	if (!text)
		text = getenv("PAGER");
	if (!text)
		text = "less";
	return *text && strcmp(text, "cat") != 0 ? text : NULL;
}

static void __attribute__((noreturn)) run(const char *text, int in_fd)
{
	const char *less = getenv("TRANSFER_LESS");

	dup2(in_fd, STDIN_FILENO);
	setenv("LESS", less ? less : "FRSXMK", 1);
	setenv("LESSCHARSET", "utf-8", 0);
	if (getenv("SUDO_UID"))
		setenv("LESSSECURE", "1", 1);
	execl("/bin/sh", "sh", "-c", text, (char *)NULL);
	_exit(127);
}

/* Whether the first word of the command can be run; a list without a pager is better than none. */
static int can_run(const char *text)
{
	char *line = NULL;
	int r;

	if (strpbrk(text, "'\"\\;|&$`"))
		return 1;
	if (asprintf(&line, "command -v %.*s >/dev/null 2>&1", (int)strcspn(text, " "), text) < 0)
		return 0;
	r = fork();
	if (r == 0) {
		execl("/bin/sh", "sh", "-c", line, (char *)NULL);
		_exit(127);
	}
	free(line);
	if (r < 0)
		return 0;
	while (waitpid(r, &r, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(r) && WEXITSTATUS(r) == 0;
}

int pager_start(void)
{
	const char *text = command();
	int fds[2];

	if (!text)
		return -ENOENT;
	if (!can_run(text))
		return -ENOENT;
	if (pipe(fds))
		return -errno;
	fflush(stdout);
	pager_pid = fork();
	if (pager_pid == 0) {
		close(fds[1]);
		run(text, fds[0]);
	}
	close(fds[0]);
	if (pager_pid < 0) {
		close(fds[1]);
		return -EAGAIN;
	}
	dup2(fds[1], STDOUT_FILENO);
	close(fds[1]);
	/* Ctrl-C and leaving early are the pager's business */
	signal(SIGINT, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	return 0;
}

void pager_end(void)
{
	int status;

	fflush(stdout);
	clearerr(stdout);
	close(STDOUT_FILENO);
	while (waitpid(pager_pid, &status, 0) < 0 && errno == EINTR)
		;
	signal(SIGINT, SIG_DFL);
	/* so that the end of main() finds a stream that can be written */
	if (dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		return;
}
