/* SPDX-License-Identifier: MIT */
/* Tables from foreign error numbers to ours. */
#include "engine/fault.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509_vfy.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "engine/engine.h"

/* Everything zero, detail "". */
static void clear(struct transfer_result *result)
{
	memset(result, 0, sizeof(*result));
}

void fault_set(struct transfer_result *result, enum transfer_error_code code, const char *detail)
{
	cleanup_(cleanup_free) char *text = NULL;

	clear(result);
	result->code = code;
	if (!detail)
		return;
	text = utf8_sanitise(detail, strlen(detail));
	if (text)
		utf8_escape_controls(text, result->detail, sizeof(result->detail));
}

static const struct {
	CURLcode curl;
	enum transfer_error_code code;
} curl_table[] = {
	{ CURLE_UNSUPPORTED_PROTOCOL, TRANSFER_ERROR_UNSUPPORTED_URL },
	{ CURLE_URL_MALFORMAT, TRANSFER_ERROR_BAD_URL },
	{ CURLE_COULDNT_RESOLVE_PROXY, TRANSFER_ERROR_CANNOT_FIND_HOST },
	{ CURLE_COULDNT_RESOLVE_HOST, TRANSFER_ERROR_CANNOT_FIND_HOST },
	{ CURLE_COULDNT_CONNECT, TRANSFER_ERROR_CANNOT_CONNECT_TO_HOST },
	{ CURLE_WEIRD_SERVER_REPLY, TRANSFER_ERROR_BAD_SERVER_RESPONSE },
	{ CURLE_REMOTE_ACCESS_DENIED, TRANSFER_ERROR_RESOURCE_UNAVAILABLE },
	{ CURLE_FTP_ACCEPT_FAILED, TRANSFER_ERROR_CANNOT_CONNECT_TO_HOST },
	{ CURLE_FTP_WEIRD_PASS_REPLY, TRANSFER_ERROR_BAD_SERVER_RESPONSE },
	{ CURLE_FTP_ACCEPT_TIMEOUT, TRANSFER_ERROR_TIMED_OUT },
	{ CURLE_FTP_WEIRD_PASV_REPLY, TRANSFER_ERROR_BAD_SERVER_RESPONSE },
	{ CURLE_FTP_WEIRD_227_FORMAT, TRANSFER_ERROR_BAD_SERVER_RESPONSE },
	{ CURLE_FTP_CANT_GET_HOST, TRANSFER_ERROR_CANNOT_FIND_HOST },
	{ CURLE_HTTP2, TRANSFER_ERROR_BAD_SERVER_RESPONSE },
	{ CURLE_FTP_COULDNT_SET_TYPE, TRANSFER_ERROR_BAD_SERVER_RESPONSE },
	{ CURLE_PARTIAL_FILE, TRANSFER_ERROR_NETWORK_CONNECTION_LOST },
	{ CURLE_FTP_COULDNT_RETR_FILE, TRANSFER_ERROR_RESOURCE_UNAVAILABLE },
	{ CURLE_QUOTE_ERROR, TRANSFER_ERROR_BAD_SERVER_RESPONSE },
	{ CURLE_HTTP_RETURNED_ERROR, TRANSFER_ERROR_BAD_SERVER_RESPONSE },
	{ CURLE_WRITE_ERROR, TRANSFER_ERROR_CANNOT_WRITE_TO_FILE },
	/* a server that takes no file, or knows no chunks */
	{ CURLE_UPLOAD_FAILED, TRANSFER_ERROR_BAD_SERVER_RESPONSE },
	{ CURLE_READ_ERROR, TRANSFER_ERROR_CANNOT_OPEN_FILE },
	{ CURLE_OPERATION_TIMEDOUT, TRANSFER_ERROR_TIMED_OUT },
	{ CURLE_FTP_PORT_FAILED, TRANSFER_ERROR_BAD_SERVER_RESPONSE },
	{ CURLE_FTP_COULDNT_USE_REST, TRANSFER_ERROR_BAD_SERVER_RESPONSE },
	{ CURLE_RANGE_ERROR, TRANSFER_ERROR_BAD_SERVER_RESPONSE },
	{ CURLE_SSL_CONNECT_ERROR, TRANSFER_ERROR_SECURE_CONNECTION_FAILED },
	{ CURLE_BAD_DOWNLOAD_RESUME, TRANSFER_ERROR_BAD_SERVER_RESPONSE },
	{ CURLE_FILE_COULDNT_READ_FILE, TRANSFER_ERROR_FILE_DOES_NOT_EXIST },
	{ CURLE_ABORTED_BY_CALLBACK, TRANSFER_ERROR_CANCELLED },
	/* what libcurl says to a head whose first line is folded; our own arguments are checked before */
	{ CURLE_BAD_FUNCTION_ARGUMENT, TRANSFER_ERROR_BAD_SERVER_RESPONSE },
	{ CURLE_TOO_MANY_REDIRECTS, TRANSFER_ERROR_TOO_MANY_REDIRECTS },
	{ CURLE_GOT_NOTHING, TRANSFER_ERROR_NETWORK_CONNECTION_LOST },
	{ CURLE_SSL_ENGINE_NOTFOUND, TRANSFER_ERROR_SECURE_CONNECTION_FAILED },
	{ CURLE_SSL_ENGINE_SETFAILED, TRANSFER_ERROR_SECURE_CONNECTION_FAILED },
	{ CURLE_SEND_ERROR, TRANSFER_ERROR_NETWORK_CONNECTION_LOST },
	{ CURLE_RECV_ERROR, TRANSFER_ERROR_NETWORK_CONNECTION_LOST },
	{ CURLE_SSL_CERTPROBLEM, TRANSFER_ERROR_CLIENT_CERTIFICATE_REJECTED },
	{ CURLE_SSL_CIPHER, TRANSFER_ERROR_SECURE_CONNECTION_FAILED },
	{ CURLE_PEER_FAILED_VERIFICATION, TRANSFER_ERROR_SERVER_CERTIFICATE_UNTRUSTED },
	/* libcurl is never asked to decode: it complains of a transfer coding */
	{ CURLE_BAD_CONTENT_ENCODING, TRANSFER_ERROR_BAD_SERVER_RESPONSE },
#if LIBCURL_VERSION_NUM >= 0x080600
	{ CURLE_TOO_LARGE, TRANSFER_ERROR_BAD_SERVER_RESPONSE },
#endif
	{ CURLE_FILESIZE_EXCEEDED, TRANSFER_ERROR_DATA_LENGTH_EXCEEDS_MAXIMUM },
	{ CURLE_USE_SSL_FAILED, TRANSFER_ERROR_SECURE_CONNECTION_FAILED },
	{ CURLE_SEND_FAIL_REWIND, TRANSFER_ERROR_REQUEST_BODY_STREAM_EXHAUSTED },
	{ CURLE_SSL_ENGINE_INITFAILED, TRANSFER_ERROR_SECURE_CONNECTION_FAILED },
	{ CURLE_LOGIN_DENIED, TRANSFER_ERROR_USER_AUTHENTICATION_REQUIRED },
	{ CURLE_REMOTE_DISK_FULL, TRANSFER_ERROR_RESOURCE_UNAVAILABLE },
	{ CURLE_SSL_CACERT_BADFILE, TRANSFER_ERROR_SECURE_CONNECTION_FAILED },
	{ CURLE_REMOTE_FILE_NOT_FOUND, TRANSFER_ERROR_RESOURCE_UNAVAILABLE },
	{ CURLE_REMOTE_FILE_EXISTS, TRANSFER_ERROR_RESOURCE_UNAVAILABLE },
	{ CURLE_SSL_SHUTDOWN_FAILED, TRANSFER_ERROR_SECURE_CONNECTION_FAILED },
	{ CURLE_FTP_PRET_FAILED, TRANSFER_ERROR_BAD_SERVER_RESPONSE },
	{ CURLE_FTP_BAD_FILE_LIST, TRANSFER_ERROR_BAD_SERVER_RESPONSE },
	{ CURLE_SSL_CRL_BADFILE, TRANSFER_ERROR_SECURE_CONNECTION_FAILED },
	{ CURLE_SSL_ISSUER_ERROR, TRANSFER_ERROR_SERVER_CERTIFICATE_UNTRUSTED },
	{ CURLE_SSL_PINNEDPUBKEYNOTMATCH, TRANSFER_ERROR_SERVER_CERTIFICATE_UNTRUSTED },
	{ CURLE_SSL_INVALIDCERTSTATUS, TRANSFER_ERROR_SERVER_CERTIFICATE_UNTRUSTED },
	{ CURLE_HTTP2_STREAM, TRANSFER_ERROR_NETWORK_CONNECTION_LOST },
	{ CURLE_HTTP3, TRANSFER_ERROR_BAD_SERVER_RESPONSE },
	{ CURLE_QUIC_CONNECT_ERROR, TRANSFER_ERROR_CANNOT_CONNECT_TO_HOST },
	{ CURLE_PROXY, TRANSFER_ERROR_CANNOT_CONNECT_TO_HOST },
	{ CURLE_SSL_CLIENTCERT, TRANSFER_ERROR_CLIENT_CERTIFICATE_REQUIRED },
};

