# SPDX-License-Identifier: MIT
# cli: transferctl; public headers only.
noinst_LTLIBRARIES += libcli.la
libcli_la_SOURCES = \
	%D%/exit-code.h \
	%D%/bars.c %D%/bars.h \
	%D%/cmd-add.c \
	%D%/cmd-cookies.c \
	%D%/cmd-events.c \
	%D%/cmd-fetch.c \
	%D%/cmd-help.c \
	%D%/cmd-list.c \
	%D%/cmd-quit.c \
	%D%/cmd-log.c \
	%D%/cmd-sessions.c \
	%D%/cmd-show.c \
	%D%/cmd-start.c \
	%D%/cmd-status.c \
	%D%/cmd-steer.c \
	%D%/cmd-watch.c \
	%D%/command.c %D%/command.h \
	%D%/ctx.c %D%/ctx.h \
	%D%/follow.c %D%/follow.h \
	%D%/format.c %D%/format.h \
	%D%/idle.c %D%/idle.h \
	%D%/journal.c %D%/journal.h \
	%D%/now.c %D%/now.h \
	%D%/options.c %D%/options.h \
	%D%/pager.c %D%/pager.h \
	%D%/pages.c %D%/pages.h \
	%D%/place.c %D%/place.h \
	%D%/request.c %D%/request.h \
	%D%/select.c %D%/select.h \
	%D%/suggest.c %D%/suggest.h \
	%D%/table.c %D%/table.h \
	%D%/term.c %D%/term.h \
	%D%/view.c %D%/view.h

bin_PROGRAMS += transferctl
transferctl_SOURCES = %D%/transferctl.c
transferctl_LDADD = $(LINK_CLI)

check_PROGRAMS += tests/cli/test-format tests/cli/test-options tests/cli/test-term
tests_cli_test_format_LDADD = $(TEST_CLI)
tests_cli_test_options_LDADD = $(TEST_CLI)
tests_cli_test_term_LDADD = $(TEST_CLI)

dist_check_scripts += tests/cli/manual.py tests/cli/fetch.py tests/cli/verbs.py tests/cli/screens.py
EXTRA_DIST += tests/cli/rig.py
dist_man_MANS += man/transferctl.1

# The completions are what "transferctl completion" prints.
COMPLETIONS = %D%/completion/transferctl %D%/completion/_transferctl %D%/completion/transferctl.fish
nodist_bashcompletion_DATA += %D%/completion/transferctl
nodist_zshcompletion_DATA += %D%/completion/_transferctl
nodist_fishcompletion_DATA += %D%/completion/transferctl.fish
CLEANFILES += $(COMPLETIONS)

%D%/completion/transferctl: transferctl$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) $(@D) && ./transferctl$(EXEEXT) completion bash >$@.tmp && mv $@.tmp $@
%D%/completion/_transferctl: transferctl$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) $(@D) && ./transferctl$(EXEEXT) completion zsh >$@.tmp && mv $@.tmp $@
%D%/completion/transferctl.fish: transferctl$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) $(@D) && ./transferctl$(EXEEXT) completion fish >$@.tmp && mv $@.tmp $@
