/* SPDX-License-Identifier: MIT */
/* Temporary folders of tests, removed at exit by the process that made them. */
#include "tests/lib/tmpdir.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[256];
static pid_t owner;

static int on_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	remove(path);
	return 0;
}

void tmpdir_remove_all(const char *path)
{
	nftw(path, on_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void on_exit_remove(void)
{
	if (owner == getpid() && !getenv("TEST_KEEP"))
		tmpdir_remove_all(folder);
}

static int set_folder(const char *variable, const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	return setenv(variable, path, 1) ? -ENOMEM : 0;
}

const char *tmpdir_new(void)
{
	static const struct {
		const char *variable;
		const char *name;
	} folders[] = {
		{ "HOME", "home" },
		{ "TMPDIR", "tmp" },
		{ "XDG_STATE_HOME", "state" },
		{ "XDG_CONFIG_HOME", "config" },
		{ "XDG_DATA_HOME", "data" },
		{ "XDG_CACHE_HOME", "cache" },
		{ "XDG_RUNTIME_DIR", "run" },
	};
	const char *base = getenv("TEST_TMPDIR");

	snprintf(folder, sizeof(folder), "%s/transferd-test.XXXXXX", base ? base : "/tmp");
	if (!mkdtemp(folder))
		return NULL;
	if (owner != getpid() && atexit(on_exit_remove))
		return NULL;
	owner = getpid();
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		if (set_folder(folders[i].variable, folders[i].name))
			return NULL;
	return folder;
}

char *tmpdir_path(const char *format, ...)
{
	char name[512];
	char *path;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(name, sizeof(name), format, arguments);
	va_end(arguments);
	if (asprintf(&path, "%s/%s", folder, name) < 0)
		return NULL;
	return path;
}

char *tmpdir_read(const char *path)
{
	FILE *f = fopen(path, "re");
	char *text = NULL;
	size_t room = 0, used = 0, n;

	if (!f)
		return NULL;
	do {
		char *more = realloc(text, room += 65536);

		if (!more) {
			free(text);
			fclose(f);
			return NULL;
		}
		text = more;
		n = fread(text + used, 1, room - used - 1, f);
		used += n;
	} while (n);
	text[used] = '\0';
	fclose(f);
	return text;
}

int tmpdir_write(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");
	size_t n = strlen(text);
	int r = 0;

	if (!f)
		return -errno;
	if (fwrite(text, 1, n, f) != n)
		r = -EIO;
	if (fclose(f))
		r = -EIO;
	return r;
}
