/* SPDX-License-Identifier: MIT */
/* The watches and timeouts of one DBusConnection, folded into one descriptor. Private to ipc. */
#ifndef IPC_LOOP_H
#define IPC_LOOP_H

#include <dbus/dbus.h>

struct loop;

int loop_new(struct loop **ret_loop);
/* The connection is closed or attached elsewhere. NULL is fine. */
void loop_free(struct loop *loop);
int loop_attach(struct loop *loop, DBusConnection *connection);
void loop_detach(struct loop *loop, DBusConnection *connection);

/* Readable: watches are ready, a timeout is due, or loop_poke() was called. */
int loop_fd(const struct loop *loop);
/* Makes it readable. Any thread. */
void loop_poke(struct loop *loop);
/*
 * Lets libdbus read, write and expire, a little at a time; messages stay queued for dbus_connection_dispatch().
 * How many descriptors had something to do, or -errno.
 */
int loop_process(struct loop *loop);

#endif
