/* SPDX-License-Identifier: MIT */
/* A temporary folder that is gone when the process that made it exits. */
#ifndef TESTS_LIB_TMPDIR_H
#define TESTS_LIB_TMPDIR_H

/* Makes the folder and points HOME, TMPDIR and the XDG variables into it. NULL: not possible. The
 * string lives as long as the process. With TEST_KEEP=1 in the environment the folder stays. */
const char *tmpdir_new(void);
/* "FOLDER/NAME" of the newest folder; to be freed */
char *tmpdir_path(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* the whole file, with a zero behind it; NULL: not readable; to be freed */
char *tmpdir_read(const char *path);
int tmpdir_write(const char *path, const char *text);
void tmpdir_remove_all(const char *path);

#endif
