/* SPDX-License-Identifier: MIT */
/*
 * An attempt's own copy of what engine_start() was given, checked where wrong values could do
 * harm on the wire. Pure but for dup().
 */
#ifndef ENGINE_SPEC_H
#define ENGINE_SPEC_H

#include <stdbool.h>

#include "base/arena.h"
#include "engine/engine.h"

#define SPEC_IDLE_TIMEOUT_US  (UINT64_C(60) * 1000 * 1000)
#define SPEC_CHECKPOINT_BYTES (UINT64_C(64) << 20)
#define SPEC_CHECKPOINT_US    (UINT64_C(5) * 1000 * 1000)
#define SPEC_HEADERS_MAX      256

/*
 * Fills ret_spec with copies in arena and its own descriptor, defaults in place of zeros. 0,
 * -EINVAL, -ENOMEM or of dup().
 */
int spec_copy(struct arena *arena, const struct engine_spec *from, struct engine_spec *ret_spec);
/* Method and fields of another request take the place of those in spec. 0, -EINVAL, -ENOMEM. */
int spec_copy_request(
	struct arena *arena, const struct engine_request *from, struct engine_spec *spec);
bool spec_has_header(const struct engine_spec *spec, const char *name);
/* Closes the descriptor; the rest goes with the arena. */
void spec_done(struct engine_spec *spec);

#endif
