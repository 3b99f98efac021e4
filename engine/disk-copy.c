/* SPDX-License-Identifier: MIT */
/*
 * All threads read one mailbox. Whoever gets the mail keeps the first job that may run now and posts the others again; those
 * whose file system has its share of the threads are parked until a copy ends.
 */
#include "engine/disk-copy.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/failpoint.h"
#include "base/thread.h"
#include "engine/disk-file.h"
#include "engine/fault.h"

#define COPIERS_MAX        4
#define COPIERS_PER_DEVICE 2
#define GOODBYE_US         CLOCK_US_PER_S

struct copier {
	struct mail goodbye; /* posted when the thread leaves */
	struct disk_copy *copy;
	struct thread *thread;
	atomic_ullong device; /* that it copies from; 0: none */
};

struct disk_copy {
	disk_answer_fn answer;
	void *user;
	struct mailbox *box, *parked, *goodbyes;
	struct mail stop; /* goes from thread to thread */
	atomic_bool is_stopping, is_abandoned;
	atomic_uint n_ended; /* copies */
	atomic_uint n_answering; /* threads that answer, or are about to find that they must not */
	struct copier copiers[COPIERS_MAX];
	unsigned n_copiers; /* the poster's */
};

static void post_all(struct mailbox *box, struct mail *mail)
{
	for (struct mail *next; mail; mail = next) {
		next = mail->next;
		mailbox_post_take(box, mail);
	}
}

/* ---- one copy ---- */

static void do_copy(struct disk_copy *copy, struct disk_job *job)
{
	int r = FAILPOINT("disk.snapshot.before");

	if (!r)
		r = disk_file_snapshot(job, &copy->is_stopping);
	if (!r)
		r = FAILPOINT("disk.snapshot.after");
	if (r == DISK_FILE_E_STOPPED)
		fault_set(&job->result, TRANSFER_ERROR_CANCELLED, "stopping");
	else if (r == DISK_FILE_E_CHANGED)
		fault_set(&job->result, TRANSFER_ERROR_SOURCE_CHANGED,
			"the file changed while it was copied");
	else if (r == DISK_FILE_E_NO_SOURCE)
		fault_from_file(FAULT_FILE_READ_SOURCE, job->error_no, &job->result);
	else
		disk_job_fail(job, FAULT_FILE_WRITE, r);
	disk_job_judge(job);
}

/* ---- the threads ---- */

static bool may_run(const struct disk_copy *copy, const struct disk_job *job)
{
	unsigned n = 0;

	for (unsigned i = 0; i < COPIERS_MAX; i++)
		n += atomic_load(&copy->copiers[i].device) == job->device;
	return n < COPIERS_PER_DEVICE;
}

/* The next job for this thread; NULL: none now. */
static struct disk_job *take(struct disk_copy *copy, struct copier *copier, bool *ret_stop)
{
	unsigned n_ended = atomic_load(&copy->n_ended);
	struct mail *mail = mailbox_take_all(copy->box);
	struct disk_job *job = NULL;

	for (struct mail *next; mail; mail = next) {
		next = mail->next;
		if (mail == &copy->stop) {
			*ret_stop = true;
			mailbox_post_take(copy->box, mail);
		} else if (!job && may_run(copy, (struct disk_job *)mail)) {
			job = (struct disk_job *)mail;
			job->mail.next = NULL;
			atomic_store(&copier->device, job->device);
		} else {
			mailbox_post_take(job ? copy->box : copy->parked, mail);
		}
	}
	/* a copy that ended meanwhile may have found nothing parked */
	if (n_ended != atomic_load(&copy->n_ended))
		post_all(copy->box, mailbox_take_all(copy->parked));
	return job;
}

