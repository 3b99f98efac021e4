/* SPDX-License-Identifier: MIT */
/* Every struct of the interface survives the way to a message and back, full, empty and half full; bad input is named. */
#include "ipc/codec.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "ipc/proto.h"
#include "ipc/wire.h"
#include "tests/ipc/proto-cases.h"
#include "tests/lib/run.h"

/* ---- values made from the tables ---- */

struct filler {
	struct arena arena;
	unsigned seed;
	int fd;
	unsigned n_fds;
	int depth;
};

static void fill(struct filler *f, const struct codec_type *type, void *value, unsigned every);

static unsigned next(struct filler *f)
{
	f->seed = f->seed * 1103515245 + 12345;
	return f->seed >> 8;
}

static const char *some_text(struct filler *f)
{
	static const char *const words[] = { "", "x", "https://example.org/a?b=c",
		"gr\xc3\xbc\xc3\x9f" };

	return words[next(f) % 4];
}

static void *some_rows(struct filler *f, const struct codec_field *field, size_t *ret_n)
{
	size_t n = f->depth > 3 ? 0 : next(f) % 3;
	size_t size = field->kind == CODEC_BYTES ? 1
		: field->kind == CODEC_NUMBERS   ? 8
		: field->kind == CODEC_STRINGS   ? sizeof(char *)
		: field->kind == CODEC_FDS       ? sizeof(int)
						 : field->type->size_bytes;
	char *rows = arena_alloc(&f->arena, n + 1, size);

	for (size_t i = 0; i < n; i++) {
		if (field->kind == CODEC_STRINGS)
			((const char **)(void *)rows)[i] = some_text(f);
		else if (field->kind == CODEC_FDS)
			((int *)(void *)rows)[i] = f->fd;
		else if (field->kind == CODEC_STRUCTS || field->kind == CODEC_DICTS)
			fill(f, field->type, rows + i * size, 1);
		else
			memset(rows + i * size, (int)next(f), size);
	}
	*ret_n = n;
	return rows;
}

static void fill_scalar(struct filler *f, const struct codec_field *field, void *slot)
{
	uint64_t bits = (uint64_t)next(f) << 32 | next(f);
	double d = (double)next(f) / 7;

	switch (field->kind) {
	case CODEC_U64:
	case CODEC_I64:
		memcpy(slot, &bits, 8);
		break;
	case CODEC_U32:
	case CODEC_I32:
		memcpy(slot, &bits, 4);
		break;
	case CODEC_BOOL:
		*(bool *)slot = bits & 1;
		break;
	case CODEC_DOUBLE:
		memcpy(slot, &d, sizeof(d));
		break;
	case CODEC_PATH:
		*(struct ipc_path *)slot = (struct ipc_path){ next(f) + 1, next(f) % 3 };
		break;
	case CODEC_FD:
		*(int *)slot = f->fd;
		f->n_fds++;
		break;
	case CODEC_STRING:
	case CODEC_BYTES:
	case CODEC_STRINGS:
	case CODEC_NUMBERS:
	case CODEC_FDS:
	case CODEC_STRUCT:
	case CODEC_DICT:
	case CODEC_DICT_REF:
	case CODEC_STRUCTS:
	case CODEC_DICTS:
	case CODEC_N_KINDS:
		ck_abort();
	}
}

static void fill_field(struct filler *f, const struct codec_field *field, void *value)
{
	char *slot = (char *)value + field->offset, *mark = (char *)value + field->mark_offset;
	const void *p = NULL;
	size_t n;

	if (field->kind == CODEC_STRING) {
		p = some_text(f);
		memcpy(slot, &p, sizeof(p));
	} else if (field->kind == CODEC_DICT_REF) {
		p = arena_alloc(&f->arena, 1, field->type->size_bytes);
		fill(f, field->type, (void *)p, 1);
		memcpy(slot, &p, sizeof(p));
	} else if (field->kind == CODEC_BYTES || field->kind == CODEC_STRINGS ||
		field->kind == CODEC_NUMBERS || field->kind == CODEC_FDS ||
		field->kind == CODEC_STRUCTS || field->kind == CODEC_DICTS) {
		p = some_rows(f, field, &n);
		memcpy(slot, &p, sizeof(p));
		memcpy(mark, &n, sizeof(n));
	} else if (field->kind == CODEC_STRUCT || field->kind == CODEC_DICT) {
		fill(f, field->type, slot, 1);
	} else {
		fill_scalar(f, field, slot);
	}
	if (!p && field->mark_offset != CODEC_NO_MARK)
		*mark = 1;
}

