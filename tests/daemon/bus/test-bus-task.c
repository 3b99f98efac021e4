/* SPDX-License-Identifier: MIT */
/* The verbs and properties of one task. */
#include "tests/daemon/bus/rig.h"
#include "tests/lib/run.h"

#include <errno.h>
#include <transfer/error.h>

typedef int (*verb_fn)(struct ipc_bus *bus, struct ipc_path path, ipc_done_fn fn, void *user);

static int run(struct rig *rig, struct rig_client *client, struct ipc_path path, verb_fn verb)
{
	struct rig_answer answer = { 0 };

	ck_ok(verb(client->bus, path, rig_on_done, &answer));
	rig_pump(rig, rig_is_answered, &answer);
	return answer.r;
}

static int cancel(struct rig *rig, struct rig_client *client, struct ipc_path path)
{
	const struct ipc_task_cancel_in in = { 0 };
	struct rig_answer answer = { 0 };

	ck_ok(ipc_start_task_cancel(client->bus, path, &in, rig_on_done, &answer));
	rig_pump(rig, rig_is_answered, &answer);
	return answer.r;
}

static int on_task(const struct task *task, void *user)
{
	*(enum task_state *)user = task->state;
	return 0;
}

static enum task_state state_of(struct rig *rig, uint64_t task)
{
	enum task_state state;

	ck_ok(flow_task_look(rig->flow, task, on_task, &state));
	return state;
}

START_TEST(suspends_and_resumes)
{
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);
	uint64_t session = rig_open(rig, client, "s");
	struct ipc_path path = { session, rig_download(rig, client, session) };

	rig_settle(rig);
	ck_ok(run(rig, client, path, ipc_start_task_suspend));
	ck_assert_int_eq(state_of(rig, path.task), TASK_STATE_SUSPENDED);
	ck_ok(run(rig, client, path, ipc_start_task_resume));
	ck_assert_int_eq(state_of(rig, path.task), TASK_STATE_QUEUED);
	ck_assert_int_eq(run(rig, client, path, ipc_start_task_remove), IPC_E_BUSY);
	rig_free(rig);
}
END_TEST

START_TEST(cancelling_is_done_once_and_harmless_later)
{
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);
	uint64_t session = rig_open(rig, client, "s");
	struct ipc_path path = { session, 0 };

	ck_ok(run(rig, client, path, ipc_start_session_flush));
	ck_ok(rig_attach(rig, client, session, NULL));
	path.task = rig_download(rig, client, session);
	ck_ok(run(rig, client, path,
		ipc_start_task_suspend)); /* so that no attempt has to end first */
	rig_settle(rig);
	if (fake_engine_n(rig->engine)) {
		struct fake_attempt *a = fake_engine_get(rig->engine, 0);
		struct engine_event e = { .type = ENGINE_EVENT_DONE,
			.task = a->task,
			.attempt = a->attempt,
			.is_stopped = true,
			.expected_receive_bytes = -1 };

		fake_engine_post(rig->engine, &e);
		fake_engine_drop(rig->engine, a);
	}
	ck_ok(cancel(rig, client, path));
	rig_wait_event(rig, client, "DidComplete", 1);
	ck_assert_int_eq(rig_find(client, "DidComplete")->code, TRANSFER_ERROR_CANCELLED);
	ck_ok(cancel(rig, client, path));
	ck_assert_int_eq(run(rig, client, path, ipc_start_task_suspend), IPC_E_TASK_FINISHED);
	rig_settle(rig);
	ck_assert_uint_eq(rig_count(client, "DidComplete"), 1);
	ck_ok(run(rig, client, path, ipc_start_task_remove));
	ck_assert_int_eq(cancel(rig, client, path), IPC_E_NO_SUCH_TASK);
	rig_free(rig);
}
END_TEST

/* Properties are read and set by blocking calls: by a child, while this process serves. */
static int call_properties(
	struct rig *rig, struct ipc_path path, const char *const *words, char **ret_text)
{
	char address[256], object[IPC_PATH_BYTES];
	const char *argv[16] = { "busctl", address, "--json=short", "call", IPC_NAME,
		ipc_path_format(path, object, sizeof(object)), "org.freedesktop.DBus.Properties" };
	struct proc_config config = { .argv = argv };
	char *output = tmpdir_path("output");
	struct proc *proc;
	int status;

	for (size_t i = 0; words[i]; i++)
		argv[7 + i] = words[i];
	snprintf(address, sizeof(address), "--address=%s", getenv("DBUS_SESSION_BUS_ADDRESS"));
	config.output = output;
	ck_ok(proc_start(&config, &proc));
	while (proc_wait(proc, 0, &status))
		rig_settle(rig);
	proc_free(proc);
	*ret_text = tmpdir_read(output);
	free(output);
	return status;
}

static int read_properties(struct rig *rig, struct ipc_path path, char **ret_text)
{
	static const char *const words[] = { "GetAll", "s", IPC_NAME ".Task", NULL };

	return call_properties(rig, path, words, ret_text);
}

START_TEST(tells_its_properties)
{
	static const char *const want[] = { "\"Kind\":{\"type\":\"s\",\"data\":\"download\"}",
		"\"State\":{\"type\":\"s\",\"data\":\"completed\"}",
		"\"SubState\":{\"type\":\"s\",\"data\":\"done\"}",
		"\"BytesReceived\":{\"type\":\"t\",\"data\":10}",
		"\"status\":{\"type\":\"u\",\"data\":200}",
		"\"Attempts\":{\"type\":\"u\",\"data\":1}" };
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);
	uint64_t session = rig_open(rig, client, "s"), task = rig_download(rig, client, session);
	char *text = NULL;

	rig_finish(rig, task, 10);
	rig_settle(rig);
	ck_ok(read_properties(rig, (struct ipc_path){ session, task }, &text));
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		ck_assert_msg(strstr(text, want[i]) != NULL, "%s in %s", want[i], text);
	free(text);
	ck_assert_int_ne(read_properties(rig, (struct ipc_path){ session, 4711 }, &text), 0);
	free(text);
	rig_free(rig);
}
END_TEST

static bool is_commit_failing;

int __real_store_commit(struct store *store);
int __wrap_store_commit(struct store *store);
int __wrap_store_commit(struct store *store)
{
	return is_commit_failing ? -EIO : __real_store_commit(store);
}

/* I1: nobody hears of a change that was not saved. */
START_TEST(tells_of_what_is_saved)
{
	static const char *const words[] = { "Set", "ssv", IPC_NAME ".Task", "Description", "s",
		"new", NULL };
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);
	uint64_t session = rig_open(rig, client, "s"), task = rig_download(rig, client, session);
	const struct ipc_path path = { session, task };
	char *text = NULL;

	rig_finish(rig, task, 10);
	rig_tell(rig);
	rig->may_fail = is_commit_failing = true;
	ck_assert_int_ne(call_properties(rig, path, words, &text), 0);
	free(text);
	is_commit_failing = false;
	rig_tell(rig);
	ck_assert_str_eq(client->description, "");
	ck_ok(call_properties(rig, path, words, &text));
	free(text);
	rig_tell(rig);
	ck_assert_str_eq(client->description, "new");
	rig_free(rig);
}
END_TEST

RUN_TESTS_WITHIN("daemon/bus/bus-task", 60, TEST(suspends_and_resumes),
	TEST(cancelling_is_done_once_and_harmless_later), TEST(tells_its_properties),
	TEST(tells_of_what_is_saved))
