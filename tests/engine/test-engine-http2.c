/* SPDX-License-Identifier: MIT */
/* HTTP/2 and TLS against nginx with a private CA, and the origin's bad certificates. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/engine/rig.h"
#include "tests/lib/coding.h"
#include "tests/lib/proc.h"
#include "tests/lib/run.h"
#include "tests/lib/tmpdir.h"

#define NGINX "/usr/sbin/nginx"

static struct rig rig;
static struct proc *nginx;
static uint16_t port;

static uint16_t free_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, size), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a, &size), 0);
	close(fd);
	return ntohs(a.sin_port);
}

static const char script[] =
	"cd \"$0\" && mkdir -p www tmp &&"
	"openssl req -x509 -newkey rsa:2048 -nodes -keyout other.key -out other.pem -days 2 "
	"-subj '/CN=another CA' -addext basicConstraints=critical,CA:TRUE 2>/dev/null &&"
	"openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 "
	"-subj '/CN=private CA' -addext basicConstraints=critical,CA:TRUE 2>/dev/null &&"
	"openssl req -newkey rsa:2048 -nodes -keyout server.key -out server.csr "
	"-subj /CN=localhost 2>/dev/null &&"
	"echo 'subjectAltName=DNS:localhost' >ext &&"
	"openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial "
	"-out server.pem -days 2 -extfile ext 2>/dev/null";

static const char config[] =
	"daemon off; master_process off; pid %s/nginx.pid; error_log %s/nginx.err;\n"
	"events { worker_connections 512; }\n"
	"http { default_type application/octet-stream;\n"
	"keepalive_requests 100000; client_max_body_size 0;\n"
	"client_body_temp_path %s/tmp; proxy_temp_path %s/tmp; fastcgi_temp_path %s/tmp;\n"
	"uwsgi_temp_path %s/tmp; scgi_temp_path %s/tmp;\n"
	"log_format c '$connection $server_protocol $request_method $uri';\n"
	"access_log %s/access c;\n"
	"ssl_certificate %s/server.pem; ssl_certificate_key %s/server.key;\n"
	"server { listen 127.0.0.1:%u ssl http2; server_name localhost; root %s/www;\n"
	"location ~ \\.zst$ { add_header Content-Encoding zstd; limit_rate 8m; }\n"
	"location ~ ^/moved/(.*)$ { return 308 https://localhost:%u/$1; }\n"
	"include %s/heads.conf;\n"
	"dav_methods PUT; } }\n";

/* Heads of so many fields of 4000 bytes. */
static void write_heads(void)
{
	static const unsigned sizes[] = { 50, 100 };
	FILE *file = fopen(rig_path(&rig, "heads.conf"), "we");

	ck_assert_ptr_nonnull(file);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		fprintf(file, "location = /head-%u { return 200 hello;\n", sizes[i]);
		for (unsigned k = 0; k < sizes[i]; k++)
			fprintf(file, "add_header X-%u %04000u;\n", k, k);
		fprintf(file, "}\n");
	}
	fclose(file);
}

static void write_config(const char *path)
{
	const char *f = rig.folder;
	FILE *file = fopen(path, "we");

	ck_assert_ptr_nonnull(file);
	fprintf(file, config, f, f, f, f, f, f, f, f, f, f, port, f, port, f);
	fclose(file);
	write_heads();
}

static bool can_connect(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r = connect(fd, (struct sockaddr *)&a, sizeof(a));

	close(fd);
	return !r;
}

static bool has_pid(const char *path, void *user)
{
	struct stat st;

	(void)user;
	return !stat(path, &st) && st.st_size > 0;
}

static void make_certificates(void)
{
	const char *make[] = { "/bin/sh", "-c", script, rig.folder, NULL };
	char *output = NULL;
	int status;

	ck_assert_int_eq(proc_run(make, 20000, &output, &status), 0);
	ck_assert_msg(!status, "%s", output);
	free(output);
}

