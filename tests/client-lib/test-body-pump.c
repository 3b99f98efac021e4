/* SPDX-License-Identifier: MIT */
/* Readers at work: asked on the session's queue, held up by their socket, woken by the program, stopped with their task. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "client-lib/body.h"
#include "client-lib/client.h"
#include "client-lib/task.h"
#include "tests/client-lib/live-rig.h"
#include "tests/lib/proc.h"
#include "tests/lib/run.h"

#define DEADLINE_MS 10000
#define BODY_SIZE   (3u * 1024 * 1024 + 7)

struct source {
	size_t size, at;
	bool is_empty; /* nothing now */
	bool is_elsewhere; /* asked in another thread than the queue's */
	pthread_t queue;
	int n_read, n_destroyed;
};

static unsigned char byte_at(size_t i)
{
	return (unsigned char)(i * 13 + i / 256);
}

static ssize_t read_source(void *bytes, size_t size, void *userdata)
{
	struct source *source = userdata;
	size_t n = source->size - source->at;

	source->n_read++;
	source->is_elsewhere |= !pthread_equal(source->queue, pthread_self());
	if (source->is_empty)
		return -EAGAIN;
	if (n > size)
		n = size;
	for (size_t i = 0; i < n; i++)
		((unsigned char *)bytes)[i] = byte_at(source->at + i);
	source->at += n;
	return (ssize_t)n;
}

static void on_destroy(void *userdata)
{
	((struct source *)userdata)->n_destroyed++;
}

struct world {
	struct live_rig rig;
	struct source source;
	transfer_body *body;
	transfer_task *task;
	int fd;
	size_t n_got;
	bool is_over;
};

static void begin(struct world *world, size_t size, bool is_empty)
{
	struct body_sent sent = { .fd = -1 };

	*world = (struct world){ .source = { .size = size, .is_empty = is_empty } };
	world->source.queue = pthread_self();
	live_rig_init(&world->rig, &live_rig_delegate);
	world->body = transfer_body_new_reader(read_source, -1, &world->source, on_destroy);
	world->task = live_rig_make(&world->rig, "a", false);
	client_lock(world->rig.client);
	ck_assert_int_eq(body_pump_start(world->task, world->body, &sent), 0);
	client_unlock(world->rig.client);
	ck_assert(sent.is_stream);
	ck_assert_int_eq(sent.length, TRANSFER_SIZE_UNKNOWN);
	world->fd = sent.fd;
}

static void end(struct world *world)
{
	transfer_task_unref(world->task);
	live_rig_done(&world->rig);
	transfer_body_unref(world->body);
	ck_assert_int_eq(world->source.n_destroyed, 1);
	ck_assert(!world->source.is_elsewhere);
	close(world->fd);
}

/* One packet; false: none is there. */
static bool take(struct world *world)
{
	unsigned char packet[1 + BODY_FEED_PACKET];
	ssize_t n = recv(world->fd, packet, sizeof(packet), MSG_DONTWAIT);
	bool is_right = true;

	if (n <= 0 || packet[0] == 1) {
		world->is_over = n >= 0;
		return false;
	}
	ck_assert_int_eq(packet[0], 0);
	for (ssize_t i = 1; i < n; i++)
		is_right &= packet[i] == byte_at(world->n_got++);
	ck_assert(is_right);
	return true;
}

/* Takes and dispatches in turn until the end mark has come. */
static void take_all(struct world *world)
{
	uint64_t until_ms = proc_now_ms() + DEADLINE_MS;

	while (!world->is_over) {
		ck_assert_int_gt(proc_left_ms(until_ms), 0);
		while (take(world))
			;
		transfer_queue_dispatch(world->rig.queue, world->is_over ? 0 : 10);
	}
}

START_TEST(carries_all)
{
	struct world world;

	begin(&world, BODY_SIZE, false);
	ck_assert_int_eq(world.source.n_read, 0);
	take_all(&world);
	ck_assert_uint_eq(world.n_got, BODY_SIZE);
	end(&world);
}
END_TEST

/* Its socket is full: it is not asked until somebody has taken something. */
START_TEST(is_held_up)
{
	struct world world;
	size_t at;

	begin(&world, 64 * BODY_SIZE, false);
	live_rig_dispatch(&world.rig);
	at = world.source.at;
	ck_assert_uint_lt(at, BODY_SIZE);
	ck_assert_int_eq(transfer_queue_dispatch(world.rig.queue, 0), 0);
	ck_assert_uint_eq(world.source.at, at);
	while (take(&world))
		;
	ck_assert_int_gt(transfer_queue_dispatch(world.rig.queue, DEADLINE_MS), 0);
	ck_assert_uint_gt(world.source.at, at);
	end(&world);
}
END_TEST

static void *tell_more(void *userdata)
{
	transfer_body_more(userdata);
	return NULL;
}

