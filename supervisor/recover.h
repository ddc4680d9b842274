/*
 * recover - a new supervisor takes up what the last one left.
 *
 * Leftovers first (launchers and workers of the dead supervisor), then each record of the run root:
 *   a start that did not come to its end is undone wholly;
 *   a run whose process lives (pid, start time, boot id) goes on, with its pipes from the keeper;
 *   one that ended meanwhile gets its exit from the keeper's slot, or 255 when nobody knows;
 *   a removal is finished; a stop is asked for again; a back-off waits for the rest of its time.
 * What has no record and carries our name (groups, kept descriptors, slots) is ended and removed.
 *
 * Context: at the daemon's start, before the socket is served; the first two wait, with deadlines.
 */
#ifndef SUPERVISOR_RECOVER_H
#define SUPERVISOR_RECOVER_H

#include "supervisor/engine.h"

/* Make or find the pipe whose write end every launcher and worker holds; kill NAME/launch and wait for the pipe's end. */
int recover_leftovers(struct engine *en, struct err *e);
/* Reads the records and acts on them. */
int recover_containers(struct engine *en, struct err *e);

#endif
