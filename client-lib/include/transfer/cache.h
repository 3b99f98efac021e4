/* SPDX-License-Identifier: MIT */
/*
 * Answers that are kept, so that they need not be fetched again, for sessions that are not background ones.
 *
 * A cache has for each URL the answer that was kept last, or some where the answer says that it depends on fields of the
 * request (Vary). It holds them in memory, in files, or both: each of the two has a capacity, and what was used longest
 * ago goes when it is full. Only requests with the method GET have an entry; the part of a URL behind "#" does not count.
 *
 * The named caches belong to the process, and all its clients and sessions that name them share them
 * (transfer_config_set_cache()): with 4 MiB in memory and 20 MiB in files below $XDG_CACHE_HOME/PROGRAM/transferd. A session may
 * have one of its own, in memory only. transfer_session_reset() empties the cache of its session. Cookies are no part of what is
 * looked for: sessions with other cookie stores want other caches. Requests and sessions with a CA file of their own have none.
 *
 * A cache may lose what it was given: the files are not forced to the disk, and one that is damaged, or was removed by
 * somebody else, counts as never written. Programs may share a folder. A folder that is not ours or that others may
 * write to is not used. After fork(), a cache of before has no files in the child.
 *
 * There are no variants per task: a cache never has to ask anybody, so the cache of a task is that of its session,
 * transfer_session_get_cache().
 */
#ifndef TRANSFER_CACHE_H
#define TRANSFER_CACHE_H

#include <transfer/request.h>
#include <transfer/response.h>
#include <transfer/session.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- an answer ---- */

/**
 * transfer_cached_response - an answer with its body; immutable
 *
 * Returns:  transfer_cached_response_ref: its argument; transfer_cached_response_unref: nothing
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSCachedURLResponse
 */
TRANSFER_OBJECT(transfer_cached_response);

/**
 * transfer_cached_response_new - an answer to be kept
 *
 * @response: a reference is kept
 * @body:     a reference is kept; NULL: empty
 * @policy:   where it may be kept; TRANSFER_STORAGE_ALLOWED: in memory and in a file
 *
 * Returns:  the answer, or NULL: no response, no such policy, or out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSCachedURLResponse.initWithResponse:data:userInfo:storagePolicy:
 */
TRANSFER_PUBLIC transfer_cached_response *transfer_cached_response_new(
	const transfer_response *response, const transfer_data *body,
	enum transfer_storage_policy policy);

/**
 * transfer_cached_response_get_response - the response
 *
 * @cached: the answer; borrowed
 *
 * Returns:  the response; lent
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSCachedURLResponse.response
 */
TRANSFER_PUBLIC const transfer_response *transfer_cached_response_get_response(
	const transfer_cached_response *cached);

/**
 * transfer_cached_response_get_body - its body
 *
 * @cached: the answer; borrowed
 *
 * Returns:  the bytes, lent; NULL: none
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSCachedURLResponse.data
 */
TRANSFER_PUBLIC const transfer_data *transfer_cached_response_get_body(
	const transfer_cached_response *cached);

/**
 * transfer_cached_response_get_storage_policy - where it may be kept
 *
 * @cached: the answer; borrowed
 *
 * Returns:  the policy
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSCachedURLResponse.storagePolicy
 */
TRANSFER_PUBLIC enum transfer_storage_policy transfer_cached_response_get_storage_policy(
	const transfer_cached_response *cached);

/* ---- caches ---- */

/**
 * transfer_cache - answers by request; shared, never copied
 *
 * Returns:  transfer_cache_ref: its argument; transfer_cache_unref: nothing
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLCache
 */
TRANSFER_OBJECT(transfer_cache);

/**
 * transfer_cache_get - a cache of the process
 *
 * @name: "shared", or as in transfer_config_set_cache(); not "". It is made when it is first asked for
 *
 * It is that of sessions without an application id (transfer_config_set_app_id()): one that has an id has its files in
 * a folder of that name, and transfer_session_get_cache() says which cache it is.
 *
 * Returns:  the same cache each time, lent, and there until the program ends; NULL: no such name, or out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLCache.sharedURLCache
 */
TRANSFER_PUBLIC transfer_cache *transfer_cache_get(const char *name);

/**
 * transfer_session_get_cache - where the answers of a session are kept
 *
 * @session: the session
 *
 * Returns:  the cache, lent for as long as the session lives; NULL: none, or a background session
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.URLCache
 */
TRANSFER_PUBLIC transfer_cache *transfer_session_get_cache(const transfer_session *session);

/**
 * transfer_cache_new - a cache of the program's own
 *
 * @ret_cache:             the new cache
 * @memory_capacity_bytes: how much it may hold in memory; 0: nothing
 * @disk_capacity_bytes:   how much its files may have; 0: no file
 * @directory:             absolute path of the folder for its files; it and those above it are made when the first file
 *                         is, and nothing else should be in it; NULL: no file
 *
 * Sessions use it after transfer_config_set_cache_object().
 *
 * Returns:  0, or
 *           -EINVAL  the path is not absolute, too long or not UTF-8
 *           -ENOMEM  out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLCache.initWithMemoryCapacity:diskCapacity:directoryURL:
 */