START_TEST(is_woken_by_the_program)
{
	struct world world;
	pthread_t thread;

	begin(&world, 5, true);
	live_rig_dispatch(&world.rig);
	ck_assert_int_eq(world.source.n_read, 1);
	ck_assert_int_eq(transfer_queue_dispatch(world.rig.queue, 0), 0);
	world.source.is_empty = false;
	ck_assert_int_eq(pthread_create(&thread, NULL, tell_more, world.body), 0);
	take_all(&world);
	pthread_join(thread, NULL);
	ck_assert_uint_eq(world.n_got, 5);
	end(&world);
}
END_TEST

/* A terminal without echo, in which nothing is changed: the end of who types, and the other one. */
static void open_terminal(int ret_fds[2])
{
	struct termios raw;

	ret_fds[0] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	ck_assert_int_ge(ret_fds[0], 0);
	ck_assert_int_eq(grantpt(ret_fds[0]), 0);
	ck_assert_int_eq(unlockpt(ret_fds[0]), 0);
	ret_fds[1] = open(ptsname(ret_fds[0]), O_RDWR | O_NOCTTY | O_CLOEXEC);
	ck_assert_int_ge(ret_fds[1], 0);
	ck_assert_int_eq(tcgetattr(ret_fds[1], &raw), 0);
	raw.c_lflag &= ~(tcflag_t)ECHO;
	ck_assert_int_eq(tcsetattr(ret_fds[1], TCSANOW, &raw), 0);
}

/* What comes next of the body, as text; "" at its end. */
static const char *next_piece(struct live_rig *rig, int fd)
{
	static char packet[1 + BODY_FEED_PACKET + 1];
	uint64_t until_ms = proc_now_ms() + DEADLINE_MS;
	ssize_t n;

	while ((n = recv(fd, packet, sizeof(packet) - 1, MSG_DONTWAIT)) < 0) {
		ck_assert_int_gt(proc_left_ms(until_ms), 0);
		transfer_queue_dispatch(rig->queue, 10);
	}
	ck_assert_int_ge(n, 1);
	packet[n] = '\0';
	return packet + 1;
}

static void check_typed(struct live_rig *rig, int keys_fd, int body_fd, const char *text)
{
	ck_assert_int_eq(write(keys_fd, text, strlen(text)), (ssize_t)strlen(text));
	ck_assert_str_eq(next_piece(rig, body_fd), text);
}

/* It is asked when somebody has typed, and not in between; two tasks may have it, one after the other. */
START_TEST(a_terminal_wakes_it)
{
	struct live_rig rig = { 0 };
	transfer_auto(transfer_body) body = NULL;
	transfer_task *tasks[2];
	int terminal[2];

	open_terminal(terminal);
	live_rig_init(&rig, &live_rig_delegate);
	body = transfer_body_new_fd(terminal[1], TRANSFER_SIZE_UNKNOWN);
	for (int i = 0; i < 2; i++) {
		struct body_sent sent = { .fd = -1 };

		tasks[i] = live_rig_make(&rig, "a", false);
		client_lock(rig.client);
		ck_assert_int_eq(body_pump_start(tasks[i], body, &sent), 0);
		client_unlock(rig.client);
		check_typed(&rig, terminal[0], sent.fd, "first\n");
		live_rig_dispatch(&rig);
		/* nobody types: nothing is to be done for longer than a turn by time would last */
		ck_assert_int_eq(transfer_queue_dispatch(rig.queue, 200), 0);
		check_typed(&rig, terminal[0], sent.fd, "second\n");
		if (i)
			ck_assert_int_eq(write(terminal[0], "\x04", 1), 1);
		if (i)
			ck_assert_str_eq(next_piece(&rig, sent.fd), "");
		client_lock(rig.client);
		body_pump_stop(tasks[i]);
		client_unlock(rig.client);
		close(sent.fd);
	}
	live_rig_done(&rig); /* the pumps are gone, and have let go of the tasks */
	for (int i = 0; i < 2; i++)
		transfer_task_unref(tasks[i]);
	close(terminal[0]);
	close(terminal[1]);
}
END_TEST

START_TEST(stops_with_its_task)
{
	struct world world;
	int n_read;

	begin(&world, 64 * BODY_SIZE, false);
	live_rig_dispatch(&world.rig);
	n_read = world.source.n_read;
	transfer_task_resume(world.task);
	transfer_task_cancel(world.task);
	live_rig_expect(&world.rig, "done 1 -999\n");
	while (take(&world))
		;
	ck_assert(world.is_over); /* without its mark */
	transfer_body_more(world.body);
	live_rig_dispatch(&world.rig);
	ck_assert_int_eq(world.source.n_read, n_read);
	end(&world);
}
END_TEST

RUN_TESTS("client-lib/body-pump", TEST(carries_all), TEST(is_held_up),
	TEST(is_woken_by_the_program), TEST(a_terminal_wakes_it), TEST(stops_with_its_task))
