/*
 * debt - control groups that could not be removed yet because something in them is still dying.
 *
 * A debt is tried again every second, and killed again, until it is paid; it never holds up who made it.
 *
 * Owns:    a copy of the group's path.
 */
#ifndef SUPERVISOR_DEBT_H
#define SUPERVISOR_DEBT_H

#include "supervisor/engine.h"

void debt_add_group(struct engine *en, const char *path);
/* One round now; how many are left. */
unsigned debt_pay(struct engine *en);
/* The group is somebody's again: whoever makes it anew kills what is left in it. */
void debt_forget_group(struct engine *en, const char *path);
void debt_forget_all(struct engine *en);

#endif
