/* SPDX-License-Identifier: MIT */
/*
 * How fast the engine is without daemon, database and bus: downloads (or uploads) a list,
 * publishes each file, prints one line.
 *
 *	engine-bench [-c AT_ONCE] [-m CONNECTIONS] [-k CA_FILE] [-w WORKERS] [-u FILE] [-n] [-p] LIST
 *
 * LIST: a line "URL<TAB>FILE" per transfer. -u: PUT this file to every URL. -n: leave the files
 * as NAME.part, unpublished. -p: no files; the bodies are read from pipes as they come.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/engine.h"

#define PIPES_MAX 256

struct item {
	char *url, *file, *part;
};

struct bench {
	struct engine *engine;
	struct item *items;
	size_t n_items, next, n_live, n_done, n_failed, n_dispatches;
	uint64_t bytes;
	const char *upload;
	bool is_unpublished, is_piped;
	int pipes[PIPES_MAX];
	unsigned n_pipes;
};

static void start_next(struct bench *b)
{
	struct item *i = &b->items[b->next];
	struct engine_spec spec = {
		.kind = b->upload ? TRANSFER_TASK_UPLOAD : TRANSFER_TASK_DOWNLOAD,
		.session = 1,
		.url = i->url,
		.method = b->upload ? "PUT" : "GET",
		.allow_insecure = true,
		.part_path = i->part,
		.known_total_bytes = -1,
		.source_fd = -1,
		.source_path = b->upload,
	};
	struct stat st;

	if (b->is_piped) {
		spec.kind = TRANSFER_TASK_DATA;
		spec.live.is_live = true;
		spec.live.source = ENGINE_SOURCE_NONE;
		spec.live.body = ENGINE_BODY_FLOW;
	}
	if (b->upload && !stat(b->upload, &st))
		spec.source_size_bytes = (uint64_t)st.st_size;
	if (engine_start(b->engine, ++b->next, 1, &spec)) {
		b->n_failed++;
		b->n_done++;
		return;
	}
	b->n_live++;
}

static void fail(struct bench *b, const struct engine_event *e)
{
	b->n_failed++;
	b->n_done++;
	if (b->n_failed < 10)
		fprintf(stderr, "%s: %d %s\n", b->items[e->task - 1].url, e->result.code,
			e->result.detail);
}

static void on_synced(struct bench *b, const struct engine_event *e)
{
	const struct item *i = &b->items[e->task - 1];
	struct engine_publish publish = {
		.part_path = i->part,
		.destination = i->file,
		.file_ino = e->file_ino,
		.may_overwrite = true,
	};

	b->bytes += e->file_size_bytes;
	if (b->is_unpublished)
		b->n_done++;
	else if (engine_publish(b->engine, e->task, e->attempt, &publish))
		fail(b, e);
}

static void on_data(struct bench *b, const struct engine_event *e)
{
	int fd = fcntl(e->live.data_fd, F_DUPFD_CLOEXEC, 3);

	if (fd < 0 || b->n_pipes == PIPES_MAX)
		abort();
	fcntl(fd, F_SETFL, O_NONBLOCK);
	b->pipes[b->n_pipes++] = fd;
}

/* What is there, and no more. */
static void read_pipe(struct bench *b, unsigned i)
{
	static char block[256 * 1024];
	ssize_t n = read(b->pipes[i], block, sizeof(block));

	if (n > 0)
		b->bytes += (uint64_t)n;
	if (n)
		return;
	close(b->pipes[i]);
	b->pipes[i] = b->pipes[--b->n_pipes];
}

static void on_event(const struct engine_event *e, void *user)
{
	struct bench *b = user;

	if (e->type == ENGINE_EVENT_DATA)
		on_data(b, e);
	if (e->type == ENGINE_EVENT_DONE) {
		b->n_live--;
		if (b->is_piped && !e->result.code) {
			b->bytes += e->live.n_body;
			b->n_done++;
		}
		if (b->upload && !e->result.code) {
			b->bytes += e->sent_bytes;
			b->n_done++;
		}
	}
	if (e->result.code)
		fail(b, e);
	else if (e->type == ENGINE_EVENT_SYNCED)
		on_synced(b, e);
	else if (e->type == ENGINE_EVENT_PUBLISHED)
		b->n_done++;
}