static void start_nginx(void)
{
	const char *conf, *pid;

	ck_assert_int_eq(chmod(rig.folder, 0755), 0);
	make_certificates();
	/* the port was free a moment ago: should somebody have taken it, take another */
	for (int i = 0; i < 5; i++) {
		struct proc_config run = { 0 };

		port = free_port();
		conf = rig_path(&rig, "nginx.conf");
		pid = rig_path(&rig, "nginx.pid");
		write_config(conf);
		{
			const char *argv[] = { NGINX, "-p", rig.folder, "-c", conf, NULL };

			run.argv = argv;
			run.output = rig_path(&rig, "nginx.out");
			ck_assert_int_eq(proc_start(&run, &nginx), 0);
		}
		if (!proc_wait_file(pid, has_pid, NULL, 5000) && can_connect())
			return;
		proc_free(nginx);
	}
	ck_abort_msg("nginx does not start");
}

static void start(const struct engine_config *engine)
{
	struct engine_config config_ = engine ? *engine : (struct engine_config){ 0 };

	rig_start(&rig, NULL, &config_);
	start_nginx();
	engine_free(rig.engine);
	config_.user_agent = "rig/1";
	config_.spool_dir = rig.folder;
	config_.ca_file = rig_path(&rig, "ca.pem");
	ck_assert_int_eq(engine_new(&config_, &rig.engine), 0);
}

static void stop(void)
{
	engine_free(rig.engine);
	rig.engine = NULL;
	nginx = proc_free(nginx);
	rig_stop(&rig);
}

static const char *target(const char *name)
{
	static char url[256];

	snprintf(url, sizeof(url), "https://localhost:%u/%s", port, name);
	return url;
}

static void make_file(const char *name, uint64_t seed, uint64_t size_bytes)
{
	const char *path = rig_path(&rig, "www/%s", name);

	ck_assert_int_eq(origin_bytes_write(path, seed, size_bytes), 0);
	ck_assert_int_eq(chmod(path, 0644), 0);
}

START_TEST(many_files_over_one_connection)
{
	struct engine_spec spec;
	char name[16], *log, *next;
	unsigned n_lines = 0;

	start(NULL);
	for (unsigned i = 1; i <= 64; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		make_file(name, i, 20000 + i);
		spec = rig_download(&rig, i, target(name));
		spec.allow_insecure = false;
		rig_begin(&rig, i, &spec);
	}
	rig_wait_all(&rig, 64, 64);
	for (unsigned i = 1; i <= 64; i++) {
		rig_check_part(&rig, i, i, 20000 + i);
		ck_assert(rig.tasks[i].is_http2);
		ck_assert_str_eq(rig.tasks[i].http_version, "2");
	}
	engine_free(rig.engine);
	rig.engine = NULL;
	nginx = proc_free(nginx);
	/* the first word of each line is the number of its connection */
	log = tmpdir_read(rig_path(&rig, "access"));
	ck_assert_ptr_nonnull(log);
	for (char *line = log; *line; line = next, n_lines++) {
		next = strchr(line, '\n') + 1;
		ck_assert_int_eq(strtol(line, NULL, 10), strtol(log, NULL, 10));
		ck_assert_ptr_nonnull(strstr(line, " HTTP/2.0 GET "));
	}
	ck_assert_uint_eq(n_lines, 64);
	free(log);
	rig_stop(&rig);
}
END_TEST

/* libcurl's bound for the head of a stream is below ours, and it then gives up the connection without a word. */
static const struct {
	const char *name;
	int32_t code;
} heads[] = { { "head-50", 0 }, { "head-100", TRANSFER_ERROR_BAD_SERVER_RESPONSE } };

START_TEST(a_large_head_is_judged_over_http1)
{
	struct engine_spec spec;
	struct rig_task *t;

	start(NULL);
	spec = rig_download(&rig, 1, target(heads[_i].name));
	t = rig_run(&rig, 1, &spec);
	ck_assert_msg(t->done.result.code == heads[_i].code, "%d %s", t->done.result.code,
		t->done.result.detail);
	ck_assert(!t->done.is_retryable);
	ck_assert(!t->done.is_http2);
	stop();
}
END_TEST

