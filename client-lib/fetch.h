/* SPDX-License-Identifier: MIT */
/*
 * Readers of answers inside the library: what happens to their task goes to them and not to the line, so no application
 * code runs for it and no queue has to be served. All with the client's lock held.
 */
#ifndef CLIENT_LIB_FETCH_H
#define CLIENT_LIB_FETCH_H

#include <stdbool.h>

#include <transfer/fetch.h>

struct delivery;

/* What the reader wants of it is taken out; the rest goes where nobody is called. */
void fetch_take_response(transfer_reader *reader, const struct delivery *delivery);
/* false: no memory. */
bool fetch_take_data(transfer_reader *reader, struct delivery *delivery);
void fetch_take_end(transfer_reader *reader, const struct delivery *end);
/* The task is freed. Without the lock. */
void fetch_let_go(transfer_reader *reader);

#endif
