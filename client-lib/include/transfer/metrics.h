/* SPDX-License-Identifier: MIT */
/*
 * What a transfer took: times and bytes of a task, and of each request and answer that it needed.
 *
 * Structs begin with their size: a program that was built against a newer library looks at it before it
 * reads members that were added later. Times are microseconds since the epoch; 0: it did not happen, as a
 * lookup on a connection that was there.
 *
 * Of NSURLSessionTaskTransactionMetrics there is not: cellular, expensive, constrained and multipath (transferd does
 * not know them), domainResolutionProtocol (the resolver of the system does not tell), and the bytes of the request's
 * body before encoding (bodies are sent as they are: request_body_bytes but for the framing).
 */
#ifndef TRANSFER_METRICS_H
#define TRANSFER_METRICS_H

#include <transfer/object.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where an answer came from. Source: NSURLSessionTaskMetricsResourceFetchType, same numbers. */
enum transfer_fetch_type {
	TRANSFER_FETCH_UNKNOWN = 0, /* it failed before */
	TRANSFER_FETCH_NETWORK = 1,
	TRANSFER_FETCH_SERVER_PUSH = 2, /* never */
	TRANSFER_FETCH_LOCAL = 3, /* stored, data:, file:, a custom protocol */
};

/* One request and its answer: of a redirect, of an attempt that was repeated, of the end. Source: NSURLSessionTaskTransactionMetrics */
struct transfer_transaction {
	size_t size;
	const char *url, *method;
	int status; /* 0: no answer came, or not of HTTP */
	enum transfer_fetch_type fetch_type;
	const char *protocol; /* "http/1.1", "h2", "ftp"; NULL: none was spoken */
	bool is_reused_connection, is_proxy;
	uint64_t fetch_start_wall_usec;
	uint64_t lookup_start_wall_usec, lookup_end_wall_usec;
	uint64_t connect_start_wall_usec;
	uint64_t secure_start_wall_usec, secure_end_wall_usec;
	uint64_t connect_end_wall_usec; /* the handshake included */
	uint64_t request_start_wall_usec, request_end_wall_usec;
	uint64_t response_start_wall_usec, response_end_wall_usec;
	/* on the wire, header fields as they were written */
	uint64_t request_header_bytes, request_body_bytes, response_header_bytes,
		response_body_bytes;
	uint64_t decoded_response_body_bytes;
	const char *local_address,
		*remote_address; /* through a proxy: the proxy's. NULL: no connection */
	uint16_t local_port, remote_port;
	const char *tls_version,
		*tls_cipher; /* "TLSv1.3", "TLS_AES_256_GCM_SHA384"; NULL: not secure */
};

/* What a task took. size tells how much of it the library filled. Source: NSURLSessionTaskMetrics */
struct transfer_metrics {
	size_t size;
	/* from the making of the task to its end; the response is not told in background sessions */
	uint64_t created_wall_usec, started_wall_usec, response_wall_usec, finished_wall_usec;
	uint64_t network_bytes; /* of bodies, as they were received; repeated parts included */
	uint32_t n_attempts, n_redirects;
	/* in order; none in background sessions */
	const struct transfer_transaction *const *transactions;
	size_t n_transactions;
};

#ifdef __cplusplus
}
#endif
#endif
