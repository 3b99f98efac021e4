/* SPDX-License-Identifier: MIT */
/*
 * The request as libcurl gets it: every option is set here, before the handle runs, and none
 * afterwards. Each request of an attempt starts from a reset handle, so nothing of the one before
 * (a credential, a body) can be left in it.
 */
#include "engine/xfer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "engine/decode.h"
#include "engine/multi.h"
#include "engine/source.h"
#include "engine/url.h"

#define REQUEST_BUFFER_BYTES        (256L * 1024)
#define REQUEST_SEND_BUFFER_BYTES   (1024L * 1024)
#define REQUEST_EXPECT_TIMEOUT_MS   500L
/* time is ours: never 0, which means 300 s to libcurl */
#define REQUEST_CONNECT_TIMEOUT_MS  (30L * 24 * 3600 * 1000)
/* from here on one plain connection is faster than a stream */
#define REQUEST_BIG_BYTES           (INT64_C(64) << 20)
/* older libcurl gets stuck, leaks or overflows when one stream of several is paused */
#define REQUEST_HTTP2_PAUSE_VERSION 0x080e00u

/* Framing, routing and hop-by-hop fields are the engine's. */
static const char *const reserved[] = {
	"Connection",
	"Content-Length",
	"Expect",
	"Host",
	"HTTP2-Settings",
	"Keep-Alive",
	"Proxy-Authorization",
	"Proxy-Connection",
	"TE",
	"Trailer",
	"Transfer-Encoding",
	"Upgrade",
};

static bool is_reserved(const char *name)
{
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
		if (!strcasecmp(name, reserved[i]))
			return true;
	}
	return false;
}

static bool is_download(const struct xfer *x)
{
	return x->spec.kind == TRANSFER_TASK_DOWNLOAD;
}

static bool may_send(const struct xfer *x, const char *name, bool asks_for_part)
{
	if (is_reserved(name))
		return false;
	if (x->has_crossed && !redirect_header_may_cross(name))
		return false;
	if (xfer_upload_is_apart(x) && !upload_header_may_go(name))
		return false;
	if (!is_download(x) && !x->has_body && redirect_header_is_of_body(name))
		return false;
	/* a part of a coded body cannot be put together again */
	if (asks_for_part && !strcasecmp(name, "Accept-Encoding"))
		return false;
	if (!x->resume.has_caller_range && !strcasecmp(name, "If-Range"))
		return false;
	return true;
}

/* An empty value is written "Name;": "Name:" would mean to libcurl not to send the field. */
static int append(struct curl_slist **list, const char *name, const char *value)
{
	cleanup_(buf_done) struct buf line = { 0 };
	struct curl_slist *longer;
	int r = buf_append_str(&line, name);

	if (!r)
		r = buf_append_str(&line, *value ? ": " : ";");
	if (!r)
		r = buf_append_str(&line, value);
	if (r)
		return r;
	longer = curl_slist_append(*list, line.bytes);
	if (!longer)
		return err_raise(-ENOMEM);
	*list = longer;
	return 0;
}

static int append_number(struct curl_slist **list, const char *name, uint64_t number)
{
	char value[24];

	snprintf(value, sizeof(value), "%llu", (unsigned long long)number);
	return append(list, name, value);
}

/* What asks for a resumable upload, or resumes it. */
static int append_upload(struct xfer *x)
{
	const struct xfer_upload *u = &x->upload;
	uint64_t size_bytes = source_size_bytes(x->source);
	int r;

	if (!u->is_wanted || !size_bytes || (!x->has_body && !xfer_upload_is_apart(x)))
		return 0;
	r = append(&x->headers, "Upload-Draft-Interop-Version", UPLOAD_INTEROP_VERSION);
	if (r || !x->has_body)
		return r;
	r = append(&x->headers, "Upload-Complete", u->end_bytes == size_bytes ? "?1" : "?0");
	if (!r && u->leg == UPLOAD_LEG_CREATE)
		return append_number(&x->headers, "Upload-Length", size_bytes);
	if (!r)
		r = append_number(&x->headers, "Upload-Offset", u->base_bytes);
	return r ? r : append(&x->headers, "Content-Type", UPLOAD_CONTENT_TYPE);
}