TRANSFER_PUBLIC int transfer_cache_new(transfer_cache **ret_cache, uint64_t memory_capacity_bytes,
	uint64_t disk_capacity_bytes, const char *directory);

/**
 * transfer_cache_find - what was kept for a request
 *
 * @cache:   the cache
 * @request: the request; borrowed. Its URL, method and header fields count
 *
 * Returns:  the answer, a reference of the caller's, whether it is still fresh or not; NULL: there is none
 * Blocks:   on the disk
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLCache.cachedResponseForRequest:
 */
TRANSFER_PUBLIC transfer_cached_response *transfer_cache_find(
	transfer_cache *cache, const transfer_request *request);

/**
 * transfer_cache_store - keep an answer for a request
 *
 * @cache:   the cache
 * @request: the request; borrowed
 * @cached:  the answer; a reference is kept, and with it what its body holds
 *
 * It takes the place of the one that transfer_cache_find() would have found. What fits in neither capacity is not kept,
 * nor is what may not be (TRANSFER_STORAGE_NOT_ALLOWED, "Vary: *"). One whose URL has a password is kept in memory only.
 *
 * Returns:  0: it is kept where it may be and fits; its file, if any, is there now. Or
 *           -EINVAL  the method is not GET, or the URL is too long
 *           -ENOMEM  out of memory; nothing is kept
 *           -ENOSPC, -EACCES, …  the file could not be written; it is kept in memory, where it fits
 * Blocks:   on the disk
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLCache.storeCachedResponse:forRequest:
 */
TRANSFER_PUBLIC int transfer_cache_store(transfer_cache *cache, const transfer_request *request,
	const transfer_cached_response *cached);

/**
 * transfer_cache_remove - forget what was kept for a request
 *
 * @cache:   the cache
 * @request: the request; borrowed. All that was kept for its URL goes; none that is there is no error
 *
 * Returns:  nothing
 * Blocks:   on the disk
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLCache.removeCachedResponseForRequest:
 */
TRANSFER_PUBLIC void transfer_cache_remove(transfer_cache *cache, const transfer_request *request);

/**
 * transfer_cache_remove_all - forget everything
 *
 * @cache: the cache
 *
 * Returns:  nothing
 * Blocks:   on the disk
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLCache.removeAllCachedResponses
 */
TRANSFER_PUBLIC void transfer_cache_remove_all(transfer_cache *cache);

/**
 * transfer_cache_remove_since - forget what was kept lately
 *
 * @cache:      the cache
 * @since_usec: what was stored then or later goes, by the wall clock, microseconds since the epoch
 *
 * Returns:  nothing
 * Blocks:   on the disk
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLCache.removeCachedResponsesSinceDate:
 */
TRANSFER_PUBLIC void transfer_cache_remove_since(transfer_cache *cache, uint64_t since_usec);

/**
 * transfer_cache_set_memory_capacity - how much may be in memory
 *
 * @cache:          the cache
 * @capacity_bytes: what is too much now goes at once
 *
 * Returns:  nothing
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLCache.memoryCapacity
 */
TRANSFER_PUBLIC void transfer_cache_set_memory_capacity(
	transfer_cache *cache, uint64_t capacity_bytes);

/**
 * transfer_cache_get_memory_capacity - how much may be in memory
 *
 * @cache: the cache
 *
 * Returns:  bytes
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLCache.memoryCapacity
 */
TRANSFER_PUBLIC uint64_t transfer_cache_get_memory_capacity(const transfer_cache *cache);

/**
 * transfer_cache_set_disk_capacity - how much files may have
 *
 * @cache:          the cache
 * @capacity_bytes: what is too much now goes at once; without effect on a cache without a folder
 *
 * Returns:  nothing
 * Blocks:   on the disk
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLCache.diskCapacity
 */
TRANSFER_PUBLIC void transfer_cache_set_disk_capacity(
	transfer_cache *cache, uint64_t capacity_bytes);

/**
 * transfer_cache_get_disk_capacity - how much files may have
 *
 * @cache: the cache
 *
 * Returns:  bytes; 0 without a folder
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLCache.diskCapacity
 */
TRANSFER_PUBLIC uint64_t transfer_cache_get_disk_capacity(const transfer_cache *cache);

/**
 * transfer_cache_get_memory_usage - how much is in memory
 *
 * @cache: the cache
 *
 * Returns:  bytes of heads and bodies
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLCache.currentMemoryUsage
 */
TRANSFER_PUBLIC uint64_t transfer_cache_get_memory_usage(const transfer_cache *cache);

/**
 * transfer_cache_get_disk_usage - how much files have
 *
 * @cache: the cache
 *
 * Returns:  bytes, in whole blocks of 4096, as far as this process knows of the files
 * Blocks:   on the disk
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLCache.currentDiskUsage
 */
TRANSFER_PUBLIC uint64_t transfer_cache_get_disk_usage(transfer_cache *cache);

#ifdef __cplusplus
}
#endif
#endif
