/* SPDX-License-Identifier: MIT */
/*
 * Memory for libcurl and libevent. libcurl 7.88 does not survive a lack of it in the middle of a transfer: it sends a
 * request without its query when that cannot be copied, divides by zero when a socket could not be listed, and gives up
 * all transfers of a CURLM when one socket cannot be watched. So what it needs is asked for again, for a while, before
 * anybody is told that there is none.
 */
#ifndef ENGINE_PATIENT_H
#define ENGINE_PATIENT_H

#include <stddef.h>

/* Initialises both libraries with that memory. 0 or -ENOMEM. Before the first thread. */
int patient_init(void);
void *patient_calloc(size_t n, size_t size); /* for what has to be there when libcurl asks */

#endif
