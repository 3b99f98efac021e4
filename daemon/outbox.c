/* SPDX-License-Identifier: MIT */
/* A queue of things to do after the commit; order is kept. Main thread only. */
#include "daemon/outbox.h"

#include <errno.h>
#include <stdlib.h>

#include "base/err.h"

struct outbox_item {
	struct outbox_item *next;
	outbox_fn fn;
	void *item;
};

void outbox_init(struct outbox *outbox)
{
	*outbox = (struct outbox){ .last = &outbox->first };
}

int outbox_add_take(struct outbox *outbox, outbox_fn fn, void *item)
{
	struct outbox_item *i = calloc(1, sizeof(*i));

	if (!i)
		return err_raise(-ENOMEM);
	i->fn = fn;
	i->item = item;
	*outbox->last = i;
	outbox->last = &i->next;
	outbox->n_items++;
	return 0;
}

void outbox_release(struct outbox *outbox, int error)
{
	struct outbox_item *i;

	while ((i = outbox->first)) {
		outbox->first = i->next;
		if (!outbox->first)
			outbox->last = &outbox->first;
		outbox->n_items--;
		i->fn(i->item, error);
		free(i);
	}
}
