/* SPDX-License-Identifier: MIT */
/*
 * The body of the request, as libcurl asks for it. As in xfer-body.c, nothing here adds, removes or
 * frees a handle, and no option is set.
 */
#include "engine/xfer.h"

#include "engine/source.h"

/*
 * The last bytes go only if the file is still the same: the server never gets a whole request of
 * mixed content.
 */
size_t xfer_send_on_send(char *bytes, size_t one, size_t n, void *user)
{
	struct xfer *x = user;
	size_t got = 0;
	int r;

	(void)one;
	if (xfer_time_is_limited(x)) {
		uint64_t room_bytes = xfer_time_room_bytes(x, clock_now_us());

		if (!room_bytes) {
			x->send_pause |= XFER_PAUSE_RATE;
			return CURL_READFUNC_PAUSE;
		}
		if (n > room_bytes)
			n = (size_t)room_bytes;
	}
	if (n > x->upload.end_bytes - source_offset_bytes(x->source))
		n = (size_t)(x->upload.end_bytes - source_offset_bytes(x->source));
	r = source_read(x->source, bytes, n, &got);
	if (!r && source_offset_bytes(x->source) == source_size_bytes(x->source))
		r = source_check(x->source);
	if (r == SOURCE_E_CHANGED)
		xfer_fault(x, TRANSFER_ERROR_SOURCE_CHANGED, NULL);
	else if (r)
		xfer_fault_file(x, FAULT_FILE_READ_SOURCE, r);
	if (r)
		return CURL_READFUNC_ABORT;
	xfer_time_take(x, got);
	return got;
}

int xfer_send_on_seek(void *user, curl_off_t offset, int origin)
{
	struct xfer *x = user;

	if (offset || origin != SEEK_SET)
		return CURL_SEEKFUNC_CANTSEEK;
	source_seek(x->source, x->upload.base_bytes);
	return CURL_SEEKFUNC_OK;
}
