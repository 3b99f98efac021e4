/* SPDX-License-Identifier: MIT */
/*
 * Downloads that outlive the program. Started with URLs it hands them over and, with -d, is gone at once; started again
 * with the same session it is told what happened meanwhile, each event once, and stays until nothing is left.
 *
 *	bg_download [-d] [-k] [-c CA-FILE] SESSION FOLDER [URL...]
 *
 * -k allows plain http. Finished files are moved into FOLDER under the number of their task.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <transfer/transfer.h>
#include <unistd.h>

#define GRACE_MS 1000

struct options {
	const char *identifier, *folder, *ca_file;
	char **urls;
	bool detach, insecure;
};

struct download {
	const char *folder;
	bool done; /* no task is left */
	int exit_code;
};

static unsigned long long id_of(const transfer_task *task)
{
	return transfer_task_get_id(task);
}

static void on_tasks(transfer_task *const *tasks, size_t n_tasks, void *userdata)
{
	struct download *d = userdata;

	(void)tasks;
	d->done = n_tasks == 0;
}

/* The file belongs to us only until this returns: take it now. */
static void on_file(
	transfer_session *session, transfer_task *task, const char *path, int fd, void *userdata)
{
	struct download *d = userdata;
	char target[4096];

	(void)session;
	(void)fd;
	snprintf(target, sizeof(target), "%s/%llu", d->folder, id_of(task));
	if (rename(path, target)) {
		fprintf(stderr, "bg_download: %s: %s\n", target, strerror(errno));
		d->exit_code = EXIT_FAILURE;
		return;
	}
	printf("%llu finished %s\n", id_of(task), target);
}

static void on_resumed(transfer_session *session, transfer_task *task, int64_t offset_bytes,
	int64_t expected_bytes, void *userdata)
{
	(void)session;
	(void)userdata;
	printf("%llu resumed at %lld of %lld bytes\n", id_of(task), (long long)offset_bytes,
		(long long)expected_bytes);
}

static void on_done(
	transfer_session *session, transfer_task *task, const transfer_error *error, void *userdata)
{
	struct download *d = userdata;

	if (error) {
		printf("%llu failed: %s (%d)\n", id_of(task), transfer_error_get_message(error),
			transfer_error_get_code(error));
		d->exit_code = EXIT_FAILURE;
	} else {
		transfer_auto(transfer_response) response = transfer_task_copy_response(task);

		printf("%llu complete, status %d\n", id_of(task),
			response ? transfer_response_get_status(response) : 0);
	}
	fflush(stdout);
	transfer_session_get_tasks(session, on_tasks, d);
}

/* The last call: the bus is gone, for instance. The tasks go on; start this program again. */
static void on_invalid(transfer_session *session, const transfer_error *error, void *userdata)
{
	struct download *d = userdata;

	(void)session;
	if (error) {
		fprintf(stderr, "bg_download: %s\n", transfer_error_get_message(error));
		d->exit_code = EXIT_FAILURE;
	}
	d->done = true;
}

static const struct transfer_session_delegate delegate = {
	TRANSFER_SESSION_DELEGATE_INIT,
	.did_become_invalid = on_invalid,
	.download_did_finish = on_file,
	.download_did_resume = on_resumed,
	.task_did_complete = on_done,
};

static int usage(void)
{
	fputs("usage: bg_download [-d] [-k] [-c CA-FILE] SESSION FOLDER [URL...]\n", stderr);
	return 2;
}

static int failed(const char *what, int r, transfer_error *error)
{
	fprintf(stderr, "bg_download: %s: %s\n", what,
		error ? transfer_error_get_message(error) : strerror(-r));
	if (error)
		transfer_error_unref(error);
	return EXIT_FAILURE;
}

static int parse(int argc, char **argv, struct options *ret_options)
{
	struct options o = { 0 };
	int option;

	while ((option = getopt(argc, argv, "dkc:")) != -1) {
		if (option == 'd')
			o.detach = true;
		else if (option == 'k')
			o.insecure = true;
		else if (option == 'c')
			o.ca_file = optarg;
		else
			return usage();
	}
	if (argc - optind < 2)
		return usage();
	o.identifier = argv[optind];
	o.folder = argv[optind + 1];
	o.urls = argv + optind + 2;
	*ret_options = o;
	return 0;
}

static transfer_config *make_config(const struct options *o)
{
	transfer_config *config = transfer_config_new_background(o->identifier);

	if (!config)
		return NULL;
	transfer_config_set_app_id(config, "org.transferd.example.bg_download");
	transfer_config_set_allow_insecure(config, o->insecure);
	if (o->ca_file)
		transfer_config_set_ca_file(config, o->ca_file);
	return config;
}

/* What was made is durable when the flush returns: from then on this program is not needed. */
static int start(transfer_client *client, transfer_session *session, char **urls)
{
	for (char **url = urls; *url; url++) {
		transfer_auto(transfer_request) request = transfer_request_new(*url);
		transfer_auto(transfer_task) task = NULL;

		if (request)
			task = transfer_session_download_task(session, request, NULL, NULL);
		if (!task)
			return failed(*url, -ENOMEM, NULL);
		transfer_task_resume(task);
	}
	return transfer_client_flush(client, 30000);
}

static int run(transfer_client *client, const struct options *o)
{
	struct download d = { .folder = o->folder };
	transfer_auto(transfer_queue) queue = transfer_queue_new_manual();
	transfer_auto(transfer_config) config = make_config(o);
	transfer_auto(transfer_session) session = NULL;
	struct transfer_owner owner = { TRANSFER_OWNER_INIT, .delegate = &delegate,
		.userdata = &d };
	transfer_error *error = NULL;
	int r;

	if (!queue || !config)
		return failed("out of memory", -ENOMEM, NULL);
	owner.queue = queue;
	r = transfer_session_new(&session, client, config, &owner, &error);
	if (r)
		return failed(o->identifier, r, error);
	if (transfer_session_was_reassociated(session))
		printf("back in session %s\n", o->identifier);
	r = start(client, session, o->urls);
	if (r)
		return r < 0 ? failed("starting", r, NULL) : r;
	if (o->detach)
		return 0;
	transfer_session_get_tasks(session, on_tasks, &d);
	/* when no task is left, what happened before we came may still be on its way to us */
	for (r = 1; r || !d.done;) {
		r = transfer_queue_dispatch(queue, d.done ? GRACE_MS : -1);
		if (r < 0 && r != -EINTR)
			return failed("waiting", r, NULL);
	}
	return d.exit_code;
}

int main(int argc, char **argv)
{
	transfer_auto(transfer_client) client = NULL;
	transfer_error *error = NULL;
	struct options options;
	int r = parse(argc, argv, &options);

	if (r)
		return r;
	r = transfer_client_new(&client, 0, &error);
	if (r)
		return failed("no bus", r, error);
	return run(client, &options);
}