static void run(void *user)
{
	struct copier *copier = user;
	struct disk_copy *copy = copier->copy;
	bool is_last = false;

	while (!is_last) {
		struct disk_job *job;

		mailbox_wait(copy->box, -1);
		job = take(copy, copier, &is_last);
		if (!job)
			continue;
		do_copy(copy, job);
		atomic_fetch_add(&copy->n_answering, 1);
		if (atomic_load(&copy->is_abandoned)) {
			disk_job_free(job);
			atomic_fetch_sub(&copy->n_answering, 1);
			return;
		}
		atomic_store(&copier->device, 0);
		atomic_fetch_add(&copy->n_ended, 1);
		post_all(copy->box, mailbox_take_all(copy->parked));
		job->mail.next = NULL;
		copy->answer(job, copy->user);
		atomic_fetch_sub(&copy->n_answering, 1);
	}
	mailbox_post_take(copy->goodbyes, &copier->goodbye);
}

static int start_copier(struct disk_copy *copy)
{
	struct copier *copier = &copy->copiers[copy->n_copiers];
	int r;

	copier->copy = copy;
	r = thread_start("disk-copy", run, copier, &copier->thread);
	if (!r)
		copy->n_copiers++;
	return r;
}

/* What it is on, without asking a file system that may not answer. */
static uint64_t device_of(int fd)
{
	struct statx stx;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &stx))
		return 1;
	return makedev(stx.stx_dev_major, stx.stx_dev_minor) + 1;
}

void disk_copy_post_take(struct disk_copy *copy, struct disk_job *job)
{
	/* those there are do it as well */
	if (copy->n_copiers < COPIERS_MAX)
		(void)start_copier(copy);
	job->device = device_of(job->fd);
	mailbox_post_take(copy->box, &job->mail);
}

/* ---- beginning and end ---- */

static void done(struct disk_copy *copy)
{
	mailbox_free(copy->box);
	mailbox_free(copy->parked);
	mailbox_free(copy->goodbyes);
	free(copy);
}

int disk_copy_new(disk_answer_fn answer, void *user, struct disk_copy **ret_copy)
{
	struct disk_copy *copy = calloc(1, sizeof(*copy));
	int r;

	if (!copy)
		return err_raise(-ENOMEM);
	copy->answer = answer;
	copy->user = user;
	r = mailbox_new(&copy->box);
	if (!r)
		r = mailbox_new(&copy->parked);
	if (!r)
		r = mailbox_new(&copy->goodbyes);
	if (!r)
		r = start_copier(copy);
	if (r)
		done(copy);
	else
		*ret_copy = copy;
	return r;
}

/* False: the time is up, and a thread is still inside its file. */
static bool wait_for_all(struct disk_copy *copy)
{
	uint64_t now_us = clock_now_us(), until_us = now_us + GOODBYE_US;
	unsigned n = 0;

	for (; n < copy->n_copiers && now_us < until_us; now_us = clock_now_us()) {
		mailbox_wait(copy->goodbyes, (int)((until_us - now_us) / CLOCK_US_PER_MS) + 1);
		for (struct mail *mail = mailbox_take_all(copy->goodbyes); mail; mail = mail->next)
			n++;
	}
	return n == copy->n_copiers;
}

static void drop(struct disk_copy *copy, struct mail *mail)
{
	for (struct mail *next; mail; mail = next) {
		struct disk_job *job = (struct disk_job *)mail;

		next = mail->next;
		if (mail == &copy->stop)
			continue;
		fault_set(&job->result, TRANSFER_ERROR_CANCELLED, "stopping");
		job->mail.next = NULL;
		copy->answer(job, copy->user);
	}
}

struct disk_copy *disk_copy_free(struct disk_copy *copy)
{
	if (!copy)
		return NULL;
	atomic_store(&copy->is_stopping, true);
	mailbox_post_take(copy->box, &copy->stop);
	if (!wait_for_all(copy)) {
		atomic_store(&copy->is_abandoned, true);
		/* one that saw it too late is only posting its answer, to somebody who is still there */
		while (atomic_load(&copy->n_answering))
			sched_yield();
		return NULL;
	}
	for (unsigned i = 0; i < copy->n_copiers; i++)
		thread_join(copy->copiers[i].thread);
	drop(copy, mailbox_take_all(copy->box));
	drop(copy, mailbox_take_all(copy->parked));
	done(copy);
	return NULL;
}
