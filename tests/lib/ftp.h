/* SPDX-License-Identifier: MIT */
/*
 * A real FTP server (python3-pyftpdlib) over a folder, in a process of its own. Anonymous users may do all there, so may "u"
 * with the password "p@".
 */
#ifndef TESTS_LIB_FTP_H
#define TESTS_LIB_FTP_H

#include <stdint.h>

struct ftp;

/* Fails the test when there is no such server. */
struct ftp *ftp_new(const char *folder);
struct ftp *ftp_free(struct ftp *ftp);
uint16_t ftp_port(const struct ftp *ftp);

#endif
