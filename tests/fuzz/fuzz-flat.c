/* SPDX-License-Identifier: MIT */
/*
 * The bytes of a file that goes past the bus: what is read of them is whole, and becomes the same when it is written and read again.
 * The first line names what they should be.
 */
#include "base/arena.h"
#include "base/buf.h"
#include "ipc/codec.h"
#include "ipc/flat.h"
#include "ipc/wire.h"
#include "tests/fuzz/fuzz.h"
#include "tests/ipc/proto-cases.h"

#define SIGNATURE_MAX_BYTES 256

static const char *signature_of(const struct codec_type *type, char *text)
{
	size_t n = 0;

	if (type->index)
		return "a{sv}";
	for (unsigned i = 0; i < type->n_fields; i++) {
		const char *field = type->fields[i].signature;

		FUZZ_MUST(n + strlen(field) < SIGNATURE_MAX_BYTES);
		memcpy(text + n, field, strlen(field) + 1);
		n += strlen(field);
	}
	return text;
}

static int read_value(struct wire_reader *rd, const uint8_t *bytes, const struct codec_type *type,
	const char *signature, void *value)
{
	struct wire_iter it = { .is_flat = true };

	flat_begin(&it.flat, bytes, signature);
	if (type->index)
		return codec_read_dict(rd, &it, type, value, NULL);
	return codec_read_args(rd, &it, type, value);
}

static int write_value(struct buf *buf, const struct codec_type *type, const void *value)
{
	struct wire_writer w = { .flat = buf };
	struct wire_iter unused;

	if (type->index)
		return codec_append_dict(&w, &unused, type, value, UINT64_MAX);
	return codec_append_args(&w, &unused, type, value);
}

/* Strings are repaired and keys sorted by the first writing, so the second one changes nothing. */
static void write_twice(struct arena *arena, const struct codec_type *type, const char *signature,
	const void *value)
{
	struct buf first = { 0 }, second = { 0 };
	struct wire_fds fds = { .n = 0 }, files = { .n = 0 };
	struct wire_reader rd = {
		.arena = arena, .fds = &fds, .files = &files, .max_bytes = 1 << 24
	};
	void *again = arena_alloc(arena, 1, type->size_bytes);

	FUZZ_MUST(again && write_value(&first, type, value) == 0);
	FUZZ_MUST(flat_check((const uint8_t *)first.bytes, first.size_bytes, signature));
	FUZZ_MUST(read_value(&rd, (const uint8_t *)first.bytes, type, signature, again) == 0);
	FUZZ_MUST(write_value(&second, type, again) == 0);
	FUZZ_MUST(first.size_bytes == second.size_bytes);
	FUZZ_MUST(memcmp(first.bytes, second.bytes, first.size_bytes) == 0);
	buf_done(&first);
	buf_done(&second);
}

/* Events are what there is most of. */
static const struct codec_type *find_type(const char *name)
{
	const struct codec_type *events = NULL;

	for (size_t i = 0; i < sizeof(proto_types) / sizeof(proto_types[0]); i++) {
		if (name && strcmp(proto_types[i]->name, name) == 0)
			return proto_types[i];
		if (strcmp(proto_types[i]->name, "Events") == 0)
			events = proto_types[i];
	}
	FUZZ_MUST(events);
	return events;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *name = fuzz_line(&data, &size), text[SIGNATURE_MAX_BYTES];
	const struct codec_type *type = find_type(name);
	const char *signature = signature_of(type, text);
	struct wire_fds fds = { .n = 0 }, files = { .n = 0 };
	struct arena arena = { 0 };
	struct wire_reader rd = { .arena = &arena,
		.fds = &fds,
		.files = &files,
		.max_bytes = 1 << 20,
		.strict = size % 2 };
	void *value = arena_alloc(&arena, 1, type->size_bytes);
	uint8_t *copy = malloc(size ? size : 1); /* aligned */

	FUZZ_MUST(value && copy);
	if (size)
		memcpy(copy, data, size);
	if (flat_check(copy, size, signature) && read_value(&rd, copy, type, signature, value) == 0)
		write_twice(&arena, type, signature, value);
	arena_done(&arena);
	free(copy);
	free(name);
	return 0;
}
