/* SPDX-License-Identifier: MIT */
/*
 * Loaders: classes are asked in their order, what they say reaches the delegate as if a server had said it, questions
 * hold them up, and nothing comes twice.
 */
#include "client-lib/load.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <transfer/configuration-store.h>

#include "tests/client-lib/live-rig.h"
#include "tests/lib/run.h"
#include "tests/lib/tmpdir.h"

/* A class that does what the test says. */
struct demo {
	const char *scheme;
	void (*script)(struct demo *demo, transfer_load *load);
	transfer_load *kept;
	int n_asked, n_started, n_stopped;
	bool has_form; /* loads a new request of its own */
	transfer_response *response;
	transfer_data *data;
};

static bool demo_can_init(const transfer_request *request, void *userdata)
{
	struct demo *demo = userdata;

	demo->n_asked++;
	return !strncmp(transfer_request_get_url(request), demo->scheme, strlen(demo->scheme));
}

static transfer_request *demo_canonical(const transfer_request *request, void *userdata)
{
	const struct demo *demo = userdata;

	return demo->has_form ? transfer_request_new(transfer_request_get_url(request)) : NULL;
}

static void demo_start(transfer_load *load, void *userdata)
{
	struct demo *demo = userdata;

	demo->n_started++;
	ck_assert_ptr_null(transfer_load_get_context(load));
	transfer_load_set_context(load, demo);
	demo->script(demo, load);
}

static void demo_stop(transfer_load *load, void *userdata)
{
	struct demo *demo = userdata;

	ck_assert_ptr_eq(transfer_load_get_context(load), demo);
	demo->n_stopped++;
}

static struct transfer_protocol demo_protocol(struct demo *demo)
{
	return (struct transfer_protocol){
		TRANSFER_PROTOCOL_INIT,
		.can_init = demo_can_init,
		.canonical = demo_canonical,
		.start = demo_start,
		.stop = demo_stop,
		.userdata = demo,
	};
}

struct world {
	struct live_rig rig;
	transfer_session *session;
};

/* A session whose configuration has the classes, the last one first. */
static void begin(struct world *world, const struct transfer_session_delegate *delegate,
	struct demo *const *demos, size_t n)
{
	transfer_auto(transfer_config) config = transfer_config_new_ephemeral();
	struct transfer_session_delegate told = *delegate;

	/* test-load-file.c looks at them */
	told.task_did_collect_metrics = NULL;
	live_rig_init(&world->rig, NULL);
	for (size_t i = 0; i < n; i++) {
		struct transfer_protocol protocol = demo_protocol(demos[i]);

		demos[i]->response = transfer_response_new("demo:answer", "text/plain", 3, NULL);
		demos[i]->data = transfer_data_new_copy("abc", 3);
		ck_assert_int_eq(transfer_config_add_protocol(config, &protocol), 0);
	}
	ck_assert_uint_eq(transfer_config_get_n_protocols(config), n);
	world->session = live_rig_open(&world->rig, config, &told);
}

static void let_go(struct world *world, struct demo *const *demos, size_t n)
{
	transfer_session_unref(world->session);
	live_rig_done(&world->rig);
	for (size_t i = 0; i < n; i++) {
		ck_assert_int_eq(demos[i]->n_stopped, demos[i]->n_started);
		transfer_load_unref(demos[i]->kept);
		transfer_response_unref(demos[i]->response);
		transfer_data_unref(demos[i]->data);
	}
}

static void end(struct world *world, struct demo *const *demos, size_t n)
{
	transfer_session_invalidate_and_cancel(world->session);
	live_rig_expect(&world->rig, "inval 0\n");
	let_go(world, demos, n);
}

static transfer_task *get(struct world *world, const char *url, bool handled)
{
	transfer_auto(transfer_request) request = transfer_request_new(url);
	transfer_task *task = transfer_session_data_task(
		world->session, request, handled ? live_rig_on_data : NULL, &world->rig);

	transfer_task_resume(task);
	return task;
}

/* ---- what they say ---- */

