/* SPDX-License-Identifier: MIT */
/*
 * Why a transfer failed: the numbers of NSURLError, one list for every layer of transferd and for applications.
 * HTTP statuses are results, not errors. Numbers never change; new ones may be added.
 */
#ifndef TRANSFER_ERROR_H
#define TRANSFER_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

/*
 * X(symbol, number, name, English text). The name is what travels on the bus and in JSON.
 * Source: NSURLErrorDomain; TRANSFER_ERROR_CHECKSUM_MISMATCH is ours.
 */
#define TRANSFER_ERRORS(X) \
	X(UNKNOWN, -1, "unknown", "unknown error") \
	X(BACKGROUND_SESSION_REQUIRES_SHARED_CONTAINER, -995, "requires-shared-container", \
		"the destination folder cannot be used") \
	X(BACKGROUND_SESSION_IN_USE, -996, "session-in-use", \
		"another process is attached to the session") \
	X(BACKGROUND_SESSION_DISCONNECTED, -997, "session-disconnected", \
		"the connection to transferd was lost") \
	X(CANCELLED, -999, "cancelled", "cancelled") \
	X(BAD_URL, -1000, "bad-url", "the URL is malformed") \
	X(TIMED_OUT, -1001, "timed-out", "timed out") \
	X(UNSUPPORTED_URL, -1002, "unsupported-url", "the URL scheme is not supported") \
	X(CANNOT_FIND_HOST, -1003, "cannot-find-host", "the host name could not be resolved") \
	X(CANNOT_CONNECT_TO_HOST, -1004, "cannot-connect-to-host", \
		"the host refused the connection or cannot be reached") \
	X(NETWORK_CONNECTION_LOST, -1005, "network-connection-lost", "the connection broke") \
	X(DNS_LOOKUP_FAILED, -1006, "dns-lookup-failed", "the name lookup failed") \
	X(TOO_MANY_REDIRECTS, -1007, "too-many-redirects", "too many redirects") \
	X(RESOURCE_UNAVAILABLE, -1008, "resource-unavailable", "the resource cannot be retrieved") \
	X(NOT_CONNECTED, -1009, "not-connected", "there is no network") \
	X(REDIRECT_TO_NON_EXISTENT_LOCATION, -1010, "redirect-to-non-existent-location", \
		"the redirect leads nowhere") \
	X(BAD_SERVER_RESPONSE, -1011, "bad-server-response", "the server sent a bad response") \
	X(USER_CANCELLED_AUTHENTICATION, -1012, "user-cancelled-authentication", \
		"authentication was cancelled") \
	X(USER_AUTHENTICATION_REQUIRED, -1013, "user-authentication-required", \
		"authentication is required") \
	X(ZERO_BYTE_RESOURCE, -1014, "zero-byte-resource", \
		"the server promised data and sent none") \
	X(CANNOT_DECODE_RAW_DATA, -1015, "cannot-decode-raw-data", \
		"the content encoding is damaged") \
	X(CANNOT_DECODE_CONTENT_DATA, -1016, "cannot-decode-content-data", \
		"the content encoding is unknown") \
	X(CANNOT_PARSE_RESPONSE, -1017, "cannot-parse-response", "the response cannot be parsed") \
	X(INTERNATIONAL_ROAMING_OFF, -1018, "international-roaming-off", "roaming is turned off") \
	X(CALL_IS_ACTIVE, -1019, "call-is-active", "a call keeps the network busy") \
	X(DATA_NOT_ALLOWED, -1020, "data-not-allowed", "the network may not be used for this") \
	X(REQUEST_BODY_STREAM_EXHAUSTED, -1021, "request-body-stream-exhausted", \
		"the request body cannot be sent again") \
	X(INSECURE_TRANSPORT, -1022, "insecure-transport", \
		"plain http is not allowed for this session") \
	X(FILE_DOES_NOT_EXIST, -1100, "file-does-not-exist", "the file does not exist") \
	X(FILE_IS_DIRECTORY, -1101, "file-is-directory", "the file is a folder") \
	X(NO_PERMISSIONS_TO_READ_FILE, -1102, "no-permissions-to-read-file", \
		"the file may not be read") \
	X(DATA_LENGTH_EXCEEDS_MAXIMUM, -1103, "data-length-exceeds-maximum", \
		"the data is larger than allowed") \
	X(FILE_OUTSIDE_SAFE_AREA, -1104, "file-outside-safe-area", \
		"the file is not where files may be read") \
	X(SECURE_CONNECTION_FAILED, -1200, "secure-connection-failed", \
		"the secure connection failed") \
	X(SERVER_CERTIFICATE_HAS_BAD_DATE, -1201, "server-certificate-has-bad-date", \
		"the server's certificate has expired") \
	X(SERVER_CERTIFICATE_UNTRUSTED, -1202, "server-certificate-untrusted", \
		"the server's certificate is not trusted") \
	X(SERVER_CERTIFICATE_HAS_UNKNOWN_ROOT, -1203, "server-certificate-has-unknown-root", \
		"the server's certificate has an unknown root") \
	X(SERVER_CERTIFICATE_NOT_YET_VALID, -1204, "server-certificate-not-yet-valid", \
		"the server's certificate is not valid yet") \
	X(CLIENT_CERTIFICATE_REJECTED, -1205, "client-certificate-rejected", \
		"the client certificate was rejected") \
	X(CLIENT_CERTIFICATE_REQUIRED, -1206, "client-certificate-required", \
		"a client certificate is required") \
	X(CANNOT_LOAD_FROM_NETWORK, -2000, "cannot-load-from-network", \
		"the network may not be used and there is no stored copy") \
	X(CANNOT_CREATE_FILE, -3000, "cannot-create-file", "the file cannot be created") \
	X(CANNOT_OPEN_FILE, -3001, "cannot-open-file", "the file cannot be opened") \
	X(CANNOT_CLOSE_FILE, -3002, "cannot-close-file", "the file cannot be closed") \
	X(CANNOT_WRITE_TO_FILE, -3003, "cannot-write-to-file", "the file cannot be written") \
	X(CANNOT_REMOVE_FILE, -3004, "cannot-remove-file", "the file cannot be removed") \
	X(CANNOT_MOVE_FILE, -3005, "cannot-move-file", "the file cannot be put in place") \
	X(CHECKSUM_MISMATCH, -3100, "checksum-mismatch", "the checksum differs") \
	X(SOURCE_CHANGED, -3101, "source-changed", "the file changed while it was sent")

enum transfer_error_code {
	TRANSFER_ERROR_NONE = 0,
#define TRANSFER_ERROR_ENUM(symbol, number, name, text) TRANSFER_ERROR_##symbol = (number),
	TRANSFER_ERRORS(TRANSFER_ERROR_ENUM)
#undef TRANSFER_ERROR_ENUM
};

#ifdef __cplusplus
}
#endif
#endif
