/* SPDX-License-Identifier: MIT */
/* The checksums that a client can name: library, daemon and engine know the same ones, by the same names. */
#ifndef BASE_CHECKSUM_H
#define BASE_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>

/* Hexadecimal digits of one; 0: there is no such algorithm, or it is NULL. */
size_t checksum_digits(const char *algorithm);
/* Is hex a well-formed checksum of this algorithm? */
bool checksum_is_valid(const char *algorithm, const char *hex);

#endif