static void answer(struct demo *demo, transfer_load *load)
{
	ck_assert_int_eq(
		transfer_load_respond(load, demo->response, TRANSFER_STORAGE_NOT_ALLOWED), 0);
	ck_assert_int_eq(transfer_load_give(load, demo->data), 0);
	ck_assert_int_eq(transfer_load_give(load, demo->data), 0);
	ck_assert_int_eq(transfer_load_finish(load), 0);
}

static void answer_cached(struct demo *demo, transfer_load *load)
{
	ck_assert_int_eq(transfer_load_use_cached(load, demo->response, demo->data), 0);
}

static void finish_only(struct demo *demo, transfer_load *load)
{
	(void)demo;
	ck_assert_int_eq(transfer_load_finish(load), 0);
}

static void fail_and_finish(struct demo *demo, transfer_load *load)
{
	transfer_auto(transfer_error) error = transfer_error_new(
		TRANSFER_DOMAIN_URL, TRANSFER_ERROR_TIMED_OUT, "slow", NULL);

	ck_assert_int_eq(transfer_load_fail(load, error), 0);
	ck_assert_int_eq(transfer_load_finish(load), -ESTALE);
	ck_assert_int_eq(transfer_load_fail(load, NULL), -ESTALE);
	ck_assert_int_eq(
		transfer_load_respond(load, demo->response, TRANSFER_STORAGE_ALLOWED), -ESTALE);
	ck_assert_int_eq(transfer_load_give(load, demo->data), -ESTALE);
	ck_assert(!transfer_load_is_wanted(load));
}

static void fail_late(struct demo *demo, transfer_load *load)
{
	transfer_load_respond(load, demo->response, TRANSFER_STORAGE_ALLOWED);
	transfer_load_give(load, demo->data);
	ck_assert_int_eq(transfer_load_fail(load, NULL), 0);
	ck_assert_int_eq(transfer_load_finish(load), -ESTALE);
}

static void disorder(struct demo *demo, transfer_load *load)
{
	transfer_auto(transfer_request) request = transfer_request_new("demo:b");

	ck_assert_int_eq(transfer_load_give(load, demo->data), -EPROTO);
	ck_assert_int_eq(transfer_load_respond(load, demo->response, TRANSFER_STORAGE_ALLOWED), 0);
	ck_assert_int_eq(
		transfer_load_respond(load, demo->response, TRANSFER_STORAGE_ALLOWED), -EPROTO);
	ck_assert_int_eq(transfer_load_redirect(load, demo->response, request), -EPROTO);
	ck_assert_int_eq(transfer_load_finish(load), 0);
}

static const struct {
	void (*script)(struct demo *demo, transfer_load *load);
	const char *told, *handled;
} scripts[] = {
	{ answer, "created 1\nresp 0\ndata 'abc'\ndata 'abc'\ndone 1 0\n",
		"created 1\nhandler 0 0 'abcabc'\n" },
	{ answer_cached, "created 1\nresp 0\ndata 'abc'\ndone 1 0\n",
		"created 1\nhandler 0 0 'abc'\n" },
	{ finish_only, "created 1\ndone 1 -1011\n", "created 1\nhandler 0 -1011 ''\n" },
	{ fail_and_finish, "created 1\ndone 1 -1001\n", "created 1\nhandler 0 -1001 ''\n" },
	{ fail_late, "created 1\nresp 0\ndata 'abc'\ndone 1 -1\n", "created 1\nhandler 0 -1 ''\n" },
	{ disorder, "created 1\nresp 0\ndone 1 0\n", "created 1\nhandler 0 0 ''\n" },
};

static void tells(int i, bool handled)
{
	struct demo demo = { .scheme = "demo:", .script = scripts[i].script };
	struct demo *const demos[] = { &demo };
	struct world world;
	transfer_task *task;

	begin(&world, &live_rig_delegate, demos, 1);
	task = get(&world, "demo:a", handled);
	live_rig_expect(&world.rig, handled ? "handler" : "done");
	live_rig_dispatch(&world.rig);
	ck_assert_str_eq(world.rig.log, handled ? scripts[i].handled : scripts[i].told);
	ck_assert_int_eq(demo.n_started, 1);
	ck_assert_int_eq(demo.n_stopped, 1);
	transfer_task_unref(task);
	end(&world, demos, 1);
}

