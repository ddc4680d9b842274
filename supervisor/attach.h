/*
 * attach - a client's stream on a container's input and output.
 *
 * Without a terminal output is framed: {stream, 0, 0, 0, length big-endian} and the bytes; with one it is raw.
 * Slow readers: an attachment that carries the stdin of a StdinOnce container is a pipeline and loses nothing: while more
 * than 1 MiB waits for it, the container's pipe is not read; it is dropped when nothing moves for 30 s. Any other one never
 * stalls the container: what it is too slow for is left out and counted, and when it reads again a line on its stderr (on
 * its terminal) says how much that was; the log has all of it.
 * Input: the client is not read while the container's pipe is full. Its end (half-close) ends the container's stdin when
 * StdinOnce.
 * Resuming: to a client of ours, which asks for it, output comes in frames with a terminal too, and with frames of type
 * FRAME_POSITION: "GENERATION:START:OUT:ERR" says of which run, where in the log it begins, and how many bytes of each stream
 * came before what follows; "end" that it is over. When the connection breaks without that, the client comes again with the
 * numbers it has counted on to, and gets what is behind them: from the log, then as it comes.
 *
 * Owns:    the stream, from a successful call on.
 * Errors:  -EBUSY with docker's text for a paused or restarting container, -EINVAL for bad detach keys.
 */
#ifndef SUPERVISOR_ATTACH_H
#define SUPERVISOR_ATTACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct container;
struct http_stream;

struct attach_options {
	bool use_stdin, use_stdout, use_stderr;
	bool logs;		 /* first what is in the log file */
	bool stream;		 /* then what comes; false: the log only */
	const char *detach_keys; /* NULL or "": the container's default, ctrl-p,ctrl-q */
	bool resume;		 /* with positions */
	bool from_given;	 /* go on there: an attachment that was cut off */
	struct attach_position {
		uint64_t generation; /* 0: the present one, from its beginning */
		int64_t start;
		uint64_t bytes[2];
	} from;
};

/* The payload of FRAME_POSITION. -EINVAL. */
int attach_parse_position(const char *text, struct attach_position *out);
/* What can be said before the connection is taken over. */
int attach_check(const struct container *c, const struct attach_options *o, struct err *e);
int attach_start(struct container *c, struct http_stream *s, const struct attach_options *o, struct err *e);

/* For stdio.c and container_exit.c. Output goes to every attachment that asked for it. */
void attach_output(struct container *c, int stream, const void *data, size_t len);
/* Is a lossless attachment too far behind? attach calls stdio_resume() when it no longer is. */
bool attach_is_stalled(const struct container *c);
void attach_close_all(struct container *c);
/* Whoever was attached to a run that ended while the supervisor was replaced comes for the rest within a moment: is the removal
 * that the container is to have of itself to wait for that? Then it is begun from here. */
bool attach_holds_removal(struct container *c);
/* A run is read from now on. */
void attach_run_begins(struct container *c);
/* The container's stdin takes bytes again. */
void attach_stdin_ready(struct container *c);

#endif
