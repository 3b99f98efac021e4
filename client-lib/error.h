/* SPDX-License-Identifier: MIT */
/*
 * How error objects are made. Making one cannot fail: when memory is short, the caller gets an object that says so and
 * is never freed. Every function here gives a reference that the caller owns.
 */
#ifndef CLIENT_LIB_ERROR_H
#define CLIENT_LIB_ERROR_H

#include <stdbool.h>

#include <transfer/object.h>

struct ipc_error;
struct ipc_exchange;

struct error_init {
	enum transfer_error_domain domain;
	int code;
	const char *message; /* NULL: the usual text of the code */
	const char *hint; /* NULL: the usual hint of the code */
	const char *failing_url;
	const char *bus_name;
	transfer_data *resume_data; /* taken */
	transfer_error *underlying; /* taken */
	bool has_cancelled_reason;
	int cancelled_reason;
	bool has_unavailable_reason;
	int unavailable_reason;
};

transfer_error *error_new(const struct error_init *init);
/* @error_no: positive or negative errno */
transfer_error *error_new_errno(int error_no, const char *message);
transfer_error *error_new_url(enum transfer_error_code code, const char *failing_url);
transfer_error *error_new_bus(enum transfer_bus_error code);
/* What a call of ipc returned (IPC_E_… or -errno; not 0) and its text. */
transfer_error *error_new_ipc(int r, const char *bus_name, const char *text);
/* What transferd tells about a failed task; NULL in: NULL out. */
transfer_error *error_new_task(const struct ipc_error *error);

/* The negative errno with which a public function reports the result r of a call of ipc. */
int error_to_errno(int r);
/* Stores the error (taken) if it is wanted, and returns r: for `return error_give(…)`. */
int error_give(int r, transfer_error *error, transfer_error **ret_error);
/* error_new_ipc() and error_to_errno() in one. r 0 stores nothing. */
int error_give_ipc(int r, const struct ipc_exchange *exchange, transfer_error **ret_error);

#endif