static enum transfer_error_code code_of_verify(long verify)
{
	switch (verify) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CRL_HAS_EXPIRED:
	case X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD:
		return TRANSFER_ERROR_SERVER_CERTIFICATE_HAS_BAD_DATE;
	case X509_V_ERR_CERT_NOT_YET_VALID:
	case X509_V_ERR_CRL_NOT_YET_VALID:
	case X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD:
		return TRANSFER_ERROR_SERVER_CERTIFICATE_NOT_YET_VALID;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
		return TRANSFER_ERROR_SERVER_CERTIFICATE_HAS_UNKNOWN_ROOT;
	}
	return TRANSFER_ERROR_SERVER_CERTIFICATE_UNTRUSTED;
}

/* The kernel knows more than CURLE_COULDNT_CONNECT says. */
static enum transfer_error_code code_of_connect(long os_errno)
{
	switch (os_errno) {
	case ETIMEDOUT:
		return TRANSFER_ERROR_TIMED_OUT;
	case ENETUNREACH:
	case ENETDOWN:
		return TRANSFER_ERROR_NOT_CONNECTED;
	}
	return TRANSFER_ERROR_CANNOT_CONNECT_TO_HOST;
}

_Static_assert(ENGINE_LIBRARY_CODE_NO_MEMORY == CURLE_OUT_OF_MEMORY, "libcurl's number of it");

