# SPDX-License-Identifier: MIT
# tests/sim: check_PROGRAMS += tests/sim/test-x and tests_sim_test_x_LDADD = $(TEST_DAEMON); scripts in
# dist_check_scripts += tests/sim/x.sh.

# The flow with a fake engine, a clock moved by hand and the real store in memory.
sim_sources = tests/sim/sim.c tests/sim/sim.h tests/lib/fake-engine.c tests/lib/fake-engine.h
sim_ldflags = $(AM_LDFLAGS) -Wl,--wrap=store_commit
check_PROGRAMS += tests/sim/test-month tests/sim/test-walk
tests_sim_test_month_SOURCES = tests/sim/test-month.c $(sim_sources)
tests_sim_test_month_LDADD = $(TEST_DAEMON)
tests_sim_test_month_LDFLAGS = $(sim_ldflags)
tests_sim_test_walk_SOURCES = tests/sim/test-walk.c $(sim_sources)
tests_sim_test_walk_LDADD = $(TEST_DAEMON)
tests_sim_test_walk_LDFLAGS = $(sim_ldflags)

# Tests of daemon/flow*.c live in the same world.
check_PROGRAMS += tests/daemon/test-outbox tests/daemon/test-flow-session tests/daemon/test-flow-attach
tests_daemon_test_outbox_LDADD = $(TEST_DAEMON)
tests_daemon_test_flow_session_SOURCES = tests/daemon/test-flow-session.c $(sim_sources)
tests_daemon_test_flow_session_LDADD = $(TEST_DAEMON)
tests_daemon_test_flow_session_LDFLAGS = $(sim_ldflags)
tests_daemon_test_flow_attach_SOURCES = tests/daemon/test-flow-attach.c $(sim_sources)
tests_daemon_test_flow_attach_LDADD = $(TEST_DAEMON)
tests_daemon_test_flow_attach_LDFLAGS = $(sim_ldflags)
check_PROGRAMS += tests/daemon/test-flow-create
tests_daemon_test_flow_create_SOURCES = tests/daemon/test-flow-create.c $(sim_sources)
tests_daemon_test_flow_create_LDADD = $(TEST_DAEMON)
tests_daemon_test_flow_create_LDFLAGS = $(sim_ldflags)
check_PROGRAMS += tests/daemon/test-flow-birth
tests_daemon_test_flow_birth_SOURCES = tests/daemon/test-flow-birth.c $(sim_sources)
tests_daemon_test_flow_birth_LDADD = $(TEST_DAEMON)
tests_daemon_test_flow_birth_LDFLAGS = $(sim_ldflags)
check_PROGRAMS += tests/daemon/test-flow-command
tests_daemon_test_flow_command_SOURCES = tests/daemon/test-flow-command.c $(sim_sources)
tests_daemon_test_flow_command_LDADD = $(TEST_DAEMON)
tests_daemon_test_flow_command_LDFLAGS = $(sim_ldflags)
check_PROGRAMS += tests/daemon/test-flow-event
tests_daemon_test_flow_event_SOURCES = tests/daemon/test-flow-event.c $(sim_sources)
tests_daemon_test_flow_event_LDADD = $(TEST_DAEMON)
tests_daemon_test_flow_event_LDFLAGS = $(sim_ldflags)
check_PROGRAMS += tests/daemon/test-flow-turn
tests_daemon_test_flow_turn_SOURCES = tests/daemon/test-flow-turn.c $(sim_sources)
tests_daemon_test_flow_turn_LDADD = $(TEST_DAEMON)
tests_daemon_test_flow_turn_LDFLAGS = $(sim_ldflags)
check_PROGRAMS += tests/daemon/test-flow-resume
tests_daemon_test_flow_resume_SOURCES = tests/daemon/test-flow-resume.c $(sim_sources)
tests_daemon_test_flow_resume_LDADD = $(TEST_DAEMON)
tests_daemon_test_flow_resume_LDFLAGS = $(sim_ldflags)
check_PROGRAMS += tests/daemon/test-flow-ahead
tests_daemon_test_flow_ahead_SOURCES = tests/daemon/test-flow-ahead.c $(sim_sources)
tests_daemon_test_flow_ahead_LDADD = $(TEST_DAEMON)
tests_daemon_test_flow_ahead_LDFLAGS = $(sim_ldflags)
check_PROGRAMS += tests/daemon/test-flow-schedule
tests_daemon_test_flow_schedule_SOURCES = tests/daemon/test-flow-schedule.c $(sim_sources)
tests_daemon_test_flow_schedule_LDADD = $(TEST_DAEMON)
tests_daemon_test_flow_schedule_LDFLAGS = $(sim_ldflags)
check_PROGRAMS += tests/daemon/test-flow-query
tests_daemon_test_flow_query_SOURCES = tests/daemon/test-flow-query.c $(sim_sources)
tests_daemon_test_flow_query_LDADD = $(TEST_DAEMON)
tests_daemon_test_flow_query_LDFLAGS = $(sim_ldflags)
check_PROGRAMS += tests/daemon/test-flow
tests_daemon_test_flow_SOURCES = tests/daemon/test-flow.c $(sim_sources)
tests_daemon_test_flow_LDADD = $(TEST_DAEMON)
tests_daemon_test_flow_LDFLAGS = $(sim_ldflags)
check_PROGRAMS += tests/daemon/test-flow-sweep
tests_daemon_test_flow_sweep_SOURCES = tests/daemon/test-flow-sweep.c $(sim_sources)
tests_daemon_test_flow_sweep_LDADD = $(TEST_DAEMON)
tests_daemon_test_flow_sweep_LDFLAGS = $(sim_ldflags)
check_PROGRAMS += tests/daemon/test-flow-step
tests_daemon_test_flow_step_SOURCES = tests/daemon/test-flow-step.c $(sim_sources)
tests_daemon_test_flow_step_LDADD = $(TEST_DAEMON)
tests_daemon_test_flow_step_LDFLAGS = $(sim_ldflags)
check_PROGRAMS += tests/daemon/test-flow-attempt
tests_daemon_test_flow_attempt_SOURCES = tests/daemon/test-flow-attempt.c $(sim_sources)
tests_daemon_test_flow_attempt_LDADD = $(TEST_DAEMON)
tests_daemon_test_flow_attempt_LDFLAGS = $(sim_ldflags)
