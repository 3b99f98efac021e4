/* SPDX-License-Identifier: MIT */
/* As much of transferd's sessions in memory as libtransfer can tell from the real ones. */
#include "tests/client-lib/peer-live.h"

#include <check.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "tests/client-lib/peer-state.h"
#include "tests/lib/tmpdir.h"

#define MAX_SESSIONS 128
#define FIRST_TASK   (LIVE_FIRST + 1000000)
#define MAX_LIVE     20000
#define DEADLINE_S   10

struct peer_live {
	struct {
		char client[64];
		uint64_t seq;
	} sessions[MAX_SESSIONS];
	unsigned int n_sessions;
	unsigned int session_of[MAX_LIVE]; /* by task from 1 */
	bool is_ended[MAX_LIVE];
	unsigned int n_tasks;
	char *log, *shown;
	size_t n_log;
	FILE *out;
	int refusal;
	unsigned int n_refusals;
	size_t max_requests; /* 0: no bound */
	bool answers_all, keeps_cancelled, knows_no_files;
};

bool peer_is_live(uint64_t id)
{
	return id >= LIVE_FIRST;
}

struct peer_live *peer_live_new(void)
{
	struct peer_live *live = calloc(1, sizeof(*live));

	ck_assert_ptr_nonnull(live);
	live->out = open_memstream(&live->log, &live->n_log);
	ck_assert_ptr_nonnull(live->out);
	return live;
}

void peer_live_free(struct peer_live *live)
{
	fclose(live->out);
	free(live->log);
	free(live->shown);
	free(live);
}

void peer_live_forget(struct peer *p)
{
	for (unsigned int i = 0; i < p->live->n_sessions; i++)
		p->live->sessions[i].client[0] = '\0';
}

static void note_va(struct peer *p, const char *format, va_list args)
{
	vfprintf(p->live->out, format, args);
	fflush(p->live->out);
	peer_changed(p);
}

void peer_live_note(struct peer *p, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	pthread_mutex_lock(&p->lock);
	note_va(p, format, args);
	pthread_mutex_unlock(&p->lock);
	va_end(args);
}

__attribute__((format(printf, 2, 3))) static void note(struct peer *p, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	note_va(p, format, args);
	va_end(args);
}

static struct ipc_path session_path(unsigned int number)
{
	return (struct ipc_path){ .session = LIVE_FIRST + number };
}

static struct ipc_path task_path(struct peer *p, uint64_t task)
{
	if (!task) /* of the session itself */
		return session_path(1);
	return (struct ipc_path){ .session = LIVE_FIRST + p->live->session_of[task],
		.task = FIRST_TASK + task };
}

static void note_signals(struct peer *p, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		note(p, " %s", names[i]);
	note(p, "\n");
}

int peer_live_open(struct peer *p, struct ipc_call *call,
	const struct ipc_manager_open_session_in *in, struct ipc_manager_open_session_out *out)
{
	struct peer_live *live = p->live;

	pthread_mutex_lock(&p->lock);
	ck_assert_uint_lt(live->n_sessions, MAX_SESSIONS);
	ck_assert(in->options.batch && in->options.window);
	snprintf(live->sessions[live->n_sessions].client,
		sizeof(live->sessions[live->n_sessions].client), "%s", ipc_call_caller(call)->name);
	out->info.disposition = "created";
	out->session = session_path(++live->n_sessions);
	note(p, "open %s", in->kind);
	note_signals(p, in->options.implements, in->options.n_implements);
	pthread_mutex_unlock(&p->lock);
	return 0;
}

/* ---- rows ---- */

struct row_args {
	struct ipc_event_args args;
	struct ipc_response response;
	struct ipc_error error;
	struct ipc_request request;
	struct ipc_challenge challenge;
	struct ipc_metrics metrics;
	struct ipc_transaction transaction;
	char path[256];
};

