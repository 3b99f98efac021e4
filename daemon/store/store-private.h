/* SPDX-License-Identifier: MIT */
/* What the files of the store share: the open database, its statements, how rows become structs. Nobody else includes this. */
#ifndef STORE_STORE_PRIVATE_H
#define STORE_STORE_PRIVATE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/core/map.h"
#include "daemon/store/store.h"

#define STORE_APPLICATION_ID 0x74667264 /* "tfrd" */
#define STORE_ROW_MAX_BYTES  (4 << 20) /* no string, blob or row is larger */
#define STORE_E_DAMAGED      100 /* inside the store: not ours, or not to be trusted */

/* ---- rows: which column is which member ---- */
enum store_column_type {
	STORE_COLUMN_U64,
	STORE_COLUMN_BITS64, /* all 64 bits count, as in an inode number */
	STORE_COLUMN_I64,
	STORE_COLUMN_U32, /* and our enums */
	STORE_COLUMN_I32,
	STORE_COLUMN_U16,
	STORE_COLUMN_BOOL,
	STORE_COLUMN_F64, /* 0.0 ... max */
	STORE_COLUMN_TEXT, /* NULL allowed unless is_required */
	STORE_COLUMN_DETAIL, /* char[TRANSFER_RESULT_DETAIL_BYTES] inside the struct */
	STORE_COLUMN_BLOB,
	STORE_COLUMN_HEADERS, /* name NUL value NUL ... */
};

struct store_column {
	const char *name;
	enum store_column_type type;
	size_t offset, count_offset; /* count_offset: BLOB, HEADERS */
	int64_t max; /* numbers: largest value; 0: what fits */
	bool is_required;
};

#define STORE_COLUMNS_MAX 112

/* Which column each parameter and each result of a statement is; -1: none. */
struct store_map {
	int n_params, n_results;
	int8_t params[STORE_COLUMNS_MAX], results[STORE_COLUMNS_MAX];
};

/* ---- statements: each file has an enum and a table of texts ---- */
enum store_noun {
	STORE_NOUN_TURN,
	STORE_NOUN_SESSION,
	STORE_NOUN_LANE,
	STORE_NOUN_TASK,
	STORE_NOUN_LIST,
	STORE_NOUN_EVENT,
	STORE_NOUN_TOKEN,
	STORE_NOUN_TALLY,
	STORE_NOUN_COOKIE,
	STORE_NOUN_QUESTION,
	STORE_NOUN_PLACING,
};
#define STORE_N_NOUNS 11

struct store_statement {
	sqlite3_stmt *stmt;
	struct store_map map;
};

/* "scan: why" in a comment of the text allows a full scan; a test refuses the others. */
struct store_statements {
	const char *const *texts;
	size_t n;
	const struct store_column *columns;
	size_t n_columns;
};
extern const struct store_statements *const store_nouns[STORE_N_NOUNS];
extern const struct store_statements store_turn_statements, store_session_statements,
	store_lane_statements, store_task_statements, store_list_statements, store_event_statements,
	store_token_statements, store_tally_statements, store_cookie_statements,
	store_question_statements, store_placing_statements;

/* ---- numbers that are never given out twice ---- */
enum store_sequence {
	STORE_SEQUENCE_SESSION,
	STORE_SEQUENCE_TASK,
	STORE_SEQUENCE_EVENT,
	STORE_SEQUENCE_QUESTION,
};
#define STORE_N_SEQUENCES 4

struct store_tally_change;
struct store_lane_change;
struct store_placed;

/* Rows of one statement: what SQLite does for each statement costs as much as a row. */
#define STORE_MANY 8

/* The state folder and what lies in it beside the database. */
struct store_file {
	char *dir;
	char *path; /* dir/queue.db */
	int lock_fd, dir_fd;
	bool is_suspect; /* damage was seen: look at everything at the next open */
	bool was_suspect; /* so it was when we opened */
	bool is_hopeless; /* damage came back after everything had been looked at */
	bool has_ballast;
	uint64_t db_dev, db_ino; /* what we opened; 0: not open */
	uint64_t wal_ino; /* 0: not seen yet */
	uint64_t checked_us; /* when the identity and the free space were last looked at */
	bool is_space_low;
};

struct store {
	sqlite3 *db;
	struct store_file file;
	struct store_statement *statements[STORE_N_NOUNS];
	uint64_t next[STORE_N_SEQUENCES];
	uint64_t n_repaired; /* rows that could not be read */
	bool is_sequence_changed[STORE_N_SEQUENCES]; /* and not committed */
	bool saw_full; /* the last commit found no room, whatever the file system says (quota) */
	bool is_wal_held; /* no checkpoints: there is no ballast */
	bool is_put_in_turn; /* the turn makes something new: it may not use the ballast */
	int turn_error; /* SQLite rolled the turn back by itself: nothing more of it may be written */
	struct store_tally_change *tally_changes; /* uthash; written at commit */
	struct store_lane_change *lane_changes;
	struct store_placed *placed; /* written at commit */
	size_t n_placed, last_placed; /* the one that was found last */
	bool is_placing_changed; /* and not committed */
	struct map fresh; /* tasks that store_task_load() need not read */
};

