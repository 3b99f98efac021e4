# SPDX-License-Identifier: MIT
# tools: what developers and the build run.
EXTRA_DIST += %D%/install-deps
