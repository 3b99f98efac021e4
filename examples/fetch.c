/* SPDX-License-Identifier: MIT */
/* A page in five lines: fetch URL. */
#include <stdio.h>
#include <transfer/transfer.h>

int main(int argc, char **argv)
{
	transfer_auto(transfer_request) request = transfer_request_new(argc > 1 ? argv[1] : NULL);
	transfer_auto(transfer_data) body = NULL;
	transfer_auto(transfer_error) error = NULL;

	if (transfer_fetch(NULL, request, &body, NULL, &error)) {
		fprintf(stderr, "%s\n", transfer_error_get_message(error));
		return 1;
	}
	fwrite(transfer_data_get_bytes(body), 1, transfer_data_get_size(body), stdout);
	return 0;
}
