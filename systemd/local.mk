# SPDX-License-Identifier: MIT
# systemd: the user unit and the D-Bus activation file.
systemd_templates = %D%/transferd.service.in %D%/org.transferd.Transfer1.service.in
EXTRA_DIST += $(systemd_templates)
systemduserunit_DATA += %D%/transferd.service
dbussessionservice_DATA += %D%/org.transferd.Transfer1.service
CLEANFILES += %D%/transferd.service %D%/org.transferd.Transfer1.service
%D%/transferd.service: %D%/transferd.service.in Makefile
	$(SUBST_GEN)
%D%/org.transferd.Transfer1.service: %D%/org.transferd.Transfer1.service.in Makefile
	$(SUBST_GEN)
dist_check_scripts += tests/systemd/units.sh
