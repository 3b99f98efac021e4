/* SPDX-License-Identifier: MIT */
/*
 * The main loop works in turns (I1). libevent only says who has something; then one turn takes in the engine's reports, the network's
 * state and the bus's calls, and the flow ends it: commit, then replies, commands, signals. One timer is armed for the earliest of
 * all wishes and not at all when there is none: an idle daemon does not wake up. What the flow waits for is due also when the
 * machine slept meanwhile (wake.h).
 *
 * Where the engine reports a crowd, the next turn waits a moment for the rest of it: one commit does for all.
 */
#include "daemon/daemon.h"

#include <errno.h>
#include <event2/event.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"
#include "base/log.h"
#include "base/memory.h"
#include "daemon/bus/bus.h"
#include "daemon/config.h"
#include "daemon/files.h"
#include "daemon/flow.h"
#include "daemon/live.h"
#include "daemon/network.h"
#include "daemon/notify.h"
#include "daemon/scouts.h"
#include "daemon/store/store.h"
#include "daemon/wake.h"
#include "engine/engine.h"

#define DAEMON_PATH_MAX       4096
#define DAEMON_STOP_US        UINT64_C(4000000) /* of the 5 s that a clean stop may take */
#define DAEMON_LOCK_WAIT_US   UINT64_C(6000000) /* for the one before us to end */
#define DAEMON_DRAIN_MS       500
#define DAEMON_CROWD          8 /* reports in one turn */
#define DAEMON_GATHER_US      UINT64_C(20000)
/* Small tasks in memory that end in a crowd: as many rows in one message are worth so much of a wait. */
#define DAEMON_LIVE_CROWD     4 /* ends in one turn */
#define DAEMON_LIVE_GATHER_US UINT64_C(1000)
#define DAEMON_SYSTEM_STATE   "/var/lib/transferd"

enum {
	WATCH_BUS,
	WATCH_ENGINE,
	WATCH_NETWORK,
	WATCH_SCOUTS,
	WATCH_TERM,
	WATCH_INT,
	WATCH_HUP,
	WATCH_TIMER,
	WATCH_WAKE,
	WATCH_CLOCK,
	WATCH_COUNT
};

struct daemon {
	const struct daemon_options *options;
	struct config *config;
	char state_dir[DAEMON_PATH_MAX], spool_dir[DAEMON_PATH_MAX + 16];
	struct store *store;
	struct engine *engine;
	struct flow *flow;
	struct live *live;
	struct bus *bus;
	struct scouts *scouts;
	struct network *network; /* NULL: counts as up */
	struct event_base *base;
	struct event *watches[WATCH_COUNT];
	struct wake wake; /* for what the flow waits for, which goes on while the machine sleeps */
	bool is_ready[WATCH_COUNT];
	bool is_stopping, is_over, is_idle;
	bool was_clean; /* the daemon before us ended in order */
	unsigned n_reports; /* of the engine, in this turn */
	unsigned n_live_ends; /* among those of tasks in memory */
	bool is_looked_at; /* the engine, in this turn */
	uint64_t gather_until_us; /* the engine is not looked at before; 0: it is */
	int result;
	uint64_t stop_by_us, watchdog_us, watchdog_due_us, idle_since_us;
};

/* ---- start ---- */

/* A mask may say what others see of published files, but not keep us from our own. */
static void open_mask_for_us(void)
{
	mode_t mask = umask(077);

	umask(mask & ~(mode_t)0700);
}

/* What the background leaves of them. */
static uint32_t count_live_slots(const struct daemon *d)
{
	uint32_t n_max = files_attempts_max(), n_queued = d->config->max_active_tasks;

	if (!n_max)
		return d->config->max_active_in_app;
	n_max = n_max > n_queued ? n_max - n_queued : 1;
	return n_max < d->config->max_active_in_app ? n_max : d->config->max_active_in_app;
}

