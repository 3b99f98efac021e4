/* SPDX-License-Identifier: MIT */
/*
 * libtransfer: uploads and downloads that go on when the program ends, as in NSURLSession.
 *
 * This header brings everything for an application; a program that steers the tasks of others, as transferctl does,
 * includes <transfer/manager.h> as well. Build with `pkg-config --cflags --libs libtransfer`. See libtransfer(3).
 */
#ifndef TRANSFER_TRANSFER_H
#define TRANSFER_TRANSFER_H

#include <transfer/answer.h>
#include <transfer/body.h>
#include <transfer/cache.h>
#include <transfer/client.h>
#include <transfer/configuration-network.h>
#include <transfer/configuration-store.h>
#include <transfer/configuration.h>
#include <transfer/cookie.h>
#include <transfer/credential-store.h>
#include <transfer/credential.h>
#include <transfer/delegate.h>
#include <transfer/error.h>
#include <transfer/fetch.h>
#include <transfer/metrics.h>
#include <transfer/object.h>
#include <transfer/protection-space.h>
#include <transfer/protocol.h>
#include <transfer/request-policy.h>
#include <transfer/request.h>
#include <transfer/response.h>
#include <transfer/session.h>
#include <transfer/task.h>
#include <transfer/types.h>

#endif