START_TEST(a_stop_among_streams_hurts_nobody)
{
	struct engine_spec spec;
	struct rig_task *t;

	start(NULL);
	make_file("big", 5, 30 << 20);
	for (unsigned i = 1; i <= 8; i++) {
		spec = rig_download(&rig, i, target("big"));
		rig_begin(&rig, i, &spec);
	}
	for (unsigned i = 1; i <= 4; i++) {
		rig_wait(&rig, i, ENGINE_EVENT_RESPONSE, 1);
		engine_stop(rig.engine, i, 1);
	}
	rig_wait_all(&rig, 8, 4);
	for (unsigned i = 5; i <= 8; i++)
		rig_check_part(&rig, i, 5, 30 << 20);
	/* and the stopped ones go on */
	for (unsigned i = 1; i <= 4; i++) {
		t = &rig.tasks[i];
		spec = rig_download(&rig, i, target("big"));
		if (t->done.is_stopped) {
			char etag[256];

			snprintf(etag, sizeof(etag), "%s", t->etag);
			spec.resume_offset_bytes = t->done.offset_bytes;
			spec.etag = etag;
			rig_forget(&rig, i);
			rig_run(&rig, i, &spec);
		}
		rig_check_part(&rig, i, 5, 30 << 20);
	}
	stop();
}
END_TEST

START_TEST(a_limit_set_later_holds_on_a_stream)
{
	struct engine_spec spec;
	struct rig_task *t;
	uint64_t before_bytes, start_us, passed_us;

	start(NULL);
	make_file("big", 5, 1 << 30);
	spec = rig_download(&rig, 1, target("big"));
	rig_begin(&rig, 1, &spec);
	t = rig_wait(&rig, 1, ENGINE_EVENT_PROGRESS, 1);
	ck_assert(t->is_http2);
	engine_set_rate(rig.engine, 1, 1, 1 << 20);
	start_us = clock_now_us();
	while (clock_now_us() - start_us < CLOCK_US_PER_S)
		rig_turn(&rig, 100);
	before_bytes = t->progress_bytes;
	start_us = clock_now_us();
	while (clock_now_us() - start_us < 2 * CLOCK_US_PER_S)
		rig_turn(&rig, 100);
	passed_us = clock_now_us() - start_us;
	ck_assert_uint_ge(t->progress_bytes, before_bytes);
	ck_assert_uint_lt(t->progress_bytes - before_bytes, (2 + passed_us / CLOCK_US_PER_S) << 20);
	stop();
}
END_TEST

/* nginx sends what its limit allows at each change of the second, so that three portions last a second at least. */
static struct rig_task *begin_slowly(size_t size)
{
	struct coding_bytes coded;
	struct engine_spec spec;
	struct rig_task *t;
	char *body = malloc(size);
	FILE *f;

	start(NULL);
	ck_assert_ptr_nonnull(body);
	origin_bytes(5, 0, body, size);
	ck_assert_int_eq(coding_encode("zstd", body, size, &coded), 0);
	f = fopen(rig_path(&rig, "www/big.zst"), "we");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(coded.bytes, 1, coded.size, f), coded.size);
	ck_assert_int_eq(fchmod(fileno(f), 0644) | fclose(f), 0);
	free(body);
	free(coded.bytes);
	spec = rig_download(&rig, 1, target("big.zst"));
	rig_begin(&rig, 1, &spec);
	t = rig_wait(&rig, 1, ENGINE_EVENT_PROGRESS, 1);
	ck_assert(t->is_http2);
	ck_assert_int_eq(t->expected_bytes, -1);
	return t;
}

