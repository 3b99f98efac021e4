/* SPDX-License-Identifier: MIT */
/* What a session in memory says of its connections: versions of TLS, proxy, how many, marks; and which codings it knows. */
#include "engine/engine.h"

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/engine/rig.h"
#include "tests/lib/proxy.h"
#include "tests/lib/run.h"

#define WAIT_MS 10000

static struct rig rig;

/* The marks that sockets got, in order, without repeats: two hexadecimal digits each. */
static atomic_uint_least64_t marks;

/* In place of libc's, for the engine as well: the kernel is asked all the same. */
int setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
	unsigned char mark;

	if (level == IPPROTO_IP && name == IP_TOS) {
		memcpy(&mark, value, 1);
		if ((unsigned char)marks != mark)
			marks = marks << 8 | mark;
	}
	return (int)syscall(SYS_setsockopt, fd, level, name, value, size);
}

static struct engine_spec make_spec(uint64_t task, const char *target)
{
	struct engine_spec spec = rig_live(&rig, task, target);

	spec.live.body = ENGINE_BODY_COLLECT;
	spec.live.wants_transactions = true;
	return spec;
}

static struct rig_task *run(uint64_t task, const struct engine_spec *spec)
{
	rig_begin(&rig, task, spec);
	return rig_wait(&rig, task, ENGINE_EVENT_DONE, 1);
}

static void check_ok(const struct rig_task *t)
{
	ck_assert_msg(!t->done.result.code, "%d %s", t->done.result.code, t->done.result.detail);
}

static const struct {
	uint16_t min, max;
	const char *version; /* NULL: none that both know */
} versions[] = {
	{ 0, 0, "TLSv1.3" },
	{ 0x0303, 0, "TLSv1.3" },
	{ 0, 0x0303, "TLSv1.2" },
	{ 0x0303, 0x0303, "TLSv1.2" },
	{ 0x0304, 0x0304, "TLSv1.3" },
	{ 0x0301, 0x0302, NULL },
};

START_TEST(holds_to_tls_versions)
{
	struct origin_config config = { .tls = ORIGIN_TLS_GOOD };
	struct origin *origin = NULL;
	struct engine_spec spec;
	struct rig_task *t;
	char text[64], *url;

	rig_start(&rig, NULL, NULL);
	config.folder = rig.folder;
	ck_assert_int_eq(origin_new(&config, &origin), 0);
	url = origin_url(origin, "/file?size=10&seed=1");
	/* what one session says is nothing to another */
	for (uint64_t task = 1; task <= 2; task++) {
		spec = make_spec(task, url);
		spec.session = task;
		spec.ca_file = origin_ca_path(origin);
		spec.live.tls_min = task == 1 ? versions[_i].min : 0;
		spec.live.tls_max = task == 1 ? versions[_i].max : 0;
		t = run(task, &spec);
		if (task == 1 && !versions[_i].version) {
			ck_assert_int_eq(
				t->done.result.code, TRANSFER_ERROR_SECURE_CONNECTION_FAILED);
			continue;
		}
		check_ok(t);
		snprintf(text, sizeof(text), "GET 200 http/1.1 %s 127.0.0.1 ",
			task == 1 ? versions[_i].version : "TLSv1.3");
		if (strncmp(t->transaction_text, text, strlen(text)) != 0) {
			snprintf(text, sizeof(text), "GET 200 http/1.1 %s ::1 ",
				task == 1 ? versions[_i].version : "TLSv1.3");
			ck_assert_msg(!strncmp(t->transaction_text, text, strlen(text)),
				"%s is not %s", t->transaction_text, text);
		}
	}
	free(url);
	rig_stop(&rig);
	origin_free(origin);
}
END_TEST

enum where { DIRECT, PROXY, NOWHERE };

static const struct {
	const char *proxy; /* "P": the origin as a proxy, "D": one that is down */
	const char *no_proxy;
	const char *environment;
	enum where where;
} proxies[] = {
	{ NULL, NULL, NULL, DIRECT },
	{ "P", NULL, NULL, PROXY },
	{ "P", "", NULL, PROXY },
	{ "P", "other.example", NULL, PROXY },
	{ "P", "other.example,127.0.0.1", NULL, DIRECT },
	{ "P", "*", NULL, DIRECT },
	{ "D", NULL, NULL, NOWHERE },
	{ "P", NULL, "D", PROXY },
	{ NULL, NULL, "D", NOWHERE },
	{ "", NULL, "D", DIRECT },
};

/* To be freed; NULL for NULL. */
static char *proxy_of(const struct origin *proxy, const char *name)
{
	char *text = NULL;

	if (!name)
		return NULL;
	if (!strcmp(name, "P"))
		ck_assert_int_gt(asprintf(&text, "http://127.0.0.1:%u", origin_port(proxy)), 0);
	else if (!strcmp(name, "D"))
		ck_assert_int_gt(
			asprintf(&text, "http://127.0.0.1:%u", origin_dead_port(proxy)), 0);
	else
		ck_assert_ptr_nonnull(text = strdup(name));
	return text;
}

