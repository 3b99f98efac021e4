/* SPDX-License-Identifier: MIT */
/*
 * One row per key: section, name, how to parse it, where it goes. A line is judged by itself, whatever the others say;
 * one that is too long, or holds a zero byte, is wrong as a whole: no part of it counts.
 *
 * Not inih (55, as built by Debian 12), which was tried. Its lines are 200 bytes, fixed at its compilation: of "ca-file" with a path of
 * 500 bytes the handler gets the first 189 as a good value. A zero byte ends the value and "3\0 4" counts as 3. Of several wrong lines it
 * tells the number of the first one, and handlers get none. An indented line goes on the value above it ("workers" is "log-level = debug"
 * then), sections are cut to 49 bytes, and keys after an unclosed "[service" count for the section before. None of it can be set.
 */
#include "daemon/config.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "daemon/core/sched.h"
#include "daemon/core/session.h"
#include "daemon/flow.h"
#include "daemon/live.h"

#define US_PER_S       UINT64_C(1000000)
#define LINE_MAX_BYTES (CONFIG_PATH_MAX + 256)

void config_init(struct config *config)
{
	*config = (struct config){
		.max_active_tasks = SCHED_SLOTS,
		.max_active_in_app = LIVE_SLOTS,
		.max_connections_per_host = SESSION_CONNECTIONS_PER_HOST,
		.floor_bps = FLOW_FLOOR_BPS,
		.floor_window_us = FLOW_FLOOR_WINDOW_US,
		.workers = 2,
		.idle_exit_us = 60 * US_PER_S,
		.retention_us = FLOW_RETENTION_US,
		.resumes_uploads = true,
		.uses_netlink = true,
		.log_level = LOG_LEVEL_INFO,
	};
}

/* A number with an optional unit: the value times the unit's factor. */
struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit no_units[] = { { "", 1 }, { NULL, 0 } };
static const struct unit size_units[] = { { "", 1 }, { "K", 1 << 10 }, { "M", 1 << 20 },
	{ "G", 1 << 30 }, { NULL, 0 } };
static const struct unit time_units[] = { { "", US_PER_S }, { "ms", 1000 }, { "s", US_PER_S },
	{ "min", 60 * US_PER_S }, { "h", 3600 * US_PER_S }, { "d", 86400 * US_PER_S },
	{ NULL, 0 } };

