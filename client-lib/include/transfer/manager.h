/* SPDX-License-Identifier: MIT */
/*
 * Looking at and steering the tasks of all sessions of the user, without being the delegate of any: for transferctl,
 * settings panels and scripts. An application that has transfers of its own uses <transfer/transfer.h>.
 *
 * A manager has a connection of its own and no thread. Every call waits for its answer, at most as long as
 * transfer_manager_set_timeout() says, and retries once when transferd was restarted under it. Calls of several threads
 * take turns. Besides the errors listed below, every call that takes ret_error may return
 *   -ENOTCONN     TRANSFER_BUS_ERROR_UNREACHABLE or TRANSFER_BUS_ERROR_NOT_RUNNING
 *   -ETIMEDOUT    TRANSFER_BUS_ERROR_NO_REPLY: no answer in time
 *   -EACCES       TRANSFER_BUS_ERROR_ACCESS_DENIED
 *   -EREMOTEIO    transferd refused for another reason; the error tells which
 *   -EINVAL       an argument is wrong, or a setter of the request or configuration had failed
 *   -ECHILD       the process was forked after the manager was made
 *   -ENOMEM       out of memory
 * and nothing is stored through ret_ pointers then, except the error.
 *
 * A session is named by its identifier. Where several applications have a session of one identifier that is refused with
 * TRANSFER_BUS_ERROR_INVALID_ARGS; the object_path of its row (transfer_manager_list_sessions()) names one in any case. A
 * filter for tasks takes the application's id besides the identifier.
 */
#ifndef TRANSFER_MANAGER_H
#define TRANSFER_MANAGER_H

#include <transfer/client.h>
#include <transfer/configuration.h>
#include <transfer/request.h>
#include <transfer/rows.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Most tasks that one call takes or returns. */
#define TRANSFER_MANAGER_MAX_TASKS 1000

/**
 * transfer_manager - a connection for looking and steering
 *
 * Returns:  transfer_manager_ref: its argument; transfer_manager_unref: nothing
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   org.transferd.Transfer1.Manager.ListTasks
 */
TRANSFER_OBJECT(transfer_manager);

/* Which tasks. Set size with TRANSFER_TASK_FILTER_INIT; members that are 0 or NULL do not restrict. */
struct transfer_task_filter {
	size_t size;
	const uint64_t *ids; /* at most TRANSFER_MANAGER_MAX_TASKS */
	size_t n_ids;
	uint64_t first_id, last_id;
	const char *session; /* identifier */
	const char *app_id;
	const char *name_glob; /* shell pattern for the name */
	uint32_t kinds; /* bits 1 << enum transfer_task_kind */
	uint32_t states; /* bits 1 << enum transfer_task_state */
	uint32_t sub_states; /* bits 1 << enum transfer_task_sub_state */
	bool include_finished, include_in_app; /* completed ones too; those of programs, too */
	bool ids_only; /* lists: only the numbers are wanted, which is quicker */
};

/* First in every initialiser of a filter. */
#define TRANSFER_TASK_FILTER_INIT .size = sizeof(struct transfer_task_filter)

/* One task to make. Set size to sizeof(struct transfer_task_spec). */
struct transfer_task_spec {
	size_t size;
	enum transfer_task_kind kind; /* download or upload */
	const transfer_request *request; /* NULL is fine with resume_data */
	const char *source_path; /* upload: the file */
	const transfer_data *resume_data; /* download: goes on where another one stopped */
};

/* Verbs of transfer_manager_steer(). */
enum transfer_verb {
	TRANSFER_VERB_RESUME = 1,
	TRANSFER_VERB_SUSPEND = 2,
	TRANSFER_VERB_CANCEL = 3,
	TRANSFER_VERB_RETRY = 4,
	TRANSFER_VERB_REMOVE = 5, /* forget finished tasks */
};

/* Flags of transfer_manager_steer(). */
enum {
	TRANSFER_STEER_FORCE = 1 << 0, /* resume: all suspensions at once; suspend: at most one */
	/* cancel, remove: delete the bytes that are there */
	TRANSFER_STEER_DELETE_PARTIAL = 1 << 1,
	TRANSFER_STEER_FROM_START = 1 << 2, /* retry: from the first byte */
};

/* What to do with which tasks. Set size to sizeof(struct transfer_steering). */
struct transfer_steering {
	size_t size;
	enum transfer_verb verb;
	uint32_t flags; /* TRANSFER_STEER_* */
	const uint64_t *ids; /* numbers of the tasks; any number of them */
	size_t n_ids;
};

