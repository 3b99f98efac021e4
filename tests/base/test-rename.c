/* SPDX-License-Identifier: MIT */
#include "base/rename.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
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
static void die_at(const char *point)
{
	int status;
	pid_t pid;

	set_up();
	ck_assert_int_eq(refuse(REFUSE_NO_REPLACE | REFUSE_LINKS), 0);
	pid = fork();
	if (pid == 0) {
		setenv("TRANSFERD_FAILPOINT", point, true);
		_exit(rename_no_replace(from, to));
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	check(from, "new");
}

/* The file has its name, or not; and nothing else is left of it. */
static void ends(int r, const char *content)
{
	char *marker = tmpdir_path(".part.name");

	ck_assert_int_eq(rename_no_replace(from, to), r);
	check(to, content);
	check(from, r ? "new" : NULL);
	check(marker, NULL);
	free(marker);
	tear_down();
}

static const struct {
	const char *point, *text; /* text: what is there then; NULL: nothing */
} deaths[] = {
	{ "rename.marked:1", NULL },
	{ "rename.begun:1", "" },
	{ "rename.kept:1", "This name is kept for .part\n" },
};

/* Between the steps: whoever comes next goes on. */
START_TEST(goes_on_after_a_death)
{
	die_at(deaths[_i].point);
	check(to, deaths[_i].text);
	ends(0, "new");
}
END_TEST

/* A power cut may leave a part of the text. */
START_TEST(goes_on_with_a_part_of_the_placeholder)
{
	die_at("rename.begun:1");
	ck_assert_int_eq(tmpdir_write(to, "This name is"), 0);
	ends(0, "new");
}
END_TEST

static const struct {
	const char *content;
	int age_s; /* since the death; before it: negative */
} others[] = { { "This name is not", 0 }, { "This name is kept for .other\n", 0 }, { "", 60 },
	{ "", -60 }, { "This name is", 3600 } };

/* Nobody else's file is taken for the placeholder, be it empty. */
START_TEST(leaves_what_came_after_a_death)
{
	struct timespec times[2];

	die_at("rename.marked:1");
	ck_assert_int_eq(tmpdir_write(to, others[_i].content), 0);
	ck_assert_int_eq(clock_gettime(CLOCK_REALTIME, &times[0]), 0);
	times[0].tv_sec += others[_i].age_s;
	times[1] = times[0];
	ck_assert_int_eq(utimensat(AT_FDCWD, to, times, 0), 0);
	ends(-EEXIST, others[_i].content);
}
END_TEST

/* A marker for another name says nothing about this one. */
START_TEST(leaves_what_another_marker_is_for)
{
	char *other;

	die_at("rename.begun:1");
	other = tmpdir_path("other");
	ck_assert_int_eq(tmpdir_write(other, ""), 0);
	ck_assert_int_eq(rename_no_replace(from, other), -EEXIST);
	check(other, "");
	free(other);
	tear_down();
}
END_TEST

/* As long as a name may be. */
START_TEST(keeps_a_long_name)
{
	char name[NAME_MAX + 1];

	set_up();
	memset(name, 'x', NAME_MAX);
	name[NAME_MAX] = '\0';
	free(from);
	from = tmpdir_path("%s", name);
	ck_assert_int_eq(tmpdir_write(from, "new"), 0);
	ck_assert_int_eq(refuse(REFUSE_NO_REPLACE | REFUSE_LINKS), 0);
	ends(0, "new");
}
END_TEST
#	define FAILPOINT_TESTS \
		, TEST_EACH(goes_on_after_a_death, deaths), \
			TEST(goes_on_with_a_part_of_the_placeholder), \
			TEST_EACH(leaves_what_came_after_a_death, others), \
			TEST(leaves_what_another_marker_is_for), TEST(keeps_a_long_name)
#else
#	define FAILPOINT_TESTS
#endif

RUN_TESTS("base/rename", TEST_EACH(gives_a_free_name, lacks),
	TEST_EACH(leaves_what_is_there, lacks),
	TEST_EACH(leaves_nothing_behind_when_it_fails, lacks) FAILPOINT_TESTS)
