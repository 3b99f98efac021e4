/* SPDX-License-Identifier: MIT */
/* Text that must not stay in memory that was given back: passwords, and what holds them. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* Wipes and frees; NULL is fine. */
static inline void secret_free(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

DEFINE_CLEANUP(char *, secret_free) /* secret_freep() for cleanup_() */

#endif