/* every: 1 all fields, 2 about half of those that may be absent. */
static void fill(struct filler *f, const struct codec_type *type, void *value, unsigned every)
{
	f->depth++;
	for (unsigned i = 0; i < type->n_fields; i++) {
		const struct codec_field *field = &type->fields[i];

		if (field->kind == CODEC_FD && f->n_fds >= IPC_MAX_FDS)
			continue;
		if (type->index && !type->all && next(f) % every)
			continue;
		fill_field(f, field, value);
	}
	f->depth--;
}

static void assert_same(const struct codec_type *type, const void *a, const void *b);

static void assert_same_fd(int a, int b)
{
	struct stat sa, sb;

	if (a == -1 || b == -1 || a == 0) {
		ck_assert_int_eq(b, -1);
		return;
	}
	ck_assert_int_eq(fstat(a, &sa), 0);
	ck_assert_int_eq(fstat(b, &sb), 0);
	ck_assert(sa.st_ino == sb.st_ino && sa.st_dev == sb.st_dev);
}

static void assert_same_rows(
	const struct codec_field *field, const char *a, const char *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (field->kind == CODEC_STRINGS)
			ck_assert_str_eq(((char *const *)(const void *)a)[i],
				((char *const *)(const void *)b)[i]);
		else if (field->kind == CODEC_BYTES)
			ck_assert_int_eq(a[i], b[i]);
		else if (field->kind == CODEC_NUMBERS)
			ck_assert_mem_eq(a + i * 8, b + i * 8, 8);
		else if (field->kind == CODEC_FDS)
			assert_same_fd(((const int *)(const void *)a)[i],
				((const int *)(const void *)b)[i]);
		else
			assert_same(field->type, a + i * field->type->size_bytes,
				b + i * field->type->size_bytes);
	}
}

static void assert_same_pointer(const struct codec_field *field, const void *a, const void *b)
{
	const void *pa, *pb;
	size_t na, nb;

	memcpy(&pa, (const char *)a + field->offset, sizeof(pa));
	memcpy(&pb, (const char *)b + field->offset, sizeof(pb));
	ck_assert_msg(!pa == !pb, "%s", field->name);
	if (!pa)
		return;
	if (field->kind == CODEC_STRING) {
		ck_assert_str_eq(pa, pb);
	} else if (field->kind == CODEC_DICT_REF) {
		assert_same(field->type, pa, pb);
	} else {
		memcpy(&na, (const char *)a + field->mark_offset, sizeof(na));
		memcpy(&nb, (const char *)b + field->mark_offset, sizeof(nb));
		ck_assert_uint_eq(na, nb);
		assert_same_rows(field, pa, pb, na);
	}
}

static size_t scalar_size(enum codec_kind kind)
{
	return kind == CODEC_BOOL                        ? 1
		: kind == CODEC_U32 || kind == CODEC_I32 ? 4
		: kind == CODEC_PATH                     ? 16
							 : 8;
}

static void assert_same(const struct codec_type *type, const void *a, const void *b)
{
	for (unsigned i = 0; i < type->n_fields; i++) {
		const struct codec_field *field = &type->fields[i];
		const char *fa = (const char *)a + field->offset,
			   *fb = (const char *)b + field->offset;

		if (field->kind == CODEC_FD)
			assert_same_fd(
				*(const int *)(const void *)fa, *(const int *)(const void *)fb);
		else if (field->kind == CODEC_STRUCT || field->kind == CODEC_DICT)
			assert_same(field->type, fa, fb);
		else if (field->kind >= CODEC_BYTES || field->kind == CODEC_STRING)
			assert_same_pointer(field, a, b);
		else
			ck_assert_msg(memcmp(fa, fb, scalar_size(field->kind)) == 0, "%s.%s",
				type->name, field->name);
	}
}

