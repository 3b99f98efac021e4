/* SPDX-License-Identifier: MIT */
/*
 * URLs are looked at twice: our own scan of the raw text refuses what parsers are known to read in
 * different ways, then libcurl parses the rest, and that one parsed object is what policy looks at
 * and what libcurl connects to. So the host that was judged is the host that is contacted.
 *
 * Most are plain: written as libcurl would write them, and with one reading. They are cut here, and
 * libcurl's object is made of the pieces. "HTTP://" is never plain, so tests can compare the two.
 */
#include "engine/url.h"

#include <arpa/inet.h>
#include <errno.h>
#include <locale.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/utf8.h"

#define PORT_MAX      65535
/* An international name: 253 ASCII bytes are never more than this in UTF-8. */
#define IDN_MAX_BYTES 1024

/* Which URLs are good. */
struct taste {
	bool may_be_idn, may_be_ftp;
};

/* Where the pieces of an absolute URL are in its text. */
struct raw {
	size_t scheme_size;
	const char *authority; /* behind "//" */
	size_t authority_size;
	const char *host_port; /* behind the user information */
	const char *rest; /* path, query, fragment */
	bool may_be_idn;
};

static const struct scheme {
	const char *name;
	uint16_t port;
	bool is_ftp;
} schemes[] = {
	{ "http", 80, false },
	{ "https", 443, false },
	{ "ftp", 21, true },
	{ "ftps", 990, true },
};

/* NULL: none that is known. */
static const struct scheme *find_scheme(const char *name, size_t size)
{
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		if (size == strlen(schemes[i].name) && !strncasecmp(name, schemes[i].name, size))
			return &schemes[i];
	}
	return NULL;
}

static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Length of a leading scheme without its colon, or 0. */
static size_t scheme_size(const char *text)
{
	size_t n = 0;

	if (!is_alpha(text[0]))
		return 0;
	while (is_alpha(text[n]) || is_digit(text[n]) || (text[n] && strchr("+-.", text[n])))
		n++;
	return text[n] == ':' ? n : 0;
}

/* What no part of a URL may hold. */
static bool has_bad_bytes(const char *text)
{
	size_t n = 0;

	for (; text[n]; n++) {
		unsigned char c = (unsigned char)text[n];

		if (c < 0x20 || c == 0x7f || c == '\\' || n >= URL_MAX_BYTES)
			return true;
	}
	return !utf8_is_valid(text);
}

static bool is_ascii(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if ((unsigned char)text[i] & 0x80)
			return false;
	}
	return true;
}

static int split(const char *text, const struct taste *taste, struct raw *ret_raw)
{
	struct raw raw = { .scheme_size = scheme_size(text), .may_be_idn = taste->may_be_idn };
	const struct scheme *scheme;
	size_t host_size;

	if (has_bad_bytes(text) || !raw.scheme_size)
		return URL_E_BAD;
	scheme = find_scheme(text, raw.scheme_size);
	if (!scheme || (scheme->is_ftp && !taste->may_be_ftp))
		return URL_E_SCHEME;
	raw.authority = text + raw.scheme_size + 1;
	if (strncmp(raw.authority, "//", 2) != 0)
		return URL_E_BAD;
	raw.authority += 2;
	raw.authority_size = strcspn(raw.authority, "/?#");
	raw.rest = raw.authority + raw.authority_size;
	raw.host_port = memchr(raw.authority, '@', raw.authority_size);
	raw.host_port = raw.host_port ? raw.host_port + 1 : raw.authority;
	host_size = (size_t)(raw.rest - raw.host_port);
	if (host_size == 0 || memchr(raw.host_port, '@', host_size) ||
		memchr(raw.host_port, '%', host_size) ||
		memchr(raw.authority, ' ', raw.authority_size))
		return URL_E_BAD;
	*ret_raw = raw;
	return 0;
}

