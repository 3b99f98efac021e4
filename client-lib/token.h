/* SPDX-License-Identifier: MIT */
/* Tokens of CreateTasks: a call that is made again with the same one is carried out once. */
#ifndef CLIENT_LIB_TOKEN_H
#define CLIENT_LIB_TOKEN_H

#define TOKEN_BYTES 48

/* One that nobody else has. The prefix, for people, has at most 8 letters. Any thread. */
void token_new(const char *prefix, char ret_token[TOKEN_BYTES]);

#endif
