/* SPDX-License-Identifier: MIT */
/* Bytes of others are read or refused, never more; what libdbus would take of them is taken. */
#include "ipc/flat.h"

#include <dbus/dbus.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/lib/run.h"

/* A copy with nothing behind it, aligned. */
static bool is_right(const char *bytes, size_t n, const char *signature)
{
	uint8_t *copy = malloc(n ? n : 1);
	bool right;

	ck_assert_ptr_nonnull(copy);
	if (n)
		memcpy(copy, bytes, n);
	right = flat_check(copy, n, signature);
	free(copy);
	return right;
}

/* Little endian, as the numbers in the rows: on another machine there is nothing to be seen here. */
static bool is_little(void)
{
	const uint16_t one = 1;

	return *(const uint8_t *)&one == 1;
}

#define BYTES(literal) literal, sizeof(literal) - 1
static const struct {
	const char *signature, *bytes;
	size_t n;
	bool right;
} rows[] = {
	{ "y", BYTES("\1"), true },
	{ "y", BYTES("\1\2"), false }, /* more than that */
	{ "y", BYTES(""), false },
	{ "u", BYTES("\1\0\0\0"), true },
	{ "u", BYTES("\1\0\0"), false },
	{ "yu", BYTES("\1\0\0\0\1\0\0\0"), true },
	{ "yu", BYTES("\1\0\7\0\1\0\0\0"), false }, /* padding */
	{ "b", BYTES("\1\0\0\0"), true },
	{ "b", BYTES("\2\0\0\0"), false },
	{ "s", BYTES("\2\0\0\0ab\0"), true },
	{ "s", BYTES("\2\0\0\0abc"), false }, /* no end */
	{ "s", BYTES("\2\0\0\0ab"), false },
	{ "s", BYTES("\2\0\0\0a\0\0"), false }, /* an end inside */
	{ "s", BYTES("\2\0\0\0\303\274\0"), true },
	{ "s", BYTES("\2\0\0\0\303x\0"), false }, /* UTF-8 */
	{ "s", BYTES("\377\377\377\377ab\0"), false },
	{ "as", BYTES("\0\0\0\0"), true },
	{ "as", BYTES("\6\0\0\0\1\0\0\0a\0"), true },
	{ "as", BYTES("\5\0\0\0\1\0\0\0a\0"), false }, /* the array ends in its string */
	{ "at", BYTES("\10\0\0\0\0\0\0\0\1\2\3\4\5\6\7\10"), true },
	{ "at", BYTES("\7\0\0\0\0\0\0\0\1\2\3\4\5\6\7"), false },
	{ "at", BYTES("\0\0\0\0\0\0\0\0"), true },
	{ "at", BYTES("\0\0\0\0"), false }, /* the padding of no elements is there, too */
	{ "at", BYTES("\0\0\0\10\0\0\0\0"), false },
	{ "ab", BYTES("\10\0\0\0\1\0\0\0\0\0\0\0"), true },
	{ "ab", BYTES("\10\0\0\0\1\0\0\0\3\0\0\0"), false },
	{ "(yy)", BYTES("\1\2"), true },
	{ "(yy)", BYTES("\1"), false },
	{ "v", BYTES("\1y\0\7"), true },
	{ "v", BYTES("\1s\0\0\1\0\0\0a\0"), true },
	{ "v", BYTES("\1g\0\1y\0"), true },
	{ "v", BYTES("\0\0"), false }, /* of no type */
	{ "v", BYTES("\2yy\0\7\7"), false }, /* of two */
	{ "v", BYTES("\1z\0\7"), false }, /* of one that is not there */
	{ "v", BYTES("\1y\1\7"), false },
	{ "v", BYTES("\2()\0\0\0\0\0"), false },
	{ "v", BYTES("\2(y\0\0\0\0\0\7"), false },
	{ "v", BYTES("\4{sy}\0\0"), false }, /* an entry of no dictionary */
	{ "v", BYTES("\5a{vy}\0\0\0\0\0\0\0\0\0\0\0"), false },
	{ "v", BYTES("\6a{syy}\0\0\0\0\0\0\0\0\0\0"), false },
	{ "v", BYTES("\1a\0\0\0\0\0"), false },
	{ "v", BYTES("\377y\0\7"), false },
};

