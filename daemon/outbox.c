/* SPDX-License-Identifier: MIT */
/* A queue of things to do after the commit; order is kept. Main thread only. */
#include "daemon/outbox.h"

#include <errno.h>
#include <stdlib.h>

#include "base/err.h"

#define OUTBOX_FIRST_ITEMS 64

struct outbox_item {
	outbox_fn fn;
	void *item;
};

void outbox_init(struct outbox *outbox)
{
	*outbox = (struct outbox){ 0 };
}

static int grow(struct outbox *outbox)
{
	size_t room = outbox->room ? outbox->room * 2 : OUTBOX_FIRST_ITEMS;
	struct outbox_item *items = reallocarray(outbox->items, room, sizeof(*items));

	if (!items)
		return err_raise(-ENOMEM);
	outbox->items = items;
	outbox->room = room;
	return 0;
}

int outbox_add_take(struct outbox *outbox, outbox_fn fn, void *item)
{
	int r = outbox->n_items == outbox->room ? grow(outbox) : 0;

	if (!r)
		outbox->items[outbox->n_items++] = (struct outbox_item){ fn, item };
	return r;
}

void outbox_release(struct outbox *outbox, int error)
{
	for (size_t i = 0; i < outbox->n_items; i++) {
		/* what it calls may add one, and the items move */
		struct outbox_item now = outbox->items[i];

		now.fn(now.item, error);
	}
	free(outbox->items);
	outbox_init(outbox);
}
