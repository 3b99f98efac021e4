/* SPDX-License-Identifier: MIT */
/* Redirects: followed without asking, with the right method and body, and with no secret to anyone else. */
#include <stdio.h>
#include <string.h>

#include "tests/lib/run.h"
#include "tests/system/rig.h"

static struct rig rig;

/* what a redirect does to a method (SW-48, SW-50, SW-51, BT-49, SW-10); uploads carry a body */
static const struct {
	unsigned status;
	const char *method;
	const char *want_method;
	bool want_body;
} hops[] = {
	{ 301, "GET", "GET", false },
	{ 302, "GET", "GET", false },
	{ 303, "GET", "GET", false },
	{ 307, "GET", "GET", false },
	{ 308, "GET", "GET", false },
	{ 301, "HEAD", "HEAD", false },
	{ 302, "HEAD", "HEAD", false },
	{ 303, "HEAD", "HEAD", false },
	{ 307, "HEAD", "HEAD", false },
	{ 301, "DELETE", "DELETE", false },
	{ 302, "DELETE", "DELETE", false },
	{ 303, "DELETE", "GET", false },
	{ 308, "DELETE", "DELETE", false },
	{ 301, "POST", "GET", false },
	{ 302, "POST", "GET", false },
	{ 303, "POST", "GET", false },
	{ 307, "POST", "POST", true },
	{ 308, "POST", "POST", true },
	{ 301, "PUT", "PUT", true },
	{ 302, "PUT", "PUT", true },
	{ 303, "PUT", "GET", false },
	{ 307, "PUT", "PUT", true },
	{ 308, "PUT", "PUT", true },
};