/* ---- there and back ---- */

static int append(struct wire_writer *w, struct wire_iter *it, const struct codec_type *type,
	const void *value)
{
	if (type->index)
		return codec_append_dict(w, it, type, value, UINT64_MAX);
	return codec_append_args(w, it, type, value);
}

static int read_back(
	struct wire_reader *rd, struct wire_iter *it, const struct codec_type *type, void *value)
{
	if (type->index)
		return codec_read_dict(rd, it, type, value, NULL);
	return codec_read_args(rd, it, type, value);
}

static void by_message(
	const struct codec_type *type, const void *in, struct wire_reader *rd, void *out)
{
	struct wire_writer w = { 0 };
	DBusMessage *m = dbus_message_new_signal("/a", "a.b", "C");
	struct wire_iter it;

	wire_begin_append(m, &it);
	ck_assert_int_eq(append(&w, &it, type, in), 0);
	wire_begin_read(m, &it);
	ck_assert_msg(read_back(rd, &it, type, out) == 0, "%s: %s", type->name, rd->text);
	dbus_message_unref(m);
}

static const char *signature_of(const struct codec_type *type, struct buf *text)
{
	if (type->index)
		return "a{sv}";
	for (unsigned i = 0; i < type->n_fields; i++)
		ck_assert_int_eq(buf_append_str(text, type->fields[i].signature), 0);
	return text->bytes;
}

/* What libdbus makes of the same values is the same, byte for byte; but for descriptors, which have other numbers there. */
static void assert_like_libdbus(
	const struct codec_type *type, const void *in, const struct buf *flat)
{
	struct wire_writer w = { 0 };
	DBusMessage *m = dbus_message_new_signal("/a", "a.b", "C");
	struct wire_iter it;
	char *bytes = NULL;
	int n = 0;

	wire_begin_append(m, &it);
	ck_assert_int_eq(append(&w, &it, type, in), 0);
	dbus_message_set_serial(m, 1);
	ck_assert(dbus_message_marshal(m, &bytes, &n));
	ck_assert_uint_ge((size_t)n, flat->size_bytes);
	if (w.n_fds == 0)
		ck_assert_mem_eq(
			bytes + (size_t)n - flat->size_bytes, flat->bytes, flat->size_bytes);
	dbus_free(bytes);
	dbus_message_unref(m);
}

static void by_bytes(
	const struct codec_type *type, const void *in, struct wire_reader *rd, void *out)
{
	struct buf flat = { 0 }, text = { 0 };
	struct wire_writer w = { .flat = &flat };
	struct wire_fds files = { .n = 0 };
	struct wire_iter it = { .is_flat = true };
	const char *signature = signature_of(type, &text);
	uint8_t *bytes;

	ck_assert_int_eq(append(&w, &it, type, in), 0);
	assert_like_libdbus(type, in, &flat);
	for (; files.n < w.n_fds; files.n++)
		files.fds[files.n] = dup(w.fds[files.n]);
	bytes = arena_alloc(rd->arena, flat.size_bytes + 1, 1);
	if (flat.size_bytes)
		memcpy(bytes, flat.bytes, flat.size_bytes);
	ck_assert_msg(flat_check(bytes, flat.size_bytes, signature), "%s", type->name);
	flat_begin(&it.flat, bytes, signature);
	rd->files = &files;
	ck_assert_msg(read_back(rd, &it, type, out) == 0, "%s: %s", type->name, rd->text);
	wire_fds_close(&files);
	buf_done(&flat);
	buf_done(&text);
}

