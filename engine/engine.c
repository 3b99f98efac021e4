/* SPDX-License-Identifier: MIT */
/*
 * The engine's face: one thread of the caller's hands out commands and takes in events. Here is
 * the only list of all attempts: which worker has which one. A host's attempts go to one worker,
 * so that its connections are reused; limits of the whole engine are shared out among the workers
 * by how many attempts each has.
 *
 * A RESUMED that takes bytes away is acknowledged to the worker only when the caller has committed it.
 */
#include "engine/engine.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/failpoint.h"
#include "base/mailbox.h"
#include "engine/answer.h"
#include "engine/disk.h"
#include "engine/jar.h"
#include "engine/patient.h"
#include "engine/post.h"
#include "engine/worker.h"
#include "engine/xfer.h"

#define ENGINE_WORKERS_DEFAULT     2
#define ENGINE_WORKERS_MAX         16
#define ENGINE_CONNECTIONS_DEFAULT 6

struct attempt {
	UT_hash_handle hh;
	struct xfer_key key;
	bool is_unlisted;
	bool is_upload;
	unsigned worker;
	uint64_t lane;
	struct worker_mail *stop; /* NULL: told to stop */
	bool wants_turn; /* a RESUMED waits to be saved by the caller */
};

struct engine {
	char *user_agent, *ca_file;
	struct mailbox *events;
	struct disk *disk;
	struct worker *workers[ENGINE_WORKERS_MAX];
	unsigned n_workers;
	unsigned n_downloads[ENGINE_WORKERS_MAX], n_uploads[ENGINE_WORKERS_MAX];
	struct attempt *attempts;
	uint64_t max_download_bps, max_upload_bps;
	unsigned max_connections_per_host;
	bool has_unsaved; /* some attempt waits so */
	bool has_curl;
};

static struct attempt *find(struct engine *e, uint64_t task, uint32_t number)
{
	struct xfer_key key = { .task = task, .attempt = number };
	struct attempt *a;

	HASH_FIND(hh, e->attempts, &key, sizeof(key), a);
	return a;
}

static struct worker_mail *mail_for(enum worker_mail_type type, uint64_t task, uint32_t attempt)
{
	struct worker_mail *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->type = type;
	m->task = task;
	m->attempt = attempt;
	return m;
}

/* ---- limits ---- */

static uint64_t part(uint64_t whole_bps, unsigned n, unsigned n_all)
{
	uint64_t bps;

	if (!whole_bps || !n_all)
		return whole_bps;
	/* a worker without attempts gets its part when it has some */
	bps = whole_bps / n_all * n;
	return bps ? bps : 1;
}

static void tell_limits(struct engine *e)
{
	unsigned n_downloads = 0, n_uploads = 0;

	for (unsigned i = 0; i < e->n_workers; i++) {
		n_downloads += e->n_downloads[i];
		n_uploads += e->n_uploads[i];
	}
	for (unsigned i = 0; i < e->n_workers; i++) {
		struct worker_mail *m = mail_for(WORKER_MAIL_LIMITS, 0, 0);

		if (!m)
			return; /* the old limits stay */
		m->download_bps = part(e->max_download_bps, e->n_downloads[i], n_downloads);
		m->upload_bps = part(e->max_upload_bps, e->n_uploads[i], n_uploads);
		m->max_connections_per_host = e->max_connections_per_host;
		worker_post_take(e->workers[i], m);
	}
}

/* An attempt came or went. */
static void count(struct engine *e, const struct attempt *a, int by)
{
	unsigned *n = a->is_upload ? &e->n_uploads[a->worker] : &e->n_downloads[a->worker];

	*n = (unsigned)((int)*n + by);
	if (e->n_workers > 1 && (a->is_upload ? e->max_upload_bps : e->max_download_bps))
		tell_limits(e);
}

/* ---- attempts ---- */

static void forget(struct engine *e, struct attempt *a)
{
	if (!a)
		return;
	HASH_DEL(e->attempts, a);
	count(e, a, -1);
	free(a->stop);
	free(a);
}

static unsigned worker_of(const struct engine *e, const char *host)
{
	uint32_t hash = 2166136261u;

	for (; *host; host++)
		hash = (hash ^ (unsigned char)*host) * 16777619u;
	return hash % e->n_workers;
}

