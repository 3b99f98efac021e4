/* SPDX-License-Identifier: MIT */
/* Values in a file come out as they went in; a file that is not as it should be is refused by name. */
#include "ipc/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/arena.h"
#include "ipc/codec.h"
#include "ipc/proto.h"
#include "ipc/table.h"
#include "tests/lib/run.h"

#define SIGNATURE "a(totsa{sv})"
#define SEALS     (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW)

struct place {
	struct arena arena;
	struct wire_fds fds, files;
	struct wire_reader rd;
	struct ipc_session_events events;
};

static void begin(struct place *p)
{
	*p = (struct place){ .rd = { .max_bytes = 1 << 20 } };
	p->rd.arena = &p->arena;
	p->rd.fds = &p->fds;
}

static int unpack(struct place *p)
{
	return file_unpack(&p->rd, &p->files, &ipc_type_session_events, SIGNATURE, &p->events);
}

static void end(struct place *p)
{
	wire_fds_close(&p->fds);
	wire_fds_close(&p->files);
	arena_done(&p->arena);
}

/* Two events with a descriptor and a body each. */
static void pack(struct wire_fds *files)
{
	static const uint8_t body[] = "body";
	const int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	const struct ipc_event_args args = {
		.body = body, .n_body = 4, .file = zero, .has_file = true
	};
	const struct ipc_event rows[] = { { 1, { 7, 1 }, 5, "DidComplete", &args },
		{ 2, { 7, 2 }, 6, "DidComplete", &args } };
	const struct ipc_session_events events = { rows, 2 };
	int fds[IPC_MAX_FDS];
	size_t n = 0;

	ck_assert_int_eq(
		file_pack(&ipc_type_session_events, &events, WIRE_MAX_SEND_BYTES, fds, &n), 0);
	ck_assert_uint_eq(n, 3);
	*files = (struct wire_fds){ .fds = { fds[0], dup(zero), dup(zero) }, .n = 3 };
	close(zero);
}

START_TEST(comes_out_again)
{
	const struct ipc_event *rows;
	struct place p;

	begin(&p);
	pack(&p.files);
	ck_assert_int_eq(unpack(&p), 0);
	ck_assert_uint_eq(p.events.n_events, 2);
	rows = p.events.events;
	ck_assert_uint_eq(rows[1].seq, 2);
	ck_assert_uint_eq(rows[1].task.task, 2);
	ck_assert_str_eq(rows[1].name, "DidComplete");
	ck_assert_mem_eq(rows[1].args->body, "body", 4);
	ck_assert_int_ne(rows[0].args->file, rows[1].args->file);
	ck_assert_uint_eq(p.fds.n, 2);
	ck_assert_int_ge(fcntl(rows[1].args->file, F_GETFD), 0);
	/* it cannot be changed any more */
	ck_assert_int_lt(pwrite(p.files.fds[0], "x", 1, 0), 0);
	ck_assert_int_ne(ftruncate(p.files.fds[0], 0), 0);
	end(&p);
}
END_TEST

/* The good file with something done to it. */
static int copy_of(int from, size_t cut, int seals)
{
	static char bytes[4096];
	int fd = memfd_create("copy", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ssize_t n = pread(from, bytes, sizeof(bytes), 0);

	ck_assert_int_gt(n, (ssize_t)cut);
	ck_assert_int_eq(write(fd, bytes, (size_t)n - cut), n - (ssize_t)cut);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

enum harm {
	NOTHING,
	UNSEALED,
	HALF_SEALED,
	CUT,
	EMPTY,
	A_PIPE,
	A_DEVICE,
	NO_FILES,
	FEW_FILES,
	LARGE,
	N_HARMS,
};

static const char *const texts[N_HARMS] = {
	[UNSEALED] = "the file is not a sealed memfd",
	[HALF_SEALED] = "the file is not a sealed memfd",
	[CUT] = "the file does not hold 'a(totsa{sv})'",
	[EMPTY] = "the file does not hold 'a(totsa{sv})'",
	[A_PIPE] = "the file is not a sealed memfd",
	[A_DEVICE] = "the file is not a sealed memfd",
	[NO_FILES] = "no file",
	[FEW_FILES] = "events[1]: no such descriptor",
	[LARGE] = "the message is too large",
};

static int harmed(int good, enum harm harm)
{
	int fds[2];

	switch (harm) {
	case UNSEALED:
		return copy_of(good, 0, 0);
	case HALF_SEALED:
		return copy_of(good, 0, F_SEAL_WRITE | F_SEAL_GROW);
	case CUT:
		return copy_of(good, 1, SEALS);
	case EMPTY:
		fds[0] = memfd_create("empty", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		ck_assert_int_eq(fcntl(fds[0], F_ADD_SEALS, SEALS), 0);
		return fds[0];
	case A_PIPE:
		ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
		close(fds[1]);
		return fds[0];
	case A_DEVICE:
		return open("/dev/zero", O_RDONLY | O_CLOEXEC);
	case LARGE:
		fds[0] = memfd_create("large", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		ck_assert_int_eq(ftruncate(fds[0], (off_t)1 << 40), 0);
		ck_assert_int_eq(fcntl(fds[0], F_ADD_SEALS, SEALS), 0);
		return fds[0];
	case NOTHING:
	case NO_FILES:
	case FEW_FILES:
	case N_HARMS:
		break;
	}
	return dup(good);
}

START_TEST(refuses)
{
	struct place p;
	int fd;

	begin(&p);
	pack(&p.files);
	fd = harmed(p.files.fds[0], (enum harm)_i);
	close(p.files.fds[0]);
	p.files.fds[0] = fd;
	while (p.files.n > (_i == NO_FILES ? 0u : _i == FEW_FILES ? 2u : 3u))
		close(p.files.fds[--p.files.n]);
	ck_assert_int_eq(unpack(&p),
		_i == NOTHING         ? 0
			: _i == LARGE ? IPC_E_LIMIT_REACHED
				      : IPC_E_INVALID_ARGS);
	if (_i != NOTHING)
		ck_assert_str_eq(p.rd.text, texts[_i]);
	end(&p);
}
END_TEST

/* What two rows name, only one gets; the file itself, nobody. */
START_TEST(gives_each_descriptor_once)
{
	const int places[] = { 0, 1, 1 }, want[] = { IPC_E_INVALID_ARGS, 0, IPC_E_INVALID_ARGS };
	struct wire_fds files = { .fds = { dup(1), dup(1) }, .n = 2 };
	struct place p;

	begin(&p);
	p.rd.files = &files;
	wire_fds_take(&files, files.fds[0]);
	for (int i = 0; i < 3; i++) {
		struct wire_iter it = { .is_flat = true };
		int fd;

		flat_begin(&it.flat, (const uint8_t *)&places[i], "h");
		ck_assert_int_eq(wire_read_fd(&p.rd, &it, &fd), want[i]);
	}
	wire_fds_close(&files);
	end(&p);
}
END_TEST

RUN_TESTS("ipc/file", TEST(comes_out_again), TEST_LOOP(refuses, N_HARMS),
	TEST(gives_each_descriptor_once))