/* Appends path, query and fragment with what may not stand there escaped. */
static int append_escaped(struct buf *buf, const char *text)
{
	static const char hex[] = "0123456789ABCDEF";
	int r = 0;

	for (; *text && !r; text++) {
		unsigned char c = (unsigned char)*text;
		char escaped[3] = { '%', hex[c >> 4], hex[c & 15] };

		if (c <= 0x20 || c >= 0x7f || strchr("\"<>`{}", c))
			r = buf_append(buf, escaped, sizeof(escaped));
		else
			r = buf_append(buf, text, 1);
	}
	return r;
}

static int from_curl(CURLUcode code)
{
	switch ((int)code) {
	case CURLUE_OK:
		return 0;
	case CURLUE_OUT_OF_MEMORY:
		return err_raise(-ENOMEM);
	case CURLUE_UNSUPPORTED_SCHEME:
		return URL_E_SCHEME;
	}
	return URL_E_BAD;
}

/* A copy of one part in the arena; an absent part is NULL. */
static int get_part(struct url *url, CURLUPart part, unsigned flags, char **ret_text)
{
	char *text = NULL;
	CURLUcode code = curl_url_get(url->handle, part, &text, flags);

	if (code == CURLUE_OK) {
		*ret_text = arena_strdup(&url->arena, text);
		curl_free(text);
		return *ret_text ? 0 : err_raise(-ENOMEM);
	}
	*ret_text = NULL;
	if (code == CURLUE_NO_USER || code == CURLUE_NO_PASSWORD || code == CURLUE_NO_FRAGMENT ||
		code == CURLUE_NO_ZONEID || code == CURLUE_NO_PORT)
		return 0;
	return from_curl(code);
}

/*
 * A name whose last label is a number is an IPv4 address to some parsers: four decimals or nothing.
 */
static bool is_odd_address(const char *host)
{
	struct in_addr address;
	size_t size = strlen(host), start;
	bool is_number;

	if (inet_pton(AF_INET, host, &address) == 1)
		return false;
	if (size && host[size - 1] == '.')
		size--;
	for (start = size; start && host[start - 1] != '.';)
		start--;
	if (size - start >= 2 && host[start] == '0' && (host[start + 1] | 0x20) == 'x')
		return true;
	is_number = size > start;
	for (size_t i = start; i < size; i++)
		is_number = is_number && is_digit(host[i]);
	return is_number;
}

/*
 * The host in ASCII. libcurl turns international names with the character set of the locale, and
 * says "out of memory" when that is not UTF-8 or the name is not allowed. Then it loses a copy of
 * the name: so they are bounded, and not taken from servers (a Location has to be ASCII anyway).
 */
static int get_ascii_host(struct url *url, const struct raw *raw)
{
	locale_t utf8, before;
	int r;

	if (is_ascii(raw->host_port, (size_t)(raw->rest - raw->host_port)))
		return get_part(url, CURLUPART_HOST, 0, &url->host);
	if (!raw->may_be_idn || raw->rest - raw->host_port > IDN_MAX_BYTES)
		return URL_E_BAD;
	utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	if (!utf8)
		return URL_E_BAD;
	before = uselocale(utf8);
	r = get_part(url, CURLUPART_HOST, CURLU_PUNYCODE, &url->host);
	uselocale(before);
	freelocale(utf8);
	return r ? URL_E_BAD : 0;
}

/* Lower case, ASCII, and only what has one reading; the result goes back into the handle. */
static int fix_host(struct url *url, const struct raw *raw)
{
	struct in_addr address;
	char *zone = NULL;
	size_t size;
	int r;

	r = get_part(url, CURLUPART_ZONEID, 0, &zone);
	if (!r)
		r = get_ascii_host(url, raw);
	if (r)
		return r;
	size = strlen(url->host);
	for (char *p = url->host; *p; p++)
		*p = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
	if (zone || !size || is_odd_address(url->host))
		return URL_E_BAD;
	/*
	 * libcurl turns other notations of an IPv4 address into four decimals: then the text
	 * differs
	 */
	if (inet_pton(AF_INET, url->host, &address) == 1 &&
		(strncmp(raw->host_port, url->host, size) != 0 ||
			!strchr(":/?#", raw->host_port[size])))
		return URL_E_BAD;
	return from_curl(curl_url_set(url->handle, CURLUPART_HOST, url->host, 0));
}

