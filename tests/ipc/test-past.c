/* SPDX-License-Identifier: MIT */
/* CreateTasks in a file: it says the same as in a message, is bounded and judged the same, and no other file passes for one. */
#include "ipc/past.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ipc/bus.h"
#include "ipc/proto.h"
#include "tests/ipc/service.h"
#include "tests/lib/run.h"

#define MANY 1000

static struct service *service;
static struct ipc_bus *client;
static struct ipc_exchange exchange;
static struct ipc_request requests[MANY + 1];
static struct ipc_session_create_tasks_in in;

static void begin(void)
{
	static const struct ipc_header headers[] = { { "Accept", "*/*" }, { "X", "caf\xc3\xa9" } };

	service = service_new();
	client = service_client();
	exchange = (struct ipc_exchange){ 0 };
	for (size_t i = 0; i <= MANY; i++)
		requests[i] = (struct ipc_request){ .kind = "data",
			.url = "https://example.org/some/path/file.bin",
			.headers = headers,
			.n_headers = 2 };
	in = (struct ipc_session_create_tasks_in){
		.requests = requests, .n_requests = MANY, .options.start = "running"
	};
}

static void end(void)
{
	ipc_exchange_done(&exchange);
	ipc_bus_free(client);
	service_free(service);
}

/* 0 and the first number, or the error. */
static int send_files(const int *files, size_t n, uint64_t *ret_first)
{
	const struct ipc_session_create_tasks_file_in past = { files, n };
	struct ipc_session_create_tasks_file_out out = { 0 };
	int r = ipc_call_session_create_tasks_file(client, SERVICE_SESSION, &exchange, &past, &out);

	*ret_first = out.first;
	return r;
}

static int send_packed(void)
{
	int files[IPC_MAX_FDS], r;
	uint64_t first;
	size_t n = 0;

	ck_assert_int_eq(ipc_pack_create_tasks(client, &in, files, &n), 0);
	r = send_files(files, n, &first);
	close(files[0]);
	ck_assert_uint_eq(first, r ? 0 : 1);
	return r;
}

START_TEST(says_the_same)
{
	FILE *file = tmpfile();

	begin();
	fputs("the body", file);
	fflush(file);
	requests[0].body_file = fileno(file);
	requests[0].has_body_file = true;
	ck_assert_int_eq(send_packed(), 0);
	ck_assert_uint_eq(service_seen(service)->n, MANY);
	ck_assert_str_eq(service_seen(service)->body, "the body");
	in.n_requests = MANY + 1;
	ck_assert_int_eq(send_packed(), IPC_E_LIMIT_REACHED);
	in.n_requests = MANY;
	requests[500].kind = "a kind that is longer than any kind there is";
	ck_assert_int_eq(send_packed(), IPC_E_INVALID_REQUEST);
	ck_assert_str_eq(
		exchange.text, "requests[500]: key 'kind' must be a string of at most 32 bytes");
	fclose(file);
	end();
}
END_TEST

/* The file is paid for, what it says is not paid for again: as much as a message may say. */
START_TEST(takes_long_values)
{
	char *url = malloc(6000);

	begin();
	ck_assert_ptr_nonnull(url);
	memset(url, 'x', 5999);
	memcpy(url, "https://example.org/", 20);
	url[5999] = '\0';
	for (size_t i = 0; i < MANY; i++)
		requests[i].url = url;
	ck_assert_int_eq(send_packed(), 0);
	ck_assert_uint_eq(service_seen(service)->n, MANY);
	free(url);
	end();
}
END_TEST

static void on_made(
	void *user, int r, const char *text, const struct ipc_session_create_tasks_file_out *out)
{
	int *n_left = user;

	(void)text;
	(void)out;
	ck_assert_int_eq(r, 0);
	--*n_left;
}

/* As the daemon does it: a turn is due only when ipc_bus_read() says so. */
static void have_turn(struct ipc_bus *bus)
{
	struct pollfd readable = { .fd = ipc_bus_fd(bus), .events = POLLIN };

	ck_assert_int_eq(poll(&readable, 1, 10000), 1);
	if (ipc_bus_read(bus))
		ck_assert_int_eq(ipc_bus_dispatch(bus), 0);
}

