/* SPDX-License-Identifier: MIT */
/* What a process that waits needs no memory for. */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

/*
 * From now on what is freed stays with the process while it works, for it is needed again at once; memory_give_back() ends that.
 * Before other threads start.
 */
void memory_keep(void);

/*
 * Gives back what only the past needed: the free part of the heap, and the pages of programs and libraries (among them those of
 * libraries that are only linked by others and were touched once, at the start). What is used again comes from the page cache.
 */
void memory_give_back(void);

#endif
