/* SPDX-License-Identifier: MIT */
/*
 * One parsed URL for policy and transfer alike: what is checked here is what libcurl connects to
 * (hand it url->handle by CURLOPT_CURLU). http and https only, unless ftp is asked for, too. Refused, because parsers disagree on
 * them: controls and backslashes, a second "@", an empty host, %-escapes in the host, IPv4 in any
 * form but four decimal numbers, IPv6 zones, port 0, more than 64 KiB. Spaces and 8-bit bytes in
 * path and query are escaped. What an ftp URL says becomes lines of commands: no escaped controls in it.
 */
#ifndef ENGINE_URL_H
#define ENGINE_URL_H

#include <stdbool.h>
#include <stdint.h>

#include <curl/curl.h>

#include "base/arena.h"

#define URL_MAX_BYTES (64u * 1024)

enum {
	URL_E_BAD = 1, /* malformed or ambiguous: BAD_URL */
	URL_E_SCHEME, /* well formed, but of another scheme: UNSUPPORTED_URL */
};

/* All strings are in the arena. */
struct url {
	struct arena arena;
	CURLU *handle; /* without user information and fragment; the transfer's CURLOPT_CURLU */
	char *scheme; /* "http", "https"; "ftp", "ftps" */
	char *host; /* lower case, IDN as ASCII, IPv6 in brackets */
	uint16_t port; /* the scheme's default filled in */
	char *path; /* starts with "/" */
	char *text; /* canonical, without user information and fragment */
	char *fragment; /* NULL: none */
	char *full; /* text with the fragment: what an application is shown */
	char *user, *password; /* decoded; NULL: none. Never taken from a Location */
};

/* 0, URL_E_BAD, URL_E_SCHEME or -ENOMEM. */
int url_parse(const char *text, struct url **ret_url);
/* The same, and ftp and ftps are good, too. */
int url_parse_with_ftp(const char *text, struct url **ret_url);
/*
 * RFC 3986 resolution of @reference (a Location); user information in it is dropped, the base's
 * fragment is inherited.
 */
int url_resolve(const struct url *base, const char *reference, struct url **ret_url);
struct url *url_free(struct url *url);
void url_freep(struct url **url);

bool url_is_https(const struct url *url);
bool url_is_ftp(const struct url *url); /* ftp or ftps */
/* TLS from the first byte: https or ftps. */
bool url_is_secure(const struct url *url);
/* Scheme, host and port. */
bool url_is_same_origin(const struct url *a, const struct url *b);

#endif
