# SPDX-License-Identifier: MIT
# examples: programs against the public header; built by make check, run by tests.