/* The next request, which says nothing of a proxy, does not go there because the one before did. */
START_TEST(goes_through_a_proxy)
{
	struct origin_config config = { 0 };
	struct origin *proxy = NULL;
	struct origin_entry entry;
	struct engine_spec spec;
	struct rig_task *t;
	char *text, *environment;

	ck_assert_int_eq(origin_new(&config, &proxy), 0);
	text = proxy_of(proxy, proxies[_i].proxy);
	environment = proxy_of(proxy, proxies[_i].environment);
	rig_start(&rig, NULL, NULL);
	if (environment)
		setenv("http_proxy", environment, 1);
	spec = make_spec(1, "/file?size=10&seed=1");
	spec.live.proxy = text;
	spec.live.no_proxy = proxies[_i].no_proxy;
	t = run(1, &spec);
	if (proxies[_i].where == NOWHERE)
		ck_assert_int_eq(t->done.result.code, TRANSFER_ERROR_CANNOT_CONNECT_TO_HOST);
	if (proxies[_i].where == DIRECT)
		check_ok(t);
	ck_assert_uint_eq(origin_log_last(rig.origin), proxies[_i].where == DIRECT);
	ck_assert_uint_eq(origin_log_last(proxy), proxies[_i].where == PROXY);
	if (proxies[_i].where == PROXY) {
		ck_assert_int_eq(origin_log_get(proxy, 1, &entry), 0);
		ck_assert_str_eq(entry.target, spec.url);
	}
	ck_assert(t->transactions[0].is_proxy == (proxies[_i].where == PROXY));
	if (!environment) {
		spec = make_spec(2, "/file?size=10&seed=1");
		check_ok(run(2, &spec));
		ck_assert_uint_eq(origin_log_last(proxy), proxies[_i].where == PROXY);
	}
	rig_stop(&rig);
	origin_free(proxy);
	free(environment);
	free(text);
}
END_TEST

static const struct {
	bool is_socks, is_secure, refuses;
	const char *scheme;
	int code;
} tunnels[] = {
	{ false, true, false, "http", 0 },
	{ false, true, true, "http", TRANSFER_ERROR_NETWORK_CONNECTION_LOST },
	{ true, false, false, "socks5", 0 },
	{ true, false, false, "socks5h", 0 },
	{ true, true, false, "socks5h", 0 },
	{ true, false, true, "socks5", TRANSFER_ERROR_CANNOT_CONNECT_TO_HOST },
};

/* What the proxy says of the tunnel is not the answer; the second request has the connection of the first. */
START_TEST(goes_through_a_tunnel)
{
	const struct proxy_config how = { .is_socks = tunnels[_i].is_socks,
		.refuses = tunnels[_i].refuses };
	struct origin_config config = { .tls = tunnels[_i].is_secure ? ORIGIN_TLS_GOOD
								     : ORIGIN_TLS_OFF };
	struct origin *origin = NULL;
	struct proxy *proxy = NULL;
	struct engine_spec spec;
	char text[64], want[64], asked[256];
	struct rig_task *t;
	char *url;

	rig_start(&rig, NULL, NULL);
	config.folder = rig.folder;
	ck_assert_int_eq(origin_new(&config, &origin), 0);
	ck_assert_int_eq(proxy_new(&how, &proxy), 0);
	url = origin_url(origin, "/file?size=10&seed=1");
	snprintf(text, sizeof(text), "%s://127.0.0.1:%u", tunnels[_i].scheme, proxy_port(proxy));
	for (uint64_t task = 1; task <= 2; task++) {
		spec = make_spec(task, url);
		spec.ca_file = origin_ca_path(origin);
		spec.live.proxy = text;
		spec.live.no_proxy = "";
		t = run(task, &spec);
		ck_assert_int_eq(t->done.result.code, tunnels[_i].code);
		ck_assert_uint_eq(t->body_bytes, tunnels[_i].code ? 0 : 10);
		ck_assert_uint_eq(t->status, tunnels[_i].code ? 0 : 200);
		ck_assert_ptr_null(strstr(t->headers, "X-Proxy"));
		ck_assert(tunnels[_i].code || t->transactions[0].is_proxy);
	}
	proxy_asked(proxy, asked, sizeof(asked));
	snprintf(want, sizeof(want), ":%u ", origin_port(origin));
	ck_assert_ptr_nonnull(strstr(asked, want));
	if (!tunnels[_i].code)
		ck_assert_ptr_null(strstr(strstr(asked, want) + 1, want));
	ck_assert_uint_eq(origin_log_last(origin), tunnels[_i].code ? 0 : 2);
	free(url);
	rig_stop(&rig);
	origin_free(origin);
	proxy_free(proxy);
}
END_TEST