void fault_from_curl(CURLcode code, long os_errno, long verify, struct transfer_result *ret_result)
{
	enum transfer_error_code ours = TRANSFER_ERROR_UNKNOWN;
	const char *detail = curl_easy_strerror(code);

	clear(ret_result);
	if (code == CURLE_OK)
		return;
	for (size_t i = 0; i < sizeof(curl_table) / sizeof(curl_table[0]); i++) {
		if (curl_table[i].curl == code)
			ours = curl_table[i].code;
	}
	if (code == CURLE_COULDNT_CONNECT)
		ours = code_of_connect(os_errno);
	if (code == CURLE_PEER_FAILED_VERIFICATION && verify != X509_V_OK) {
		ours = code_of_verify(verify);
		detail = X509_verify_cert_error_string(verify);
	}
	fault_set(ret_result, ours, detail);
	ret_result->os_errno = (int32_t)os_errno;
	ret_result->library_code = (int32_t)code;
	if (code == CURLE_PEER_FAILED_VERIFICATION && verify != X509_V_OK)
		ret_result->library_code = (int32_t)verify;
}

static enum transfer_error_code code_of_source(int error_no)
{
	switch (error_no) {
	case ENOENT:
	case ENOTDIR:
		return TRANSFER_ERROR_FILE_DOES_NOT_EXIST;
	case EISDIR:
		return TRANSFER_ERROR_FILE_IS_DIRECTORY;
	case EACCES:
	case EPERM:
		return TRANSFER_ERROR_NO_PERMISSIONS_TO_READ_FILE;
	}
	return TRANSFER_ERROR_CANNOT_OPEN_FILE;
}

