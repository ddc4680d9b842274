/*
 * logfollow - a container's log as the answer of a request: what is there, and, when it is followed, what comes.
 *
 * It is read from the files at the speed at which the client takes it, so a slow one holds up nobody and costs no memory.
 * Following ends with the run, unless the container is started again by policy or by a person's restart; the last line is
 * sent as it is, with or without its end.
 *
 * Owns:    from a successful logfollow_start() on the request, which it answers and ends.
 * Errors:  of logfollow_start(): as logread.h; the request is the caller's still.
 * Context: the loop.
 */
#ifndef SUPERVISOR_LOGFOLLOW_H
#define SUPERVISOR_LOGFOLLOW_H

#include <stdbool.h>

#include "base/err.h"

struct container;
struct http_request;
struct logread_options;

/* done(cookie) when the request is ended: from the loop, or from inside when all was there at once. */
int logfollow_start(struct container *c, struct http_request *rq, const char *type,
	const struct logread_options *o, void (*done)(void *cookie), void *cookie, struct err *e);

/* For stdio.c, attach.c and container.c: something was written; the run is over; the container goes. */
void logfollow_wake(struct container *c);
void logfollow_run_ended(struct container *c);
void logfollow_forget(struct container *c);

#endif