static void round_trip(const struct codec_type *type, unsigned every, unsigned seed, bool is_flat)
{
	struct filler f = { .seed = seed, .fd = open("/dev/zero", O_RDONLY | O_CLOEXEC) };
	struct wire_fds fds = { .n = 0 };
	struct wire_reader rd = { .arena = &f.arena,
		.fds = &fds,
		.max_bytes = 1 << 20,
		.strict = true,
		.copy_strings = seed % 2 };
	void *in = arena_alloc(&f.arena, 1, type->size_bytes),
	     *out = arena_alloc(&f.arena, 1, type->size_bytes);

	if (every)
		fill(&f, type, in, every);
	if (is_flat)
		by_bytes(type, in, &rd, out);
	else
		by_message(type, in, &rd, out);
	if (every == 1 || type->index)
		assert_same(type, in, out);
	wire_fds_close(&fds);
	close(f.fd);
	arena_done(&f.arena);
}

START_TEST(goes_round)
{
	for (unsigned seed = 1; seed <= 40; seed++) {
		round_trip(proto_types[_i], 1, seed, false);
		round_trip(proto_types[_i], 2, seed, false);
		round_trip(proto_types[_i], 1, seed, true);
		round_trip(proto_types[_i], 2, seed, true);
	}
	if (proto_types[_i]->index && !proto_types[_i]->all) {
		round_trip(proto_types[_i], 0, 1, false);
		round_trip(proto_types[_i], 0, 1, true);
	}
}
END_TEST

START_TEST(finds_every_key)
{
	const struct codec_type *type = proto_types[_i];

	if (!type->index)
		return;
	for (unsigned i = 0; i < type->n_fields; i++)
		ck_assert_int_eq(codec_find(type, type->fields[i].name), (int)i);
	ck_assert_int_eq(codec_find(type, "no-such-key"), -1);
	ck_assert_int_eq(codec_find(type, ""), -1);
}
END_TEST

/* ---- what clients get wrong ---- */

static void append_pair(DBusMessageIter *dict, const char *key, int type, const void *value)
{
	const char signature[2] = { (char)type, 0 };
	DBusMessageIter entry, variant;

	dbus_message_iter_open_container(dict, DBUS_TYPE_DICT_ENTRY, NULL, &entry);
	dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &key);
	dbus_message_iter_open_container(&entry, DBUS_TYPE_VARIANT, signature, &variant);
	dbus_message_iter_append_basic(&variant, type, value);
	dbus_message_iter_close_container(&entry, &variant);
	dbus_message_iter_close_container(dict, &entry);
}

static const char too_long[] = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz";

static const struct {
	const char *keys[2];
	int type;
	const char *text;
} mistakes[] = {
	{ { "url", "colour" }, 's', "requests[1]: unknown key 'colour'" },
	{ { "url", "url" }, 's', "requests[1]: key 'url' is repeated" },
	{ { "timeout-usec", NULL }, 's', "requests[1]: key 'timeout-usec' must have type t" },
	{ { "headers", NULL }, 's', "requests[1]: key 'headers' must have type a(ss)" },
	{ { "checksum", NULL }, 's', "requests[1]: key 'checksum' must have type (ss)" },
	{ { "kind", NULL }, 's', "requests[1]: key 'kind' must be a string of at most 32 bytes" },
};

/* Two requests; the second one holds the mistake. */
static DBusMessage *new_requests(unsigned i)
{
	DBusMessage *m = dbus_message_new_signal("/a", "a.b", "C");
	DBusMessageIter it, array, dict;
	const char *value = too_long;

	dbus_message_iter_init_append(m, &it);
	dbus_message_iter_open_container(&it, DBUS_TYPE_ARRAY, "a{sv}", &array);
	dbus_message_iter_open_container(&array, DBUS_TYPE_ARRAY, "{sv}", &dict);
	append_pair(&dict, "url", 's', &value);
	dbus_message_iter_close_container(&array, &dict);
	dbus_message_iter_open_container(&array, DBUS_TYPE_ARRAY, "{sv}", &dict);
	for (int k = 0; k < 2 && mistakes[i].keys[k]; k++)
		append_pair(&dict, mistakes[i].keys[k], mistakes[i].type, &value);
	dbus_message_iter_close_container(&array, &dict);
	dbus_message_iter_close_container(&it, &array);
	return m;
}

