/* SPDX-License-Identifier: MIT */
/* The program: options, configuration, then the daemon. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/memory.h"
#include "daemon/config.h"
#include "daemon/daemon.h"

/* 3 to 7: why it could not start, DAEMON_E_ after DAEMON_E_, as transferd.service(8) lists them. */
#define EXIT_REASON 2

static const struct option options[] = {
	{ "user", no_argument, NULL, 'u' },
	{ "system", no_argument, NULL, 's' },
	{ "state-dir", required_argument, NULL, 'd' },
	{ "no-idle-exit", no_argument, NULL, 'n' },
	{ "debug", no_argument, NULL, 'D' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'v' },
	{ 0 },
};

static void print_help(void)
{
	puts("transferd [OPTIONS…]\n\n"
	     "Owns uploads and downloads for other programs; see transferctl(1).\n\n"
	     "  --user             serve the user's bus (default)\n"
	     "  --system           serve the system bus\n"
	     "  --state-dir=DIR    database and spool (default: $XDG_STATE_HOME/transferd)\n"
	     "  --no-idle-exit     stay when there is nothing to do\n"
	     "  --debug            log everything\n"
	     "  --version, --help");
}

/* -1: go on; else the exit status. */
static int parse(int argc, char **argv, struct daemon_options *o)
{
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case 'u':
			o->is_system = false;
			break;
		case 's':
			o->is_system = true;
			break;
		case 'd':
			o->state_dir = optarg;
			break;
		case 'n':
			o->has_no_idle_exit = true;
			break;
		case 'D':
			o->is_debugging = true;
			break;
		case 'h':
			print_help();
			return EXIT_SUCCESS;
		case 'v':
			puts("transferd " PACKAGE_VERSION);
			return EXIT_SUCCESS;
		default:
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "transferd: %s: no arguments are expected\n", argv[optind]);
		return 2;
	}
	return -1;
}

static void on_complaint(const char *text, void *user)
{
	(void)user;
	log_warn("%s, ignoring", text);
}

/* Started without some of 0, 1 and 2: what is opened as one of them would get the lines of the log. */
static bool fill_standard_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

int main(int argc, char **argv)
{
	struct daemon_options o = { 0 };
	struct config config;
	struct daemon *daemon;
	int r;

	if (!fill_standard_streams())
		return EXIT_FAILURE;
	log_never_wait();
	memory_keep();
	r = parse(argc, argv, &o);
	if (r >= 0)
		return r;
	signal(SIGPIPE, SIG_IGN);
	/* above the limit of a file's size a write fails with EFBIG, as above that of its file system */
	signal(SIGXFSZ, SIG_IGN);
	config_init(&config);
	r = config_read(&config, o.is_system, on_complaint, NULL);
	if (r)
		log_warn("the configuration cannot be read: %s, going on without it", err_text(r));
	log_set_level(o.is_debugging ? LOG_LEVEL_DEBUG : config.log_level);
	r = daemon_new(&o, &config, &daemon);
	if (r)
		return r > 0 ? EXIT_REASON + r : EXIT_FAILURE;
	r = daemon_run(daemon);
	daemon_free(daemon);
	return r ? EXIT_FAILURE : EXIT_SUCCESS;
}
