/* SPDX-License-Identifier: MIT */
/* Runs daemon and clients in one thread. */
#include "tests/daemon/bus/rig.h"

#include <poll.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "daemon/store/store.h"

#define DEADLINE_US  (10 * CLOCK_US_PER_S)
#define QUIET_ROUNDS 12

/* ---- clients ---- */

static void note_event(struct rig_client *client, const struct ipc_event *event, bool is_in_batch)
{
	struct rig_event *e = &client->events[client->n_events];
	const struct ipc_event_args *args = event->args;

	ck_assert_uint_lt(client->n_events, RIG_EVENTS);
	client->n_events++;
	*e = (struct rig_event){
		.seq = event->seq, .task = event->task.task, .is_in_batch = is_in_batch
	};
	snprintf(e->name, sizeof(e->name), "%s", event->name);
	e->code = args->error ? args->error->code : 0;
	e->has_reason = args->error && args->error->has_cancelled_reason;
	e->reason = e->has_reason ? args->error->cancelled_reason : 0;
	e->bytes = args->bytes;
	e->total = args->has_question ? args->question : args->total;
	if (args->request && args->request->url)
		snprintf(e->text, sizeof(e->text), "%s", args->request->url);
	e->has_file = args->has_file || args->has_body_file;
	e->status = args->response ? args->response->status : 0;
	e->question = args->question;
	e->is_folded = args->folded;
	e->has_pipe = args->has_body_pipe;
	e->n_transactions = args->metrics ? args->metrics->n_transactions : 0;
	if (args->reason)
		snprintf(e->text, sizeof(e->text), "%s", args->reason);
	if (args->path)
		snprintf(e->text, sizeof(e->text), "%s", args->path);
	if (args->body)
		snprintf(e->text, sizeof(e->text), "%.*s", (int)args->n_body,
			(const char *)args->body);
}

static void on_signal(void *user, struct ipc_signal *signal)
{
	struct rig_client *client = user;
	const struct ipc_event *events;
	uint64_t changed, invalid;
	struct ipc_task_properties task;
	struct ipc_session_properties session;
	struct ipc_manager_properties manager;
	size_t n;

	client->n_signals++;
	if (ipc_read_events(signal, &events, &n) == 0) {
		bool is_file = strcmp(ipc_signal_member(signal), IPC_EVENTS_FILE) == 0;
		bool is_batch = is_file || strcmp(ipc_signal_member(signal), "Events") == 0;

		client->n_batches += is_batch;
		client->n_file_batches += is_file;
		for (size_t i = 0; i < n; i++)
			note_event(client, &events[i], is_batch);
	} else if (ipc_read_task_changed(signal, &task, &changed, &invalid) == 0) {
		client->n_task_changes++;
		if (changed >> IPC_TASK_STATE & 1)
			snprintf(client->state, sizeof(client->state), "%s", task.state);
		if (changed >> IPC_TASK_SUB_STATE & 1)
			snprintf(
				client->sub_state, sizeof(client->sub_state), "%s", task.sub_state);
		if (changed >> IPC_TASK_DESCRIPTION & 1)
			snprintf(client->description, sizeof(client->description), "%s",
				task.description);
		if (changed >> IPC_TASK_PRIORITY & 1)
			client->priority = task.priority;
	} else if (ipc_read_session_changed(signal, &session, &changed, &invalid) == 0) {
		client->n_session_changes++;
	} else if (ipc_read_manager_changed(signal, &manager, &changed, &invalid) == 0) {
		client->n_manager_changes++;
	}
}

static const struct ipc_bus_events client_events = { .signal = on_signal };

static void watch_service(struct rig *rig, struct rig_client *client)
{
	ipc_bus_set_events(client->bus, &client_events, client);
	ck_ok(ipc_bus_watch_service(client->bus, IPC_NAME));
	ck_ok(ipc_bus_watch_properties(client->bus));
	rig_settle(rig);
	ck_assert_ptr_nonnull(ipc_bus_service_owner(client->bus));
}

