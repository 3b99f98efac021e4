/* SPDX-License-Identifier: MIT */
/* Each key, each kind of wrong line, and which file wins. */
#include "daemon/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/run.h"

static char said[1024];

static void hear(const char *text, void *user)
{
	const char *name = strrchr(text, '/');

	(void)user;
	strncat(said, name ? name + 1 : text, sizeof(said) - strlen(said) - 2);
	strncat(said, "\n", 2);
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq((int)write(fd, text, strlen(text)), (int)strlen(text));
	close(fd);
}

static int read_text(const char *text, struct config *config)
{
	char path[] = "/tmp/transferd-config-XXXXXX";
	int fd = mkstemp(path), r;

	ck_assert_int_ge(fd, 0);
	close(fd);
	put(path, text);
	said[0] = 0;
	config_init(config);
	r = config_read_file(config, path, hear, NULL);
	unlink(path);
	return r;
}

START_TEST(reads_every_key)
{
	struct config c;

	ck_assert_int_eq(
		read_text(
			"[limits]\n"
			"max-download-rate = 2M\nmax-upload-rate=500K\nmax-active-tasks=64\nmax-active-in-app=128\n"
			"max-connections-per-host=2 ; a note\nthroughput-floor=0\n"
			"throughput-window=2min\n"
			"[service]\nworkers=1\nidle-exit=never\nretention=3d\nnetwork=always\n"
			"resumable-uploads=no\nlog-level=debug\nuser-agent=mirror/1\nca-file=/etc/ca.pem\n"
			"disabled-applications =  org.a   org.b \n",
			&c),
		0);
	ck_assert_str_eq(said, "");
	ck_assert_uint_eq(c.max_download_bps, 2 << 20);
	ck_assert_uint_eq(c.max_upload_bps, 500 << 10);
	ck_assert_uint_eq(c.max_active_tasks, 64);
	ck_assert_uint_eq(c.max_active_in_app, 128);
	ck_assert_uint_eq(c.max_connections_per_host, 2);
	ck_assert_uint_eq(c.floor_bps, 0);
	ck_assert_uint_eq(c.floor_window_us, 120000000);
	ck_assert_uint_eq(c.workers, 1);
	ck_assert_uint_eq(c.idle_exit_us, UINT64_MAX);
	ck_assert_uint_eq(c.retention_us, UINT64_C(3) * 86400 * 1000000);
	ck_assert(!c.uses_netlink);
	ck_assert(!c.resumes_uploads);
	ck_assert_int_eq((int)c.log_level, LOG_LEVEL_DEBUG);
	ck_assert_str_eq(c.user_agent, "mirror/1");
	ck_assert_str_eq(c.ca_file, "/etc/ca.pem");
	ck_assert_str_eq(c.disabled_apps, "org.a org.b");
}
END_TEST

static const struct {
	const char *line, *want; /* part of the complaint */
} wrong[] = {
	{ "max-active-tasks = 0", ":2: max-active-tasks: expected 1 to 1000" },
	{ "max-active-in-app = 0", ":2: max-active-in-app: expected 1 to 1000" },
	{ "max-active-tasks = 1001", "expected 1 to 1000" },
	{ "max-active-tasks = -1", "expected 1 to 1000" },
	{ "max-active-tasks = many", "expected 1 to 1000" },
	{ "max-active-tasks = 5x", "expected 1 to 1000" },
	{ "max-active-tasks =", "expected 1 to 1000" },
	{ "max-download-rate = 99999999999999999999", "expected bytes" },
	{ "max-download-rate = 18446744073709551615G", "expected bytes" },
	{ "max-download-rate = 5 parsecs", "expected bytes" },
	{ "throughput-window = 0ms", ":2: throughput-window: expected a time" },
	{ "[service]\nretention = 0\n[limits]", ":3: retention: expected a time" },
	{ "colour = red", ":2: colour: unknown key" },
	{ "nonsense", ":2: line: not understood" },
	{ "fine = 1\nnonsense", ":3: line: not understood" },
	{ "[limits", ":2: line: not understood" },
};

/* no part of a line gets lost, and the lines after it keep their numbers */
START_TEST(reads_long_lines_whole)
{
	char text[8192], apps[4096] = "org.example.a0";
	struct config c;

	for (int i = 1; i < 200; i++)
		snprintf(apps + strlen(apps), sizeof(apps) - strlen(apps), " org.example.a%d", i);
	snprintf(text, sizeof(text), "[service]\ndisabled-applications = %s\nworkers = 0\n", apps);
	ck_assert_int_eq(read_text(text, &c), 0);
	ck_assert_str_eq(c.disabled_apps, apps);
	ck_assert_ptr_nonnull(strstr(said, ":3: workers"));
	memset(text + 10, 'x', sizeof(text) - 11);
	snprintf(text + 6000, 100, "\nworkers = 17\n");
	ck_assert_int_eq(read_text(text, &c), 0);
	ck_assert_ptr_nonnull(strstr(said, ":2: line: too long"));
	ck_assert_ptr_nonnull(strstr(said, ":3: workers"));
}
END_TEST

START_TEST(names_wrong_lines_and_goes_on)
{
	struct config c;
	char text[256];

	snprintf(text, sizeof(text), "[limits]\n%s\nmax-connections-per-host=3\n", wrong[_i].line);
	ck_assert_int_eq(read_text(text, &c), 0);
	ck_assert_msg(strstr(said, wrong[_i].want) != NULL, "said: %s", said);
	ck_assert_uint_eq(c.max_active_tasks, 32);
	ck_assert_uint_eq(c.max_connections_per_host, 3);
}
END_TEST

START_TEST(reads_drop_ins_over_the_file)
{
	char base[] = "/tmp/transferd-config-XXXXXX", path[128];
	static const char *const made[] = { "transferd/transferd.conf.d/20.conf",
		"transferd/transferd.conf.d/10.conf", "transferd/transferd.conf.d/.30.conf",
		"transferd/transferd.conf", "transferd/transferd.conf.d", "transferd" };
	struct config c;

	ck_assert_ptr_nonnull(mkdtemp(base));
	for (size_t i = 6; i-- > 0;) {
		snprintf(path, sizeof(path), "%s/%s", base, made[i]);
		if (i >= 4) {
			ck_assert_int_eq(mkdir(path, 0700), 0);
		} else {
			char text[64];

			snprintf(text, sizeof(text), "[limits]\nmax-active-tasks=%zu\n", i + 11);
			put(path, text);
		}
	}
	setenv("XDG_CONFIG_HOME", base, 1);
	config_init(&c);
	ck_assert_int_eq(config_read(&c, false, hear, NULL), 0);
	ck_assert_uint_eq(c.max_active_tasks, 11); /* 20.conf is the last */
	for (size_t i = 0; i < 6; i++) {
		snprintf(path, sizeof(path), "%s/%s", base, made[i]);
		ck_assert_int_eq(remove(path), 0);
	}
	rmdir(base);
}
END_TEST

START_TEST(lives_without_a_file)
{
	struct config c;

	config_init(&c);
	ck_assert_int_eq(config_read_file(&c, "/nowhere/transferd.conf", hear, NULL), 0);
	ck_assert_uint_eq(c.max_active_tasks, 32);
	ck_assert_int_lt(config_read_file(&c, "/tmp", hear, NULL), 0);
}
END_TEST

RUN_TESTS("daemon/config", TEST(reads_every_key), TEST_EACH(names_wrong_lines_and_goes_on, wrong),
	TEST(reads_long_lines_whole), TEST(reads_drop_ins_over_the_file),
	TEST(lives_without_a_file))