START_TEST(tells_the_delegate)
{
	tells(_i, false);
}
END_TEST

START_TEST(tells_the_handler)
{
	tells(_i, true);
}
END_TEST

/* ---- who is asked ---- */

START_TEST(the_last_one_that_takes_it_wins)
{
	struct demo first = { .scheme = "demo:", .script = answer };
	struct demo second = { .scheme = "demo:x", .script = finish_only };
	struct demo *const demos[] = { &first, &second };
	struct world world;

	begin(&world, &live_rig_delegate, demos, 2);
	transfer_task_unref(get(&world, "demo:a", false));
	live_rig_expect(&world.rig, "done 1 0\n");
	ck_assert_int_eq(second.n_asked, 1);
	transfer_task_unref(get(&world, "demo:x", false));
	live_rig_expect(&world.rig, "done 2 -1011\n");
	ck_assert_int_eq(first.n_asked, 1);
	ck_assert_int_eq(first.n_started, 1);
	/* before the built-in ones, and instead of the network */
	first.scheme = "data:";
	transfer_task_unref(get(&world, "data:,built in", false));
	live_rig_expect(&world.rig, "done 3 0\n");
	first.scheme = "https:";
	transfer_task_unref(get(&world, "https://example.org/", false));
	live_rig_expect(&world.rig, "done 4 0\n");
	ck_assert_int_eq(first.n_started, 3);
	end(&world, demos, 2);
}
END_TEST

static const char *const unknown[] = { "demo:a", "gopher://example.org/", "ssh://h", "x+y-z.1:" };

START_TEST(what_nobody_takes_is_refused)
{
	struct world world;

	begin(&world, &live_rig_delegate, NULL, 0);
	transfer_task_unref(get(&world, unknown[_i], false));
	live_rig_expect(&world.rig, "done 1 -1002\n");
	ck_assert_str_eq(world.rig.log, "created 1\ndone 1 -1002\n");
	end(&world, NULL, 0);
}
END_TEST

static const struct {
	const char *url;
	bool want;
} schemes[] = {
	{ "https://a/", true },
	{ "HTTP://a/", true },
	{ " ftp://a/", true },
	{ "ftps://a/", true },
	{ "file:///a", false },
	{ "demo:", false },
	{ "a/b", true },
	{ "", true },
	{ "1x:", true },
	{ ":", true },
};

START_TEST(knows_what_transferd_speaks)
{
	ck_assert_int_eq(load_is_for_transferd(schemes[_i].url), schemes[_i].want);
}
END_TEST

START_TEST(registers)
{
	struct demo demo = { .scheme = "demo:", .script = answer };
	struct transfer_protocol protocol = demo_protocol(&demo), wrong = protocol;
	struct world world;
	transfer_auto(transfer_request) request = transfer_request_new("demo:a");

	wrong.size = 0;
	ck_assert_int_eq(transfer_protocol_register(&wrong), -EINVAL);
	wrong = protocol;
	wrong.start = NULL;
	ck_assert_int_eq(transfer_protocol_register(&wrong), -EINVAL);
	ck_assert_int_eq(transfer_protocol_register(NULL), -EINVAL);
	ck_assert_int_eq(transfer_protocol_unregister(&protocol), -ENOENT);
	ck_assert_int_eq(transfer_protocol_register(&protocol), 0);
	/* for the shared session only */
	begin(&world, &live_rig_delegate, NULL, 0);
	transfer_task_unref(get(&world, "demo:a", false));
	live_rig_expect(&world.rig, "done 1 -1002\n");
	ck_assert_int_eq(demo.n_asked, 0);
	ck_assert(load_find(transfer_session_get_shared(world.rig.client), request, &wrong));
	ck_assert_ptr_eq(wrong.userdata, &demo);
	ck_assert_int_eq(transfer_protocol_unregister(&protocol), 0);
	ck_assert(!load_find(transfer_session_get_shared(world.rig.client), request, &wrong));
	ck_assert_int_eq(transfer_protocol_unregister(&protocol), -ENOENT);
	end(&world, NULL, 0);
}
END_TEST

