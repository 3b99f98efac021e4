/* SPDX-License-Identifier: MIT */
/* How far a task is, for who asked for its meter. It is a part of the task: its references are the task's. */
#ifndef CLIENT_LIB_METER_H
#define CLIENT_LIB_METER_H

#include <stdbool.h>

#include <transfer/meter.h>

struct delivery;

/* TRANSFER_TASK_CHANGED_… of its task; puts what is to be told into the line. NULL is fine. With the lock held. */
void meter_changed(transfer_meter *meter, unsigned int changes);
/* The delivery leaves the line. With the lock held, or when nobody else can see it. */
void meter_forget(transfer_meter *meter, const struct delivery *delivery);
/* Calls the observer; false: there is none. */
bool meter_call(transfer_meter *meter);
/* With its task. */
void meter_free(transfer_meter *meter);

#endif
