/* SPDX-License-Identifier: MIT */
/*
 * Layout, all numbers big-endian:
 *   "tdR" version | offset 8 | total 8 | nonce 16 | sizes of url 4, etag 2, last-modified 2 |
 *   the three texts | version 2: the request, to the end | HMAC 32
 * The HMAC also covers the owner, in front of all that. A size of 0 means: absent.
 */
#include "engine/blob.h"

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/utf8.h"
#include "engine/url.h"

#define MAC_BYTES 32

#define VERSION_BARE    1 /* without what the request said */
#define VERSION_REQUEST 2

static const uint8_t magic[3] = { 't', 'd', 'R' };

struct layout {
	uint8_t magic[3], version;
	uint64_t offset_bytes, total_bytes;
	uint8_t nonce[BLOB_NONCE_BYTES];
	uint32_t url_bytes;
	uint16_t etag_bytes, last_modified_bytes;
} __attribute__((packed));

static int seal_mac(
	const void *bytes, size_t size, const struct blob_owner *owner, uint8_t ret_mac[MAC_BYTES])
{
	static const char purpose[] = "transferd resume data";
	cleanup_(buf_done) struct buf text = { 0 };
	uint32_t uid = htobe32(owner->uid), app_bytes = htobe32((uint32_t)strlen(owner->app));
	unsigned mac_size = MAC_BYTES;
	int r;

	r = buf_append(&text, purpose, sizeof(purpose));
	if (!r)
		r = buf_append(&text, &uid, sizeof(uid));
	if (!r)
		r = buf_append(&text, &app_bytes, sizeof(app_bytes));
	if (!r)
		r = buf_append_str(&text, owner->app);
	if (!r)
		r = buf_append(&text, bytes, size);
	if (r)
		return r;
	if (!HMAC(EVP_sha256(), owner->key, BLOB_KEY_BYTES, (const unsigned char *)text.bytes,
		    text.size_bytes, ret_mac, &mac_size))
		return err_raise(-ENOMEM);
	return 0;
}

static size_t size_of(const char *text)
{
	return text ? strlen(text) : 0;
}

static int append_plain(const struct blob *blob, const char *url, struct buf *plain)
{
	size_t etag_bytes = size_of(blob->etag), modified_bytes = size_of(blob->last_modified);
	struct layout layout = {
		.version = blob->request ? VERSION_REQUEST : VERSION_BARE,
		.offset_bytes = htobe64(blob->offset_bytes),
		.total_bytes = htobe64((uint64_t)blob->total_bytes),
		.url_bytes = htobe32((uint32_t)strlen(url)),
		.etag_bytes = htobe16((uint16_t)etag_bytes),
		.last_modified_bytes = htobe16((uint16_t)modified_bytes),
	};
	int r;

	if (etag_bytes > UINT16_MAX || modified_bytes > UINT16_MAX)
		return -EMSGSIZE;
	memcpy(layout.magic, magic, sizeof(magic));
	memcpy(layout.nonce, blob->nonce, sizeof(layout.nonce));
	r = buf_append(plain, &layout, sizeof(layout));
	if (!r)
		r = buf_append_str(plain, url);
	if (!r)
		r = buf_append(plain, blob->etag ? blob->etag : "", etag_bytes);
	if (!r)
		r = buf_append(
			plain, blob->last_modified ? blob->last_modified : "", modified_bytes);
	if (!r && blob->request)
		r = buf_append_str(plain, blob->request);
	return r;
}

int blob_seal(const struct blob *blob, const struct blob_owner *owner, struct buf *ret_sealed)
{
	cleanup_(buf_done) struct buf plain = { .max_bytes = BLOB_MAX_BYTES - MAC_BYTES };
	cleanup_(url_freep) struct url *url = NULL;
	uint8_t mac[MAC_BYTES];
	int r;

	r = url_parse(blob->url, &url);
	if (r > 0)
		return -EINVAL;
	if (!r)
		r = append_plain(blob, url->full, &plain);
	if (!r)
		r = seal_mac(plain.bytes, plain.size_bytes, owner, mac);
	if (!r)
		r = buf_append(ret_sealed, plain.bytes, plain.size_bytes);
	if (!r)
		r = buf_append(ret_sealed, mac, sizeof(mac));
	return r;
}

