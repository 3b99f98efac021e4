/* SPDX-License-Identifier: MIT */
/*
 * A session's way onto the bus and back: open, attach, read what is unknown, acknowledge, attach again after transferd
 * went away, detach. I/O context only, with the client's lock held unless said otherwise.
 */
#ifndef CLIENT_LIB_WIRE_H
#define CLIENT_LIB_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include <transfer/session.h>

struct ipc_manager_list_tasks_out;
struct ipc_task_filter;

#define WIRE_WINDOW      256 /* events in flight */
#define WIRE_MAX_SIGNALS 16

/* Does what is due. */
void wire_pump(transfer_session *session);
/* The service's owner changed; owner NULL: it went away. */
void wire_owner_changed(transfer_session *session, const char *owner);
/* The bus is gone. */
void wire_lost(transfer_session *session);
/*
 * A call failed with r because nobody answered, or nothing could be saved: attach again, which has to be saved, too, then
 * repeat it.
 */
bool wire_is_worth_repeating(int r);
void wire_reopen(transfer_session *session);
/* For live sessions, which open when they have to: opens; acknowledges what was delivered. */
void wire_start(transfer_session *session);
void wire_acknowledge(transfer_session *session);

/* Keys of a task that this library reads. */
void wire_set_fields(struct ipc_task_filter *filter);

#endif
