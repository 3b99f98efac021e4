/* SPDX-License-Identifier: MIT */
/*
 * Named points where a test may kill the process or make a call fail. In release builds they cost nothing.
 *
 *   TRANSFERD_FAILPOINT="name:N[,name:N...]"        SIGKILL to ourselves at the N-th pass (from 1)
 *   TRANSFERD_FAILPOINT="name:N=ERRNO[,...]"        that pass fails with this errno number instead
 *   TRANSFERD_FAILPOINT="*:N"                       SIGKILL at the N-th pass of any point
 *   TRANSFERD_FAILPOINT_LIST=FILE                   appends each name once, when first passed
 * Names are "area.what", for example "store.commit.before". Any thread.
 */
#ifndef BASE_FAILPOINT_H
#define BASE_FAILPOINT_H

#ifdef TRANSFERD_FAILPOINTS
/* 0, or the negative errno that the environment asks for here. */
int failpoint_hit(const char *name);
#	define FAILPOINT(name) failpoint_hit(name)
#else
#	define FAILPOINT(name) 0
#endif

#endif