int blob_is_of(const struct blob *blob, const char *text)
{
	cleanup_(url_freep) struct url *url = NULL;
	int r = url_parse(text, &url);

	if (r)
		return r < 0 ? r : 0;
	return strcmp(url->full, blob->url) == 0;
}

/* Moves *p behind a text; an empty one is NULL. */
static int take_text(const char **p, size_t size, struct arena *arena, const char **ret_text)
{
	*ret_text = NULL;
	if (!size)
		return 0;
	*ret_text = arena_strndup(arena, *p, size);
	if (!*ret_text)
		return err_raise(-ENOMEM);
	if (strlen(*ret_text) != size || !utf8_is_valid(*ret_text))
		return BLOB_E_INVALID;
	*p += size;
	return 0;
}

/* Of the request, which is all that is left; more or less than nothing: as the version says. */
static bool has_sizes(const struct layout *layout, size_t size, size_t *ret_request_bytes)
{
	size_t url_bytes = be32toh(layout->url_bytes), known;

	if (memcmp(layout->magic, magic, sizeof(magic)) != 0 || !url_bytes ||
		url_bytes > BLOB_MAX_BYTES)
		return false;
	known = sizeof(*layout) + url_bytes + be16toh(layout->etag_bytes) +
		be16toh(layout->last_modified_bytes);
	if (size < known)
		return false;
	*ret_request_bytes = size - known;
	return layout->version == (*ret_request_bytes ? VERSION_REQUEST : VERSION_BARE);
}

static int read_plain(const char *plain, size_t size, struct arena *arena, struct blob *ret_blob)
{
	const char *p = plain + sizeof(struct layout);
	struct blob blob = { 0 };
	struct layout layout;
	size_t request_bytes;
	int r;

	memcpy(&layout, plain, sizeof(layout));
	if (!has_sizes(&layout, size, &request_bytes))
		return BLOB_E_INVALID;
	blob.offset_bytes = be64toh(layout.offset_bytes);
	blob.total_bytes = (int64_t)be64toh(layout.total_bytes);
	memcpy(blob.nonce, layout.nonce, sizeof(blob.nonce));
	if (blob.total_bytes < -1 ||
		(blob.total_bytes >= 0 && blob.offset_bytes > (uint64_t)blob.total_bytes))
		return BLOB_E_INVALID;
	r = take_text(&p, be32toh(layout.url_bytes), arena, &blob.url);
	if (!r)
		r = take_text(&p, be16toh(layout.etag_bytes), arena, &blob.etag);
	if (!r)
		r = take_text(&p, be16toh(layout.last_modified_bytes), arena, &blob.last_modified);
	if (!r)
		r = take_text(&p, request_bytes, arena, &blob.request);
	if (r)
		return r;
	*ret_blob = blob;
	return 0;
}

int blob_open(const void *sealed, size_t size, const struct blob_owner *owner, struct arena *arena,
	struct blob *ret_blob)
{
	cleanup_(url_freep) struct url *url = NULL;
	uint8_t mac[MAC_BYTES];
	struct blob blob;
	size_t plain_bytes;
	int r;

	if (size > BLOB_MAX_BYTES || size < sizeof(struct layout) + MAC_BYTES)
		return BLOB_E_INVALID;
	plain_bytes = size - MAC_BYTES;
	r = seal_mac(sealed, plain_bytes, owner, mac);
	if (r)
		return r;
	if (CRYPTO_memcmp(mac, (const char *)sealed + plain_bytes, MAC_BYTES) != 0)
		return BLOB_E_INVALID;
	r = read_plain(sealed, plain_bytes, arena, &blob);
	if (!r)
		r = url_parse(blob.url, &url);
	if (r)
		return r > 0 ? BLOB_E_INVALID : r;
	*ret_blob = blob;
	return 0;
}
