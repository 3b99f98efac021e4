/* SPDX-License-Identifier: MIT */
/*
 * What libcurl calls while a request runs. Nothing here adds, removes or frees a handle, and no
 * option is set but one: VERBOSE, which only makes libcurl show the raw bytes of a chunked body,
 * so that their framing can be checked, and say what it found behind an answer without a body.
 * A refusal is noted as the attempt's fault and told to libcurl, which then closes the connection.
 */
#include "engine/xfer.h"

#include <errno.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>

#include "engine/multi.h"
#include "engine/sink.h"
#include "engine/url.h"
#include "engine/worker.h"

/* A body that nobody wants is read to keep the connection, but not for ever. */
#define BODY_DROP_MAX_BYTES          (64u * 1024)
/* A checkpoint comes no sooner than this after the last one, unless so many times its bytes have come. */
#define CHECKPOINT_GAP_US            (UINT64_C(200) * CLOCK_US_PER_MS)
#define CHECKPOINT_FAST_TIMES        4
#define BODY_UPLOAD_ANSWER_MAX_BYTES (UINT64_C(64) << 20)

static bool is_download(const struct xfer *x)
{
	return x->spec.kind == TRANSFER_TASK_DOWNLOAD;
}

/* NULL: the connection has none. */
static SSL *find_tls(CURL *easy)
{
	struct curl_tlssessioninfo *tls = NULL;

	if (curl_easy_getinfo(easy, CURLINFO_TLS_SSL_PTR, &tls) || !tls ||
		tls->backend != CURLSSLBACKEND_OPENSSL)
		return NULL;
	return tls->internals;
}

/* Does the connection speak HTTP/2? Asked of TLS, not of the status line, which can lie. */
static bool has_http2(SSL *tls)
{
	const unsigned char *protocol = NULL;
	unsigned size = 0;

	if (!tls)
		return false;
	SSL_get0_alpn_selected(tls, &protocol, &size);
	return size == 2 && !memcmp(protocol, "h2", 2);
}

int xfer_body_on_resolve(void *resolver, void *reserved, void *user)
{
	struct xfer *x = user;

	(void)resolver;
	(void)reserved;
	if (!x->is_connecting)
		x->phase_us = clock_now_us();
	x->is_connecting = true;
	return 0;
}

int xfer_body_on_socket(void *user, curl_socket_t fd, curlsocktype purpose)
{
	(void)purpose;
	xfer_body_on_resolve(NULL, NULL, user);
	xfer_request_on_socket(user, fd);
	return CURL_SOCKOPT_OK;
}

/*
 * A kept connection on which bytes wait before anything is asked: the answer before was longer than
 * it said. What follows would be taken for the answer to this request. What TLS sends for itself cannot be told from that
 * without reading it; its tickets come before the first answer, so little is lost. A server of HTTP/2 may speak at any time.
 */
