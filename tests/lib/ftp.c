/* SPDX-License-Identifier: MIT */
/* Starts the server, and reads its port from the line that it prints when it listens. */
#include "tests/lib/ftp.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/proc.h"

#define FTP_START_MS 20000

struct ftp {
	struct proc *proc;
	uint16_t port;
};

static const char script[] = "import logging, sys, warnings\n"
			     "warnings.simplefilter('ignore')\n"
			     "logging.disable(logging.CRITICAL)\n"
			     "from pyftpdlib.authorizers import DummyAuthorizer\n"
			     "from pyftpdlib.handlers import FTPHandler\n"
			     "from pyftpdlib.servers import FTPServer\n"
			     "users = DummyAuthorizer()\n"
			     "users.add_anonymous(sys.argv[1], perm='elradfmw')\n"
			     "users.add_user('u', 'p@', sys.argv[1], perm='elradfmw')\n"
			     "FTPHandler.authorizer = users\n"
			     "FTPHandler.auth_failed_timeout = 0\n"
			     "server = FTPServer(('127.0.0.1', 0), FTPHandler)\n"
			     "print('port %d.' % server.address[1], flush=True)\n"
			     "server.serve_forever()\n";

/* The one for which the distribution's packages are installed. */
static const char *find_python(void)
{
	static const char *const interpreters[] = { "/usr/bin/python3", "python3" };

	for (size_t i = 0; i < sizeof(interpreters) / sizeof(interpreters[0]); i++) {
		const char *const argv[] = { interpreters[i], "-W", "ignore", "-c",
			"import pyftpdlib", NULL };
		int status = -1;

		if (!proc_run(argv, FTP_START_MS, NULL, &status) && !status)
			return interpreters[i];
	}
	return NULL;
}

struct ftp *ftp_new(const char *folder)
{
	const char *python = find_python();
	const char *const argv[] = { python, "-c", script, folder, NULL };
	const struct proc_config config = { .argv = argv };
	struct ftp *ftp = calloc(1, sizeof(*ftp));
	const char *output;

	ck_assert_msg(python, "python3-pyftpdlib is not installed");
	ck_assert_ptr_nonnull(ftp);
	ck_assert_int_eq(proc_start(&config, &ftp->proc), 0);
	output = proc_expect(ftp->proc, ".", FTP_START_MS);
	ck_assert_msg(
		output && strstr(output, "port "), "the server says \"%s\"", output ? output : "");
	ftp->port = (uint16_t)strtoul(strstr(output, "port ") + 5, NULL, 10);
	return ftp;
}

struct ftp *ftp_free(struct ftp *ftp)
{
	if (!ftp)
		return NULL;
	proc_free(ftp->proc);
	free(ftp);
	return NULL;
}

uint16_t ftp_port(const struct ftp *ftp)
{
	return ftp->port;
}
