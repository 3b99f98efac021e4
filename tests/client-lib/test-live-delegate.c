/* SPDX-License-Identifier: MIT */
/* What a delegate of a session in memory is told and asked: the order, the answers, delegates of single tasks, observers. */
#include "client-lib/live.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "client-lib/task.h"
#include "ipc/types.h"
#include "tests/client-lib/live-rig.h"
#include "tests/lib/run.h"

static struct live_rig rig;

static void done(transfer_task *task)
{
	transfer_task_unref(task);
	live_rig_done(&rig);
}

static transfer_task *begin(bool keeps_answers)
{
	transfer_task *task;

	live_rig_init(&rig, &live_rig_delegate);
	rig.keeps_answers = keeps_answers;
	task = live_rig_get(&rig, "a");
	peer_live_expect(rig.peer, "create data");
	return task;
}

static void end(int code)
{
	PEER_LIVE(rig.peer, { .task = 1, .kind = IPC_EVENT_DID_COMPLETE, .code = code });
	live_rig_expect(&rig, "done 1 ");
}

/* ---- order ---- */

START_TEST(is_told_in_order)
{
	transfer_task *task = begin(false);

	PEER_LIVE(rig.peer,
		{ .task = 1,
			.kind = IPC_EVENT_NEED_NEW_BODY_STREAM,
			.question = 1,
			.reason = "start" },
		{ .task = 1, .kind = IPC_EVENT_DID_SEND_BODY_DATA, .bytes = 4, .total = 4 },
		{ .task = 1, .kind = IPC_EVENT_DID_RECEIVE_INFORMATIONAL_RESPONSE, .status = 103 },
		{ .task = 1,
			.kind = IPC_EVENT_WILL_PERFORM_REDIRECT,
			.question = 2,
			.status = 302,
			.url = URL "b" },
		{ .task = 1, .kind = IPC_EVENT_IS_WAITING_FOR_CONNECTIVITY },
		{ .task = 1,
			.kind = IPC_EVENT_DID_RECEIVE_RESPONSE,
			.status = 200,
			.question = 3,
			.url = URL "b" },
		{ .task = 1, .kind = IPC_EVENT_DID_RECEIVE_DATA, .body = "one" },
		{ .task = 1,
			.kind = IPC_EVENT_DID_FINISH_COLLECTING_METRICS,
			.has_metrics = true });
	live_rig_expect(&rig, "metrics");
	/* nobody kept an answer: the defaults */
	peer_live_expect(rig.peer, "body 1 -\n");
	peer_live_expect(rig.peer, "redirect 2 follow -\n");
	peer_live_expect(rig.peer, "response 3 allow\n");
	end(0);
	ck_assert_str_eq(rig.log,
		"created 1\nbody? 0\nsent 4/4\ninfo 103\nredir 302 " URL "b\nwaiting\nresp 200\n"
		"data 'one'\nmetrics 1 https://example.org/t\ndone 1 0\n");
	transfer_auto(transfer_request) now = transfer_task_copy_current_request(task);
	ck_assert_str_eq(transfer_request_get_url(now), URL "b");
	done(task);
}
END_TEST

START_TEST(unfolds_in_the_same_order)
{
	transfer_auto(transfer_request) request = transfer_request_new(URL "f");
	transfer_auto(transfer_data) body = transfer_data_new_copy("sent", 4);
	transfer_task *upload, *download;

	live_rig_init(&rig, &live_rig_delegate);
	upload = transfer_session_upload_task_data(rig.session, request, body, NULL, NULL);
	transfer_task_resume(upload);
	peer_live_expect(rig.peer, "create upload " URL "f - sent");
	PEER_LIVE(rig.peer,
		{ .task = 1,
			.kind = IPC_EVENT_DID_COMPLETE,
			.folded = true,
			.status = 201,
			.body = "got",
			.bytes = 4,
			.total = 4,
			.has_metrics = true });
	live_rig_expect(&rig, "sent 4/4\nresp 201\ndata 'got'\nmetrics 1 ");
	live_rig_expect(&rig, "done 1 0\n");
	download = transfer_session_download_task(rig.session, request, NULL, NULL);
	transfer_task_resume(download);
	peer_live_expect(rig.peer, "create download " URL "f");
	PEER_LIVE(rig.peer,
		{ .task = 2,
			.kind = IPC_EVENT_DID_COMPLETE,
			.folded = true,
			.status = 200,
			.file = "whole",
			.bytes = 5,
			.total = 5 });
	live_rig_expect(&rig, "created 2\nwrote 5/5\nfile 'whole'\ndone 2 0\n");
	transfer_task_unref(upload);
	done(download);
}
END_TEST

