/* SPDX-License-Identifier: MIT */
/* ftp, against a real server: files, listings, bodies of requests, and all that can be refused. */
#include "engine/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/engine/rig.h"
#include "tests/lib/ftp.h"
#include "tests/lib/proc.h"
#include "tests/lib/run.h"
#include "tests/lib/tmpdir.h"

#define SEED 5

static struct rig rig;
static struct ftp *ftp;

static void start(void)
{
	rig_start(&rig, NULL, NULL);
	ftp = ftp_new(rig.folder);
}

static void stop(void)
{
	rig_stop(&rig);
	ftp = ftp_free(ftp);
}

/* user: "name:password@" or "". */
static struct engine_spec make_spec(uint64_t task, const char *user, const char *path)
{
	static char url[512];
	struct engine_spec spec = rig_live(&rig, task, "/");

	snprintf(url, sizeof(url), "ftp://%s127.0.0.1:%u%s", user, ftp_port(ftp), path);
	spec.url = url;
	spec.live.allows_ftp = true;
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

static void make_file(const char *name, size_t size)
{
	ck_assert_int_eq(origin_bytes_write(rig_path(&rig, "%s", name), SEED, size), 0);
}

/* All of what came, inline or by descriptor. */
static char *take_body(struct rig_task *t, size_t *ret_size)
{
	char *bytes = malloc((size_t)4 << 20);
	ssize_t n;

	ck_assert_ptr_nonnull(bytes);
	*ret_size = t->body_bytes;
	if (t->body_bytes)
		memcpy(bytes, t->body, t->body_bytes);
	if (!t->n_data_fds)
		return bytes;
	while ((n = pread(t->data_fds[0], bytes + *ret_size, ((size_t)4 << 20) - *ret_size,
			(off_t)*ret_size)) > 0)
		*ret_size += (size_t)n;
	close(t->data_fds[0]);
	return bytes;
}

static const size_t sizes[] = { 0, 1, 65536, 65537, 1 << 20 };

START_TEST(gets_a_file)
{
	size_t size = sizes[_i], got;
	char *want = malloc(size + 1), *bytes;
	struct engine_spec spec;
	struct rig_task *t;

	ck_assert_ptr_nonnull(want);
	origin_bytes(SEED, 0, want, size);
	start();
	make_file("some file.txt", size);
	spec = make_spec(1, "u:p%40@", "/some%20file.txt");
	t = run(1, &spec);
	check_ok(t);
	bytes = take_body(t, &got);
	ck_assert_uint_eq(got, size);
	ck_assert(!memcmp(bytes, want, size));
	ck_assert(t->has_response);
	ck_assert_uint_eq(t->status, 0);
	ck_assert_str_eq(t->name, "some file.txt");
	if (size)
		ck_assert_int_eq(t->expected_bytes, (int64_t)size);
	ck_assert_uint_eq(t->done.received_bytes, size);
	ck_assert_ptr_null(strchr(t->url, '@'));
	ck_assert_uint_eq(t->n_transactions, 1);
	ck_assert_ptr_nonnull(strstr(t->transaction_text, "GET 0 ftp - 127.0.0.1 ftp://"));
	stop();
	free(bytes);
	free(want);
}
END_TEST

START_TEST(downloads_a_file)
{
	struct engine_spec spec;
	struct rig_task *t;

	start();
	make_file("file", 200000);
	spec = make_spec(1, "", "/file");
	spec.kind = TRANSFER_TASK_DOWNLOAD;
	spec.live.body = ENGINE_BODY_FILE;
	spec.part_path = rig_path(&rig, "part-1");
	t = run(1, &spec);
	check_ok(t);
	ck_assert_int_eq(origin_bytes_check(spec.part_path, SEED, 200000), 0);
	ck_assert(!t->can_resume);
	ck_assert_uint_eq(t->done.file_size_bytes, 200000);
	stop();
}
END_TEST

START_TEST(lists_a_folder)
{
	struct engine_spec spec;
	struct rig_task *t;
	size_t size;
	char *text;

	start();
	make_file("first", 1);
	make_file("second", 2);
	spec = make_spec(1, "", "/");
	t = run(1, &spec);
	check_ok(t);
	text = take_body(t, &size);
	text[size] = 0;
	ck_assert_ptr_nonnull(strstr(text, " first\n"));
	ck_assert_ptr_nonnull(strstr(text, " second\n"));
	ck_assert_int_eq(t->expected_bytes, -1);
	stop();
	free(text);
}
END_TEST

static void set_source(struct engine_spec *spec, int kind, char *bytes, size_t size)
{
	int fds[2];

	if (kind == 0) {
		spec->live.source = ENGINE_SOURCE_BYTES;
		spec->live.source_bytes = bytes;
		spec->live.n_source_bytes = size;
	} else if (kind == 1) {
		spec->live.source = ENGINE_SOURCE_FILE;
		spec->source_path = rig_path(&rig, "source");
		spec->source_size_bytes = size;
		make_file("source", size);
	} else {
		spec->live.source = ENGINE_SOURCE_STREAM;
		spec->live.source_length = -1;
		ck_assert_int_eq(pipe(fds), 0);
		ck_assert_int_eq(write(fds[1], bytes, size), (ssize_t)size);
		close(fds[1]);
		spec->source_fd = fds[0];
	}
}

START_TEST(puts_a_file)
{
	char bytes[20000];
	struct engine_spec spec;
	struct rig_task *t;

	origin_bytes(SEED, 0, bytes, sizeof(bytes));
	start();
	spec = make_spec(1, "", "/put");
	spec.kind = TRANSFER_TASK_UPLOAD;
	spec.method = "PUT";
	set_source(&spec, _i, bytes, sizeof(bytes));
	t = run(1, &spec);
	check_ok(t);
	ck_assert_uint_eq(t->done.sent_bytes, sizeof(bytes));
	ck_assert_int_eq(origin_bytes_check(rig_path(&rig, "put"), SEED, sizeof(bytes)), 0);
	ck_assert_uint_eq(t->body_bytes, 0);
	if (spec.source_fd >= 0)
		close(spec.source_fd);
	stop();
}
END_TEST

static const struct {
	const char *user, *path;
	int code;
} refusals[] = {
	{ "", "/missing", TRANSFER_ERROR_RESOURCE_UNAVAILABLE },
	{ "", "/no/folder/", TRANSFER_ERROR_RESOURCE_UNAVAILABLE },
	{ "u:wrong@", "/file", TRANSFER_ERROR_USER_AUTHENTICATION_REQUIRED },
	{ "", "/file%0D%0ADELE%20file", TRANSFER_ERROR_BAD_URL },
	{ "u%0Ax:p@", "/file", TRANSFER_ERROR_BAD_URL },
};

START_TEST(is_refused)
{
	struct engine_spec spec;
	struct rig_task *t;

	start();
	make_file("file", 10);
	spec = make_spec(1, refusals[_i].user, refusals[_i].path);
	t = run(1, &spec);
	ck_assert_msg(t->done.result.code == refusals[_i].code, "%d %s", t->done.result.code,
		t->done.result.detail);
	ck_assert(!t->has_response);
	ck_assert_int_eq(access(rig_path(&rig, "file"), F_OK), 0);
	stop();
}
END_TEST

START_TEST(goes_only_where_it_may)
{
	struct engine_spec spec;
	char *target;

	start();
	make_file("file", 10);
	spec = make_spec(1, "", "/file");
	spec.live.allows_ftp = false;
	ck_assert_int_eq(run(1, &spec)->done.result.code, TRANSFER_ERROR_UNSUPPORTED_URL);
	spec = make_spec(2, "", "/file");
	spec.allow_insecure = false;
	ck_assert_int_eq(run(2, &spec)->done.result.code, TRANSFER_ERROR_INSECURE_TRANSPORT);
	/* no answer leads there */
	spec = make_spec(3, "", "/file");
	ck_assert_int_gt(asprintf(&target, "/file?redirect_to=%s", spec.url), 0);
	spec.url = origin_url(rig.origin, "%s", target);
	ck_assert_int_eq(run(3, &spec)->done.result.code, TRANSFER_ERROR_UNSUPPORTED_URL);
	free(target);
	free((char *)spec.url);
	stop();
}
END_TEST

START_TEST(keeps_its_connection)
{
	struct engine_spec spec;

	start();
	make_file("file", 10);
	/* several: only now and then the server is quick enough to find libcurl looking away */
	for (uint64_t task = 1; task <= 6; task++) {
		struct rig_task *t;

		spec = make_spec(task, "", "/file");
		t = run(task, &spec);
		check_ok(t);
		ck_assert_uint_eq(t->n_transactions, 1);
		ck_assert(t->transactions[0].is_reused_connection == (task > 1));
	}
	stop();
}
END_TEST

/* A session that has spoken ftp speaks http as before. */
START_TEST(leaves_http_alone)
{
	struct engine_spec spec;
	struct rig_task *t;

	start();
	make_file("file", 10);
	for (uint64_t task = 1; task <= 4; task++) {
		spec = make_spec(task, "", "/file");
		if (task % 2 == 0)
			spec.url = rig_live(&rig, task, "/file?size=10&seed=5").url;
		t = run(task, &spec);
		check_ok(t);
		ck_assert_uint_eq(t->body_bytes, 10);
		ck_assert_uint_eq(t->status, task % 2 ? 0 : 200);
	}
	stop();
}
END_TEST

START_TEST(a_server_that_is_gone_is_an_error)
{
	struct engine_spec spec;
	struct rig_task *t;

	start();
	spec = make_spec(1, "", "/file");
	ftp = ftp_free(ftp);
	t = run(1, &spec);
	ck_assert_int_eq(t->done.result.code, TRANSFER_ERROR_CANNOT_CONNECT_TO_HOST);
	ck_assert(t->done.is_retryable);
	stop();
}
END_TEST

/* As much of a server as one file needs: TLS from the first byte on, for the file's bytes, too. */
static const char secret_server[] =
	"import os, socket, ssl, sys\n"
	"tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n"
	"tls.load_cert_chain(sys.argv[2])\n"
	"listener = socket.create_server(('127.0.0.1', 0))\n"
	"print('port %d.' % listener.getsockname()[1], flush=True)\n"
	"def serve(s):\n"
	"    def say(text): s.sendall((text + '\\r\\n').encode())\n"
	"    say('220 here')\n"
	"    for line in s.makefile('r', encoding='utf-8', newline='\\n'):\n"
	"        word, _, rest = line.strip().partition(' ')\n"
	"        word = word.upper()\n"
	"        if word == 'USER': say('331 and?')\n"
	"        elif word == 'PASS': say('230 in' if rest == 'p@' else '530 no')\n"
	"        elif word == 'PWD': say('257 \"/\" it is')\n"
	"        elif word == 'EPSV':\n"
	"            data = socket.create_server(('127.0.0.1', 0))\n"
	"            say('229 at (|||%d|)' % data.getsockname()[1])\n"
	"            plain = data.accept()[0]\n"
	"        elif word == 'SIZE':\n"
	"            say('213 %d' % os.path.getsize(sys.argv[1] + '/' + rest))\n"
	"        elif word == 'RETR':\n"
	"            say('150 now')\n"
	"            with tls.wrap_socket(plain, server_side=True) as secret:\n"
	"                secret.sendall(open(sys.argv[1] + '/' + rest, 'rb').read())\n"
	"                secret.unwrap()\n"
	"            say('226 done')\n"
	"        elif word == 'QUIT': return\n"
	"        else: say('200 well')\n"
	"while True:\n"
	"    try: serve(tls.wrap_socket(listener.accept()[0], server_side=True))\n"
	"    except OSError: pass\n";

/* Both connections are secret, a server that nobody vouches for is none, and no leave for plain ones is needed. */
START_TEST(goes_over_tls)
{
	const char *pem,
		*argv[] = { "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
			"ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=ftp",
			"-addext", "subjectAltName=IP:127.0.0.1", "-keyout", NULL, "-out", NULL,
			NULL };
	static char url[128];
	struct engine_spec spec;
	struct rig_task *t;
	const char *server_argv[] = { "python3", "-c", secret_server, NULL, NULL, NULL };
	const struct proc_config how = { .argv = server_argv };
	struct proc *server = NULL;
	const char *output;
	uint16_t port;
	char *body;
	size_t size;
	int status;

	rig_start(&rig, NULL, NULL);
	pem = rig_path(&rig, "ftp.pem");
	argv[15] = argv[17] = pem;
	ck_assert_int_eq(proc_run(argv, 20000, NULL, &status), 0);
	ck_assert_int_eq(status, 0);
	server_argv[3] = rig.folder;
	server_argv[4] = pem;
	ck_assert_int_eq(proc_start(&how, &server), 0);
	output = proc_expect(server, ".", 10000);
	ck_assert_ptr_nonnull(output);
	ck_assert_int_eq(sscanf(output, "port %hu", &port), 1);
	make_file("f", 300000);
	for (uint64_t task = 1; task <= 2; task++) {
		spec = rig_live(&rig, task, "/");
		spec.live.allows_ftp = true;
		spec.live.body = ENGINE_BODY_COLLECT;
		spec.live.wants_transactions = true;
		snprintf(url, sizeof(url), "ftps://u:p%%40@127.0.0.1:%u/f", port);
		spec.url = url;
		spec.allow_insecure = false;
		spec.ca_file = task == 1 ? NULL : pem;
		t = run(task, &spec);
		if (task == 1) {
			ck_assert_int_eq(t->done.result.code,
				TRANSFER_ERROR_SERVER_CERTIFICATE_HAS_UNKNOWN_ROOT);
			continue;
		}
		check_ok(t);
		body = take_body(t, &size);
		ck_assert_uint_eq(size, 300000);
		free(body);
		ck_assert_ptr_nonnull(strstr(t->transaction_text, " TLSv1."));
	}
	proc_free(server);
	rig_stop(&rig);
}
END_TEST

RUN_TESTS("engine/ftp", TEST_EACH(gets_a_file, sizes), TEST(downloads_a_file), TEST(lists_a_folder),
	TEST_LOOP(puts_a_file, 3), TEST_EACH(is_refused, refusals), TEST(goes_only_where_it_may),
	TEST(keeps_its_connection), TEST(leaves_http_alone), TEST(goes_over_tls),
	TEST(a_server_that_is_gone_is_an_error))