/* What the caller did not say. */
static int append_own(struct xfer *x, const struct resume_request *ask, bool has_coding)
{
	int r = 0;

	if (x->is_expect_refused) {
		struct curl_slist *longer = curl_slist_append(x->headers, "Expect:");

		if (!longer)
			return err_raise(-ENOMEM);
		x->headers = longer;
	}
	if (!is_download(x))
		return append_upload(x);
	if (!has_coding)
		r = append(&x->headers, "Accept-Encoding", "identity");
	if (!r && ask->range[0])
		r = append(&x->headers, "Range", ask->range);
	if (!r && ask->range[0] && ask->if_range)
		r = append(&x->headers, "If-Range", ask->if_range);
	return r;
}

/* A Cookie header that was set by hand is the whole of it. */
static int append_cookies(struct xfer *x)
{
	cleanup_(buf_done) struct buf value = { 0 };
	int r = xfer_cookie_header(x, &value);

	return r || !value.size_bytes ? r : append(&x->headers, "Cookie", value.bytes);
}

static int make_headers(struct xfer *x)
{
	struct resume_request ask = { .range = "" };
	bool has_coding = false;
	bool wants_cookies = x->spec.jar && x->spec.sends_cookies;
	int r = 0;

	if (is_download(x))
		resume_request(&x->resume, &ask);
	for (size_t i = 0; !r && i < x->spec.n_headers; i++) {
		const struct engine_header *h = &x->spec.headers[i];

		if (!may_send(x, h->name, ask.range[0]))
			continue;
		has_coding = has_coding || !strcasecmp(h->name, "Accept-Encoding");
		wants_cookies = wants_cookies && strcasecmp(h->name, "Cookie") != 0;
		r = append(&x->headers, h->name, h->value);
	}
	if (!r && wants_cookies)
		r = append_cookies(x);
	return r ? r : append_own(x, &ask, has_coding);
}

bool xfer_request_can_pause_http2(void)
{
	return curl_version_info(CURLVERSION_NOW)->version_num >= REQUEST_HTTP2_PAUSE_VERSION;
}

/* May the request go over a connection that multiplexes? */
static bool wants_http2(const struct xfer *x)
{
	if (x->is_http1_only || !url_is_https(x->url))
		return false;
	if (x->resume.known_total_bytes - (int64_t)x->resume.offset_bytes >= REQUEST_BIG_BYTES)
		return false;
	if (xfer_request_can_pause_http2())
		return true;
	/* kept bytes may have to wait for the caller, a limited transfer waits for its tokens */
	return is_download(x) && !x->resume.offset_bytes && !xfer_time_is_limited(x);
}

static void set_method(struct xfer *x)
{
	CURL *e = x->easy;

	if (x->has_body) {
		curl_easy_setopt(e, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(e, CURLOPT_INFILESIZE_LARGE,
			(curl_off_t)(x->upload.end_bytes - x->upload.base_bytes));
		curl_easy_setopt(e, CURLOPT_READFUNCTION, xfer_body_on_send);
		curl_easy_setopt(e, CURLOPT_READDATA, x);
		curl_easy_setopt(e, CURLOPT_SEEKFUNCTION, xfer_body_on_seek);
		curl_easy_setopt(e, CURLOPT_SEEKDATA, x);
		curl_easy_setopt(e, CURLOPT_UPLOAD_BUFFERSIZE, REQUEST_SEND_BUFFER_BYTES);
		curl_easy_setopt(e, CURLOPT_EXPECT_100_TIMEOUT_MS, REQUEST_EXPECT_TIMEOUT_MS);
		if (strcmp(x->method, "PUT") != 0)
			curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, x->method);
		return;
	}
	if (!strcmp(x->method, "HEAD"))
		curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
	else if (strcmp(x->method, "GET") != 0)
		curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, x->method);
}