/* So many at a time, and no more: the engine's own limit is 6. */
START_TEST(has_as_many_connections_as_it_says)
{
	static const unsigned limits[] = { 1, 2, 8 };
	struct origin_entry entry;
	struct engine_spec spec;
	uint64_t n_connections = 0;

	rig_start(&rig, NULL, NULL);
	for (uint64_t task = 1; task <= 9; task++) {
		spec = make_spec(task, "/file?size=10&seed=1&gate=g&gate_after=5");
		spec.live.max_connections_per_host = limits[_i];
		rig_begin(&rig, task, &spec);
	}
	ck_assert_int_eq(origin_wait_bytes(rig.origin, "/file", limits[_i], 5, WAIT_MS), 0);
	origin_release(rig.origin, "g");
	rig_wait_all(&rig, 9, 0);
	for (uint64_t n = 1; n <= 9; n++) {
		check_ok(&rig.tasks[n]);
		ck_assert_int_eq(origin_log_get(rig.origin, n, &entry), 0);
		if (entry.connection > n_connections)
			n_connections = entry.connection;
	}
	ck_assert_uint_eq(n_connections, limits[_i]);
	rig_stop(&rig);
}
END_TEST

/* A kept connection has the mark of whom it serves. */
START_TEST(marks_connections)
{
	static const uint8_t dscps[] = { 0, 46, 46, 8, 0 };
	struct engine_spec spec;

	rig_start(&rig, NULL, NULL);
	for (uint64_t task = 1; task <= 5; task++) {
		char gate[8], target[64];

		/* a gate once open stays so */
		snprintf(gate, sizeof(gate), "g%u", (unsigned)task);
		snprintf(target, sizeof(target), "/file?size=10&seed=1&gate=%s&gate_after=5", gate);
		spec = make_spec(task, target);
		spec.live.dscp = dscps[task - 1];
		/* the first one with a mark has a connection of its own */
		spec.session = task == 1 ? 1 : 2;
		/* when libcurl waits for the rest: an answer that is there at once leaves no time for it */
		spec.live.body = ENGINE_BODY_FLOW;
		rig_begin(&rig, task, &spec);
		rig_wait(&rig, task, ENGINE_EVENT_DATA, 1);
		origin_release(rig.origin, gate);
		check_ok(rig_wait(&rig, task, ENGINE_EVENT_DONE, 1));
		close(rig.tasks[task].data_fds[0]);
	}
	ck_assert_uint_eq(marks, UINT64_C(0xb82000));
	rig_stop(&rig);
}
END_TEST

static const struct {
	enum transfer_task_kind kind;
	bool decodes;
	const char *field, *want;
} codings[] = {
	{ TRANSFER_TASK_DATA, true, NULL, "gzip, deflate, br, zstd" },
	{ TRANSFER_TASK_DATA, true, "br;q=1", "br;q=1" },
	{ TRANSFER_TASK_DATA, false, NULL, NULL },
	{ TRANSFER_TASK_UPLOAD, true, NULL, "gzip, deflate, br, zstd" },
	{ TRANSFER_TASK_DOWNLOAD, false, NULL, "identity" },
	{ TRANSFER_TASK_DOWNLOAD, true, NULL, "gzip, deflate, br, zstd" },
	{ TRANSFER_TASK_DOWNLOAD, false, "gzip", "gzip" },
};

START_TEST(names_the_codings)
{
	const struct engine_header field = { "accept-encoding", codings[_i].field };
	struct origin_entry entry;
	struct engine_spec spec;
	char value[64];
	bool is_there;

	rig_start(&rig, NULL, NULL);
	spec = make_spec(1, "/file?size=10&seed=1");
	spec.kind = codings[_i].kind;
	spec.live.decodes = codings[_i].decodes;
	if (spec.kind == TRANSFER_TASK_DOWNLOAD) {
		spec.part_path = rig_path(&rig, "part-1");
		spec.live.body = ENGINE_BODY_FILE;
	}
	spec.headers = &field;
	spec.n_headers = codings[_i].field != NULL;
	check_ok(run(1, &spec));
	ck_assert_int_eq(origin_log_get(rig.origin, 1, &entry), 0);
	is_there = origin_entry_header(&entry, "Accept-Encoding", value, sizeof(value));
	ck_assert_pstr_eq(is_there ? value : NULL, codings[_i].want);
	rig_stop(&rig);
}
END_TEST

/* On one that runs, waits, is over, or was never there; it is a wish. */
START_TEST(a_weight_may_change)
{
	struct engine_spec spec;

	rig_start(&rig, NULL, NULL);
	spec = make_spec(1, "/file?size=10&seed=1&gate=g&gate_after=5");
	spec.live.weight = 1;
	engine_set_weight(rig.engine, 1, 1, 256);
	rig_begin(&rig, 1, &spec);
	rig_wait(&rig, 1, ENGINE_EVENT_CONNECTED, 1);
	engine_set_weight(rig.engine, 1, 1, 256);
	engine_set_weight(rig.engine, 1, 1, 0);
	origin_release(rig.origin, "g");
	check_ok(rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1));
	engine_set_weight(rig.engine, 1, 1, 1);
	rig_stop(&rig);
}
END_TEST

RUN_TESTS("engine/options", TEST_EACH(holds_to_tls_versions, versions),
	TEST_EACH(goes_through_a_proxy, proxies), TEST_EACH(goes_through_a_tunnel, tunnels),
	TEST_LOOP(has_as_many_connections_as_it_says, 3), TEST(marks_connections),
	TEST_EACH(names_the_codings, codings), TEST(a_weight_may_change))