/* What to change in which tasks. Set size with TRANSFER_TASK_CHANGES_INIT. */
struct transfer_task_changes {
	size_t size;
	const uint64_t *ids; /* numbers of the tasks; any number of them */
	size_t n_ids;
	uint32_t change; /* bits TRANSFER_CHANGE_*: members that count */
	double priority; /* 0.0 to 1.0 */
	const char *description; /* NULL: none */
	uint64_t max_rate_bps; /* bytes per second; 0: no bound */
	uint64_t not_before_wall_usec; /* 0: now */
};

/* First in every initialiser of changes. */
#define TRANSFER_TASK_CHANGES_INIT .size = sizeof(struct transfer_task_changes)

/* Bits of transfer_task_changes.change. */
enum {
	TRANSFER_CHANGE_PRIORITY = 1 << 0,
	TRANSFER_CHANGE_DESCRIPTION = 1 << 1,
	TRANSFER_CHANGE_MAX_RATE = 1 << 2,
	TRANSFER_CHANGE_NOT_BEFORE = 1 << 3,
};

/* State and limits of the whole service. Set size before asking; 0 means no bound for rates. */
struct transfer_service {
	size_t size;
	bool is_paused;
	uint64_t max_download_rate_bps, max_upload_rate_bps;
	uint32_t max_active_tasks, max_connections_per_host;
	uint32_t n_active_tasks, n_queued_tasks;
	char network_state[16]; /* online, offline, portal or unknown */
	char metered[16]; /* yes, no or unknown */
	char version[32];
};

/* Bits for transfer_manager_set_service(): members that count. */
enum {
	TRANSFER_SERVICE_MODE = 1 << 0,
	TRANSFER_SERVICE_MAX_DOWNLOAD_RATE = 1 << 1,
	TRANSFER_SERVICE_MAX_UPLOAD_RATE = 1 << 2,
	TRANSFER_SERVICE_MAX_ACTIVE_TASKS = 1 << 3,
	TRANSFER_SERVICE_MAX_CONNECTIONS_PER_HOST = 1 << 4,
};

/* A change of state that was broadcast. size tells how much of it the library filled. */
struct transfer_change {
	size_t size;
	const char *object_path;
	uint64_t session_number; /* of the object path; 0: the service itself */
	uint64_t task; /* 0: the session itself */
	bool has_state, has_sub_state, has_service;
	enum transfer_task_state state;
	enum transfer_task_sub_state sub_state;
	const char *session_state; /* of a session; NULL: not told */
	uint32_t n_attempts; /* 0: not told */
	bool is_running; /* with has_service: transferd has appeared (true) or gone (false) */
};

/* Called for each change; everything is borrowed for the call. */
typedef void (*transfer_change_handler)(const struct transfer_change *change, void *userdata);

/**
 * transfer_manager_new - connect to the bus
 *
 * @ret_manager: the manager; untouched on failure
 * @flags:       TRANSFER_CLIENT_SYSTEM and TRANSFER_CLIENT_NO_AUTOSTART
 * @ret_error:   why it failed; NULL: not wanted
 *
 * Returns:  0 or one of the errors above
 * Blocks:   for the handshake with the bus
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC int transfer_manager_new(
	transfer_manager **ret_manager, uint64_t flags, transfer_error **ret_error);

/**
 * transfer_manager_set_timeout - how long later calls wait for an answer
 *
 * @manager:      the manager; borrowed
 * @timeout_usec: microseconds; 0: the default of 25 seconds
 *
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC void transfer_manager_set_timeout(transfer_manager *manager, uint64_t timeout_usec);

/**
 * transfer_manager_set_autostart - whether later calls start transferd when it is not running
 *
 * @manager:   the manager; borrowed
 * @autostart: false: they fail with TRANSFER_BUS_ERROR_NOT_RUNNING
 *
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC void transfer_manager_set_autostart(transfer_manager *manager, bool autostart);

/**
 * transfer_manager_is_running - tell whether transferd runs, without starting it
 *
 * @manager:   the manager; borrowed
 * @ret_error: why it failed; NULL: not wanted
 *
 * Returns:  1: it runs, 0: it does not, or one of the errors above
 * Blocks:   for one answer of the bus
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC int transfer_manager_is_running(
	transfer_manager *manager, transfer_error **ret_error);

/**
 * transfer_manager_get_service - state and limits of the whole service
 *
 * @manager:   the manager; borrowed
 * @service:   filled in as far as its size says
 * @ret_error: why it failed; NULL: not wanted
 *
 * Returns:  0 or one of the errors above
 * Blocks:   for one answer
 * Thread:   any
 * Since:    0.1
 * Source:   org.transferd.Transfer1.Manager.Mode
 */
