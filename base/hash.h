/* SPDX-License-Identifier: MIT */
/*
 * uthash that does not end the process when there is no memory: an element that HASH_ADD() could not
 * take in has is_unlisted set, and every struct with a UT_hash_handle has that member. Include this,
 * never <uthash.h>.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#define HASH_NONFATAL_OOM            1
#define uthash_nonfatal_oom(element) ((element)->is_unlisted = true)
#include <stdbool.h>
#include <uthash.h>

#endif