static int find_state_dir(struct daemon *d)
{
	const char *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	const struct passwd *entry;
	int n;

	if (d->options->state_dir) {
		n = snprintf(d->state_dir, sizeof(d->state_dir), "%s", d->options->state_dir);
	} else if (d->options->is_system) {
		n = snprintf(d->state_dir, sizeof(d->state_dir), "%s", DAEMON_SYSTEM_STATE);
	} else if (xdg && xdg[0] == '/') {
		n = snprintf(d->state_dir, sizeof(d->state_dir), "%s/transferd", xdg);
	} else {
		if (!home || home[0] != '/') {
			entry = getpwuid(getuid());
			home = entry ? entry->pw_dir : "";
		}
		n = snprintf(d->state_dir, sizeof(d->state_dir), "%s/.local/state/transferd", home);
	}
	if (n <= 0 || n >= DAEMON_PATH_MAX || d->state_dir[0] != '/')
		return -EINVAL;
	snprintf(d->spool_dir, sizeof(d->spool_dir), "%s/spool", d->state_dir);
	return 0;
}

static int make_folders(struct daemon *d)
{
	int r = find_state_dir(d);

	if (!r)
		r = io_mkdir_private(d->state_dir);
	if (!r)
		r = io_mkdir_private(d->spool_dir);
	if (!r)
		return 0;
	log_error("the state folder %s cannot be used: %s", d->state_dir, strerror(-r));
	return DAEMON_E_STATE_DIR;
}

static void report_store(const struct store_report *report)
{
	if (report->set_aside[0])
		log_error(
			"the database was damaged and is now %s; its tasks are lost, their partial files are kept",
			report->set_aside);
	else if (report->has_new_indexes)
		log_warn("indexes of the database were damaged and are made anew; no task is lost");
	if (report->migrated_from != report->migrated_to && report->migrated_from)
		log_notice("the database was brought from version %d to %d; a copy is %s",
			report->migrated_from, report->migrated_to, report->backup);
}

/* The one before us may still be saving: it holds the lock for at most the time a clean stop takes. */
static int open_store(struct daemon *d)
{
	uint64_t give_up_us = clock_now_us() + DAEMON_LOCK_WAIT_US;
	struct store_report report = { 0 };
	int r;

	while ((r = store_open(d->state_dir, &d->store, &report)) == STORE_E_LOCKED &&
		clock_now_us() < give_up_us)
		usleep(20000);
	switch (r) {
	case 0:
		report_store(&report);
		d->was_clean = report.was_clean;
		return 0;
	case STORE_E_LOCKED:
		log_error("another transferd uses %s", d->state_dir);
		return DAEMON_E_LOCKED;
	case STORE_E_NEWER_SCHEMA:
		log_error("%s was written by a newer transferd and is left as it is", d->state_dir);
		return DAEMON_E_NEWER_STATE;
	case STORE_E_FULL:
		log_error("no room on the disk of %s", d->state_dir);
		return DAEMON_E_STATE_DIR;
	default:
		log_error("the database in %s cannot be opened: %s", d->state_dir, err_text(r));
		return err_fold(r);
	}
}

static int start_engine(struct daemon *d)
{
	const struct config *c = d->config;
	struct engine_config config = {
		.user_agent = c->user_agent[0] ? c->user_agent : "transferd/" PACKAGE_VERSION,
		.ca_file = c->ca_file[0] ? c->ca_file : NULL,
		.spool_dir = d->spool_dir,
		.n_workers = c->workers,
		.max_connections_per_host = c->max_connections_per_host,
		.max_download_bps = c->max_download_bps,
		.max_upload_bps = c->max_upload_bps,
	};
	int r = engine_new(&config, &d->engine);

	if (r)
		log_error("the engine cannot be started: %s", err_text(r));
	return r;
}

static void read_boot_id(char boot_id[FLOW_BOOT_ID_BYTES])
{
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");

	boot_id[0] = '\0';
	if (!f)
		return;
	if (fgets(boot_id, FLOW_BOOT_ID_BYTES, f))
		boot_id[strcspn(boot_id, "\n")] = '\0';
	fclose(f);
}

static void watch_network(struct daemon *d)
{
	int r = d->config->uses_netlink ? network_new(&d->network) : 0;

	if (r)
		log_warn("the network cannot be watched and counts as up: %s", err_text(r));
}