/* On the service's thread: two calls are there, and each has a turn of its own. */
static void take_turns(struct ipc_bus *bus, void *user)
{
	const struct ipc_session_create_tasks_file_in *past = user;
	static int n_left;
	int n_before = service_seen(service)->n_calls;

	n_left = 2;
	for (int i = 0; i < n_left; i++)
		ck_assert_int_eq(ipc_start_session_create_tasks_file(
					 client, SERVICE_SESSION, past, on_made, &n_left),
			0);
	/* when the bus answers, it has passed them on */
	ck_assert_int_eq(ipc_bus_request_name(client, "org.example.Past", IPC_NAME_NOW), 0);
	for (int i = 1; i <= 2; i++) {
		while (service_seen(service)->n_calls < n_before + i)
			have_turn(bus);
		ck_assert_int_eq(service_seen(service)->n_calls, n_before + i);
	}
	while (n_left)
		ck_assert_int_eq(ipc_bus_wait(client, 10000), 0);
}

/* Many small messages may name one large file. */
START_TEST(ends_the_turn)
{
	int files[IPC_MAX_FDS];
	struct ipc_session_create_tasks_file_in past = { .files = files };

	begin();
	if (_i)
		ck_assert_int_eq(send_packed(), 0); /* who we are is known from now on */
	ck_assert_int_eq(ipc_pack_create_tasks(client, &in, files, &past.n_files), 0);
	service_do(service, take_turns, &past);
	close(files[0]);
	end();
}
END_TEST

/* One place of the list is the file's own. */
START_TEST(has_room_for_so_many_descriptors)
{
	int files[IPC_MAX_FDS];
	size_t n = 0;

	begin();
	for (size_t i = 0; i < IPC_MAX_FDS; i++) {
		requests[i].body_file = STDIN_FILENO;
		requests[i].has_body_file = true;
	}
	in.n_requests = IPC_MAX_FDS;
	ck_assert_int_eq(ipc_pack_create_tasks(client, &in, files, &n), -EMSGSIZE);
	in.n_requests = IPC_MAX_FDS - 1;
	ck_assert_int_eq(send_packed(), 0);
	end();
}
END_TEST

enum other {
	NONE,
	A_PIPE,
	NOT_SEALED,
	SOMETHING_ELSE,
	SPARSE,
	N_OTHERS,
};

static const char *const texts[N_OTHERS] = {
	[NONE] = "no file",
	[A_PIPE] = "the file is not a sealed memfd",
	[NOT_SEALED] = "the file is not a sealed memfd",
	[SOMETHING_ELSE] = "the file does not hold 'aa{sv}a{sv}'",
	[SPARSE] = "the message is too large",
};

static int make_other(enum other other)
{
	int fds[2], fd = memfd_create("other", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (other == A_PIPE) {
		ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
		close(fds[1]);
		close(fd);
		return fds[0];
	}
	if (other == SPARSE)
		ck_assert_int_eq(ftruncate(fd, (off_t)1 << 40), 0);
	else
		ck_assert_int_eq(write(fd, "something else", 14), 14);
	if (other != NOT_SEALED)
		ck_assert_int_eq(
			fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW), 0);
	return fd;
}

START_TEST(takes_no_other_file)
{
	int file = make_other((enum other)_i);
	uint64_t first;

	begin();
	ck_assert_int_eq(send_files(&file, _i == NONE ? 0 : 1, &first),
		_i == SPARSE ? IPC_E_LIMIT_REACHED : IPC_E_INVALID_ARGS);
	ck_assert_str_eq(exchange.text, texts[_i]);
	close(file);
	end();
}
END_TEST

RUN_TESTS_WITHIN("ipc/past", 60, TEST(says_the_same), TEST(takes_long_values),
	TEST_LOOP(ends_the_turn, 2), TEST(has_room_for_so_many_descriptors),
	TEST_LOOP(takes_no_other_file, N_OTHERS))
