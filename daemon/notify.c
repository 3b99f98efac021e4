/* SPDX-License-Identifier: MIT */
/* The service manager's protocol without its library: a datagram to a Unix socket, path or abstract name. */
#include "daemon/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"

int notify_send(const char *state)
{
	cleanup_(cleanup_close) int fd = -1;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *path = getenv("NOTIFY_SOCKET");
	size_t len = path ? strlen(path) : 0;

	if (!len)
		return 0;
	if ((path[0] != '/' && path[0] != '@') || len < 2 || len >= sizeof(address.sun_path))
		return err_raise(-EINVAL);
	memcpy(address.sun_path, path, len);
	if (path[0] == '@')
		address.sun_path[0] = 0;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_raise(-errno);
	if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&address,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
		return err_raise(-errno);
	return 0;
}

uint64_t notify_watchdog_interval_us(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	char *end;
	uint64_t us;

	if (!usec || (pid && strtol(pid, NULL, 10) != (long)getpid()))
		return 0;
	errno = 0;
	us = strtoull(usec, &end, 10);
	return *end || end == usec || errno ? 0 : us / 2;
}