START_TEST(judges)
{
	if (!is_little())
		return;
	ck_assert_msg(is_right(rows[_i].bytes, rows[_i].n, rows[_i].signature) == rows[_i].right,
		"row %d", _i);
}
END_TEST

/* Variants in variants, arrays in arrays: as deep as the stack bears, and no deeper. */
START_TEST(is_not_endless)
{
	char bytes[4096], signature[300];
	size_t n = 0;

	while (n < sizeof(bytes) - 8) {
		memcpy(bytes + n, "\1v", 3);
		n += 3;
	}
	memcpy(bytes + n, "\1y\0\7", 4);
	ck_assert(!is_right(bytes, n + 4, "v"));
	ck_assert(is_right(bytes + n - 30, 34, "v"));
	memset(signature, 'a', 255);
	bytes[0] = (char)255;
	memcpy(bytes + 1, signature, 255);
	bytes[255] = 'y';
	memset(bytes + 256, 0, 100);
	ck_assert(!is_right(bytes, 356, "v"));
	memset(bytes + 1, '(', 127);
	bytes[128] = 'y';
	memset(bytes + 129, ')', 127);
	ck_assert(!is_right(bytes, 356, "v"));
}
END_TEST

/* So many variants in each other, and a byte in 30 structs in the last: what is passed at once counts. */
static bool takes_nested(size_t n_variants)
{
	char bytes[512] = { 0 };
	size_t n = 0;

	while (n_variants--) {
		memcpy(bytes + n, "\1v", 3);
		n += 3;
	}
	bytes[n] = 61;
	memset(bytes + n + 1, '(', 30);
	bytes[n + 31] = 'y';
	memset(bytes + n + 32, ')', 30);
	n = (n + 63 + 7) & ~(size_t)7;
	return is_right(bytes, n + 1, "v");
}

START_TEST(counts_what_is_passed_at_once)
{
	ck_assert(takes_nested(0));
	ck_assert(takes_nested(33));
	ck_assert(!takes_nested(34));
	ck_assert(!takes_nested(40));
}
END_TEST

/* An array of all kinds of things, as libdbus writes it: the bytes of its body. */
static size_t write_sample(char **ret_message, int *ret_n)
{
	DBusMessage *m = dbus_message_new_signal("/a", "a.b", "C");
	const char *text = "text \303\274", *path = "/some/path";
	dbus_bool_t yes = TRUE;
	uint64_t number = 77;
	DBusMessageIter it, array, row, dict, entry, value;
	char *body;
	int n;

	dbus_message_iter_init_append(m, &it);
	dbus_message_iter_open_container(&it, DBUS_TYPE_ARRAY, "(tosa{sv})", &array);
	for (int i = 0; i < 3; i++) {
		dbus_message_iter_open_container(&array, DBUS_TYPE_STRUCT, NULL, &row);
		dbus_message_iter_append_basic(&row, DBUS_TYPE_UINT64, &number);
		dbus_message_iter_append_basic(&row, DBUS_TYPE_OBJECT_PATH, &path);
		dbus_message_iter_append_basic(&row, DBUS_TYPE_STRING, &text);
		dbus_message_iter_open_container(&row, DBUS_TYPE_ARRAY, "{sv}", &dict);
		for (int k = 0; k < i; k++) {
			dbus_message_iter_open_container(&dict, DBUS_TYPE_DICT_ENTRY, NULL, &entry);
			dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &text);
			dbus_message_iter_open_container(
				&entry, DBUS_TYPE_VARIANT, k ? "b" : "t", &value);
			dbus_message_iter_append_basic(&value,
				k ? DBUS_TYPE_BOOLEAN : DBUS_TYPE_UINT64,
				k ? (void *)&yes : &number);
			dbus_message_iter_close_container(&entry, &value);
			dbus_message_iter_close_container(&dict, &entry);
		}
		dbus_message_iter_close_container(&row, &dict);
		dbus_message_iter_close_container(&array, &row);
	}
	dbus_message_iter_close_container(&it, &array);
	dbus_message_set_serial(m, 1);
	ck_assert(dbus_message_marshal(m, ret_message, ret_n));
	dbus_message_unref(m);
	memcpy(&n, *ret_message + 4, sizeof(n)); /* the body's length is the second word */
	body = *ret_message + *ret_n - n;
	ck_assert(is_right(body, (size_t)n, "a(tosa{sv})"));
	return (size_t)n;
}

