/* SPDX-License-Identifier: MIT */
/* What scenarios stand on that is not on trial: processes of their own, whose allocations never fail. */
#ifndef TESTS_TORTURE_WORLD_H
#define TESTS_TORTURE_WORLD_H

#define WORLD_DEADLINE_MS 20000

/* A temporary folder for all that follows. */
const char *world_folder(void);
/* Starts an origin that lives as long as the program: its URL, without a final slash. */
const char *world_origin(void);
/* Starts a bus with the daemon on it. */
void world_bus(void);

#endif
