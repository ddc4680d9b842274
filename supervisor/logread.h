/*
 * logread - a container's log read back: the last n lines, since and until, one stream or both, over all of its files.
 *
 * Pull it: each call reads a bounded piece, so that the loop stays quick and a slow client costs no memory. Who follows pulls
 * again when something was written (logfollow.h); a rotation in between is passed over without a seam. A reader so slow that
 * files were deleted before it came to them is told how much it missed.
 *
 * Source:  the CRI log format: "<RFC 3339 time> <stdout|stderr> <P|F>[:tag...] <text>"; docker's `logs` options.
 * Units:   positions as logset.h has them.
 * Owns:    its descriptor and copies of what it was given; the place's directory is borrowed.
 * Errors:  a log that is not there reads as empty; a torn last line is not shown; a line that is not of the format is skipped.
 */
#ifndef SUPERVISOR_LOGREAD_H
#define SUPERVISOR_LOGREAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/own.h"
#include "supervisor/logbatch.h"
#include "supervisor/logset.h"

struct logread_options {
	bool use_stdout, use_stderr;
	bool timestamps;     /* RFC 3339 with nine digits and a blank before each line */
	const char *details; /* the same for all lines: "k=v,k=v"; NULL: none are wanted */
	bool framed;	     /* {stream,0,0,0,length} before each piece; false with a terminal */
	int64_t since_ns;    /* inclusive; CLOCK_NEVER: from the start */
	int64_t until_ns;    /* inclusive; CLOCK_NEVER: to the end */
	int64_t tail;	     /* last n lines; < 0: all */
	bool live;	     /* go on past the end that the log had when it was opened */

	bool positions;	 /* framed only: say where we are, in frames of type FRAME_POSITION */
	bool from_given; /* start there, tail counts for nothing */
	int64_t from;	 /* a position where a record begins */
	bool open_line[LOG_STREAM_COUNT]; /* there the stream is in the middle of a line */
	int64_t to;			  /* no further than there; < 0: no limit */
	bool counted; /* framed only: leave out what is in .skip, losses are told by FRAME_ERROR */
	uint64_t skip[LOG_STREAM_COUNT]; /* bytes of each stream */
};

struct logread;

/* "all", "" and NULL are -1; digits are that many; anything else is all, as docker has it. */
int64_t logread_parse_tail(const char *text);
/* "POSITION[:[o][e]]", the payload of FRAME_POSITION: sets .from, .from_given and .open_line. -EINVAL. */
int logread_parse_position(const char *text, struct logread_options *o);
int logread_open(
	const struct logplace *place, const struct logread_options *o, struct logread **out, struct err *e);
/* Appends the next piece to out: 1 there may be more (out may have got nothing yet), 0 that was all up to now, -errno. */
int logread_next(struct logread *r, struct buf *out, struct err *e);
/* Nothing that may still be written is wanted: `until` has passed. */
bool logread_is_over(const struct logread *r);
/* What of the stream is left to be skipped: it is in no file yet. */
uint64_t logread_left_to_skip(const struct logread *r, enum log_stream stream);
void logread_free(struct logread *r);

OWN_DEFINE_PTR(logread, struct logread, logread_free)

#endif
