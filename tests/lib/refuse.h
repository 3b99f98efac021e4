/* SPDX-License-Identifier: MIT */
/* File systems that lack calls, without one: the kernel refuses them to this process, as such a file system would. */
#ifndef TESTS_LIB_REFUSE_H
#define TESTS_LIB_REFUSE_H

enum {
	REFUSE_NO_REPLACE = 1, /* RENAME_NOREPLACE: EINVAL */
	REFUSE_LINKS = 2, /* EPERM */
	REFUSE_MODES = 4, /* EPERM */
};

/* For all threads, until the process ends. 0 or -errno. */
int refuse(unsigned what);

#endif
