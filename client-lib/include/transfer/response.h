/* SPDX-License-Identifier: MIT */
/*
 * What is answered: responses. Immutable; those of custom protocols are made by the program.
 */
#ifndef TRANSFER_RESPONSE_H
#define TRANSFER_RESPONSE_H

#include <transfer/object.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * transfer_response - what a server answered; immutable
 *
 * Returns:  transfer_response_ref: its argument; transfer_response_unref: nothing
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSHTTPURLResponse
 */
TRANSFER_OBJECT(transfer_response);

/**
 * transfer_response_get_status - HTTP status
 *
 * @response: the response; borrowed
 *
 * Returns:  such as 200; 0: not of HTTP (data:, file:, ftp:)
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSHTTPURLResponse.statusCode
 */
TRANSFER_PUBLIC int transfer_response_get_status(const transfer_response *response);

/**
 * transfer_response_get_url - URL that answered, after redirects
 *
 * @response: the response; borrowed
 *
 * Returns:  the URL, or NULL
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLResponse.URL
 */
TRANSFER_PUBLIC const char *transfer_response_get_url(const transfer_response *response);

/**
 * transfer_response_get_mime_type - type of the content without parameters
 *
 * @response: the response; borrowed
 *
 * Returns:  such as "text/html", or NULL
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLResponse.MIMEType
 */
TRANSFER_PUBLIC const char *transfer_response_get_mime_type(const transfer_response *response);

/**
 * transfer_response_get_text_encoding - character set of the content
 *
 * @response: the response; borrowed
 *
 * Returns:  such as "utf-8", or NULL
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLResponse.textEncodingName
 */
TRANSFER_PUBLIC const char *transfer_response_get_text_encoding(const transfer_response *response);

/**
 * transfer_response_get_suggested_filename - a name under which the content could be saved, made safe
 *
 * @response: the response; borrowed
 *
 * From Content-Disposition, the last part of the path, or the host, with the ending that the type asks for.
 *
 * Returns:  the name, without folders; "unknown" where there is nothing to take it from
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLResponse.suggestedFilename
 */
TRANSFER_PUBLIC const char *transfer_response_get_suggested_filename(
	const transfer_response *response);

/**
 * transfer_response_get_http_version - protocol that was spoken
 *
 * @response: the response; borrowed
 *
 * Returns:  such as "HTTP/2", or NULL
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionTaskTransactionMetrics.networkProtocolName
 */
TRANSFER_PUBLIC const char *transfer_response_get_http_version(const transfer_response *response);

/**
 * transfer_response_get_expected_length - length of the whole body
 *
 * @response: the response; borrowed
 *
 * What the server announced, if that is what is told: a body whose coding was undone has no known length.
 *
 * Returns:  bytes, or TRANSFER_SIZE_UNKNOWN
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLResponse.expectedContentLength
 */
TRANSFER_PUBLIC int64_t transfer_response_get_expected_length(const transfer_response *response);

/**
 * transfer_response_is_length_verified - whether the answer said where its body ends
 *
 * @response: the response; borrowed
 *
 * A body without a length and not in chunks ends when the connection does. That it came whole can then
 * not be told from a connection that was cut; a checksum or a content coding can tell.
 *
 * Returns:  true: the body was held against what the server announced. false: its end is unverified.
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   RFC 9112, section 6.3
 */
TRANSFER_PUBLIC bool transfer_response_is_length_verified(const transfer_response *response);

/**
 * transfer_response_get_header - first header field of a name, letter case ignored
 *
 * @response: the response; borrowed
 * @name:     field name
 *
 * transfer_response_copy_header_list() has all of them.
 *
 * Returns:  the value, or NULL
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSHTTPURLResponse.valueForHTTPHeaderField:
 */
TRANSFER_PUBLIC const char *transfer_response_get_header(
	const transfer_response *response, const char *name);

/**
 * transfer_response_foreach_header - visit all header fields in their order
 *
 * @response: the response; borrowed
 * @each:     called for each field; a value other than 0 ends the visit
 * @userdata: handed to each
 *
 * Returns:  0, or what each returned
 * Blocks:   as long as each does
 * Thread:   any
 * Since:    0.1
 * Source:   NSHTTPURLResponse.allHeaderFields
 */
TRANSFER_PUBLIC int transfer_response_foreach_header(const transfer_response *response,
	int (*each)(const char *name, const char *value, void *userdata), void *userdata);

/**
 * transfer_response_copy_header_list - all header fields of a name, joined with ", "
 *
 * @response: the response; borrowed
 * @name:     field name; letter case is ignored. Set-Cookie cannot be joined: use
 *            transfer_response_foreach_header()
 *
 * Returns:  the values, to be freed with free(); NULL: none, or out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSHTTPURLResponse.allHeaderFields
 */
TRANSFER_PUBLIC char *transfer_response_copy_header_list(
	const transfer_response *response, const char *name);

/* One header field. */
struct transfer_field {
	const char *name, *value;
};

/**
 * transfer_response_new - a response that is not of HTTP
 *
 * @url:             URL that answers
 * @mime_type:       type without parameters; NULL: none
 * @expected_length: TRANSFER_SIZE_UNKNOWN: not known
 * @text_encoding:   character set; NULL: none
 *
 * Returns:  the response, or NULL: no UTF-8, or out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLResponse.initWithURL:MIMEType:expectedContentLength:textEncodingName:
 */
TRANSFER_PUBLIC transfer_response *transfer_response_new(
	const char *url, const char *mime_type, int64_t expected_length, const char *text_encoding);

/**
 * transfer_response_new_http - a response of HTTP
 *
 * @url:      URL that answers
 * @status:   100 to 999
 * @fields:   header fields; type, length, character set and name are taken from them; copied
 * @n_fields: how many, at most 256
 *
 * Returns:  the response, or NULL: something is malformed, or out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSHTTPURLResponse.initWithURL:statusCode:HTTPVersion:headerFields:
 */
TRANSFER_PUBLIC transfer_response *transfer_response_new_http(
	const char *url, int status, const struct transfer_field *fields, size_t n_fields);

#ifdef __cplusplus
}
#endif
#endif