START_TEST(keeps_or_changes_the_method)
{
	bool upload = *hops[_i].method == 'P';
	transfer_request *request;
	struct origin_entry entry;
	transfer_task *task;
	struct app *app;
	char target[64], hex[65];
	char *path;

	rig_new(&rig);
	path = tmpdir_path("source");
	ck_assert_int_eq(origin_bytes_write(path, 3, 300000), 0);
	origin_bytes_sha256(3, 300000, hex);
	app = app_open(&rig, NULL);
	snprintf(target, sizeof(target), "/%u?location=/jsonBody", hops[_i].status);
	request = app_request(app, target);
	transfer_request_set_method(request, hops[_i].method);
	task = upload ? app_make_upload(app, request, path) : app_make(app, request);
	transfer_task_resume(task);
	app_flush(app);
	ck_assert_int_eq(app_wait(app, task), 0);
	ck_assert_int_eq(app_status(task), 200);
	if (!upload)
		ck_assert_str_eq(APP_EVENTS(app, task), "file done:0");
	ck_assert_int_eq(origin_log_find(rig.origin, "/jsonBody", 1, &entry), 0);
	ck_assert_str_eq(entry.method, hops[_i].want_method);
	ck_assert_uint_eq(entry.body_received_bytes, hops[_i].want_body ? 300000 : 0);
	if (hops[_i].want_body)
		ck_assert_str_eq(entry.body_sha256, hex);
	ck_assert_uint_eq(origin_log_count(rig.origin, "/"), 2);
	free(path);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* where a Location leads (GS-02, GS-10, SW-54, SW-55, SW-57, BT-50, BT-51, BT-53, N-14, N-15) */
static const struct {
	const char *target;
	int want_code;
	int want_status;
	const char *want_target; /* the last one that was asked for */
	unsigned want_requests;
} routes[] = {
	{ "/tmpRedirectToOK", 0, 200, "/contentOK", 2 },
	{ "/tmpRelativeRedirectToOK", 0, 200, "/contentOK", 2 },
	{ "/UnitedKingdom", 0, 200, "/UK", 2 },
	{ "/303?location=/echo-query?param=f%2520oo", 0, 200, "/echo-query?param=f%20oo", 2 },
	{ "/file?redirect_to=//127.0.0.1:%PORT%/Nepal", 0, 200, "/Nepal", 2 },
	{ "/file?redirect_to=?size=5", 0, 200, "/file?size=5", 2 },
	{ "/file?redirect_to=/Nepal%23part", 0, 200, "/Nepal", 2 },
	{ "/redirect/16", 0, 200, "/jsonBody", 17 },
	{ "/redirect/17", TRANSFER_ERROR_TOO_MANY_REDIRECTS, 0, "/redirect/1", 17 },
	{ "/file?redirect_to=/file?redirect_to=x", 0, 404, "/x", 3 },
	{ "/300", 0, 300, "/300", 1 },
	{ "/304", 0, 304, "/304", 1 },
	{ "/305", 0, 305, "/305", 1 },
	{ "/306", 0, 306, "/306", 1 },
	{ "/file?status=302", 0, 302, "/file", 1 },
	{ "/file?redirect_to=", 0, 302, "/file", 1 },
	{ "/file?redirect_to=ftp://127.0.0.1/x", TRANSFER_ERROR_UNSUPPORTED_URL, 0, "/file", 1 },
	{ "/file?redirect_to=file:///etc/passwd", TRANSFER_ERROR_UNSUPPORTED_URL, 0, "/file", 1 },
	{ "/file?redirect_to=data:,x", TRANSFER_ERROR_UNSUPPORTED_URL, 0, "/file", 1 },
	{ "/file?redirect_to=javascript:x", TRANSFER_ERROR_UNSUPPORTED_URL, 0, "/file", 1 },
	{ "/file?redirect_to=dict://127.0.0.1:1/x", TRANSFER_ERROR_UNSUPPORTED_URL, 0, "/file", 1 },
	{ "/file?redirect_to=http://127.0.0.1:99999/", TRANSFER_ERROR_BAD_URL, 0, "/file", 1 },
};

START_TEST(leads_there)
{
	struct origin_entry entry;
	transfer_task *task;
	struct app *app;
	char target[256], *hole;
	unsigned n;

	rig_new(&rig);
	snprintf(target, sizeof(target), "%s", routes[_i].target);
	hole = strstr(target, "%PORT%");
	if (hole)
		snprintf(hole, sizeof(target) - (size_t)(hole - target), "%u%s",
			origin_port(rig.origin), routes[_i].target + (hole - target) + 6);
	app = app_open(&rig, NULL);
	task = app_download(app, target);
	ck_assert_int_eq(app_wait(app, task), routes[_i].want_code);
	ck_assert_str_eq(APP_EVENTS(app, task),
		routes[_i].want_code ? strstr(APP_EVENTS(app, task), "done") : "file done:0");
	if (routes[_i].want_status)
		ck_assert_int_eq(app_status(task), routes[_i].want_status);
	n = origin_log_count(rig.origin, "/");
	ck_assert_uint_eq(n, routes[_i].want_requests);
	ck_assert_int_eq(origin_log_find(rig.origin, "/", n, &entry), 0);
	ck_assert(!strncmp(entry.target, routes[_i].want_target, strlen(routes[_i].want_target)));
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* another origin (another port is one) never sees what was meant for the first (BT-52, N-13) */
static const char *const secrets[] = {
	"Authorization",
	"Cookie",
	"X-Api-Key",
	"Proxy-Authorization",
	"Idempotency-Key",
};

START_TEST(keeps_secrets_at_home)
{
	struct origin *other;
	struct origin_entry entry;
	transfer_request *request;
	transfer_task *task;
	struct app *app;
	char target[256], value[64];

	rig_new(&rig);
	ck_assert_int_eq(origin_new(NULL, &other), 0);
	app = app_open(&rig, NULL);
	snprintf(target, sizeof(target), "/file?redirect_to=%s/Nepal", origin_base(other));
	request = app_request(app, target);
	transfer_request_set_header(request, secrets[_i], "secret-4711");
	transfer_request_set_header(request, "Accept-Language", "de");
	task = app_start(app, request);
	ck_assert_int_eq(app_wait(app, task), 0);
	ck_assert_int_eq(origin_log_find(other, "/Nepal", 1, &entry), 0);
	ck_assert_ptr_null(strstr(entry.headers, "secret-4711"));
	ck_assert(origin_entry_header(&entry, "Accept-Language", value, sizeof(value)));
	/* at home it was sent, and within one origin it is sent again */
	request = app_request(app, "/file?redirect_to=/Peru");
	transfer_request_set_header(request, secrets[_i], "secret-4711");
	task = app_start(app, request);
	ck_assert_int_eq(app_wait(app, task), 0);
	if (strcmp(secrets[_i], "Proxy-Authorization") != 0) {
		ck_assert_int_eq(origin_log_find(rig.origin, "/Peru", 1, &entry), 0);
		ck_assert_ptr_nonnull(strstr(entry.headers, "secret-4711"));
	}
	app_close(app);
	origin_free(other);
	rig_done(&rig);
	ck_assert_uint_eq(rig_log_count(&rig, "secret-4711"), 0);
}
END_TEST

/* https never falls to http, unless the session says so (BT-53, N-12) */
START_TEST(does_not_fall_to_http)
{
	struct origin *plain;
	transfer_request *request;
	transfer_task *task;
	struct app_config config = { .secure = true };
	struct app *app;
	char target[256];

	rig_new_tls(&rig, ORIGIN_TLS_GOOD);
	ck_assert_int_eq(origin_new(NULL, &plain), 0);
	app = app_open(&rig, &config);
	snprintf(target, sizeof(target), "/file?redirect_to=%s/Nepal", origin_base(plain));
	request = app_request(app, target);
	transfer_request_set_ca_file(request, origin_ca_path(rig.origin));
	task = app_start(app, request);
	app_check_failed(app, task, TRANSFER_ERROR_INSECURE_TRANSPORT);
	ck_assert_uint_eq(origin_log_count(plain, "/"), 0);
	request = app_request(app, target);
	transfer_request_set_ca_file(request, origin_ca_path(rig.origin));
	transfer_request_set_allow_insecure(request, true);
	task = app_start(app, request);
	ck_assert_int_eq(app_wait(app, task), 0);
	ck_assert_uint_eq(origin_log_count(plain, "/Nepal"), 1);
	app_close(app);
	origin_free(plain);
	rig_done(&rig);
}
END_TEST

/* what the first server answered is no answer of the second: an upload or a download that fails there has failed */
START_TEST(fails_behind_a_redirect)
{
	const struct origin_config liar = { .tls = ORIGIN_TLS_SELF_SIGNED, .folder = tmpdir_new() };
	transfer_auto(transfer_error) error = NULL;
	struct origin *other;
	transfer_task *task;
	struct app *app;
	char target[256], *path;

	ck_assert_int_eq(origin_new(&liar, &other), 0);
	rig_new(&rig);
	path = tmpdir_path("source");
	ck_assert_int_eq(origin_bytes_write(path, 3, 1000), 0);
	app = app_open(&rig, NULL);
	snprintf(target, sizeof(target), "/file?status=307&redirect_to=%s/Nepal",
		origin_base(other));
	task = _i ? app_upload(app, "PUT", target, path) : app_download(app, target);
	app_check_failed(app, task, TRANSFER_ERROR_SERVER_CERTIFICATE_HAS_UNKNOWN_ROOT);
	ck_assert_int_eq(app_status(task), 0);
	error = transfer_task_copy_error(task);
	snprintf(target, sizeof(target), "%s/Nepal", origin_base(other));
	ck_assert_str_eq(transfer_error_get_failing_url(error), target);
	ck_assert_uint_eq(origin_log_count(other, "/"), 0);
	free(path);
	app_close(app);
	origin_free(other);
	rig_done(&rig);
}
END_TEST

RUN_TESTS_WITHIN("system/redirect", 60, TEST_EACH(keeps_or_changes_the_method, hops),
	TEST_EACH(leads_there, routes), TEST_EACH(keeps_secrets_at_home, secrets),
	TEST(does_not_fall_to_http), TEST_LOOP(fails_behind_a_redirect, 2))
