# SPDX-License-Identifier: MIT
# examples: programs against the public header; tests/system runs them.
noinst_PROGRAMS += examples/bg_download
examples_bg_download_LDADD = libtransfer.la
