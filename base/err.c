/* SPDX-License-Identifier: MIT */
/* Remembers the origin of each thread's last fatal error, so that one boundary can print it. */
#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static _Thread_local struct {
	int error_no;
	int line;
	const char *file;
	const char *func;
	char text[256];
} last;

int err_raise_at(int error_no, const char *file, int line, const char *func)
{
	last.error_no = error_no;
	last.file = file;
	last.line = line;
	last.func = func;
	return error_no;
}

int err_fold_at(int r, const char *file, int line, const char *func)
{
	if (r <= 0)
		return r;
	return err_raise_at(-ENOTRECOVERABLE, file, line, func);
}

const char *err_text(int error_no)
{
	char why[128];

	if (error_no > 0)
		error_no = -ENOTRECOVERABLE;
	if (last.error_no == error_no && last.file)
		snprintf(last.text, sizeof(last.text), "%s:%d in %s: %s", last.file, last.line,
			last.func, strerror_r(-error_no, why, sizeof(why)));
	else
		snprintf(last.text, sizeof(last.text), "%s",
			strerror_r(-error_no, why, sizeof(why)));
	return last.text;
}