START_TEST(is_not_for_background_sessions)
{
	transfer_auto(transfer_config) config = transfer_config_new_background("a");
	struct demo demo = { .scheme = "demo:" };
	struct transfer_protocol protocol = demo_protocol(&demo);

	ck_assert_int_eq(transfer_config_add_protocol(config, &protocol), -EOPNOTSUPP);
	ck_assert_int_eq(transfer_config_get_status(config), -EOPNOTSUPP);
	ck_assert_uint_eq(transfer_config_get_n_protocols(config), 0);
}
END_TEST

START_TEST(forgets_classes)
{
	transfer_auto(transfer_config) config = transfer_config_new_default();
	struct demo demo = { .scheme = "demo:" };
	struct transfer_protocol protocol = demo_protocol(&demo);
	transfer_auto(transfer_config) copy = NULL;

	ck_assert_int_eq(transfer_config_add_protocol(config, &protocol), 0);
	copy = transfer_config_copy(config);
	transfer_config_clear_protocols(config);
	ck_assert_uint_eq(transfer_config_get_n_protocols(config), 0);
	ck_assert_uint_eq(transfer_config_get_n_protocols(copy), 1);
	protocol.can_init = NULL;
	ck_assert_int_eq(transfer_config_add_protocol(config, &protocol), -EINVAL);
	ck_assert_int_eq(transfer_config_get_status(config), -EINVAL);
}
END_TEST

/* ---- what holds them up ---- */

static void keep(struct demo *demo, transfer_load *load)
{
	demo->kept = transfer_load_ref(load);
}

static const struct {
	enum transfer_response_disposition disposition;
	int r;
	const char *log;
} dispositions[] = {
	{ TRANSFER_RESPONSE_ALLOW, 0, "created 1\nresp 0\ndata 'abc'\ndata 'abc'\ndone 1 0\n" },
	{ TRANSFER_RESPONSE_CANCEL, 0, "created 1\nresp 0\ndone 1 -999\n" },
	{ TRANSFER_RESPONSE_BECOME_DOWNLOAD, 0, "created 1\nresp 0\ndone 1 25\n" },
	{ TRANSFER_RESPONSE_BECOME_STREAM, -EOPNOTSUPP, "created 1\nresp 0\ndone 1 25\n" },
};

START_TEST(waits_for_the_disposition)
{
	struct demo demo = { .scheme = "demo:", .script = answer };
	struct demo *const demos[] = { &demo };
	struct world world;

	begin(&world, &live_rig_delegate, demos, 1);
	world.rig.keeps_answers = true;
	transfer_task_unref(get(&world, "demo:a", false));
	live_rig_expect(&world.rig, "resp 0\n");
	live_rig_dispatch(&world.rig);
	ck_assert_str_eq(world.rig.log, "created 1\nresp 0\n");
	ck_assert_int_eq(
		transfer_disposition_set(world.rig.disposition, dispositions[_i].disposition),
		dispositions[_i].r);
	ck_assert_int_eq(
		transfer_disposition_set(world.rig.disposition, dispositions[_i].disposition),
		-EALREADY);
	live_rig_expect(&world.rig, "done 1");
	live_rig_dispatch(&world.rig);
	ck_assert_str_eq(world.rig.log, dispositions[_i].log);
	end(&world, demos, 1);
}
END_TEST

START_TEST(waits_while_suspended)
{
	struct demo demo = { .scheme = "demo:", .script = keep };
	struct demo *const demos[] = { &demo };
	struct world world;
	transfer_task *task;

	begin(&world, &live_rig_delegate, demos, 1);
	task = get(&world, "demo:a", false);
	live_rig_dispatch(&world.rig);
	ck_assert_int_eq(demo.n_started, 1);
	transfer_task_suspend(task);
	answer(&demo, demo.kept);
	live_rig_dispatch(&world.rig);
	ck_assert_str_eq(world.rig.log, "created 1\n");
	ck_assert_int_eq(transfer_load_finish(demo.kept), -ESTALE);
	transfer_task_resume(task);
	live_rig_expect(&world.rig, "done 1 0\n");
	ck_assert_str_eq(world.rig.log, "created 1\nresp 0\ndata 'abc'\ndata 'abc'\ndone 1 0\n");
	transfer_task_unref(task);
	end(&world, demos, 1);
}
END_TEST

