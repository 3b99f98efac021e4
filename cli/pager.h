/* SPDX-License-Identifier: MIT */
/* Long lists go through a pager, as $TRANSFER_PAGER or $PAGER says. */
#ifndef CLI_PAGER_H
#define CLI_PAGER_H

/* From now on stdout goes to the pager; 0, or -errno when there is none. */
int pager_start(void);
/* Ends the output and waits until the user has left the pager. */
void pager_end(void);

#endif
