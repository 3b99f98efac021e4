/* SPDX-License-Identifier: MIT */
/* Mail posted by several threads arrives once, in each sender's order, and the descriptor tells when. */
#include "base/mailbox.h"

#include <poll.h>

#include "base/thread.h"
#include "tests/lib/run.h"

#define SENDERS 4
#define LETTERS 5000

struct letter {
	struct mail mail;
	int sender, number;
};

struct sender {
	struct mailbox *box;
	int sender;
};

static void send_all(void *user)
{
	struct sender *s = user;

	for (int i = 0; i < LETTERS; i++) {
		struct letter *l = calloc(1, sizeof(*l));

		l->sender = s->sender;
		l->number = i;
		mailbox_post_take(s->box, &l->mail);
	}
}

static int is_readable(struct mailbox *box, int timeout_ms)
{
	struct pollfd p = { .fd = mailbox_fd(box), .events = POLLIN };

	return poll(&p, 1, timeout_ms);
}

START_TEST(keeps_order_between_threads)
{
	struct sender senders[SENDERS];
	struct thread *threads[SENDERS];
	int next[SENDERS] = { 0 }, n = 0;
	struct mailbox *box;

	ck_assert_int_eq(mailbox_new(&box), 0);
	for (int i = 0; i < SENDERS; i++) {
		senders[i] = (struct sender){ box, i };
		ck_assert_int_eq(thread_start("sender", send_all, &senders[i], &threads[i]), 0);
	}
	while (n < SENDERS * LETTERS) {
		struct mail *m;

		ck_assert_int_eq(is_readable(box, 5000), 1);
		m = mailbox_take_all(box);
		while (m) {
			struct letter *l = (struct letter *)m;

			m = m->next;
			ck_assert_int_eq(l->number, next[l->sender]++);
			free(l);
			n++;
		}
	}
	for (int i = 0; i < SENDERS; i++)
		thread_join(threads[i]);
	ck_assert_ptr_null(mailbox_take_all(box));
	ck_assert_int_eq(is_readable(box, 0), 0);
	mailbox_free(box);
}
END_TEST

START_TEST(wakes_once_for_many)
{
	struct letter a = { 0 }, b = { 0 };
	struct mailbox *box;

	ck_assert_int_eq(mailbox_new(&box), 0);
	ck_assert_int_eq(is_readable(box, 0), 0);
	mailbox_post_take(box, &a.mail);
	mailbox_post_take(box, &b.mail);
	ck_assert_int_eq(is_readable(box, 0), 1);
	ck_assert_ptr_eq(mailbox_take_all(box), &a.mail);
	ck_assert_ptr_eq(a.mail.next, &b.mail);
	ck_assert_ptr_null(b.mail.next);
	ck_assert_int_eq(is_readable(box, 0), 0);
	mailbox_free(box);
}
END_TEST

START_TEST(held_mail_waits_for_its_release)
{
	struct mailbox *box;
	struct mail letters[2], *mail;

	ck_assert_int_eq(mailbox_new(&box), 0);
	mailbox_hold(box);
	mailbox_post_take(box, &letters[0]);
	mailbox_post_take(box, &letters[1]);
	ck_assert_int_eq(is_readable(box, 0), 0);
	mailbox_release(box);
	ck_assert_int_eq(is_readable(box, 0), 1);
	mail = mailbox_take_all(box);
	ck_assert_ptr_eq(mail, &letters[0]);
	ck_assert_ptr_eq(mail->next, &letters[1]);
	ck_assert_int_eq(is_readable(box, 0), 0);
	/* taken meanwhile by a reader that was awake, or nothing was posted */
	mailbox_hold(box);
	mailbox_release(box);
	ck_assert_int_eq(is_readable(box, 0), 0);
	mailbox_post_take(box, &letters[0]);
	ck_assert_int_eq(is_readable(box, 0), 1);
	mailbox_hold(box);
	mailbox_post_take(box, &letters[1]);
	ck_assert_int_eq(is_readable(box, 0), 1);
	mailbox_release(box);
	ck_assert_ptr_eq(mailbox_take_all(box)->next, &letters[1]);
	ck_assert_int_eq(is_readable(box, 0), 0);
	mailbox_free(box);
}
END_TEST

START_TEST(a_list_is_one_letter)
{
	struct mail letters[3] = { { &letters[1] }, { NULL } };
	struct mailbox *box;

	ck_assert_int_eq(mailbox_new(&box), 0);
	mailbox_post_list_take(box, NULL);
	ck_assert_int_eq(is_readable(box, 0), 0);
	mailbox_post_list_take(box, &letters[0]);
	mailbox_post_take(box, &letters[2]);
	ck_assert_int_eq(is_readable(box, 0), 1);
	ck_assert_ptr_eq(mailbox_take_all(box), &letters[0]);
	ck_assert_ptr_eq(letters[0].next, &letters[1]);
	ck_assert_ptr_eq(letters[1].next, &letters[2]);
	ck_assert_ptr_null(letters[2].next);
	mailbox_free(box);
}
END_TEST

START_TEST(only_a_press_wakes_who_dozes)
{
	struct mail letters[2];
	struct mailbox *box;

	ck_assert_int_eq(mailbox_new(&box), 0);
	mailbox_post_take(box, &letters[0]);
	ck_assert(mailbox_doze(box));
	ck_assert_int_eq(is_readable(box, 0), 0);
	mailbox_post_take(box, &letters[1]);
	ck_assert_int_eq(is_readable(box, 0), 0);
	mailbox_press(box);
	ck_assert_int_eq(is_readable(box, 0), 1);
	ck_assert_ptr_eq(mailbox_take_all(box), &letters[0]);
	/* awake, and as before */
	ck_assert_int_eq(is_readable(box, 0), 0);
	mailbox_press(box);
	ck_assert_int_eq(is_readable(box, 0), 0);
	mailbox_post_take(box, &letters[0]);
	ck_assert_int_eq(is_readable(box, 0), 1);
	/* pressed before it could doze */
	mailbox_press(box);
	ck_assert(!mailbox_doze(box));
	ck_assert_int_eq(is_readable(box, 0), 1);
	ck_assert_ptr_eq(mailbox_take_all(box), &letters[0]);
	/* mail that is left when it has dozed long enough is there */
	ck_assert(mailbox_doze(box));
	mailbox_post_take(box, &letters[1]);
	ck_assert_ptr_eq(mailbox_take_all(box), &letters[1]);
	mailbox_free(box);
}
END_TEST

RUN_TESTS("base/mailbox", TEST(keeps_order_between_threads), TEST(wakes_once_for_many),
	TEST(held_mail_waits_for_its_release), TEST(a_list_is_one_letter),
	TEST(only_a_press_wakes_who_dozes))