void fault_from_file(enum fault_file what, int error_no, struct transfer_result *ret_result)
{
	static const enum transfer_error_code codes[] = {
		[FAULT_FILE_CREATE] = TRANSFER_ERROR_CANNOT_CREATE_FILE,
		[FAULT_FILE_OPEN] = TRANSFER_ERROR_CANNOT_OPEN_FILE,
		[FAULT_FILE_CLOSE] = TRANSFER_ERROR_CANNOT_CLOSE_FILE,
		[FAULT_FILE_WRITE] = TRANSFER_ERROR_CANNOT_WRITE_TO_FILE,
		[FAULT_FILE_REMOVE] = TRANSFER_ERROR_CANNOT_REMOVE_FILE,
		[FAULT_FILE_MOVE] = TRANSFER_ERROR_CANNOT_MOVE_FILE,
	};
	const char *name;

	error_no = abs(error_no);
	clear(ret_result);
	if (!error_no)
		return;
	name = strerrordesc_np(error_no);
	if (what == FAULT_FILE_READ_SOURCE)
		fault_set(ret_result, code_of_source(error_no), name);
	else
		fault_set(ret_result, codes[what], name);
	ret_result->os_errno = error_no;
}

/* What says nothing of the file: no room in a table, or a call that was interrupted. */
static bool is_for_now(const struct transfer_result *result)
{
	int error_no = result->os_errno;

	return result->code <= TRANSFER_ERROR_CANNOT_CREATE_FILE &&
		(error_no == EMFILE || error_no == ENFILE || error_no == ENOMEM ||
			error_no == EINTR);
}

bool fault_is_retryable(const struct transfer_result *result)
{
	if (is_for_now(result))
		return true;
	switch (result->code) {
	case TRANSFER_ERROR_TIMED_OUT:
	case TRANSFER_ERROR_CANNOT_FIND_HOST:
	case TRANSFER_ERROR_CANNOT_CONNECT_TO_HOST:
	case TRANSFER_ERROR_NETWORK_CONNECTION_LOST:
	case TRANSFER_ERROR_DNS_LOOKUP_FAILED:
	case TRANSFER_ERROR_NOT_CONNECTED:
		return true;
	case TRANSFER_ERROR_SECURE_CONNECTION_FAILED:
		/* a handshake that broke off; a refused one fails the same way again */
		return result->library_code == CURLE_SSL_CONNECT_ERROR &&
			(result->os_errno == ECONNRESET || result->os_errno == EPIPE);
	case TRANSFER_ERROR_BAD_SERVER_RESPONSE:
		return result->library_code == CURLE_HTTP2;
	case TRANSFER_ERROR_UNKNOWN:
		return result->library_code == CURLE_OUT_OF_MEMORY;
	case TRANSFER_ERROR_CANNOT_WRITE_TO_FILE:
		/*
		 * a disk that failed to keep bytes, or somebody who cut or removed the file: they
		 * are fetched again from the last one that is there
		 */
		return result->os_errno == EIO || result->os_errno == ESTALE;
	}
	return false;
}

bool fault_is_disk_full(const struct transfer_result *result)
{
	return result->code <= TRANSFER_ERROR_CANNOT_CREATE_FILE &&
		(result->os_errno == ENOSPC || result->os_errno == EDQUOT);
}
