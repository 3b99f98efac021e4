/* SPDX-License-Identifier: MIT */
/*
 * Where threads meet, and nowhere else. A message has one owner: posting hands it over, taking receives it.
 * Any thread may post; one thread reads. The descriptor is readable while messages wait.
 */
#ifndef BASE_MAILBOX_H
#define BASE_MAILBOX_H

#include <stdbool.h>

/* Embed as the first member of every message type. */
struct mail {
	struct mail *next;
};

struct mailbox;

int mailbox_new(struct mailbox **ret_mailbox);
/* The caller has taken all mail and no thread posts any more. NULL is fine. */
void mailbox_free(struct mailbox *mailbox);

int mailbox_fd(const struct mailbox *mailbox);
/* A reader without a loop: sleeps until the descriptor is readable, or so long; -1: as long as it takes. */
void mailbox_wait(const struct mailbox *mailbox, int timeout_ms);
/* Takes ownership of mail; wakes the reader only when the box was empty. Cannot fail. */
void mailbox_post_take(struct mailbox *mailbox, struct mail *mail);
/* The same for a list, which a reader sees whole or not yet. NULL: nothing. */
void mailbox_post_list_take(struct mailbox *mailbox, struct mail *first);
/*
 * Between the two nobody's mail wakes a sleeping reader: many letters, one wake-up. Short, by one thread only, and nothing that
 * waits for the reader.
 */
void mailbox_hold(struct mailbox *mailbox);
void mailbox_release(struct mailbox *mailbox);
/* The reader lets mail gather: until it takes it, only a press wakes it. False: it was pressed before, and does not doze. */
bool mailbox_doze(struct mailbox *mailbox);
/* What was posted should be taken now; without mail it does nothing. */
void mailbox_press(struct mailbox *mailbox);
/* All waiting mail in order of posting, or NULL; clears readability. The caller owns the list. */
struct mail *mailbox_take_all(struct mailbox *mailbox);

#endif
