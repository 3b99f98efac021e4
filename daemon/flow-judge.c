/* SPDX-License-Identifier: MIT */
/*
 * Whether a request is good, and whether it can only fail: asked before anything of it is kept. flow-create.c says what comes of
 * which answer.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <transfer/error.h>

#include "base/checksum.h"
#include "base/utf8.h"
#include "daemon/core/request.h"
#include "daemon/flow-state.h"
#include "daemon/look.h"

#define TEXT_MAX_BYTES   1024
#define HEADERS_MAX      256
#define METHOD_MAX_BYTES 64
#define PART_MAX_BYTES   64 /* that a partial file's name is longer, at most */

static int check_text(const char *s, size_t max_bytes)
{
	return s && (strlen(s) > max_bytes || !utf8_is_valid(s)) ? FLOW_E_INVALID_REQUEST : 0;
}

static int check_headers(const struct task_request *request)
{
	if (request->n_headers > HEADERS_MAX ||
		request_headers_bytes(request->headers, request->n_headers) >
			FLOW_HEADERS_MAX_BYTES)
		return FLOW_E_INVALID_REQUEST;
	for (size_t i = 0; i < request->n_headers; i++)
		if (request_check_header(&request->headers[i]) == REQUEST_HEADER_INVALID)
			return FLOW_E_INVALID_REQUEST;
	return 0;
}

static int check_digests(enum transfer_task_kind kind, const struct task_request *request)
{
	if (!request->checksum_name && !request->checksum_hex && !request->want_digest)
		return 0;
	if (kind != TRANSFER_TASK_DOWNLOAD || !request->checksum_name != !request->checksum_hex)
		return FLOW_E_INVALID_REQUEST;
	if (request->checksum_name &&
		!checksum_is_valid(request->checksum_name, request->checksum_hex))
		return FLOW_E_INVALID_REQUEST;
	if (request->want_digest && !checksum_digits(request->want_digest))
		return FLOW_E_INVALID_REQUEST;
	/* one pass, one digest */
	if (request->checksum_name && request->want_digest &&
		strcmp(request->checksum_name, request->want_digest) != 0)
		return FLOW_E_INVALID_REQUEST;
	return 0;
}

static int check_numbers(const struct task_request *request)
{
	if (!(request->priority >= 0.0 && request->priority <= 1.0))
		return FLOW_E_INVALID_REQUEST;
	if (request->timeout_us > INT64_MAX || request->resource_timeout_us > INT64_MAX / 4 ||
		request->not_before_wall_us > INT64_MAX / 4 || request->max_rate_bps > INT64_MAX)
		return FLOW_E_INVALID_REQUEST;
	if (request->userdata_bytes > FLOW_USERDATA_MAX_BYTES)
		return FLOW_E_INVALID_REQUEST;
	return 0;
}

int flow_judge_ca_file(const char *path, const struct look_answer *seen)
{
	const struct look_names names = { .ca_file = path };
	struct look_answer here;

	if (!path)
		return 0;
	if (path[0] != '/' || strlen(path) >= PATH_MAX)
		return FLOW_E_INVALID_REQUEST;
	if (!seen)
		look_ask_one(&names, &here);
	switch (seen ? seen->ca_errno : here.ca_errno) {
	case 0:
		return 0;
	case EACCES:
		return FLOW_E_ACCESS_DENIED;
	default:
		return FLOW_E_FILE_NOT_FOUND;
	}
}

int flow_judge_words(enum transfer_task_kind kind, const struct task_request *request,
	const struct look_answer *seen)
{
	int r = check_text(request->url, REQUEST_URL_MAX_BYTES);

	if (request->method &&
		(strlen(request->method) > METHOD_MAX_BYTES || !request_is_token(request->method)))
		return FLOW_E_INVALID_REQUEST;
	if (!r)
		r = check_text(request->description, TEXT_MAX_BYTES);
	if (!r)
		r = check_text(request->main_document_url, REQUEST_URL_MAX_BYTES);
	if (!r)
		r = check_headers(request);
	if (!r)
		r = check_digests(kind, request);
	if (!r)
		r = check_numbers(request);
	return r ? r : flow_judge_ca_file(request->ca_file, seen);
}