/* A mebibyte that nobody has taken is enough. */
START_TEST(says_when_more_is_wanted)
{
	struct demo demo = { .scheme = "demo:", .script = keep };
	struct demo *const demos[] = { &demo };
	transfer_auto(transfer_data) large = NULL;
	char *bytes = calloc(1, 600 * 1024);
	struct world world;

	begin(&world, &live_rig_delegate, demos, 1);
	world.rig.is_quiet = true;
	large = transfer_data_new_copy(bytes, 600 * 1024);
	free(bytes);
	transfer_task_unref(get(&world, "demo:a", false));
	live_rig_dispatch(&world.rig);
	ck_assert(transfer_load_is_wanted(demo.kept));
	transfer_load_respond(demo.kept, demo.response, TRANSFER_STORAGE_ALLOWED);
	transfer_load_give(demo.kept, large);
	ck_assert(transfer_load_is_wanted(demo.kept));
	transfer_load_give(demo.kept, large);
	ck_assert(!transfer_load_is_wanted(demo.kept));
	live_rig_dispatch(&world.rig);
	ck_assert_uint_eq(world.rig.n_data_bytes, 1200 * 1024);
	ck_assert(transfer_load_is_wanted(demo.kept));
	transfer_load_finish(demo.kept);
	live_rig_expect(&world.rig, "done 1 0\n");
	ck_assert(!transfer_load_is_wanted(demo.kept));
	end(&world, demos, 1);
}
END_TEST

static void *answer_elsewhere(void *userdata)
{
	struct demo *demo = userdata;

	answer(demo, demo->kept);
	return NULL;
}

START_TEST(speaks_from_any_thread)
{
	struct demo demo = { .scheme = "demo:", .script = keep };
	struct demo *const demos[] = { &demo };
	struct world world;
	pthread_t thread;

	begin(&world, &live_rig_delegate, demos, 1);
	transfer_task_unref(get(&world, "demo:a", false));
	live_rig_dispatch(&world.rig);
	ck_assert_int_eq(pthread_create(&thread, NULL, answer_elsewhere, &demo), 0);
	live_rig_expect(&world.rig, "done 1 0\n");
	pthread_join(thread, NULL);
	ck_assert_str_eq(world.rig.log, "created 1\nresp 0\ndata 'abc'\ndata 'abc'\ndone 1 0\n");
	end(&world, demos, 1);
}
END_TEST

/* ---- who stops them ---- */

START_TEST(is_stopped_by_cancel)
{
	struct demo demo = { .scheme = "demo:", .script = keep };
	struct demo *const demos[] = { &demo };
	struct world world;
	transfer_task *task;

	begin(&world, &live_rig_delegate, demos, 1);
	task = get(&world, "demo:a", false);
	live_rig_dispatch(&world.rig);
	ck_assert_int_eq(
		transfer_load_respond(demo.kept, demo.response, TRANSFER_STORAGE_ALLOWED), 0);
	transfer_task_cancel(task);
	ck_assert_int_eq(transfer_load_give(demo.kept, demo.data), -ESTALE);
	ck_assert_int_eq(transfer_load_finish(demo.kept), -ESTALE);
	live_rig_expect(&world.rig, "done 1 -999\n");
	live_rig_dispatch(&world.rig);
	ck_assert_str_eq(world.rig.log, "created 1\ndone 1 -999\n");
	ck_assert_int_eq(demo.n_stopped, 1);
	transfer_task_unref(task);
	end(&world, demos, 1);
}
END_TEST

