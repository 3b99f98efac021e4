/* SPDX-License-Identifier: MIT */
/*
 * The content of the origin's files: a function of seed and offset, so that any part can be made and
 * checked without keeping the whole.
 */
#include "tests/lib/origin.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STEP (256 * 1024)

static uint64_t word_at(uint64_t seed, uint64_t index)
{
	uint64_t x = seed * 0x9e3779b97f4a7c15u + (index + 1) * 0xbf58476d1ce4e5b9u;

	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9u;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

void origin_bytes(uint64_t seed, uint64_t offset_bytes, void *ret_bytes, size_t size_bytes)
{
	unsigned char *out = ret_bytes;
	size_t done = 0;

	while (done < size_bytes) {
		uint64_t at = offset_bytes + done;
		uint64_t word = word_at(seed, at / 8);
		size_t skip = at % 8;
		size_t n = 8 - skip;

		if (n > size_bytes - done)
			n = size_bytes - done;
		memcpy(out + done, (unsigned char *)&word + skip, n);
		done += n;
	}
}

uint64_t origin_changed_seed(uint64_t seed)
{
	return seed + 1000003;
}

void origin_bytes_sha256(uint64_t seed, uint64_t size_bytes, char ret_hex[65])
{
	static const char digits[] = "0123456789abcdef";
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	char *buffer = malloc(STEP);
	unsigned char sum[32] = { 0 };
	size_t n;

	if (!digest || !buffer)
		abort();
	EVP_DigestInit_ex(digest, EVP_sha256(), NULL);
	for (uint64_t at = 0; at < size_bytes; at += n) {
		n = size_bytes - at < STEP ? (size_t)(size_bytes - at) : STEP;
		origin_bytes(seed, at, buffer, n);
		EVP_DigestUpdate(digest, buffer, n);
	}
	EVP_DigestFinal_ex(digest, sum, NULL);
	EVP_MD_CTX_free(digest);
	free(buffer);
	for (unsigned i = 0; i < 32; i++) {
		ret_hex[2 * i] = digits[sum[i] >> 4];
		ret_hex[2 * i + 1] = digits[sum[i] & 15];
	}
	ret_hex[64] = '\0';
}

static int check_fd(int fd, uint64_t seed, uint64_t size_bytes)
{
	char *got = malloc(STEP);
	char *want = malloc(STEP);
	uint64_t at = 0;
	int result = got && want ? 0 : -ENOMEM;
	ssize_t n;

	while (!result) {
		n = read(fd, got, STEP);
		if (n < 0) {
			result = -errno;
		} else if (n == 0) {
			result = at == size_bytes ? 0 : -EBADMSG;
			break;
		} else if (at + (uint64_t)n > size_bytes) {
			result = -EBADMSG;
		} else {
			origin_bytes(seed, at, want, (size_t)n);
			result = memcmp(got, want, (size_t)n) ? -EBADMSG : 0;
			at += (uint64_t)n;
		}
	}
	free(got);
	free(want);
	return result;
}

int origin_bytes_check(const char *path, uint64_t seed, uint64_t size_bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int result;

	if (fd < 0)
		return -errno;
	result = check_fd(fd, seed, size_bytes);
	close(fd);
	return result;
}

int origin_bytes_write(const char *path, uint64_t seed, uint64_t size_bytes)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	char *buffer = malloc(STEP);
	int result = 0;
	size_t n;
	ssize_t done;

	if (fd < 0 || !buffer)
		result = -errno;
	for (uint64_t at = 0; at < size_bytes && !result; at += n) {
		n = size_bytes - at < STEP ? (size_t)(size_bytes - at) : STEP;
		origin_bytes(seed, at, buffer, n);
		done = write(fd, buffer, n);
		if (done < 0)
			result = -errno;
		else
			n = (size_t)done;
	}
	free(buffer);
	if (fd >= 0 && close(fd) && !result)
		result = -errno;
	return result;
}