TRANSFER_PUBLIC int transfer_manager_get_service(
	transfer_manager *manager, struct transfer_service *service, transfer_error **ret_error);

/**
 * transfer_manager_set_service - change mode and limits of the whole service
 *
 * @manager:   the manager; borrowed
 * @service:   the new values
 * @members:   bits TRANSFER_SERVICE_*: which of them count
 * @ret_error: why it failed; NULL: not wanted
 *
 * Returns:  0 or one of the errors above; earlier members have been changed then
 * Blocks:   for one answer per member
 * Thread:   any
 * Since:    0.1
 * Source:   org.transferd.Transfer1.Manager.MaxDownloadRate
 */
TRANSFER_PUBLIC int transfer_manager_set_service(transfer_manager *manager,
	const struct transfer_service *service, uint32_t members, transfer_error **ret_error);

/**
 * transfer_manager_get_statistics - counters of transferd
 *
 * @manager:        the manager; borrowed
 * @ret_statistics: the counters
 * @ret_error:      why it failed; NULL: not wanted
 *
 * Returns:  0 or one of the errors above
 * Blocks:   for one answer
 * Thread:   any
 * Since:    0.1
 * Source:   org.transferd.Transfer1.Manager.GetStatistics
 */
TRANSFER_PUBLIC int transfer_manager_get_statistics(transfer_manager *manager,
	transfer_statistics **ret_statistics, transfer_error **ret_error);

/**
 * transfer_manager_list_sessions - sessions of the user
 *
 * @manager:   the manager; borrowed
 * @ret_list:  the sessions
 * @ret_error: why it failed; NULL: not wanted
 *
 * Returns:  0 or one of the errors above
 * Blocks:   for one answer
 * Thread:   any
 * Since:    0.1
 * Source:   org.transferd.Transfer1.Manager.ListSessions
 */
TRANSFER_PUBLIC int transfer_manager_list_sessions(
	transfer_manager *manager, transfer_session_list **ret_list, transfer_error **ret_error);

/**
 * transfer_manager_open_session - make sure that a background session exists, without attaching to it
 *
 * @manager:   the manager; borrowed
 * @config:    its configuration; one that exists keeps its own
 * @ret_error: why it failed; NULL: not wanted
 *
 * Returns:  1: it was made, 0: it was there, or one of the errors above
 * Blocks:   for one answer
 * Thread:   any
 * Since:    0.1
 * Source:   org.transferd.Transfer1.Manager.OpenSession
 */
TRANSFER_PUBLIC int transfer_manager_open_session(
	transfer_manager *manager, const transfer_config *config, transfer_error **ret_error);

/**
 * transfer_manager_invalidate_session - end a session
 *
 * @manager:    the manager; borrowed
 * @identifier: its name, or its object path
 * @cancel:     cancel its tasks; false: let them finish first
 * @ret_error:  why it failed; NULL: not wanted
 *
 * Returns:  0 or one of the errors above; TRANSFER_BUS_ERROR_NO_SUCH_SESSION is -ENOENT
 * Blocks:   for two answers
 * Thread:   any
 * Since:    0.1
 * Source:   org.transferd.Transfer1.Session.InvalidateAndCancel
 */
TRANSFER_PUBLIC int transfer_manager_invalidate_session(
	transfer_manager *manager, const char *identifier, bool cancel, transfer_error **ret_error);

/**
 * transfer_manager_quit_application - end all work of an application, as a force quit does
 *
 * @manager:     the manager; borrowed
 * @app_id:      id of the application
 * @ret_n_tasks: tasks that were not completed; NULL: not wanted
 * @ret_error:   why it failed; NULL: not wanted
 *
 * Every task of its sessions ends with TRANSFER_ERROR_CANCELLED and TRANSFER_CANCELLED_BY_USER; what can be resumed
 * is kept. The application hears of it when it attaches next. Its sessions stay.
 *
 * Returns:  0 or one of the errors above; TRANSFER_BUS_ERROR_NO_SUCH_SESSION is -ENOENT
 * Blocks:   for an answer
 * Thread:   any
 * Since:    0.1
 * Source:   org.transferd.Transfer1.Manager.QuitApplication
 */
