/* SPDX-License-Identifier: MIT */
/* One message that owns all of its text. */
#include "engine/answer.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/secret.h"
#include "engine/post.h"
#include "engine/xfer.h"

enum answer_kind { ANSWER_REDIRECT, ANSWER_RESPONSE, ANSWER_CHALLENGE };

struct answer {
	enum answer_kind kind;
	enum engine_redirect_answer redirect;
	enum engine_response_answer response;
	enum engine_challenge_answer challenge;
	char *user, *password;
	struct engine_request request;
	const char *part_path;
	struct arena arena;
};

struct answer *answer_free(struct answer *answer)
{
	if (answer) {
		secret_free(answer->user);
		secret_free(answer->password);
		arena_done(&answer->arena);
	}
	free(answer);
	return NULL;
}

static int new_redirect(enum engine_redirect_answer what, const struct engine_request *request,
	struct answer **ret_answer)
{
	struct answer *a = calloc(1, sizeof(*a));
	int r;

	if (!a)
		return err_raise(-ENOMEM);
	a->kind = ANSWER_REDIRECT;
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

static int new_response(
	enum engine_response_answer what, const char *part_path, struct answer **ret_answer)
{
	struct answer *a = calloc(1, sizeof(*a));

	if (!a)
		return err_raise(-ENOMEM);
	a->kind = ANSWER_RESPONSE;
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

static int new_challenge(enum engine_challenge_answer what,
	const struct engine_credential *credential, struct answer **ret_answer)
{
	struct answer *a = calloc(1, sizeof(*a));

	if (!a)
		return err_raise(-ENOMEM);
	a->kind = ANSWER_CHALLENGE;
	a->challenge = what;
	if (what == ENGINE_CHALLENGE_USE) {
		a->user = strdup(credential->user);
		a->password = strdup(credential->password);
	}
	if (what == ENGINE_CHALLENGE_USE && (!a->user || !a->password)) {
		answer_free(a);
		return err_raise(-ENOMEM);
	}
	*ret_answer = a;
	return 0;
}

int engine_answer_redirect(struct engine *engine, uint64_t task, uint32_t attempt,
	enum engine_redirect_answer answer, const struct engine_request *request)
{
	struct answer *a = NULL;
	int r = new_redirect(answer, request, &a);

	return r ? r : answer_send_take(engine, task, attempt, a);
}

int engine_answer_response(struct engine *engine, uint64_t task, uint32_t attempt,
	enum engine_response_answer answer, const char *part_path)
{
	struct answer *a = NULL;
	int r = new_response(answer, part_path, &a);

	return r ? r : answer_send_take(engine, task, attempt, a);
}

int engine_answer_challenge(struct engine *engine, uint64_t task, uint32_t attempt,
	enum engine_challenge_answer answer, const struct engine_credential *credential)
{
	struct answer *a = NULL;
	int r = new_challenge(answer, credential, &a);

	return r ? r : answer_send_take(engine, task, attempt, a);
}

void answer_give(const struct answer *answer, struct xfer *xfer)
{
	const struct engine_credential credential = { answer->user, answer->password };

	switch (answer->kind) {
	case ANSWER_REDIRECT:
		xfer_live_answer_redirect(xfer, answer->redirect, &answer->request);
		break;
	case ANSWER_RESPONSE:
		xfer_live_answer_response(xfer, answer->response, answer->part_path);
		break;
	case ANSWER_CHALLENGE:
		xfer_live_answer_challenge(xfer, answer->challenge, &credential);
		break;
	}
}
