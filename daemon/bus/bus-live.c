/* SPDX-License-Identifier: MIT */
/* What only sessions that live in memory know: keys of their requests and configurations, answers, their end. */
#include "daemon/bus/bus-private.h"

bool bus_live_is_request(const struct ipc_request *request)
{
	return request->body || request->has_body_stream || request->has_body_length ||
		request->has_body_asked || request->implements || request->has_whole_body ||
		request->cache_policy || request->service_type || request->has_allows_metered;
}

bool bus_live_is_configuration(const struct ipc_configuration *configuration)
{
	return configuration->has_waits_for_connectivity || configuration->cache_policy ||
		configuration->service_type || configuration->tls_minimum ||
		configuration->tls_maximum || configuration->proxy ||
		configuration->proxy_exceptions;
}

int bus_live_answer_redirect(
	struct ipc_call *call, void *user, const struct ipc_session_answer_redirect_in *in)
{
	(void)user;
	(void)in;
	return bus_refuse(call, FLOW_E_NOT_SUPPORTED_IN_SESSION);
}

int bus_live_answer_responses(struct ipc_call *call, void *user,
	const struct ipc_session_answer_responses_in *in,
	struct ipc_session_answer_responses_out *out)
{
	(void)user;
	(void)in;
	(void)out;
	return bus_refuse(call, FLOW_E_NOT_SUPPORTED_IN_SESSION);
}

int bus_live_answer_body_stream(
	struct ipc_call *call, void *user, const struct ipc_session_answer_body_stream_in *in)
{
	(void)user;
	(void)in;
	return bus_refuse(call, FLOW_E_NOT_SUPPORTED_IN_SESSION);
}

int bus_live_close(struct ipc_call *call, void *user)
{
	(void)user;
	return bus_refuse(call, FLOW_E_NOT_SUPPORTED_IN_SESSION);
}