static void write_file(struct row_args *row, const char *name, uint64_t task, const char *text)
{
	char *path = tmpdir_path("%s-%llu", name, (unsigned long long)task);

	ck_assert_int_eq(tmpdir_write(path, text), 0);
	snprintf(row->path, sizeof(row->path), "%s", path);
	free(path);
}

static void fill_response(struct row_args *to, const struct peer_row *row)
{
	to->response = (struct ipc_response){ .status = row->status,
		.has_status = true,
		.url = row->url,
		.mime_type = "text/plain",
		.expected_length = row->body ? (int64_t)strlen(row->body) : -1,
		.has_expected_length = true };
	to->args.response = &to->response;
}

static void fill_bytes(struct row_args *to, const struct peer_row *row)
{
	struct ipc_event_args *args = &to->args;

	if (row->pipe_fd) {
		args->body_pipe = row->pipe_fd;
		args->has_body_pipe = true;
	}
	if (row->body && row->body_in_file) {
		write_file(to, "body", row->task, row->body);
		args->body_file = open(to->path, O_RDONLY | O_CLOEXEC);
		args->has_body_file = true;
	} else if (row->body) {
		args->body = (const uint8_t *)row->body;
		args->n_body = strlen(row->body);
	}
	if (row->file) {
		write_file(to, "file", row->task, row->file);
		args->path = to->path;
		args->file = open(to->path, O_RDONLY | O_CLOEXEC);
		args->has_file = true;
	}
}

static void fill_row(struct peer *p, struct row_args *to, const struct peer_row *row)
{
	struct ipc_event_args *args = &to->args;

	if (row->status)
		fill_response(to, row);
	fill_bytes(to, row);
	args->bytes = row->bytes;
	args->total = row->total;
	args->has_bytes = args->has_total = row->total != 0;
	args->question = row->question;
	args->has_question = row->question != 0;
	args->reason = row->reason;
	args->folded = args->has_folded = row->folded;
	if (row->download) {
		p->live->session_of[row->download] = p->live->session_of[row->task];
		args->download = task_path(p, row->download);
		args->has_download = true;
	}
	if (row->kind == IPC_EVENT_WILL_PERFORM_REDIRECT) {
		to->request = (struct ipc_request){ .url = row->url, .method = "GET" };
		args->request = &to->request;
	}
	if (row->method) {
		to->challenge = (struct ipc_challenge){ .method = row->method,
			.protocol = "https",
			.host = "example.org",
			.port = 443,
			.has_port = true,
			.realm = "r",
			.attempt = row->attempt,
			.has_attempt = true };
		args->challenge = &to->challenge;
	}
	if (row->code) {
		to->error = (struct ipc_error){ .code = row->code, .has_code = true };
		args->error = &to->error;
	}
	if (row->has_metrics || row->is_ftp) {
		/* the tenth is the begin of the response */
		static const uint64_t ftp_usec[] = { 1, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3 };

		to->transaction = (struct ipc_transaction){ .url = "https://example.org/t",
			.method = "GET",
			.status = row->is_ftp ? 0 : 200,
			.times_usec = ftp_usec,
			.n_times_usec = row->is_ftp ? 11 : 0,
			.has_status = !row->is_ftp };
		to->metrics = (struct ipc_metrics){
			.attempts = 1, .transactions = &to->transaction, .n_transactions = 1
		};
		args->metrics = &to->metrics;
	}
}

