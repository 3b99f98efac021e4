/* SPDX-License-Identifier: MIT */
#include "engine/fault.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/x509_vfy.h>

#include "base/utf8.h"
#include "tests/lib/run.h"

static const struct {
	CURLcode curl;
	int os_errno;
	long verify;
	int32_t code;
	bool is_retryable;
} curls[] = {
	{ CURLE_OK, 0, 0, 0, false },
	{ CURLE_URL_MALFORMAT, 0, 0, TRANSFER_ERROR_BAD_URL, false },
	{ CURLE_UNSUPPORTED_PROTOCOL, 0, 0, TRANSFER_ERROR_UNSUPPORTED_URL, false },
	{ CURLE_COULDNT_RESOLVE_HOST, 0, 0, TRANSFER_ERROR_CANNOT_FIND_HOST, true },
	{ CURLE_COULDNT_RESOLVE_PROXY, 0, 0, TRANSFER_ERROR_CANNOT_FIND_HOST, true },
	{ CURLE_COULDNT_CONNECT, ECONNREFUSED, 0, TRANSFER_ERROR_CANNOT_CONNECT_TO_HOST, true },
	{ CURLE_COULDNT_CONNECT, EHOSTUNREACH, 0, TRANSFER_ERROR_CANNOT_CONNECT_TO_HOST, true },
	{ CURLE_COULDNT_CONNECT, ENETUNREACH, 0, TRANSFER_ERROR_NOT_CONNECTED, true },
	{ CURLE_COULDNT_CONNECT, ETIMEDOUT, 0, TRANSFER_ERROR_TIMED_OUT, true },
	{ CURLE_OPERATION_TIMEDOUT, 0, 0, TRANSFER_ERROR_TIMED_OUT, true },
	{ CURLE_RECV_ERROR, ECONNRESET, 0, TRANSFER_ERROR_NETWORK_CONNECTION_LOST, true },
	{ CURLE_SEND_ERROR, EPIPE, 0, TRANSFER_ERROR_NETWORK_CONNECTION_LOST, true },
	{ CURLE_GOT_NOTHING, 0, 0, TRANSFER_ERROR_NETWORK_CONNECTION_LOST, true },
	{ CURLE_PARTIAL_FILE, 0, 0, TRANSFER_ERROR_NETWORK_CONNECTION_LOST, true },
	{ CURLE_HTTP2_STREAM, 0, 0, TRANSFER_ERROR_NETWORK_CONNECTION_LOST, true },
	{ CURLE_HTTP2, 0, 0, TRANSFER_ERROR_BAD_SERVER_RESPONSE, true },
	{ CURLE_WEIRD_SERVER_REPLY, 0, 0, TRANSFER_ERROR_BAD_SERVER_RESPONSE, false },
	{ CURLE_TOO_MANY_REDIRECTS, 0, 0, TRANSFER_ERROR_TOO_MANY_REDIRECTS, false },
	{ CURLE_BAD_CONTENT_ENCODING, 0, 0, TRANSFER_ERROR_BAD_SERVER_RESPONSE, false },
	{ CURLE_SEND_FAIL_REWIND, 0, 0, TRANSFER_ERROR_REQUEST_BODY_STREAM_EXHAUSTED, false },
	{ CURLE_FILESIZE_EXCEEDED, 0, 0, TRANSFER_ERROR_DATA_LENGTH_EXCEEDS_MAXIMUM, false },
	{ CURLE_ABORTED_BY_CALLBACK, 0, 0, TRANSFER_ERROR_CANCELLED, false },
	{ CURLE_REMOTE_FILE_NOT_FOUND, 0, 0, TRANSFER_ERROR_RESOURCE_UNAVAILABLE, false },
	{ CURLE_REMOTE_ACCESS_DENIED, 0, 0, TRANSFER_ERROR_RESOURCE_UNAVAILABLE, false },
	{ CURLE_FTP_COULDNT_RETR_FILE, 0, 0, TRANSFER_ERROR_RESOURCE_UNAVAILABLE, false },
	{ CURLE_LOGIN_DENIED, 0, 0, TRANSFER_ERROR_USER_AUTHENTICATION_REQUIRED, false },
	{ CURLE_FTP_WEIRD_PASV_REPLY, 0, 0, TRANSFER_ERROR_BAD_SERVER_RESPONSE, false },
	{ CURLE_UPLOAD_FAILED, 0, 0, TRANSFER_ERROR_BAD_SERVER_RESPONSE, false },
	{ CURLE_OUT_OF_MEMORY, 0, 0, TRANSFER_ERROR_UNKNOWN, true },
	{ CURLE_TELNET_OPTION_SYNTAX, 0, 0, TRANSFER_ERROR_UNKNOWN, false },
	{ CURLE_SSL_CONNECT_ERROR, 0, 0, TRANSFER_ERROR_SECURE_CONNECTION_FAILED, false },
	{ CURLE_SSL_CONNECT_ERROR, ECONNRESET, 0, TRANSFER_ERROR_SECURE_CONNECTION_FAILED, true },
	{ CURLE_SSL_CERTPROBLEM, 0, 0, TRANSFER_ERROR_CLIENT_CERTIFICATE_REJECTED, false },
	{ CURLE_SSL_CLIENTCERT, 0, 0, TRANSFER_ERROR_CLIENT_CERTIFICATE_REQUIRED, false },
	{ CURLE_PEER_FAILED_VERIFICATION, 0, X509_V_ERR_CERT_HAS_EXPIRED,
		TRANSFER_ERROR_SERVER_CERTIFICATE_HAS_BAD_DATE, false },
	{ CURLE_PEER_FAILED_VERIFICATION, 0, X509_V_ERR_CERT_NOT_YET_VALID,
		TRANSFER_ERROR_SERVER_CERTIFICATE_NOT_YET_VALID, false },
	{ CURLE_PEER_FAILED_VERIFICATION, 0, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
		TRANSFER_ERROR_SERVER_CERTIFICATE_HAS_UNKNOWN_ROOT, false },
	{ CURLE_PEER_FAILED_VERIFICATION, 0, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
		TRANSFER_ERROR_SERVER_CERTIFICATE_HAS_UNKNOWN_ROOT, false },
	{ CURLE_PEER_FAILED_VERIFICATION, 0, X509_V_ERR_HOSTNAME_MISMATCH,
		TRANSFER_ERROR_SERVER_CERTIFICATE_UNTRUSTED, false },
	{ CURLE_PEER_FAILED_VERIFICATION, 0, 0, TRANSFER_ERROR_SERVER_CERTIFICATE_UNTRUSTED,
		false },
};

