/* SPDX-License-Identifier: MIT */
/* The disk of a power cut: made and mounted with the programs of the system, copied while all writers stand still. */
#include "tests/crash/power.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tests/lib/proc.h"
#include "tests/lib/tmpdir.h"

#define DISK_BYTES  "256M"
#define BOOT_ID     "/proc/sys/kernel/random/boot_id"
#define DEADLINE_MS 60000

struct power {
	const char *at; /* of the environment */
	char *disk; /* the file in use */
	char *boot_id;
	unsigned n_cuts;
};

static int run(const char *const *argv)
{
	cleanup_(cleanup_free) char *output = NULL;
	int status = 0;
	int r = proc_run(argv, DEADLINE_MS, &output, &status);

	if (!r && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	fprintf(stderr, "power: %s: %s\n", argv[0], output ? output : "does not run");
	return -EIO;
}

#define RUN(...) run((const char *const[]){ __VA_ARGS__, NULL })

int power_enter(void)
{
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -errno;
	return access("/dev/loop-control", R_OK | W_OK) ? -errno : 0;
}

/* nothing is written back or committed but what the daemon asks for: neither by time nor because of a rename */
static int mount_disk(const struct power *p)
{
	return RUN("mount", "-t", "ext4", "-o", "loop,commit=600,noauto_da_alloc", p->disk, p->at);
}

static int write_boot_id(const struct power *p)
{
	char text[32];

	snprintf(text, sizeof(text), "boot-%u\n", p->n_cuts);
	return tmpdir_write(p->boot_id, text) ? -EIO : 0;
}

int power_new(struct power **ret_power)
{
	struct power *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->at = getenv("XDG_STATE_HOME");
	p->disk = tmpdir_path("disk-0");
	p->boot_id = tmpdir_path("boot-id");
	r = RUN("truncate", "-s", DISK_BYTES, p->disk);
	if (!r)
		r = RUN("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0",
			p->disk);
	if (!r)
		r = mount_disk(p);
	if (!r)
		r = write_boot_id(p);
	if (!r && mount(p->boot_id, BOOT_ID, NULL, MS_BIND, NULL))
		r = -errno;
	if (r) {
		power_free(p);
		return r;
	}
	*ret_power = p;
	return 0;
}

struct power *power_free(struct power *p)
{
	if (!p)
		return NULL;
	umount2(BOOT_ID, MNT_DETACH);
	umount2(p->at, MNT_DETACH);
	free(p->boot_id);
	free(p->disk);
	free(p);
	return NULL;
}

/* A thread that is inside a system call stops at its end. */
static bool is_thread_stopped(const char *path)
{
	cleanup_(cleanup_free) char *text = tmpdir_read(path);
	const char *end = text ? strrchr(text, ')') : NULL;

	return !end || !end[1] || strchr("TtZX", end[2]);
}

static bool is_stopped(pid_t pid)
{
	char path[600];
	const struct dirent *entry;
	bool are_all = true;
	DIR *threads;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	threads = opendir(path);
	while (threads && (entry = readdir(threads))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%s/stat", (int)pid, entry->d_name);
		are_all = are_all && is_thread_stopped(path);
	}
	if (threads)
		closedir(threads);
	return are_all;
}

static int stop(pid_t pid)
{
	uint64_t until_ms = proc_now_ms() + DEADLINE_MS;

	if (kill(pid, SIGSTOP))
		return -errno;
	while (!is_stopped(pid) && proc_wait_pid(pid, 1) == -ETIMEDOUT) {
		if (proc_now_ms() > until_ms)
			return -ETIMEDOUT;
	}
	return 0;
}

/* The new disk is in place before the daemon is gone: whoever is started then must find it. */
int power_cut(struct power *p, pid_t daemon)
{
	char *cut = tmpdir_path("disk-%u", ++p->n_cuts);
	int r = stop(daemon);

	if (!r)
		r = RUN("cp", "--sparse=always", p->disk, cut);
	if (!r && umount2(p->at, MNT_DETACH))
		r = -errno;
	/* the old file is gone with its last user */
	unlink(p->disk);
	free(p->disk);
	p->disk = cut;
	if (!r)
		r = mount_disk(p);
	if (!r)
		r = write_boot_id(p);
	kill(daemon, SIGKILL);
	return r ? r : proc_wait_pid(daemon, DEADLINE_MS);
}