static int read_list(struct bench *b, const char *path)
{
	FILE *f = fopen(path, "re");
	char *line = NULL, *tab;
	size_t room = 0, n_room = 0;
	ssize_t n;

	if (!f)
		return -errno;
	while ((n = getline(&line, &room, f)) > 0) {
		struct item *i;

		line[strcspn(line, "\n")] = 0;
		tab = strchr(line, '\t');
		if (!tab)
			continue;
		*tab = 0;
		if (b->n_items == n_room) {
			n_room = n_room ? n_room * 2 : 1024;
			b->items = realloc(b->items, n_room * sizeof(*b->items));
		}
		i = &b->items[b->n_items++];
		i->url = strdup(line);
		i->file = strdup(tab + 1);
		if (asprintf(&i->part, "%s.part", i->file) < 0)
			return -ENOMEM;
	}
	free(line);
	fclose(f);
	return 0;
}

static void run(struct bench *b, size_t n_at_once)
{
	struct pollfd fds[PIPES_MAX + 1] = { { .fd = engine_fd(b->engine), .events = POLLIN } };

	while (b->n_done < b->n_items || b->n_pipes) {
		while (b->n_live < n_at_once && b->next < b->n_items)
			start_next(b);
		for (unsigned i = 0; i < b->n_pipes; i++)
			fds[i + 1] = (struct pollfd){ .fd = b->pipes[i], .events = POLLIN };
		poll(fds, b->n_pipes + 1, -1);
		for (unsigned i = b->n_pipes; i; i--) {
			if (fds[i].revents)
				read_pipe(b, i - 1);
		}
		if (!fds[0].revents)
			continue;
		b->n_dispatches++;
		engine_dispatch(b->engine, on_event, b);
		engine_note_saved(b->engine);
	}
}

static void report(const struct bench *b, double seconds)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	printf("items=%zu bytes=%llu failed=%zu wall=%.3f MBps=%.0f per_s=%.0f cpu=%.3f rss_mib=%.1f turns=%zu\n",
		b->n_items, (unsigned long long)b->bytes, b->n_failed, seconds,
		(double)b->bytes / seconds / 1e6, (double)b->n_items / seconds,
		(double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
			(double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6,
		(double)u.ru_maxrss / 1024, b->n_dispatches);
}

int main(int argc, char **argv)
{
	struct engine_config config = { .user_agent = "engine-bench", .spool_dir = "/tmp" };
	struct bench b = { 0 };
	size_t n_at_once = 6;
	uint64_t start_us;
	int option;

	while ((option = getopt(argc, argv, "c:m:k:w:u:np")) != -1) {
		if (option == 'c')
			n_at_once = strtoul(optarg, NULL, 10);
		else if (option == 'm')
			config.max_connections_per_host = (unsigned)strtoul(optarg, NULL, 10);
		else if (option == 'k')
			config.ca_file = optarg;
		else if (option == 'w')
			config.n_workers = (unsigned)strtoul(optarg, NULL, 10);
		else if (option == 'u')
			b.upload = optarg;
		else if (option == 'n')
			b.is_unpublished = true;
		else if (option == 'p')
			b.is_piped = true;
		else
			return 2;
	}
	if (optind >= argc || read_list(&b, argv[optind]))
		return 2;
	if (engine_new(&config, &b.engine))
		return 1;
	start_us = clock_now_us();
	run(&b, n_at_once);
	report(&b, (double)(clock_now_us() - start_us) / 1e6);
	engine_free(b.engine);
	for (size_t i = 0; i < b.n_items; i++) {
		free(b.items[i].url);
		free(b.items[i].file);
		free(b.items[i].part);
	}
	free(b.items);
	return b.n_failed != 0;
}
