/* SPDX-License-Identifier: MIT */
/*
 * What has to call a function of the program when it goes, and went while this thread had a client's lock: it is freed
 * when the lock was released, for such a function may call the library.
 */
#ifndef CLIENT_LIB_LITTER_H
#define CLIENT_LIB_LITTER_H

#include <stdbool.h>

/* The first member of an object that may be put off. */
struct litter {
	struct litter *next;
	void (*free)(struct litter *litter);
};

/* This thread has a client's lock, and has released it: what was put off is freed now. */
void litter_begin(void);
void litter_end(void);
/* True: free (which gets litter) is called later; false: nothing is in the way, and nothing was done. */
bool litter_put_off(struct litter *litter, void (*free)(struct litter *litter));

#endif