START_TEST(counts_what_moves)
{
	struct transfer_progress progress = { .size = sizeof(progress) };
	transfer_task *task = begin(false);

	PEER_LIVE(rig.peer, { .task = 1, .kind = IPC_EVENT_DID_RECEIVE_RESPONSE, .status = 200 },
		{ .task = 1, .kind = IPC_EVENT_DID_RECEIVE_DATA, .body = "one" },
		{ .task = 1, .kind = IPC_EVENT_DID_RECEIVE_DATA, .body = "three" });
	end(0);
	ck_assert_int_eq(transfer_task_get_progress(task, &progress), 0);
	ck_assert_int_eq(progress.received_bytes, 8);
	done(task);
}
END_TEST

/* ---- answers ---- */

static void ask_redirect(void)
{
	PEER_LIVE(rig.peer,
		{ .task = 1,
			.kind = IPC_EVENT_WILL_PERFORM_REDIRECT,
			.question = 7,
			.status = 302,
			.url = URL "b" });
	live_rig_expect(&rig, "redir 302");
}

START_TEST(answers_once)
{
	transfer_auto(transfer_request) other = transfer_request_new(URL "c");
	transfer_task *task = begin(true);

	ask_redirect();
	ck_assert_int_eq(transfer_redirect_replace(rig.redirect, NULL), -EINVAL);
	ck_assert_int_eq(transfer_redirect_replace(rig.redirect, other), 0);
	ck_assert_int_eq(transfer_redirect_follow(rig.redirect), -EALREADY);
	ck_assert_int_eq(transfer_redirect_refuse(rig.redirect), -EALREADY);
	peer_live_expect(rig.peer, "redirect 7 replace " URL "c\n");
	end(0);
	ck_assert_ptr_null(strstr(peer_live_log(rig.peer), "follow"));
	done(task);
}
END_TEST

START_TEST(says_who_asks)
{
	transfer_auto(transfer_credential) credential = transfer_credential_new_password(
		"user", "passwd", TRANSFER_PERSIST_NONE);
	transfer_task *task = begin(true);

	PEER_LIVE(rig.peer,
		{ .task = 1,
			.kind = IPC_EVENT_DID_RECEIVE_CHALLENGE,
			.question = 7,
			.status = 401 });
	live_rig_expect(&rig, "challenge 401");
	/* what an older transferd leaves out */
	ck_assert_int_eq(transfer_challenge_get_method(rig.challenge), TRANSFER_AUTH_BASIC);
	ck_assert_str_eq(transfer_challenge_get_realm(rig.challenge), "");
	ck_assert_int_eq(transfer_challenge_use(rig.challenge, credential), 0);
	ck_assert_int_eq(transfer_challenge_cancel(rig.challenge), -EALREADY);
	peer_live_expect(rig.peer, "challenge 7 use-credential user passwd\n");
	end(0);
	done(task);
}
END_TEST

/* asked in another attempt: the request was only begun anew */
START_TEST(says_it_again_to_a_new_request)
{
	transfer_auto(transfer_credential) credential = transfer_credential_new_password(
		"user", "passwd", TRANSFER_PERSIST_SESSION);
	transfer_task *task = begin(true);
	char want[64];

	for (unsigned int question = 7; question < 9; question++) {
		PEER_LIVE(rig.peer,
			{ .task = 1,
				.kind = IPC_EVENT_DID_RECEIVE_CHALLENGE,
				.question = question,
				.method = "basic",
				.attempt = question,
				.status = 401 });
		live_rig_expect(&rig, "challenge 401");
		rig.log[0] = '\0';
		ck_assert_int_eq(transfer_credential_store_set(
					 transfer_session_get_credential_store(rig.session),
					 transfer_challenge_get_space(rig.challenge), credential),
			0);
		ck_assert_int_eq(transfer_challenge_default(rig.challenge), 0);
		snprintf(want, sizeof(want), "challenge %u use-credential user passwd\n", question);
		peer_live_expect(rig.peer, want);
		transfer_challenge_unref(rig.challenge);
		rig.challenge = NULL;
	}
	end(0);
	done(task);
}
END_TEST