static int fix_port(struct url *url)
{
	unsigned long port;
	char *text = NULL;
	int r;

	r = get_part(url, CURLUPART_PORT, CURLU_DEFAULT_PORT, &text);
	if (r)
		return r;
	port = text ? strtoul(text, NULL, 10) : 0;
	if (port == 0 || port > PORT_MAX)
		return URL_E_BAD;
	url->port = (uint16_t)port;
	if (port == find_scheme(url->scheme, strlen(url->scheme))->port)
		return from_curl(curl_url_set(url->handle, CURLUPART_PORT, NULL, 0));
	return 0;
}

/* Moves one part out of the handle. */
static int take_part(struct url *url, CURLUPart part, char **ret_text)
{
	int r = get_part(url, part, CURLU_URLDECODE, ret_text);

	return r ? r : from_curl(curl_url_set(url->handle, part, NULL, 0));
}

static int fill_full(struct url *url)
{
	cleanup_(buf_done) struct buf full = { 0 };

	url->full = url->text;
	if (!url->fragment)
		return 0;
	url->full = NULL;
	if (!buf_append_str(&full, url->text) && !buf_append_str(&full, "#") &&
		!append_escaped(&full, url->fragment))
		url->full = arena_strdup(&url->arena, full.bytes);
	return url->full ? 0 : err_raise(-ENOMEM);
}

/* An escaped control, which would end a line of commands early. */
static bool has_escaped_controls(const char *text)
{
	for (const char *p = text; (p = strchr(p, '%')); p++) {
		if (p[1] == '0' || p[1] == '1' || (p[1] == '7' && (p[2] | 0x20) == 'f'))
			return true;
	}
	return false;
}

static int check_ftp(const struct url *url)
{
	bool is_bad = has_escaped_controls(url->text) ||
		(url->user && utf8_has_controls(url->user)) ||
		(url->password && utf8_has_controls(url->password));

	return url_is_ftp(url) && is_bad ? URL_E_BAD : 0;
}

static int fill(struct url *url, const char *text, const struct raw *raw)
{
	int r = from_curl(curl_url_set(url->handle, CURLUPART_URL, text, 0));

	if (!r)
		r = take_part(url, CURLUPART_USER, &url->user);
	if (!r)
		r = take_part(url, CURLUPART_PASSWORD, &url->password);
	if (!r)
		r = get_part(url, CURLUPART_FRAGMENT, 0, &url->fragment);
	if (!r)
		r = from_curl(curl_url_set(url->handle, CURLUPART_FRAGMENT, NULL, 0));
	if (!r)
		r = get_part(url, CURLUPART_SCHEME, 0, &url->scheme);
	if (!r)
		r = fix_host(url, raw);
	if (!r)
		r = fix_port(url);
	if (!r)
		r = get_part(url, CURLUPART_PATH, 0, &url->path);
	if (!r)
		r = get_part(url, CURLUPART_URL, 0, &url->text);
	if (!r)
		r = check_ftp(url);
	return r ? r : fill_full(url);
}

static struct url *url_new(void)
{
	struct url *url = calloc(1, sizeof(*url));

	if (url)
		url->handle = curl_url();
	return url && url->handle ? url : url_free(url);
}

static int parse_once(const char *text, const struct taste *taste, struct url **ret_url)
{
	cleanup_(url_freep) struct url *url = NULL;
	cleanup_(buf_done) struct buf escaped = { 0 };
	struct raw raw;
	int r;

	r = split(text, taste, &raw);
	if (r)
		return r;
	r = buf_append(&escaped, text, (size_t)(raw.rest - text));
	if (!r)
		r = append_escaped(&escaped, raw.rest);
	if (r)
		return r;
	url = url_new();
	if (!url)
		return err_raise(-ENOMEM);
	r = fill(url, escaped.bytes, &raw);
	if (r)
		return r;
	*ret_url = take_ptr(url);
	return 0;
}

/* Where a byte may stand in a plain URL. */
enum { IN_HOST = 1, IN_PATH = 2, IN_QUERY = 4, IN_REST = IN_PATH | IN_QUERY };

