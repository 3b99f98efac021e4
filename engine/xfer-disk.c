/* SPDX-License-Identifier: MIT */
/*
 * An attempt's files: opening, and what is asked of the disk threads. Only what they report as
 * durable counts. The worker never syncs.
 */
#include "engine/xfer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/failpoint.h"
#include "engine/disk.h"
#include "engine/post.h"
#include "engine/sink.h"
#include "engine/source.h"
#include "engine/worker.h"

/* A sync of 64 MiB takes long, and a death in it costs all of them: most of it is written by then. */
#define WRITE_OUT_BYTES (UINT64_C(8) << 20)

static bool is_download(const struct xfer *x)
{
	return x->spec.kind == TRANSFER_TASK_DOWNLOAD;
}

int xfer_disk_open_part(struct xfer *x)
{
	bool is_claimed = x->spec.etag || x->spec.last_modified;
	const struct sink_spec spec = {
		.path = x->spec.part_path,
		.may_be_unnamed = x->spec.may_be_unnamed,
		.folders = &x->env->folders,
		.offset_bytes = x->spec.resume_offset_bytes,
		.tail_before_wall_us = is_claimed ? x->spec.tail_before_wall_us : 0,
		.digest_name = x->spec.digest_name,
		.digest_state = x->spec.digest_state,
		.digest_state_bytes = x->spec.digest_state_bytes,
	};
	int r = FAILPOINT("engine.part.open");

	if (!r)
		r = sink_open(&spec, &x->sink);
	if (r) {
		xfer_fault_file(x, FAULT_FILE_CREATE, r);
		return r;
	}
	/* fewer when the file lost its end, more with a good tail */
	x->resume.offset_bytes = sink_offset_bytes(x->sink);
	x->durable_bytes = x->resume.offset_bytes;
	if (x->durable_bytes > x->spec.resume_offset_bytes)
		x->durable_bytes = x->spec.resume_offset_bytes;
	x->checkpoint_base_bytes = x->resume.offset_bytes;
	x->write_out_bytes = x->resume.offset_bytes;
	x->is_claimed = is_claimed;
	return 0;
}

static int open_source(struct xfer *x)
{
	const struct source_spec spec = {
		.fd = x->spec.source_fd,
		.path = x->spec.source_path,
		.ino = x->spec.source_ino,
		.size_bytes = x->spec.source_size_bytes,
		.mtime_ns = x->spec.source_mtime_ns,
	};
	int r = FAILPOINT("engine.source.open");

	/* an answer of an attempt before must not be taken for this one's */
	if (x->spec.body_path)
		(void)unlink(x->spec.body_path);
	if (!r)
		r = source_open(&spec, &x->source);
	if (r == SOURCE_E_CHANGED)
		xfer_fault(x, TRANSFER_ERROR_SOURCE_CHANGED, NULL);
	else if (r)
		xfer_fault_file(x, FAULT_FILE_READ_SOURCE, r);
	return r;
}

int xfer_disk_open(struct xfer *xfer)
{
	const struct engine_spec_live *live = &xfer->spec.live;
	int r = is_download(xfer) ? xfer_disk_open_part(xfer) : 0;

	if (r || (live->is_live ? live->source != ENGINE_SOURCE_FILE : is_download(xfer)))
		return r;
	return open_source(xfer);
}

void xfer_disk_restart(struct xfer *xfer)
{
	int r = FAILPOINT("engine.part.restart");

	if (!r)
		r = sink_restart(xfer->sink);
	if (r)
		xfer_fault_file(xfer, FAULT_FILE_WRITE, r);
	xfer->resume.offset_bytes = 0;
	xfer->durable_bytes = 0;
	xfer->checkpoint_base_bytes = 0;
	xfer->received_bytes = 0;
	xfer->write_out_bytes = 0;
	xfer->is_claimed = false;
	xfer->is_checkpoint_stale = xfer->is_checkpointing;
}

/* A checkpoint of what is flushed; false: it could not be asked for. */
static bool ask(struct xfer *x)
{
	struct disk_job *job = disk_job_new(DISK_CHECKPOINT, x->key.task, (uint32_t)x->key.attempt);

	if (!job)
		return false;
	job->fd = fcntl(sink_fd(x->sink), F_DUPFD_CLOEXEC, 3);
	if (job->fd < 0) {
		disk_job_free(job);
		return false;
	}
	job->worker = x->env->worker;
	job->offset_bytes = sink_flushed_bytes(x->sink);
	job->digest_state_bytes = sink_save_digest(
		x->sink, job->digest_state, sizeof(job->digest_state));
	job->user = take_ptr(x->disk_mail);
	x->is_checkpointing = true;
	x->checkpoint_base_bytes = job->offset_bytes;
	x->checkpoint_us = clock_now_us();
	disk_post_take(x->env->disk, job);
	return true;
}

