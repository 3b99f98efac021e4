/* SPDX-License-Identifier: MIT */
#include "engine/jar.h"

#include <stdio.h>
#include <string.h>

#include <transfer/types.h>

#include "base/buf.h"
#include "engine/url.h"
#include "tests/lib/run.h"

#define NOW_WALL_US UINT64_C(1000)

static struct transfer_cookie cookie_of(const char *name, const char *value, const char *path)
{
	return (struct transfer_cookie){ .size = sizeof(struct transfer_cookie),
		.name = name,
		.value = value,
		.domain = "x.org",
		.path = path,
		.created_wall_usec = NOW_WALL_US,
		.is_host_only = true };
}

static void put(struct jar *jar, const char *name, const char *value, const char *path)
{
	struct transfer_cookie c = cookie_of(name, value, path);

	ck_assert_int_eq(jar_put(jar, &c, NOW_WALL_US), 0);
}

static void check_header(const struct jar *above, const struct jar *below, const char *want)
{
	const struct jar *jars[2] = { above, below };
	struct buf buf = { 0 };
	struct url *url;

	ck_assert_int_eq(url_parse("https://x.org/a/b/c", &url), 0);
	ck_assert_int_eq(jar_header(jars, url, NOW_WALL_US, &buf), 0);
	ck_assert_str_eq(buf.size_bytes ? buf.bytes : "", want);
	buf_done(&buf);
	url_free(url);
}

START_TEST(orders)
{
	struct jar jar = { 0 };
	struct transfer_cookie older = cookie_of("older", "5", "/");

	check_header(NULL, NULL, "");
	check_header(NULL, &jar, "");
	put(&jar, "one", "1", "/");
	put(&jar, "two", "2", "/a/b");
	put(&jar, "three", "3", "/");
	put(&jar, "four", "4", "/a");
	put(&jar, "elsewhere", "6", "/b");
	older.created_wall_usec = NOW_WALL_US - 1;
	ck_assert_int_eq(jar_put(&jar, &older, NOW_WALL_US), 0);
	check_header(NULL, &jar, "two=2; four=4; older=5; one=1; three=3");
	/* a new value does not make it younger */
	put(&jar, "one", "7", "/");
	check_header(NULL, &jar, "two=2; four=4; older=5; one=7; three=3");
	jar_done(&jar);
	check_header(NULL, &jar, "");
}
END_TEST

START_TEST(removes)
{
	struct transfer_cookie c = cookie_of("a", "", "/");
	struct jar jar = { 0 };

	put(&jar, "a", "1", "/");
	put(&jar, "b", "2", "/");
	c.expires_wall_usec = NOW_WALL_US;
	ck_assert_int_eq(jar_put(&jar, &c, NOW_WALL_US), 0);
	ck_assert_uint_eq(jar.n_entries, 1);
	ck_assert_ptr_null(jar_find(&jar, &c));
	ck_assert_int_eq(jar_put(&jar, &c, NOW_WALL_US), 0);
	check_header(NULL, &jar, "b=2");
	jar_done(&jar);
}
END_TEST

/* What lies above hides the same below, also when it says that the cookie is gone. */
START_TEST(lies_over)
{
	struct transfer_cookie gone = cookie_of("b", "", "/");
	struct jar below = { 0 }, above = { .keeps_expired = true };

	put(&below, "a", "1", "/");
	put(&below, "b", "2", "/");
	put(&below, "c", "3", "/");
	put(&above, "c", "4", "/");
	gone.expires_wall_usec = 1;
	ck_assert_int_eq(jar_put(&above, &gone, NOW_WALL_US), 0);
	check_header(&above, &below, "c=4; a=1");
	check_header(&above, NULL, "c=4");
	jar_done(&above);
	jar_done(&below);
}
END_TEST

START_TEST(pushes_out_the_oldest)
{
	struct jar jar = { 0 };
	struct transfer_cookie c;
	char name[32];

	for (unsigned i = 0; i <= TRANSFER_COOKIES_PER_DOMAIN_MAX; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		put(&jar, name, "v", "/");
	}
	ck_assert_uint_eq(jar.n_entries, TRANSFER_COOKIES_PER_DOMAIN_MAX);
	c = cookie_of("n0", "", "/");
	ck_assert_ptr_null(jar_find(&jar, &c));
	c = cookie_of("n1", "", "/");
	ck_assert_ptr_nonnull(jar_find(&jar, &c));
	for (unsigned i = 0; i <= TRANSFER_COOKIES_MAX; i++) {
		char domain[32];

		snprintf(domain, sizeof(domain), "d%u.org", i);
		c = cookie_of("n", "v", "/");
		c.domain = domain;
		ck_assert_int_eq(jar_put(&jar, &c, NOW_WALL_US), 0);
	}
	ck_assert_uint_eq(jar.n_entries, TRANSFER_COOKIES_MAX);
	c.domain = "d0.org";
	ck_assert_ptr_null(jar_find(&jar, &c));
	c.domain = "d1.org";
	ck_assert_ptr_nonnull(jar_find(&jar, &c));
	jar_done(&jar);
}
END_TEST

