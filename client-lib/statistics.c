/* SPDX-License-Identifier: MIT */
/* Counters of transferd by the names they have on the bus, so that new ones need no new function. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "client-lib/ref.h"
#include "client-lib/rows.h"
#include "ipc/proto.h"

/* X(field of struct ipc_statistics, name on the bus) */
#define STATISTICS(X) \
	X(started_usec, "started-usec") \
	X(sessions, "sessions") \
	X(clients, "clients") \
	X(tasks_total, "tasks-total") \
	X(tasks_queued, "tasks-queued") \
	X(tasks_active, "tasks-active") \
	X(tasks_waiting, "tasks-waiting") \
	X(tasks_suspended, "tasks-suspended") \
	X(tasks_completed, "tasks-completed") \
	X(tasks_failed, "tasks-failed") \
	X(tasks_cancelled, "tasks-cancelled") \
	X(bytes_received, "bytes-received") \
	X(bytes_sent, "bytes-sent") \
	X(receive_rate, "receive-rate") \
	X(send_rate, "send-rate") \
	X(attempts, "attempts") \
	X(retries, "retries") \
	X(commits, "commits") \
	X(events_pending, "events-pending") \
	X(database_bytes, "database-bytes") \
	X(spool_bytes, "spool-bytes") \
	X(disk_free_bytes, "disk-free-bytes") \
	X(memory_bytes, "memory-bytes")

#define STATISTICS_ONE(field, name) +1
#define STATISTICS_MAX              (0 STATISTICS(STATISTICS_ONE))

struct counter {
	const char *name;
	uint64_t value;
};

struct transfer_statistics {
	struct ref ref;
	struct arena arena; /* owns the samples */
	struct counter counters[STATISTICS_MAX];
	size_t n_counters;
	uint64_t *samples[2]; /* received, sent */
	size_t n_samples[2];
};

static void statistics_free(struct transfer_statistics *statistics)
{
	arena_done(&statistics->arena);
	free(statistics);
}

REF_DEFINE(transfer_statistics, statistics_free)

static void copy_samples(
	struct transfer_statistics *statistics, bool sent, const uint64_t *from, size_t n)
{
	uint64_t *samples = n ? arena_alloc(&statistics->arena, n, sizeof(*samples)) : NULL;

	if (!samples)
		return;
	memcpy(samples, from, n * sizeof(*samples));
	statistics->samples[sent] = samples;
	statistics->n_samples[sent] = n;
}

transfer_statistics *rows_new_statistics(const struct ipc_statistics *from)
{
	struct transfer_statistics *statistics = calloc(1, sizeof(*statistics));

	if (!statistics)
		return NULL;
	ref_init(&statistics->ref);
#define STATISTICS_COPY(field, text) \
	if (from->has_##field) \
		statistics->counters[statistics->n_counters++] = (struct counter){ text, \
			from->field };
	STATISTICS(STATISTICS_COPY)
#undef STATISTICS_COPY
	copy_samples(statistics, false, from->receive_samples, from->n_receive_samples);
	copy_samples(statistics, true, from->send_samples, from->n_send_samples);
	return statistics;
}

int transfer_statistics_foreach(const transfer_statistics *statistics,
	int (*each)(const char *name, uint64_t value, void *userdata), void *userdata)
{
	int r = 0;

	for (size_t i = 0; !r && i < statistics->n_counters; i++)
		r = each(statistics->counters[i].name, statistics->counters[i].value, userdata);
	return r;
}

bool transfer_statistics_get(
	const transfer_statistics *statistics, const char *name, uint64_t *ret_value)
{
	for (size_t i = 0; i < statistics->n_counters; i++) {
		if (!strcmp(statistics->counters[i].name, name)) {
			*ret_value = statistics->counters[i].value;
			return true;
		}
	}
	return false;
}

size_t transfer_statistics_get_samples(
	const transfer_statistics *statistics, bool sent, const uint64_t **ret_rates_bps)
{
	*ret_rates_bps = statistics->samples[sent];
	return statistics->n_samples[sent];
}