static int parse_with_units(const char *text, const struct unit *units, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	for (; isdigit((unsigned char)*text); text++)
		if (__builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
			return -ERANGE;
	while (*text == ' ')
		text++;
	for (const struct unit *u = units; u->name; u++) {
		if (strcmp(text, u->name) != 0)
			continue;
		if (__builtin_mul_overflow(value, u->factor, ret_value))
			return -ERANGE;
		return 0;
	}
	return -EINVAL;
}

static int parse_size(const char *text, void *member)
{
	return parse_with_units(text, size_units, member);
}

static int parse_span(const char *text, void *member)
{
	return parse_with_units(text, time_units, member);
}

/* For what would mean something else, or nothing, without a duration. */
static int parse_duration(const char *text, void *member)
{
	uint64_t value_us;
	int r = parse_span(text, &value_us);

	if (r)
		return r;
	if (!value_us)
		return -ERANGE;
	*(uint64_t *)member = value_us;
	return 0;
}

static int parse_span_or_never(const char *text, void *member)
{
	if (strcmp(text, "never") == 0) {
		*(uint64_t *)member = UINT64_MAX;
		return 0;
	}
	return parse_span(text, member);
}

static int parse_count(const char *text, uint64_t most, void *member)
{
	uint64_t value;
	int r = parse_with_units(text, no_units, &value);

	if (r)
		return r;
	if (value < 1 || value > most)
		return -ERANGE;
	*(uint32_t *)member = (uint32_t)value;
	return 0;
}

static int parse_tasks(const char *text, void *member)
{
	return parse_count(text, SCHED_SLOTS_MAX, member);
}

static int parse_connections(const char *text, void *member)
{
	return parse_count(text, SESSION_CONNECTIONS_MAX, member);
}

static int parse_workers(const char *text, void *member)
{
	return parse_count(text, 16, member);
}

static int parse_network(const char *text, void *member)
{
	if (strcmp(text, "netlink") != 0 && strcmp(text, "always") != 0)
		return -EINVAL;
	*(bool *)member = strcmp(text, "netlink") == 0;
	return 0;
}

static int parse_switch(const char *text, void *member)
{
	if (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0)
		return -EINVAL;
	*(bool *)member = strcmp(text, "yes") == 0;
	return 0;
}

static int parse_level(const char *text, void *member)
{
	return log_level_parse(text, member);
}

static int parse_user_agent(const char *text, void *member)
{
	if (strlen(text) >= sizeof(((struct config *)NULL)->user_agent))
		return -ERANGE;
	for (const char *p = text; *p; p++)
		if (!isprint((unsigned char)*p))
			return -EINVAL;
	snprintf(member, sizeof(((struct config *)NULL)->user_agent), "%s", text);
	return 0;
}

/* Words with single spaces between them. */
static int parse_apps(const char *text, void *member)
{
	char *to = member;
	size_t n = 0;

	if (strlen(text) >= CONFIG_APPS_MAX_BYTES)
		return -ERANGE;
	for (; *text; text++) {
		if (*text != ' ' && *text != '\t')
			to[n++] = *text;
		else if (n && to[n - 1] != ' ')
			to[n++] = ' ';
	}
	while (n && to[n - 1] == ' ')
		n--;
	to[n] = '\0';
	return 0;
}

static int parse_path(const char *text, void *member)
{
	if (text[0] != '/')
		return -EINVAL;
	if (strlen(text) >= CONFIG_PATH_MAX)
		return -ERANGE;
	snprintf(member, CONFIG_PATH_MAX, "%s", text);
	return 0;
}

static const struct key {
	const char *section, *name, *expects;
	int (*parse)(const char *text, void *member);
	size_t offset;
} keys[] = {
	{ "limits", "max-download-rate", "bytes per second such as 500K; 0: none", parse_size,
		offsetof(struct config, max_download_bps) },
	{ "limits", "max-upload-rate", "bytes per second such as 500K; 0: none", parse_size,
		offsetof(struct config, max_upload_bps) },
	{ "limits", "max-active-tasks", "1 to 1000", parse_tasks,
		offsetof(struct config, max_active_tasks) },
	{ "limits", "max-active-in-app", "1 to 1000", parse_tasks,
		offsetof(struct config, max_active_in_app) },
	{ "limits", "max-connections-per-host", "1 to 64", parse_connections,
		offsetof(struct config, max_connections_per_host) },
	{ "limits", "throughput-floor", "bytes per second; 0: none", parse_size,
		offsetof(struct config, floor_bps) },
	{ "limits", "throughput-window", "a time such as 60s, not 0", parse_duration,
		offsetof(struct config, floor_window_us) },
	{ "service", "workers", "1 to 16", parse_workers, offsetof(struct config, workers) },
	{ "service", "idle-exit", "a time such as 60s, or never", parse_span_or_never,
		offsetof(struct config, idle_exit_us) },
	{ "service", "retention", "a time such as 14d, not 0", parse_duration,
		offsetof(struct config, retention_us) },
	{ "service", "network", "netlink or always", parse_network,
		offsetof(struct config, uses_netlink) },
	{ "service", "resumable-uploads", "yes or no", parse_switch,
		offsetof(struct config, resumes_uploads) },
	{ "service", "log-level", "err, warning, notice, info or debug", parse_level,
		offsetof(struct config, log_level) },
	{ "service", "user-agent", "printable ASCII, at most 255 bytes", parse_user_agent,
		offsetof(struct config, user_agent) },
	{ "service", "disabled-applications", "ids with spaces between them", parse_apps,
		offsetof(struct config, disabled_apps) },
	{ "service", "ca-file", "an absolute path", parse_path, offsetof(struct config, ca_file) },
};

struct reading {
	struct config *config;
	const char *path;
	FILE *file;
	unsigned line;
	char section[64];
	config_complaint_fn fn;
	void *user;
};

static void complain(const struct reading *r, const char *what, const char *why)
{
	char text[CONFIG_PATH_MAX + 256];

	snprintf(text, sizeof(text), "%s:%u: %.80s: %s", r->path, r->line, what, why);
	if (r->fn)
		r->fn(text, r->user);
}

static void take_key(const struct reading *r, const char *name, const char *value)
{
	char why[128];

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcmp(keys[i].section, r->section) != 0 || strcmp(keys[i].name, name) != 0)
			continue;
		if (keys[i].parse(value, (char *)r->config + keys[i].offset)) {
			snprintf(why, sizeof(why), "expected %s", keys[i].expects);
			complain(r, name, why);
		}
		return;
	}
	complain(r, name, "unknown key");
}

