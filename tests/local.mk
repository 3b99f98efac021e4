# SPDX-License-Identifier: MIT
# tests: the helper library and the tests that belong to no single folder.
# A folder's own tests are listed in that folder's local.mk.
include %D%/lib/local.mk
include %D%/sim/local.mk
include %D%/system/local.mk
include %D%/fuzz/local.mk
