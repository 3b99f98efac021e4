/* SPDX-License-Identifier: MIT */
/* Which cookie is meant for which host and path: RFC 6265bis, 5.1.3 and 5.1.4. One rule for who sends them and who lists them. */
#ifndef BASE_COOKIE_MATCH_H
#define BASE_COOKIE_MATCH_H

#include <stdbool.h>
#include <string.h>

/* An address has no domains below it. */
static inline bool cookie_match_is_address(const char *host)
{
	return host[0] == '[' || strspn(host, "0123456789.") == strlen(host);
}

/* The host is the domain or lies below it; both in lower case. */
static inline bool cookie_match_domain(const char *host, const char *domain)
{
	size_t n = strlen(host), n_domain = strlen(domain);

	if (!strcmp(host, domain))
		return true;
	return n > n_domain && host[n - n_domain - 1] == '.' &&
		!strcmp(host + n - n_domain, domain) && !cookie_match_is_address(host);
}

/* The path is the cookie's or lies below it; both begin with a slash. */
static inline bool cookie_match_path(const char *request, const char *path)
{
	size_t n = strlen(path);

	if (strncmp(request, path, n) != 0)
		return false;
	return !request[n] || (n && path[n - 1] == '/') || request[n] == '/';
}

#endif
