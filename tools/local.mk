# SPDX-License-Identifier: MIT
# tools: what developers and the build run.
EXTRA_DIST += %D%/install-deps %D%/tsan-suppressions
EXTRA_DIST += %D%/layers %D%/check-layers.py %D%/check-sizes.py %D%/size-exceptions
EXTRA_DIST += %D%/check-docs.py ipc/released
