/*
 * attach - a client's stream on a container's input and output.
 *
 * Without a terminal output is framed: {stream, 0, 0, 0, length big-endian} and the bytes; with one it is raw.
 * Slow readers: an attachment that carries the stdin of a StdinOnce container is a pipeline and loses nothing: while more
 * than 1 MiB waits for it, the container's pipe is not read; it is dropped when nothing moves for 30 s. Any other one never
 * stalls the container: past 1 MiB it gets one frame of type 3 that says so, and is cut.
 * Input: the client is not read while the container's pipe is full. Its end (half-close) ends the container's stdin when
 * StdinOnce.
 *
 * Owns:    the stream, from a successful call on.
 * Errors:  -EBUSY with docker's text for a paused or restarting container, -EINVAL for bad detach keys.
 */
#ifndef SUPERVISOR_ATTACH_H
#define SUPERVISOR_ATTACH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct container;
struct http_stream;

struct attach_options {
	bool use_stdin, use_stdout, use_stderr;
	bool logs;		 /* first what is in the log file */
	bool stream;		 /* then what comes; false: the log only */
	const char *detach_keys; /* NULL or "": the container's default, ctrl-p,ctrl-q */
};

/* What can be said before the connection is taken over. */
int attach_check(const struct container *c, const struct attach_options *o, struct err *e);
int attach_start(struct container *c, struct http_stream *s, const struct attach_options *o, struct err *e);

/* For stdio.c and container_exit.c. Output goes to every attachment that asked for it. */
void attach_output(struct container *c, int stream, const void *data, size_t len);
/* Is a lossless attachment too far behind? attach calls stdio_resume() when it no longer is. */
bool attach_is_stalled(const struct container *c);
void attach_close_all(struct container *c);
/* The container's stdin takes bytes again. */
void attach_stdin_ready(struct container *c);

#endif