/* A coded body cannot be gone on with: over HTTP/1.1 it comes again from its start. */
START_TEST(a_limit_set_later_starts_a_coded_body_anew)
{
	const size_t size = (size_t)17 << 20;
	struct rig_task *t = begin_slowly(size);

	engine_set_rate(rig.engine, 1, 1, UINT64_C(1) << 30);
	rig_wait(&rig, 1, ENGINE_EVENT_SYNCED, 1);
	ck_assert_int_eq(t->done.result.code, 0);
	ck_assert_uint_eq(t->resumed_bytes, 0);
	ck_assert_uint_eq(t->n_events[ENGINE_EVENT_CHECKPOINT], 0);
	ck_assert_uint_eq(t->done.received_bytes, size);
	rig_check_part(&rig, 1, 5, size);
	stop();
}
END_TEST

/* What came before the change cannot be written, once: what could be is not the file. */
START_TEST(a_limit_set_later_on_a_full_disk)
{
	struct rig_task *t;

	ck_assert_int_eq(setenv("TRANSFERD_FAILPOINT", "engine.part.flush:1=28", 1), 0);
	t = begin_slowly((size_t)17 << 20);
	engine_set_rate(rig.engine, 1, 1, UINT64_C(1) << 30);
	rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	ck_assert_int_eq(t->done.result.code, TRANSFER_ERROR_CANNOT_WRITE_TO_FILE);
	ck_assert(t->done.is_disk_full);
	stop();
}
END_TEST

START_TEST(puts_a_file)
{
	struct engine_spec spec;
	struct rig_task *t;
	const char *source;

	start(NULL);
	ck_assert_int_eq(chmod(rig_path(&rig, "www"), 0777), 0);
	ck_assert_int_eq(chmod(rig_path(&rig, "tmp"), 0777), 0);
	source = rig_path(&rig, "source");
	ck_assert_int_eq(origin_bytes_write(source, 8, 5000000), 0);
	spec = rig_upload(&rig, 1, target("new"), source);
	t = rig_run(&rig, 1, &spec);
	ck_assert_msg(!t->done.result.code, "%d %s", t->done.result.code, t->done.result.detail);
	ck_assert_uint_eq(t->status, 201);
	ck_assert_int_eq(origin_bytes_check(rig_path(&rig, "www/new"), 8, 5000000), 0);
	stop();
}
END_TEST

/* the next request goes over the connection that there is, and takes the body along */
START_TEST(a_redirect_stays_on_its_connection)
{
	struct engine_spec spec;
	const char *source;
	struct rig_task *t;
	char *log;

	start(NULL);
	make_file("old", 7, 300000);
	spec = rig_download(&rig, 1, target("moved/old"));
	spec.allow_insecure = false;
	t = rig_run(&rig, 1, &spec);
	ck_assert_msg(!t->done.result.code, "%d %s", t->done.result.code, t->done.result.detail);
	ck_assert(t->is_http2);
	rig_check_part(&rig, 1, 7, 300000);
	ck_assert_int_eq(chmod(rig_path(&rig, "www"), 0777), 0);
	ck_assert_int_eq(chmod(rig_path(&rig, "tmp"), 0777), 0);
	source = rig_path(&rig, "source");
	ck_assert_int_eq(origin_bytes_write(source, 8, 300000), 0);
	spec = rig_upload(&rig, 2, target("moved/new"), source);
	t = rig_run(&rig, 2, &spec);
	ck_assert_msg(!t->done.result.code, "%d %s", t->done.result.code, t->done.result.detail);
	ck_assert_uint_eq(t->status, 201);
	ck_assert_int_eq(origin_bytes_check(rig_path(&rig, "www/new"), 8, 300000), 0);
	engine_free(rig.engine);
	rig.engine = NULL;
	nginx = proc_free(nginx);
	log = tmpdir_read(rig_path(&rig, "access"));
	ck_assert_ptr_nonnull(strstr(log, " HTTP/2.0 GET /moved/old"));
	ck_assert_ptr_nonnull(strstr(log, " HTTP/2.0 GET /old"));
	ck_assert_int_eq(strtol(strchr(log, '\n') + 1, NULL, 10), strtol(log, NULL, 10));
	free(log);
	rig_stop(&rig);
}
END_TEST