/* Cuts the space off both ends, in place. */
static char *trim(char *text)
{
	char *end = text + strlen(text);

	while (isspace((unsigned char)*text))
		text++;
	while (end > text && isspace((unsigned char)end[-1]))
		end--;
	*end = '\0';
	return text;
}

/* From a ';' with space before it on. */
static void cut_note(char *text)
{
	for (char *p = text; *p; p++)
		if (*p == ';' && p > text && isspace((unsigned char)p[-1])) {
			*p = '\0';
			return;
		}
}

static void take_section(struct reading *r, const char *name)
{
	size_t len = strcspn(name, "]");

	if (name[len] != ']' || len >= sizeof(r->section)) {
		complain(r, "line", "not understood");
		return;
	}
	memcpy(r->section, name, len);
	r->section[len] = '\0';
}

static void take_line(struct reading *r, char *line)
{
	char *text, *value;

	if (r->line == 1 && strncmp(line, "\xef\xbb\xbf", 3) == 0)
		line += 3;
	text = trim(line);
	if (!*text || *text == '#' || *text == ';')
		return;
	if (*text == '[') {
		take_section(r, text + 1);
		return;
	}
	cut_note(text);
	value = text + strcspn(text, "=:");
	if (!*value) {
		complain(r, "line", "not understood");
		return;
	}
	*value++ = '\0';
	take_key(r, trim(text), trim(value));
}

/* One line without its end; "" and a complaint for one that cannot be one. False: there is no more. */
static bool next_line(struct reading *r, char line[LINE_MAX_BYTES])
{
	bool is_bad = false;
	size_t n = 0;
	int c;

	while ((c = getc_unlocked(r->file)) != EOF && c != '\n') {
		if (c == '\0' || n == LINE_MAX_BYTES - 1)
			is_bad = true;
		else
			line[n++] = (char)c;
	}
	if (c == EOF && n == 0 && !is_bad)
		return false;
	r->line++;
	line[is_bad ? 0 : n] = '\0';
	if (is_bad)
		complain(r, "line", "too long, or with a zero byte");
	return true;
}

int config_read_file(struct config *config, const char *path, config_complaint_fn fn, void *user)
{
	struct reading r = { .config = config, .path = path, .fn = fn, .user = user };
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char line[LINE_MAX_BYTES];
	bool has_failed;

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : err_raise(-errno);
	r.file = fdopen(fd, "r");
	if (!r.file) {
		close(fd);
		return err_raise(-ENOMEM);
	}
	while (next_line(&r, line))
		take_line(&r, line);
	has_failed = ferror(r.file);
	fclose(r.file);
	return has_failed ? err_raise(-EIO) : 0;
}

static int is_drop_in(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > 5 && strcmp(entry->d_name + len - 5, ".conf") == 0;
}

/* FOLDER/transferd/transferd.conf and its drop-ins. */
static int read_folder(struct config *config, const char *folder, struct reading *how)
{
	char path[CONFIG_PATH_MAX + 300];
	struct dirent **entries = NULL;
	int n, r;

	snprintf(path, sizeof(path), "%.*s/transferd/transferd.conf", CONFIG_PATH_MAX, folder);
	r = config_read_file(config, path, how->fn, how->user);
	if (r)
		return r;
	snprintf(path, sizeof(path), "%.*s/transferd/transferd.conf.d", CONFIG_PATH_MAX, folder);
	n = scandir(path, &entries, is_drop_in, alphasort);
	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%.*s/transferd/transferd.conf.d/%s",
			CONFIG_PATH_MAX - 300, folder, entries[i]->d_name);
		if (r == 0)
			r = config_read_file(config, path, how->fn, how->user);
		free(entries[i]);
	}
	free(entries);
	return r;
}

int config_read(struct config *config, bool is_system, config_complaint_fn fn, void *user)
{
	struct reading how = { .fn = fn, .user = user };
	const char *home = getenv("HOME"), *xdg = getenv("XDG_CONFIG_HOME");
	char folder[CONFIG_PATH_MAX];
	int r = read_folder(config, is_system ? "/etc" : "/etc/xdg", &how);

	if (r || is_system)
		return r;
	if (xdg && xdg[0] == '/')
		snprintf(folder, sizeof(folder), "%s", xdg);
	else if (home && home[0] == '/')
		snprintf(folder, sizeof(folder), "%.*s/.config", CONFIG_PATH_MAX - 16, home);
	else
		return 0;
	return read_folder(config, folder, &how);
}