static transfer_credential *known;

static void learn(struct live_rig *at, transfer_task *task, const char *what)
{
	transfer_auto(transfer_protection_space) space = transfer_protection_space_new(
		"example.org", 443, "https", "r", TRANSFER_AUTH_BASIC);

	(void)task;
	if (!strcmp(what, "info"))
		ck_assert_int_eq(
			transfer_credential_store_set(
				transfer_session_get_credential_store(at->session), space, known),
			0);
}

/* what the store has when the delegate is asked, not what it had when transferd asked */
START_TEST(proposes_what_is_known_by_then)
{
	transfer_task *task = begin(true);

	known = transfer_credential_new_password("user", "passwd", TRANSFER_PERSIST_SESSION);
	rig.in_callback = learn;
	PEER_LIVE(rig.peer,
		{ .task = 1, .kind = IPC_EVENT_DID_RECEIVE_INFORMATIONAL_RESPONSE, .status = 103 },
		{ .task = 1,
			.kind = IPC_EVENT_DID_RECEIVE_CHALLENGE,
			.question = 7,
			.status = 401,
			.method = "basic" });
	live_rig_expect(&rig, "challenge 401");
	ck_assert_ptr_eq(transfer_challenge_get_proposed(rig.challenge), known);
	transfer_credential_unref(known);
	end(0);
	done(task);
}
END_TEST

/* the word of a newer transferd: who asks in it is not given what was meant for another way */
START_TEST(knows_no_other_methods)
{
	transfer_task *task = begin(true);

	known = transfer_credential_new_password("user", "passwd", TRANSFER_PERSIST_SESSION);
	learn(&rig, task, "info");
	PEER_LIVE(rig.peer,
		{ .task = 1,
			.kind = IPC_EVENT_DID_RECEIVE_CHALLENGE,
			.question = 7,
			.status = 401,
			.method = "newer" });
	live_rig_expect(&rig, "challenge 401");
	ck_assert_int_eq(transfer_challenge_get_method(rig.challenge), TRANSFER_AUTH_DEFAULT);
	ck_assert_ptr_null(transfer_challenge_get_proposed(rig.challenge));
	ck_assert_int_eq(transfer_challenge_default(rig.challenge), 0);
	peer_live_expect(rig.peer, "challenge 7 perform-default - -\n");
	transfer_credential_unref(known);
	end(0);
	done(task);
}
END_TEST

/* passwords do not stay with the handle of a task whose session is gone */
START_TEST(forgets_what_it_has_said)
{
	transfer_auto(transfer_credential) credential = transfer_credential_new_password(
		"user", "passwd", TRANSFER_PERSIST_SESSION);
	transfer_task *task = begin(true);

	PEER_LIVE(rig.peer,
		{ .task = 1,
			.kind = IPC_EVENT_DID_RECEIVE_CHALLENGE,
			.question = 7,
			.status = 401 });
	live_rig_expect(&rig, "challenge 401");
	ck_assert_int_eq(transfer_challenge_use(rig.challenge, credential), 0);
	peer_live_expect(rig.peer, "challenge 7 use-credential user passwd\n");
	ck_assert_ptr_nonnull(task->auth);
	transfer_session_unref(rig.session);
	rig.session = NULL;
	ck_assert_ptr_null(task->auth);
	done(task);
}
END_TEST

static void *refuse(void *arg)
{
	(void)arg;
	ck_assert_int_eq(transfer_redirect_refuse(rig.redirect), 0);
	return NULL;
}

START_TEST(answers_from_any_thread)
{
	transfer_task *task = begin(true);
	pthread_t thread;

	ask_redirect();
	ck_assert_int_eq(pthread_create(&thread, NULL, refuse, NULL), 0);
	pthread_join(thread, NULL);
	peer_live_expect(rig.peer, "redirect 7 stop -\n");
	end(0);
	done(task);
}
END_TEST

