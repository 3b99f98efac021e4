/* SPDX-License-Identifier: MIT */
/* A file that appears under its name when it is whole, and not at all before: whoever interrupts us leaves nothing. */
#ifndef CLI_PLACE_H
#define CLI_PLACE_H

#include <stdbool.h>

struct place {
	int fd; /* to write to; borrowed */
	char *path, *temporary; /* temporary NULL: it has no name yet, or it is what was there */
	bool is_direct, may_overwrite;
};

/* What is there and is no file, such as a device, is written at once. 0, -EEXIST or another -errno; then there is nothing to free. */
int place_open(const char *path, bool may_overwrite, struct place *ret_place);
/* It is whole. 0, -EEXIST or another -errno. */
int place_keep(struct place *place);
/* Ends it; without place_keep() nothing is left. */
void place_free(struct place *place);

#endif
