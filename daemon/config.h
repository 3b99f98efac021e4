/* SPDX-License-Identifier: MIT */
/*
 * transferd.conf: INI text. Read in this order, later words win: /etc/xdg/transferd/transferd.conf (for the system instance
 * /etc/transferd/transferd.conf), then $XDG_CONFIG_HOME/transferd/transferd.conf, each with *.conf of its transferd.conf.d folder in
 * order of name. A wrong line is named and skipped; the rest holds.
 */
#ifndef DAEMON_CONFIG_H
#define DAEMON_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"

#define CONFIG_PATH_MAX       4096
#define CONFIG_APPS_MAX_BYTES 4096

struct config {
	/* [limits] values at the first start; what transferctl limit sets afterwards is kept in the database and wins */
	uint64_t max_download_bps, max_upload_bps; /* 0: none */
	uint32_t max_active_tasks; /* 1 … 1000 */
	uint32_t max_active_in_app; /* the same, of sessions in memory */
	uint32_t max_connections_per_host; /* 1 … 64 */
	uint64_t floor_bps, floor_window_us; /* throughput floor; floor_bps 0: none */
	/* [service] */
	uint32_t workers; /* 1 … 16 */
	uint64_t idle_exit_us; /* UINT64_MAX: never */
	uint64_t retention_us;
	bool resumes_uploads; /* asks servers for resumable uploads */
	bool uses_netlink; /* network = netlink | always */
	enum log_level log_level;
	char user_agent[256]; /* "": the built-in one */
	char disabled_apps[CONFIG_APPS_MAX_BYTES]; /* ids, one space between two; "": none */
	char ca_file[CONFIG_PATH_MAX]; /* "": the system's trust store */
};

void config_init(struct config *config); /* the documented defaults */
/* Told about each wrong line: "FILE:LINE: why". */
typedef void (*config_complaint_fn)(const char *text, void *user);
/* Reads one file over what is there. 0 (a missing file as well), -errno when it cannot be read. */
int config_read_file(struct config *config, const char *path, config_complaint_fn fn, void *user);
/* Reads all files that apply. */
int config_read(struct config *config, bool is_system, config_complaint_fn fn, void *user);

#endif