START_TEST(a_dropped_answer_is_the_default)
{
	transfer_task *task = begin(true);

	ask_redirect();
	ck_assert_ptr_null(strstr(peer_live_log(rig.peer), "redirect"));
	transfer_redirect_unref(rig.redirect);
	rig.redirect = NULL;
	peer_live_expect(rig.peer, "redirect 7 follow -\n");
	end(0);
	done(task);
}
END_TEST

START_TEST(a_withdrawn_question_needs_no_answer)
{
	transfer_task *task = begin(true);

	ask_redirect();
	PEER_LIVE(rig.peer, { .task = 1, .kind = IPC_EVENT_QUESTION_WITHDRAWN, .question = 7 });
	end(-1001);
	ck_assert_int_eq(transfer_redirect_follow(rig.redirect), -ESTALE);
	ck_assert_int_eq(transfer_redirect_follow(rig.redirect), -EALREADY);
	done(task);
}
END_TEST

START_TEST(a_cancelled_task_asks_nothing_more)
{
	transfer_task *task = begin(true);

	ask_redirect();
	transfer_task_cancel(task);
	ck_assert_int_eq(transfer_redirect_follow(rig.redirect), -ESTALE);
	live_rig_expect(&rig, "done 1 -999\n");
	done(task);
}
END_TEST

START_TEST(a_replacement_that_is_refused_ends_the_task)
{
	transfer_auto(transfer_request) other = transfer_request_new("ftp://example.org/");
	transfer_auto(transfer_error) error = NULL;
	transfer_task *task = begin(true);

	ask_redirect();
	ck_assert_int_eq(transfer_redirect_replace(rig.redirect, other), 0);
	live_rig_expect(&rig, "done 1 ");
	error = transfer_task_copy_error(task);
	ck_assert_ptr_nonnull(error);
	peer_live_expect(rig.peer, "cancel 1\n");
	ck_assert_uint_eq(live_rig_count(&rig, "done"), 1);
	done(task);
}
END_TEST

static const struct {
	enum transfer_response_disposition disposition;
	int want;
	const char *said;
} dispositions[] = {
	{ TRANSFER_RESPONSE_CANCEL, 0, "response 9 cancel\n" },
	{ TRANSFER_RESPONSE_ALLOW, 0, "response 9 allow\n" },
	{ TRANSFER_RESPONSE_BECOME_DOWNLOAD, 0, "response 9 become-download\n" },
	{ TRANSFER_RESPONSE_BECOME_STREAM, -EOPNOTSUPP, "response 9 become-stream\n" },
};

START_TEST(decides_about_a_response)
{
	transfer_auto(transfer_error) error = NULL;
	transfer_task *task = begin(true);

	PEER_LIVE(rig.peer,
		{ .task = 1,
			.kind = IPC_EVENT_DID_RECEIVE_RESPONSE,
			.status = 200,
			.question = 9 });
	live_rig_expect(&rig, "resp 200");
	ck_assert_int_eq(
		transfer_disposition_set(rig.disposition, (enum transfer_response_disposition)17),
		-EINVAL);
	ck_assert_int_eq(transfer_disposition_set(rig.disposition, dispositions[_i].disposition),
		dispositions[_i].want);
	ck_assert_int_eq(
		transfer_disposition_set(rig.disposition, TRANSFER_RESPONSE_ALLOW), -EALREADY);
	peer_live_expect(rig.peer, dispositions[_i].said);
	end(-999);
	error = transfer_task_copy_error(task);
	ck_assert_int_eq(transfer_error_get_domain(error),
		dispositions[_i].want ? TRANSFER_DOMAIN_BUS : TRANSFER_DOMAIN_URL);
	ck_assert_int_eq(transfer_error_get_code(error),
		dispositions[_i].want ? (int)TRANSFER_BUS_ERROR_NOT_SUPPORTED_IN_SESSION
				      : TRANSFER_ERROR_CANCELLED);
	done(task);
}
END_TEST

