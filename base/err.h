/* SPDX-License-Identifier: MIT */
/*
 * Errors inside transferd: one rule, three kinds of return, all int.
 *    0   done
 *   <0   -errno: nobody planned for it; pass it up unchanged
 *   >0   an outcome this function promises; the direct caller deals with it
 * A failed transfer is not an error of this kind: it is a value, struct transfer_result.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

/* Records where this thread's last fatal error was raised, returns error_no unchanged (negative errno). */
#define err_raise(error_no) err_raise_at((error_no), __FILE__, __LINE__, __func__)
int err_raise_at(int error_no, const char *file, int line, const char *func);

/* A negative error passes; a positive outcome nobody handled becomes -ENOTRECOVERABLE. */
#define err_fold(r) err_fold_at((r), __FILE__, __LINE__, __func__)
int err_fold_at(int r, const char *file, int line, const char *func);

/* "file.c:12 in func: No such file or directory": for the one place that logs. Borrowed, per thread, until the next raise. */
const char *err_text(int error_no);

#endif
