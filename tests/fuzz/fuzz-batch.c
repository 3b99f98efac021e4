/* SPDX-License-Identifier: MIT */
/*
 * The list that "transferctl add" reads, as far as the call that would make the tasks: what is sent is whole, what is refused is
 * named with its line, and nothing on the terminal is what the list wants it to be. The first byte chooses the options.
 */
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <transfer/manager.h>

#include "base/utf8.h"
#include "cli/command.h"
#include "cli/request.h"
#include "tests/fuzz/fuzz.h"

static size_t n_sent;

/* Linked with --wrap: there is no daemon. */
int __wrap_request_open_session(struct ctx *ctx, const char **ret_session);
int __wrap_request_open_session(struct ctx *ctx, const char **ret_session)
{
	(void)ctx;
	*ret_session = "cli";
	return 0;
}

static void check_spec(const struct transfer_task_spec *spec)
{
	const char *url = transfer_request_get_url(spec->request);
	const char *to = transfer_request_get_destination(spec->request);

	FUZZ_MUST(transfer_request_get_status(spec->request) == 0);
	FUZZ_MUST(url && request_is_url(url));
	if (spec->kind == TRANSFER_TASK_UPLOAD) {
		FUZZ_MUST(spec->source_path && spec->source_path[0] == '/' && !to);
		return;
	}
	FUZZ_MUST(spec->kind == TRANSFER_TASK_DOWNLOAD && !spec->source_path);
	FUZZ_MUST(to && to[0] == '/');
}

int __wrap_transfer_manager_create_tasks(transfer_manager *manager,
	const struct transfer_batch *batch, uint64_t *ids, size_t *ret_n,
	transfer_error **ret_error);
int __wrap_transfer_manager_create_tasks(transfer_manager *manager,
	const struct transfer_batch *batch, uint64_t *ids, size_t *ret_n,
	transfer_error **ret_error)
{
	(void)manager;
	FUZZ_MUST(batch->n_specs && batch->n_specs <= TRANSFER_MANAGER_MAX_TASKS);
	/* the manager makes one for each call */
	FUZZ_MUST(!batch->token);
	for (size_t i = 0; i < batch->n_specs; i++) {
		check_spec(&batch->specs[i]);
		ids[i] = i + 1;
	}
	n_sent += batch->n_specs;
	*ret_n = batch->n_specs;
	*ret_error = NULL;
	return 0;
}

/* What goes to a terminal: lines of text without controls. */
static void check_said(const char *text, size_t size)
{
	FUZZ_MUST(strlen(text) == size);
	for (size_t i = 0; i < size; i++)
		FUZZ_MUST((unsigned char)text[i] >= ' ' || text[i] == '\n');
	FUZZ_MUST(utf8_is_valid(text));
}

static void options_of(struct ctx *ctx, uint8_t choice)
{
	ctx->command = "add";
	ctx->options.is_dry_run = choice & 1;
	ctx->options.is_upload = choice & 2;
	ctx->options.output_folder = choice & 4 ? "/tmp/in here/" : NULL;
	ctx->term.json = choice & 8 ? OPTIONS_JSON_SHORT : OPTIONS_JSON_OFF;
	ctx->options.is_suspended = choice & 16;
	ctx->options.no_pager = true;
}

/* stdout and stderr are the test's own while the command runs. */
static int run(struct ctx *ctx, char *path)
{
	FILE *out = stdout, *err = stderr;
	char *texts[2] = { NULL, NULL };
	size_t sizes[2];
	char *argv[] = { path, NULL };
	int r;

	stdout = open_memstream(&texts[0], &sizes[0]);
	stderr = open_memstream(&texts[1], &sizes[1]);
	FUZZ_MUST(stdout && stderr);
	r = cmd_add(ctx, 1, argv);
	fclose(stdout);
	fclose(stderr);
	stdout = out;
	stderr = err;
	for (int i = 0; i < 2; i++)
		check_said(texts[i], sizes[i]);
	FUZZ_MUST(r == 0 || strstr(texts[1], "line"));
	free(texts[0]);
	free(texts[1]);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ctx ctx;
	static char path[64];
	static int fd = -1;
	size_t n_lines = 1;
	int r;

	if (fd < 0) {
		fd = memfd_create("list", MFD_CLOEXEC);
		FUZZ_MUST(fd >= 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	if (!size)
		return 0;
	memset(&ctx, 0, sizeof(ctx));
	options_of(&ctx, data[0]);
	FUZZ_MUST(ftruncate(fd, 0) == 0);
	FUZZ_MUST(pwrite(fd, data + 1, size - 1, 0) == (ssize_t)(size - 1));
	for (size_t i = 1; i < size; i++)
		n_lines += data[i] == '\n';
	n_sent = 0;
	r = run(&ctx, path);
	FUZZ_MUST(r == 0 || r == EXIT_CODE_USAGE);
	FUZZ_MUST(r || !memchr(data + 1, 0, size - 1));
	FUZZ_MUST(n_sent <= n_lines && (n_sent == 0 || !ctx.options.is_dry_run));
	return 0;
}