TRANSFER_PUBLIC int transfer_manager_quit_application(transfer_manager *manager, const char *app_id,
	uint64_t *ret_n_tasks, transfer_error **ret_error);

/**
 * transfer_manager_flush_session - let new requests of a session use new connections
 *
 * @manager:    the manager; borrowed
 * @identifier: its name, or its object path
 * @ret_error:  why it failed; NULL: not wanted
 *
 * Returns:  0 or one of the errors above; TRANSFER_BUS_ERROR_NO_SUCH_SESSION is -ENOENT
 * Blocks:   for two answers
 * Thread:   any
 * Since:    0.1
 * Source:   org.transferd.Transfer1.Session.Flush
 */
TRANSFER_PUBLIC int transfer_manager_flush_session(
	transfer_manager *manager, const char *identifier, transfer_error **ret_error);

/**
 * transfer_manager_reset_session - forget what a session stored for servers
 *
 * @manager:    the manager; borrowed
 * @identifier: its name, or its object path
 * @ret_error:  why it failed; NULL: not wanted
 *
 * Returns:  0 or one of the errors above; TRANSFER_BUS_ERROR_NO_SUCH_SESSION is -ENOENT
 * Blocks:   for two answers
 * Thread:   any
 * Since:    0.1
 * Source:   org.transferd.Transfer1.Session.Reset
 */
TRANSFER_PUBLIC int transfer_manager_reset_session(
	transfer_manager *manager, const char *identifier, transfer_error **ret_error);

/**
 * transfer_manager_list_cookies - what is in the cookie store of a session
 *
 * @manager:    the manager; borrowed
 * @identifier: its name, or its object path
 * @ret_list:   the cookies, the oldest first; to be released; untouched on failure
 * @ret_error:  why it failed; NULL: not wanted
 *
 * Their values are secrets. Other sessions of the application may share the store.
 *
 * Returns:  0 or one of the errors above; TRANSFER_BUS_ERROR_NO_SUCH_SESSION is -ENOENT
 * Blocks:   for two answers, and one more for each 1000 cookies
 * Thread:   any
 * Since:    0.1
 * Source:   org.transferd.Transfer1.Session.ListCookies
 */
TRANSFER_PUBLIC int transfer_manager_list_cookies(transfer_manager *manager, const char *identifier,
	transfer_cookie_list **ret_list, transfer_error **ret_error);

/**
 * transfer_manager_set_cookies - put cookies into the store of a session, all or none
 *
 * @manager:    the manager; borrowed
 * @identifier: its name, or its object path
 * @cookies:    with their size set; a first dot in a domain means that sub-domains get it, too, whatever
 *              is_host_only says; one whose time is over removes the one that is there; created_wall_usec
 *              is not read
 * @n_cookies:  at most 1000
 * @ret_error:  why it failed; NULL: not wanted
 *
 * Returns:  0 or one of the errors above; TRANSFER_BUS_ERROR_NO_SUCH_SESSION is -ENOENT
 * Blocks:   for two answers
 * Thread:   any
 * Since:    0.1
 * Source:   NSHTTPCookieStorage.setCookie:
 */
TRANSFER_PUBLIC int transfer_manager_set_cookies(transfer_manager *manager, const char *identifier,
	const struct transfer_cookie *cookies, size_t n_cookies, transfer_error **ret_error);

/**
 * transfer_manager_clear_cookies - empty the cookie store of a session
 *
 * @manager:    the manager; borrowed
 * @identifier: its name, or its object path
 * @ret_error:  why it failed; NULL: not wanted
 *
 * Returns:  0 or one of the errors above; TRANSFER_BUS_ERROR_NO_SUCH_SESSION is -ENOENT
 * Blocks:   for two answers
 * Thread:   any
 * Since:    0.1
 * Source:   NSHTTPCookieStorage.removeCookiesSinceDate:
 */
TRANSFER_PUBLIC int transfer_manager_clear_cookies(
	transfer_manager *manager, const char *identifier, transfer_error **ret_error);

/* What to make. Set size to sizeof(struct transfer_batch). */
struct transfer_batch {
	size_t size;
	const char *session; /* identifier or object path of a session that exists */
	const struct transfer_task_spec *specs; /* n_specs of them, next to each other */
	size_t n_specs;
	bool start; /* resumed at once; else suspended */
	const char *
		token; /* at most 100 bytes; a batch repeated with the same token is made once; NULL: one of its own */
};

