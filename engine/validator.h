/* SPDX-License-Identifier: MIT */
/*
 * Which validators are strong enough to put two halves of a file together (RFC 9110, section 8.8).
 * Pure.
 */
#ifndef ENGINE_VALIDATOR_H
#define ENGINE_VALIDATOR_H

#include <stdbool.h>

/* A well-formed entity tag that is not weak; NULL is not. */
bool validator_etag_is_strong(const char *etag);
/* Last-Modified that is at least 60 s older than the Date of the same response; NULL is not. */
bool validator_last_modified_is_strong(const char *last_modified, const char *date);

#endif