START_TEST(an_unknown_authority_is_not_trusted)
{
	struct engine_spec spec;
	struct rig_task *t;

	start(NULL);
	make_file("f", 1, 10);
	spec = rig_download(&rig, 1, target("f"));
	spec.ca_file = rig_path(&rig, "other.pem");
	t = rig_run(&rig, 1, &spec);
	ck_assert_str_eq(t->order, "D");
	ck_assert_int_le(t->done.result.code, TRANSFER_ERROR_SERVER_CERTIFICATE_UNTRUSTED);
	ck_assert_int_ge(t->done.result.code, TRANSFER_ERROR_SERVER_CERTIFICATE_HAS_UNKNOWN_ROOT);
	ck_assert(!t->done.is_retryable);
	stop();
}
END_TEST

static const struct {
	enum origin_tls tls;
	int32_t code, or_code;
} certificates[] = {
	{ ORIGIN_TLS_GOOD, 0, 0 },
	{ ORIGIN_TLS_EXPIRED, TRANSFER_ERROR_SERVER_CERTIFICATE_HAS_BAD_DATE, 0 },
	{ ORIGIN_TLS_SELF_SIGNED, TRANSFER_ERROR_SERVER_CERTIFICATE_UNTRUSTED,
		TRANSFER_ERROR_SERVER_CERTIFICATE_HAS_UNKNOWN_ROOT },
	{ ORIGIN_TLS_WRONG_HOST, TRANSFER_ERROR_SERVER_CERTIFICATE_UNTRUSTED, 0 },
};

START_TEST(certificates_are_judged)
{
	struct origin_config origin = { .tls = certificates[_i].tls };
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, &origin, NULL);
	spec = rig_download(&rig, 1, "/file?size=100&seed=1");
	spec.allow_insecure = false;
	spec.ca_file = origin_ca_path(rig.origin);
	t = rig_run(&rig, 1, &spec);
	ck_assert_msg(t->done.result.code == certificates[_i].code ||
			(certificates[_i].or_code &&
				t->done.result.code == certificates[_i].or_code),
		"%d %s", t->done.result.code, t->done.result.detail);
	if (!certificates[_i].code)
		rig_check_part(&rig, 1, 1, 100);
	else
		ck_assert_int_ne(t->done.result.library_code, 0);
	rig_stop(&rig);
}
END_TEST

START_TEST(never_from_https_to_http)
{
	struct origin_config origin = { .tls = ORIGIN_TLS_GOOD };
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, &origin, NULL);
	spec = rig_download(&rig, 1, "/file?redirect_to=http://127.0.0.1:1/");
	spec.allow_insecure = false;
	t = rig_run(&rig, 1, &spec);
	ck_assert_str_eq(t->order, "cD");
	ck_assert_int_eq(t->done.result.code, TRANSFER_ERROR_INSECURE_TRANSPORT);
	rig_stop(&rig);
}
END_TEST

/* What a server of frames begins with: get(), put(), frame(), and meet(), which waits for the next connection. */
#define FRAMES \
	"import os, socket, ssl, struct, sys\n" \
	"os.chdir(sys.argv[1])\n" \
	"tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n" \
	"tls.load_cert_chain('server.pem', 'server.key')\n" \
	"tls.set_alpn_protocols(['h2'])\n" \
	"listener = socket.create_server(('127.0.0.1', 0))\n" \
	"print('port %d.' % listener.getsockname()[1], flush=True)\n" \
	"def get(n):\n" \
	"    b = b''\n" \
	"    while len(b) < n:\n" \
	"        more = s.recv(n - len(b))\n" \
	"        if not more: sys.exit()\n" \
	"        b += more\n" \
	"    return b\n" \
	"def put(kind, flags, stream, body=b''):\n" \
	"    s.sendall(struct.pack('>I', len(body))[1:] + bytes([kind, flags]) +\n" \
	"        struct.pack('>I', stream) + body)\n" \
	"def frame(head=b''):\n" \
	"    head += get(9 - len(head))\n" \
	"    body = get(int.from_bytes(head[:3], 'big'))\n" \
	"    if head[3] == 4 and not head[4] & 1: put(4, 1, 0)\n" \
	"    return head[3], head[4], int.from_bytes(head[5:9], 'big'), body\n" \
	"def meet():\n" \
	"    global s\n" \
	"    s = tls.wrap_socket(listener.accept()[0], server_side=True)\n" \
	"    get(24)\n" \
	"    put(4, 0, 0)\n"