static int start_flow(struct daemon *d)
{
	char boot_id[FLOW_BOOT_ID_BYTES];
	struct flow_config config = {
		.store = d->store,
		.engine = d->engine,
		.spool_dir = d->spool_dir,
		.observer = bus_observer(),
		.observer_user = d->bus,
		.floor_bps = d->config->floor_bps ? d->config->floor_bps : UINT64_MAX,
		.floor_window_us = d->config->floor_window_us,
		.never_resumes_uploads = !d->config->resumes_uploads,
		.retention_us = d->config->retention_us,
		.disabled_apps = d->config->disabled_apps,
		.boot_id = boot_id,
		/* who ended in order has saved how long its files are: what is behind that is not ours */
		.started_file_wall_us = d->was_clean ? 0 : clock_file_wall_us(),
		.n_attempts_max = files_attempts_max(),
		.is_offline = d->network && !network_is_up(d->network, clock_now_us()),
		.first_limits = {
			.max_download_bps = d->config->max_download_bps,
			.max_upload_bps = d->config->max_upload_bps,
			.max_active_tasks = d->config->max_active_tasks,
			.max_connections_per_host = d->config->max_connections_per_host,
		},
	};
	struct clock_now now = clock_now();
	int r;

	read_boot_id(boot_id);
	r = flow_new(&config, &d->flow);
	if (!r) {
		bus_set_flow(d->bus, d->flow);
		r = flow_start(d->flow, &now);
	}
	if (r)
		log_error("the queue cannot be read: %s", err_text(r));
	return r;
}

static int start_live(struct daemon *d)
{
	const struct live_config config = {
		.engine = d->engine,
		.flow = d->flow,
		.spool_dir = d->spool_dir,
		.observer = bus_live_observer(),
		.observer_user = d->bus,
		.n_slots = count_live_slots(d),
		.is_offline = d->network && !network_is_up(d->network, clock_now_us()),
	};
	int r = live_new(&config, &d->live);

	if (r)
		log_error("sessions in memory are not possible: %s", err_text(r));
	else
		bus_set_live(d->bus, d->live);
	return r;
}

static int connect_bus(struct daemon *d)
{
	struct bus_config config = {
		.kind = d->options->is_system ? IPC_BUS_SYSTEM : IPC_BUS_USER,
		.spool_dir = d->spool_dir,
	};
	int r = bus_new(&config, &d->bus);

	if (!r)
		return 0;
	log_error("the %s bus cannot be reached: %s", d->options->is_system ? "system" : "user",
		err_text(r));
	return DAEMON_E_NO_BUS;
}

static int serve(struct daemon *d)
{
	int r = scouts_new(0, &d->scouts);

	if (r)
		return r;
	bus_set_scouts(d->bus, d->scouts);
	r = bus_start(d->bus);
	if (r == BUS_E_NAME_TAKEN) {
		log_error("another transferd serves this bus");
		return DAEMON_E_NAME_TAKEN;
	}
	if (r)
		log_error("the bus name cannot be taken: %s", err_text(r));
	return err_fold(r);
}

/* ---- the loop ---- */

static void on_ready(evutil_socket_t fd, short what, void *user)
{
	(void)fd;
	(void)what;
	*(bool *)user = true;
}

static int watch(struct daemon *d, int which, int fd, short what)
{
	d->watches[which] = event_new(d->base, fd, what, on_ready, &d->is_ready[which]);
	if (!d->watches[which] || (which != WATCH_TIMER && event_add(d->watches[which], NULL)))
		return err_raise(-ENOMEM);
	return 0;
}

