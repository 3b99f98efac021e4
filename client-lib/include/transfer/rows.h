/* SPDX-License-Identifier: MIT */
/*
 * Rows that the manager hands out: tasks, sessions, progress, events, failures.
 *
 * Rows belong to the list they came in and live as long as it does. Each begins with its size: a program that was built
 * against a newer library looks at it before it reads members that were added later. Texts are NULL when there is
 * nothing to tell, times are microseconds since the epoch and 0 when there is none, sizes are TRANSFER_SIZE_UNKNOWN when
 * they are not known.
 */
#ifndef TRANSFER_ROWS_H
#define TRANSFER_ROWS_H

#include <transfer/configuration.h>
#include <transfer/cookie.h>
#include <transfer/object.h>
#include <transfer/request.h>
#include <transfer/response.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One task, of any session of the user. */
struct transfer_task_row {
	size_t size;
	uint64_t id;
	const char *session; /* identifier */
	enum transfer_session_kind session_kind;
	const char *app_id;
	enum transfer_task_kind kind;
	enum transfer_task_state state;
	enum transfer_task_sub_state sub_state;
	const char *
		sub_state_name; /* as transferd said it, also when this library does not know the word */
	const char *const *reasons; /* why it waits, the most important first */
	size_t n_reasons;
	uint64_t waiting_until_wall_usec;
	const char *url, *current_url, *name, *method, *description;
	double priority;
	const char *destination, *path, *source;
	int64_t received_bytes, expected_receive_bytes, sent_bytes, expected_send_bytes;
	uint64_t receive_rate_bps, send_rate_bps, max_rate_bps;
	uint64_t eta_usec; /* time left at the present rate; UINT64_MAX: not known */
	uint32_t n_attempts, n_suspensions;
	uint64_t next_retry_wall_usec, not_before_wall_usec, created_wall_usec, started_wall_usec,
		finished_wall_usec;
	const transfer_response *response; /* NULL: none yet */
	const transfer_error *error; /* NULL: it has not failed */
	const transfer_error *last_error; /* of the last attempt, while the task goes on */
	bool is_resumable;
	const char *checksum_algorithm, *checksum_hex, *digest_algorithm, *digest_hex;
	const transfer_data *userdata;
};

/* One session of the user. */
struct transfer_session_row {
	size_t size;
	const char *identifier;
	enum transfer_session_kind kind;
	enum transfer_session_state state;
	const char *app_id, *description;
	const char *client_name; /* bus name of the attached client */
	uint32_t owner_uid;
	uint64_t created_wall_usec;
	uint32_t n_active_tasks, n_tasks;
	uint64_t n_pending_events;
	const char *object_path;
};

/* Counters of one task. */
struct transfer_progress_row {
	size_t size;
	uint64_t id;
	enum transfer_task_sub_state sub_state;
	int64_t received_bytes, expected_receive_bytes, sent_bytes, expected_send_bytes;
	uint64_t receive_rate_bps, send_rate_bps;
};

/* One delegate event that has not been acknowledged. */
struct transfer_event_row {
	size_t size;
	uint64_t seq;
	uint64_t task; /* 0: about the session */
	uint64_t wall_usec;
	const char *name; /* such as "DidFinishDownloading" */
	const char *path;
	const char *digest_algorithm, *digest_hex;
	const transfer_error *error;
	const transfer_response *response;
	int64_t offset_bytes, bytes, total_bytes,
		expected_bytes; /* TRANSFER_SIZE_UNKNOWN: not part of the event */
};

/* Something that could not be done for one task; the others of the call were done. */
struct transfer_failure_row {
	size_t size;
	uint64_t id;
	const transfer_error *error;
};

/**
 * transfer_task_list - tasks in order of their numbers; immutable
 *
 * Returns:  transfer_task_list_ref: its argument; transfer_task_list_unref: nothing
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   org.transferd.Transfer1.Manager.ListTasks
 */
TRANSFER_OBJECT(transfer_task_list);

/**
 * transfer_session_list - sessions; immutable
 *
 * Returns:  transfer_session_list_ref: its argument; transfer_session_list_unref: nothing
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   org.transferd.Transfer1.Manager.ListSessions
 */
TRANSFER_OBJECT(transfer_session_list);

/**
 * transfer_progress_list - counters that changed; immutable
 *
 * Returns:  transfer_progress_list_ref: its argument; transfer_progress_list_unref: nothing
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   org.transferd.Transfer1.Manager.GetProgress
 */
TRANSFER_OBJECT(transfer_progress_list);

/**
 * transfer_event_list - events in order; immutable
 *
 * Returns:  transfer_event_list_ref: its argument; transfer_event_list_unref: nothing
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   org.transferd.Transfer1.Manager.PeekEvents
 */
TRANSFER_OBJECT(transfer_event_list);

/**
 * transfer_failure_list - what could not be done; immutable
 *
 * Returns:  transfer_failure_list_ref: its argument; transfer_failure_list_unref: nothing
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   org.transferd.Transfer1.Manager.ResumeTasks
 */
TRANSFER_OBJECT(transfer_failure_list);

