/* SPDX-License-Identifier: MIT */
/* data: URLs taken apart, as https://fetch.spec.whatwg.org/#data-urls has it. Pure. */
#ifndef CLIENT_LIB_LOAD_DATA_H
#define CLIENT_LIB_LOAD_DATA_H

#include <stdbool.h>

#include <transfer/object.h>

struct load_data_url {
	char *mime_type; /* lower case, without parameters */
	char *charset; /* lower case; NULL: none */
	char *full_type; /* as it would stand in Content-Type */
	transfer_data *body;
};

enum {
	LOAD_DATA_E_BAD = 1, /* not a data: URL, or malformed */
};

/* Whatever it holds. */
bool load_data_is_url(const char *url);
/* 0, LOAD_DATA_E_BAD, or -ENOMEM. ret: to be given to load_data_done(); untouched on failure. */
int load_data_parse(const char *url, struct load_data_url *ret);
void load_data_done(struct load_data_url *data);

#endif
