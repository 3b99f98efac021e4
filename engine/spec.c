/* SPDX-License-Identifier: MIT */
/*
 * Copies engine_spec. Headers and method are checked here, so that no line end ever gets into a
 * request.
 */
#include "engine/spec.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/err.h"

/* A token of RFC 9110, section 5.6.2: a method or a header's name. */
static bool is_token(const char *s)
{
	static const char others[] = "!#$%&'*+-.^_`|~";

	if (!*s)
		return false;
	for (; *s; s++) {
		char c = *s;

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
			continue;
		if (!strchr(others, c))
			return false;
	}
	return true;
}

static int is_field_value(const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if ((c < ' ' && c != '\t') || c == 127)
			return 0;
	}
	return 1;
}

/* Live ones may be of any kind, and say themselves where a body comes from. */
static bool is_kind_good(const struct engine_spec *s)
{
	if (s->live.is_live) {
		bool has_bytes = s->live.source_bytes || !s->live.n_source_bytes;

		return s->kind != TRANSFER_TASK_STREAM &&
			(s->live.source != ENGINE_SOURCE_BYTES || has_bytes);
	}
	return s->kind == TRANSFER_TASK_DOWNLOAD || s->kind == TRANSFER_TASK_UPLOAD;
}

static bool needs_file(const struct engine_spec *s)
{
	if (s->live.is_live)
		return s->live.source == ENGINE_SOURCE_FILE;
	return s->kind == TRANSFER_TASK_UPLOAD;
}

static bool keeps_fd(const struct engine_spec *s)
{
	return needs_file(s) || (s->live.is_live && s->live.source == ENGINE_SOURCE_STREAM);
}

static int check_headers(const struct engine_header *headers, size_t n)
{
	if (n > SPEC_HEADERS_MAX)
		return err_raise(-EINVAL);
	for (size_t i = 0; i < n; i++) {
		if (!is_token(headers[i].name) || !is_field_value(headers[i].value))
			return err_raise(-EINVAL);
	}
	return 0;
}

static int check(const struct engine_spec *s)
{
	if (!is_kind_good(s))
		return err_raise(-EINVAL);
	if (!s->url || !s->method || !is_token(s->method))
		return err_raise(-EINVAL);
	if (s->kind == TRANSFER_TASK_DOWNLOAD && !s->part_path)
		return err_raise(-EINVAL);
	if (needs_file(s) && s->source_fd < 0 && !s->source_path)
		return err_raise(-EINVAL);
	return check_headers(s->headers, s->n_headers);
}

static int copy_text(struct arena *arena, const char **text)
{
	if (!*text)
		return 0;
	*text = arena_strdup(arena, *text);
	return *text ? 0 : err_raise(-ENOMEM);
}

static int copy_texts(struct arena *arena, struct engine_spec *s)
{
	const char **texts[] = {
		&s->url,
		&s->method,
		&s->ca_file,
		&s->part_path,
		&s->etag,
		&s->last_modified,
		&s->digest_name,
		&s->source_path,
		&s->body_path,
		&s->upload_url,
		&s->main_document_url,
		&s->live.proxy,
		&s->live.no_proxy,
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		int r = copy_text(arena, texts[i]);

		if (r)
			return r;
	}
	return 0;
}

static int copy_bytes(struct arena *arena, const void **bytes, size_t n)
{
	void *copy;

	if (!n)
		return 0;
	copy = arena_alloc(arena, 1, n);
	if (!copy)
		return err_raise(-ENOMEM);
	*bytes = memcpy(copy, *bytes, n);
	return 0;
}

static int copy_headers(struct arena *arena, struct engine_spec *s)
{
	struct engine_header *headers;

	if (!s->n_headers)
		return 0;
	headers = arena_alloc(arena, s->n_headers, sizeof(*headers));
	if (!headers)
		return err_raise(-ENOMEM);
	for (size_t i = 0; i < s->n_headers; i++) {
		headers[i].name = arena_strdup(arena, s->headers[i].name);
		headers[i].value = arena_strdup(arena, s->headers[i].value);
		if (!headers[i].name || !headers[i].value)
			return err_raise(-ENOMEM);
	}
	s->headers = headers;
	return 0;
}

static int copy_blocks(struct arena *arena, struct engine_spec *s)
{
	int r = copy_bytes(arena, &s->digest_state, s->digest_state_bytes);

	if (!r)
		r = copy_bytes(arena, &s->live.source_bytes, s->live.n_source_bytes);
	return r ? r : copy_headers(arena, s);
}

int spec_copy(struct arena *arena, const struct engine_spec *from, struct engine_spec *ret_spec)
{
	struct engine_spec s = *from;
	int r = check(from);

	if (!r)
		r = copy_texts(arena, &s);
	if (!r)
		r = copy_blocks(arena, &s);
	if (r)
		return r;
	if (!s.idle_timeout_us)
		s.idle_timeout_us = SPEC_IDLE_TIMEOUT_US;
	if (!s.checkpoint_bytes)
		s.checkpoint_bytes = SPEC_CHECKPOINT_BYTES;
	if (!s.checkpoint_us)
		s.checkpoint_us = SPEC_CHECKPOINT_US;
	if (!keeps_fd(&s))
		s.source_fd = -1;
	if (s.source_fd >= 0) {
		s.source_fd = fcntl(s.source_fd, F_DUPFD_CLOEXEC, 3);
		if (s.source_fd < 0)
			return err_raise(-errno);
	}
	*ret_spec = s;
	return 0;
}

int spec_copy_request(
	struct arena *arena, const struct engine_request *from, struct engine_spec *spec)
{
	struct engine_spec s = *spec;
	int r = is_token(from->method) ? check_headers(from->headers, from->n_headers)
				       : err_raise(-EINVAL);

	s.method = from->method;
	s.headers = from->headers;
	s.n_headers = from->n_headers;
	if (!r)
		r = copy_text(arena, &s.method);
	if (!r)
		r = copy_headers(arena, &s);
	if (!r)
		*spec = s;
	return r;
}

bool spec_has_header(const struct engine_spec *spec, const char *name)
{
	for (size_t i = 0; i < spec->n_headers; i++) {
		if (!strcasecmp(spec->headers[i].name, name))
			return true;
	}
	return false;
}

void spec_done(struct engine_spec *spec)
{
	if (spec->source_fd >= 0)
		close(spec->source_fd);
	spec->source_fd = -1;
}
