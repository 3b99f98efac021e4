/* SPDX-License-Identifier: MIT */
/*
 * How far something is: units done of all units, with a hand on it.
 *
 * The units of a task are bytes, those of the request's body and of the answer's together. While either is
 * not known the whole is not, and the fraction is that of what is known. A meter is a part of its task: who keeps one
 * keeps the task.
 */
#ifndef TRANSFER_METER_H
#define TRANSFER_METER_H

#include <transfer/object.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * transfer_meter - how far something is
 *
 * Returns:  transfer_meter_ref: its argument; transfer_meter_unref: nothing
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSProgress
 */
TRANSFER_OBJECT(transfer_meter);

/**
 * transfer_meter_get_total - units there are in all
 *
 * @meter: the meter; borrowed
 *
 * Returns:  units, or TRANSFER_SIZE_UNKNOWN
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSProgress.totalUnitCount
 */
TRANSFER_PUBLIC int64_t transfer_meter_get_total(const transfer_meter *meter);

/**
 * transfer_meter_get_completed - units that are done
 *
 * @meter: the meter; borrowed
 *
 * Returns:  units
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSProgress.completedUnitCount
 */
TRANSFER_PUBLIC int64_t transfer_meter_get_completed(const transfer_meter *meter);

/**
 * transfer_meter_get_fraction - part that is done
 *
 * @meter: the meter; borrowed
 *
 * Returns:  0.0 to 1.0; below 0: not known
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSProgress.fractionCompleted
 */
TRANSFER_PUBLIC double transfer_meter_get_fraction(const transfer_meter *meter);

/**
 * transfer_meter_is_finished - whether it has ended well
 *
 * @meter: the meter; borrowed
 *
 * Returns:  true: it has
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSProgress.finished
 */
TRANSFER_PUBLIC bool transfer_meter_is_finished(const transfer_meter *meter);

/**
 * transfer_meter_is_cancelled - whether it was cancelled
 *
 * @meter: the meter; borrowed
 *
 * Returns:  true: it was
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSProgress.cancelled
 */
TRANSFER_PUBLIC bool transfer_meter_is_cancelled(const transfer_meter *meter);

/**
 * transfer_meter_is_paused - whether it is suspended
 *
 * @meter: the meter; borrowed
 *
 * Returns:  true: it is
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSProgress.paused
 */
TRANSFER_PUBLIC bool transfer_meter_is_paused(const transfer_meter *meter);

/**
 * transfer_meter_cancel - cancel what it measures: transfer_task_cancel()
 *
 * @meter: the meter; borrowed
 *
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSProgress.cancel
 */
TRANSFER_PUBLIC void transfer_meter_cancel(transfer_meter *meter);

/**
 * transfer_meter_pause - suspend what it measures, once
 *
 * @meter: the meter; borrowed
 *
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSProgress.pause
 */
TRANSFER_PUBLIC void transfer_meter_pause(transfer_meter *meter);

/**
 * transfer_meter_resume - take the suspension of transfer_meter_pause() back
 *
 * @meter: the meter; borrowed
 *
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSProgress.resume
 */
TRANSFER_PUBLIC void transfer_meter_resume(transfer_meter *meter);

/*
 * On the queue of the task's session: once at the end, before its task_did_complete or handler, and until then at most
 * 10 times a second as bytes move. What comes sooner after a call is told with the next.
 */
typedef void (*transfer_meter_observer)(transfer_meter *meter, void *userdata);

/**
 * transfer_meter_observe - be told when it moves
 *
 * @meter:    the meter; borrowed
 * @observer: called; NULL: nobody any more
 * @userdata: handed to observer
 *
 * Returns:  0
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSProgress.fractionCompleted
 */
TRANSFER_PUBLIC int transfer_meter_observe(
	transfer_meter *meter, transfer_meter_observer observer, void *userdata);

#ifdef __cplusplus
}
#endif
#endif
