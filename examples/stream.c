/* SPDX-License-Identifier: MIT */
/* The body as it comes, to standard output: stream [--allow-insecure] URL. What is not taken there waits at the server. */
#include <stdio.h>
#include <string.h>
#include <transfer/transfer.h>

static char block[65536];

int main(int argc, char **argv)
{
	bool is_insecure = argc == 3 && !strcmp(argv[1], "--allow-insecure");
	transfer_auto(transfer_request) request = transfer_request_new(argv[argc - 1]);
	transfer_auto(transfer_reader) reader = NULL;
	transfer_auto(transfer_error) error = NULL;
	ssize_t n = -1;

	if (argc != 2 && !is_insecure) {
		fprintf(stderr, "usage: stream [--allow-insecure] URL\n");
		return 2;
	}
	transfer_request_set_allow_insecure(request, is_insecure);
	if (!transfer_reader_open(NULL, request, &reader, &error))
		while ((n = transfer_reader_read(reader, block, sizeof(block), &error)) > 0)
			if (fwrite(block, 1, (size_t)n, stdout) < (size_t)n)
				return 1; /* nobody reads it: with the reader goes the transfer */
	if (n < 0)
		fprintf(stderr, "%s\n", transfer_error_get_message(error));
	return n < 0;
}