/* ---- store.c ---- */
struct store_statement *store_statement(struct store *store, enum store_noun noun, int index);
int store_error(struct store *store, int rc); /* SQLite's result code to ours */
/* What was there is not there any more, or the other way round: SQLite has not noticed, but the database is damaged. -EUCLEAN. */
int store_contradicts(struct store *store);
/* Moves on to the number in the first column. Numbers that do not grow are damage, and a list of them would never end. */
int store_cursor(struct store *store, uint64_t *cursor, sqlite3_stmt *stmt);
int store_begin(struct store *store); /* begins the turn's transaction unless open */
int store_run(struct store *store, sqlite3_stmt *stmt); /* steps to the end and resets */
/* 0: a row is there; STORE_E_NOT_FOUND: no more (reset). */
int store_step(struct store *store, sqlite3_stmt *stmt);
int store_exec(struct store *store, const char *sql);
int store_next_id(struct store *store, enum store_sequence sequence, uint64_t *ret_id);
/* Never back. */
int store_raise_next(struct store *store, enum store_sequence sequence, uint64_t next);
/* Where the numbers go on; STORE_E_DAMAGED: those that are there leave no room. */
int store_load_sequences(struct store *store);
void store_bind_u64(sqlite3_stmt *stmt, int index, uint64_t value);
/* Negative and wrongly typed values are -EBADMSG. */
int store_read_u64(sqlite3_stmt *stmt, int column, uint64_t *ret_value);

/* ---- store-row.c ---- */
int store_row_map(
	const struct store_statements *noun, sqlite3_stmt *stmt, struct store_map *ret_map);
int store_row_bind(const struct store_statements *noun, const struct store_statement *statement,
	const void *object);
/* The same, of a statement of many rows whose parameters have no names: those of one row are numbered from first on. */
int store_row_bind_at(const struct store_statements *noun, const struct store_map *map,
	sqlite3_stmt *stmt, int first, const void *object);
/* -EBADMSG: the row is not one of ours (hostile or damaged database). */
int store_row_read(const struct store_statements *noun, const struct store_statement *statement,
	void *object, struct arena *arena);
/* Valid UTF-8 without NUL; NULL when not. Borrowed until the next step. */
const char *store_row_text(sqlite3_stmt *stmt, int column);

/* ---- store-file.c ---- */
int store_file_open(
	struct store_file *file, const char *state_dir); /* checks the folder, takes the lock */
void store_file_close(struct store_file *file);
/* Looks at the bytes before SQLite does. 0, STORE_E_DAMAGED, STORE_E_NEWER_SCHEMA. Creates a missing database file. */
int store_file_probe(struct store_file *file);
bool store_file_take_clean_mark(
	struct store_file *file); /* true: closed in order and untouched since */
int store_file_put_clean_mark(struct store_file *file);
void store_file_mark_suspect(struct store_file *file);
int store_file_set_aside(struct store_file *file, char *ret_path, size_t size);
int store_file_remember(struct store_file *file); /* identity of what was opened */
int store_file_check(struct store_file *file); /* -ESTALE: it is not there any more */
void store_file_make_ballast(struct store_file *file);
void store_file_drop_ballast(struct store_file *file);
bool store_file_is_space_low(const struct store_file *file);

/* ---- store-schema.c ---- */
int store_schema_settle(struct store *store, bool is_clean, struct store_report *report);
int store_schema_migrate(sqlite3 *db, int from, int to);
/* What SQLite says to the first statements over a database: STORE_E_DAMAGED when it is the database's fault. */
int store_schema_judge(int rc);

/* ---- store-tally.c ---- */
enum {
	STORE_TALLY_FAILED = 7, /* ended with an error of their own */
	STORE_TALLY_EVENTS = 8,
	STORE_TALLY_CANCELLED = 9,
	STORE_N_TALLIES = 10,
};
int store_tally_add(struct store *store, uint64_t session, unsigned what, int64_t n);
int store_tally_add_lane(struct store *store, uint64_t lane, int64_t n_queued);
int store_tally_flush(struct store *store); /* writes the changes of the turn */
void store_tally_drop(struct store *store); /* forgets them */
int store_tally_recount(struct store *store); /* reads every row */
int store_tally_load(struct store *store, uint64_t session, uint64_t ret_n[STORE_N_TALLIES]);
/* What a task counts as. */
struct store_standing {
	uint64_t session, lane;
	unsigned state;
	int result_code;
};
/* A task begins (n = 1) or ceases (n = -1) to count as that. */
int store_tally_task(struct store *store, const struct store_standing *standing, int64_t n);

/* ---- store-event.c ---- */
/* How many events a row stands for that has this in the column; 1 where it has none of our numbers. */
unsigned store_event_n(sqlite3_stmt *stmt, int column);

/* ---- store-placing.c ---- */
/* Its row is as it was put, its outcome is saved: from now on it is FINISHING. STORE_E_NOT_FOUND: there is no room in the list. */
int store_placing_add(struct store *store, const struct task *task);
void store_placing_end(struct store *store, uint64_t task); /* if it is listed */
bool store_placing_has(struct store *store, uint64_t task);
size_t store_placing_count(const struct store *store); /* not less than there are */
uint64_t store_placing_next(const struct store *store, uint64_t after_id); /* 0: no more */
/* What was loaded from a row as it was put becomes what it is. */
void store_placing_fill(struct store *store, struct task *task);
int store_placing_load(struct store *store);
int store_placing_flush(struct store *store); /* writes the changes of the turn */
void store_placing_settle(struct store *store, bool is_committed); /* else they never were */
void store_placing_free(struct store *store);

/* ---- store-fresh.c ---- */
/* Nothing has begun of it: its row holds what it was put with. */
bool store_fresh_is_untouched(const struct task *task);
struct task *store_fresh_take(struct store *store, uint64_t id); /* NULL: the row has to be read */
void store_fresh_drop(struct store *store, uint64_t id); /* if it is there: its row changes */
void store_fresh_drop_all(struct store *store);

/* ---- store-task-save.c ---- */
int store_task_set_state(
	struct store *store, uint64_t id, unsigned state); /* only that column, and the tallies */

#endif