static void doom(struct flow_judgement *judgement, int32_t code, const char *why)
{
	if (!judgement->doom.code)
		judgement->doom = flow_step_result(code, why);
}

static bool is_supported(enum request_url url, const struct flow_judgement *judgement)
{
	if (url == REQUEST_URL_FTP || url == REQUEST_URL_FTPS)
		return judgement->allows_ftp;
	return url != REQUEST_URL_UNSUPPORTED;
}

int flow_judge_url(const struct session_config *config, const struct task_request *request,
	struct flow_judgement *judgement)
{
	enum request_url url;

	if (!request->url || !request->url[0]) {
		snprintf(judgement->host, sizeof(judgement->host), "none");
		doom(judgement, TRANSFER_ERROR_BAD_URL, "there is no URL");
		return 0;
	}
	url = request_check_url(request->url, judgement->host);
	if (!is_supported(url, judgement))
		return FLOW_E_UNSUPPORTED_SCHEME;
	switch (url) {
	case REQUEST_URL_OK:
	case REQUEST_URL_FTPS:
		return 0;
	case REQUEST_URL_INSECURE:
	case REQUEST_URL_FTP:
		if (!request->allow_insecure && !config->allow_insecure)
			doom(judgement, TRANSFER_ERROR_INSECURE_TRANSPORT,
				url == REQUEST_URL_FTP
					? "plain ftp is not allowed for this session"
					: "plain http is not allowed for this session");
		return 0;
	case REQUEST_URL_UNSUPPORTED:
	case REQUEST_URL_MALFORMED:
		doom(judgement, TRANSFER_ERROR_BAD_URL, "the URL is malformed");
		break;
	}
	snprintf(judgement->host, sizeof(judgement->host), "none");
	return 0;
}

/* Its partial file has a longer name. */
static bool has_room_for_part(const char *path)
{
	char part[FLOW_PATH_BYTES];

	return strlen(path) + PART_MAX_BYTES < sizeof(part) ||
		request_part_path(path, UINT64_MAX, part, sizeof(part)) == 0;
}

int flow_judge_destination(const struct task_request *request, struct flow_judgement *judgement)
{
	const struct look_names names = { .destination = request->destination };
	const char *path = request->destination, *slash;
	const struct look_answer *seen = judgement->seen;
	struct look_answer here;

	if (!path)
		return 0;
	slash = strrchr(path, '/');
	if (judgement->kind != TRANSFER_TASK_DOWNLOAD || path[0] != '/' || !slash[1] ||
		!strcmp(slash + 1, ".") || !strcmp(slash + 1, "..") ||
		strlen(slash + 1) > REQUEST_NAME_MAX_BYTES || !utf8_is_valid(path) ||
		!has_room_for_part(path))
		return FLOW_E_INVALID_REQUEST;
	if (!seen) {
		look_ask_one(&names, &here);
		seen = &here;
	}
	if (!seen->has_folder)
		doom(judgement, TRANSFER_ERROR_BACKGROUND_SESSION_REQUIRES_SHARED_CONTAINER,
			"the destination folder cannot be used");
	else if (seen->has_file && !(request->may_overwrite && seen->is_replaceable))
		doom(judgement, TRANSFER_ERROR_CANNOT_CREATE_FILE, "the destination exists");
	return 0;
}

/* The same for who keeps tasks elsewhere; there an unknown scheme is one of the failures. */
int flow_request_judge(const struct session_config *config, const struct task_request *request,
	struct flow_judgement *inout_judgement)
{
	int r = flow_judge_words(inout_judgement->kind, request, inout_judgement->seen);

	inout_judgement->doom = (struct transfer_result){ 0 };
	if (!r)
		r = flow_judge_url(config, request, inout_judgement);
	if (r == FLOW_E_UNSUPPORTED_SCHEME) {
		snprintf(inout_judgement->host, sizeof(inout_judgement->host), "none");
		doom(inout_judgement, TRANSFER_ERROR_UNSUPPORTED_URL,
			"the scheme is not supported");
		r = 0;
	}
	return r ? r : flow_judge_destination(request, inout_judgement);
}
