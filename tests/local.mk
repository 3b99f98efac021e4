# SPDX-License-Identifier: MIT
# tests: the helper library and the tests that belong to no single folder.
# A folder's own tests are listed in that folder's local.mk.
include %D%/lib/local.mk
include %D%/sim/local.mk
include %D%/system/local.mk
include %D%/crash/local.mk
include %D%/soak/local.mk
include %D%/fuzz/local.mk
include %D%/torture/local.mk

# arch: the gates.
EXTRA_DIST += %D%/arch/tap.py %D%/cases.tsv
dist_check_scripts += %D%/arch/layers.py %D%/arch/sizes.py %D%/arch/schema.py \
	%D%/arch/docs.py %D%/arch/interface.py %D%/arch/cases.py

# bench: the scorecard beside the peers, and how fast the engine is by itself; run by hand.
EXTRA_DIST += %D%/bench/bench %D%/bench/calls.py %D%/bench/count.c %D%/bench/million.py
dist_check_scripts += %D%/bench/counts.py
noinst_PROGRAMS += tests/bench/data-bench tests/bench/engine-bench tests/bench/keep-memory
tests_bench_data_bench_LDADD = libtransfer.la
tests_bench_engine_bench_LDADD = $(LINK_ENGINE)