/**
 * transfer_manager_create_tasks - make tasks and return when they are durable
 *
 * @manager:   the manager; borrowed
 * @batch:     the tasks
 * @ids:       room for n_specs numbers, in the order of the specs
 * @ret_n_ids: how many were made; told on failure, too
 * @ret_error: why it failed; its failing URL tells which task, when transferd named it; NULL: not
 *             wanted
 *
 * Downloads are made in steps of TRANSFER_MANAGER_MAX_TASKS, all or none per step; uploads need a
 * descriptor each and are made in steps of 16. What is made is the beginning of the batch.
 *
 * Returns:  0 or one of the errors above; TRANSFER_BUS_ERROR_NO_SUCH_SESSION is -ENOENT
 * Blocks:   for one answer per step
 * Thread:   any
 * Since:    0.1
 * Source:   org.transferd.Transfer1.Session.CreateTasks
 */
TRANSFER_PUBLIC int transfer_manager_create_tasks(transfer_manager *manager,
	const struct transfer_batch *batch, uint64_t *ids, size_t *ret_n_ids,
	transfer_error **ret_error);

/**
 * transfer_manager_list_tasks - one page of tasks
 *
 * @manager:   the manager; borrowed
 * @filter:    which; NULL: all that have not ended
 * @cursor:    NULL for the first page, then that of the page before
 * @ret_list:  at most TRANSFER_MANAGER_MAX_TASKS tasks
 * @ret_error: why it failed; NULL: not wanted
 *
 * Returns:  0 or one of the errors above; TRANSFER_BUS_ERROR_STALE_CURSOR is -ESTALE
 * Blocks:   for one answer
 * Thread:   any
 * Since:    0.1
 * Source:   org.transferd.Transfer1.Manager.ListTasks
 */
TRANSFER_PUBLIC int transfer_manager_list_tasks(transfer_manager *manager,
	const struct transfer_task_filter *filter, const char *cursor,
	transfer_task_list **ret_list, transfer_error **ret_error);

/**
 * transfer_manager_steer - resume, suspend, cancel, retry or forget tasks
 *
 * @manager:      the manager; borrowed
 * @steering:     what to do with which
 * @ret_failures: tasks for which it could not be done; NULL: not wanted
 * @ret_error:    why the whole call failed; NULL: not wanted
 *
 * Returns:  0: done, but for the failures; or one of the errors above
 * Blocks:   for one answer per 1000 tasks
 * Thread:   any
 * Since:    0.1
 * Source:   org.transferd.Transfer1.Manager.CancelTasks
 */
TRANSFER_PUBLIC int transfer_manager_steer(transfer_manager *manager,
	const struct transfer_steering *steering, transfer_failure_list **ret_failures,
	transfer_error **ret_error);

/**
 * transfer_manager_set_tasks - change priority, description, speed or date of tasks
 *
 * @manager:      the manager; borrowed
 * @changes:      what, and of which tasks
 * @ret_failures: tasks for which it could not be done; NULL: not wanted
 * @ret_error:    why the whole call failed; NULL: not wanted
 *
 * Returns:  0: done, but for the failures; or one of the errors above
 * Blocks:   for one answer per 1000 tasks
 * Thread:   any
 * Since:    0.1
 * Source:   org.transferd.Transfer1.Manager.SetTasks
 */
TRANSFER_PUBLIC int transfer_manager_set_tasks(transfer_manager *manager,
	const struct transfer_task_changes *changes, transfer_failure_list **ret_failures,
	transfer_error **ret_error);

/**
 * transfer_manager_cancel_producing_resume_data - cancel a download so that another task can go on from its bytes
 *
 * @manager:         the manager; borrowed
 * @id:              number of the task
 * @ret_resume_data: the data
 * @ret_error:       why it failed; NULL: not wanted
 *
 * Returns:  0 or one of the errors above; TRANSFER_BUS_ERROR_NO_SUCH_TASK is -ENOENT, TRANSFER_BUS_ERROR_NO_RESUME_DATA -ENODATA
 * Blocks:   for two answers
 * Thread:   any
 * Since:    0.1
 * Source:   org.transferd.Transfer1.Task.CancelProducingResumeData
 */
TRANSFER_PUBLIC int transfer_manager_cancel_producing_resume_data(transfer_manager *manager,
	uint64_t id, transfer_data **ret_resume_data, transfer_error **ret_error);