/* Says which weights it hears of, and goes on with a body until it has heard of one that changed. */
static const char weigher[] = FRAMES "meet()\n"
				     "streams = []\n"
				     "while True:\n"
				     "    s.settimeout(0.02)\n"
				     "    try:\n"
				     "        head = s.recv(1)\n"
				     "    except TimeoutError:\n"
				     "        for stream in streams: put(0, 0, stream, b'x')\n"
				     "        continue\n"
				     "    if not head: sys.exit()\n"
				     "    s.settimeout(None)\n"
				     "    kind, flags, stream, body = frame(head)\n"
				     "    if kind == 1:\n"
				     "        weight = body[4] + 1 if flags & 0x20 else 0\n"
				     "        print('begins %d.' % weight, flush=True)\n"
				     "        put(1, 4, stream, b'\\x88')\n"
				     "        streams.append(stream)\n"
				     "    if kind == 2 and stream in streams:\n"
				     "        print('goes on %d.' % (body[4] + 1), flush=True)\n"
				     "        streams.remove(stream)\n"
				     "        put(0, 1, stream, b'!')\n";

/* Starts such a server; argv[3] becomes the folder of its certificate. */
static struct proc *start_frames(const char **argv)
{
	const struct proc_config how = { .argv = argv };
	struct proc *server = NULL;
	const char *output;

	argv[3] = rig.folder;
	ck_assert_int_eq(proc_start(&how, &server), 0);
	output = proc_expect(server, ".", 10000);
	ck_assert_ptr_nonnull(output);
	ck_assert_int_eq(sscanf(output, "port %hu", &port), 1);
	return server;
}

/* What the server hears of: at the beginning, and while it runs. */
START_TEST(a_weight_changes_while_it_runs)
{
	const char *argv[] = { "python3", "-c", weigher, NULL, NULL };
	struct proc *server;
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	make_certificates();
	server = start_frames(argv);
	spec = rig_live(&rig, 1, target("x"));
	spec.live.body = ENGINE_BODY_COLLECT;
	spec.live.weight = 7;
	spec.ca_file = rig_path(&rig, "ca.pem");
	rig_begin(&rig, 1, &spec);
	ck_assert_ptr_nonnull(proc_expect(server, "begins 7.", 10000));
	engine_set_weight(rig.engine, 1, 1, 200);
	ck_assert_ptr_nonnull(proc_expect(server, "goes on 200.", 10000));
	t = rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	ck_assert_int_eq(t->done.result.code, 0);
	ck_assert(t->is_http2);
	ck_assert_int_eq(t->body[t->body_bytes - 1], '!');
	proc_free(server);
	rig_stop(&rig);
}
END_TEST

/*
 * Says once in the middle of a body that it goes away: which stream is the last one that it takes, why, and whether it closes at
 * once. It answers a body that has come whole, and says how long it was.
 */
