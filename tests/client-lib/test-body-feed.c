/* SPDX-License-Identifier: MIT */
/* Readers: every byte in order with its mark, no room, nothing now, the end, failures, and who is let go when. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client-lib/body.h"
#include "tests/lib/run.h"

#define PACKET_BYTES (1 + BODY_FEED_PACKET)

struct source {
	size_t size, at, step;
	int fails_with; /* at the end instead of it */
	bool is_empty; /* nothing now */
	bool tells_more; /* ... but more is told before that returns */
	transfer_body *body;
	int n_read, n_more, n_destroyed;
};

static unsigned char byte_at(size_t i)
{
	return (unsigned char)(i * 31 + i / 256);
}

static ssize_t read_source(void *bytes, size_t size, void *userdata)
{
	struct source *source = userdata;
	size_t n = source->size - source->at;

	source->n_read++;
	if (source->tells_more) {
		source->tells_more = source->is_empty = false;
		transfer_body_more(source->body);
		return -EAGAIN;
	}
	if (source->is_empty)
		return -EAGAIN;
	if (!n)
		return source->fails_with;
	if (n > size)
		n = size;
	if (n > source->step)
		n = source->step;
	for (size_t i = 0; i < n; i++)
		((unsigned char *)bytes)[i] = byte_at(source->at + i);
	source->at += n;
	return (ssize_t)n;
}

static void on_more(void *userdata)
{
	((struct source *)userdata)->n_more++;
}

static void on_destroy(void *userdata)
{
	((struct source *)userdata)->n_destroyed++;
}

static struct body_feed *feed_of(struct source *source)
{
	struct body_feed *feed = NULL;

	source->body = transfer_body_new_reader(read_source, -1, source, NULL);
	ck_assert_int_eq(body_feed_new(source->body, on_more, source, on_destroy, &feed), 0);
	return feed;
}

static void done(struct source *source, struct body_feed *feed)
{
	body_feed_stop(feed);
	body_feed_unref(feed);
	ck_assert_int_eq(source->n_destroyed, 1);
	transfer_body_unref(source->body);
}

/* Reads what is there; the number of bytes so far, or -1 behind the end mark, -2 behind an end without one. */
static ssize_t drain(int fd, size_t *at)
{
	unsigned char packet[PACKET_BYTES];

	for (;;) {
		ssize_t n = recv(fd, packet, sizeof(packet), MSG_DONTWAIT);
		bool is_right = true;

		if (n < 0) {
			ck_assert_int_eq(errno, EAGAIN);
			return (ssize_t)*at;
		}
		if (!n)
			return -2;
		if (packet[0] == 1) {
			ck_assert_int_eq(n, 1);
			return -1;
		}
		ck_assert_int_eq(packet[0], 0);
		ck_assert_int_gt(n, 1);
		for (ssize_t i = 1; i < n; i++)
			is_right &= packet[i] == byte_at((*at)++);
		ck_assert(is_right);
	}
}

static const struct {
	size_t size, step;
} sizes[] = {
	{ 0, 1 },
	{ 1, 1 },
	{ 1000, 7 },
	{ BODY_FEED_PACKET, BODY_FEED_PACKET },
	{ BODY_FEED_PACKET + 1, 1000000 },
	{ 3 * 1024 * 1024 + 5, 1000000 },
};

START_TEST(carries_every_byte)
{
	struct source source = { .size = sizes[_i].size, .step = sizes[_i].step };
	struct body_feed *feed = feed_of(&source);
	enum body_feed_state state = BODY_FEED_AGAIN;
	ssize_t r = 0;
	size_t at = 0;

	while (state != BODY_FEED_OVER) {
		size_t before = source.at;

		state = body_feed_run(feed);
		ck_assert_int_ne(state, BODY_FEED_EMPTY);
		ck_assert_uint_le(source.at - before, BODY_FEED_BURST + BODY_FEED_PACKET);
		if (state == BODY_FEED_FULL)
			r = drain(body_feed_peer_fd(feed), &at);
	}
	if (r >= 0)
		r = drain(body_feed_peer_fd(feed), &at);
	ck_assert_int_eq(r, -1);
	ck_assert_uint_eq(at, sizes[_i].size);
	ck_assert_int_eq(body_feed_run(feed), BODY_FEED_OVER);
	done(&source, feed);
}
END_TEST