static const uint8_t places[256] = {
	['a' ... 'z'] = IN_HOST | IN_REST,
	['0' ... '9'] = IN_HOST | IN_REST,
	['.'] = IN_HOST | IN_REST,
	['-'] = IN_HOST | IN_REST,
	['A' ... 'Z'] = IN_REST,
	['_'] = IN_REST,
	['~'] = IN_REST,
	['/'] = IN_REST,
	[':'] = IN_REST,
	['@'] = IN_REST,
	['!'] = IN_REST,
	['$'] = IN_REST,
	['&'] = IN_REST,
	['('] = IN_REST,
	[')'] = IN_REST,
	['*'] = IN_REST,
	['+'] = IN_REST,
	[','] = IN_REST,
	[';'] = IN_REST,
	['='] = IN_REST,
	['?'] = IN_QUERY,
};

static size_t span(const char *p, uint8_t place)
{
	size_t n = 0;

	while (places[(unsigned char)p[n]] & place)
		n++;
	return n;
}

/* The pieces of a plain URL; without port or query theirs are NULL. */
struct plain {
	size_t scheme_size, host_size, port_size, path_size;
	const char *host, *port, *path, *query;
	unsigned port_number;
};

/* A port as libcurl would write it; false: none, or the scheme's own, which is left out. */
static bool take_port(const char **p, struct plain *plain)
{
	const unsigned own = plain->scheme_size == 5 ? 443 : 80;
	unsigned number = 0;

	plain->port_number = own;
	if (**p != ':')
		return true;
	plain->port = ++*p;
	if (**p == '0')
		return false;
	for (; is_digit(**p) && number <= PORT_MAX; (*p)++)
		number = number * 10 + (unsigned)(**p - '0');
	plain->port_size = (size_t)(*p - plain->port);
	plain->port_number = number;
	return number && number <= PORT_MAX && number != own;
}

/* False: not plain, which says nothing about the URL. */
static bool split_plain(const char *text, struct plain *ret_plain)
{
	struct plain plain = { 0 };
	const char *p = text;

	if (strncmp(p, "http", 4) != 0)
		return false;
	plain.scheme_size = p[4] == 's' ? 5 : 4;
	p += plain.scheme_size;
	if (strncmp(p, "://", 3) != 0)
		return false;
	plain.host = p += 3;
	p += plain.host_size = span(p, IN_HOST);
	if (!plain.host_size || !take_port(&p, &plain) || *p != '/')
		return false;
	plain.path = p;
	for (; places[(unsigned char)*p] & IN_PATH; p++) {
		if (*p == '/' && (p[1] == '/' || p[1] == '.'))
			return false;
	}
	plain.path_size = (size_t)(p - plain.path);
	if (*p == '?') {
		plain.query = ++p;
		p += span(p, IN_QUERY);
		if (p == plain.query)
			return false;
	}
	*ret_plain = plain;
	return !*p && p - text <= (ptrdiff_t)URL_MAX_BYTES;
}

/* Hands one piece to libcurl. */
static int set_part(struct url *url, CURLUPart part, const char *text)
{
	return text ? from_curl(curl_url_set(url->handle, part, text, 0)) : err_raise(-ENOMEM);
}

/* URL_E_BAD also for what only is not plain. */
static int parse_plain(const char *text, struct url **ret_url)
{
	cleanup_(url_freep) struct url *url = NULL;
	struct plain plain;
	int r;

	if (!split_plain(text, &plain))
		return URL_E_BAD;
	url = url_new();
	if (!url)
		return err_raise(-ENOMEM);
	url->text = url->full = arena_strdup(&url->arena, text);
	url->scheme = arena_strndup(&url->arena, text, plain.scheme_size);
	url->host = arena_strndup(&url->arena, plain.host, plain.host_size);
	url->path = arena_strndup(&url->arena, plain.path, plain.path_size);
	url->port = (uint16_t)plain.port_number;
	if (!url->text || !url->scheme || !url->host || !url->path)
		return err_raise(-ENOMEM);
	if (is_odd_address(url->host))
		return URL_E_BAD;
	r = set_part(url, CURLUPART_SCHEME, url->scheme);
	if (!r)
		r = set_part(url, CURLUPART_HOST, url->host);
	if (!r && plain.port)
		r = set_part(url, CURLUPART_PORT,
			arena_strndup(&url->arena, plain.port, plain.port_size));
	if (!r)
		r = set_part(url, CURLUPART_PATH, url->path);
	if (!r && plain.query)
		r = set_part(url, CURLUPART_QUERY, plain.query);
	if (r)
		return r;
	*ret_url = take_ptr(url);
	return 0;
}

