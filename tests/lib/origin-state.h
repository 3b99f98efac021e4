/* SPDX-License-Identifier: MIT */
/* The server's state, for origin.c, origin-log.c and origin-upload.c only. */
#ifndef TESTS_LIB_ORIGIN_STATE_H
#define TESTS_LIB_ORIGIN_STATE_H

#include "tests/lib/origin-internal.h"

#define ORIGIN_LOG_MAX   4096
#define ORIGIN_RAWS_MAX  512
#define ORIGIN_GATES_MAX 256
#define ORIGIN_BUCKETS   1024
#define ORIGIN_KEYS_MAX  65536

struct origin_raw {
	char *path;
	char *bytes;
	size_t size_bytes;
	bool hold;
};

struct origin_gate {
	char *name;
	int fd;
};

struct origin_counter {
	struct origin_counter *next;
	struct origin_stats stats;
	char key[];
};

struct origin {
	struct origin_config config;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t thread;
	SSL_CTX *ctx;
	char *ca_path;
	char *base;
	char *base6;
	int wake_fd;
	int listen_fds[2];
	int dead_fd;
	uint16_t port;
	uint16_t dead_port;
	bool started;
	bool listening;
	bool stopping;

	struct origin_conn *conns;
	unsigned n_conns;
	uint64_t last_conn;

	struct origin_entry *entries; /* a ring: number % ORIGIN_LOG_MAX */
	uint64_t last_entry;
	uint64_t first_entry;

	struct origin_counter *buckets[ORIGIN_BUCKETS];
	unsigned n_counters;

	struct origin_raw raws[ORIGIN_RAWS_MAX];
	unsigned n_raws;
	struct origin_gate gates[ORIGIN_GATES_MAX];
	unsigned n_gates;
	struct origin_resource *resources;
	unsigned n_resources;
};

void origin_log_done(struct origin *o);

#endif