static void send_locked(struct peer *p, const struct peer_row *rows, size_t n)
{
	struct row_args *args = calloc(n, sizeof(*args));
	struct ipc_event *events = calloc(n, sizeof(*events));
	unsigned int session = p->live->session_of[rows[0].task];

	ck_assert(args && events);
	for (size_t i = 0; i < n; i++) {
		fill_row(p, &args[i], &rows[i]);
		events[i] = (struct ipc_event){ .seq = ++p->live->sessions[session - 1].seq,
			.task = task_path(p, rows[i].task),
			.name = ipc_event_name(rows[i].kind),
			.args = &args[i].args };
		p->live->is_ended[rows[i].task] |= rows[i].kind == IPC_EVENT_DID_COMPLETE;
	}
	if (p->bus && p->live->sessions[session - 1].client[0])
		ck_assert_int_eq(
			ipc_send_events(p->bus,
				&(struct ipc_audience){ p->live->sessions[session - 1].client,
					session_path(session), true },
				events, n),
			0);
	for (size_t i = 0; i < n; i++) {
		if (args[i].args.has_file)
			close(args[i].args.file);
		if (args[i].args.has_body_file)
			close(args[i].args.body_file);
		if (args[i].args.has_body_pipe)
			close(args[i].args.body_pipe);
	}
	free(args);
	free(events);
}

struct send_order {
	const struct peer_row *rows;
	size_t n;
};

static void do_send(struct peer *p, void *user)
{
	const struct send_order *order = user;

	pthread_mutex_lock(&p->lock);
	send_locked(p, order->rows, order->n);
	pthread_mutex_unlock(&p->lock);
}

void peer_live_send(struct peer *p, const struct peer_row *rows, size_t n)
{
	peer_do(p, do_send, &(struct send_order){ rows, n });
}

/* ---- what is asked ---- */

static void note_task(struct peer *p, const struct ipc_request *in)
{
	char body[64] = "";
	ssize_t n = 0;

	if (in->has_body_file)
		n = pread(in->body_file, body, sizeof(body) - 1, 0);
	else if (in->has_body_stream)
		n = read(in->body_stream, body, sizeof(body) - 1);
	else if (in->body)
		n = snprintf(body, sizeof(body), "%.*s", (int)in->n_body, (const char *)in->body);
	body[n > 0 ? n : 0] = '\0';
	note(p, "create %s %s %s %s%s%s", in->kind, in->url ? in->url : "resumed",
		in->method ? in->method : "-", n ? body : "-", in->whole_body ? " whole" : "",
		in->body_asked ? " asked" : "");
	note_signals(p, in->implements, in->n_implements);
}

static void answer_locked(struct peer *p, unsigned int task)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", task);
	send_locked(p,
		&(struct peer_row){ .task = task,
			.kind = IPC_EVENT_DID_COMPLETE,
			.folded = true,
			.status = 200,
			.body = text },
		1);
}

/* With the lock held. */
static int make(struct peer *p, struct ipc_call *call, const struct ipc_session_create_tasks_in *in)
{
	struct peer_live *live = p->live;
	unsigned int session = (unsigned int)(ipc_call_path(call).session - LIVE_FIRST);

	ck_assert_str_eq(in->options.start, "running");
	p->n_create_calls++;
	if (live->n_refusals) {
		live->n_refusals--;
		note(p, "refused %zu\n", in->n_requests);
		return ipc_call_error(call, live->refusal, "not so many");
	}
	if (live->max_requests && in->n_requests > live->max_requests)
		return ipc_call_error(call, IPC_E_LIMIT_REACHED, "the message is too large");
	for (size_t i = 0; i < in->n_requests; i++) {
		ck_assert_uint_lt(++live->n_tasks, MAX_LIVE);
		live->session_of[live->n_tasks] = session;
		note_task(p, &in->requests[i]);
	}
	return 0;
}

/* With the lock held: the answer has left. */
static int answer_all(struct peer *p, unsigned int first)
{
	for (unsigned int i = first; p->live->answers_all && i <= p->live->n_tasks; i++)
		answer_locked(p, i);
	return IPC_DEFERRED;
}

int peer_live_create(struct peer *p, struct ipc_call *call,
	const struct ipc_session_create_tasks_in *in, struct ipc_session_create_tasks_out *out)
{
	struct ipc_task_ref *refs = arena_alloc(
		ipc_call_arena(call), in->n_requests, sizeof(*refs));
	unsigned int first;
	int r;

	pthread_mutex_lock(&p->lock);
	first = p->live->n_tasks + 1;
	r = make(p, call, in);
	if (!r) {
		for (unsigned int i = 0; i < in->n_requests; i++)
			refs[i] = (struct ipc_task_ref){ FIRST_TASK + first + i,
				task_path(p, first + i) };
		out->tasks = refs;
		out->n_tasks = in->n_requests;
		ipc_reply_session_create_tasks(call, out);
		r = answer_all(p, first);
	}
	pthread_mutex_unlock(&p->lock);
	return r;
}

