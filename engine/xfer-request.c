/* SPDX-License-Identifier: MIT */
/*
 * The request as libcurl gets it: every option is set here, before the handle runs, and none
 * afterwards. What all requests have in common is set once in the life of a handle, the rest each
 * time. Only plain downloads share handles: whatever needs an option that they do not set (a
 * credential, a body, another method) has a handle to itself, so nothing of it can be
 * left for the next.
 */
#include "engine/xfer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/secret.h"
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
/* a stream leaves its handle the buffer: kept where no more of it was touched */
#define REQUEST_KEEP_STREAM_BYTES   (64u * 1024)
/* a shorter body is sent at once, without asking whether it is wanted */
#define REQUEST_EXPECT_BYTES        (INT64_C(1) << 20)
#define REQUEST_WEIGHT              16
/* as TLS writes versions: 1.0, and 1.3 */
#define REQUEST_TLS_FIRST           0x0301
#define REQUEST_TLS_LAST            0x0304
/* what decode.c knows */
#define REQUEST_CODINGS             "Accept-Encoding: gzip, deflate, br, zstd"
#define REQUEST_NO_CODING           "Accept-Encoding: identity"
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

/* It had one; without it now, its fields mean nothing. */
static bool has_lost_body(const struct xfer *x)
{
	bool had_body = x->spec.live.is_live ? x->spec.live.source != ENGINE_SOURCE_NONE
					     : !is_download(x);

	return had_body && !x->has_body;
}

static bool may_send(const struct xfer *x, const char *name, bool asks_for_part)
{
	if (is_reserved(name))
		return false;
	if (xfer_auth_is_known(x) && !strcasecmp(name, "Authorization"))
		return false;
	if (x->has_crossed && !redirect_header_may_cross(name))
		return false;
	if (xfer_upload_is_apart(x) && !upload_header_may_go(name))
		return false;
	if (has_lost_body(x) && redirect_header_is_of_body(name))
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
	uint64_t size_bytes = x->source ? source_size_bytes(x->source) : 0;
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

static int append_line(struct curl_slist **list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*list, line);

	if (!longer)
		return err_raise(-ENOMEM);
	*list = longer;
	return 0;
}

/* libcurl would wait for a 100 before each body. */
static bool expects_nothing(const struct xfer *x)
{
	int64_t length = x->spec.live.is_live && x->has_body ? xfer_send_length(x) : -1;

	return x->is_expect_refused || (length >= 0 && length < REQUEST_EXPECT_BYTES);
}

/* Those of which servers expect a body: that there is none has to be said. */
static bool is_bare(const struct xfer *x)
{
	static const char *const methods[] = { "POST", "PUT", "PATCH" };

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (!strcmp(x->method, methods[i]))
			return x->spec.live.is_live && !x->has_body;
	}
	return false;
}

static const char *choose_codings(const struct xfer *x)
{
	if (x->spec.live.decodes)
		return REQUEST_CODINGS;
	return is_download(x) ? REQUEST_NO_CODING : NULL;
}

