/* SPDX-License-Identifier: MIT */
#include "base/rename.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/refuse.h"
#include "tests/lib/run.h"
#include "tests/lib/tmpdir.h"

/* What the file system lacks. */
static const unsigned lacks[] = { 0, REFUSE_NO_REPLACE, REFUSE_NO_REPLACE | REFUSE_LINKS };

static char *from, *to;

static void set_up(void)
{
	ck_assert_ptr_nonnull(tmpdir_new());
	from = tmpdir_path(".part");
	to = tmpdir_path("file");
	ck_assert_int_eq(tmpdir_write(from, "new"), 0);
}

static void tear_down(void)
{
	free(from);
	free(to);
}

static void check(const char *path, const char *want)
{
	char *content = tmpdir_read(path);

	ck_assert_pstr_eq(content, want);
	free(content);
}

START_TEST(gives_a_free_name)
{
	set_up();
	ck_assert_int_eq(refuse(lacks[_i]), 0);
	ck_assert_int_eq(rename_no_replace(from, to), 0);
	check(to, "new");
	check(from, NULL);
	tear_down();
}
END_TEST

START_TEST(leaves_what_is_there)
{
	char *folder;

	set_up();
	folder = tmpdir_path("folder");
	ck_assert_int_eq(mkdir(folder, 0700), 0);
	ck_assert_int_eq(refuse(lacks[_i]), 0);
	ck_assert_int_eq(rename_no_replace(from, folder), -EEXIST);
	/* empty; another's; the placeholder of another part; a link to nowhere */
	ck_assert_int_eq(tmpdir_write(to, ""), 0);
	ck_assert_int_eq(rename_no_replace(from, to), -EEXIST);
	check(to, "");
	ck_assert_int_eq(tmpdir_write(to, "old"), 0);
	ck_assert_int_eq(rename_no_replace(from, to), -EEXIST);
	check(to, "old");
	ck_assert_int_eq(tmpdir_write(to, "This name is kept for .other\n"), 0);
	ck_assert_int_eq(rename_no_replace(from, to), -EEXIST);
	check(to, "This name is kept for .other\n");
	ck_assert_int_eq(unlink(to), 0);
	ck_assert_int_eq(symlink("/nowhere", to), 0);
	ck_assert_int_eq(rename_no_replace(from, to), -EEXIST);
	check(from, "new");
	free(folder);
	tear_down();
}
END_TEST

START_TEST(leaves_nothing_behind_when_it_fails)
{
	set_up();
	ck_assert_int_eq(unlink(from), 0);
	ck_assert_int_eq(refuse(lacks[_i]), 0);
	ck_assert_int_eq(rename_no_replace(from, to), -ENOENT);
	check(to, NULL);
	tear_down();
}
END_TEST

#ifdef TRANSFERD_FAILPOINTS
/* Between the two steps: whoever comes next goes on, and nobody else's file is taken for the placeholder. */
START_TEST(goes_on_after_a_death)
{
	int status;
	pid_t pid;

	set_up();
	ck_assert_int_eq(refuse(REFUSE_NO_REPLACE | REFUSE_LINKS), 0);
	pid = fork();
	if (pid == 0) {
		setenv("TRANSFERD_FAILPOINT", "rename.kept:1", true);
		_exit(rename_no_replace(from, to));
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	check(from, "new");
	ck_assert_int_eq(access(to, F_OK), 0);
	ck_assert_int_eq(rename_no_replace(from, to), 0);
	check(to, "new");
	check(from, NULL);
	tear_down();
}
END_TEST
#	define FAILPOINT_TESTS , TEST(goes_on_after_a_death)
#else
#	define FAILPOINT_TESTS
#endif

RUN_TESTS("base/rename", TEST_EACH(gives_a_free_name, lacks),
	TEST_EACH(leaves_what_is_there, lacks),
	TEST_EACH(leaves_nothing_behind_when_it_fails, lacks) FAILPOINT_TESTS)
