/*
 * container_start - one start, from the parsed config to a running process, or back to nothing.
 *
 * A held one's start is in two: up to ready by container_hold(), the rest by container_start().
 * Phases, each with 10 s and all with 30 s: prepare (spec, pipes) -> launched -> init known (on record, watched by the
 * keeper) -> ready -> released -> running. A failure in any of them undoes everything: launcher, process, group, pipes.
 */
#ifndef SUPERVISOR_CONTAINER_START_H
#define SUPERVISOR_CONTAINER_START_H

#include "supervisor/container.h"

/* A person wants it to run, or the daemon in his name at its start: counts begin anew. */
void container_want_run(struct container *c);
/* The restart that was planned: counts stay, a failure is planned again. */
void container_start_by_policy(struct container *c);
/* A held one that a dead supervisor had let go, or was about to. */
void container_release_again(struct container *c);
/* After a supervisor died in the middle of a start: as if that start had failed. Everything of it is gone already. */
void container_start_was_lost(struct container *c);
void container_set_start_error(struct container *c, int exit_code, const char *argv0, const struct err *e);

#endif
