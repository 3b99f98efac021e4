/* SPDX-License-Identifier: MIT */
/*
 * Database files that a disk or somebody else has damaged: the daemon starts over them, lists, starts, cancels, ends, and starts again.
 * Input: which database (see enum base) and marks, what is done, then edits of its files: kind, place, what.
 *
 * What must hold: nothing crashes; the daemon leaves only because the database is damaged, and not more than twice in a row; what is
 * set aside is there as it was; what is not set aside has all its tasks.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/world.h"
#include "tests/lib/tmpdir.h"

#define N_TASKS        210
#define N_LATER_TASKS  30 /* those that are only in the WAL */
#define PAGE_BYTES     4096
#define WAL_HEAD_BYTES 32
#define FRAME_BYTES    (24 + PAGE_BYTES)
#define EDITS_MAX      16
#define GROW_MAX_BYTES 65536
#define ACTS_BYTES     8
#define LIVES_MAX      4
#define LOOKS          20 /* tasks that are looked at one by one */

unsigned fuzz_n_runs = 60;

/* The first byte: a base in the low two bits, and these. */
enum {
	IS_CLEAN = 16, /* the mark of a clean end fits: nothing is checked */
	IS_SUSPECT = 32, /* damage was seen before */
	IS_SEALED = 64, /* the WAL's checksums are right again after the edits */
};

enum base { BASE_WHOLE, BASE_WITH_WAL, BASE_OLD, BASE_CUT_SHORT, N_BASES };

enum part { PART_DB, PART_WAL, PART_JOURNAL, N_PARTS };
static const char *const names[N_PARTS] = { "queue.db", "queue.db-wal", "queue.db-journal" };

struct image {
	uint8_t *bytes;
	size_t size;
};

static struct world world;
static struct image bases[N_BASES][N_PARTS];
static struct image files[N_PARTS]; /* of this run */
static size_t n_before; /* tasks that must be there; 0: not known any more */
static bool was_suspect; /* when the last life ended */

/* ---- the databases before they are damaged ---- */

/* Only what the first version had. */
static const char old_rows[] =
	"INSERT INTO session(id, kind, uid, app_id, identifier, state, created_wall_us, last_acked_seq,"
	" request_timeout_us, resource_timeout_us, max_rate_bps, max_connections_per_host, upload_copy,"
	" is_discretionary, allows_metered, allow_insecure, retry_http_errors) VALUES"
	" (1, 4, 1000, 'org.example', 'main', 1, 1, 0, 60000000, 604800000000, 0, 6, 1, 0, 1, 0, 0),"
	" (2, 4, 1000, 'org.example', 'other', 2, 1, 7, 60000000, 604800000000, 0, 6, 0, 1, 0, 0, 1);"
	"INSERT INTO lane(id, session, host) VALUES (1, 1, 'https://example.org:443'),"
	" (2, 1, 'https://example.net:443'), (3, 2, 'https://example.org:443');"
	"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 210)"
	" INSERT INTO task(id, session, lane, kind, state, suspend_count, url, method, destination,"
	" source_path, description, created_wall_us, started_wall_us, finished_wall_us, wait_reason,"
	" due_wall_us, attempts, resource_left_us, offset_bytes, total_bytes, etag, priority, result_code,"
	" file_ino)"
	" SELECT i, 1 + (i % 3 = 2), 1 + i % 3, CASE i % 7 WHEN 3 THEN 3 WHEN 4 THEN 2 ELSE 2 + i % 2 END, i % 7, i % 7 = 0,"
	" 'https://example.' || iif(i % 3 = 1, 'net', 'org') || '/a/file/' || i, 'GET',"
	" iif(i % 2 OR i % 7 = 3, '/nonexistent/file-' || i, NULL), iif(i % 2, NULL, '/nonexistent/source-' || i),"
	" iif(i % 10, NULL, printf('%.*c', i * 30, 'd')), 1700000000000000 - i,"
	" iif(i % 5, 1700000000000000, 0), iif(i % 7 = 6, 1700000000000000, 0), iif(i % 7 = 2, 1, 0),"
	" iif(i % 7 = 2, 1700000001000000 + i, 0), i % 5, (i % 4) * 1000000, i % 11, 100, '\"v' || i || '\"',"
	" (i % 11) / 10.0, CASE WHEN i % 21 = 6 THEN -1001 WHEN i % 7 = 5 THEN -999 ELSE 0 END, iif(i % 7 = 3, 7, 0) FROM n;"
	"INSERT INTO task_extra SELECT id, x'41003100', zeroblob(id * 40) FROM task WHERE id % 9 = 0;"
	"INSERT INTO response SELECT id, 200, url, 'text/html', 'utf-8', '1.1', 'file', x'41003100', 100 FROM task"
	" WHERE state IN (4, 6);"
	"INSERT INTO event(seq, session, task, type, wall_us, a, b) SELECT 10 + id, session, id, 5, 1700000000000000, 0, 0 FROM task WHERE state = 6;"
	"INSERT INTO token SELECT id, session, 'token-' || id, x'0100000000000000' FROM task WHERE id % 20 = 0;"
	"INSERT INTO setting VALUES ('limits', zeroblob(40));"
	"UPDATE sequence SET next = 1000";