START_TEST(maps_curl)
{
	struct transfer_result result;

	memset(&result, 0xff, sizeof(result));
	fault_from_curl(curls[_i].curl, curls[_i].os_errno, curls[_i].verify, &result);
	ck_assert_int_eq(result.code, curls[_i].code);
	ck_assert_int_eq(result.os_errno, curls[_i].os_errno);
	ck_assert_int_eq(
		result.library_code, curls[_i].verify ? curls[_i].verify : (long)curls[_i].curl);
	ck_assert_int_eq(result.detail[0] != 0, curls[_i].code != 0);
	ck_assert_int_eq(fault_is_retryable(&result), curls[_i].is_retryable);
	ck_assert(!fault_is_disk_full(&result));
}
END_TEST

START_TEST(knows_every_curl_code)
{
	struct transfer_result result;

	for (int code = 1; code < CURL_LAST; code++) {
		fault_from_curl((CURLcode)code, 0, 0, &result);
		ck_assert_int_lt(result.code, 0);
		ck_assert(utf8_is_valid(result.detail));
	}
}
END_TEST

static const struct {
	enum fault_file what;
	int error_no;
	int32_t code;
	bool is_disk_full, is_retryable;
} files[] = {
	{ FAULT_FILE_WRITE, 0, 0, false, false },
	{ FAULT_FILE_CREATE, -EACCES, TRANSFER_ERROR_CANNOT_CREATE_FILE, false, false },
	{ FAULT_FILE_CREATE, ENOSPC, TRANSFER_ERROR_CANNOT_CREATE_FILE, true, false },
	{ FAULT_FILE_OPEN, -ELOOP, TRANSFER_ERROR_CANNOT_OPEN_FILE, false, false },
	{ FAULT_FILE_CLOSE, EIO, TRANSFER_ERROR_CANNOT_CLOSE_FILE, false, false },
	{ FAULT_FILE_WRITE, -ENOSPC, TRANSFER_ERROR_CANNOT_WRITE_TO_FILE, true, false },
	{ FAULT_FILE_WRITE, -EDQUOT, TRANSFER_ERROR_CANNOT_WRITE_TO_FILE, true, false },
	{ FAULT_FILE_WRITE, -EIO, TRANSFER_ERROR_CANNOT_WRITE_TO_FILE, false, true },
	{ FAULT_FILE_WRITE, -ESTALE, TRANSFER_ERROR_CANNOT_WRITE_TO_FILE, false, true },
	{ FAULT_FILE_WRITE, -EROFS, TRANSFER_ERROR_CANNOT_WRITE_TO_FILE, false, false },
	{ FAULT_FILE_REMOVE, EPERM, TRANSFER_ERROR_CANNOT_REMOVE_FILE, false, false },
	{ FAULT_FILE_MOVE, -EEXIST, TRANSFER_ERROR_CANNOT_MOVE_FILE, false, false },
	{ FAULT_FILE_READ_SOURCE, -ENOENT, TRANSFER_ERROR_FILE_DOES_NOT_EXIST, false, false },
	{ FAULT_FILE_READ_SOURCE, -EISDIR, TRANSFER_ERROR_FILE_IS_DIRECTORY, false, false },
	{ FAULT_FILE_READ_SOURCE, -EACCES, TRANSFER_ERROR_NO_PERMISSIONS_TO_READ_FILE, false,
		false },
	{ FAULT_FILE_READ_SOURCE, -ELOOP, TRANSFER_ERROR_CANNOT_OPEN_FILE, false, false },
	{ FAULT_FILE_READ_SOURCE, -EINTR, TRANSFER_ERROR_CANNOT_OPEN_FILE, false, true },
	{ FAULT_FILE_CREATE, -EMFILE, TRANSFER_ERROR_CANNOT_CREATE_FILE, false, true },
	{ FAULT_FILE_CREATE, -EINTR, TRANSFER_ERROR_CANNOT_CREATE_FILE, false, true },
	{ FAULT_FILE_WRITE, -ENOMEM, TRANSFER_ERROR_CANNOT_WRITE_TO_FILE, false, true },
	{ FAULT_FILE_MOVE, -EINTR, TRANSFER_ERROR_CANNOT_MOVE_FILE, false, true },
};

