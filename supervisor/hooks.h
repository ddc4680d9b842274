/*
 * hooks - compose's post_start and pre_stop: commands that are run in a container, one after the other, when it has been started
 * and before it is stopped.
 *
 * They belong to the verbs of people and of projects: a restart by policy, a kill and the container's own end run none. They are
 * execs (events and inspect show them); what they print is not kept.
 *
 * Source:  the Compose specification, "Lifecycle hooks"; compose for what a failure does.
 * Errors:  -ECANCELED "web hook exited with status 3": the verb has failed. After post_start the container runs on; after pre_stop
 *          it is not stopped. One that has ended by itself meanwhile is stopped: no failure. A
 *          paused one cannot run any, and is stopped without.
 * Context: the loop.
 */
#ifndef SUPERVISOR_HOOKS_H
#define SUPERVISOR_HOOKS_H

#include "supervisor/container.h"

/* container_start(), _stop(), _stop_again() and _restart() with what goes before and behind. */
void hooks_start(struct container *c, done_fn done, void *cookie);
void hooks_stop(struct container *c, int sig, int64_t timeout_ns, done_fn done, void *cookie);
void hooks_stop_again(struct container *c, int sig, int64_t timeout_ns, done_fn done, void *cookie);
void hooks_restart(struct container *c, int sig, int64_t timeout_ns, done_fn done, void *cookie);
/* Of the daemon's end: each pre_stop has as long as the container's own grace, and the stop follows in any case. */
void hooks_stop_at_end(struct container *c, done_fn done, void *cookie);

#endif