static int add_attempt(struct engine *e, const struct xfer *x, struct attempt **ret_attempt)
{
	struct attempt *a = calloc(1, sizeof(*a));

	if (!a)
		return err_raise(-ENOMEM);
	a->key = x->key;
	a->is_upload = x->spec.kind == TRANSFER_TASK_UPLOAD;
	a->worker = worker_of(e, xfer_host(x));
	a->lane = x->spec.lane;
	a->stop = mail_for(WORKER_MAIL_STOP, x->key.task, (uint32_t)x->key.attempt);
	if (a->stop)
		HASH_ADD(hh, e->attempts, key, sizeof(a->key), a);
	if (!a->stop || a->is_unlisted) {
		free(a->stop);
		free(a);
		return err_raise(-ENOMEM);
	}
	*ret_attempt = a;
	return 0;
}

int engine_start(
	struct engine *engine, uint64_t task, uint32_t attempt, const struct engine_spec *spec)
{
	struct worker_mail *m;
	struct attempt *a = NULL;
	struct xfer *x;
	int r;

	if (find(engine, task, attempt))
		return err_raise(-EINVAL);
	m = mail_for(WORKER_MAIL_START, task, attempt);
	if (!m)
		return err_raise(-ENOMEM);
	r = xfer_new(task, attempt, spec, &x);
	if (!r) {
		r = add_attempt(engine, x, &a);
		if (r)
			xfer_free(x);
	}
	if (r) {
		free(m);
		return r;
	}
	m->xfer = x;
	count(engine, a, 1);
	worker_post_take(engine->workers[a->worker], m);
	return 0;
}

static void stop(struct engine *engine, struct attempt *a)
{
	if (a && a->stop)
		worker_post_take(engine->workers[a->worker], take_ptr(a->stop));
}

void engine_stop(struct engine *engine, uint64_t task, uint32_t attempt)
{
	stop(engine, find(engine, task, attempt));
}

void engine_give_up(struct engine *engine, uint64_t task, uint32_t attempt)
{
	struct attempt *a = find(engine, task, attempt);

	if (a && a->stop)
		a->stop->is_given_up = true;
	stop(engine, a);
}

enum { COMMAND_E_NOBODY = 1 }; /* there is no such attempt */
static int command(
	struct engine *e, uint64_t task, uint32_t attempt, const struct worker_mail *what)
{
	struct attempt *a = find(e, task, attempt);
	struct worker_mail *m = a ? mail_for(what->type, task, attempt) : NULL;

	if (!m)
		return a ? err_raise(-ENOMEM) : COMMAND_E_NOBODY;
	*m = *what;
	m->task = task;
	m->attempt = attempt;
	worker_post_take(e->workers[a->worker], m);
	return 0;
}

int engine_begin(struct engine *engine, uint64_t task, uint32_t attempt)
{
	struct worker_mail m = { .type = WORKER_MAIL_BEGIN };
	const struct attempt *a = find(engine, task, attempt);
	int r;

	m.begun = a ? post_new(ENGINE_EVENT_BEGUN, task, attempt) : NULL;
	if (!m.begun)
		return a ? err_raise(-ENOMEM) : -ENOENT;
	m.begun->event.lane = a->lane;
	r = command(engine, task, attempt, &m);
	if (r)
		post_free(m.begun);
	return r;
}

/* Without memory it stays where it is. */
void engine_recall(struct engine *engine, uint64_t task, uint32_t attempt)
{
	(void)command(engine, task, attempt, &(struct worker_mail){ .type = WORKER_MAIL_RECALL });
}

void engine_set_rate(struct engine *engine, uint64_t task, uint32_t attempt, uint64_t max_rate_bps)
{
	(void)command(engine, task, attempt,
		&(struct worker_mail){ .type = WORKER_MAIL_RATE, .rate_bps = max_rate_bps });
}

void engine_set_weight(struct engine *engine, uint64_t task, uint32_t attempt, unsigned weight)
{
	(void)command(engine, task, attempt,
		&(struct worker_mail){ .type = WORKER_MAIL_WEIGHT, .weight = weight });
}

void engine_hold_attempt(struct engine *engine, uint64_t task, uint32_t attempt, bool is_held)
{
	(void)command(engine, task, attempt,
		&(struct worker_mail){ .type = WORKER_MAIL_HOLD, .is_held = is_held });
}