struct rig_client *rig_connect(struct rig *rig)
{
	struct rig_client *client = calloc(1, sizeof(*client));

	ck_assert_ptr_nonnull(client);
	ck_assert_uint_lt(rig->n_clients, 4);
	ck_ok(ipc_bus_new(IPC_BUS_USER, NULL, &client->bus));
	rig->clients[rig->n_clients++] = client;
	watch_service(rig, client);
	return client;
}

void rig_disconnect(struct rig *rig, struct rig_client *client)
{
	for (size_t i = 0; i < rig->n_clients; i++)
		if (rig->clients[i] == client)
			rig->clients[i] = rig->clients[--rig->n_clients];
	ipc_exchange_done(&client->exchange);
	ipc_bus_free(client->bus);
	free(client);
}

/* ---- the daemon ---- */

static void start_bus(struct rig *rig)
{
	char *socket = tmpdir_path("bus"), *address = NULL, *services = NULL;
	const char *output;
	const char *argv[] = { "dbus-daemon", "--session", "--nofork", "--print-address", NULL,
		NULL };
	struct proc_config config = { .argv = argv };

	ck_assert_int_gt(asprintf(&address, "--address=unix:path=%s", socket), 0);
	argv[4] = address;
	/* the bus looks for services here: in our folder alone */
	ck_ok(setenv("XDG_DATA_HOME", rig->folder, 1));
	for (size_t i = 0; i < 2; i++) {
		services = tmpdir_path(i ? "dbus-1/services" : "dbus-1");
		ck_ok(mkdir(services, 0700));
		free(services);
	}
	ck_ok(proc_start(&config, &rig->daemon));
	output = proc_expect(rig->daemon, "unix:path=", 10000);
	ck_assert_ptr_nonnull(output);
	ck_ok(setenv("DBUS_SESSION_BUS_ADDRESS", address + strlen("--address="), 1));
	free(address);
	free(socket);
}

struct rig *rig_new(void)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct store_report report;
	struct engine_config engine_config = { .spool_dir = "/spool" };
	struct flow_config flow_config = { .jitter_seed = 1, .observer = bus_observer() };
	struct bus_config bus_config = { .kind = IPC_BUS_USER };
	struct live_config live_config = { .observer = bus_live_observer() };
	struct clock_now now = clock_now();
	char *state;

	ck_assert_ptr_nonnull(rig);
	rig->folder = tmpdir_new();
	ck_assert_ptr_nonnull(rig->folder);
	start_bus(rig);
	state = tmpdir_path("queue");
	rig->spool = tmpdir_path("files");
	ck_ok(mkdir(state, 0700));
	ck_ok(mkdir(rig->spool, 0700));
	ck_ok(store_open(state, &rig->store, &report));
	engine_config.spool_dir = flow_config.spool_dir = bus_config.spool_dir = rig->spool;
	ck_ok(engine_new(&engine_config, &rig->engine));
	ck_ok(bus_new(&bus_config, &rig->bus));
	flow_config.store = rig->store;
	flow_config.engine = rig->engine;
	flow_config.observer_user = rig->bus;
	ck_ok(flow_new(&flow_config, &rig->flow));
	bus_set_flow(rig->bus, rig->flow);
	ck_ok(flow_start(rig->flow, &now));
	live_config.engine = rig->engine;
	live_config.flow = rig->flow;
	live_config.spool_dir = rig->spool;
	live_config.observer_user = rig->bus;
	ck_ok(live_new(&live_config, &rig->live));
	bus_set_live(rig->bus, rig->live);
	ck_ok(scouts_new(0, &rig->scouts));
	bus_set_scouts(rig->bus, rig->scouts);
	ck_ok(bus_start(rig->bus));
	free(state);
	return rig;
}

