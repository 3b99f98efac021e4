/* SPDX-License-Identifier: MIT */
/* Names and bits of the questions. */
#include "daemon/core/question.h"

#include <string.h>

enum question_kind question_kind_of(const char *method)
{
	static const struct {
		const char *method;
		enum question_kind kind;
	} rows[] = {
#define ROW(symbol, number, method) { (method), QUESTION_##symbol },
		QUESTION_KINDS(ROW)
#undef ROW
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!strcmp(rows[i].method, method))
			return rows[i].kind;
	return QUESTION_NONE;
}

uint32_t question_bit(enum question_kind kind)
{
	return UINT32_C(1) << kind;
}
