/*
 * recover - a new supervisor takes up what the last one left.
 *
 * Leftovers first (launchers and workers of the dead supervisor), then each container of the data root. The run root has a
 * record of it:
 *   a start that did not come to its end is undone wholly;
 *   a run whose process lives (pid, start time, boot id) goes on, with its pipes from the keeper;
 *   one that ended meanwhile gets its exit from the keeper's slot, or 255 when nobody knows;
 *   a removal is finished; a stop is asked for again; a back-off waits for the rest of its time.
 * It has none: the machine was started since, or the daemon was. What the data root says of its last run holds; a run whose end
 * is not there was ended by a power cut, and counts as 255. One that goes with its run is removed.
 * At a daemon's first start policy then starts what it restarts: once, by the first supervisor that comes so far.
 * What has no record and carries our name (groups, kept descriptors, slots) is ended and removed.
 *
 * Context: at the daemon's start, before the socket is served; the first two wait, with deadlines.
 */
#ifndef SUPERVISOR_RECOVER_H
#define SUPERVISOR_RECOVER_H

#include "supervisor/container.h"

/* Make or find the pipe whose write end every launcher and worker holds; kill NAME/launch and wait for the pipe's end. */
int recover_leftovers(struct engine *en, struct err *e);
/* Reads the records and acts on them. */
int recover_containers(struct engine *en, struct err *e);
/* When the daemon serves. */
void recover_policy(struct engine *en);
/* At the daemon's orderly end. */
void recover_policy_forget(const struct engine *en);

/* What may still run in its group is killed. */
void recover_clear_group(struct container *c);
/* Of recover_containers(): a container without a record in the run root; what the trash has and nobody knows. */
void recover_after_boot(struct container *c);
void recover_trash(struct engine *en);

#endif
