/* SPDX-License-Identifier: MIT */
/* Events arrive as they were sent, single or in batches, only at the client they are for and only from the daemon. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/ipc/service.h"
#include "tests/lib/run.h"

#define MAX_EVENTS 300

struct seen {
	char member[32]; /* of the last signal */
	int n, want, is_done;
	uint64_t seq[MAX_EVENTS];
	char name[64], text[128];
	int64_t expected;
	uint64_t total, changed, invalid;
	bool has_error, has_digest;
	char file[32];
	struct ipc_path path, task;
	int r;
};

static void note_event(struct seen *seen, const struct ipc_event *e)
{
	ck_assert_int_lt(seen->n, MAX_EVENTS);
	seen->seq[seen->n++] = e->seq;
	seen->task = e->task;
	snprintf(seen->name, sizeof(seen->name), "%s", e->name);
	snprintf(seen->text, sizeof(seen->text), "%s", e->args->path ? e->args->path : "");
	seen->expected = e->args->expected;
	seen->total = e->args->total;
	seen->has_error = e->args->error != NULL;
	if (e->args->error)
		snprintf(seen->text, sizeof(seen->text), "%d %s", e->args->error->code,
			e->args->error->detail);
	seen->has_digest = e->args->has_digest;
	if (e->args->has_file) {
		ssize_t n = pread(e->args->file, seen->file, sizeof(seen->file) - 1, 0);

		seen->file[n > 0 ? n : 0] = 0;
	} else {
		ck_assert_int_eq(e->args->file, -1);
	}
}

static void on_signal(void *user, struct ipc_signal *signal)
{
	struct seen *seen = user;
	const struct ipc_event *events;
	struct ipc_task_properties task;
	size_t n;

	seen->path = ipc_signal_path(signal);
	snprintf(seen->member, sizeof(seen->member), "%s", ipc_signal_member(signal));
	seen->r = ipc_read_events(signal, &events, &n);
	if (seen->r == 0) {
		for (size_t i = 0; i < n; i++)
			note_event(seen, &events[i]);
	} else if (seen->r == IPC_E_UNKNOWN_METHOD) {
		seen->r = ipc_read_task_changed(signal, &task, &seen->changed, &seen->invalid);
		seen->n++;
		snprintf(seen->text, sizeof(seen->text), "%s", task.state ? task.state : "");
		ck_assert_ptr_null(task.response);
	}
	seen->is_done = seen->n >= seen->want;
}

struct sending {
	const char *to;
	const struct ipc_event *events;
	size_t n;
	enum form {
		FORM_SINGLE,
		FORM_BATCH,
		FORM_FILE,
		N_FORMS,
	} form;
	int r;
};

static void send_all(struct ipc_bus *bus, void *user)
{
	struct sending *s = user;

	const struct ipc_audience to = { s->to, SERVICE_SESSION, s->form == FORM_FILE };

	if (s->form != FORM_SINGLE) {
		s->r = ipc_send_events(bus, &to, s->events, s->n);
		return;
	}
	s->r = 0;
	for (size_t i = 0; i < s->n && !s->r; i++)
		s->r = ipc_send_event(bus, &to, &s->events[i]);
}

struct fixture {
	struct service *s;
	struct ipc_bus *client;
	struct seen seen;
};

static void set_up(struct fixture *f, int want)
{
	static const struct ipc_bus_events events = { .signal = on_signal };

	memset(f, 0, sizeof(*f));
	f->s = service_new();
	f->client = service_client();
	f->seen.want = want;
	ipc_bus_set_events(f->client, &events, &f->seen);
	ck_assert_int_eq(ipc_bus_watch_service(f->client, IPC_NAME), 0);
}

static void tear_down(struct fixture *f)
{
	ipc_bus_free(f->client);
	service_free(f->s);
}

static const struct ipc_error error = {
	.code = -1001, .has_code = true, .detail = "slow \xfe server"
};

