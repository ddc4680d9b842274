/*
 * waiter - who waits for a container's end, and what is told to those who come late.
 *
 * Conditions as docker's: not-running is met at once unless it runs, next-exit never is, removed is met by its removal.
 * A removed container's last exit record is kept for a minute, so that a wait which lost the race gets the code.
 *
 * Owns:    struct waiter is freed when its function was called or when it is cancelled. Cancel in any state but after the call.
 * Context: the functions are called from the loop, never from inside waiter_add().
 */
#ifndef SUPERVISOR_WAITER_H
#define SUPERVISOR_WAITER_H

#include "supervisor/engine.h"

enum wait_condition { WAIT_NOT_RUNNING, WAIT_NEXT_EXIT, WAIT_REMOVED, WAIT_COUNT };

/* error: NULL, or why the container's start or removal failed. */
typedef void (*wait_fn)(void *cookie, int exit_code, const char *error);

struct waiter;

/* "" and "not-running", "next-exit", "removed"; -EINVAL with docker's text. */
int wait_parse_condition(const char *word, enum wait_condition *out, struct err *e);
/* ref: id, name or unique prefix, of a container that is there or went within the last minute. -ENOENT otherwise. */
int container_wait(struct engine *en, const char *ref, enum wait_condition condition, wait_fn fn,
	void *cookie, struct waiter **out, struct err *e);
void container_wait_cancel(struct waiter *w);

/* For container_*.c: an exit wakes not-running and next-exit, a removal all three and leaves the record behind. */
void waiter_wake_exit(struct container *c);
void waiter_wake_removed(struct container *c, const char *error);
void waiter_forget_all(struct engine *en);

#endif