static const char rows[] =
	"UPDATE event SET type = 3, n = 3 WHERE seq % 2; UPDATE task SET end_seq = 10 + id WHERE state = 6;"
	"INSERT INTO question SELECT id, session, id, 1 + id % 3, id % 3, 1 FROM task WHERE id % 30 = 2;"
	"INSERT INTO jar VALUES (1, 1000, 'org.example', ''), (2, 1000, 'org.example', 'other');"
	"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)"
	" INSERT INTO cookie SELECT i, 1 + i % 2, 'example.org', '/', 'name' || i, 'value' || i,"
	" 1800000000000000, i, 0, 1, 0, 0 FROM n";

/* What came after the last time that the WAL was written back. */
static const char later_rows[] =
	"BEGIN; WITH RECURSIVE n(i) AS (SELECT 211 UNION ALL SELECT i + 1 FROM n WHERE i < 240)"
	" INSERT INTO task(id, session, lane, kind, state, url, method, created_wall_us)"
	" SELECT i, 1, 1, 3, 1, 'https://example.org/later/' || i, 'GET', 1700000000000000 FROM n; COMMIT;"
	"BEGIN; UPDATE task SET state = 6, shelf = 6, finished_wall_us = 1700000000000000 WHERE id % 7 = 1; COMMIT;"
	"BEGIN; DELETE FROM cookie WHERE id > 30; UPDATE lane SET n_queued = 0; COMMIT";

static const char *path_of(enum part part)
{
	static char path[400];

	snprintf(path, sizeof(path), "%s/%s", world.state_dir, names[part]);
	return path;
}

static void take_file(enum part part, struct image *image)
{
	FILE *file = fopen(path_of(part), "re");

	if (!file)
		return;
	image->bytes = malloc(4 << 20);
	FUZZ_MUST(image->bytes);
	image->size = fread(image->bytes, 1, 4 << 20, file);
	fclose(file);
}

static void take_base(enum base base)
{
	for (enum part part = 0; part < N_PARTS; part++)
		take_file(part, &bases[base][part]);
}

static void make_empty(void)
{
	tmpdir_remove_all(world.state_dir);
	FUZZ_MUST(mkdir(world.state_dir, 0700) == 0);
}

/* The first version, as its daemon left it. */
static void make_old(void)
{
	sqlite3 *db;

	make_empty();
	FUZZ_MUST(sqlite3_open(path_of(PART_DB), &db) == SQLITE_OK);
	world_sql_of(db, "PRAGMA application_id = 0x74667264; PRAGMA journal_mode = WAL");
	FUZZ_MUST(store_schema_migrate(db, 0, 1) == SQLITE_OK);
	world_sql_of(db, old_rows);
	FUZZ_MUST(sqlite3_close(db) == SQLITE_OK);
	take_base(BASE_OLD);
}

/* A journal that takes changes back which were not committed. */
static void make_cut_short(void)
{
	sqlite3 *db;

	FUZZ_MUST(sqlite3_open(path_of(PART_DB), &db) == SQLITE_OK);
	world_sql_of(db,
		"PRAGMA journal_mode = DELETE; PRAGMA cache_size = 2; PRAGMA cache_spill = 1; BEGIN;"
		"UPDATE task SET description = url; DELETE FROM event");
	FUZZ_MUST(sqlite3_db_cacheflush(db) == SQLITE_OK);
	take_base(BASE_CUT_SHORT);
	FUZZ_MUST(sqlite3_close(db) == SQLITE_OK);
}

