/* SPDX-License-Identifier: MIT */
/* A scheme of the program's own: demo:NAME answers with a greeting, and with what was sent to it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <transfer/transfer.h>

static bool takes(const transfer_request *request, void *userdata)
{
	const char *url = transfer_request_get_url(request);

	(void)userdata;
	return url && !strncmp(url, "demo:", 5);
}

static void start(transfer_load *load, void *userdata)
{
	const char *url = transfer_request_get_url(transfer_load_get_request(load));
	char text[4096];
	int n = snprintf(text, sizeof(text), "Hello, %.100s!\n", url + 5);
	transfer_auto(transfer_response)
		response = transfer_response_new(url, "text/plain", TRANSFER_SIZE_UNKNOWN, "utf-8");
	transfer_auto(transfer_error) error = NULL;
	ssize_t n_sent = n;

	(void)userdata;
	transfer_load_respond(load, response, TRANSFER_STORAGE_NOT_ALLOWED);
	do {
		transfer_auto(transfer_data) data = transfer_data_new_copy(text, (size_t)n_sent);

		transfer_load_give(load, data);
		n_sent = transfer_load_read_body(load, text, sizeof(text));
	} while (n_sent > 0);
	if (n_sent < 0)
		error = transfer_error_new(TRANSFER_DOMAIN_POSIX, (int)-n_sent, NULL, url);
	if (error)
		transfer_load_fail(load, error);
	else
		transfer_load_finish(load);
}

int main(void)
{
	static const struct transfer_protocol demo = {
		TRANSFER_PROTOCOL_INIT,
		.can_init = takes,
		.start = start,
	};
	transfer_auto(transfer_request) request = transfer_request_new("demo:world");
	transfer_auto(transfer_data) question = transfer_data_new_copy("How are you?\n", 13);
	transfer_auto(transfer_data) body = NULL;
	transfer_auto(transfer_error) error = NULL;

	transfer_request_set_method(request, "POST");
	transfer_request_set_body(request, question);
	if (transfer_protocol_register(&demo) ||
		transfer_fetch(NULL, request, &body, NULL, &error)) {
		fprintf(stderr, "%s\n", error ? transfer_error_get_message(error) : "no memory");
		return EXIT_FAILURE;
	}
	fwrite(transfer_data_get_bytes(body), 1, transfer_data_get_size(body), stdout);
	return EXIT_SUCCESS;
}