/* What the caller did not say. */
static int append_own(struct xfer *x, const struct resume_request *ask, bool has_coding)
{
	const char *codings = has_coding ? NULL : choose_codings(x);
	int r = 0;

	if (expects_nothing(x))
		r = append_line(&x->headers, "Expect:");
	if (!r && is_bare(x))
		r = append(&x->headers, "Content-Length", "0");
	if (!r && codings)
		r = append_line(&x->headers, codings);
	if (r || !is_download(x))
		return r ? r : append_upload(x);
	if (ask->range[0])
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

static int append_auth(struct xfer *x)
{
	char *line = xfer_auth_line(x);
	int r = line ? append_line(&x->headers, line) : err_raise(-ENOMEM);

	secret_free(line);
	return r;
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
	if (!r && xfer_auth_is_known(x))
		r = append_auth(x);
	return r ? r : append_own(x, &ask, has_coding);
}

bool xfer_request_can_pause_http2(void)
{
	return curl_version_info(CURLVERSION_NOW)->version_num >= REQUEST_HTTP2_PAUSE_VERSION;
}

/* A live attempt: may it have to wait, for its reader, its source or an answer? */
static bool may_wait(const struct xfer *x)
{
	const struct engine_spec_live *live = &x->spec.live;

	return live->body == ENGINE_BODY_FLOW || live->asks ||
		(x->has_body && live->source != ENGINE_SOURCE_BYTES) || xfer_time_is_limited(x);
}

/* May the request go over a connection that multiplexes? */
static bool wants_http2(const struct xfer *x)
{
	if (x->is_http1_only || !url_is_https(x->url))
		return false;
	if (x->spec.live.is_live && may_wait(x))
		return xfer_request_can_pause_http2();
	if (x->resume.known_total_bytes - (int64_t)x->resume.offset_bytes >= REQUEST_BIG_BYTES)
		return false;
	if (x->spec.live.is_live)
		return true;
	/* kept bytes may have to wait for the caller, a limited transfer waits for its tokens */
	if (is_download(x) && !x->resume.offset_bytes && !xfer_time_is_limited(x))
		return true;
	return xfer_request_can_pause_http2();
}

static void set_body(struct xfer *x)
{
	CURL *e = x->easy;

	curl_easy_setopt(e, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(e, CURLOPT_INFILESIZE_LARGE, (curl_off_t)xfer_send_length(x));
	curl_easy_setopt(e, CURLOPT_READFUNCTION, xfer_send_on_send);
	curl_easy_setopt(e, CURLOPT_READDATA, x);
	curl_easy_setopt(e, CURLOPT_SEEKFUNCTION, xfer_send_on_seek);
	curl_easy_setopt(e, CURLOPT_SEEKDATA, x);
	curl_easy_setopt(e, CURLOPT_UPLOAD_BUFFERSIZE, REQUEST_SEND_BUFFER_BYTES);
	curl_easy_setopt(e, CURLOPT_EXPECT_100_TIMEOUT_MS, REQUEST_EXPECT_TIMEOUT_MS);
}

static void set_method(struct xfer *x)
{
	CURL *e = x->easy;

	if (x->has_body) {
		if (strcmp(x->method, "PUT") != 0)
			curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, x->method);
		return;
	}
	if (!strcmp(x->method, "HEAD"))
		curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
	else if (strcmp(x->method, "GET") != 0)
		curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, x->method);
}

/* What libcurl takes a proxy from when it is told none. */
static bool has_proxy(void)
{
	static const char *const names[] = { "http_proxy", "https_proxy", "HTTPS_PROXY",
		"all_proxy", "ALL_PROXY" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = getenv(names[i]);

		if (value && *value)
			return true;
	}
	return false;
}

static void set_callbacks(CURL *e)
{
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, xfer_body_on_header);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, xfer_body_on_receive);
	curl_easy_setopt(e, CURLOPT_DEBUGFUNCTION, xfer_body_on_raw);
	curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, xfer_body_on_connected);
	curl_easy_setopt(e, CURLOPT_SOCKOPTFUNCTION, xfer_body_on_socket);
	curl_easy_setopt(e, CURLOPT_CLOSESOCKETFUNCTION, multi_on_close);
	curl_easy_setopt(e, CURLOPT_RESOLVER_START_FUNCTION, xfer_body_on_resolve);
}

/* What all requests of a worker have in common. NULL: no memory. */
static CURL *new_easy(const struct xfer_env *env)
{
	CURL *e = curl_easy_init();

	if (!e)
		return NULL;
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, REQUEST_CONNECT_TIMEOUT_MS);
	/* a cancelled transfer does not wait for its name lookup */
	curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
	set_callbacks(e);
	/* what copies text may lack memory; all else cannot fail for values of ours */
	if (curl_easy_setopt(e, CURLOPT_BUFFERSIZE, REQUEST_BUFFER_BYTES) ||
		curl_easy_setopt(e, CURLOPT_USERAGENT, env->user_agent) ||
		(!has_proxy() &&
			(curl_easy_setopt(e, CURLOPT_PROXY, "") ||
				curl_easy_setopt(e, CURLOPT_NOPROXY, "")))) {
		curl_easy_cleanup(e);
		return NULL;
	}
	return e;
}

/* The authorities that count for this request. */
static int set_authorities(struct xfer *x)
{
	const char *ca_file = x->spec.ca_file ? x->spec.ca_file : x->env->ca_file;
	char *own = NULL;

	if (!url_is_secure(x->url))
		return 0;
	/* where none are named, those that libcurl was built with */
	curl_easy_getinfo(x->easy, CURLINFO_CAINFO, &own);
	if (curl_easy_setopt(x->easy, CURLOPT_CAINFO, ca_file ? ca_file : own))
		return err_raise(-ENOMEM);
	return 0;
}