static void make_bases(void)
{
	make_old();
	/* brought up to date, and as if it had been so from the start */
	world_open(&world, NULL);
	world_sql(&world, "VACUUM");
	world_sql(&world, rows);
	FUZZ_MUST(store_tally_recount(world.store) == 0);
	world_close(&world);
	take_base(BASE_WHOLE);
	world_open(&world, NULL);
	world_sql(&world, later_rows);
	FUZZ_MUST(store_tally_recount(world.store) == 0);
	take_base(BASE_WITH_WAL);
	world_close(&world);
	make_cut_short();
}

/* ---- edits ---- */

static void copy_base(enum base base)
{
	for (enum part part = 0; part < N_PARTS; part++) {
		const struct image *from = &bases[base][part];

		files[part].size = from->size;
		files[part].bytes = realloc(
			files[part].bytes, from->size + GROW_MAX_BYTES * EDITS_MAX);
		FUZZ_MUST(files[part].bytes);
		if (from->size)
			memcpy(files[part].bytes, from->bytes, from->size);
	}
}

/* Room for at most n bytes from there. */
static size_t up_to_end(const struct image *image, size_t at, size_t n)
{
	return n > image->size - at ? image->size - at : n;
}

static void edit_bytes(struct fuzz_choices *c, struct image *image, size_t at)
{
	const uint8_t *piece;
	size_t n = fuzz_piece(c, up_to_end(image, at, 1 + fuzz_byte(c) % 16), &piece);

	memcpy(image->bytes + at, piece, n);
}

static void edit_noise(struct fuzz_choices *c, struct image *image, size_t at)
{
	size_t n = up_to_end(image, at, 1 + fuzz_number(c, 2));
	uint32_t state = 1 + fuzz_byte(c);

	for (size_t i = 0; i < n; i++) {
		state = state * 1103515245u + 12345u;
		image->bytes[at + i] = (uint8_t)(state >> 16);
	}
}

/* One page takes the place of another, or both change places. */
static void edit_pages(struct fuzz_choices *c, struct image *image, size_t at)
{
	size_t start = image == &files[PART_WAL] ? WAL_HEAD_BYTES : 0;
	size_t step = image == &files[PART_WAL] ? FRAME_BYTES : PAGE_BYTES;
	size_t n_pages = image->size > start ? (image->size - start) / step : 0;
	uint8_t *one, *other, kept[FRAME_BYTES];
	bool is_swap = fuzz_byte(c) & 1;

	if (!n_pages)
		return;
	one = image->bytes + start + at / step % n_pages * step;
	other = image->bytes + start + fuzz_number(c, 2) % n_pages * step;
	memcpy(kept, one, step);
	memmove(one, other, step);
	if (is_swap)
		memcpy(other, kept, step);
}

static void edit_grow(struct fuzz_choices *c, struct image *image)
{
	size_t n = fuzz_number(c, 2);

	memset(image->bytes + image->size, fuzz_byte(c), n);
	image->size += n;
}

static void edit(struct fuzz_choices *c)
{
	uint8_t kind = fuzz_byte(c);
	enum part part = kind / 8 % 4 % N_PARTS;
	struct image *image = &files[part];
	size_t at = fuzz_number(c, 3);

	if (part != PART_DB)
		n_before = 0;
	if (!image->size && kind % 8 != 7)
		return;
	at = image->size ? at % image->size : 0;
	switch (kind % 8) {
	case 0:
		image->bytes[at] ^= (uint8_t)(1u << fuzz_byte(c) % 8);
		break;
	case 1:
	case 2:
		edit_bytes(c, image, at);
		break;
	case 3:
		memset(image->bytes + at, 0, up_to_end(image, at, 1 + fuzz_number(c, 2)));
		break;
	case 4:
		image->size = at;
		break;
	case 5:
		edit_pages(c, image, at);
		break;
	case 6:
		edit_noise(c, image, at);
		break;
	case 7:
		edit_grow(c, image);
		break;
	}
}