static bool is_tainted(struct xfer *x, SSL *tls, int kept_fd)
{
	char byte;

	if (kept_fd < 0 || x->is_connecting || x->is_http2)
		return false;
	xfer_request_on_use(x, kept_fd);
	return (tls && SSL_has_pending(tls)) ||
		recv(kept_fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/*
 * There is a connection and the request goes out now; once more when libcurl found a kept
 * connection dead.
 */
int xfer_body_on_connected(void *user, char *ip, char *local_ip, int port, int local_port)
{
	struct xfer *x = user;
	SSL *tls = url_is_https(x->url) ? find_tls(x->easy) : NULL;
	int kept_fd = multi_find_kept(x->pool->multi, ip, (uint16_t)port, (uint16_t)local_port);

	(void)local_ip;
	x->is_http2 = has_http2(tls);
	x->is_tainted = is_tainted(x, tls, kept_fd);
	if (x->is_tainted || !xfer_request_on_connected(x))
		return CURL_PREREQFUNC_ABORT;
	/* what libcurl has tried again it counts over the life of a handle */
	x->may_keep_easy = x->may_keep_easy && !x->is_connected;
	x->is_connected = true;
	x->moved_us = clock_now_us();
	x->floor_us = x->moved_us;
	x->floor_bytes = x->network_bytes + x->sent_bytes;
	x->chunk = (struct chunk){ 0 };
	head_done(&x->head);
	head_init(&x->head, x->is_http2, false);
	x->is_response_due = false;
	x->head.counts_104 = x->upload.is_wanted;
	if (!x->is_announced)
		xfer_post_simple(x, ENGINE_EVENT_CONNECTED);
	x->is_announced = true;
	return x->fault.code ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

size_t xfer_body_on_header(char *line, size_t one, size_t n, void *user)
{
	struct xfer *x = user;
	bool was_complete = x->head.is_complete;
	int r;

	(void)one;
	if (x->fault.code)
		return 0;
	if (xfer_ftp_is(x))
		return n;
	if (x->state == XFER_STATE_SEND)
		xfer_enter(x, XFER_STATE_HEAD);
	if (x->is_at_rest)
		worker_due_sooner(x->env->owner, 0);
	r = head_line(&x->head, line, n);
	if (r == HEAD_E_BAD)
		xfer_fault(x, TRANSFER_ERROR_BAD_SERVER_RESPONSE, x->head.why);
	else if (r)
		xfer_fault_memory(x);
	else if (x->head.is_interim)
		xfer_upload_on_interim(x);
	if (!x->fault.code && x->head.is_interim && x->spec.live.wants_informational)
		xfer_live_tell_informational(x);
	if (x->fault.code)
		return 0;
	if (!x->head.is_complete || was_complete)
		return n;
	xfer_enter(x, XFER_STATE_BODY);
	x->has_moved = true;
	if (!x->is_http2 &&
		(x->head.is_chunked || !x->head.content_length_bytes || xfer_has_no_body(x)))
		curl_easy_setopt(x->easy, CURLOPT_VERBOSE, 1L);
	xfer_judge(x);
	/* libcurl would answer a 417 by itself, behind our back */
	return x->fault.code || x->head.status == 417 || xfer_send_ends_with_head(x) ? 0 : n;
}

static size_t drop(struct xfer *x, size_t n)
{
	x->dropped_bytes += n;
	return x->dropped_bytes > BODY_DROP_MAX_BYTES ? 0 : n;
}

static int open_answer(struct xfer *x)
{
	struct sink_spec spec = { .path = x->spec.body_path };
	int r;

	if (!spec.path || x->sink)
		return 0;
	r = sink_open(&spec, &x->sink);
	if (r != -EMFILE && r != -ENFILE && r)
		xfer_fault_file(x, FAULT_FILE_CREATE, r);
	return r;
}

static int put(struct xfer *x, const char *bytes, size_t n)
{
	int r = sink_write(x->sink, bytes, n);

	if (r)
		xfer_fault_file(x, FAULT_FILE_WRITE, r);
	return r;
}

static int put_answer(struct xfer *x, const char *bytes, size_t n)
{
	if (!x->spec.body_path) {
		x->received_bytes += n;
		return 0;
	}
	if (sink_offset_bytes(x->sink) + n > BODY_UPLOAD_ANSWER_MAX_BYTES) {
		xfer_fault(
			x, TRANSFER_ERROR_DATA_LENGTH_EXCEEDS_MAXIMUM, "the response is too long");
		return -1;
	}
	return put(x, bytes, n);
}

/*
 * An answer does not come twice: while there is no descriptor for its file it waits in the socket. An HTTP/2 stream that must not
 * be paused cannot.
 */
static size_t wait_for_file(struct xfer *x, int error_no)
{
	if (!x->fault.code && x->is_http2 && !xfer_request_can_pause_http2())
		xfer_fault_file(x, FAULT_FILE_CREATE, error_no);
	if (x->fault.code)
		return 0;
	x->receive_pause |= XFER_PAUSE_FILE;
	return CURL_WRITEFUNC_PAUSE;
}

static size_t keep_coded(struct xfer *x, const char *bytes, size_t n)
{
	x->network_bytes += n;
	return xfer_decode_put(x, bytes, n, is_download(x) ? put : put_answer) ? 0 : n;
}

static size_t keep_answer(struct xfer *x, const char *bytes, size_t n)
{
	x->network_bytes += n;
	return put_answer(x, bytes, n) ? 0 : n;
}

/*
 * Each costs a sync and a commit, which hold up what writes. Where 64 MiB take a twentieth of a second, they are not worth one.
 */
static bool is_checkpoint_due(const struct xfer *x, uint64_t after_bytes)
{
	uint64_t fresh_bytes = after_bytes - x->checkpoint_base_bytes;

	if (x->is_checkpointing || fresh_bytes < x->spec.checkpoint_bytes)
		return false;
	return fresh_bytes >= CHECKPOINT_FAST_TIMES * x->spec.checkpoint_bytes ||
		clock_now_us() - x->checkpoint_us >= CHECKPOINT_GAP_US;
}

static size_t keep_part(struct xfer *x, const char *bytes, size_t n)
{
	uint64_t after_bytes = sink_offset_bytes(x->sink) + n;

	x->network_bytes += n;
	if (x->total_bytes >= 0 && after_bytes > (uint64_t)x->total_bytes) {
		xfer_fault(x, TRANSFER_ERROR_BAD_SERVER_RESPONSE, "the body is too long");
		return 0;
	}
	if (put(x, bytes, n))
		return 0;
	if (is_checkpoint_due(x, after_bytes))
		xfer_disk_checkpoint(x);
	else
		xfer_disk_write_out(x);
	return n;
}

size_t xfer_body_keep(struct xfer *xfer, const char *bytes, size_t n)
{
	return xfer->decode ? keep_coded(xfer, bytes, n) : keep_part(xfer, bytes, n);
}

size_t xfer_body_on_receive(char *bytes, size_t one, size_t n, void *user)
{
	struct xfer *x = user;

	(void)one;
	if (xfer_ftp_is(x) && !x->fault.code)
		xfer_ftp_begin(x);
	if (x->fault.code || !x->head.is_complete)
		return 0;
	x->has_moved = true;
	if (x->spec.live.is_live)
		x->moved_us = clock_now_us();
	if (x->live.is_late)
		return xfer_live_receive(x, bytes, n);
	if (xfer_live_sets_aside(x))
		return xfer_live_set_aside(x, bytes, n);
	if (x->body == XFER_BODY_DROP)
		return drop(x, n);
	if (x->receive_pause & ~(unsigned)XFER_PAUSE_RATE)
		return CURL_WRITEFUNC_PAUSE;
	if (!is_download(x) && !x->live.outlet) {
		int r = open_answer(x);

		if (r)
			return wait_for_file(x, r);
		return x->decode ? keep_coded(x, bytes, n) : keep_answer(x, bytes, n);
	}
	if (x->is_held)
		return CURL_WRITEFUNC_PAUSE;
	if (x->spec.kind != TRANSFER_TASK_UPLOAD && xfer_time_is_limited(x)) {
		/*
		 * a stream that must not be paused is fetched anew over HTTP/1.1 by the next tick
		 */
		bool can_pause = !x->is_http2 || xfer_request_can_pause_http2();

		if (can_pause && !xfer_time_room_bytes(x, clock_now_us())) {
			x->receive_pause |= XFER_PAUSE_RATE;
			x->was_paced = true;
			return CURL_WRITEFUNC_PAUSE;
		}
		xfer_time_take(x, n);
	}
	if (x->live.outlet)
		return xfer_live_receive(x, bytes, n);
	return xfer_body_keep(x, bytes, n);
}

/* What libcurl says, and no more, when it has read more than an answer without a body; behind another it gives the connection up. */
static bool tells_of_excess(const char *text, size_t size)
{
	static const char excess[] = "Excess found";

	return size >= strlen(excess) && !memcmp(text, excess, strlen(excess));
}

/*
 * Raw bytes of a chunked body, before libcurl decodes them. Nobody reads what this returns, so
 * the connection is cut. That of an answer which is whole is only not used again.
 */
int xfer_body_on_raw(CURL *easy, curl_infotype type, char *bytes, size_t size, void *user)
{
	struct xfer *x = user;
	int r = 0;

	(void)easy;
	if (!x->head.is_complete || x->is_http2 || x->fault.code)
		return 0;
	if (type == CURLINFO_DATA_IN && x->head.is_chunked)
		r = chunk_feed(&x->chunk, bytes, size);
	else if (type == CURLINFO_TEXT && tells_of_excess(bytes, size))
		r = CHUNK_E_EXCESS;
	if (r == CHUNK_E_BAD)
		xfer_fault(x, TRANSFER_ERROR_BAD_SERVER_RESPONSE, "malformed chunked body");
	if (r && x->socket_fd >= 0)
		shutdown(x->socket_fd, SHUT_RDWR);
	return 0;
}