/* `start` waits in the line when it is cancelled: never called. */
START_TEST(is_not_started_after_cancel)
{
	struct demo demo = { .scheme = "demo:", .script = answer };
	struct demo *const demos[] = { &demo };
	struct world world;
	transfer_task *task;

	begin(&world, &live_rig_delegate, demos, 1);
	task = get(&world, "demo:a", false);
	transfer_task_cancel(task);
	live_rig_expect(&world.rig, "done 1 -999\n");
	live_rig_dispatch(&world.rig);
	ck_assert_int_eq(demo.n_started, 0);
	ck_assert_int_eq(demo.n_stopped, 0);
	transfer_task_unref(task);
	end(&world, demos, 1);
}
END_TEST

START_TEST(is_stopped_by_the_end_of_its_session)
{
	struct demo demo = { .scheme = "demo:", .script = keep };
	struct demo *const demos[] = { &demo };
	struct world world;

	begin(&world, &live_rig_delegate, demos, 1);
	transfer_task_unref(get(&world, "demo:a", false));
	live_rig_dispatch(&world.rig);
	transfer_session_invalidate_and_cancel(world.session);
	live_rig_expect(&world.rig, "inval 0\n");
	ck_assert_int_eq(demo.n_stopped, 1);
	ck_assert_int_eq(transfer_load_finish(demo.kept), -ESTALE);
	end(&world, demos, 1);
}
END_TEST

/* Nobody is called when the last handle goes; what the class says then is refused. */
START_TEST(outlives_its_session)
{
	struct demo demo = { .scheme = "demo:", .script = keep };
	struct demo *const demos[] = { &demo };
	struct world world;

	begin(&world, &live_rig_delegate, demos, 1);
	transfer_task_unref(get(&world, "demo:a", false));
	live_rig_dispatch(&world.rig);
	transfer_session_unref(world.session);
	ck_assert_int_eq(transfer_load_finish(demo.kept), -ESTALE);
	live_rig_done(&world.rig);
	ck_assert_int_eq(transfer_load_finish(demo.kept), -ESTALE);
	transfer_load_unref(demo.kept);
	transfer_response_unref(demo.response);
	transfer_data_unref(demo.data);
}
END_TEST

/* ---- redirects ---- */

static void lead_on(struct demo *demo, transfer_load *load)
{
	const char *url = transfer_request_get_url(transfer_load_get_request(load));
	transfer_auto(transfer_request) request = transfer_request_new("demo:there");

	if (strstr(url, "there")) {
		answer(demo, load);
		return;
	}
	ck_assert_int_eq(transfer_load_redirect(load, demo->response, request), 0);
	ck_assert_int_eq(transfer_load_finish(load), -ESTALE);
}

static const struct transfer_session_delegate *without_redirects(void)
{
	static struct transfer_session_delegate delegate;

	delegate = live_rig_delegate;
	delegate.task_will_redirect = NULL;
	return &delegate;
}

START_TEST(leads_elsewhere)
{
	struct demo demo = { .scheme = "demo:", .script = lead_on };
	struct demo *const demos[] = { &demo };
	struct world world;
	transfer_task *task;

	begin(&world, _i ? &live_rig_delegate : without_redirects(), demos, 1);
	task = get(&world, "demo:here", false);
	live_rig_expect(&world.rig, "done 1 0\n");
	live_rig_dispatch(&world.rig);
	ck_assert_str_eq(world.rig.log,
		_i ? "created 1\nredir 0 demo:there\nresp 0\ndata 'abc'\ndata 'abc'\ndone 1 0\n"
		   : "created 1\nresp 0\ndata 'abc'\ndata 'abc'\ndone 1 0\n");
	ck_assert_int_eq(demo.n_started, 2);
	ck_assert_int_eq(demo.n_stopped, 2);
	transfer_task_unref(task);
	end(&world, demos, 1);
}
END_TEST

static int refuse(transfer_redirect *answer)
{
	return transfer_redirect_refuse(answer);
}

static int follow(transfer_redirect *answer)
{
	return transfer_redirect_follow(answer);
}

static int replace(transfer_redirect *answer)
{
	transfer_auto(transfer_request) request = transfer_request_new("data:,other");

	return transfer_redirect_replace(answer, request);
}