START_TEST(becomes_a_download)
{
	transfer_task *task = begin(false);

	transfer_task_unref(live_rig_get(&rig, "b"));
	peer_live_expect(rig.peer, URL "b");
	PEER_LIVE(rig.peer,
		{ .task = 1, .kind = IPC_EVENT_DID_BECOME_DOWNLOAD_TASK, .download = 50 });
	live_rig_expect(&rig, "became 3\n");
	ck_assert_int_eq(transfer_task_get_kind(rig.download), TRANSFER_TASK_DOWNLOAD);
	ck_assert_int_eq(transfer_task_get_state(rig.download), TRANSFER_TASK_STATE_RUNNING);
	ck_assert_int_eq(transfer_task_get_state(task), TRANSFER_TASK_STATE_COMPLETED);
	transfer_task_cancel(rig.download);
	peer_live_expect(rig.peer, "cancel 50\n");
	live_rig_expect(&rig, "done 3 -999\n");
	ck_assert_ptr_null(strstr(rig.log, "done 1"));
	done(task);
}
END_TEST

START_TEST(gives_a_body)
{
	transfer_auto(transfer_request) request = transfer_request_new(URL "u");
	transfer_auto(transfer_data) data = transfer_data_new_copy("bytes", 5);
	transfer_auto(transfer_body) body = transfer_body_new_data(data);
	transfer_task *task;

	live_rig_init(&rig, &live_rig_delegate);
	rig.keeps_answers = true;
	task = transfer_session_upload_task_streamed(rig.session, request);
	transfer_task_resume(task);
	peer_live_expect(rig.peer, "create upload " URL "u - - asked");
	PEER_LIVE(rig.peer,
		{ .task = 1,
			.kind = IPC_EVENT_NEED_NEW_BODY_STREAM,
			.question = 4,
			.reason = "redirect" });
	live_rig_expect(&rig, "body? 1\n");
	ck_assert_int_eq(
		(int)transfer_body_request_get_reason(rig.body), TRANSFER_BODY_REASON_REDIRECT);
	ck_assert_int_eq(transfer_body_request_provide(rig.body, body), 0);
	ck_assert_int_eq(transfer_body_request_provide(rig.body, NULL), -EALREADY);
	peer_live_expect(rig.peer, "body 4 bytes\n");
	end(0);
	done(task);
}
END_TEST

/* ---- who is told ---- */

START_TEST(a_handler_task_asks_about_redirects_only)
{
	transfer_task *task;

	live_rig_init(&rig, &live_rig_delegate);
	task = live_rig_fetch(&rig, "a");
	peer_live_expect(rig.peer,
		"create data " URL "a - - DidFinishDownloading DidComplete "
		"WillPerformRedirect DidReceiveChallenge NeedNewBodyStream\n");
	ask_redirect();
	peer_live_expect(rig.peer, "redirect 7 follow -\n");
	PEER_LIVE(rig.peer,
		{ .task = 1,
			.kind = IPC_EVENT_DID_COMPLETE,
			.folded = true,
			.status = 200,
			.body = "hello",
			.has_metrics = true });
	live_rig_expect(&rig, "handler 200 0 'hello'\n");
	ck_assert_str_eq(rig.log, "created 1\nredir 302 " URL "b\nhandler 200 0 'hello'\n");
	done(task);
}
END_TEST

static uint64_t created_wall_us;

static void on_fetched(transfer_session *session, transfer_task *task,
	const struct transfer_metrics *metrics, void *userdata)
{
	(void)session;
	(void)task;
	(void)userdata;
	created_wall_us = metrics->created_wall_usec;
	for (size_t i = 0; i < metrics->n_transactions; i++)
		live_rig_note(&rig, "fetched %d\n", (int)metrics->transactions[i]->fetch_type);
}

