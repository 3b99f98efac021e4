/* SPDX-License-Identifier: MIT */
/* Events from the bus: dropped when they were seen before, held until their task is known, then handed to the delegate's line. */
#ifndef CLIENT_LIB_EVENT_H
#define CLIENT_LIB_EVENT_H

#include <stddef.h>

#include <transfer/session.h>

struct delivery;
struct ipc_event;
struct ipc_signal;
struct ipc_task;

/* One row as a delivery without its task; NULL: out of memory. Descriptors that it needs are taken from the signal. */
struct delivery *event_read(struct ipc_signal *signal, const struct ipc_event *event);
/* What a happening tells about its task. With the client's lock held. */
void event_apply(transfer_task *task, struct delivery *delivery);

/* I/O context, with the client's lock held. */
void event_take_in(transfer_session *session, struct ipc_signal *signal,
	const struct ipc_event *events, size_t n);
/* An answer with the tasks that have not ended (taken): given behind the events that have arrived, and that waited. */
void event_answer_take(transfer_session *session, struct delivery *answer);
/* All that waited was told: delivery (taken) tells so, once per process. */
void event_drain_take(transfer_session *session, struct delivery *delivery);
/*
 * Reads the rows of the tasks that the first attach told, with what it does not tell. From then on they are unfinished
 * here until their end is told, whatever a later list says.
 */
void event_meet(transfer_session *session, const struct ipc_task *tasks, size_t n);
/* Goes on with events that were held. */
void event_pump(transfer_session *session);

#endif