void rig_free(struct rig *rig)
{
	while (rig->n_clients)
		rig_disconnect(rig, rig->clients[0]);
	bus_set_live(rig->bus, NULL);
	live_free(rig->live);
	flow_free(rig->flow);
	engine_free(rig->engine);
	bus_free(rig->bus);
	scouts_free(rig->scouts);
	store_close(rig->store);
	proc_free(rig->daemon);
	free(rig->spool);
	free(rig);
}

/* ---- rounds ---- */

static void on_report(const struct engine_event *event, void *user)
{
	struct rig *rig = user;

	if (live_owns(event->type == ENGINE_EVENT_COOKIES ? event->jar : event->task))
		live_engine_event(event, rig->live);
	else
		flow_engine_event(event, rig->flow);
}

void rig_turn(struct rig *rig)
{
	struct clock_now now = clock_now();

	flow_turn_begin(rig->flow, &now);
	live_turn_begin(rig->live, &now);
	scouts_dispatch(rig->scouts, now.now_us, bus_looked, rig->bus);
	bus_dispatch(rig->bus);
	ck_ok(engine_dispatch(rig->engine, on_report, rig));
	bus_tick(rig->bus, now.now_us);
	live_turn_end(rig->live);
	ck_assert(flow_turn_end(rig->flow) == 0 || rig->may_fail);
	bus_flush(rig->bus);
	for (size_t i = 0; i < rig->n_clients; i++)
		ipc_bus_dispatch(rig->clients[i]->bus);
}

/* Waits for something to come, at most 20 ms: timers of the flow are short in tests. */
static bool wait_a_moment(struct rig *rig)
{
	struct pollfd fds[8] = { { .fd = bus_fd(rig->bus), .events = POLLIN },
		{ .fd = engine_fd(rig->engine), .events = POLLIN },
		{ .fd = scouts_fd(rig->scouts), .events = POLLIN } };
	nfds_t n = 3;

	for (size_t i = 0; i < rig->n_clients; i++)
		fds[n++] = (struct pollfd){ .fd = ipc_bus_fd(rig->clients[i]->bus),
			.events = POLLIN };
	return poll(fds, n, 20) > 0;
}

void rig_pump(struct rig *rig, rig_fn is_done, void *user)
{
	uint64_t until_us = clock_now_us() + DEADLINE_US;

	while (!is_done(user)) {
		ck_assert_msg(clock_now_us() < until_us, "what was waited for does not come");
		wait_a_moment(rig);
		rig_turn(rig);
	}
}

void rig_settle(struct rig *rig)
{
	int quiet = 0;

	while (quiet < QUIET_ROUNDS) {
		quiet = wait_a_moment(rig) ? 0 : quiet + 1;
		rig_turn(rig);
	}
}

static bool has_told(void *user)
{
	struct rig *rig = user;

	return bus_change_next_timer(rig->bus) == UINT64_MAX;
}

void rig_tell(struct rig *rig)
{
	rig_settle(rig);
	rig_pump(rig, has_told, rig);
	rig_settle(rig);
}

bool rig_is_answered(void *answer)
{
	return ((struct rig_answer *)answer)->is_there;
}

/* ---- shorthands ---- */

void rig_note(struct rig_answer *answer, int r, const char *text)
{
	answer->is_there = true;
	answer->r = r;
	snprintf(answer->text, sizeof(answer->text), "%s", text ? text : "");
}

struct opened {
	struct rig_answer answer;
	uint64_t session;
};

static void on_opened(
	void *user, int r, const char *text, const struct ipc_manager_open_session_out *out)
{
	struct opened *opened = user;

	rig_note(&opened->answer, r, text);
	opened->session = out ? out->session.session : 0;
}

uint64_t rig_open(struct rig *rig, struct rig_client *client, const char *identifier)
{
	struct ipc_manager_open_session_in in = {
		.kind = "background", .identifier = identifier, .options.app_id = "org.example.Test"
	};
	struct opened opened = { 0 };

	ck_ok(ipc_start_manager_open_session(
		client->bus, (struct ipc_path){ 0, 0 }, &in, on_opened, &opened));
	rig_pump(rig, rig_is_answered, &opened.answer);
	ck_assert_msg(opened.answer.r == 0, "%s", opened.answer.text);
	return opened.session;
}