static const char leaver[] = FRAMES
	"last, why, closes, is_told = int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), False\n"
	"def serve():\n"
	"    global is_told\n"
	"    n = 0\n"
	"    while True:\n"
	"        kind, flags, stream, body = frame()\n"
	"        if kind != 0: continue\n"
	"        n += len(body)\n"
	"        if body: put(8, 0, 0, struct.pack('>I', len(body)))\n"
	"        if body: put(8, 0, stream, struct.pack('>I', len(body)))\n"
	"        if n >= 100000 and not is_told:\n"
	"            is_told = True\n"
	"            put(7, 0, 0, struct.pack('>II', last and stream, why))\n"
	"            if closes: break\n"
	"        if flags & 1:\n"
	"            print('whole %d.' % n, flush=True)\n"
	"            put(1, 5, stream, b'\\x88')\n"
	"while True:\n"
	"    try:\n"
	"        meet()\n"
	"        serve()\n"
	"    except (SystemExit, OSError):\n"
	"        pass\n"
	"    s.close()\n";

static const struct {
	const char *last, *why, *closes;
	bool ends_well; /* at once */
} leavings[] = {
	{ "1", "0", "0", true },
	{ "0", "0", "0", false },
	{ "1", "0", "1", false },
	{ "0", "0", "1", false },
	{ "0", "11", "1", false },
};

/* The body is sent whole, then or by the next attempt; what was cut short is no success. */
static void leave(size_t i)
{
	static char body[1000000];
	const char *argv[] = { "python3", "-c", leaver, NULL, leavings[i].last, leavings[i].why,
		leavings[i].closes, NULL };
	struct proc *server = start_frames(argv);
	struct engine_spec spec = rig_live(&rig, i, target("x"));
	struct rig_task *t;

	spec.method = "PUT";
	spec.ca_file = rig_path(&rig, "ca.pem");
	spec.live.body = ENGINE_BODY_COLLECT;
	spec.live.source = ENGINE_SOURCE_BYTES;
	spec.live.source_bytes = body;
	spec.live.n_source_bytes = sizeof(body);
	spec.live.is_retry_safe = true;
	t = rig_run(&rig, i, &spec);
	if (t->done.result.code) {
		ck_assert_msg(!leavings[i].ends_well, "%s", t->done.result.detail);
		ck_assert(t->done.is_retryable);
		rig_forget(&rig, i);
		t = rig_run(&rig, i, &spec);
	}
	ck_assert_int_eq(t->done.result.code, 0);
	ck_assert_uint_eq(t->status, 200);
	ck_assert(t->is_http2);
	ck_assert_ptr_nonnull(proc_expect(server, "whole 1000000.", 10000));
	proc_free(server);
}

START_TEST(a_server_goes_away_during_an_upload)
{
	rig_start(&rig, NULL, NULL);
	make_certificates();
	for (size_t i = 0; i < sizeof(leavings) / sizeof(leavings[0]); i++)
		leave(i);
	rig_stop(&rig);
}
END_TEST

/* Says how much it may send before it hears anything, and sends as much. */
static const char pourer[] = FRAMES
	"meet()\n"
	"whole, part = 65535, 65535\n"
	"while True:\n"
	"    kind, flags, stream, body = frame()\n"
	"    if kind == 8 and stream == 0: whole += int.from_bytes(body, 'big')\n"
	"    for at in range(0, len(body), 6) if kind == 4 else []:\n"
	"        if body[at:at + 2] == b'\\0\\4': part = int.from_bytes(body[at + 2:at + 6], 'big')\n"
	"    if kind != 1: continue\n"
	"    n = min(whole, part, 4 << 20) >> 14\n"
	"    print('may send %d.' % (n << 14), flush=True)\n"
	"    put(1, 4, stream, b'\\x88')\n"
	"    for i in range(n): put(0, i == n - 1, stream, bytes(1 << 14))\n";