static uint32_t number_at(const uint8_t *p, bool is_big_endian)
{
	return is_big_endian
		? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]
		: (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static void sum_up(const uint8_t *p, size_t n, bool is_big_endian, uint32_t sums[2])
{
	for (size_t i = 0; i < n; i += 8) {
		sums[0] += number_at(p + i, is_big_endian) + sums[1];
		sums[1] += number_at(p + i + 4, is_big_endian) + sums[0];
	}
}

static void put_sums(uint8_t *p, const uint32_t sums[2])
{
	for (int i = 0; i < 8; i++)
		p[i] = (uint8_t)(sums[i / 4] >> (24 - i % 4 * 8));
}

/* As SQLite defines it: salts of the header in each frame, sums that run on. */
static void seal_wal(struct image *wal)
{
	bool is_big_endian = wal->size >= WAL_HEAD_BYTES && wal->bytes[3] & 1;
	uint32_t sums[2] = { 0, 0 };

	if (wal->size < WAL_HEAD_BYTES)
		return;
	/* with sums that are right it is no damage but another SQLite's: not opened, not touched */
	memcpy(wal->bytes + 4, "\0\x2d\xe2\x18", 4);
	sum_up(wal->bytes, 24, is_big_endian, sums);
	put_sums(wal->bytes + 24, sums);
	for (size_t at = WAL_HEAD_BYTES; at + FRAME_BYTES <= wal->size; at += FRAME_BYTES) {
		uint8_t *frame = wal->bytes + at;

		memcpy(frame + 8, wal->bytes + 16, 8);
		sum_up(frame, 8, is_big_endian, sums);
		sum_up(frame + 24, PAGE_BYTES, is_big_endian, sums);
		put_sums(frame + 16, sums);
	}
}

static void write_file(enum part part)
{
	int fd;

	if (!files[part].size && part != PART_DB)
		return;
	fd = open(path_of(part), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	FUZZ_MUST(fd >= 0);
	FUZZ_MUST(write(fd, files[part].bytes, files[part].size) == (ssize_t)files[part].size);
	close(fd);
}

static void put_marks(uint8_t how)
{
	struct store_file file = { .lock_fd = -1 };

	file.dir_fd = open(world.state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	FUZZ_MUST(file.dir_fd >= 0);
	if (how & IS_CLEAN)
		FUZZ_MUST(store_file_put_clean_mark(&file) == 0);
	if (how & IS_SUSPECT)
		store_file_mark_suspect(&file);
	close(file.dir_fd);
}

/* ---- the daemon's lives ---- */

/* Not less than what was there. */
static void check_kept(const char *db)
{
	char path[400];
	struct stat st;

	/* a journal is played back as soon as anybody reads */
	if (files[PART_JOURNAL].size)
		return;
	FUZZ_MUST(stat(db, &st) == 0 && (size_t)st.st_size >= files[PART_DB].size);
	snprintf(path, sizeof(path), "%s-wal", db);
	if (files[PART_WAL].size)
		FUZZ_MUST(stat(path, &st) == 0 && (size_t)st.st_size >= files[PART_WAL].size);
}

static void say(const char *what, int r)
{
	fprintf(stderr, "%s: %d: %s\n", what, r, err_text(r));
}

/* The daemon goes on for ever, or leaves because of damage; all else would end neither it nor the damage. */
static bool goes_on(const char *what, int r)
{
	if (r && r != -EUCLEAN)
		say(what, r);
	FUZZ_MUST(!r || r == -EUCLEAN);
	return !r;
}

static void on_failure(uint64_t id, int error, void *user)
{
	(void)user;
	FUZZ_MUST(id && error);
}

static void steer(struct fuzz_choices *c)
{
	uint8_t choice = fuzz_byte(c);
	uint64_t ids[4], n;
	struct flow_steer steer = { .verb = choice % (FLOW_VERB_REMOVE + 1),
		.uid = (uid_t)-1,
		.ids = ids,
		.n_ids = 4,
		.is_forced = choice & 128,
		.delete_partial = choice & 128,
		.from_start = choice & 128 };

	for (size_t i = 0; i < 4; i++)
		ids[i] = 1 + (choice * 7u + i * 53u) % N_TASKS;
	flow_tasks_steer(world.flow, &steer, on_failure, NULL);
	if (choice % 16 == 15)
		flow_app_quit(world.flow, 1000, "org.example", &n);
}

static int on_session(const struct session *session, void *user)
{
	struct flow_attach attach = { .session = session->id, .client = 1 };
	struct flow_attached attached;

	(void)user;
	flow_attach(world.flow, &attach, &attached);
	flow_ack(world.flow, session->id, 1, 100);
	return 0;
}

/* true: to the end. */
static bool work(struct fuzz_choices *c, size_t *ret_n)
{
	for (int i = 0; i < 3; i++) {
		if (!goes_on("settle", world_settle(&world)))
			return false;
		world_report(&world, fuzz_byte(c));
		world_pass(&world, UINT64_C(1000000) << (i * 8));
		flow_turn_begin(world.flow, &world.now);
		steer(c);
		if (i == 1)
			flow_sessions_each(world.flow, on_session, NULL);
		if (!goes_on("turn", flow_turn_end(world.flow)))
			return false;
	}
	flow_turn_begin(world.flow, &world.now);
	flow_stop(world.flow);
	if (!goes_on("stop", flow_turn_end(world.flow)))
		return false;
	world_report(&world, 0xff);
	flow_turn_begin(world.flow, &world.now);
	world_look(&world, 1, 0, ret_n);
	return goes_on("last turn", flow_turn_end(world.flow)) &&
		goes_on("last settle", world_turn(&world));
}

/* A row that was damaged itself may go, when that is counted (and told). */
static void check_tasks(size_t n)
{
	n += store_n_repaired(world.store);
	if (n < n_before)
		fprintf(stderr, "%zu tasks of %zu\n", n, n_before);
	FUZZ_MUST(n >= n_before);
}

/* true: to the end. */
static bool live(struct fuzz_choices *c)
{
	size_t n = 0;
	bool is_over;
	int r;

	is_over = !goes_on("start", world_start(&world, NULL, NULL));
	if (!is_over) {
		flow_turn_begin(world.flow, &world.now);
		r = world_look(&world, 1, LOOKS, &n);
		if (goes_on("look", r) && !world.store->file.is_suspect)
			check_tasks(n);
		is_over = !goes_on("first turn", flow_turn_end(world.flow));
	}
	is_over = is_over || !work(c, &n);
	n_before = 0;
	was_suspect = world.store->file.is_suspect;
	world_close(&world);
	return !is_over;
}

static void live_and_die(struct fuzz_choices *c)
{
	struct store_report report = { 0 };

	for (int i = 0; i < LIVES_MAX; i++) {
		int r = world_open(&world, &report);

		if (r == STORE_E_NEWER_SCHEMA) {
			check_kept(path_of(PART_DB));
			return;
		}
		if (r)
			say("open", r);
		FUZZ_MUST(r == 0);
		if (report.set_aside[0])
			n_before = 0;
		if (report.set_aside[0] && i == 0)
			check_kept(report.set_aside);
		if (live(c)) {
			/* and once more: what ended well begins well */
			FUZZ_MUST(world_open(&world, &report) == 0);
			FUZZ_MUST(was_suspect || !report.set_aside[0]);
			world_close(&world);
			return;
		}
	}
	say("damage does not end", 0);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_choices c = { data, size };
	struct fuzz_choices acts;
	uint8_t how = fuzz_byte(&c);
	const uint8_t *piece;

	if (!world.state_dir[0]) {
		world_init(&world);
		make_bases();
	}
	acts.size = fuzz_piece(&c, ACTS_BYTES, &piece);
	acts.data = piece;
	n_before = how & IS_CLEAN ? 0 : N_TASKS + (how & 1 ? N_LATER_TASKS : 0);
	copy_base((enum base)(how % N_BASES));
	for (int i = 0; i < EDITS_MAX && c.size > 4; i++)
		edit(&c);
	if (how & IS_SEALED)
		seal_wal(&files[PART_WAL]);
	if (!files[PART_DB].size)
		n_before = 0; /* as before the first start */
	make_empty();
	for (enum part part = 0; part < N_PARTS; part++)
		write_file(part);
	put_marks(how);
	live_and_die(&acts);
	return 0;
}