START_TEST(names_the_mistake)
{
	struct ipc_session_create_tasks_in in = { 0 };
	struct arena arena = { NULL };
	struct wire_fds fds = { .n = 0 };
	struct wire_reader rd = {
		.arena = &arena, .fds = &fds, .max_bytes = 1 << 20, .strict = true
	};
	DBusMessage *m = new_requests((unsigned)_i);
	struct wire_iter it;

	wire_begin_read(m, &it);
	ck_assert_int_eq(
		codec_read_field(&rd, &it, &ipc_type_session_create_tasks_in.fields[0], &in),
		IPC_E_INVALID_REQUEST);
	ck_assert_str_eq(rd.text, mistakes[_i].text);
	ck_assert_ptr_null(in.requests);
	arena_done(&arena);
	dbus_message_unref(m);
}
END_TEST

START_TEST(skips_what_is_new)
{
	struct ipc_session_create_tasks_in in = { 0 };
	struct arena arena = { NULL };
	struct wire_fds fds = { .n = 0 };
	struct wire_reader rd = { .arena = &arena, .fds = &fds, .max_bytes = 1 << 20 };
	DBusMessage *m = new_requests(0);
	struct wire_iter it;

	wire_begin_read(m, &it);
	ck_assert_int_eq(
		codec_read_field(&rd, &it, &ipc_type_session_create_tasks_in.fields[0], &in), 0);
	ck_assert_uint_eq(in.n_requests, 2);
	ck_assert_str_eq(in.requests[1].url, too_long);
	ck_assert_int_eq(in.requests[1].body_file, -1);
	ck_assert(!in.requests[1].has_body_file);
	arena_done(&arena);
	dbus_message_unref(m);
}
END_TEST

/* A thousand and one empty requests cost nothing to send; they must not cost memory either. */
START_TEST(bounds_rows)
{
	struct ipc_session_create_tasks_in in = { 0 };
	struct arena arena = { NULL };
	struct wire_fds fds = { .n = 0 };
	struct wire_reader rd = {
		.arena = &arena, .fds = &fds, .max_bytes = 32 << 20, .strict = true
	};
	DBusMessage *m = dbus_message_new_signal("/a", "a.b", "C");
	DBusMessageIter to, array, dict;
	struct wire_iter it;

	dbus_message_iter_init_append(m, &to);
	dbus_message_iter_open_container(&to, DBUS_TYPE_ARRAY, "a{sv}", &array);
	for (int i = 0; i < 1001; i++) {
		dbus_message_iter_open_container(&array, DBUS_TYPE_ARRAY, "{sv}", &dict);
		dbus_message_iter_close_container(&array, &dict);
	}
	dbus_message_iter_close_container(&to, &array);
	wire_begin_read(m, &it);
	ck_assert_int_eq(
		codec_read_field(&rd, &it, &ipc_type_session_create_tasks_in.fields[0], &in),
		IPC_E_LIMIT_REACHED);
	ck_assert_uint_eq(rd.bytes, 0);
	arena_done(&arena);
	dbus_message_unref(m);
}
END_TEST

/* ---- damaged messages ---- */

static void read_damaged(const char *bytes, int n, const struct codec_type *type, bool strict)
{
	DBusMessage *m = dbus_message_demarshal(bytes, n, NULL);
	struct arena arena = { NULL };
	struct wire_fds fds = { .n = 0 };
	struct wire_reader rd = { .arena = &arena,
		.fds = &fds,
		.max_bytes = 1 << 20,
		.strict = strict,
		.copy_strings = !strict };
	struct wire_iter it;
	void *out = arena_alloc(&arena, 1, type->size_bytes);

	if (m) {
		wire_begin_read(m, &it);
		if (wire_has_signature(&it, type->fields[0].signature) == 1 && type->n_fields == 1)
			ck_assert_int_ge(codec_read_args(&rd, &it, type, out), 0);
		dbus_message_unref(m);
	}
	wire_fds_close(&fds);
	arena_done(&arena);
}