/* Those whose time is over go first. */
START_TEST(pushes_out_what_is_over)
{
	struct jar jar = { 0 };
	struct transfer_cookie c = cookie_of("short", "v", "/");
	char name[32];

	for (unsigned i = 1; i < TRANSFER_COOKIES_PER_DOMAIN_MAX; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		put(&jar, name, "v", "/");
	}
	c.expires_wall_usec = NOW_WALL_US + 1;
	ck_assert_int_eq(jar_put(&jar, &c, NOW_WALL_US), 0);
	c = cookie_of("new", "v", "/");
	ck_assert_int_eq(jar_put(&jar, &c, NOW_WALL_US + 1), 0);
	ck_assert_uint_eq(jar.n_entries, TRANSFER_COOKIES_PER_DOMAIN_MAX);
	c.name = "n1";
	ck_assert_ptr_nonnull(jar_find(&jar, &c));
	c.name = "short";
	ck_assert_ptr_null(jar_find(&jar, &c));
	jar_done(&jar);
}
END_TEST

/* A list on its way keeps what came, in its order; the last of the same counts. */
START_TEST(takes_lists)
{
	struct transfer_cookie a = cookie_of("a", "1", "/"), b = cookie_of("b", "2", "/");
	struct jar list = { 0 }, jar = { 0 };

	ck_assert_int_eq(jar_append(&list, &a), 0);
	ck_assert_int_eq(jar_append(&list, &b), 0);
	a.value = "3";
	ck_assert_int_eq(jar_append(&list, &a), 0);
	b.expires_wall_usec = NOW_WALL_US;
	ck_assert_int_eq(jar_append(&list, &b), 0);
	ck_assert_uint_eq(list.n_entries, 4);
	ck_assert_int_eq(jar_put_all(&jar, &list, NOW_WALL_US), 0);
	check_header(NULL, &jar, "a=3");
	ck_assert_uint_eq(jar.n_entries, 1);
	jar_done(&list);
	jar_done(&jar);
}
END_TEST

START_TEST(guards_secure_cookies)
{
	struct transfer_cookie secure = cookie_of("a", "v", "/a"), c = cookie_of("a", "w", "/a/b");
	struct jar jar = { 0 };

	secure.is_secure = true;
	secure.is_host_only = false;
	ck_assert_int_eq(jar_put(&jar, &secure, NOW_WALL_US), 0);
	ck_assert(jar_guards(&jar, &c));
	c.domain = "sub.x.org";
	ck_assert(jar_guards(&jar, &c));
	c.domain = "y.org";
	ck_assert(!jar_guards(&jar, &c));
	c.domain = "x.org";
	c.path = "/";
	ck_assert(!jar_guards(&jar, &c));
	c.path = "/a";
	c.name = "b";
	ck_assert(!jar_guards(&jar, &c));
	jar_done(&jar);
}
END_TEST

START_TEST(bounds_the_header)
{
	static char value[4001];
	struct jar jar = { 0 };
	const struct jar *jars[2] = { NULL, &jar };
	struct buf buf = { 0 };
	struct url *url;
	char name[32];

	memset(value, 'v', sizeof(value) - 1);
	for (unsigned i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		put(&jar, name, value, "/");
	}
	ck_assert_int_eq(url_parse("https://x.org/", &url), 0);
	ck_assert_int_eq(jar_header(jars, url, NOW_WALL_US, &buf), 0);
	ck_assert_uint_le(buf.size_bytes, JAR_HEADER_MAX_BYTES);
	ck_assert_uint_gt(buf.size_bytes, JAR_HEADER_MAX_BYTES - 4100);
	ck_assert_ptr_nonnull(strstr(buf.bytes, "n0=v"));
	url_free(url);
	buf_done(&buf);
	jar_done(&jar);
}
END_TEST

RUN_TESTS("engine/jar", TEST(orders), TEST(removes), TEST(lies_over), TEST(pushes_out_the_oldest),
	TEST(pushes_out_what_is_over), TEST(takes_lists), TEST(guards_secure_cookies),
	TEST(bounds_the_header))
