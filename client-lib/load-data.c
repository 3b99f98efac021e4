/* SPDX-License-Identifier: MIT */
/*
 * data: URLs: a type, perhaps ";base64", the first comma, the bytes. A type that is none is text/plain, as browsers
 * have it; bytes that are not base64 where they should be make the URL malformed. The loader is an ordinary one.
 */
#include "client-lib/load-data.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <transfer/protocol.h>

#include "base/cleanup.h"
#include "client-lib/load.h"

#define DATA_DEFAULT_TYPE    "text/plain"
#define DATA_DEFAULT_CHARSET "US-ASCII"
#define DATA_PORT_MAX        65535
#define DATA_TYPE_MAX_BYTES  65536 /* with its parameters */

static const char token_marks[] = "!#$%&'*+-.^_`|~0123456789"
				  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

struct span {
	const char *text;
	size_t n;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct span trim(struct span s)
{
	while (s.n && is_space(s.text[0])) {
		s.text++;
		s.n--;
	}
	while (s.n && is_space(s.text[s.n - 1]))
		s.n--;
	return s;
}

static bool is_token(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (!s.text[i] || !strchr(token_marks, s.text[i]))
			return false;
	}
	return s.n > 0;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/*
 * What a parser of URLs makes of the rest behind "data:": no fragment, no line breaks or tabs, controls and 8-bit bytes
 * escaped, nothing blank around. NULL: no memory.
 */
static char *clean(const char *text)
{
	size_t n = strcspn(text, "#"), k = 0;
	char *copy;

	if (!text[n])
		while (n && (unsigned char)text[n - 1] <= ' ')
			n--;
	copy = malloc(3 * n + 1);
	for (size_t i = 0; copy && i < n; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '\t' || c == '\n' || c == '\r')
			continue;
		if (c < ' ' || c > '~')
			k += (size_t)snprintf(copy + k, 4, "%%%02X", c);
		else
			copy[k++] = (char)c;
	}
	if (copy)
		copy[k] = '\0';
	return copy;
}

/* Where "//" makes the beginning a place, its port must be one. */
static bool is_place_fine(const char *text)
{
	const char *port;
	size_t n, n_port;
	long value = 0;

	if (strncmp(text, "//", 2))
		return true;
	text += 2;
	n = strcspn(text, "/?");
	port = memrchr(text, ':', n);
	if (!port || memchr(port, ']', n - (size_t)(port - text)))
		return true;
	n_port = n - (size_t)(port + 1 - text);
	for (size_t i = 1; i <= n_port; i++) {
		if (port[i] < '0' || port[i] > '9')
			return false;
		value = value * 10 + (port[i] - '0');
		if (value > DATA_PORT_MAX)
			return false;
	}
	return true;
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* In place; returns the number of bytes. */
static size_t unescape(char *text)
{
	size_t k = 0;

	for (const char *p = text; *p; p++) {
		int high = *p == '%' ? digit_of(p[1]) : -1;
		int low = high >= 0 ? digit_of(p[2]) : -1;

		if (low >= 0) {
			text[k++] = (char)(high * 16 + low);
			p += 2;
		} else {
			text[k++] = *p;
		}
	}
	return k;
}

static int sextet_of(char c)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *p = c ? strchr(alphabet, c) : NULL;

	return p ? (int)(p - alphabet) : -1;
}

/* Forgiving base64, in place; false: it is none. */
static bool decode(char *text, size_t n, size_t *ret_n)
{
	size_t k = 0, size = 0;
	unsigned int bits = 0;

	for (size_t i = 0; i < n; i++) {
		if (!is_space(text[i]) && text[i] != '\f')
			text[k++] = text[i];
	}
	if (k && k % 4 == 0 && text[k - 1] == '=')
		k -= text[k - 2] == '=' ? 2 : 1;
	if (k % 4 == 1)
		return false;
	for (size_t i = 0; i < k; i++) {
		int sextet = sextet_of(text[i]);

		if (sextet < 0)
			return false;
		bits = bits << 6 | (unsigned int)sextet;
		if (i % 4)
			text[size++] = (char)(bits >> (6 - 2 * (i % 4)));
	}
	*ret_n = size;
	return true;
}

