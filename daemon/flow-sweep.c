/* SPDX-License-Identifier: MIT */
/*
 * Files in the spool that belong to no task: a crash came between the commit that let them go and their removal. Looked for once,
 * from when the daemon starts on, some in each turn until all were seen. After a database was set aside they are all that is left
 * of its transfers: they stay for a week from then, however old they are, and no task of the new database gets the number of one
 * of them, for it would write over it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "daemon/flow-state.h"

#define SWEEP_KEEP_S (7 * 86400)
#define SWEEP_STEP   1000 /* files looked at in one turn */
#define SWEEP_SINCE  "spool-since" /* setting: when the database met its spool, in wall_us */

static void close_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* The task's number when the name is one of ours, else 0. */
static uint64_t id_of(const char *name)
{
	static const char *const suffixes[] = { ".part", ".src", ".body" };
	unsigned long long id;
	char *end;

	if (*name < '1' || *name > '9')
		return 0;
	errno = 0;
	id = strtoull(name, &end, 10);
	if (errno)
		return 0;
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
		if (!strcmp(end, suffixes[i]))
			return id;
	return 0;
}

static int look_at(struct flow *flow, int dir_fd, const char *name)
{
	uint64_t id = id_of(name);
	char path[FLOW_PATH_BYTES];
	struct task *task;
	struct stat st;
	int r;

	if (!id || fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) ||
		(uint64_t)st.st_mtime + SWEEP_KEEP_S > flow_turn_age_wall_us(flow) / CLOCK_US_PER_S)
		return 0;
	r = store_task_load(flow->store, id, &task);
	if (!r) {
		task_free(task);
		return 0;
	}
	if (r != STORE_E_NOT_FOUND)
		return err_fold(r);
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", flow->spool_dir, name) >= sizeof(path))
		return 0;
	log_info("%s belongs to no task and is removed", name);
	return flow_attempt_remove(flow, path);
}

/* All names, however many: once in the life of a database, and only the names are read. */
static int number_above(struct flow *flow, DIR *dir)
{
	const struct dirent *entry;
	uint64_t last = 0;

	while ((entry = readdir(dir))) {
		uint64_t id = id_of(entry->d_name);

		if (id > last && id <= STORE_NUMBER_MAX)
			last = id;
	}
	return last ? err_fold(store_task_number_above(flow->store, last)) : 0;
}

/* How long has the database been the one of this spool? A new one begins now. */
static int meet_spool(struct flow *flow, DIR *dir, uint64_t *ret_since_wall_us)
{
	uint64_t since_wall_us = 0, now_us = flow_age_wall_us(flow);
	size_t size = 0;
	int r = store_setting_load(
		flow->store, SWEEP_SINCE, &since_wall_us, sizeof(since_wall_us), &size);

	if (r && r != STORE_E_NOT_FOUND)
		return err_fold(r);
	if (!r && size == sizeof(since_wall_us) && since_wall_us >= FLOW_NOT_BEFORE_WALL_US &&
		since_wall_us <= now_us) {
		*ret_since_wall_us = since_wall_us;
		return 0;
	}
	*ret_since_wall_us = now_us;
	r = number_above(flow, dir);
	if (r)
		return r;
	return err_fold(store_setting_put(flow->store, SWEEP_SINCE, &now_us, sizeof(now_us)));
}

int flow_sweep(struct flow *flow)
{
	cleanup_(close_dir) DIR *dir = opendir(flow->spool_dir);
	uint64_t since_wall_us = 0;
	int r;

	if (!dir)
		return errno == ENOENT ? 0 : err_raise(-errno);
	r = meet_spool(flow, dir, &since_wall_us);
	if (!r)
		r = flow_kept_sweep(flow, true);
	if (r || since_wall_us + SWEEP_KEEP_S * CLOCK_US_PER_S > flow_turn_age_wall_us(flow))
		return r;
	flow->sweep_dir = dir;
	dir = NULL;
	return flow_sweep_more(flow);
}

/* What is removed in a turn that fails stays until the next start. */
int flow_sweep_more(struct flow *flow)
{
	const struct dirent *entry = NULL;
	int r;

	if (!flow->sweep_dir)
		return 0;
	/* a task of this turn, which may have a file older than itself, has its row first */
	r = flow_turn_flush(flow);
	for (size_t n = 0; !r && n < SWEEP_STEP && (entry = readdir(flow->sweep_dir)); n++)
		r = look_at(flow, dirfd(flow->sweep_dir), entry->d_name);
	if (!r && entry)
		flow->has_more = true;
	else
		flow_sweep_done(flow);
	return r;
}

void flow_sweep_done(struct flow *flow)
{
	close_dir(&flow->sweep_dir);
	flow->sweep_dir = NULL;
}