int answer_send_take(struct engine *engine, uint64_t task, uint32_t attempt, struct answer *answer)
{
	struct worker_mail m = { .type = WORKER_MAIL_ANSWER, .answer = answer };
	int r = command(engine, task, attempt, &m);

	if (r)
		answer_free(answer);
	return r < 0 ? r : 0;
}

int engine_answer_body(
	struct engine *engine, uint64_t task, uint32_t attempt, int fd_take, int64_t length)
{
	cleanup_(cleanup_close) int fd = fd_take;
	struct worker_mail m = { .type = WORKER_MAIL_ANSWER_BODY, .fd = fd, .length = length };
	int r = command(engine, task, attempt, &m);

	if (!r)
		(void)take_fd(&fd);
	return r < 0 ? r : 0;
}

void engine_set_limits(struct engine *engine, uint64_t max_download_bps, uint64_t max_upload_bps,
	unsigned max_connections_per_host)
{
	engine->max_download_bps = max_download_bps;
	engine->max_upload_bps = max_upload_bps;
	engine->max_connections_per_host = max_connections_per_host ? max_connections_per_host
								    : ENGINE_CONNECTIONS_DEFAULT;
	tell_limits(engine);
}

void engine_drop_connections(struct engine *engine, uint64_t session)
{
	for (unsigned i = 0; i < engine->n_workers; i++) {
		struct worker_mail *m = mail_for(WORKER_MAIL_DROP, 0, 0);

		if (!m)
			return;
		m->session = session;
		worker_post_take(engine->workers[i], m);
	}
}

/* ---- cookies ---- */

/* What all workers are told; one of them may lack memory for it, then none is told. */
static int make_cookie_mails(struct engine *e, struct worker_mail **mails, uint64_t jar)
{
	for (unsigned i = 0; i < e->n_workers; i++) {
		mails[i] = mail_for(WORKER_MAIL_COOKIES, 0, 0);
		if (!mails[i])
			return err_raise(-ENOMEM);
		mails[i]->jar = jar;
	}
	return 0;
}

static int fill_cookie_mail(
	struct worker_mail *m, const struct transfer_cookie *cookies, size_t n_cookies)
{
	int r = 0;

	m->cookies = calloc(1, sizeof(*m->cookies));
	if (!m->cookies)
		return err_raise(-ENOMEM);
	for (size_t i = 0; !r && i < n_cookies; i++)
		r = jar_append(m->cookies, &cookies[i]);
	return r;
}

int engine_put_cookies(struct engine *engine, uint64_t jar, const struct transfer_cookie *cookies,
	size_t n_cookies)
{
	struct worker_mail *mails[ENGINE_WORKERS_MAX] = { NULL };
	int r = n_cookies ? make_cookie_mails(engine, mails, jar) : 0;

	for (unsigned i = 0; !r && n_cookies && i < engine->n_workers; i++)
		r = fill_cookie_mail(mails[i], cookies, n_cookies);
	for (unsigned i = 0; i < engine->n_workers && mails[i]; i++) {
		if (r) {
			jar_free(mails[i]->cookies);
			free(mails[i]);
		} else {
			worker_post_take(engine->workers[i], mails[i]);
		}
	}
	return r;
}

void engine_clear_cookies(struct engine *engine, uint64_t jar)
{
	for (unsigned i = 0; i < engine->n_workers; i++) {
		struct worker_mail *m = mail_for(WORKER_MAIL_COOKIES, 0, 0);

		if (!m)
			return;
		m->jar = jar;
		worker_post_take(engine->workers[i], m);
	}
}

/* ---- events ---- */

int engine_fd(struct engine *engine)
{
	return mailbox_fd(engine->events);
}

static void tell_seen(struct engine *e, enum worker_mail_type type, const struct attempt *a)
{
	struct worker_mail *m = mail_for(type, a->key.task, (uint32_t)a->key.attempt);

	/* without memory a progress is the last one, and a hold ends with the resource limit */
	if (m)
		worker_post_take(e->workers[a->worker], m);
}

void engine_note_saved(struct engine *engine)
{
	struct attempt *a, *next;

	if (!engine->has_unsaved)
		return;
	engine->has_unsaved = false;
	HASH_ITER (hh, engine->attempts, a, next) {
		if (a->wants_turn)
			tell_seen(engine, WORKER_MAIL_RESUMED_SEEN, a);
		a->wants_turn = false;
	}
}

