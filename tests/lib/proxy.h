/* SPDX-License-Identifier: MIT */
/* A proxy that makes tunnels: CONNECT of HTTP, or SOCKS5. Names lead to 127.0.0.1. */
#ifndef TESTS_LIB_PROXY_H
#define TESTS_LIB_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct proxy;

struct proxy_config {
	bool is_socks;
	bool refuses; /* 403, or "not allowed" */
};

int proxy_new(const struct proxy_config *config, struct proxy **ret_proxy);
struct proxy *proxy_free(struct proxy *proxy); /* NULL is fine */
uint16_t proxy_port(const struct proxy *proxy);
/* "HOST:PORT " of each tunnel that was asked for, in order. */
void proxy_asked(struct proxy *proxy, char *buf, size_t size);

#endif