static int make_loop(struct daemon *d)
{
	int r;

	d->base = event_base_new();
	if (!d->base)
		return err_raise(-ENOMEM);
	r = wake_init(&d->wake);
	if (r)
		log_warn("what comes due in a suspend, or by a clock that is set, may be late: %s",
			err_text(r));
	r = watch(d, WATCH_BUS, bus_fd(d->bus), EV_READ | EV_PERSIST);
	if (!r)
		r = watch(d, WATCH_ENGINE, engine_fd(d->engine), EV_READ | EV_PERSIST);
	if (!r)
		r = watch(d, WATCH_SCOUTS, scouts_fd(d->scouts), EV_READ | EV_PERSIST);
	if (!r && d->network)
		r = watch(d, WATCH_NETWORK, network_fd(d->network), EV_READ | EV_PERSIST);
	if (!r)
		r = watch(d, WATCH_TERM, SIGTERM, EV_SIGNAL | EV_PERSIST);
	if (!r)
		r = watch(d, WATCH_INT, SIGINT, EV_SIGNAL | EV_PERSIST);
	if (!r)
		r = watch(d, WATCH_HUP, SIGHUP, EV_SIGNAL | EV_PERSIST);
	if (!r && d->wake.fd >= 0)
		r = watch(d, WATCH_WAKE, d->wake.fd, EV_READ | EV_PERSIST);
	if (!r && d->wake.clock_fd >= 0)
		r = watch(d, WATCH_CLOCK, d->wake.clock_fd, EV_READ | EV_PERSIST);
	return r ? r : watch(d, WATCH_TIMER, -1, EV_TIMEOUT);
}

static uint64_t left(uint64_t due_us, uint64_t now_us)
{
	return due_us == UINT64_MAX ? UINT64_MAX : due_us > now_us ? due_us - now_us : 0;
}

static void arm_timer(struct daemon *d)
{
	uint64_t flow_due_us = flow_next_timer(d->flow), now_us = clock_now_us(), left_us;
	uint64_t due_us = clock_earlier_us(flow_due_us, bus_next_timer(d->bus));
	struct timeval tv;

	wake_set(&d->wake, left(flow_due_us, now_us));
	due_us = clock_earlier_us(due_us, live_next_timer(d->live));
	due_us = clock_earlier_us(due_us, scouts_next_timer(d->scouts));
	if (d->network)
		due_us = clock_earlier_us(due_us, network_next_timer(d->network));
	if (d->gather_until_us)
		due_us = clock_earlier_us(due_us, d->gather_until_us);
	if (d->watchdog_us)
		due_us = clock_earlier_us(due_us, d->watchdog_due_us);
	if (d->idle_since_us)
		due_us = clock_earlier_us(due_us, d->idle_since_us + d->config->idle_exit_us);
	if (d->is_stopping)
		due_us = clock_earlier_us(due_us, d->stop_by_us);
	if (due_us == UINT64_MAX) {
		event_del(d->watches[WATCH_TIMER]);
		return;
	}
	left_us = left(due_us, now_us);
	tv.tv_sec = (time_t)(left_us / CLOCK_US_PER_S);
	tv.tv_usec = (suseconds_t)(left_us % CLOCK_US_PER_S);
	event_add(d->watches[WATCH_TIMER], &tv);
}

/* No room is the flow's business, it tries again. A database that is gone or damaged is the next start's: it sets it aside. */
static void look_at_commit(struct daemon *d, int r)
{
	if (r != -ESTALE && r != -EUCLEAN)
		return;
	log_error("the database %s: leaving, the next start deals with it",
		r == -ESTALE ? "was taken away or replaced" : "is damaged");
	d->is_over = true;
	d->result = r;
}

static void begin_stop(struct daemon *d, const char *why)
{
	if (d->is_stopping)
		return;
	log_notice("stopping: %s", why);
	notify_send("STOPPING=1");
	d->is_stopping = true;
	d->stop_by_us = clock_now_us() + DAEMON_STOP_US;
	flow_stop(d->flow);
	live_stop(d->live);
	/* whoever calls from now on gets the next daemon, which waits for our lock */
	bus_stop(d->bus);
}

static void on_report(const struct engine_event *event, void *user)
{
	struct daemon *d = user;
	uint64_t owned = event->type == ENGINE_EVENT_COOKIES ? event->jar : event->task;

	if (live_owns(owned)) {
		d->n_live_ends += event->type == ENGINE_EVENT_DONE;
		live_engine_event(event, d->live);
		return;
	}
	d->n_reports++;
	flow_engine_event(event, d->flow);
}

