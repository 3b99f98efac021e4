/* SPDX-License-Identifier: MIT */
/* Columns are mapped by name; every type is checked when it is read. */
#include "tests/daemon/store/fixture.h"

struct thing {
	uint64_t u64, bits64;
	int64_t i64;
	uint32_t u32;
	int32_t i32;
	uint16_t u16;
	bool yes;
	double f64;
	const char *text, *needed;
	const void *blob;
	size_t blob_bytes;
	const struct task_header *headers;
	size_t n_headers;
};

#define AT(m) offsetof(struct thing, m)

static const struct store_column columns[] = {
	{ .name = "u64", .type = STORE_COLUMN_U64, .offset = AT(u64) },
	{ .name = "bits64", .type = STORE_COLUMN_BITS64, .offset = AT(bits64) },
	{ .name = "i64", .type = STORE_COLUMN_I64, .offset = AT(i64) },
	{ .name = "u32", .type = STORE_COLUMN_U32, .offset = AT(u32), .max = 9 },
	{ .name = "i32", .type = STORE_COLUMN_I32, .offset = AT(i32) },
	{ .name = "u16", .type = STORE_COLUMN_U16, .offset = AT(u16) },
	{ .name = "yes", .type = STORE_COLUMN_BOOL, .offset = AT(yes) },
	{ .name = "f64", .type = STORE_COLUMN_F64, .offset = AT(f64), .max = 1 },
	{ .name = "text", .type = STORE_COLUMN_TEXT, .offset = AT(text) },
	{ .name = "needed", .type = STORE_COLUMN_TEXT, .offset = AT(needed), .is_required = true },
	{ .name = "blob",
		.type = STORE_COLUMN_BLOB,
		.offset = AT(blob),
		.count_offset = AT(blob_bytes) },
	{ .name = "headers",
		.type = STORE_COLUMN_HEADERS,
		.offset = AT(headers),
		.count_offset = AT(n_headers) },
};
static const struct store_statements noun = { .columns = columns, .n_columns = 12 };

static const struct {
	const char *sql;
	bool is_good;
} cases[] = {
	{ "SELECT 5 AS u64", true },
	{ "SELECT -1 AS u64", false },
	{ "SELECT '5' AS u64", false },
	{ "SELECT NULL AS u64", false },
	{ "SELECT 5.0 AS u64", false },
	{ "SELECT -1 AS bits64", true },
	{ "SELECT -1 AS i64", true },
	{ "SELECT -2 AS i64", false },
	{ "SELECT 9 AS u32", true },
	{ "SELECT 10 AS u32", false },
	{ "SELECT -2147483648 AS i32", true },
	{ "SELECT 2147483648 AS i32", false },
	{ "SELECT 65535 AS u16", true },
	{ "SELECT 65536 AS u16", false },
	{ "SELECT 1 AS yes", true },
	{ "SELECT 2 AS yes", false },
	{ "SELECT 0.5 AS f64", true },
	{ "SELECT 1.5 AS f64", false },
	{ "SELECT -0.5 AS f64", false },
	{ "SELECT 9e999 AS f64", false },
	{ "SELECT 'ä' AS text", true },
	{ "SELECT NULL AS text", true },
	{ "SELECT NULL AS needed", false },
	{ "SELECT CAST(x'80' AS TEXT) AS text", false },
	{ "SELECT CAST(x'410042' AS TEXT) AS text", false },
	{ "SELECT x'41' AS text", false },
	{ "SELECT x'00ff' AS blob", true },
	{ "SELECT x'' AS blob", true },
	{ "SELECT NULL AS blob", true },
	{ "SELECT 'text' AS blob", false },
	{ "SELECT x'41004200' AS headers", true },
	{ "SELECT x'' AS headers", true },
	{ "SELECT NULL AS headers", true },
	{ "SELECT x'410042' AS headers", false },
	{ "SELECT x'4100' AS headers", false },
	{ "SELECT x'4100ff00' AS headers", false },
	{ "SELECT 1 AS unknown", true },
};

START_TEST(checks_what_it_reads)
{
	struct store_statement statement;
	struct arena arena = { 0 };
	struct thing thing = { 0 };
	sqlite3 *db;

	ck_ok(sqlite3_open(":memory:", &db));
	ck_ok(sqlite3_prepare_v2(db, cases[_i].sql, -1, &statement.stmt, NULL));
	ck_ok(store_row_map(&noun, statement.stmt, &statement.map));
	ck_assert_int_eq(sqlite3_step(statement.stmt), SQLITE_ROW);
	ck_assert_msg(store_row_read(&noun, &statement, &thing, &arena) ==
			(cases[_i].is_good ? 0 : -EBADMSG),
		"%s", cases[_i].sql);
	sqlite3_finalize(statement.stmt);
	sqlite3_close(db);
	arena_done(&arena);
}
END_TEST

START_TEST(writes_what_it_reads)
{
	static const struct task_header headers[] = { { "a", "b" }, { "", "" } };
	struct thing in = { 1, UINT64_MAX, -1, 9, -7, 65535, true, 0.25, NULL, "x", "\0z", 2,
		headers, 2 };
	struct thing out = { 0 };
	struct store_statement statement;
	struct arena arena = { 0 };
	sqlite3 *db;

	ck_ok(sqlite3_open(":memory:", &db));
	ck_ok(sqlite3_prepare_v2(db,
		"SELECT :u64 AS u64, :bits64 AS bits64, :i64 AS i64, :u32 AS u32, :i32 AS i32, :u16 AS u16, :yes AS yes,"
		" :f64 AS f64, :text AS text, :needed AS needed, :blob AS blob, :headers AS headers",
		-1, &statement.stmt, NULL));
	ck_ok(store_row_map(&noun, statement.stmt, &statement.map));
	ck_ok(store_row_bind(&noun, &statement, &in));
	ck_assert_int_eq(sqlite3_step(statement.stmt), SQLITE_ROW);
	ck_ok(store_row_read(&noun, &statement, &out, &arena));
	ck_assert_uint_eq(out.u64, 1);
	ck_assert_uint_eq(out.bits64, UINT64_MAX);
	ck_assert_int_eq(out.i64, -1);
	ck_assert_uint_eq(out.u32, 9);
	ck_assert_int_eq(out.i32, -7);
	ck_assert_uint_eq(out.u16, 65535);
	ck_assert(out.yes);
	ck_assert(out.f64 > 0.24 && out.f64 < 0.26);
	ck_assert_ptr_null(out.text);
	ck_assert_str_eq(out.needed, "x");
	ck_assert_uint_eq(out.blob_bytes, 2);
	ck_assert_mem_eq(out.blob, "\0z", 2);
	ck_assert_uint_eq(out.n_headers, 2);
	ck_assert_str_eq(out.headers[0].value, "b");
	ck_assert_str_eq(out.headers[1].name, "");
	sqlite3_finalize(statement.stmt);
	sqlite3_close(db);
	arena_done(&arena);
}
END_TEST

START_TEST(refuses_a_name_that_is_no_column)
{
	struct store_statement statement;
	sqlite3 *db;

	ck_ok(sqlite3_open(":memory:", &db));
	ck_ok(sqlite3_prepare_v2(db, "SELECT :typo", -1, &statement.stmt, NULL));
	ck_assert_int_eq(store_row_map(&noun, statement.stmt, &statement.map), -EINVAL);
	sqlite3_finalize(statement.stmt);
	sqlite3_close(db);
}
END_TEST

RUN_TESTS("daemon/store/store-row", TEST_EACH(checks_what_it_reads, cases),
	TEST(writes_what_it_reads), TEST(refuses_a_name_that_is_no_column))
