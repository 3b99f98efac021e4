/* SPDX-License-Identifier: MIT */
/*
 * A mutex, a list and an eventfd. The writer that finds the box empty writes the eventfd; the reader clears it before it
 * takes the list, so a post that comes between the two is seen either in this list or by a new wake-up, never lost.
 */
#include "base/mailbox.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/err.h"

struct mailbox {
	pthread_mutex_t lock;
	struct mail *first;
	struct mail **last_next;
	int event_fd;
	bool is_held, is_dozing, is_pressed;
};

int mailbox_new(struct mailbox **ret_mailbox)
{
	struct mailbox *m = calloc(1, sizeof(*m));

	if (!m)
		return err_raise(-ENOMEM);
	m->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (m->event_fd < 0) {
		int r = -errno;

		free(m);
		return err_raise(r);
	}
	pthread_mutex_init(&m->lock, NULL);
	m->last_next = &m->first;
	*ret_mailbox = m;
	return 0;
}

void mailbox_free(struct mailbox *mailbox)
{
	if (!mailbox)
		return;
	assert(!mailbox->first);
	close(mailbox->event_fd);
	pthread_mutex_destroy(&mailbox->lock);
	free(mailbox);
}

int mailbox_fd(const struct mailbox *mailbox)
{
	return mailbox->event_fd;
}

void mailbox_wait(const struct mailbox *mailbox, int timeout_ms)
{
	struct pollfd pollfd = { .fd = mailbox->event_fd, .events = POLLIN };

	(void)poll(&pollfd, 1, timeout_ms);
}

static void wake(struct mailbox *mailbox)
{
	static const uint64_t one = 1;

	while (write(mailbox->event_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

void mailbox_post_take(struct mailbox *mailbox, struct mail *mail)
{
	mail->next = NULL;
	mailbox_post_list_take(mailbox, mail);
}

void mailbox_post_list_take(struct mailbox *mailbox, struct mail *first)
{
	struct mail **last_next;
	bool is_first;

	if (!first)
		return;
	for (last_next = &first->next; *last_next;)
		last_next = &(*last_next)->next;
	pthread_mutex_lock(&mailbox->lock);
	is_first = !mailbox->first && !mailbox->is_held && !mailbox->is_dozing;
	*mailbox->last_next = first;
	mailbox->last_next = last_next;
	pthread_mutex_unlock(&mailbox->lock);
	if (is_first)
		wake(mailbox);
}

void mailbox_hold(struct mailbox *mailbox)
{
	pthread_mutex_lock(&mailbox->lock);
	mailbox->is_held = true;
	pthread_mutex_unlock(&mailbox->lock);
}

void mailbox_release(struct mailbox *mailbox)
{
	bool has_mail;

	pthread_mutex_lock(&mailbox->lock);
	mailbox->is_held = false;
	has_mail = mailbox->first != NULL;
	pthread_mutex_unlock(&mailbox->lock);
	/* once too often does no harm: the reader finds an empty box */
	if (has_mail)
		wake(mailbox);
}

static void clear(struct mailbox *mailbox)
{
	uint64_t count;

	while (read(mailbox->event_fd, &count, sizeof(count)) < 0 && errno == EINTR)
		;
}

/* Who saw the box empty before and writes after this wakes the reader once for nothing. */
bool mailbox_doze(struct mailbox *mailbox)
{
	bool is_dozing;

	pthread_mutex_lock(&mailbox->lock);
	is_dozing = mailbox->is_dozing = !mailbox->is_pressed;
	if (is_dozing)
		clear(mailbox);
	pthread_mutex_unlock(&mailbox->lock);
	return is_dozing;
}

void mailbox_press(struct mailbox *mailbox)
{
	bool is_asleep;

	pthread_mutex_lock(&mailbox->lock);
	mailbox->is_pressed = mailbox->first != NULL;
	is_asleep = mailbox->is_pressed && mailbox->is_dozing;
	pthread_mutex_unlock(&mailbox->lock);
	if (is_asleep)
		wake(mailbox);
}

struct mail *mailbox_take_all(struct mailbox *mailbox)
{
	struct mail *all;

	clear(mailbox);
	pthread_mutex_lock(&mailbox->lock);
	all = mailbox->first;
	mailbox->first = NULL;
	mailbox->last_next = &mailbox->first;
	mailbox->is_dozing = mailbox->is_pressed = false;
	pthread_mutex_unlock(&mailbox->lock);
	return all;
}
