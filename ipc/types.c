/* SPDX-License-Identifier: MIT */
/* Object paths and error names as text, and back. Both come from outside: nothing here trusts its input. */
#include "ipc/types.h"

#include <errno.h>
#include <string.h>

static const char *const error_names[] = {
#define IPC_ERROR_NAME(symbol, name) [IPC_E_##symbol] = name,
	IPC_ERRORS(IPC_ERROR_NAME)
#undef IPC_ERROR_NAME
};

#define N_ERRORS ((int)(sizeof(error_names) / sizeof(error_names[0])))

/* What does not fit is left out, as snprintf() does. */
static void put(char **at, const char *end, const char *text, size_t n)
{
	size_t room = (size_t)(end - *at);

	if (n > room)
		n = room;
	memcpy(*at, text, n);
	*at += n;
}

static void put_step(char **at, const char *end, const char *word, uint64_t number)
{
	char digits[20], *p = digits + sizeof(digits);

	do
		*--p = (char)('0' + number % 10);
	while (number /= 10);
	put(at, end, word, strlen(word));
	put(at, end, p, (size_t)(digits + sizeof(digits) - p));
}

/* Every event names its task: by hand, for printf() took a twentieth of the main thread's time. */
const char *ipc_path_format(struct ipc_path path, char *buf, size_t size)
{
	char *at = buf;
	const char *end = buf + size - 1;

	put(&at, end, IPC_ROOT_PATH, strlen(IPC_ROOT_PATH));
	if (path.session)
		put_step(&at, end, "/session/", path.session);
	if (path.session && path.task)
		put_step(&at, end, "/task/", path.task);
	*at = 0;
	return buf;
}

/* Reads "WORD/NUMBER" at *text: the one canonical form, so that an object has one path. */
static int parse_step(const char **text, const char *word, uint64_t *ret_number)
{
	size_t n = strlen(word);
	const char *p = *text;
	uint64_t number = 0;

	if (strncmp(p, word, n))
		return -EINVAL;
	p += n;
	if (*p < '1' || *p > '9')
		return -EINVAL;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(number, UINT64_C(10), &number) ||
			__builtin_add_overflow(number, (uint64_t)(*p - '0'), &number))
			return -EINVAL;
	}
	if (*p && *p != '/')
		return -EINVAL;
	*text = p;
	*ret_number = number;
	return 0;
}

int ipc_path_parse(const char *text, struct ipc_path *ret_path)
{
	struct ipc_path path = { 0, 0 };
	int r;

	if (strncmp(text, IPC_ROOT_PATH, strlen(IPC_ROOT_PATH)))
		return -EINVAL;
	text += strlen(IPC_ROOT_PATH);
	if (*text) {
		r = parse_step(&text, "/session/", &path.session);
		if (r)
			return r;
	}
	if (*text) {
		r = parse_step(&text, "/task/", &path.task);
		if (r)
			return r;
	}
	if (*text)
		return -EINVAL;
	*ret_path = path;
	return 0;
}

const char *ipc_error_name(int r)
{
	if (r == -ENOMEM)
		return error_names[IPC_E_NO_MEMORY];
	if (r <= IPC_DEFERRED || r >= N_ERRORS)
		return error_names[IPC_E_FAILED];
	return error_names[r];
}

int ipc_error_from_name(const char *name)
{
	for (int i = IPC_DEFERRED + 1; i < N_ERRORS; i++) {
		if (strcmp(error_names[i], name) == 0)
			return i;
	}
	return IPC_E_FAILED;
}
