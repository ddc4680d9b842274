/*
 * container_hold - a container that is made and not started: its init waits at a gate in the run root.
 *
 *     container_hold() -> held (created, with a pid) -> container_start() -> running
 *                              `-> killed, or its init dies: as any exit, but it never ran
 *
 * What lives on without a supervisor: the init itself; the gate <run-root>/containers/ID/start (runtime/launch_gate.h); and
 * the socket of its launch in the keeper (start.ID), which tells the next supervisor how the second half went. A death between
 * the two halves changes nothing; one in the second half is taken up by opening the gate once more, which is harmless.
 *
 * Source:  libcontainerd's Create and Start; `runc create` and `runc start`.
 * Context: the loop. Between container_start.c, container_exit.c and recover.c; all others ask for container_hold().
 */
#ifndef SUPERVISOR_CONTAINER_HOLD_H
#define SUPERVISOR_CONTAINER_HOLD_H

#include "supervisor/container.h"

/* Make the gate; returns the descriptor for the launch, the caller's to close. */
int hold_make_gate(struct container *c, struct err *e);
/* The init is ready: the launch is the container's now (taken on success), and so is it said in the record. */
int hold_begin(struct container *c, struct launch *l, struct err *e);
/* The second half: the launch back, on record as under way, and its gate open. */
int hold_end(struct container *c, struct launch *out, struct err *e);
/* It runs, or is gone: nothing is left of all this. Does nothing for a container that was never held. */
void hold_drop(struct container *c);
/* A new supervisor finds one held. */
int hold_take_up(struct container *c, struct err *e);
/* Or one that is not, with what its predecessor had no time to take away. */
void hold_drop_stale(struct container *c);

#endif