static int set_proxy(struct xfer *x)
{
	const struct engine_spec_live *live = &x->spec.live;

	if (live->proxy && curl_easy_setopt(x->easy, CURLOPT_PROXY, live->proxy))
		return err_raise(-ENOMEM);
	if (live->no_proxy && curl_easy_setopt(x->easy, CURLOPT_NOPROXY, live->no_proxy))
		return err_raise(-ENOMEM);
	return 0;
}

static void set_tls(struct xfer *x)
{
	static const long from[] = { CURL_SSLVERSION_TLSv1_0, CURL_SSLVERSION_TLSv1_1,
		CURL_SSLVERSION_TLSv1_2, CURL_SSLVERSION_TLSv1_3 };
	static const long to[] = { CURL_SSLVERSION_MAX_TLSv1_0, CURL_SSLVERSION_MAX_TLSv1_1,
		CURL_SSLVERSION_MAX_TLSv1_2, CURL_SSLVERSION_MAX_TLSv1_3 };
	const struct engine_spec_live *live = &x->spec.live;
	long version = CURL_SSLVERSION_TLSv1_2;

	if (live->tls_min >= REQUEST_TLS_FIRST && live->tls_min <= REQUEST_TLS_LAST)
		version = from[live->tls_min - REQUEST_TLS_FIRST];
	if (live->tls_max >= REQUEST_TLS_FIRST && live->tls_max <= REQUEST_TLS_LAST)
		version |= to[live->tls_max - REQUEST_TLS_FIRST];
	curl_easy_setopt(x->easy, CURLOPT_SSLVERSION, version);
}

static int set_live(struct xfer *x)
{
	const struct engine_spec_live *live = &x->spec.live;

	if (!live->is_live)
		return 0;
	multi_raise_max_connections(x->pool->multi, live->max_connections_per_host);
	xfer_request_set_weight(x, live->weight);
	if (live->tls_min || live->tls_max)
		set_tls(x);
	return set_proxy(x);
}

void xfer_request_set_weight(struct xfer *xfer, unsigned weight)
{
	xfer->spec.live.weight = weight; /* of its next request, too */
	if (xfer->easy)
		curl_easy_setopt(xfer->easy, CURLOPT_STREAM_WEIGHT,
			weight ? (long)weight : (long)REQUEST_WEIGHT);
}

static void mark(curl_socket_t fd, uint8_t dscp)
{
	int value = dscp << 2; /* above the two bits of ECN */

	/* one of the two is the socket's; a mark is only a wish */
	(void)setsockopt(fd, IPPROTO_IP, IP_TOS, &value, sizeof(value));
	(void)setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &value, sizeof(value));
}

/* A kept connection has the mark of whom it served last. */
void xfer_request_on_use(struct xfer *xfer, int fd)
{
	xfer->socket_fd = fd;
	if (xfer->pool->is_marked)
		mark(fd, xfer->spec.live.dscp);
}

void xfer_request_on_watch(void *private_data, int fd)
{
	if (private_data)
		xfer_request_on_use(private_data, fd);
}

/* What every request sets, a shared handle or not. */
static int set_request(struct xfer *x)
{
	bool is_multiplexed = wants_http2(x);
	CURL *e = x->easy;
	int r;

	curl_easy_setopt(e, CURLOPT_HTTP_VERSION,
		is_multiplexed ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(e, CURLOPT_PIPEWAIT, is_multiplexed ? 1L : 0L);
	curl_easy_setopt(e, CURLOPT_VERBOSE, 0L);
	curl_easy_setopt(e, CURLOPT_PRIVATE, x);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, x);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, x);
	curl_easy_setopt(e, CURLOPT_DEBUGDATA, x);
	curl_easy_setopt(e, CURLOPT_PREREQDATA, x);
	curl_easy_setopt(e, CURLOPT_SOCKOPTDATA, x);
	curl_easy_setopt(e, CURLOPT_CLOSESOCKETDATA, x->pool->multi);
	curl_easy_setopt(e, CURLOPT_RESOLVER_START_DATA, x);
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, x->headers);
	curl_easy_setopt(e, CURLOPT_CURLU, x->url->handle);
	/* the same, which libcurl would have to put together */
	if (curl_easy_setopt(e, CURLOPT_URL, x->url->text))
		return err_raise(-ENOMEM);
	r = set_live(x);
	return r ? r : set_authorities(x);
}

