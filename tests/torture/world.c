/* SPDX-License-Identifier: MIT */
/* The processes beside a scenario: origin, bus, daemon. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/bus.h"
#include "tests/lib/proc.h"
#include "tests/lib/tmpdir.h"
#include "tests/torture/torture.h"
#include "tests/torture/world.h"

const char *world_folder(void)
{
	const char *folder = tmpdir_new();

	TORTURE_CHECK(folder);
	return folder;
}

const char *world_origin(void)
{
	static struct proc *origin;
	static char base[128];
	char program[4300];
	const char *argv[] = { program, NULL };
	const char *said;

	snprintf(program, sizeof(program), "%s/tests/origin", getenv("top_builddir"));
	TORTURE_CHECK(proc_start(&(struct proc_config){ .argv = argv }, &origin) == 0);
	said = proc_expect(origin, "\n", WORLD_DEADLINE_MS);
	TORTURE_CHECK(said && sscanf(said, "%127s", base) == 1);
	return base;
}

void world_bus(void)
{
	static struct bus *bus;

	TORTURE_CHECK(bus_new(NULL, &bus) == 0 && bus_start_daemon(bus, WORLD_DEADLINE_MS) == 0);
}