int peer_live_create_file(struct peer *p, struct ipc_call *call,
	const struct ipc_session_create_tasks_in *in, struct ipc_session_create_tasks_file_out *out)
{
	unsigned int first;
	int r;

	pthread_mutex_lock(&p->lock);
	p->n_file_calls++;
	first = p->live->n_tasks + 1;
	if (p->live->knows_no_files) {
		ipc_reply_error(call, IPC_E_UNKNOWN_METHOD, NULL);
		r = IPC_DEFERRED;
	} else {
		r = make(p, call, in);
	}
	if (!r) {
		out->first = FIRST_TASK + first;
		ipc_reply_session_create_tasks_file(call, out);
		r = answer_all(p, first);
	}
	pthread_mutex_unlock(&p->lock);
	return r;
}

bool peer_live_is_ended(struct peer *p, uint64_t id)
{
	bool is_ended;

	if (id < FIRST_TASK)
		return false;
	pthread_mutex_lock(&p->lock);
	is_ended = p->live->is_ended[id - FIRST_TASK];
	pthread_mutex_unlock(&p->lock);
	return is_ended;
}

bool peer_live_steer(struct peer *p, const char *verb, const uint64_t *ids, size_t n)
{
	if (!n || !peer_is_live(ids[0]))
		return false;
	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < n; i++) {
		uint64_t task = ids[i] - FIRST_TASK;

		note(p, "%s %llu\n", verb, (unsigned long long)task);
		if (!strcmp(verb, "cancel") && !p->live->is_ended[task] &&
			!p->live->keeps_cancelled)
			send_locked(p,
				&(struct peer_row){ .task = task,
					.kind = IPC_EVENT_DID_COMPLETE,
					.code = -999 },
				1);
	}
	pthread_mutex_unlock(&p->lock);
	return true;
}

int peer_live_resume_data(struct peer *p, struct ipc_call *call,
	struct ipc_task_cancel_producing_resume_data_out *out)
{
	uint64_t task = ipc_call_path(call).task - FIRST_TASK;

	out->resume_data = (const uint8_t *)"r\0d";
	out->n_resume_data = 3;
	ipc_reply_task_cancel_producing_resume_data(call, out);
	pthread_mutex_lock(&p->lock);
	note(p, "keep %llu\n", (unsigned long long)task);
	send_locked(p,
		&(struct peer_row){ .task = task, .kind = IPC_EVENT_DID_COMPLETE, .code = -999 },
		1);
	pthread_mutex_unlock(&p->lock);
	return IPC_DEFERRED;
}

int peer_on_answer_redirect(
	struct ipc_call *call, void *user, const struct ipc_session_answer_redirect_in *in)
{
	peer_live_note(user, "redirect %llu %s %s\n", (unsigned long long)in->question, in->action,
		in->request.url ? in->request.url : "-");
	if (in->request.url && !strncmp(in->request.url, "ftp:", 4))
		return ipc_call_error(call, IPC_E_UNSUPPORTED_SCHEME, "not ftp");
	return 0;
}

int peer_on_answer_challenge(
	struct ipc_call *call, void *user, const struct ipc_session_answer_challenge_in *in)
{
	(void)call;
	peer_live_note(user, "challenge %llu %s %s %s\n", (unsigned long long)in->question,
		in->disposition, in->credential.user ? in->credential.user : "-",
		in->credential.password ? in->credential.password : "-");
	return 0;
}

static int take_fault(struct peer *p)
{
	int fault;

	pthread_mutex_lock(&p->lock);
	fault = p->fail_answer;
	p->fail_answer = 0;
	pthread_mutex_unlock(&p->lock);
	return fault;
}

