/* SPDX-License-Identifier: MIT */
/* How lists of rows are made from what ipc decoded. All return NULL when memory is short. */
#ifndef CLIENT_LIB_ROWS_H
#define CLIENT_LIB_ROWS_H

#include <transfer/rows.h>

struct ipc_event;
struct ipc_failure;
struct ipc_manager_get_progress_out;
struct ipc_manager_list_sessions_out;
struct ipc_manager_list_tasks_out;
struct ipc_manager_peek_events_out;
struct ipc_statistics;

transfer_task_list *rows_new_tasks(const struct ipc_manager_list_tasks_out *out);
transfer_session_list *rows_new_sessions(const struct ipc_manager_list_sessions_out *out);
transfer_progress_list *rows_new_progress(const struct ipc_manager_get_progress_out *out);
transfer_event_list *rows_new_events(const struct ipc_manager_peek_events_out *out);
transfer_failure_list *rows_new_failures(void);
/* 0 or -ENOMEM */
int rows_add_failures(transfer_failure_list *list, const struct ipc_failure *failures, size_t n);
transfer_statistics *rows_new_statistics(const struct ipc_statistics *from);

#endif