/* What nobody takes is not asked for: the reader is held up, and goes on when there is room. */
START_TEST(waits_for_room)
{
	struct source source = { .size = 64 * 1024 * 1024, .step = BODY_FEED_PACKET };
	struct body_feed *feed = feed_of(&source);
	struct pollfd room = { .fd = body_feed_fd(feed), .events = POLLOUT };
	size_t at = 0;
	int n_read;

	while (body_feed_run(feed) == BODY_FEED_AGAIN)
		;
	ck_assert_uint_lt(source.at, 4 * 1024 * 1024);
	n_read = source.n_read;
	ck_assert_int_eq(body_feed_run(feed), BODY_FEED_FULL);
	ck_assert_int_eq(source.n_read, n_read);
	ck_assert_int_gt(drain(body_feed_peer_fd(feed), &at), 0);
	ck_assert_int_eq(poll(&room, 1, 5000), 1);
	ck_assert_int_ne(body_feed_run(feed), BODY_FEED_FULL);
	ck_assert_int_gt(source.n_read, n_read);
	done(&source, feed);
}
END_TEST

START_TEST(waits_for_more)
{
	struct source source = { .size = 10, .step = 10, .is_empty = true };
	struct body_feed *feed = feed_of(&source);
	size_t at = 0;

	ck_assert_int_eq(body_feed_run(feed), BODY_FEED_EMPTY);
	ck_assert_int_eq(source.n_more, 0);
	source.is_empty = false;
	transfer_body_more(source.body);
	ck_assert_int_eq(source.n_more, 1);
	ck_assert_int_eq(body_feed_run(feed), BODY_FEED_OVER);
	ck_assert_int_eq(drain(body_feed_peer_fd(feed), &at), -1);
	ck_assert_uint_eq(at, 10);
	transfer_body_more(source.body);
	ck_assert_int_eq(source.n_more, 1);
	done(&source, feed);
}
END_TEST

/* What is told while the reader runs is not lost. */
START_TEST(hears_of_more_in_the_reader)
{
	struct source source = { .size = 10, .step = 10, .is_empty = true, .tells_more = true };
	struct body_feed *feed = feed_of(&source);
	size_t at = 0;

	ck_assert_int_eq(body_feed_run(feed), BODY_FEED_AGAIN);
	ck_assert_int_eq(body_feed_run(feed), BODY_FEED_OVER);
	ck_assert_int_eq(drain(body_feed_peer_fd(feed), &at), -1);
	done(&source, feed);
}
END_TEST

static const int failures[] = { -EIO, -ECANCELED };

START_TEST(a_failure_has_no_end_mark)
{
	struct source source = { .size = 10, .step = 10, .fails_with = failures[_i] };
	struct body_feed *feed = feed_of(&source);
	size_t at = 0;

	ck_assert_int_eq(body_feed_run(feed), BODY_FEED_OVER);
	ck_assert_int_eq(drain(body_feed_peer_fd(feed), &at), -2);
	ck_assert_uint_eq(at, 10);
	done(&source, feed);
}
END_TEST

static ssize_t read_too_much(void *bytes, size_t size, void *userdata)
{
	(void)bytes;
	(void)userdata;
	return (ssize_t)size + 1;
}

START_TEST(a_reader_that_says_too_much_is_over)
{
	transfer_auto(transfer_body) body = transfer_body_new_reader(read_too_much, -1, NULL, NULL);
	struct body_feed *feed = NULL;
	size_t at = 0;

	ck_assert_int_eq(body_feed_new(body, NULL, NULL, NULL, &feed), 0);
	ck_assert_int_eq(body_feed_run(feed), BODY_FEED_OVER);
	ck_assert_int_eq(drain(body_feed_peer_fd(feed), &at), -2);
	body_feed_unref(feed);
	transfer_body_more(body);
}
END_TEST

START_TEST(stops)
{
	struct source source = { .size = 1000000, .step = 10 };
	struct body_feed *feed = feed_of(&source);
	transfer_auto(transfer_body) data = transfer_body_new_data(NULL);
	struct body_feed *none = NULL;

	ck_assert_int_eq(body_feed_new(data, NULL, NULL, NULL, &none), -EINVAL);
	body_feed_ref(feed);
	body_feed_stop(feed);
	body_feed_unref(feed);
	ck_assert_int_eq(source.n_destroyed, 0);
	ck_assert_int_eq(body_feed_run(feed), BODY_FEED_OVER);
	ck_assert_int_eq(source.n_read, 0);
	transfer_body_more(source.body);
	ck_assert_int_eq(source.n_more, 0);
	done(&source, feed);
}
END_TEST

RUN_TESTS("client-lib/body-feed", TEST_EACH(carries_every_byte, sizes), TEST(waits_for_room),
	TEST(waits_for_more), TEST(hears_of_more_in_the_reader),
	TEST_EACH(a_failure_has_no_end_mark, failures), TEST(a_reader_that_says_too_much_is_over),
	TEST(stops))