static void on_attached(
	void *user, int r, const char *text, const struct ipc_session_attach_out *out)
{
	(void)out;
	rig_note(user, r, text);
}

int rig_attach(struct rig *rig, struct rig_client *client, uint64_t session,
	const struct ipc_attach_options *options)
{
	struct ipc_session_attach_in in = { 0 };
	struct rig_answer answer = { 0 };

	if (options)
		in.options = *options;
	ck_ok(ipc_start_session_attach(
		client->bus, (struct ipc_path){ session, 0 }, &in, on_attached, &answer));
	rig_pump(rig, rig_is_answered, &answer);
	return answer.r;
}

void rig_on_done(void *user, int r, const char *text)
{
	rig_note(user, r, text);
}

int rig_ack(struct rig *rig, struct rig_client *client, uint64_t session, uint64_t seq)
{
	struct ipc_session_acknowledge_in in = { seq };
	struct rig_answer answer = { 0 };

	ck_ok(ipc_start_session_acknowledge(
		client->bus, (struct ipc_path){ session, 0 }, &in, rig_on_done, &answer));
	rig_pump(rig, rig_is_answered, &answer);
	return answer.r;
}

struct created {
	struct rig_answer answer;
	uint64_t id;
};

static void on_created(
	void *user, int r, const char *text, const struct ipc_session_create_tasks_out *out)
{
	struct created *created = user;

	rig_note(&created->answer, r, text);
	created->id = out && out->n_tasks ? out->tasks[0].id : 0;
}

static struct created create(struct rig *rig, struct rig_client *client, uint64_t session,
	const struct ipc_request *request)
{
	struct ipc_session_create_tasks_in in = {
		.requests = request, .n_requests = 1, .options.start = "running"
	};
	struct created created = { 0 };

	ck_ok(ipc_start_session_create_tasks(
		client->bus, (struct ipc_path){ session, 0 }, &in, on_created, &created));
	rig_pump(rig, rig_is_answered, &created.answer);
	return created;
}

uint64_t rig_create(struct rig *rig, struct rig_client *client, uint64_t session,
	const struct ipc_request *request)
{
	struct created created = create(rig, client, session, request);

	ck_assert_msg(created.answer.r == 0, "%s", created.answer.text);
	ck_assert_uint_ne(created.id, 0);
	return created.id;
}

int rig_create_error(struct rig *rig, struct rig_client *client, uint64_t session,
	const struct ipc_request *request, struct rig_answer *ret_answer)
{
	*ret_answer = create(rig, client, session, request).answer;
	return ret_answer->r;
}

uint64_t rig_download(struct rig *rig, struct rig_client *client, uint64_t session)
{
	struct ipc_request request = { .url = "https://example.org/dir/file.iso?token=secret" };

	return rig_create(rig, client, session, &request);
}

/* ---- the engine ---- */

static bool is_running(void *user)
{
	const struct {
		struct rig *rig;
		uint64_t task;
	} *wanted = user;

	return fake_engine_find(wanted->rig->engine, wanted->task) != NULL;
}

static struct fake_attempt *running(struct rig *rig, uint64_t task)
{
	struct {
		struct rig *rig;
		uint64_t task;
	} wanted = { rig, task };

	rig_pump(rig, is_running, &wanted);
	return fake_engine_find(rig->engine, task);
}

static struct engine_event event_of(const struct fake_attempt *a, enum engine_event_type type)
{
	return (struct engine_event){
		.type = type,
		.task = a->task,
		.attempt = a->attempt,
		.received_bytes = a->received_bytes,
		.expected_receive_bytes = a->total_bytes ? (int64_t)a->total_bytes : -1,
		.expected_send_bytes = -1,
		.offset_bytes = a->received_bytes,
		.at_us = clock_now_us(),
	};
}

