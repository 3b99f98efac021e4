/* SPDX-License-Identifier: MIT */
/* The one place where bytes from outside become text that libdbus, the journal and terminals can take. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Valid UTF-8 as libdbus demands it: no overlong forms, surrogates, or code points above U+10FFFF. NUL ends the string. */
bool utf8_is_valid(const char *s);
/* The same of bytes whose number is known. NUL is valid among them. */
bool utf8_is_valid_bytes(const char *s, size_t size);

/*
 * utf8_sanitise - a valid copy of any bytes
 * @bytes: may hold anything, NUL included; @size: how many
 * Each byte that is not part of valid UTF-8, and NUL, becomes U+FFFD. Controls are kept.
 * Returns: a new string the caller frees, or NULL when memory is short.
 */
char *utf8_sanitise(const void *bytes, size_t size);

/* C0 controls or DEL: what would end a line, or a field of it, early. */
bool utf8_has_controls(const char *s);

/* Copies s to buf as valid UTF-8 in which C0/C1 controls, DEL, line separators and bidi controls are shown as \xNN or \u{NNNN}; truncates at a character. */
void utf8_escape_controls(const char *s, char *buf, size_t size);

#endif
