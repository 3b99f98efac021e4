/* SPDX-License-Identifier: MIT */
/* The surroundings of a system test: folder, bus with the daemon, origin, processes, transferctl. */
#include "tests/system/rig.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ThreadSanitizer's, with a timer */
#ifdef __SANITIZE_THREAD__
#	define HAS_THREAD_OF_ITS_OWN true
#else
#	define HAS_THREAD_OF_ITS_OWN false
#endif
#define REST_MS 1300

void rig_new_tls(struct rig *rig, enum origin_tls tls)
{
	struct origin_config origin = { .tls = tls };
	char *path;
	int r;

	rig->folder = tmpdir_new();
	ck_assert_ptr_nonnull(rig->folder);
	path = tmpdir_path("cache");
	setenv("XDG_CACHE_HOME", path, 1); /* of sessions that have a cache with files */
	free(path);
	path = tmpdir_path("out");
	ck_assert_int_eq(mkdir(path, 0700), 0);
	free(path);
	origin.folder = rig->folder;
	r = bus_new(NULL, &rig->bus);
	ck_assert_msg(!r, "no bus: %s", strerror(-r));
	r = origin_new(&origin, &rig->origin);
	ck_assert_msg(!r, "no origin: %s", strerror(-r));
}

void rig_new(struct rig *rig)
{
	rig_new_tls(rig, ORIGIN_TLS_OFF);
}

static void show_log(void)
{
	char *path = tmpdir_path("transferd.log");
	char *text = tmpdir_read(path);

	if (text && getenv("TEST_VERBOSE"))
		fprintf(stderr, "%s", text);
	free(text);
	free(path);
}

/* the daemon must have lived: nothing but SIGKILL of ours may end it */
static void check_log(struct rig *rig)
{
	static const char *const crashes[] = {
		"AddressSanitizer",
		"ThreadSanitizer",
		"runtime error:",
		"LeakSanitizer",
		"Assertion",
		"process disconnected from bus",
	};

	for (size_t i = 0; i < sizeof(crashes) / sizeof(*crashes); i++)
		ck_assert_msg(
			!rig_log_count(rig, crashes[i]), "the daemon's log has '%s'", crashes[i]);
}

void rig_done(struct rig *rig)
{
	rig->bus = bus_free(rig->bus);
	rig->origin = origin_free(rig->origin);
	show_log();
	check_log(rig);
}

void rig_restart_daemon(struct rig *rig)
{
	ck_assert_int_eq(bus_kill_daemon(rig->bus), 0);
	ck_assert_int_eq(bus_start_daemon(rig->bus, RIG_DEADLINE_MS), 0);
}

pid_t rig_fork(struct rig *rig, void (*fn)(struct rig *rig, void *user), void *user)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fn(rig, user);
	_exit(0);
}

int rig_join(pid_t pid)
{
	int status;

	ck_assert_int_eq(proc_wait_pid(pid, RIG_DEADLINE_MS), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

unsigned rig_log_count(struct rig *rig, const char *text)
{
	char *path = tmpdir_path("transferd.log");
	char *log = tmpdir_read(path);
	unsigned n = 0;

	(void)rig;
	for (const char *p = log; p && (p = strstr(p, text)); p += strlen(text))
		n++;
	free(log);
	free(path);
	return n;
}

int rig_ctl(struct rig *rig, char **ret_output, const char *const *arguments)
{
	const char *argv[32] = { bus_built("transferctl") };
	char *output = NULL;
	int status, r;

	(void)rig;
	for (size_t i = 0; i < 30 && arguments[i]; i++)
		argv[i + 1] = arguments[i];
	r = proc_run(argv, 2 * RIG_DEADLINE_MS, &output, &status);
	ck_assert_msg(!r, "transferctl %s: %s\n%s", arguments[0], strerror(-r), output);
	if (ret_output)
		*ret_output = output;
	else
		free(output);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* What the threads of the daemon have waited for so far. */
static unsigned long n_waits(struct rig *rig)
{
	pid_t pid = bus_daemon_pid(rig->bus);
	unsigned long n, sum = 0;
	struct dirent *entry;
	char path[300], line[128];
	DIR *dir;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%d/task/%s/status", (int)pid, entry->d_name);
		f = entry->d_name[0] == '.' ? NULL : fopen(path, "re");
		while (f && fgets(line, sizeof(line), f))
			if (sscanf(line, "voluntary_ctxt_switches: %lu", &n) == 1)
				sum += n;
		if (f)
			fclose(f);
	}
	closedir(dir);
	return sum;
}

long rig_rss_kib(pid_t pid)
{
	char path[64], line[128];
	long n = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)(pid ? pid : getpid()));
	f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "VmRSS: %ld", &n) == 1)
			break;
	fclose(f);
	ck_assert_int_ge(n, 0);
	return n;
}

void rig_check_rest(struct rig *rig)
{
	uint64_t until_ms = proc_now_ms() + RIG_DEADLINE_MS;
	unsigned long before, now = n_waits(rig);

	if (HAS_THREAD_OF_ITS_OWN)
		return;
	do {
		ck_assert_msg(proc_left_ms(until_ms) > 0, "it never rests");
		before = now;
		ck_assert_int_eq(proc_wait_pid(bus_daemon_pid(rig->bus), REST_MS), -ETIMEDOUT);
		now = n_waits(rig);
	} while (now != before);
}

const char *rig_cookies_sent(struct rig *rig, const char *prefix, unsigned n)
{
	static struct origin_entry entry;
	static char value[1024];

	ck_assert_int_eq(origin_log_find(rig->origin, prefix, n, &entry), 0);
	return origin_entry_header(&entry, "Cookie", value, sizeof(value)) ? value : "";
}

const char *rig_cookies_stored(transfer_manager *manager, const char *app_id)
{
	transfer_auto(transfer_cookie_list) list = NULL;
	static char text[1024];
	size_t used = 0;

	text[0] = 0;
	ck_assert_int_eq(transfer_manager_list_cookies(manager, app_id, &list, NULL), 0);
	for (size_t i = 0; i < transfer_cookie_list_get_size(list); i++) {
		const struct transfer_cookie *c = transfer_cookie_list_get(list, i);

		used += (size_t)snprintf(
			text + used, sizeof(text) - used, "%s=%s;", c->name, c->value);
	}
	return text;
}

void rig_wait_listed(struct rig *rig, const char *text, unsigned n)
{
	uint64_t until_ms = proc_now_ms() + RIG_DEADLINE_MS;
	char *output = NULL;
	unsigned found;

	do {
		free(output);
		ck_assert_msg(proc_left_ms(until_ms) > 0, "never listed: %s", text);
		RIG_CTL(rig, &output, "list", "--all", "--json=short");
		found = 0;
		for (const char *at = output; (at = strstr(at, text)); at++)
			found++;
	} while (found < n);
	free(output);
}
