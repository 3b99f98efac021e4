/* SPDX-License-Identifier: MIT */
/*
 * What every system test stands on: a temporary folder, a private bus that starts the built
 * transferd, and the scripted origin; and the application's side: a client with one background
 * session that writes down what its delegate is told.
 *
 * Everything here fails the test itself when it does not work.
 */
#ifndef TESTS_SYSTEM_RIG_H
#define TESTS_SYSTEM_RIG_H

#include <stdbool.h>
#include <stdint.h>
#include <transfer/manager.h>
#include <transfer/transfer.h>

#include "tests/lib/bus.h"
#include "tests/lib/origin.h"
#include "tests/lib/proc.h"
#include "tests/lib/tmpdir.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#	define RIG_DEADLINE_MS 60000
#else
#	define RIG_DEADLINE_MS 20000
#endif

struct rig {
	const char *folder;
	struct bus *bus;
	struct origin *origin;
};

void rig_new(struct rig *rig);
void rig_new_tls(struct rig *rig, enum origin_tls tls);
void rig_done(struct rig *rig);
/* SIGKILL to the daemon, and have the bus start it again */
void rig_restart_daemon(struct rig *rig);
/*
 * Runs FN in a process of its own, as an application would be. It ends when FN returns; the parent may kill it.
 * Must be called before this process opens an app. FN must not touch rig->bus or rig->origin.
 */
pid_t rig_fork(struct rig *rig, void (*fn)(struct rig *rig, void *user), void *user);
/* waits for the end of that process; its exit code, or minus the signal */
int rig_join(pid_t pid);
/* how much the daemon's log says this; for secrets and crashes */
unsigned rig_log_count(struct rig *rig, const char *text);
/* resident memory; PID 0: of this process */
long rig_rss_kib(pid_t pid);
/* The daemon comes to rest: for longer than a second none of its threads wakes up. */
void rig_check_rest(struct rig *rig);
/* runs transferctl; the exit code; ret_output: to be freed; NULL: not wanted */
int rig_ctl(struct rig *rig, char **ret_output, const char *const *arguments);
#define RIG_CTL(rig, ret_output, ...) \
	rig_ctl((rig), (ret_output), (const char *const[]){ __VA_ARGS__, NULL })

/* Cookie of the n-th request whose target begins with that; "": it had none. Until the next call. */
const char *rig_cookies_sent(struct rig *rig, const char *prefix, unsigned n);
/* "name=value;" of all that the application has. Until the next call. */
const char *rig_cookies_stored(transfer_manager *manager, const char *app_id);

/* Asks transferctl until its list has the text so many times. */
void rig_wait_listed(struct rig *rig, const char *text, unsigned n);

/* ---- an application ---- */
struct app;

struct app_config {
	const char *identifier; /* NULL: "test" */
	const char *app_id; /* NULL: "org.example.Test" */
	const char *base; /* NULL: the origin's; for apps in processes of their own */
	bool secure; /* plain http is not allowed */
	bool lazy; /* leave finished files where they are */
	void (*tune)(transfer_config *config); /* NULL: nothing */
	/* called inside each callback, after it was written down; id 0: the session; NULL: nothing */
	void (*on_event)(struct app *app, uint64_t id, const char *what, void *user);
	/* the answer to a question before a delayed request; NULL: the delegate does not have the method */
	void (*on_delayed)(
		struct app *app, transfer_task *task, transfer_delayed_request *answer, void *user);
	void *user;
};

struct app *app_open(struct rig *rig, const struct app_config *config);
/* 0, or what transfer_session_new() returned; no app then */
int app_try_open(struct rig *rig, const struct app_config *config, struct app **ret_app,
	transfer_error **ret_error);
/* drops session and client, as the end of the program would */
struct app *app_close(struct app *app);
transfer_session *app_session(struct app *app);
transfer_client *app_client(struct app *app);
const char *app_base(struct app *app);

/* A request for BASE + TARGET (or an absolute URL). */
transfer_request *app_request(struct app *app, const char *target);
/* Makes a task and resumes it; it is durable when this returns. Borrowed: it lives as long as the app. */
transfer_task *app_download(struct app *app, const char *target);
transfer_task *app_start(struct app *app, transfer_request *request_take);
transfer_task *app_make(struct app *app, transfer_request *request_take);
transfer_task *app_upload(
	struct app *app, const char *method, const char *target, const char *path);
/* the same, suspended */
transfer_task *app_make_upload(struct app *app, transfer_request *request_take, const char *path);
void app_flush(struct app *app);
/* waits until every callback so far has returned and its acknowledgement is with the daemon */
void app_settle(struct app *app);

/* Waits for the end of the task: its error code, 0 for none. */
int app_wait(struct app *app, transfer_task *task);
int app_wait_id(struct app *app, uint64_t id);
/* 0: that has been told (N times); -ETIMEDOUT. id 0: about the session. */
int app_wait_event(struct app *app, uint64_t id, const char *what, unsigned n, unsigned timeout_ms);
bool app_wait_invalid(struct app *app);
bool app_wait_caught_up(struct app *app);

/*
 * What was told about a task, in order: "asked", "resume:OFFSET:TOTAL", "file", "data:BYTES", "done:CODE".
 * Progress and metrics are left out; that they do not come after the end is checked at each event.
 * The string is the app's.
 */
const char *app_events(struct app *app, uint64_t id);
const char *app_task_events(struct app *app, const transfer_task *task);
#define APP_EVENTS(app, task) app_task_events((app), (task))
/* the newest progress that was told: total and expected bytes; false: none was */
bool app_progress(struct app *app, uint64_t id, int64_t *ret_total, int64_t *ret_expected);
/* Waits until the daemon has as many bytes: what an origin has sent may still be on its way. */
void app_wait_bytes(struct app *app, const transfer_task *task, int64_t n_bytes);
/* where the finished file of the task was moved to by the callback (or left, lazy); NULL: no file */
const char *app_file(struct app *app, uint64_t id);
/* all data of the answer, with a zero behind it; "": none */
const char *app_data(struct app *app, uint64_t id);
/* ids of the tasks that getTasks lists; the number of them */
unsigned app_tasks(struct app *app, uint64_t *ids, unsigned room);
transfer_task *app_find_task(struct app *app, uint64_t id);
int app_status(transfer_task *task);

/* The whole check of a good download: events, status, content. */
void app_check_download(struct app *app, transfer_task *task, const char *events, uint64_t seed,
	uint64_t size_bytes);
/* The whole check of a failed one: the code, "done:CODE" only, no file. */
void app_check_failed(struct app *app, transfer_task *task, int code);

#endif
