/* SPDX-License-Identifier: MIT */
/* What a process that waits needs no memory for. */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

/*
 * Gives back what only the past needed: the free part of the heap, and the pages of programs and libraries (among them those of
 * libraries that are only linked by others and were touched once, at the start). What is used again comes from the page cache.
 */
void memory_give_back(void);

#endif