/* Of ftp, too, which has no status. They begin with the making of the task, which transferd does not know. */
START_TEST(metrics_say_where_it_came_from)
{
	struct transfer_session_delegate delegate = live_rig_delegate;
	uint64_t before_wall_us = clock_wall_us(), made_wall_us;
	transfer_task *task;

	delegate.task_did_collect_metrics = on_fetched;
	live_rig_init(&rig, &delegate);
	task = live_rig_make(&rig, "a", false);
	made_wall_us = clock_wall_us();
	transfer_task_resume(task);
	peer_live_expect(rig.peer, "create data " URL "a");
	PEER_LIVE(rig.peer,
		{ .task = 1,
			.kind = IPC_EVENT_DID_FINISH_COLLECTING_METRICS,
			.is_ftp = _i == 1,
			.has_metrics = true });
	live_rig_expect(&rig, "fetched");
	ck_assert_ptr_nonnull(strstr(rig.log, "fetched 1\n"));
	ck_assert_uint_ge(created_wall_us, before_wall_us);
	ck_assert_uint_le(created_wall_us, made_wall_us);
	end(0);
	done(task);
}
END_TEST

static void on_own_done(
	transfer_session *session, transfer_task *task, const transfer_error *error, void *userdata)
{
	(void)session;
	(void)task;
	ck_assert_ptr_eq(userdata, &rig.n_data_bytes);
	live_rig_note(&rig, "own %d\n", error ? transfer_error_get_code(error) : 0);
}

START_TEST(a_task_has_its_own)
{
	const struct transfer_session_delegate own = { TRANSFER_SESSION_DELEGATE_INIT,
		.task_did_complete = on_own_done };
	transfer_task *task;

	live_rig_init(&rig, &live_rig_delegate);
	task = live_rig_make(&rig, "a", false);
	ck_assert_int_eq(transfer_task_set_delegate(
				 task, &(struct transfer_session_delegate){ .size = 1 }, NULL),
		-EINVAL);
	ck_assert_int_eq(transfer_task_set_delegate(task, &own, &rig.n_data_bytes), 0);
	transfer_task_resume(task);
	ck_assert_int_eq(transfer_task_set_delegate(task, NULL, NULL), -EBUSY);
	peer_live_expect(rig.peer, "create data");
	PEER_LIVE(rig.peer,
		{ .task = 1, .kind = IPC_EVENT_DID_RECEIVE_DATA, .body = "falls through" },
		{ .task = 1, .kind = IPC_EVENT_DID_COMPLETE });
	live_rig_expect(&rig, "data 'falls through'\nown 0\n");
	ck_assert_ptr_null(strstr(rig.log, "done"));
	done(task);
}
END_TEST

START_TEST(a_task_tells_what_its_own_delegate_wants)
{
	transfer_task *task;

	live_rig_init(&rig, NULL);
	task = live_rig_make(&rig, "a", false);
	ck_assert_int_eq(
		transfer_task_set_delegate(task,
			&(struct transfer_session_delegate){ TRANSFER_SESSION_DELEGATE_INIT,
				.data_did_receive = live_rig_delegate.data_did_receive },
			&rig),
		0);
	transfer_task_resume(task);
	peer_live_expect(rig.peer,
		"create data " URL "a - - DidReceiveData DidFinishDownloading DidComplete "
		"DidReceiveChallenge\n");
	PEER_LIVE(rig.peer, { .task = 1, .kind = IPC_EVENT_DID_RECEIVE_DATA, .body = "x" });
	live_rig_expect(&rig, "data 'x'\n");
	done(task);
}
END_TEST

static void on_change(transfer_task *task, unsigned int changes, void *userdata)
{
	(void)task;
	live_rig_note(userdata, "changed %u\n", changes);
}

START_TEST(an_observer_hears_of_changes_before_the_end)
{
	transfer_task *task;
	const char *last;

	live_rig_init(&rig, &live_rig_delegate);
	task = live_rig_make(&rig, "a", false);
	ck_assert_int_eq(transfer_task_observe(task, on_change, &rig), 0);
	transfer_task_resume(task);
	live_rig_expect(&rig, "changed 1\n");
	peer_live_expect(rig.peer, "create data");
	PEER_LIVE(rig.peer,
		{ .task = 1, .kind = IPC_EVENT_DID_RECEIVE_RESPONSE, .status = 200, .question = 1 },
		{ .task = 1, .kind = IPC_EVENT_DID_RECEIVE_DATA, .body = "x" },
		{ .task = 1, .kind = IPC_EVENT_DID_COMPLETE, .code = -1001 });
	live_rig_expect(&rig, "done 1 -1001\n");
	last = strstr(rig.log, "changed 23\n");
	ck_assert_msg(last && last < strstr(rig.log, "done"), "%s", rig.log);
	ck_assert_ptr_null(strstr(strstr(rig.log, "done"), "changed"));
	done(task);
}
END_TEST

