/* SPDX-License-Identifier: MIT */
/* The folder of a test is private, is where the XDG variables point, and goes away. */
#include "tests/lib/tmpdir.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/run.h"

START_TEST(points_variables_into_it)
{
	static const char *const names[] = { "HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR" };
	const char *path = tmpdir_new();
	struct stat st;

	ck_assert_ptr_nonnull(path);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const char *value = getenv(names[i]);

		ck_assert(!strncmp(value, path, strlen(path)));
		ck_assert_int_eq(stat(value, &st), 0);
		ck_assert_uint_eq(st.st_mode & 0777, 0700);
	}
}
END_TEST

START_TEST(is_gone_at_exit)
{
	char path[300] = "";
	char *file, *text;
	int fds[2];
	int status;

	ck_assert_int_eq(pipe(fds), 0);
	if (!fork()) {
		const char *folder = tmpdir_new();

		file = tmpdir_path("%s", "file");
		if (tmpdir_write(file, "text"))
			_exit(1);
		text = tmpdir_read(file);
		if (!text || strcmp(text, "text") != 0)
			_exit(2);
		free(text);
		free(file);
		if (write(fds[1], folder, strlen(folder)) < 0)
			_exit(3);
		exit(0);
	}
	ck_assert_int_gt(wait(&status), 0);
	ck_assert_int_eq(status, 0);
	ck_assert_int_gt(read(fds[0], path, sizeof(path) - 1), 0);
	ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

RUN_TESTS("lib/tmpdir", TEST(points_variables_into_it), TEST(is_gone_at_exit))
