/* SPDX-License-Identifier: MIT */
/* Atomic reference counts of the public objects. */
#ifndef CLIENT_LIB_REF_H
#define CLIENT_LIB_REF_H

#include <stdatomic.h>
#include <stdbool.h>

struct ref {
	atomic_uint n;
};

static inline void ref_init(struct ref *ref)
{
	atomic_init(&ref->n, 1);
}

static inline void ref_get(struct ref *ref)
{
	atomic_fetch_add_explicit(&ref->n, 1, memory_order_relaxed);
}

/* One more of an object that may be on its way out; false: it is. */
static inline bool ref_try(struct ref *ref)
{
	unsigned int n = atomic_load_explicit(&ref->n, memory_order_relaxed);

	while (n) {
		if (atomic_compare_exchange_weak_explicit(
			    &ref->n, &n, n + 1, memory_order_acquire, memory_order_relaxed))
			return true;
	}
	return false;
}

/* True for the last one: everything the other holders did is visible then. */
static inline bool ref_put(struct ref *ref)
{
	return atomic_fetch_sub_explicit(&ref->n, 1, memory_order_acq_rel) == 1;
}

/* Defines T_ref() and T_unref() for an object whose member `ref` counts; free_fn gets the object after the last unref. */
#define REF_DEFINE(T, free_fn) \
	T *T##_ref(const T *obj) \
	{ \
		T *o = (T *)obj; \
\
		if (o) \
			ref_get(&o->ref); \
		return o; \
	} \
\
	void T##_unref(T *obj) \
	{ \
		if (obj && ref_put(&obj->ref)) \
			free_fn(obj); \
	}

#endif
