/* SPDX-License-Identifier: MIT */
/*
 * The part file of a download. Worker thread only; calls write(2) at most, never fsync: durability
 * is asked of the disk thread (disk.h).
 *
 *   sink_open()      cuts the file to its durable bytes (or finds fewer: sink_offset_bytes() tells);
 *   may_be_unnamed   only its folder is opened before there is something to write
 *   sink_expect()    when the size is known: preallocates
 *   sink_write()     gathers to 256 KiB, or for 10 ms
 *   checkpoint       sink_flush(), then a DISK_CHECKPOINT job with a duplicate of sink_fd(),
 *   sink_offset_bytes() and the digest state
 *   end              sink_finish(), then a DISK_SYNC job with sink_take_fd(); sink_free()
 * After an error of write or sync nothing after the last durable offset counts; the next
 * sink_open() cuts it off.
 */
#ifndef ENGINE_SINK_H
#define ENGINE_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SINK_GATHER_BYTES  (256u * 1024)
/* What may be lost of a file between its sync and its place, when the process dies just then. */
#define SINK_UNNAMED_BYTES (64u * 1024)

struct sink;
struct unnamed_folders;

struct sink_spec {
	/* created 0600; a symlink or anything but a regular file is refused */
	const char *path;
	/* there is no file of that name that counts; a whole one of SINK_UNNAMED_BYTES at most needs none */
	bool may_be_unnamed;
	struct unnamed_folders *folders; /* with it, outlives the sink; NULL: none are kept */
	uint64_t offset_bytes; /* durable bytes that may be kept */
	/*
	 * What is behind them counts, too, when the file was last written before this and no sync of it was under way; 0: never.
	 * The caller must know that it is of the same version.
	 */
	uint64_t tail_before_wall_us;
	const char *digest_name; /* NULL: none */
	const void *digest_state;
	size_t digest_state_bytes;
};

/*
 * 0 or -errno (-ELOOP: symlink, -EISDIR, -ENOTSUP: not a regular file). A part that is shorter than
 * offset_bytes is kept as long as it is.
 */
int sink_open(const struct sink_spec *spec, struct sink **ret_sink);
/* Closes, drops what is gathered. */
struct sink *sink_free(struct sink *sink);
void sink_freep(struct sink **sink);

/* Empties the file (a 200 in place of a 206); the digest starts again. */
int sink_restart(struct sink *sink);
/*
 * @total_bytes: of the whole file. Preallocates; -ENOSPC or -EDQUOT: it does not fit, nothing is
 * lost, nothing more was taken from the disk.
 */
int sink_expect(struct sink *sink, uint64_t total_bytes);
/* 0 or -errno; -ENOSPC and -EDQUOT keep what was written before; -ESTALE: somebody cut or removed the file. */
int sink_write(struct sink *sink, const void *bytes, size_t size);
int sink_flush(struct sink *sink);
/* The last flush: there is a file then, if an empty one. */
int sink_finish(struct sink *sink);
/* The file is whole and has no name: it cannot be continued, and must be given one while its descriptor is open. */
bool sink_is_unnamed(const struct sink *sink);
uint64_t sink_folder_ino(const struct sink *sink); /* where that name must be */
uint64_t sink_folder_device(const struct sink *sink);

/* Bytes in the file, gathered ones included. */
uint64_t sink_offset_bytes(const struct sink *sink);
/* Without the gathered ones. */
uint64_t sink_flushed_bytes(const struct sink *sink);
int sink_fd(const struct sink *sink); /* -1: nothing was written yet */
/* Hands the descriptor to the caller; the sink can only be freed then. */
int sink_take_fd(struct sink *sink);

/*
 * False when the bytes kept could not be hashed on (no state, or it does not fit): set want_digest
 * in the DISK_SYNC job.
 */
bool sink_has_digest(const struct sink *sink);
/* State that belongs to sink_flushed_bytes(); 0: none. */
size_t sink_save_digest(const struct sink *sink, uint8_t *state, size_t room);
/* Of all flushed bytes; false: there is none. */
bool sink_digest_hex(const struct sink *sink, char *hex, size_t room);

#endif