/* Basic for the origin whose URL named a user; a redirect's URL never has one. */
static int set_credentials(struct xfer *x)
{
	const char *password = x->url->password ? x->url->password : "";

	curl_easy_setopt(x->easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
	if (curl_easy_setopt(x->easy, CURLOPT_USERNAME, x->url->user) ||
		curl_easy_setopt(x->easy, CURLOPT_PASSWORD, password))
		return err_raise(-ENOMEM);
	return 0;
}

/* Needs no option that set_request() does not set. */
static bool is_plain(const struct xfer *x)
{
	const struct engine_spec_live *live = &x->spec.live;

	if (live->proxy || live->no_proxy || live->tls_min || live->tls_max || xfer_ftp_is(x))
		return false;
	return !x->has_body && !strcmp(x->method, "GET") && !xfer_auth_has_url(x);
}

void xfer_request_on_socket(struct xfer *xfer, curl_socket_t fd)
{
	if (!xfer->spec.live.dscp)
		return;
	xfer->pool->is_marked = true;
	mark(fd, xfer->spec.live.dscp);
}

/*
 * libcurl comes here a second time when it repeats a request on a fresh connection, because the kept one was dead. What the
 * server may have acted on is not sent again by itself.
 */
static bool is_second_try(struct xfer *x)
{
	long sent_bytes = 0;

	if (++x->live.n_prereq < 2 || !x->spec.live.is_live || x->spec.live.is_retry_safe)
		return false;
	return !curl_easy_getinfo(x->easy, CURLINFO_REQUEST_SIZE, &sent_bytes) && sent_bytes > 0;
}

bool xfer_request_on_connected(struct xfer *xfer)
{
	if (is_second_try(xfer)) {
		xfer_fault(xfer, TRANSFER_ERROR_NETWORK_CONNECTION_LOST,
			"the connection broke, and the request may have arrived");
		xfer->is_retryable = false;
		return false;
	}
	xfer_metrics_on_connected(xfer);
	return true;
}

int xfer_request_new(struct xfer *xfer)
{
	int r = make_headers(xfer);

	xfer->live.n_prereq = 0;
	xfer_metrics_begin(xfer);
	if (r)
		return r;
	xfer->may_keep_easy = is_plain(xfer);
	if (xfer->may_keep_easy)
		xfer->easy = multi_take_easy(xfer->pool->multi);
	if (!xfer->easy)
		xfer->easy = new_easy(xfer->env);
	if (!xfer->easy)
		return err_raise(-ENOMEM);
	r = set_request(xfer);
	if (r || xfer->may_keep_easy)
		return r;
	if (xfer->has_body)
		set_body(xfer);
	if (xfer_ftp_is(xfer))
		r = xfer_ftp_set(xfer);
	else
		set_method(xfer);
	if (r)
		return r;
	return xfer_auth_has_url(xfer) ? set_credentials(xfer) : 0;
}

/* Of what was said to a server nothing stays behind. */
static void wipe(struct curl_slist *headers)
{
	static const char name[] = "Authorization:";

	for (; headers; headers = headers->next) {
		if (!strncasecmp(headers->data, name, strlen(name)))
			explicit_bzero(headers->data, strlen(headers->data));
	}
}

void xfer_request_free(struct xfer *xfer, bool is_clean)
{
	bool may_keep = is_clean && xfer->may_keep_easy &&
		(!xfer->is_http2 || xfer->network_bytes <= REQUEST_KEEP_STREAM_BYTES);

	if (xfer->easy && may_keep)
		multi_keep_easy_take(xfer->pool->multi, take_ptr(xfer->easy));
	else
		curl_easy_cleanup(take_ptr(xfer->easy));
	wipe(xfer->headers);
	curl_slist_free_all(take_ptr(xfer->headers));
	/* who reads it as it comes may be behind */
	if (!xfer->live.outlet)
		xfer->decode = decode_free(xfer->decode);
}