static int replace_unknown(transfer_redirect *answer)
{
	transfer_auto(transfer_request) request = transfer_request_new("other:");

	return transfer_redirect_replace(answer, request);
}

#define ASKED "created 1\nredir 0 demo:there\n"
static const struct {
	int (*give)(transfer_redirect *answer);
	const char *log;
} redirects[] = {
	{ follow, ASKED "handler 0 0 'abcabc'\n" },
	{ refuse, ASKED "handler 0 0 ''\n" },
	{ replace, ASKED "handler 0 0 'other'\n" },
	{ replace_unknown, ASKED "handler 0 -1002 ''\n" },
};

/* Tasks with a handler are asked, too. */
START_TEST(asks_about_redirects)
{
	struct demo demo = { .scheme = "demo:", .script = lead_on };
	struct demo *const demos[] = { &demo };
	struct world world;

	begin(&world, &live_rig_delegate, demos, 1);
	world.rig.keeps_answers = true;
	transfer_task_unref(get(&world, "demo:here", true));
	live_rig_expect(&world.rig, "redir 0 demo:there\n");
	live_rig_dispatch(&world.rig);
	ck_assert_str_eq(world.rig.log, ASKED);
	ck_assert_int_eq(redirects[_i].give(world.rig.redirect), 0);
	ck_assert_int_eq(transfer_redirect_follow(world.rig.redirect), -EALREADY);
	live_rig_expect(&world.rig, "handler");
	live_rig_dispatch(&world.rig);
	ck_assert_str_eq(world.rig.log, redirects[_i].log);
	end(&world, demos, 1);
}
END_TEST

static void lead_in_circles(struct demo *demo, transfer_load *load)
{
	transfer_load_redirect(load, demo->response, transfer_load_get_request(load));
}

START_TEST(leads_sixteen_times)
{
	struct demo demo = { .scheme = "demo:", .script = lead_in_circles };
	struct demo *const demos[] = { &demo };
	struct world world;

	begin(&world, without_redirects(), demos, 1);
	transfer_task_unref(get(&world, "demo:here", false));
	live_rig_expect(&world.rig, "done 1 -1007\n");
	live_rig_dispatch(&world.rig);
	ck_assert_int_eq(demo.n_started, 17);
	ck_assert_int_eq(demo.n_stopped, 17);
	end(&world, demos, 1);
}
END_TEST

/* ---- downloads ---- */

static void download(struct world *world, const char *url, const char *destination)
{
	transfer_auto(transfer_request) request = transfer_request_new(url);
	transfer_auto(transfer_task) task = NULL;

	transfer_request_set_destination(request, destination, false);
	task = transfer_session_download_task(
		world->session, request, live_rig_on_file, &world->rig);
	transfer_task_resume(task);
}

/* It goes where the task was to have it, whatever request the class loads in the end. */
static const struct {
	void (*script)(struct demo *demo, transfer_load *load);
	bool has_form;
} forms[] = {
	{ answer, false },
	{ answer, true },
	{ lead_on, false },
};

START_TEST(a_download_goes_where_its_task_says)
{
	struct demo demo = {
		.scheme = "demo:", .script = forms[_i].script, .has_form = forms[_i].has_form
	};
	struct demo *const demos[] = { &demo };
	struct world world;
	char path[4200];

	snprintf(path, sizeof(path), "%s/there", tmpdir_new());
	begin(&world, without_redirects(), demos, 1);
	download(&world, "demo:here", path);
	live_rig_expect(&world.rig, "file 'abcabc'\n");
	live_rig_dispatch(&world.rig);
	ck_assert_int_eq(unlink(path), 0);
	end(&world, demos, 1);
}
END_TEST

