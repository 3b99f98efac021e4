/* SPDX-License-Identifier: MIT */
/* A configuration file: whatever it says, the daemon has values it can run with, and each wrong line is named. */
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/config.h"
#include "tests/fuzz/fuzz.h"

struct heard {
	const char *path;
	unsigned long n_lines, n;
};

static void on_complaint(const char *text, void *user)
{
	struct heard *heard = user;
	size_t n = strlen(heard->path);
	unsigned long line;
	char *end;

	FUZZ_MUST(!strncmp(text, heard->path, n) && text[n] == ':');
	line = strtoul(text + n + 1, &end, 10);
	FUZZ_MUST(line >= 1 && line <= heard->n_lines && end[0] == ':' && end[1] == ' ');
	FUZZ_MUST(++heard->n <= heard->n_lines);
}

static void check_text(const char *text, size_t room)
{
	FUZZ_MUST(memchr(text, '\0', room));
}

static void check(const struct config *c)
{
	FUZZ_MUST(c->max_active_tasks >= 1 && c->max_active_tasks <= 1000);
	FUZZ_MUST(c->max_connections_per_host >= 1 && c->max_connections_per_host <= 64);
	FUZZ_MUST(c->floor_window_us && c->retention_us);
	FUZZ_MUST(c->workers >= 1 && c->workers <= 16);
	FUZZ_MUST(*(const unsigned char *)&c->resumes_uploads <= 1);
	FUZZ_MUST(*(const unsigned char *)&c->uses_netlink <= 1);
	FUZZ_MUST(c->log_level >= LOG_LEVEL_ERROR && c->log_level <= LOG_LEVEL_DEBUG);
	check_text(c->user_agent, sizeof(c->user_agent));
	check_text(c->disabled_apps, sizeof(c->disabled_apps));
	check_text(c->ca_file, sizeof(c->ca_file));
	for (const char *p = c->user_agent; *p; p++)
		FUZZ_MUST(*p >= ' ' && *p < 127);
	FUZZ_MUST(!strstr(c->disabled_apps, "  ") && c->disabled_apps[0] != ' ');
	FUZZ_MUST(!c->ca_file[0] || c->ca_file[0] == '/');
}

static unsigned long count_lines(const uint8_t *data, size_t size)
{
	unsigned long n = 1;

	for (size_t i = 0; i < size; i++)
		n += data[i] == '\n';
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config config, again;
	static char path[64];
	static int fd = -1;
	struct heard heard = { path, count_lines(data, size), 0 };

	if (fd < 0) {
		fd = memfd_create("transferd.conf", MFD_CLOEXEC);
		FUZZ_MUST(fd >= 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	FUZZ_MUST(ftruncate(fd, 0) == 0);
	FUZZ_MUST(pwrite(fd, data, size, 0) == (ssize_t)size);
	memset(&config, 0, sizeof(config));
	memset(&again, 0, sizeof(again));
	config_init(&config);
	FUZZ_MUST(config_read_file(&config, path, on_complaint, &heard) == 0);
	check(&config);
	/* the last word wins: read over itself it says the same */
	again = config;
	FUZZ_MUST(config_read_file(&again, path, NULL, NULL) == 0);
	FUZZ_MUST(!strcmp(config.user_agent, again.user_agent));
	FUZZ_MUST(!strcmp(config.disabled_apps, again.disabled_apps));
	FUZZ_MUST(config.max_download_bps == again.max_download_bps);
	return 0;
}