int peer_on_answer_responses(struct ipc_call *call, void *user,
	const struct ipc_session_answer_responses_in *in,
	struct ipc_session_answer_responses_out *out)
{
	struct ipc_failure *failures = arena_alloc(
		ipc_call_arena(call), in->n_answers, sizeof(*failures));
	int fault = take_fault(user);

	ck_assert_ptr_nonnull(failures);
	for (size_t i = 0; i < in->n_answers; i++) {
		peer_live_note(user, "response %llu %s\n",
			(unsigned long long)in->answers[i].question, in->answers[i].disposition);
		if (fault)
			failures[out->n_failures++] = (struct ipc_failure){ in->answers[i].question,
				ipc_error_name(fault), "no" };
	}
	out->failures = failures;
	return 0;
}

int peer_on_answer_body(
	struct ipc_call *call, void *user, const struct ipc_session_answer_body_stream_in *in)
{
	char body[64] = "-";
	ssize_t n = in->options.has_body ? read(in->options.body, body, sizeof(body) - 1) : 1;

	int fault = take_fault(user);

	body[n > 0 ? n : 0] = '\0';
	peer_live_note(user, "body %llu %s\n", (unsigned long long)in->question, body);
	return fault ? ipc_call_error(call, fault, "no") : 0;
}

int peer_on_close(struct ipc_call *call, void *user)
{
	struct peer *p = user;
	uint64_t number = ipc_call_path(call).session - LIVE_FIRST;

	pthread_mutex_lock(&p->lock);
	p->live->sessions[number - 1].client[0] = '\0';
	note(p, "close %llu\n", (unsigned long long)number);
	pthread_mutex_unlock(&p->lock);
	return 0;
}

/* ---- for tests ---- */

const char *peer_live_log(struct peer *p)
{
	pthread_mutex_lock(&p->lock);
	free(p->live->shown);
	p->live->shown = strdup(p->live->log ? p->live->log : "");
	pthread_mutex_unlock(&p->lock);
	ck_assert_ptr_nonnull(p->live->shown);
	return p->live->shown;
}

void peer_live_expect(struct peer *p, const char *text)
{
	struct timespec until;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += DEADLINE_S;
	pthread_mutex_lock(&p->lock);
	while (!r && !(p->live->log && strstr(p->live->log, text)))
		r = pthread_cond_timedwait(&p->changed, &p->lock, &until);
	pthread_mutex_unlock(&p->lock);
	ck_assert_msg(!r, "no '%s' in: %s", text, peer_live_log(p));
}

void peer_live_refuse(struct peer *p, int error, unsigned int n_calls)
{
	pthread_mutex_lock(&p->lock);
	p->live->refusal = error;
	p->live->n_refusals = n_calls;
	pthread_mutex_unlock(&p->lock);
}

void peer_live_refuse_more(struct peer *p, size_t n)
{
	pthread_mutex_lock(&p->lock);
	p->live->max_requests = n;
	pthread_mutex_unlock(&p->lock);
}

void peer_live_forget_files(struct peer *p)
{
	pthread_mutex_lock(&p->lock);
	p->live->knows_no_files = true;
	pthread_mutex_unlock(&p->lock);
}

void peer_live_answer_all(struct peer *p, bool answer)
{
	pthread_mutex_lock(&p->lock);
	p->live->answers_all = answer;
	pthread_mutex_unlock(&p->lock);
}

void peer_live_keep_cancelled(struct peer *p, bool keep)
{
	pthread_mutex_lock(&p->lock);
	p->live->keeps_cancelled = keep;
	pthread_mutex_unlock(&p->lock);
}

unsigned int peer_live_n_tasks(struct peer *p)
{
	unsigned int n;

	pthread_mutex_lock(&p->lock);
	n = p->live->n_tasks;
	pthread_mutex_unlock(&p->lock);
	return n;
}