/* While they gather, a call has its turn without them: it is answered sooner. */
static void take_reports(struct daemon *d, uint64_t now_us)
{
	int r;

	d->is_looked_at = d->is_ready[WATCH_ENGINE] ||
		(d->gather_until_us && now_us >= d->gather_until_us);
	if (!d->is_looked_at)
		return;
	d->n_reports = d->n_live_ends = 0;
	r = engine_dispatch(d->engine, on_report, d);
	if (r)
		log_error("the engine's reports cannot be read: %s", err_text(r));
}

/* 0: the next reports are not waited for. */
static uint64_t time_to_gather(const struct daemon *d)
{
	if (live_n_running(d->live))
		return d->n_live_ends >= DAEMON_LIVE_CROWD ? DAEMON_LIVE_GATHER_US : 0;
	/* when nothing runs any more somebody waits for the end */
	return d->n_reports >= DAEMON_CROWD && flow_has_slots_taken(d->flow) ? DAEMON_GATHER_US : 0;
}

/* After a crowd of reports the next ones are left to gather, until none are to come. */
static void gather_reports(struct daemon *d, uint64_t now_us)
{
	uint64_t for_us = time_to_gather(d);

	if (d->is_looked_at)
		d->gather_until_us = for_us && engine_doze(d->engine) ? now_us + for_us : 0;
}

static void run_turn(struct daemon *d)
{
	struct clock_now now = clock_now();

	if (d->is_ready[WATCH_WAKE] || d->is_ready[WATCH_CLOCK])
		wake_take(&d->wake);
	flow_turn_begin(d->flow, &now);
	live_turn_begin(d->live, &now);
	if (d->network) {
		if (d->is_ready[WATCH_NETWORK] && network_dispatch(d->network, now.now_us))
			log_warn("the network watch fails: %s", err_text(-EIO));
		flow_set_network(d->flow, network_is_up(d->network, now.now_us));
		live_set_network(d->live, network_is_up(d->network, now.now_us));
	}
	scouts_dispatch(d->scouts, now.now_us, bus_looked, d->bus);
	if (d->is_ready[WATCH_BUS] && bus_dispatch(d->bus) == -ENOTCONN && !d->is_stopping) {
		/* what is running is saved as in any other stop; who asks on the next bus starts the next daemon */
		begin_stop(d, "the bus is gone");
		d->result = -ENOTCONN;
	}
	take_reports(d, now.now_us);
	bus_tick(d->bus, now.now_us);
	/* what is told of tasks in memory waits for no commit */
	live_turn_end(d->live);
	look_at_commit(d, flow_turn_end(d->flow));
	if (flow_is_saved(d->flow))
		engine_note_saved(d->engine);
	bus_flush(d->bus);
}

/* A part of a message is none. */
static bool is_turn_due(struct daemon *d)
{
	for (int i = 0; i < WATCH_COUNT; i++)
		if (i != WATCH_BUS && d->is_ready[i])
			return true;
	d->is_ready[WATCH_BUS] = d->is_ready[WATCH_BUS] && bus_read(d->bus);
	return d->is_ready[WATCH_BUS];
}

static void on_complaint(const char *text, void *user)
{
	(void)user;
	log_warn("%s, ignoring", text);
}

/* SIGHUP: what may change while running, as transferd.conf(5) says; the rest needs a restart. */
static void reload(struct daemon *d)
{
	struct config fresh;

	config_init(&fresh);
	if (config_read(&fresh, d->options->is_system, on_complaint, NULL))
		return;
	d->config->idle_exit_us = fresh.idle_exit_us;
	d->config->log_level = fresh.log_level;
	log_set_level(d->options->is_debugging ? LOG_LEVEL_DEBUG : fresh.log_level);
	log_notice("the configuration was read again");
}

static void tend_watchdog(struct daemon *d, uint64_t now_us)
{
	if (!d->watchdog_us || now_us < d->watchdog_due_us)
		return;
	notify_send("WATCHDOG=1");
	d->watchdog_due_us = now_us + d->watchdog_us;
}

