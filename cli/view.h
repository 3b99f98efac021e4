/* SPDX-License-Identifier: MIT */
/* How a task looks: mark, colour, word, why it waits, and its JSON. */
#ifndef CLI_VIEW_H
#define CLI_VIEW_H

#include <jansson.h>

#include "cli/ctx.h"

#define VIEW_WHY_BYTES    160
#define VIEW_STATUS_BYTES 48

const char *view_mark(const struct term *term, const struct transfer_task_row *row);
enum term_color view_color(const struct transfer_task_row *row);
/* Which kind of look it has, for counting, and the word of one. */
#define VIEW_LOOKS 15
size_t view_look(const struct transfer_task_row *row);
const char *view_look_word(size_t look);
/* "running", "retry", "queued", "failed", … */
const char *view_word(const struct transfer_task_row *row);
/* "no network, goes on by itself"; "" when it does not wait. */
const char *view_why(
	const struct transfer_task_row *row, uint64_t now_wall_us, char buf[VIEW_WHY_BYTES]);
/* Bytes moved so far and in all (-1 unknown), in the direction of the task. */
uint64_t view_done_bytes(const struct transfer_task_row *row);
int64_t view_total_bytes(const struct transfer_task_row *row);
uint64_t view_rate_bps(const struct transfer_task_row *row);
/* "saved as x", "201, https://…", "failed: why"; NULL while unfinished; short: paths as
 * seen from the current folder, the state's word left out. The caller frees. */
char *view_outcome(const struct transfer_task_row *row, bool is_short);
/* "404 Not Found", or the number alone. Returns buf. */
const char *view_status(const struct transfer_task_row *row, char buf[VIEW_STATUS_BYTES]);
/* What moves is 0, what waits for itself 1, what is queued 2, what is suspended 3. */
unsigned view_rank(const struct transfer_task_row *row);
/* The URL without user name and password; NULL for NULL. The caller frees. */
char *view_url(const char *url);
bool view_is_finished(const struct transfer_task_row *row);
/* From the first attempt to the end; 0: not known, or less than a second. */
uint64_t view_took_us(const struct transfer_task_row *row);
/* The exit code a finished task stands for; an HTTP status of 400 or more is EXIT_CODE_REFUSED. */
enum exit_code view_exit_code(const struct transfer_task_row *row);

json_t *view_json(const struct transfer_task_row *row);
json_t *view_error_json(const transfer_error *error); /* null for NULL */
json_t *view_response_json(const transfer_response *response); /* null for NULL */
/* Prints and drops value, as --json says, with a newline. */
void view_print_json(const struct ctx *ctx, json_t *value_take);
/* The same on one line, whatever --json says: one of many. */
void view_print_json_line(json_t *value_take);

#endif
