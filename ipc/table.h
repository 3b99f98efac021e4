/* SPDX-License-Identifier: MIT */
/* What tools/ipcgen.py knows about every interface, as data; defined in the generated proto.c. Private to ipc. */
#ifndef IPC_TABLE_H
#define IPC_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipc/types.h"

struct codec_type;
struct ipc_call;

struct table_method {
	const char *interface, *name;
	const char *in_signature, *out_signature;
	const struct codec_type *in, *out; /* NULL: no arguments */
	const uint8_t *errors; /* declared enum ipc_e, ends with 0 */
	enum ipc_access access;
	uint16_t ops_offset; /* of the handler in the ops struct */
	int (*invoke)(
		const void *ops, struct ipc_call *call, void *user, const void *in, void *out);
};

enum table_emits {
	TABLE_EMITS_VALUE,
	TABLE_EMITS_NAME, /* invalidates */
	TABLE_EMITS_NOTHING,
};

/* Same number as its field in the properties type. */
struct table_property {
	enum table_emits emits;
	enum ipc_access access; /* for writing */
	uint16_t ops_offset; /* of the setter; 0: read-only */
	int (*set)(const void *ops, struct ipc_call *call, void *user, const void *properties);
};

struct table_get {
	struct ipc_path path;
	uint64_t wanted;
	void *ret;
};

struct table_interface {
	const char *name;
	const char *xml; /* introspection, comments removed */
	const struct table_method *methods;
	const struct table_property *properties;
	const struct codec_type *properties_type; /* NULL: none */
	int (*get)(const void *ops, struct ipc_call *call, void *user, const struct table_get *get);
	enum ipc_access access; /* for reading properties */
	uint16_t n_methods;
	uint16_t get_offset;
};

extern const struct table_interface ipc_table_manager;
extern const struct table_interface ipc_table_session;
extern const struct table_interface ipc_table_task;
extern const struct table_interface ipc_table_log_control1;

/* A delegate signal: its arguments after seq and task are fields of EventArgs. */
#define TABLE_EVENT_REST (-1)
struct table_event {
	const char *name;
	const char *signature;
	int8_t fields
		[6]; /* numbers in EventArgs; TABLE_EVENT_REST: all the others, as a dictionary */
	uint8_t n_fields;
	uint64_t rest_mask; /* fields without an argument of their own */
};

extern const struct table_event ipc_table_events[];
extern const size_t ipc_table_n_events;
extern const struct codec_type ipc_type_event;
extern const struct codec_type ipc_type_event_args;
extern const struct codec_type ipc_type_session_events; /* the arguments of Events */
extern const struct codec_type ipc_type_session_events_file;
extern const struct codec_type ipc_type_session_create_tasks_in;

#endif