/* A long way does not make it slow: 4 MiB may be on their way, 40 a second where each way takes 50 ms. */
START_TEST(much_may_be_on_its_way)
{
	const char *argv[] = { "python3", "-c", pourer, NULL, NULL };
	struct engine_spec spec;
	struct proc *server;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	make_certificates();
	server = start_frames(argv);
	spec = rig_download(&rig, 1, target("x"));
	spec.ca_file = rig_path(&rig, "ca.pem");
	t = rig_run(&rig, 1, &spec);
	ck_assert_ptr_nonnull(proc_expect(server, "may send 4194304.", 10000));
	ck_assert_int_eq(t->done.result.code, 0);
	ck_assert(t->is_http2);
	ck_assert_uint_eq(t->done.received_bytes, 4 << 20);
	proc_free(server);
	rig_stop(&rig);
}
END_TEST

/* So much is not kept for a reader who wants the whole. */
#define LONG_BYTES ((size_t)65 << 20)

/* Shorter by far on the wire, but not so much that it looks like an attack. */
static void make_coded(const char *name)
{
	const char *path = rig_path(&rig, "www/%s", name);
	char *body = calloc(1, LONG_BYTES);
	struct coding_bytes coded;
	FILE *f;

	ck_assert_ptr_nonnull(body);
	for (size_t at = 0; at < LONG_BYTES; at += 1024)
		origin_bytes(5, at, body + at, 32);
	ck_assert_int_eq(coding_encode("zstd", body, LONG_BYTES, &coded), 0);
	f = fopen(path, "we");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(coded.bytes, 1, coded.size, f), coded.size);
	ck_assert_int_eq(fchmod(fileno(f), 0644) | fclose(f), 0);
	free(coded.bytes);
	free(body);
}

static size_t read_to_end(int fd)
{
	static char bytes[1 << 16];
	size_t size = 0;
	ssize_t n;

	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		size += (size_t)n;
	ck_assert_int_eq(n, 0);
	close(fd);
	return size;
}

/* The one says its length at once, the other does not. */
static const char *const long_ones[] = { "long", "long.zst" };

START_TEST(a_long_whole_body_comes_over_http1)
{
	const char *name = long_ones[_i];
	struct engine_spec spec;
	struct rig_task *t;

	start(NULL);
	if (_i)
		make_coded(name);
	else
		make_file(name, 5, LONG_BYTES);
	spec = rig_live(&rig, 1, target(name));
	spec.live.body = ENGINE_BODY_COLLECT;
	rig_begin(&rig, 1, &spec);
	t = rig_wait(&rig, 1, ENGINE_EVENT_DATA, 1);
	ck_assert_uint_eq(read_to_end(t->data_fds[0]), LONG_BYTES);
	rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	ck_assert_int_eq(t->done.result.code, 0);
	ck_assert_uint_eq(t->done.received_bytes, LONG_BYTES);
	ck_assert_str_eq(t->http_version, "1.1");
	ck_assert_str_eq(t->order, "cRdD");
	/* what must not be asked for twice is not */
	spec.live.is_retry_safe = false;
	rig_begin(&rig, 2, &spec);
	t = rig_wait(&rig, 2, ENGINE_EVENT_DONE, 1);
	ck_assert_int_eq(t->done.result.code, TRANSFER_ERROR_DATA_LENGTH_EXCEEDS_MAXIMUM);
	stop();
}
END_TEST

RUN_TESTS_WITHIN("engine/http2", 60, TEST(many_files_over_one_connection),
	TEST(a_stop_among_streams_hurts_nobody),
	TEST_EACH(a_large_head_is_judged_over_http1, heads),
	TEST(a_limit_set_later_holds_on_a_stream), TEST(a_limit_set_later_starts_a_coded_body_anew),
	TEST(a_limit_set_later_on_a_full_disk), TEST(puts_a_file),
	TEST(a_redirect_stays_on_its_connection), TEST(an_unknown_authority_is_not_trusted),
	TEST_EACH(certificates_are_judged, certificates), TEST(never_from_https_to_http),
	TEST(a_weight_changes_while_it_runs), TEST(a_server_goes_away_during_an_upload),
	TEST(much_may_be_on_its_way), TEST_EACH(a_long_whole_body_comes_over_http1, long_ones))
