/* SPDX-License-Identifier: MIT */
/* One message that owns all of its text. */
#include "engine/answer.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/err.h"
#include "engine/post.h"
#include "engine/xfer.h"

struct answer {
	bool is_redirect;
	enum engine_redirect_answer redirect;
	enum engine_response_answer response;
	struct engine_request request;
	const char *part_path;
	struct arena arena;
};

int answer_new_redirect(enum engine_redirect_answer what, const struct engine_request *request,
	struct answer **ret_answer)
{
	struct answer *a = calloc(1, sizeof(*a));
	int r;

	if (!a)
		return err_raise(-ENOMEM);
	a->is_redirect = true;
	a->redirect = what;
	r = what == ENGINE_REDIRECT_REPLACE ? post_copy_request(&a->arena, request, &a->request)
					    : 0;
	if (r) {
		answer_free(a);
		return err_raise(r);
	}
	*ret_answer = a;
	return 0;
}

int answer_new_response(
	enum engine_response_answer what, const char *part_path, struct answer **ret_answer)
{
	struct answer *a = calloc(1, sizeof(*a));

	if (!a)
		return err_raise(-ENOMEM);
	a->response = what;
	if (what == ENGINE_RESPONSE_TO_FILE)
		a->part_path = arena_strdup(&a->arena, part_path);
	if (what == ENGINE_RESPONSE_TO_FILE && !a->part_path) {
		answer_free(a);
		return err_raise(-ENOMEM);
	}
	*ret_answer = a;
	return 0;
}

struct answer *answer_free(struct answer *answer)
{
	if (answer)
		arena_done(&answer->arena);
	free(answer);
	return NULL;
}

void answer_give(const struct answer *answer, struct xfer *xfer)
{
	if (answer->is_redirect)
		xfer_live_answer_redirect(xfer, answer->redirect, &answer->request);
	else
		xfer_live_answer_response(xfer, answer->response, answer->part_path);
}