/* ---- what a callback may do ---- */

static void cancel_at_response(struct live_rig *r, transfer_task *task, const char *what)
{
	(void)r;
	if (!strcmp(what, "resp"))
		transfer_task_cancel(task);
}

START_TEST(cancels_inside_a_callback)
{
	transfer_task *task = begin(false);

	rig.in_callback = cancel_at_response;
	PEER_LIVE(rig.peer,
		{ .task = 1, .kind = IPC_EVENT_DID_RECEIVE_RESPONSE, .status = 200, .question = 1 },
		{ .task = 1, .kind = IPC_EVENT_DID_RECEIVE_DATA, .body = "x" });
	live_rig_expect(&rig, "done 1 -999\n");
	ck_assert_str_eq(rig.log, "created 1\nresp 200\ndone 1 -999\n");
	done(task);
}
END_TEST

static void drop_session(struct live_rig *r, transfer_task *task, const char *what)
{
	(void)task;
	if (strcmp(what, "data") != 0)
		return;
	transfer_session_unref(r->session);
	r->session = NULL;
	live_rig_note(r, "dropped\n");
}

START_TEST(drops_its_session_inside_a_callback)
{
	transfer_task *task = begin(false);

	rig.in_callback = drop_session;
	PEER_LIVE(rig.peer, { .task = 1, .kind = IPC_EVENT_DID_RECEIVE_DATA, .body = "x" },
		{ .task = 1, .kind = IPC_EVENT_DID_RECEIVE_DATA, .body = "y" });
	live_rig_expect(&rig, "destroyed\n");
	live_rig_dispatch(&rig);
	ck_assert_str_eq(rig.log, "created 1\ndata 'x'\ndropped\ndestroyed\n");
	done(task);
}
END_TEST

static void more_work(struct live_rig *r, transfer_task *task, const char *what)
{
	(void)task;
	if (strcmp(what, "done") != 0 || transfer_task_get_id(task) != 1)
		return;
	transfer_session_finish_and_invalidate(r->session);
	transfer_task_unref(live_rig_get(r, "late"));
}

START_TEST(makes_a_task_inside_a_callback_of_the_end)
{
	transfer_task *task = begin(false);

	rig.in_callback = more_work;
	end(0);
	live_rig_expect(&rig, "inval 0\n");
	ck_assert_ptr_nonnull(strstr(rig.log, "done 1 0\ncreated 2\ndone 2 "));
	ck_assert_str_eq(
		rig.log + strlen(rig.log) - strlen("inval 0\ndestroyed\n"), "inval 0\ndestroyed\n");
	done(task);
}
END_TEST

RUN_TESTS("client-lib/live-delegate", TEST(is_told_in_order), TEST(unfolds_in_the_same_order),
	TEST(counts_what_moves), TEST(answers_once), TEST(says_who_asks),
	TEST(says_it_again_to_a_new_request), TEST(proposes_what_is_known_by_then),
	TEST(knows_no_other_methods), TEST(forgets_what_it_has_said), TEST(answers_from_any_thread),
	TEST(a_dropped_answer_is_the_default), TEST(a_withdrawn_question_needs_no_answer),
	TEST(a_cancelled_task_asks_nothing_more), TEST(a_replacement_that_is_refused_ends_the_task),
	TEST_EACH(decides_about_a_response, dispositions), TEST(becomes_a_download),
	TEST(gives_a_body), TEST(a_handler_task_asks_about_redirects_only),
	TEST_LOOP(metrics_say_where_it_came_from, 2), TEST(a_task_has_its_own),
	TEST(a_task_tells_what_its_own_delegate_wants),
	TEST(an_observer_hears_of_changes_before_the_end), TEST(cancels_inside_a_callback),
	TEST(drops_its_session_inside_a_callback), TEST(makes_a_task_inside_a_callback_of_the_end))
