/* SPDX-License-Identifier: MIT */
/*
 * C structs to D-Bus values and back, driven by tables that tools/ipcgen.py makes from the XML. One encoder and one decoder
 * for every method, signal and property. Private to ipc.
 */
#ifndef IPC_CODEC_H
#define IPC_CODEC_H

#include <stdbool.h>
#include <stdint.h>

struct wire_iter;
struct wire_reader;
struct wire_writer;

enum codec_kind {
	CODEC_U64, /* t: uint64_t */
	CODEC_I64, /* x: int64_t */
	CODEC_U32, /* u: uint32_t */
	CODEC_I32, /* i: int32_t */
	CODEC_BOOL, /* b: bool */
	CODEC_DOUBLE, /* d: double */
	CODEC_STRING, /* s: const char * */
	CODEC_PATH, /* o: struct ipc_path */
	CODEC_FD, /* h: int */
	CODEC_BYTES, /* ay: const uint8_t *, n */
	CODEC_STRINGS, /* as: const char *const *, n */
	CODEC_NUMBERS, /* at: const uint64_t *, n */
	CODEC_FDS, /* ah: const int *, n */
	CODEC_STRUCT, /* (…): struct by value */
	CODEC_DICT, /* a{sv}: struct by value */
	CODEC_DICT_REF, /* a{sv}: pointer to struct */
	CODEC_STRUCTS, /* a(…): pointer, n */
	CODEC_DICTS, /* aa{sv}: pointer, n */
	CODEC_N_KINDS,
};

#define CODEC_NO_MARK UINT16_MAX

struct codec_field {
	const char *name; /* of the argument or key */
	const char *signature;
	const struct codec_type *type; /* from CODEC_STRUCT on */
	uint32_t
		max; /* bytes of a string or byte array, rows of another array; 0: none of its own */
	uint16_t offset; /* of the value in its struct */
	uint16_t mark_offset; /* of has_… or n_…, or CODEC_NO_MARK */
	enum codec_kind kind;
};

/* An argument list, a struct or a dictionary. At most 64 fields. */
struct codec_type {
	const char *name;
	const struct codec_field *fields;
	/* Dictionaries: field number + 1 at codec_hash(), found without comparing keys one by one. */
	const uint8_t *index;
	uint32_t hash_factor, index_mask;
	uint32_t size_bytes;
	uint16_t n_fields;
	bool all; /* dictionaries: every field is sent (properties) */
};

/* All return as wire_append…() and wire_read…() do. */
int codec_append_args(struct wire_writer *w, struct wire_iter *it, const struct codec_type *type,
	const void *args);
int codec_append_field(struct wire_writer *w, struct wire_iter *it, const struct codec_field *field,
	const void *owner);
/* The field as a variant: Properties.Get. */
int codec_append_variant(struct wire_writer *w, struct wire_iter *it,
	const struct codec_field *field, const void *owner);
/* mask: bits of the fields that may be sent. */
int codec_append_dict(struct wire_writer *w, struct wire_iter *it, const struct codec_type *type,
	const void *dict, uint64_t mask);

int codec_read_args(
	struct wire_reader *rd, struct wire_iter *it, const struct codec_type *type, void *args);
/* The value under the iterator, whose type was checked. */
int codec_read_field(
	struct wire_reader *rd, struct wire_iter *it, const struct codec_field *field, void *owner);
/* A variant that must hold the field's type. */
int codec_read_variant(
	struct wire_reader *rd, struct wire_iter *it, const struct codec_field *field, void *owner);
/* *ret_seen: bits of the fields that were there; may be NULL. */
int codec_read_dict(struct wire_reader *rd, struct wire_iter *it, const struct codec_type *type,
	void *dict, uint64_t *ret_seen);

/* Number of the field, or -1. */
int codec_find(const struct codec_type *type, const char *name);

#endif
