/*
 * logstream - the log of one container as it comes, over the deaths of supervisors: nothing is lost and nothing comes twice.
 *
 * The daemon says in the stream at which position of the log we are. When the connection breaks we ask for what follows the last
 * one, and leave out what we had from there.
 *
 * Owns:    logstream_free() gives back everything; not from inside its callbacks.
 * Errors:  on_end's: what the daemon refused with; cli/reconnect.h's when it does not come back; -EPROTO.
 * Context: the loop's.
 */
#ifndef CLI_LOGSTREAM_H
#define CLI_LOGSTREAM_H

#include <event2/event.h>

#include "base/err.h"
#include "cli/cli.h"
#include "cli/frames.h"

struct logstream;

struct logstream_ops {
	/* FRAME_STDOUT, FRAME_STDERR or FRAME_ERROR. */
	void (*on_data)(void *cookie, enum frame_stream stream, const char *data, size_t len);
	/* Once: r is 0 or -errno, e says why. */
	void (*on_end)(void *cookie, int r, const struct err *e);
};

/* target: "/containers/ID/logs?..." with what is wanted of it; copied. */
int logstream_new(const struct cli *cli, struct event_base *base, const char *target,
	const struct logstream_ops *ops, void *cookie, struct logstream **out, struct err *e);
void logstream_free(struct logstream *l);
/* After on_end, whose r was 0: go on where that was. A log goes on with the next run of its container. */
int logstream_again(struct logstream *l, struct err *e);
/* For readers that are slower than the daemon. */
void logstream_pause(struct logstream *l);
void logstream_resume(struct logstream *l);

OWN_DEFINE_PTR(logstream, struct logstream, logstream_free)

#endif