/* The answer that leads elsewhere is the result, and its body is empty. */
START_TEST(a_download_that_stays_has_a_file)
{
	struct demo demo = { .scheme = "demo:", .script = lead_on };
	struct demo *const demos[] = { &demo };
	struct world world;
	char path[4200];

	snprintf(path, sizeof(path), "%s/there", tmpdir_new());
	begin(&world, &live_rig_delegate, demos, 1);
	world.rig.keeps_answers = true;
	download(&world, "demo:here", _i ? path : NULL);
	live_rig_expect(&world.rig, "redir 0 demo:there\n");
	ck_assert_int_eq(transfer_redirect_refuse(world.rig.redirect), 0);
	live_rig_expect(&world.rig, "handler");
	live_rig_dispatch(&world.rig);
	ck_assert_str_eq(world.rig.log, ASKED "handler 0 0\nfile ''\n");
	ck_assert_int_eq(unlink(path), _i ? 0 : -1);
	end(&world, demos, 1);
}
END_TEST

static void lead_nowhere(struct demo *demo, transfer_load *load)
{
	transfer_auto(transfer_request) request = transfer_request_new(NULL);

	ck_assert_int_eq(transfer_load_redirect(load, demo->response, request), -EINVAL);
	ck_assert_int_eq(transfer_load_redirect(load, demo->response, NULL), -EINVAL);
	answer(demo, load);
}

START_TEST(leads_to_a_request_that_is_right)
{
	struct demo demo = { .scheme = "demo:", .script = lead_nowhere };
	struct demo *const demos[] = { &demo };
	struct world world;

	begin(&world, without_redirects(), demos, 1);
	transfer_task_unref(get(&world, "demo:here", false));
	live_rig_expect(&world.rig, "done 1 0\n");
	end(&world, demos, 1);
}
END_TEST

/* ---- the end of the bus ---- */

static void say_nothing(struct demo *demo, transfer_load *load)
{
	(void)demo;
	(void)load;
}

/* With it goes the session, and what its tasks wait for: also those that need no transferd. */
START_TEST(ends_with_the_bus)
{
	struct demo demo = { .scheme = "demo:", .script = say_nothing };
	struct demo *const demos[] = { &demo };
	struct world world;
	transfer_auto(transfer_request) request = transfer_request_new(URL "c");
	transfer_task *never;

	begin(&world, &live_rig_delegate, demos, 1);
	transfer_task_unref(get(&world, "demo:a", false));
	transfer_task_unref(get(&world, "demo:b", true));
	live_rig_dispatch(&world.rig);
	never = transfer_session_data_task(world.session, request, live_rig_on_data, &world.rig);
	live_rig_lose_bus(&world.rig);
	live_rig_expect(&world.rig, "inval -997\ndestroyed\n");
	ck_assert_uint_eq(live_rig_count(&world.rig, "done 1 -997\n"), 1);
	ck_assert_uint_eq(live_rig_count(&world.rig, "handler 0 -997 ''\n"), 2);
	ck_assert_int_eq(demo.n_stopped, 2);
	transfer_task_resume(never);
	ck_assert_int_eq(transfer_task_get_state(never), TRANSFER_TASK_STATE_COMPLETED);
	transfer_task_unref(never);
	let_go(&world, demos, 1);
}
END_TEST

RUN_TESTS("client-lib/load", TEST_EACH(tells_the_delegate, scripts),
	TEST_EACH(tells_the_handler, scripts), TEST(the_last_one_that_takes_it_wins),
	TEST_EACH(what_nobody_takes_is_refused, unknown),
	TEST_EACH(knows_what_transferd_speaks, schemes), TEST(registers),
	TEST(is_not_for_background_sessions), TEST(forgets_classes),
	TEST_EACH(waits_for_the_disposition, dispositions), TEST(waits_while_suspended),
	TEST(says_when_more_is_wanted), TEST(speaks_from_any_thread), TEST(is_stopped_by_cancel),
	TEST(is_not_started_after_cancel), TEST(is_stopped_by_the_end_of_its_session),
	TEST(outlives_its_session), TEST_LOOP(leads_elsewhere, 2),
	TEST_EACH(asks_about_redirects, redirects), TEST(leads_sixteen_times),
	TEST_EACH(a_download_goes_where_its_task_says, forms),
	TEST_LOOP(a_download_that_stays_has_a_file, 2), TEST(leads_to_a_request_that_is_right),
	TEST(ends_with_the_bus))
