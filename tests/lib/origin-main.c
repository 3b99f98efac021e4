/* SPDX-License-Identifier: MIT */
/*
 * The origin as a program: prints its address on the first line and serves until SIGTERM, SIGINT or,
 * with --stdin, until its standard input ends (so that it dies with the script that started it).
 */
#include "tests/lib/origin.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

static int help(int status)
{
	printf("usage: origin [--port N] [--tls FOLDER] [--stdin] [--folder WWW] [--raw PATH=FILE]... "
	       "[--sha256 SEED:SIZE]\n"
	       "Serves /file?size=10M&seed=1 and many more; tests/lib/origin.h lists them.\n");
	return status;
}

static int add_raw(struct origin *o, const char *argument)
{
	const char *equals = strchr(argument, '=');
	char *path, *bytes = NULL;
	FILE *f;
	size_t n = 0;
	int r = -ENOMEM;

	if (!equals)
		return -EINVAL;
	f = fopen(equals + 1, "re");
	if (!f)
		return -errno;
	path = strndup(argument, (size_t)(equals - argument));
	bytes = malloc(16u << 20);
	if (path && bytes) {
		n = fread(bytes, 1, 16u << 20, f);
		r = origin_raw(o, path, bytes, n);
	}
	fclose(f);
	free(path);
	free(bytes);
	return r;
}

static int print_sha256(const char *argument)
{
	unsigned long long seed, size;
	char hex[65];

	if (sscanf(argument, "%llu:%llu", &seed, &size) != 2)
		return help(2);
	origin_bytes_sha256(seed, size, hex);
	printf("%s\n", hex);
	return 0;
}

static void serve_until_told(bool with_stdin, int signals)
{
	struct pollfd p[2] = {
		{ .fd = signals, .events = POLLIN },
		{ .fd = with_stdin ? 0 : -1, .events = POLLIN },
	};
	char byte;

	for (;;) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return;
		if (p[0].revents)
			return;
		if (p[1].revents && read(0, &byte, 1) <= 0)
			return;
	}
}

static int block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "port", required_argument, NULL, 'p' },
		{ "tls", required_argument, NULL, 't' },
		{ "folder", required_argument, NULL, 'f' },
		{ "stdin", no_argument, NULL, 'i' },
		{ "raw", required_argument, NULL, 'r' },
		{ "sha256", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct origin_config config = { 0 };
	const char *raws[64];
	bool with_stdin = false;
	unsigned n_raws = 0;
	struct origin *o;
	int option, r;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'p') {
			config.port = (uint16_t)strtoul(optarg, NULL, 10);
		} else if (option == 't') {
			config.tls = ORIGIN_TLS_GOOD;
			config.folder = optarg;
		} else if (option == 'f') {
			config.www = optarg;
		} else if (option == 'i') {
			with_stdin = true;
		} else if (option == 'r' && n_raws < 64) {
			raws[n_raws++] = optarg;
		} else if (option == 's') {
			return print_sha256(optarg);
		} else {
			return help(option == 'h' ? 0 : 2);
		}
	}
	r = block_signals();
	if (r < 0 || (errno = -origin_new(&config, &o))) {
		perror("origin");
		return 1;
	}
	for (unsigned i = 0; i < n_raws; i++) {
		int result = add_raw(o, raws[i]);

		if (result)
			fprintf(stderr, "origin: %s: %s\n", raws[i], strerror(-result));
	}
	printf("%s\n", origin_base(o));
	fflush(stdout);
	serve_until_told(with_stdin, r);
	close(r);
	origin_free(o);
	return 0;
}
