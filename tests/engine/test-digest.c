/* SPDX-License-Identifier: MIT */
#include "engine/digest.h"

#include <string.h>

#include "base/checksum.h"
#include "tests/lib/run.h"

/* FIPS 180 and RFC 1321: "abc" */
static const struct {
	const char *name, *hex;
} algorithms[] = {
	{ "md5", "900150983cd24fb0d6963f7d28e17f72" },
	{ "sha1", "a9993e364706816aba3e25717850c26c9cd0d89d" },
	{ "sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	{ "sha512",
		"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23"
		"a3feebbd454d4423643ce80e2a9ac94fa54ca49f" },
};

START_TEST(hashes)
{
	struct digest *d = NULL;
	char hex[DIGEST_HEX_BYTES];

	ck_assert_int_eq(digest_new(algorithms[_i].name, &d), 0);
	digest_update(d, "a", 1);
	digest_update(d, "bc", 2);
	digest_hex(d, hex);
	ck_assert_str_eq(hex, algorithms[_i].hex);
	/* asking does not end it */
	digest_hex(d, hex);
	ck_assert_str_eq(hex, algorithms[_i].hex);
	ck_assert_uint_eq(digest_bytes(d), 3);
	ck_assert_uint_eq(strlen(hex), checksum_digits(algorithms[_i].name));
	digest_free(d);
}
END_TEST

/* Cut at every place around the block sizes: the same result as in one go. */
START_TEST(goes_on_from_a_saved_state)
{
	const char *name = algorithms[_i].name;
	uint8_t bytes[600], state[DIGEST_STATE_MAX_BYTES];
	char want[DIGEST_HEX_BYTES], got[DIGEST_HEX_BYTES];
	struct digest *d = NULL, *e = NULL;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 + i / 256);
	ck_assert_int_eq(digest_new(name, &d), 0);
	digest_update(d, bytes, sizeof(bytes));
	digest_hex(d, want);
	digest_free(d);
	for (size_t cut = 0; cut <= sizeof(bytes); cut++) {
		size_t size;

		ck_assert_int_eq(digest_new(name, &d), 0);
		digest_update(d, bytes, cut);
		size = digest_save(d, state);
		digest_free(d);
		ck_assert_int_eq(digest_restore(name, state, size, cut, &e), 0);
		digest_update(e, bytes + cut, sizeof(bytes) - cut);
		digest_hex(e, got);
		ck_assert_str_eq(got, want);
		digest_free(e);
	}
}
END_TEST

START_TEST(refuses_other_states)
{
	const char *name = algorithms[_i].name;
	const char *other = algorithms[_i ? 0 : 1].name;
	uint8_t state[DIGEST_STATE_MAX_BYTES + 1] = { 0 };
	struct digest *d = NULL, *e = NULL;
	size_t size;

	ck_assert_int_eq(digest_new(name, &d), 0);
	digest_update(d, "hello", 5);
	size = digest_save(d, state);
	digest_free(d);
	ck_assert_int_eq(digest_restore(name, NULL, 0, 5, &e), DIGEST_E_BAD_STATE);
	ck_assert_int_eq(digest_restore(name, state, 0, 5, &e), DIGEST_E_BAD_STATE);
	ck_assert_int_eq(digest_restore(name, state, size - 1, 5, &e), DIGEST_E_BAD_STATE);
	ck_assert_int_eq(digest_restore(name, state, size + 1, 5, &e), DIGEST_E_BAD_STATE);
	ck_assert_int_eq(digest_restore(name, state, size, 4, &e), DIGEST_E_BAD_STATE);
	ck_assert_int_eq(digest_restore(other, state, size, 5, &e), DIGEST_E_BAD_STATE);
	ck_assert_int_eq(digest_restore("crc32", state, size, 5, &e), DIGEST_E_UNKNOWN);
	ck_assert_ptr_null(e);
}
END_TEST

/* Damage must not reach outside of the context; a wrong sum is all that may come of it. */
START_TEST(survives_damaged_states)
{
	const char *name = algorithms[_i].name;
	uint8_t state[DIGEST_STATE_MAX_BYTES] = { 0 }, bytes[300] = { 0 };
	char hex[DIGEST_HEX_BYTES];
	struct digest *d = NULL;
	size_t size, n_refused = 0;

	ck_assert_int_eq(digest_new(name, &d), 0);
	digest_update(d, bytes, 77);
	size = digest_save(d, state);
	d = digest_free(d);
	for (size_t i = 0; i < size; i++) {
		state[i] ^= 0xff;
		if (digest_restore(name, state, size, 77, &d) == 0) {
			digest_update(d, bytes, sizeof(bytes));
			digest_hex(d, hex);
			d = digest_free(d);
		} else {
			n_refused++;
		}
		state[i] ^= 0xff;
	}
	ck_assert_uint_ge(n_refused, 16);
}
END_TEST

RUN_TESTS("engine/digest", TEST_EACH(hashes, algorithms),
	TEST_EACH(goes_on_from_a_saved_state, algorithms),
	TEST_EACH(refuses_other_states, algorithms), TEST_EACH(survives_damaged_states, algorithms))