START_TEST(arrives)
{
	const struct ipc_event_args args = { .error = &error,
		.expected = -1,
		.has_expected = true,
		.total = 9,
		.has_total = true,
		.path = "/srv/\xc3.bin",
		.digest = { "sha256", "00" },
		.has_digest = true };
	const struct ipc_event events[] = {
		{ 1, { 7, 412 }, 0, ipc_event_name(IPC_EVENT_DID_WRITE_DATA), &args },
		{ 2, { 7, 412 }, 0, ipc_event_name(IPC_EVENT_DID_FINISH_DOWNLOADING), &args },
		{ 3, { 7, 412 }, 0, ipc_event_name(IPC_EVENT_DID_COMPLETE), &args },
		{ 4, { 7, 0 }, 0, ipc_event_name(IPC_EVENT_DID_FINISH_BACKGROUND_EVENTS), NULL },
	};
	struct fixture f;

	for (size_t i = 0; i < 4; i++) {
		set_up(&f, 1);
		struct sending sending = { ipc_bus_unique_name(f.client), &events[i], 1,
			(enum form)_i, 0 };

		service_do(f.s, send_all, &sending);
		ck_assert_int_eq(sending.r, 0);
		service_pump(f.client, &f.seen.is_done);
		ck_assert_int_eq(f.seen.r, 0);
		ck_assert_uint_eq(f.seen.path.session, 7);
		ck_assert_uint_eq(f.seen.seq[0], i + 1);
		ck_assert_str_eq(f.seen.name, events[i].name);
		ck_assert_uint_eq(f.seen.task.task, i == 3 ? 0 : 412);
		/* a single signal carries what it has arguments for, a batch all that it was given */
		if (i == 0 && !_i)
			ck_assert(f.seen.expected == -1 && f.seen.total == 9 && !f.seen.has_error);
		if (i == 1 && !_i)
			ck_assert_str_eq(f.seen.text, "-1001 slow \xef\xbf\xbd server");
		if (i == 1 || i == 2)
			ck_assert(f.seen.has_digest);
		if (i == 2)
			ck_assert_str_eq(f.seen.text, "-1001 slow \xef\xbf\xbd server");
		tear_down(&f);
	}
}
END_TEST

/* Success has no error, in either form. */
START_TEST(succeeds)
{
	const struct ipc_event_args args = { 0 };
	const struct ipc_event event = { 1, { 7, 412 }, 0, "DidComplete", &args };
	struct fixture f;

	set_up(&f, 1);
	struct sending sending = { ipc_bus_unique_name(f.client), &event, 1, (enum form)_i, 0 };

	service_do(f.s, send_all, &sending);
	service_pump(f.client, &f.seen.is_done);
	ck_assert_int_eq(f.seen.r, 0);
	ck_assert(!f.seen.has_error);
	tear_down(&f);
}
END_TEST

/* Several, of which each has its own, and as many as make a message of it. */
START_TEST(carries_many_files)
{
	struct ipc_event_args args[IPC_MAX_FDS] = { 0 };
	struct ipc_event events[IPC_MAX_FDS];
	size_t n = _i % 2 ? IPC_MAX_FDS : IPC_MAX_FDS - 1;
	struct fixture f;

	set_up(&f, (int)n);
	for (size_t i = 0; i < n; i++) {
		FILE *file = tmpfile();

		fprintf(file, "payload %zu", i);
		fflush(file);
		args[i].has_file = true;
		args[i].file = dup(fileno(file));
		fclose(file);
		events[i] = (struct ipc_event){ i + 1, { 7, 412 }, 0, "DidFinishDownloading",
			&args[i] };
	}
	struct sending sending = { ipc_bus_unique_name(f.client), events, n,
		_i < 2 ? FORM_BATCH : FORM_FILE, 0 };

	service_do(f.s, send_all, &sending);
	ck_assert_int_eq(sending.r, 0);
	service_pump(f.client, &f.seen.is_done);
	ck_assert_str_eq(f.seen.member, _i == 2 ? "EventsFile" : "Events");
	snprintf(f.seen.text, sizeof(f.seen.text), "payload %zu", n - 1);
	ck_assert_str_eq(f.seen.file, f.seen.text);
	for (size_t i = 0; i < n; i++)
		close(args[i].file);
	tear_down(&f);
}
END_TEST

START_TEST(carries_a_file)
{
	struct ipc_event_args args = { .path = "/srv/x", .has_file = true };
	const struct ipc_event event = { 1, { 7, 412 }, 0, "DidFinishDownloading", &args };
	struct fixture f;
	FILE *file = tmpfile();

	set_up(&f, 1);
	struct sending sending = { ipc_bus_unique_name(f.client), &event, 1, (enum form)_i, 0 };

	fputs("payload", file);
	fflush(file);
	args.file = fileno(file);
	service_do(f.s, send_all, &sending);
	service_pump(f.client, &f.seen.is_done);
	ck_assert_str_eq(f.seen.file, "payload");
	ck_assert_str_eq(f.seen.text, "/srv/x");
	fclose(file);
	tear_down(&f);
}
END_TEST

START_TEST(keeps_the_order)
{
	static struct ipc_event events[IPC_MAX_BATCH + 1];
	const struct ipc_event_args args = { .total = 1, .has_total = true };
	static const char *const members[N_FORMS] = { "DidWriteData", "Events", "EventsFile" };
	struct fixture f;

	for (size_t i = 0; i <= IPC_MAX_BATCH; i++)
		events[i] = (struct ipc_event){ i + 1, { 7, 412 }, 5, "DidWriteData", &args };
	set_up(&f, IPC_MAX_BATCH);
	struct sending sending = { ipc_bus_unique_name(f.client), events, IPC_MAX_BATCH,
		(enum form)_i, 0 };

	service_do(f.s, send_all, &sending);
	service_pump(f.client, &f.seen.is_done);
	for (int i = 0; i < IPC_MAX_BATCH; i++)
		ck_assert_uint_eq(f.seen.seq[i], (uint64_t)i + 1);
	ck_assert_str_eq(f.seen.member, members[_i]);
	tear_down(&f);
}
END_TEST