static void tend_idleness(struct daemon *d, uint64_t now_us)
{
	uint64_t last_us = bus_last_call_us(d->bus);
	bool was_idle = d->is_idle;

	d->is_idle = !scouts_are_out(d->scouts) && live_can_exit(d->live) &&
		flow_can_exit(d->flow); /* asks the database */
	/* what the work needed; in a turn that happens anyway */
	if (d->is_idle && !was_idle)
		memory_give_back();
	if (d->options->has_no_idle_exit || d->config->idle_exit_us == UINT64_MAX || !d->is_idle) {
		d->idle_since_us = 0;
		return;
	}
	if (!d->idle_since_us)
		d->idle_since_us = now_us;
	if (last_us > d->idle_since_us)
		d->idle_since_us = last_us;
	if (now_us >= d->idle_since_us + d->config->idle_exit_us)
		begin_stop(d, "nothing to do");
}

static uint32_t n_running(const struct daemon *d)
{
	return flow_n_running(d->flow) + live_n_running(d->live);
}

static void after_turn(struct daemon *d)
{
	uint64_t now_us = clock_now_us();

	if (d->is_ready[WATCH_TERM] || d->is_ready[WATCH_INT])
		begin_stop(d, "asked to");
	if (d->is_ready[WATCH_HUP])
		reload(d);
	memset(d->is_ready, 0, sizeof(d->is_ready));
	gather_reports(d, now_us);
	tend_watchdog(d, now_us);
	if (!d->is_stopping)
		tend_idleness(d, now_us);
	if (d->is_stopping && (n_running(d) == 0 || now_us >= d->stop_by_us))
		d->is_over = true;
	if (bus_is_name_lost(d->bus))
		begin_stop(d, "the bus name was taken away");
}

int daemon_run(struct daemon *daemon)
{
	daemon->watchdog_us = notify_watchdog_interval_us();
	notify_send("READY=1");
	log_notice("transferd %s serves the %s bus, state in %s", PACKAGE_VERSION,
		daemon->options->is_system ? "system" : "user", daemon->state_dir);
	memory_give_back();
	daemon->is_idle = true;
	while (!daemon->is_over) {
		arm_timer(daemon);
		if (event_base_loop(daemon->base, EVLOOP_ONCE) < 0)
			return err_raise(-EIO);
		if (!is_turn_due(daemon))
			continue;
		run_turn(daemon);
		after_turn(daemon);
	}
	/* calls that came before the name was given back are answered */
	daemon->is_ready[WATCH_BUS] = daemon->is_ready[WATCH_ENGINE] = true;
	daemon->gather_until_us = 0;
	run_turn(daemon);
	bus_drain(daemon->bus, DAEMON_DRAIN_MS);
	return daemon->result;
}

int daemon_new(
	const struct daemon_options *options, struct config *config, struct daemon **ret_daemon)
{
	struct daemon *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return err_raise(-ENOMEM);
	d->options = options;
	d->config = config;
	d->wake.fd = d->wake.clock_fd = -1;
	files_prepare();
	open_mask_for_us();
	r = make_folders(d);
	if (!r)
		r = connect_bus(d);
	if (!r)
		r = open_store(d);
	if (!r)
		r = start_engine(d);
	if (!r)
		watch_network(d);
	if (!r)
		r = start_flow(d);
	if (!r)
		r = start_live(d);
	if (!r)
		r = serve(d);
	if (!r)
		r = make_loop(d);
	if (r) {
		daemon_free(d);
		return r;
	}
	*ret_daemon = d;
	return 0;
}

void daemon_free(struct daemon *daemon)
{
	if (!daemon)
		return;
	for (int i = 0; i < WATCH_COUNT; i++)
		if (daemon->watches[i])
			event_free(daemon->watches[i]);
	if (daemon->base)
		event_base_free(daemon->base);
	wake_done(&daemon->wake);
	/* both answer whoever still waits, so the bus outlives them; cookies are the flow's */
	if (daemon->bus)
		bus_set_live(daemon->bus, NULL);
	live_free(daemon->live);
	flow_free(daemon->flow);
	engine_free(daemon->engine);
	bus_free(daemon->bus);
	network_free(daemon->network);
	store_close(daemon->store);
	scouts_free(daemon->scouts); /* may wait for one that is out */
	free(daemon);
}
