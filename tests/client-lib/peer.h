/* SPDX-License-Identifier: MIT */
/*
 * The other end for tests of libtransfer: a real connection with the real dispatcher, whose tasks "run" when the test says
 * so. Its state outlives peer_restart(), as a database would; replies on their way do not. It knows session 7.
 */
#ifndef TESTS_CLIENT_LIB_PEER_H
#define TESTS_CLIENT_LIB_PEER_H

#include <stdbool.h>
#include <stdint.h>

struct bus;
struct peer;

/* Starts a private bus (without activation) and serves on it. */
struct peer *peer_new(void);
struct peer *peer_free(struct peer *p);
struct bus *peer_bus(struct peer *p);

/* Leaves the bus without a word and comes back. */
void peer_restart(struct peer *p);
/* The two halves of it. */
void peer_stop(struct peer *p);
void peer_start(struct peer *p);
/* The next calls of CreateTasks, or acknowledgements, are carried out but not answered. */
void peer_swallow_create(struct peer *p, unsigned int n);
void peer_swallow_acknowledge(struct peer *p, unsigned int n);
/* OpenSession, Attach fails with this error of ipc; 0: works. */
void peer_fail_open(struct peer *p, int error);
void peer_fail_attach(struct peer *p, int error);
/* The next Attach, the next Acknowledge and the next verb on tasks fail with this. */
void peer_fail_once(struct peer *p, int error);
/* Resumed downloads finish at once: progress, file, completion. */
void peer_finish_by_itself(struct peer *p, bool finish);
/* Forgets the session and its tasks. */
void peer_forget(struct peer *p);

/* ---- events; those with a file make it, with the content "task ID\n" ---- */
void peer_write(struct peer *p, uint64_t task, uint64_t bytes, uint64_t total);
void peer_finish(struct peer *p, uint64_t task);
void peer_body(struct peer *p, uint64_t task, const char *text, bool in_file);
/* code 0: success */
void peer_complete(struct peer *p, uint64_t task, int code);
void peer_invalidate(struct peer *p);
/* A question about the task that stays open until it is answered or taken back. */
void peer_ask(struct peer *p, uint64_t task, uint64_t question);
void peer_withdraw(struct peer *p);
/* The next answer fails with this error of ipc; is carried out but not replied to. */
void peer_fail_answer(struct peer *p, int error);
void peer_swallow_answer(struct peer *p);
/* Waits until so many answers came: "QUESTION ACTION URL" of each, a line each; borrowed. */
const char *peer_answers(struct peer *p, unsigned int n);
/* A task that another program made, with description "old". Its number. */
uint64_t peer_add_task(struct peer *p, const char *url);
/* PropertiesChanged: this task now transfers. */
void peer_tell_state(struct peer *p, uint64_t task);

/* ---- what was asked ---- */
unsigned int peer_n_tasks(struct peer *p);
unsigned int peer_n_create_calls(struct peer *p);
unsigned int peer_n_file_calls(struct peer *p); /* of them: past the bus */
unsigned int peer_n_attached(struct peer *p);
uint64_t peer_acked(struct peer *p);
bool peer_is_attached(struct peer *p);
bool peer_is_suspended(struct peer *p, uint64_t task);
bool peer_is_cancelled(struct peer *p, uint64_t task);
double peer_priority(struct peer *p, uint64_t task);
/* "kind url description destination headers source" of a task; borrowed until the next call */
const char *peer_describe(struct peer *p, uint64_t task);
const char *peer_session_description(struct peer *p);
/* "name=value@domain/path same-site expires;" of each cookie last set */
const char *peer_cookies(struct peer *p);
/* Waits until it is true; false: ten seconds were not enough. */
bool peer_wait(struct peer *p, bool (*done)(struct peer *p, uint64_t arg), uint64_t arg);
bool peer_has_created(struct peer *p, uint64_t n_calls);
bool peer_has_acked(struct peer *p, uint64_t seq);
bool peer_has_detached(struct peer *p, uint64_t ignored);

#endif
