/* SPDX-License-Identifier: MIT */
/* /file?parts=N: an answer of several parts, each of which takes the place of the one before. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/origin-internal.h"

/* the line before a part, and its head */
static int send_part_head(struct origin_request *r, const char *boundary, uint64_t size_bytes)
{
	char *type = origin_knob(r, "part_type"), length[64] = "", *head = NULL;
	int n, result = -ENOMEM;

	if (origin_has(r, "part_lengths"))
		snprintf(length, sizeof(length), "Content-Length: %llu\r\n",
			(unsigned long long)size_bytes);
	n = asprintf(&head, "\r\n--%s\r\nContent-Type: %s\r\n%s\r\n", boundary,
		type ? type : "application/octet-stream", length);
	if (n >= 0)
		result = origin_conn_send(r->conn, head, (size_t)n);
	free(head);
	free(type);
	return result;
}

static int send_part_body(struct origin_request *r, uint64_t seed, uint64_t size_bytes)
{
	char *buffer = malloc(ORIGIN_SLICE);
	int result = buffer ? 0 : -ENOMEM;
	size_t n;

	for (uint64_t sent = 0; sent < size_bytes && !result; sent += n) {
		n = size_bytes - sent < ORIGIN_SLICE ? (size_t)(size_bytes - sent) : ORIGIN_SLICE;
		origin_bytes(seed, sent, buffer, n);
		result = origin_conn_send(r->conn, buffer, n);
		if (!result)
			origin_note_sent(r, n);
	}
	free(buffer);
	return result;
}

static int wait_part_gate(struct origin_request *r, uint64_t part)
{
	char *name = part ? origin_knob(r, "part_gate") : NULL, gate[96];

	if (!name)
		return 0;
	snprintf(gate, sizeof(gate), "%s%llu", name, (unsigned long long)part);
	free(name);
	return origin_conn_gate(r->conn, gate);
}

static int send_parts(struct origin_request *r, const char *boundary)
{
	uint64_t n_parts = origin_knob_u64(r, "parts", 0), size = origin_knob_u64(r, "size", 0);
	uint64_t seed = origin_knob_u64(r, "seed", 0);
	char end[128];
	int result = 0;

	for (uint64_t i = 0; i < n_parts && !result; i++) {
		result = wait_part_gate(r, i);
		if (!result)
			result = send_part_head(r, boundary, size);
		if (!result)
			result = send_part_body(r, seed + i, size);
	}
	snprintf(end, sizeof(end), "\r\n--%.96s--\r\n", boundary);
	return result ? result : origin_conn_send(r->conn, end, strlen(end));
}

int origin_parts_serve(struct origin_request *r)
{
	char *named = origin_knob(r, "boundary");
	const char *boundary = named ? named : "next-part";
	struct origin_answer a;
	int result;

	r->conn->close = true;
	origin_answer_init(&a, r, 200);
	origin_answer_field(
		&a, "Content-Type: multipart/x-mixed-replace; boundary=\"%s\"", boundary);
	result = origin_answer_head(&a);
	if (!result && !a.no_body)
		result = send_parts(r, boundary);
	origin_answer_done(&a);
	free(named);
	return result;
}
