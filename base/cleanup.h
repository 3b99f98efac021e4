/* SPDX-License-Identifier: MIT */
/* Ownership in the type of the statement: cleanup attributes for locals, take_* to hand a value on. */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

/* cleanup_(f): f(pointer to the variable) runs when the variable goes out of scope. */
#define cleanup_(f) __attribute__((cleanup(f)))

/* Moves a pointer out of a cleanup variable: the variable becomes NULL. */
#define take_ptr(p) \
	__extension__({ \
		__typeof__(p) *pp_ = &(p); \
		__typeof__(p) p_ = *pp_; \
		*pp_ = NULL; \
		p_; \
	})

/* Defines x_freep() for cleanup_() from x_free(). */
#define DEFINE_CLEANUP(type, fn) \
	static inline void fn##p(type *value) \
	{ \
		if (*value) \
			fn(*value); \
	}

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* Moves a descriptor out of a cleanup_(cleanup_close) variable: it becomes -1. */
static inline int take_fd(int *fd)
{
	int taken_fd = *fd;

	*fd = -1;
	return taken_fd;
}

#endif