static bool libdbus_takes(const char *message, int n)
{
	DBusMessage *m = dbus_message_demarshal(message, n, NULL);

	if (m)
		dbus_message_unref(m);
	return m != NULL;
}

START_TEST(agrees_with_libdbus)
{
	unsigned state = 7 + (unsigned)_i, n_right = 0;
	char *message, *body;
	size_t size;
	int n;

	size = write_sample(&message, &n);
	body = message + (size_t)n - size;
	ck_assert_uint_gt(size, 0);
	for (size_t cut = 0; cut < size; cut++)
		ck_assert(!is_right(body, cut, "a(tosa{sv})"));
	for (int i = 0; i < 20000; i++) {
		size_t at = (size_t)rand_r(&state) % size;
		unsigned bits = (unsigned)rand_r(&state);
		char was = body[at];

		body[at] = (char)(i % 2 ? bits : (unsigned)was ^ 1u << bits % 8);
		if (libdbus_takes(message, n)) {
			n_right++;
			ck_assert(is_right(body, size, "a(tosa{sv})"));
		} else {
			is_right(body, size, "a(tosa{sv})");
		}
		body[at] = was;
	}
	ck_assert_uint_gt(n_right, 100);
	dbus_free(message);
}
END_TEST

#define N_DEEP 50000

/* Processor time for an array of bytes that are in so many structs each: to check it, or to go through it. */
static double seconds_of(uint8_t *bytes, unsigned depth, bool goes_through)
{
	const uint32_t length = N_DEEP * 8 - 7;
	char signature[160] = "a";
	struct flat_iter it;
	clock_t start;

	memset(signature + 1, '(', depth);
	signature[1 + depth] = 'y';
	memset(signature + 2 + depth, ')', depth);
	memcpy(bytes, &length, sizeof(length));
	flat_begin(&it, bytes, signature);
	start = clock();
	if (!goes_through)
		ck_assert(flat_check(bytes, 8 + length, signature));
	else
		ck_assert_uint_eq(flat_count(&it), N_DEEP);
	return (double)(clock() - start) / CLOCKS_PER_SEC;
}

static double least(double a, double b)
{
	return a < b ? a : b;
}

/*
 * Structs that hold nothing but a struct cost nothing when they are checked: they have no bytes. Who goes through them pays for
 * each, and not for each pair of them, which would be sixteen times as much.
 */
START_TEST(costs_no_more_than_its_structs)
{
	uint8_t *bytes = calloc(N_DEEP + 1, 8);
	double few = 1e9, many = 1e9;

	ck_assert_ptr_nonnull(bytes);
	for (int i = 0; i < 5; i++) {
		few = least(few, seconds_of(bytes, 15, _i));
		many = least(many, seconds_of(bytes, 60, _i));
	}
	ck_assert_msg(many < (_i ? 8 : 2) * few, "%.3f s and %.3f s", few, many);
	free(bytes);
}
END_TEST

RUN_TESTS("ipc/flat", TEST_EACH(judges, rows), TEST(is_not_endless),
	TEST(counts_what_is_passed_at_once), TEST_LOOP(agrees_with_libdbus, 2),
	TEST_LOOP(costs_no_more_than_its_structs, 2))