/**
 * transfer_statistics - counters of transferd by name; immutable
 *
 * Returns:  transfer_statistics_ref: its argument; transfer_statistics_unref: nothing
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   org.transferd.Transfer1.Manager.GetStatistics
 */
TRANSFER_OBJECT(transfer_statistics);

/**
 * transfer_task_list_get_size - number of tasks
 *
 * @list: the list; borrowed; NULL has none
 *
 * Returns:  the number
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC size_t transfer_task_list_get_size(const transfer_task_list *list);

/**
 * transfer_task_list_get - one row
 *
 * @list:  the list; borrowed
 * @index: counted from 0
 *
 * Returns:  the row; lives as long as the list. NULL: past the end.
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC const struct transfer_task_row *transfer_task_list_get(
	const transfer_task_list *list, size_t index);

/**
 * transfer_session_list_get_size - number of sessions
 *
 * @list: the list; borrowed; NULL has none
 *
 * Returns:  the number
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC size_t transfer_session_list_get_size(const transfer_session_list *list);

/**
 * transfer_session_list_get - one row
 *
 * @list:  the list; borrowed
 * @index: counted from 0
 *
 * Returns:  the row; lives as long as the list. NULL: past the end.
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC const struct transfer_session_row *transfer_session_list_get(
	const transfer_session_list *list, size_t index);

/**
 * transfer_progress_list_get_size - number of rows
 *
 * @list: the list; borrowed; NULL has none
 *
 * Returns:  the number
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC size_t transfer_progress_list_get_size(const transfer_progress_list *list);

/**
 * transfer_progress_list_get - one row
 *
 * @list:  the list; borrowed
 * @index: counted from 0
 *
 * Returns:  the row; lives as long as the list. NULL: past the end.
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC const struct transfer_progress_row *transfer_progress_list_get(
	const transfer_progress_list *list, size_t index);

/**
 * transfer_event_list_get_size - number of events
 *
 * @list: the list; borrowed; NULL has none
 *
 * Returns:  the number
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC size_t transfer_event_list_get_size(const transfer_event_list *list);

/**
 * transfer_event_list_get - one row
 *
 * @list:  the list; borrowed
 * @index: counted from 0
 *
 * Returns:  the row; lives as long as the list. NULL: past the end.
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC const struct transfer_event_row *transfer_event_list_get(
	const transfer_event_list *list, size_t index);

/**
 * transfer_failure_list_get_size - number of failures
 *
 * @list: the list; borrowed; NULL has none
 *
 * Returns:  the number
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC size_t transfer_failure_list_get_size(const transfer_failure_list *list);

/**
 * transfer_failure_list_get - one row
 *
 * @list:  the list; borrowed
 * @index: counted from 0
 *
 * Returns:  the row; lives as long as the list. NULL: past the end.
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC const struct transfer_failure_row *transfer_failure_list_get(
	const transfer_failure_list *list, size_t index);

/**
 * transfer_task_list_get_next_cursor - where the next page begins
 *
 * @list: the list; borrowed
 *
 * Returns:  the cursor for transfer_manager_list_tasks(), or NULL: this was the last page
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   org.transferd.Transfer1.Manager.ListTasks
 */
TRANSFER_PUBLIC const char *transfer_task_list_get_next_cursor(const transfer_task_list *list);

/**
 * transfer_progress_list_get_generation - what to give as since next time
 *
 * @list: the list; borrowed
 *
 * Returns:  the generation
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   org.transferd.Transfer1.Manager.GetProgress
 */
TRANSFER_PUBLIC uint64_t transfer_progress_list_get_generation(const transfer_progress_list *list);

/**
 * transfer_statistics_foreach - visit all counters
 *
 * @statistics: the counters; borrowed
 * @each:       called with names such as "tasks-active"; a value other than 0 ends the visit
 * @userdata:   handed to each
 *
 * Returns:  0, or what each returned
 * Blocks:   as long as each does
 * Thread:   any
 * Since:    0.1
 * Source:   org.transferd.Transfer1.Manager.GetStatistics
 */
TRANSFER_PUBLIC int transfer_statistics_foreach(const transfer_statistics *statistics,
	int (*each)(const char *name, uint64_t value, void *userdata), void *userdata);

/**
 * transfer_statistics_get - one counter
 *
 * @statistics: the counters; borrowed
 * @name:       such as "receive-rate"
 * @ret_value:  its value; untouched when there is none
 *
 * Returns:  whether transferd told it
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   org.transferd.Transfer1.Manager.GetStatistics
 */
TRANSFER_PUBLIC bool transfer_statistics_get(
	const transfer_statistics *statistics, const char *name, uint64_t *ret_value);

/**
 * transfer_statistics_get_samples - speed of each of the last 60 seconds, the oldest first
 *
 * @statistics:    the counters; borrowed
 * @sent:          uploads instead of downloads
 * @ret_rates_bps: bytes per second; live as long as the statistics
 *
 * Returns:  number of samples
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   org.transferd.Transfer1.Manager.GetStatistics
 */
TRANSFER_PUBLIC size_t transfer_statistics_get_samples(
	const transfer_statistics *statistics, bool sent, const uint64_t **ret_rates_bps);

#ifdef __cplusplus
}
#endif
#endif