START_TEST(maps_files)
{
	struct transfer_result result;

	fault_from_file(files[_i].what, files[_i].error_no, &result);
	ck_assert_int_eq(result.code, files[_i].code);
	ck_assert_int_eq(result.os_errno, abs(files[_i].error_no));
	ck_assert_int_eq(fault_is_disk_full(&result), files[_i].is_disk_full);
	ck_assert_int_eq(fault_is_retryable(&result), files[_i].is_retryable);
}
END_TEST

START_TEST(repairs_and_cuts_detail)
{
	char text[1024];
	struct transfer_result result;

	fault_set(&result, TRANSFER_ERROR_UNKNOWN, "a\xff\nb");
	ck_assert_str_eq(result.detail, "a\xef\xbf\xbd\\x0ab");
	for (size_t i = 0; i + 1 < sizeof(text); i += 2)
		memcpy(text + i, "\xc3\xa9", 2);
	text[sizeof(text) - 2] = 0;
	fault_set(&result, TRANSFER_ERROR_UNKNOWN, text);
	ck_assert_uint_ge(strlen(result.detail), TRANSFER_RESULT_DETAIL_BYTES - 2);
	ck_assert(utf8_is_valid(result.detail));
	fault_set(&result, TRANSFER_ERROR_UNKNOWN, NULL);
	ck_assert_str_eq(result.detail, "");
}
END_TEST

RUN_TESTS("engine/fault", TEST_EACH(maps_curl, curls), TEST(knows_every_curl_code),
	TEST_EACH(maps_files, files), TEST(repairs_and_cuts_detail))
