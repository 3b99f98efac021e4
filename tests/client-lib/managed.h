/* SPDX-License-Identifier: MIT */
/* A manager with a session of its own at a scripted service: what tests of its calls begin with. */
#ifndef TESTS_CLIENT_LIB_MANAGED_H
#define TESTS_CLIENT_LIB_MANAGED_H

#include <transfer/transfer.h>

#include "tests/client-lib/peer.h"
#include "tests/lib/run.h"

static struct peer *peer;
static transfer_manager *manager;

static void begin(void)
{
	transfer_auto(transfer_config) config = transfer_config_new_background("com.example.test");

	peer = peer_new();
	ck_assert_int_eq(transfer_manager_new(&manager, 0, NULL), 0);
	ck_assert_int_eq(transfer_manager_open_session(manager, config, NULL), 1);
	ck_assert_int_eq(transfer_manager_open_session(manager, config, NULL), 0);
}

static void end(void)
{
	transfer_manager_unref(manager);
	peer_free(peer);
}

#endif
