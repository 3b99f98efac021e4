/* SPDX-License-Identifier: MIT */
/*
 * The name a server suggests for its file. A label only: the daemon opens nothing by it. Always one
 * safe path component: valid UTF-8, 1..255 bytes, no separators (they become "_"), no controls or
 * bidi overrides, no leading dot, not a device name of other systems.
 */
#ifndef BASE_FILENAME_H
#define BASE_FILENAME_H

#define FILENAME_BYTES 256

/*
 * filename_suggest - Content-Disposition (filename*, then filename), else the last path component,
 * else the host, else "unknown"
 * @path: of the URL, escaped; @host: may be empty
 * @disposition, @mime_type: may be NULL; the type's extension is added only to a name from
 * Content-Disposition or path that has none
 * @ret_name: always filled
 */
void filename_suggest(const char *disposition, const char *path, const char *host,
	const char *mime_type, char ret_name[FILENAME_BYTES]);

#endif