START_TEST(refuses)
{
	static const struct ipc_event event = { 1, { 7, 412 }, 0, "DidSomething", NULL };
	struct fixture f;

	set_up(&f, 1);
	struct sending sending = { ipc_bus_unique_name(f.client), &event, 1, FORM_SINGLE, 0 };

	service_do(f.s, send_all, &sending);
	ck_assert_int_eq(sending.r, -EINVAL);
	sending = (struct sending){ "not a name", &event, 1, FORM_BATCH, 0 };
	service_do(f.s, send_all, &sending);
	ck_assert_int_eq(sending.r, -EINVAL);
	sending = (struct sending){ ipc_bus_unique_name(f.client), &event, IPC_MAX_BATCH + 1,
		FORM_BATCH, 0 };
	service_do(f.s, send_all, &sending);
	ck_assert_int_eq(sending.r, -EMSGSIZE);
	tear_down(&f);
}
END_TEST

/* Someone else on the bus speaks in the daemon's words: nothing is heard. */
START_TEST(hears_the_daemon_only)
{
	const struct ipc_event forged = { 666, { 7, 412 }, 0, "DidComplete", NULL };
	const struct ipc_event real = { 1, { 7, 412 }, 0, "DidComplete", NULL };
	struct ipc_bus *stranger;
	struct fixture f;

	set_up(&f, 1);
	stranger = service_client();
	struct sending sending = { ipc_bus_unique_name(f.client), &real, 1, FORM_SINGLE, 0 };

	ck_assert_int_eq(ipc_send_event(stranger,
				 &(struct ipc_audience){
					 ipc_bus_unique_name(f.client), SERVICE_SESSION, false },
				 &forged),
		0);
	ck_assert_int_eq(ipc_bus_flush(stranger, 10000), 0);
	/* a round trip of the stranger's: its signal is at the bus before the real one */
	ck_assert_int_eq(ipc_bus_request_name(stranger, "org.example.Stranger", IPC_NAME_NOW), 0);
	service_do(f.s, send_all, &sending);
	service_pump(f.client, &f.seen.is_done);
	ck_assert_int_eq(f.seen.n, 1);
	ck_assert_uint_eq(f.seen.seq[0], 1);
	ipc_bus_free(stranger);
	tear_down(&f);
}
END_TEST

static void change_task(struct ipc_bus *bus, void *user)
{
	static const struct ipc_response response = {
		.url = "https://secret.example.org/", .status = 200, .has_status = true
	};
	const struct ipc_task_properties values = {
		.state = "completed", .response = &response, .bytes_received = 5
	};

	*(int *)user = ipc_emit_task_changed(bus, SERVICE_TASK,
		1ull << IPC_TASK_STATE | 1ull << IPC_TASK_RESPONSE |
			1ull << IPC_TASK_BYTES_RECEIVED | 1ull << IPC_TASK_ID,
		&values);
}

static void change_nothing(struct ipc_bus *bus, void *user)
{
	const struct ipc_task_properties values = { 0 };

	*(int *)user = ipc_emit_task_changed(
		bus, SERVICE_TASK, 1ull << IPC_TASK_BYTES_RECEIVED, &values);
}

/* Values that may be seen by all travel, others only by name, counters not at all. */
START_TEST(tells_changes)
{
	struct fixture f;
	int r = -1;

	set_up(&f, 1);
	ck_assert_int_eq(ipc_bus_watch_properties(f.client), 0);
	ck_assert_ptr_nonnull(ipc_bus_service_owner(f.client));
	/* any round trip: the match rule is in force after it */
	ck_assert_int_eq(ipc_bus_request_name(f.client, "org.example.Watcher", IPC_NAME_NOW), 0);
	service_do(f.s, change_nothing, &r);
	ck_assert_int_eq(r, 0);
	service_do(f.s, change_task, &r);
	ck_assert_int_eq(r, 0);
	service_pump(f.client, &f.seen.is_done);
	ck_assert_int_eq(f.seen.r, 0);
	ck_assert_int_eq(f.seen.n, 1);
	ck_assert_uint_eq(f.seen.path.task, 412);
	ck_assert_str_eq(f.seen.text, "completed");
	ck_assert_uint_eq(f.seen.changed, 1ull << IPC_TASK_STATE | 1ull << IPC_TASK_RESPONSE);
	ck_assert_uint_eq(f.seen.invalid, 1ull << IPC_TASK_RESPONSE);
	tear_down(&f);
}
END_TEST

RUN_TESTS_WITHIN("ipc/signal", 60, TEST_LOOP(arrives, N_FORMS), TEST_LOOP(succeeds, N_FORMS),
	TEST_LOOP(carries_a_file, N_FORMS), TEST_LOOP(carries_many_files, 4),
	TEST_LOOP(keeps_the_order, N_FORMS), TEST(refuses), TEST(hears_the_daemon_only),
	TEST(tells_changes))