void xfer_disk_checkpoint(struct xfer *xfer)
{
	if (xfer->spec.live.is_live || xfer->is_checkpointing || xfer->is_held ||
		!xfer->can_resume || !xfer->sink || sink_is_unnamed(xfer->sink))
		return;
	if (sink_flushed_bytes(xfer->sink) > xfer->durable_bytes)
		(void)ask(xfer);
}

void xfer_disk_write_out(struct xfer *xfer)
{
	uint64_t flushed_bytes = sink_flushed_bytes(xfer->sink);

	if (flushed_bytes < xfer->write_out_bytes + WRITE_OUT_BYTES)
		return;
	xfer->write_out_bytes = flushed_bytes;
	disk_start_writing(xfer->env->disk, sink_fd(xfer->sink));
}

bool xfer_disk_settle(struct xfer *xfer)
{
	if (xfer->is_checkpointing)
		return true;
	if (!xfer->sink || xfer->is_disk_broken || xfer->is_held)
		return false;
	/*
	 * a part that cannot be continued is worth nothing; an upload's answer is, when all is
	 * well
	 */
	if (is_download(xfer) ? !xfer->can_resume : xfer->fault.code != 0)
		return false;
	/* a full disk may refuse the rest, what is flushed still counts */
	(void)sink_flush(xfer->sink);
	if (sink_flushed_bytes(xfer->sink) <= xfer->durable_bytes || sink_is_unnamed(xfer->sink))
		return false;
	return ask(xfer);
}

/* True when the answer is about bytes that are still in the file. */
static bool note_answer(struct xfer *x, struct disk_job *job)
{
	bool was_stale = x->is_checkpoint_stale;

	x->is_checkpointing = false;
	x->is_checkpoint_stale = false;
	if (job->result.code) {
		x->is_disk_broken = true;
		if (!x->fault.code) {
			x->fault = job->result;
			x->is_retryable = fault_is_retryable(&x->fault);
		}
		return false;
	}
	if (was_stale || x->is_held || job->offset_bytes <= x->durable_bytes)
		return false;
	x->durable_bytes = job->offset_bytes;
	return true;
}

void xfer_on_disk(struct xfer *xfer, struct worker_mail *mail)
{
	struct disk_job *job = take_ptr(mail->job);
	struct post *p;

	xfer->disk_mail = mail;
	if (note_answer(xfer, job) && is_download(xfer)) {
		p = post_new(ENGINE_EVENT_CHECKPOINT, xfer->key.task, (uint32_t)xfer->key.attempt);
		if (p) {
			p->event.offset_bytes = job->offset_bytes;
			(void)post_set_digest_state(p, job->digest_state, job->digest_state_bytes);
			xfer_post(xfer, p);
		}
	}
	disk_job_free(job);
	if (xfer->state == XFER_STATE_FINISH || xfer->fault.code)
		xfer_finish(xfer);
}

void xfer_disk_sync(struct xfer *xfer)
{
	struct post *p = take_ptr(xfer->synced);
	struct disk_job *job = disk_job_new(DISK_SYNC, xfer->key.task, (uint32_t)xfer->key.attempt);

	p->worker = xfer->env->worker;
	if (!job ||
		(xfer->spec.digest_name && !sink_has_digest(xfer->sink) &&
			disk_job_set_digest(job, xfer->spec.digest_name))) {
		fault_from_curl(CURLE_OUT_OF_MEMORY, 0, 0, &p->event.result);
		p->event.is_retryable = true;
		worker_tell_take(xfer->env->owner, &p->mail);
		disk_job_free(job);
		return;
	}
	job->worker = xfer->env->worker;
	job->offset_bytes = sink_offset_bytes(xfer->sink);
	if (xfer->spec.digest_name)
		(void)sink_digest_hex(xfer->sink, job->digest_hex, sizeof(job->digest_hex));
	/* the disk need not be idle until the sync lane comes to it */
	if (job->offset_bytes > xfer->write_out_bytes + SINK_GATHER_BYTES)
		disk_start_writing(xfer->env->disk, sink_fd(xfer->sink));
	job->is_unnamed = sink_is_unnamed(xfer->sink);
	job->folder_ino = sink_folder_ino(xfer->sink);
	job->device = job->is_unnamed ? sink_folder_device(xfer->sink) : 0;
	job->fd = sink_take_fd(xfer->sink);
	job->user = p;
	worker_ask_take(xfer->env->owner, job);
}