static void set_connection(struct xfer *x)
{
	const char *ca_file = x->spec.ca_file ? x->spec.ca_file : x->env->ca_file;
	bool is_multiplexed = wants_http2(x);
	CURL *e = x->easy;

	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, REQUEST_CONNECT_TIMEOUT_MS);
	/* a cancelled transfer does not wait for its name lookup */
	curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION,
		is_multiplexed ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(e, CURLOPT_PIPEWAIT, is_multiplexed ? 1L : 0L);
	curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
	if (ca_file)
		curl_easy_setopt(e, CURLOPT_CAINFO, ca_file);
}

static void set_callbacks(struct xfer *x)
{
	CURL *e = x->easy;

	curl_easy_setopt(e, CURLOPT_PRIVATE, x);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, xfer_body_on_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, x);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, xfer_body_on_receive);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, x);
	curl_easy_setopt(e, CURLOPT_DEBUGFUNCTION, xfer_body_on_raw);
	curl_easy_setopt(e, CURLOPT_DEBUGDATA, x);
	curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, xfer_body_on_connected);
	curl_easy_setopt(e, CURLOPT_PREREQDATA, x);
	curl_easy_setopt(e, CURLOPT_SOCKOPTFUNCTION, xfer_body_on_socket);
	curl_easy_setopt(e, CURLOPT_SOCKOPTDATA, x);
	curl_easy_setopt(e, CURLOPT_RESOLVER_START_FUNCTION, xfer_body_on_resolve);
	curl_easy_setopt(e, CURLOPT_RESOLVER_START_DATA, x);
}

static bool has_header(const struct xfer *x, const char *name)
{
	for (size_t i = 0; i < x->spec.n_headers; i++) {
		if (!strcasecmp(x->spec.headers[i].name, name))
			return true;
	}
	return false;
}

/* Basic for the origin whose URL named a user; a redirect's URL never has one. */
static void set_credentials(struct xfer *x)
{
	if (!x->url->user || x->has_crossed || has_header(x, "Authorization"))
		return;
	curl_easy_setopt(x->easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
	curl_easy_setopt(x->easy, CURLOPT_USERNAME, x->url->user);
	curl_easy_setopt(x->easy, CURLOPT_PASSWORD, x->url->password ? x->url->password : "");
}

int xfer_request_new(struct xfer *xfer)
{
	int r = make_headers(xfer);

	if (r)
		return r;
	xfer->easy = multi_take_easy(xfer->pool->multi);
	if (!xfer->easy)
		return err_raise(-ENOMEM);
	/* what copies text may lack memory; all else cannot fail for values of ours */
	if (curl_easy_setopt(xfer->easy, CURLOPT_BUFFERSIZE, REQUEST_BUFFER_BYTES) ||
		curl_easy_setopt(xfer->easy, CURLOPT_CURLU, xfer->url->handle) ||
		/* the same, which libcurl would have to put together */
		curl_easy_setopt(xfer->easy, CURLOPT_URL, xfer->url->text) ||
		curl_easy_setopt(xfer->easy, CURLOPT_HTTPHEADER, xfer->headers) ||
		curl_easy_setopt(xfer->easy, CURLOPT_USERAGENT, xfer->env->user_agent))
		return err_raise(-ENOMEM);
	set_connection(xfer);
	set_callbacks(xfer);
	set_method(xfer);
	set_credentials(xfer);
	return 0;
}

void xfer_request_free(struct xfer *xfer, bool is_clean)
{
	/*
	 * after a stream libcurl holds on to its buffer and then refuses to have the size set
	 * again
	 */
	bool may_keep = is_clean && !xfer->has_body && !xfer->is_http2;

	if (xfer->easy)
		multi_put_easy(xfer->pool->multi, take_ptr(xfer->easy), may_keep);
	curl_slist_free_all(take_ptr(xfer->headers));
	xfer->decode = decode_free(xfer->decode);
}