static void deliver(struct engine *e, struct post *p, engine_event_fn fn, void *user)
{
	const struct engine_event *event = &p->event;
	struct attempt *a = find(e, event->task, event->attempt);

	if (event->type == ENGINE_EVENT_DONE)
		forget(e, take_ptr(a));
	fn(event, user);
	if (a && event->type == ENGINE_EVENT_PROGRESS)
		tell_seen(e, WORKER_MAIL_PROGRESS_SEEN, a);
	if (a && p->wants_turn) {
		a->wants_turn = true;
		e->has_unsaved = true;
	}
}

bool engine_doze(struct engine *engine)
{
	return mailbox_doze(engine->events);
}

int engine_dispatch(struct engine *engine, engine_event_fn fn, void *user)
{
	struct mail *mail, *next;

	for (mail = mailbox_take_all(engine->events); mail; mail = next) {
		struct post *post = (struct post *)mail;

		next = mail->next;
		deliver(engine, post, fn, user);
		if (!post->is_taken)
			post_free(post);
	}
	return 0;
}

/* ---- many commands at once ---- */

void engine_hold(struct engine *engine)
{
	for (unsigned i = 0; i < engine->n_workers; i++)
		worker_hold(engine->workers[i]);
	disk_hold(engine->disk);
}

void engine_release(struct engine *engine)
{
	for (unsigned i = 0; i < engine->n_workers; i++)
		worker_release(engine->workers[i]);
	disk_release(engine->disk);
}

/* ---- files ---- */

static void answer_worker(struct engine *e, struct disk_job *job)
{
	struct worker_mail *m = job->user;

	*m = (struct worker_mail){
		.type = WORKER_MAIL_DISK,
		.task = job->task,
		.attempt = job->attempt,
		.job = job,
	};
	worker_post_take(e->workers[job->worker], m);
}

/* On a disk thread. A checkpoint goes back to its worker, everything else is an event; those of one batch have one turn. */
static void on_disk(struct disk_job *first, void *user)
{
	struct mail *events = NULL, **last_next = &events, *next;
	struct engine *e = user;

	for (struct mail *mail = &first->mail; mail; mail = next) {
		struct disk_job *job = (struct disk_job *)mail;

		next = mail->next;
		if (job->type == DISK_CHECKPOINT) {
			answer_worker(e, job);
			continue;
		}
		*last_next = &post_answer_take(job)->mail;
		(void)FAILPOINT("engine.post.disk");
		last_next = &(*last_next)->next;
		*last_next = NULL;
	}
	mailbox_post_list_take(e->events, events);
}

static void disk_job_freep_(struct disk_job **job)
{
	disk_job_free(*job);
}

/* A job whose answer is an event of that type. */
static int new_job(enum disk_job_type type, enum engine_event_type answer,
	const struct xfer_key *key, struct disk_job **ret_job)
{
	struct disk_job *job = disk_job_new(type, key->task, (uint32_t)key->attempt);

	if (!job)
		return err_raise(-ENOMEM);
	job->user = post_new(answer, key->task, (uint32_t)key->attempt);
	if (!job->user) {
		disk_job_free(job);
		return err_raise(-ENOMEM);
	}
	*ret_job = job;
	return 0;
}

int engine_publish(struct engine *engine, uint64_t task, uint32_t attempt,
	const struct engine_publish *publish)
{
	struct xfer_key key = { .task = task, .attempt = attempt };
	struct disk_job *job;
	int r = new_job(DISK_PUBLISH, ENGINE_EVENT_PUBLISHED, &key, &job);

	if (r)
		return r;
	r = disk_job_set_paths(job, publish->part_path, publish->destination);
	if (!r && publish->is_unnamed) {
		job->is_unnamed = true;
		job->folder_ino = publish->folder_ino;
		job->fd = publish->unnamed_fd;
	}
	if (r) {
		post_free(job->user);
		disk_job_free(job);
		return r;
	}
	job->file_ino = publish->file_ino;
	job->file_size_bytes = publish->file_size_bytes;
	job->file_mtime_ns = publish->file_mtime_ns;
	job->may_overwrite = publish->may_overwrite;
	disk_post_take(engine->disk, job);
	return 0;
}