/* Takes ";base64" off the end of the type, blanks allowed between. */
static bool take_base64(char *type)
{
	static const char word[] = "base64";
	size_t n = strlen(type), n_word = sizeof(word) - 1;

	while (n && type[n - 1] == ' ')
		n--;
	if (n < n_word || strncasecmp(type + n - n_word, word, n_word))
		return false;
	n -= n_word;
	while (n && type[n - 1] == ' ')
		n--;
	if (!n || type[n - 1] != ';')
		return false;
	type[n - 1] = '\0';
	return true;
}

/* A value in quotes, its backslashes resolved into value, which has room for the text and its end; returns what follows. */
static const char *read_quoted(const char *p, char *value, size_t *ret_n)
{
	size_t n = 0;

	for (p++; *p && *p != '"'; p++) {
		if (*p == '\\' && p[1])
			p++;
		value[n++] = *p;
	}
	value[n] = '\0';
	*ret_n = n;
	return *p ? p + 1 : p;
}

static bool is_value(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.text[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

/* A parameter of that name stands in the type already; values in quotes are skipped. */
static bool is_known(const char *full, struct span name)
{
	bool is_quoted = false;

	for (const char *p = full; *p; p++) {
		if (*p == '"')
			is_quoted = !is_quoted;
		else if (is_quoted && *p == '\\')
			p++;
		else if (!is_quoted && *p == ';' && !strncasecmp(p + 1, name.text, name.n) &&
			p[1 + name.n] == '=')
			return true;
	}
	return false;
}

/* Appends the parameter in the form that any reader takes; full has room for it. */
static void put_parameter(char *full, struct span name, struct span value)
{
	size_t n = strlen(full);
	bool quotes = !is_token(value);

	full[n++] = ';';
	for (size_t i = 0; i < name.n; i++)
		full[n++] = lower(name.text[i]);
	full[n++] = '=';
	if (quotes)
		full[n++] = '"';
	for (size_t i = 0; i < value.n; i++) {
		if (value.text[i] == '"' || value.text[i] == '\\')
			full[n++] = '\\';
		full[n++] = value.text[i];
	}
	if (quotes)
		full[n++] = '"';
	full[n] = '\0';
}

static struct span read_value(const char **p, char *room, bool *ret_is_quoted)
{
	struct span value = { room, 0 };

	*ret_is_quoted = **p == '"';
	if (*ret_is_quoted) {
		*p = read_quoted(*p, room, &value.n);
		*p += strcspn(*p, ";");
		return value;
	}
	value = (struct span){ *p, strcspn(*p, ";") };
	*p += value.n;
	while (value.n && is_space(value.text[value.n - 1]))
		value.n--;
	return value;
}

static bool set_lower(char **to, struct span text)
{
	*to = strndup(text.text, text.n);
	for (char *c = *to; c && *c; c++)
		*c = lower(*c);
	return *to != NULL;
}

/* One parameter behind its ";"; returns what follows, or NULL: no memory. room: for the longest value. */
static const char *read_parameter(const char *p, char *room, struct load_data_url *data)
{
	struct span name, value;
	bool is_quoted;

	while (is_space(*p))
		p++;
	name = (struct span){ p, strcspn(p, ";=") };
	p += name.n;
	if (*p != '=')
		return p;
	p++;
	value = read_value(&p, room, &is_quoted);
	if ((!value.n && !is_quoted) || !is_token(name) || !is_value(value) ||
		is_known(data->full_type, name))
		return p;
	put_parameter(data->full_type, name, value);
	if (value.n && name.n == strlen("charset") && !strncasecmp(name.text, "charset", name.n) &&
		!set_lower(&data->charset, value))
		return NULL;
	return p;
}

static int use_default_type(struct load_data_url *data)
{
	data->mime_type = strdup(DATA_DEFAULT_TYPE);
	data->full_type = strdup(DATA_DEFAULT_TYPE ";charset=" DATA_DEFAULT_CHARSET);
	data->charset = strdup("us-ascii");
	return data->mime_type && data->full_type && data->charset ? 0 : -ENOMEM;
}

/* The type with its parameters; one that is none is the default one. */
static int read_type(const char *text, struct load_data_url *data)
{
	struct span type = trim((struct span){ text, strlen(text) });
	struct span major = { type.text, strcspn(type.text, "/;") };
	const char *p = major.text + major.n;
	struct span minor = { p + 1, *p == '/' ? strcspn(p + 1, ";") : 0 };
	cleanup_(cleanup_free) char *room = NULL;

	if (*p == '/')
		p = minor.text + minor.n;
	while (minor.n && is_space(minor.text[minor.n - 1]))
		minor.n--;
	if (!is_token(major) || !is_token(minor))
		return use_default_type(data);
	/* every byte may need a backslash, every parameter "=" and quotes */
	data->full_type = malloc(4 * type.n + 1);
	room = malloc(type.n + 1);
	if (!data->full_type || !room ||
		!set_lower(&data->mime_type, (struct span){ type.text, major.n + 1 + minor.n }))
		return -ENOMEM;
	memcpy(data->full_type, data->mime_type, strlen(data->mime_type) + 1);
	while (p && *p == ';')
		p = read_parameter(p + 1, room, data);
	return p ? 0 : -ENOMEM;
}

static int read_type_and_body(char *text, struct load_data_url *data)
{
	char *body = strchr(text, ',');
	cleanup_(cleanup_free) char *type = NULL;
	size_t n;

	/* a parameter is looked for among all before it */
	if (!body || body - text > DATA_TYPE_MAX_BYTES || !is_place_fine(text))
		return LOAD_DATA_E_BAD;
	*body++ = '\0';
	n = unescape(body);
	if (take_base64(text) && !decode(body, n, &n))
		return LOAD_DATA_E_BAD;
	text += strspn(text, " ");
	if (asprintf(&type, "%s%s", text[0] == ';' ? DATA_DEFAULT_TYPE : "", text) < 0) {
		type = NULL;
		return -ENOMEM;
	}
	data->body = transfer_data_new_copy(body, n);
	return data->body ? read_type(type, data) : -ENOMEM;
}

bool load_data_is_url(const char *url)
{
	while (*url && (unsigned char)*url <= ' ')
		url++;
	return !strncasecmp(url, "data:", strlen("data:"));
}

int load_data_parse(const char *url, struct load_data_url *ret)
{
	struct load_data_url data = { NULL, NULL, NULL, NULL };
	cleanup_(cleanup_free) char *text = NULL;
	int r;

	if (!load_data_is_url(url))
		return LOAD_DATA_E_BAD;
	text = clean(strchr(url, ':') + 1);
	r = text ? read_type_and_body(text, &data) : -ENOMEM;
	if (r)
		load_data_done(&data);
	else
		*ret = data;
	return r;
}

void load_data_done(struct load_data_url *data)
{
	free(data->mime_type);
	free(data->charset);
	free(data->full_type);
	transfer_data_unref(data->body);
}

/* ---- the loader ---- */

static bool can_init(const transfer_request *request, void *userdata)
{
	(void)userdata;
	return load_data_is_url(transfer_request_get_url(request));
}

static int answer(transfer_load *load, const char *url, const struct load_data_url *data)
{
	transfer_auto(transfer_response) response = transfer_response_new(
		url, data->mime_type, (int64_t)transfer_data_get_size(data->body), data->charset);

	return response ? transfer_load_use_cached(load, response, data->body) : -ENOMEM;
}

static void start(transfer_load *load, void *userdata)
{
	const char *url = transfer_request_get_url(transfer_load_get_request(load));
	struct load_data_url data = { NULL, NULL, NULL, NULL };
	transfer_auto(transfer_error) error = NULL;
	int r = load_data_parse(url, &data);

	(void)userdata;
	if (!r)
		r = answer(load, url, &data);
	if (r == LOAD_DATA_E_BAD)
		error = transfer_error_new(TRANSFER_DOMAIN_URL, TRANSFER_ERROR_BAD_URL, NULL, url);
	else if (r == -ENOMEM)
		error = transfer_error_new(TRANSFER_DOMAIN_POSIX, ENOMEM, NULL, url);
	if (error)
		transfer_load_fail(load, error);
	load_data_done(&data);
}

const struct transfer_protocol load_data_protocol = {
	TRANSFER_PROTOCOL_INIT,
	.can_init = can_init,
	.start = start,
};
