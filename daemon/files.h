/* SPDX-License-Identifier: MIT */
/* How many descriptors the daemon may have, and who gets them. */
#ifndef DAEMON_FILES_H
#define DAEMON_FILES_H

#include <stdint.h>

/* Once, before other threads start. */
void files_prepare(void);
/* So that connections never take the descriptors that the bus and the files of clients need. 0: no limit. */
uint32_t files_attempts_max(void);

#endif