int engine_snapshot(struct engine *engine, uint64_t task, uint32_t attempt, int source_fd_take,
	const char *to_path)
{
	cleanup_(cleanup_close) int fd = source_fd_take;
	struct xfer_key key = { .task = task, .attempt = attempt };
	struct disk_job *job;
	int r = new_job(DISK_SNAPSHOT, ENGINE_EVENT_SNAPSHOT, &key, &job);

	if (r)
		return r;
	r = disk_job_set_paths(job, NULL, to_path);
	if (r) {
		post_free(job->user);
		disk_job_free(job);
		return r;
	}
	job->fd = take_fd(&fd);
	disk_post_take(engine->disk, job);
	return 0;
}

int engine_remove_file(struct engine *engine, const char *path)
{
	cleanup_(disk_job_freep_) struct disk_job *job = disk_job_new(DISK_REMOVE, 0, 0);
	int r = job ? disk_job_set_paths(job, path, NULL) : err_raise(-ENOMEM);

	if (r)
		return r;
	disk_post_take(engine->disk, take_ptr(job));
	return 0;
}

/* ---- start and end ---- */

static int copy_config(struct engine *e, const struct engine_config *config)
{
	e->user_agent = strdup(config->user_agent ? config->user_agent : "transferd");
	if (config->ca_file)
		e->ca_file = strdup(config->ca_file);
	if (!e->user_agent || (config->ca_file && !e->ca_file))
		return err_raise(-ENOMEM);
	e->max_download_bps = config->max_download_bps;
	e->max_upload_bps = config->max_upload_bps;
	e->max_connections_per_host = config->max_connections_per_host
		? config->max_connections_per_host
		: ENGINE_CONNECTIONS_DEFAULT;
	return 0;
}

static int start_workers(struct engine *e, unsigned n)
{
	struct worker_config config = {
		.user_agent = e->user_agent,
		.ca_file = e->ca_file,
		.max_connections_per_host = e->max_connections_per_host,
		.events = e->events,
		.disk = e->disk,
	};
	int r = 0;

	if (!n)
		n = ENGINE_WORKERS_DEFAULT;
	if (n > ENGINE_WORKERS_MAX)
		n = ENGINE_WORKERS_MAX;
	for (; !r && e->n_workers < n; e->n_workers += !r) {
		config.index = e->n_workers;
		r = worker_new(&config, &e->workers[e->n_workers]);
	}
	if (!r)
		tell_limits(e);
	return r;
}

DEFINE_CLEANUP(struct engine *, engine_free)

int engine_new(const struct engine_config *config, struct engine **ret_engine)
{
	cleanup_(engine_freep) struct engine *e = calloc(1, sizeof(*e));
	int r;

	if (!e)
		return err_raise(-ENOMEM);
	OPENSSL_init_ssl(0, NULL);
	r = patient_init();
	if (r)
		return r;
	e->has_curl = true;
	r = copy_config(e, config);
	if (!r)
		r = mailbox_new(&e->events);
	if (!r)
		r = disk_new(on_disk, e, &e->disk);
	if (!r)
		r = start_workers(e, config->n_workers);
	if (r)
		return r;
	*ret_engine = take_ptr(e);
	return 0;
}

static void drop_events(struct engine *e)
{
	struct mail *mail, *next;

	for (mail = e->events ? mailbox_take_all(e->events) : NULL; mail; mail = next) {
		next = mail->next;
		post_free((struct post *)mail);
	}
	mailbox_free(e->events);
}

void engine_free(struct engine *engine)
{
	struct attempt *a, *next;

	if (!engine)
		return;
	for (unsigned i = 0; i < engine->n_workers; i++)
		worker_quit(engine->workers[i]);
	for (unsigned i = 0; i < engine->n_workers; i++)
		worker_join(engine->workers[i]);
	/* the disk may still answer to the workers' mailboxes: they go last */
	disk_free(engine->disk);
	for (unsigned i = 0; i < engine->n_workers; i++)
		worker_free(engine->workers[i]);
	drop_events(engine);
	HASH_ITER (hh, engine->attempts, a, next) {
		HASH_DEL(engine->attempts, a);
		free(a->stop);
		free(a);
	}
	free(engine->user_agent);
	free(engine->ca_file);
	if (engine->has_curl)
		curl_global_cleanup();
	free(engine);
}
