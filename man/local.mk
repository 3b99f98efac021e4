# SPDX-License-Identifier: MIT
# man: the manual pages. Written ones go into dist_man_MANS (%D%/x.1), generated ones into nodist_man_MANS.
dist_man_MANS += %D%/transferd.conf.5 %D%/transferd.service.8
