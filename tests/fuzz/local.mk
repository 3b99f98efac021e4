# SPDX-License-Identifier: MIT
# tests/fuzz: check_PROGRAMS += tests/fuzz/test-x and tests_fuzz_test_x_LDADD = $(TEST_DAEMON); scripts in
# dist_check_scripts += tests/fuzz/x.sh.

# libFuzzer targets (configure --enable-fuzz): run by "dev fuzz".
if FUZZ
noinst_PROGRAMS += tests/fuzz/fuzz-head tests/fuzz/fuzz-text
tests_fuzz_fuzz_head_LDADD = $(LINK_ENGINE)
tests_fuzz_fuzz_head_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_text_LDADD = $(LINK_ENGINE)
tests_fuzz_fuzz_text_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
endif
