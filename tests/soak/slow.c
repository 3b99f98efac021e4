/* SPDX-License-Identifier: MIT */
/*
 * The soak of a slow reader: of a body of 1 GiB one MiB is taken in each second, for twenty of them. What nobody took stays
 * with the server: neither the daemon nor the client grows.
 */
#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/soak/live.h"
#include "tests/soak/soak.h"

#define BODY       "/file?size=1G"
#define SECOND_MS  1000
#define TAKEN      (1u << 20) /* bytes of a second */
#define WARM_S     2 /* until all is in place that a body needs */
/* what the allocators keep goes up and down by as much */
#define GROWTH_KIB 4096
/* what pipes, sockets and buffers hold */
#define AHEAD      (20u << 20)

enum side { DAEMON, CLIENT, N_SIDES };

struct slow {
	struct rig rig;
	transfer_client *client;
	transfer_session *session;
	transfer_reader *reader;
	char *state_folder;
	struct sample before[N_SIDES], peak[N_SIDES];
};

unsigned soak_slow_s = SLOW_S;

static void open_slow(struct slow *s)
{
	transfer_auto(transfer_config) config = transfer_config_new_default();
	transfer_auto(transfer_request) request = NULL;
	transfer_error *error = NULL;
	char url[256];

	*s = (struct slow){ 0 };
	rig_new(&s->rig);
	s->state_folder = tmpdir_path("state/transferd");
	ck_assert_int_eq(bus_start_daemon(s->rig.bus, RIG_DEADLINE_MS), 0);
	transfer_config_set_allow_insecure(config, true);
	ck_assert_int_eq(transfer_client_new(&s->client, 0, &error), 0);
	ck_assert_int_eq(transfer_session_new(&s->session, s->client, config, NULL, &error), 0);
	snprintf(url, sizeof(url), "%s" BODY, origin_base(s->rig.origin));
	request = transfer_request_new(url);
	ck_assert_int_eq(transfer_reader_open(s->session, request, &s->reader, &error), 0);
}

static void close_slow(struct slow *s)
{
	transfer_reader_unref(s->reader);
	transfer_session_unref(s->session);
	transfer_client_unref(s->client);
	free(s->state_folder);
	rig_done(&s->rig);
}

static void take(struct slow *s)
{
	static char bytes[65536];
	transfer_error *error = NULL;
	size_t left = TAKEN;

	while (left) {
		size_t want = left < sizeof(bytes) ? left : sizeof(bytes);
		ssize_t n = transfer_reader_read(s->reader, bytes, want, &error);

		ck_assert_int_gt(n, 0);
		left -= (size_t)n;
	}
}

static void gauge(struct slow *s, unsigned second)
{
	struct sample now[N_SIDES] = {
		[DAEMON] = sample_take(bus_daemon_pid(s->rig.bus), s->state_folder),
		[CLIENT] = sample_take(getpid(), "/nonexistent"),
	};

	for (unsigned i = 0; i < N_SIDES; i++) {
		if (second < WARM_S)
			s->before[i] = s->peak[i] = now[i];
		sample_raise(&s->peak[i], &now[i]);
	}
}

static void check_side(const struct slow *s, enum side side, const char *name)
{
	uint64_t before = s->before[side].value[SAMPLE_RSS_KIB];
	uint64_t peak = s->peak[side].value[SAMPLE_RSS_KIB];

	printf("soak: slow %s: RSS KiB %llu, at most + %llu\n", name, (unsigned long long)before,
		(unsigned long long)(peak - before));
	fflush(stdout);
	ck_assert_uint_le(peak - before, GROWTH_KIB);
}

START_TEST(slow_reader)
{
	uint64_t begun_ms;
	struct origin_entry entry;
	struct slow s;

	open_slow(&s);
	begun_ms = proc_now_ms();
	for (unsigned i = 0; i < soak_slow_s; i++) {
		take(&s);
		poll(NULL, 0, proc_left_ms(begun_ms + (uint64_t)(i + 1) * SECOND_MS));
		gauge(&s, i);
	}
	ck_assert_int_eq(origin_log_find(s.rig.origin, BODY, 1, &entry), 0);
	printf("soak: slow: %u MiB taken, the server has sent %llu\n", soak_slow_s,
		(unsigned long long)entry.body_sent_bytes >> 20);
	ck_assert_uint_le(entry.body_sent_bytes, (uint64_t)soak_slow_s * TAKEN + AHEAD);
	check_side(&s, DAEMON, "daemon");
	check_side(&s, CLIENT, "client");
	close_slow(&s);
}
END_TEST

const TTest *soak_slow_test(void)
{
	return slow_reader;
}