extern const struct codec_type ipc_type_session_events;

/* What libdbus lets through after a few bytes have changed is read or refused, never more. */
START_TEST(survives_damage)
{
	const struct codec_type *type = &ipc_type_session_events;
	struct filler f = { .seed = (unsigned)_i + 7, .n_fds = IPC_MAX_FDS };
	struct wire_writer w = { 0 };
	DBusMessage *m = dbus_message_new_signal("/a", "a.b", "C");
	void *in = arena_alloc(&f.arena, 1, type->size_bytes);
	struct wire_iter it;
	char *bytes = NULL;
	int n = 0;

	fill(&f, type, in, 1);
	wire_begin_append(m, &it);
	ck_assert_int_eq(codec_append_args(&w, &it, type, in), 0);
	dbus_message_set_serial(m, 1);
	ck_assert(dbus_message_marshal(m, &bytes, &n));
	for (int i = 0; i < 3000; i++) {
		size_t at = next(&f) % (unsigned)n;
		char was = bytes[at];

		bytes[at] = (char)(i % 2 ? next(&f) : (unsigned)was ^ 1u << i / 2 % 8);
		read_damaged(bytes, n, type, i % 3);
		bytes[at] = was;
	}
	dbus_free(bytes);
	dbus_message_unref(m);
	arena_done(&f.arena);
}
END_TEST

/* ---- memory runs out ---- */

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);

/* Allocations until one fails; 0: none does. */
static unsigned allocations_left;

static bool is_short(void)
{
	return allocations_left && --allocations_left == 0;
}

void *malloc(size_t size)
{
	return is_short() ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return is_short() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
	return is_short() ? NULL : __libc_realloc(p, size);
}

/* True when the way there and back needed fewer than n allocations. */
static bool goes_round_with(unsigned n, const struct codec_type *type, const void *in)
{
	struct arena arena = { NULL };
	struct wire_fds fds = { .n = 0 };
	struct wire_reader rd = {
		.arena = &arena, .fds = &fds, .max_bytes = 1 << 20, .copy_strings = true
	};
	struct wire_writer w = { 0 };
	DBusMessage *m = dbus_message_new_signal("/a", "a.b", "C");
	void *out = arena_alloc(&arena, 1, type->size_bytes);
	struct wire_iter it;
	int r;

	wire_begin_append(m, &it);
	allocations_left = n;
	r = append(&w, &it, type, in);
	if (!r) {
		wire_begin_read(m, &it);
		r = read_back(&rd, &it, type, out);
		/* libdbus tells a signature it has no memory for as another type */
		if (r == IPC_E_INVALID_REQUEST && allocations_left == 0)
			r = -ENOMEM;
	}
	bool enough = allocations_left > 0;

	allocations_left = 0;
	ck_assert_int_eq(r, enough ? 0 : -ENOMEM);
	wire_fds_close(&fds);
	dbus_message_unref(m);
	arena_done(&arena);
	return enough;
}

/* Every allocation fails once: an error each time, no abort, and it works with the next one. */
START_TEST(runs_out_of_memory)
{
	struct filler f = { .seed = 3, .n_fds = IPC_MAX_FDS };
	void *in = arena_alloc(&f.arena, 1, proto_types[_i]->size_bytes);
	unsigned n = 1;

	fill(&f, proto_types[_i], in, 1);
	while (!goes_round_with(n, proto_types[_i], in))
		n++;
	arena_done(&f.arena);
}
END_TEST
#	define OOM_TESTS TEST_EACH(runs_out_of_memory, proto_types),
#else
#	define OOM_TESTS
#endif

RUN_TESTS("ipc/codec", TEST_EACH(goes_round, proto_types), TEST_EACH(finds_every_key, proto_types),
	TEST_EACH(names_the_mistake, mistakes), TEST_LOOP(survives_damage, 8),
	OOM_TESTS TEST(skips_what_is_new), TEST(bounds_rows))