/**
 * transfer_manager_get_progress - counters that changed
 *
 * @manager:   the manager; borrowed
 * @filter:    of which tasks; NULL: all that have not ended
 * @since:     generation of the list before; 0: all rows
 * @ret_list:  the rows
 * @ret_error: why it failed; NULL: not wanted
 *
 * Returns:  0 or one of the errors above
 * Blocks:   for one answer
 * Thread:   any
 * Since:    0.1
 * Source:   org.transferd.Transfer1.Manager.GetProgress
 */
TRANSFER_PUBLIC int transfer_manager_get_progress(transfer_manager *manager,
	const struct transfer_task_filter *filter, uint64_t since,
	transfer_progress_list **ret_list, transfer_error **ret_error);

/**
 * transfer_manager_peek_events - read events of a session that wait for their delegate, without taking them
 *
 * @manager:    the manager; borrowed
 * @identifier: name of the session
 * @after_seq:  where to begin; 0: with the oldest
 * @ret_list:   at most 256 events
 * @ret_error:  why it failed; NULL: not wanted
 *
 * Returns:  0 or one of the errors above; TRANSFER_BUS_ERROR_NO_SUCH_SESSION is -ENOENT
 * Blocks:   for two answers
 * Thread:   any
 * Since:    0.1
 * Source:   org.transferd.Transfer1.Manager.PeekEvents
 */
TRANSFER_PUBLIC int transfer_manager_peek_events(transfer_manager *manager, const char *identifier,
	uint64_t after_seq, transfer_event_list **ret_list, transfer_error **ret_error);

/**
 * transfer_manager_watch - begin to hear changes of state of all tasks and sessions of the user
 *
 * @manager:   the manager; borrowed
 * @handler:   called inside transfer_manager_dispatch(); NULL ends it
 * @userdata:  handed to handler
 * @ret_error: why it failed; NULL: not wanted
 *
 * Returns:  0 or one of the errors above
 * Blocks:   for one answer of the bus
 * Thread:   any
 * Since:    0.1
 * Source:   org.transferd.Transfer1.Task.SubState
 */
TRANSFER_PUBLIC int transfer_manager_watch(transfer_manager *manager,
	transfer_change_handler handler, void *userdata, transfer_error **ret_error);

/**
 * transfer_manager_get_fd - descriptor that is readable when transfer_manager_dispatch() has something to do
 *
 * @manager: the manager; borrowed
 *
 * Returns:  the descriptor; the manager keeps it
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC int transfer_manager_get_fd(transfer_manager *manager);

/**
 * transfer_manager_dispatch - take in what has arrived and call the handler of changes
 *
 * @manager:    the manager; borrowed
 * @timeout_ms: how long to wait for something; 0: not at all; -1: no limit
 *
 * Returns:  number of changes told, 0 included; or
 *           -ENOTCONN  the bus has gone
 *           -EINTR     a signal arrived while nothing was to do
 *           -ECHILD    the process was forked after the manager was made
 * Blocks:   up to the timeout
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC int transfer_manager_dispatch(transfer_manager *manager, int timeout_ms);

/* ---- words ---- */

/**
 * transfer_task_kind_get_name - word for a kind of task
 *
 * @kind: the kind
 *
 * Returns:  such as "download", or NULL: no such kind
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC const char *transfer_task_kind_get_name(enum transfer_task_kind kind);

/**
 * transfer_task_state_get_name - word for a state of a task
 *
 * @state: the state
 *
 * Returns:  such as "running", or NULL: no such state
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC const char *transfer_task_state_get_name(enum transfer_task_state state);

/**
 * transfer_task_sub_state_get_name - word for what a task does or waits for
 *
 * @sub_state: the sub-state
 *
 * Returns:  such as "waiting-retry", or NULL: no such sub-state
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC const char *transfer_task_sub_state_get_name(
	enum transfer_task_sub_state sub_state);

/**
 * transfer_cookie_same_site_get_name - word for what a cookie's SameSite said
 *
 * @same_site: what it said
 *
 * Returns:  such as "lax"; "" when it said nothing; or NULL: no such number
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC const char *transfer_cookie_same_site_get_name(
	enum transfer_cookie_same_site same_site);

/**
 * transfer_session_kind_get_name - word for a kind of session
 *
 * @kind: the kind
 *
 * Returns:  such as "background", or NULL: no such kind
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC const char *transfer_session_kind_get_name(enum transfer_session_kind kind);

/**
 * transfer_session_state_get_name - word for a state of a session
 *
 * @state: the state
 *
 * Returns:  such as "finishing", or NULL: no such state
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC const char *transfer_session_state_get_name(enum transfer_session_state state);

#ifdef __cplusplus
}
#endif
#endif