void rig_progress(struct rig *rig, uint64_t task, uint64_t received, int64_t total)
{
	struct fake_attempt *a = running(rig, task);
	struct engine_event e = event_of(a, ENGINE_EVENT_CONNECTED);

	fake_engine_post(rig->engine, &e);
	a->received_bytes = received;
	a->total_bytes = total > 0 ? (uint64_t)total : 0;
	e = event_of(a, ENGINE_EVENT_PROGRESS);
	fake_engine_post(rig->engine, &e);
	rig_turn(rig);
}

static void make_file(const char *path, uint64_t size)
{
	FILE *file = fopen(path, "w");

	ck_assert_msg(file != NULL, "%s", path);
	for (uint64_t i = 0; i < size; i++)
		fputc('x', file);
	ck_ok(fclose(file));
}

void rig_finish(struct rig *rig, uint64_t task, uint64_t size)
{
	static const struct engine_header headers[] = { { "X-Reply", "fine" } };
	struct fake_attempt *a = running(rig, task);
	const struct engine_response response = { .status = a->kind == TRANSFER_TASK_UPLOAD ? 201
											    : 200,
		.http_version = "1.1",
		.url = "https://example.org/dir/file.iso",
		.mime_type = "text/plain",
		.suggested_name = "file.iso",
		.expected_bytes = (int64_t)size,
		.headers = headers,
		.n_headers = 1 };
	struct engine_event e;
	bool is_upload = a->kind == TRANSFER_TASK_UPLOAD;

	make_file(is_upload ? a->body_path : a->part_path, size);
	a->received_bytes = a->total_bytes = size;
	e = event_of(a, ENGINE_EVENT_RESPONSE);
	e.response = &response;
	fake_engine_post(rig->engine, &e);
	e.type = ENGINE_EVENT_DONE;
	fake_engine_post(rig->engine, &e);
	if (!is_upload) {
		e = event_of(a, ENGINE_EVENT_SYNCED);
		e.file_ino = 7;
		e.file_size_bytes = size;
		fake_engine_post(rig->engine, &e);
	}
	fake_engine_drop(rig->engine, a);
	rig_turn(rig);
}

void rig_fail(struct rig *rig, uint64_t task, int32_t code)
{
	struct fake_attempt *a = running(rig, task);
	struct engine_event e = event_of(a, ENGINE_EVENT_DONE);

	e.result.code = code;
	fake_engine_post(rig->engine, &e);
	fake_engine_drop(rig->engine, a);
	rig_turn(rig);
}

void rig_stopped(struct rig *rig, uint64_t task)
{
	struct fake_attempt *a = running(rig, task);
	struct engine_event e = event_of(a, ENGINE_EVENT_DONE);

	e.is_stopped = true;
	fake_engine_post(rig->engine, &e);
	fake_engine_drop(rig->engine, a);
	rig_turn(rig);
}

/* ---- what was heard ---- */

size_t rig_count(const struct rig_client *client, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < client->n_events; i++)
		n += strcmp(client->events[i].name, name) == 0;
	return n;
}

const struct rig_event *rig_find(const struct rig_client *client, const char *name)
{
	for (size_t i = 0; i < client->n_events; i++)
		if (strcmp(client->events[i].name, name) == 0)
			return &client->events[i];
	ck_abort_msg("no %s was heard", name);
	return NULL;
}

struct awaited {
	const struct rig_client *client;
	const char *name;
	size_t n;
};

static bool is_heard(void *user)
{
	const struct awaited *awaited = user;

	return rig_count(awaited->client, awaited->name) >= awaited->n;
}

void rig_wait_event(struct rig *rig, struct rig_client *client, const char *name, size_t n)
{
	struct awaited awaited = { client, name, n };

	rig_pump(rig, is_heard, &awaited);
}