/*
 * Without memory for user information libcurl 7.88 says that the URL is bad. What is bad is so twice.
 */
static int parse(const char *text, const struct taste *taste, struct url **ret_url)
{
	int r = parse_plain(text, ret_url);

	for (int i = 0; i < 2 && r == URL_E_BAD; i++)
		r = parse_once(text, taste, ret_url);
	return r;
}

int url_parse(const char *text, struct url **ret_url)
{
	static const struct taste taste = { .may_be_idn = true };

	return parse(text, &taste, ret_url);
}

int url_parse_with_ftp(const char *text, struct url **ret_url)
{
	static const struct taste taste = { .may_be_idn = true, .may_be_ftp = true };

	return parse(text, &taste, ret_url);
}

/*
 * The text of the target for a reference without scheme (RFC 3986, 5.2.2; dots are removed later).
 */
static int resolve_text(const struct url *base, const char *reference, struct buf *text)
{
	const char *base_path = base->text + (strstr(base->text, "://") - base->text) + 3;
	size_t path_size = strcspn(reference, "?#"), keep;
	int r;

	base_path += strcspn(base_path, "/?");
	r = buf_append(text, base->text, (size_t)(base_path - base->text));
	if (r)
		return r;
	if (path_size && reference[0] == '/')
		keep = 0;
	else if (reference[0] == '?')
		keep = strcspn(base_path, "?");
	else if (!path_size)
		keep = strlen(base_path);
	else
		for (keep = strcspn(base_path, "?"); keep && base_path[keep - 1] != '/';)
			keep--;
	if (path_size && !keep && reference[0] != '/')
		r = buf_append_str(text, "/");
	if (!r)
		r = buf_append(text, base_path, keep);
	return r ? r : buf_append_str(text, reference);
}

static int inherit_fragment(const struct url *base, struct url *url)
{
	if (url->fragment || !base->fragment)
		return 0;
	url->fragment = arena_strdup(&url->arena, base->fragment);
	return url->fragment ? fill_full(url) : err_raise(-ENOMEM);
}

int url_resolve(const struct url *base, const char *reference, struct url **ret_url)
{
	cleanup_(url_freep) struct url *url = NULL;
	cleanup_(buf_done) struct buf text = { 0 };
	static const struct taste taste = { 0 };
	int r = 0;

	if (has_bad_bytes(reference))
		return URL_E_BAD;
	if (scheme_size(reference)) {
		r = parse(reference, &taste, &url);
	} else {
		if (strncmp(reference, "//", 2) == 0)
			r = buf_printf(&text, "%s:%s", base->scheme, reference);
		else
			r = resolve_text(base, reference, &text);
		if (!r)
			r = parse(text.bytes, &taste, &url);
	}
	if (r)
		return r;
	url->user = NULL;
	url->password = NULL;
	r = inherit_fragment(base, url);
	if (r)
		return r;
	*ret_url = take_ptr(url);
	return 0;
}

struct url *url_free(struct url *url)
{
	if (!url)
		return NULL;
	curl_url_cleanup(url->handle);
	arena_done(&url->arena);
	free(url);
	return NULL;
}

void url_freep(struct url **url)
{
	url_free(*url);
}

bool url_is_https(const struct url *url)
{
	return strcmp(url->scheme, "https") == 0;
}

bool url_is_ftp(const struct url *url)
{
	return url->scheme[0] == 'f';
}

bool url_is_secure(const struct url *url)
{
	return url_is_https(url) || strcmp(url->scheme, "ftps") == 0;
}

bool url_is_same_origin(const struct url *a, const struct url *b)
{
	return strcmp(a->scheme, b->scheme) == 0 && strcmp(a->host, b->host) == 0 &&
		a->port == b->port;
}
