/*
 * logread - a container's log file read back: the last n lines, since and until, one stream or both.
 *
 * Pull it: each call reads a bounded piece, so that the loop stays quick and a slow client costs no memory.
 *
 * Source:  the CRI log format: "<RFC 3339 time> <stdout|stderr> <P|F> <text>"; docker's `logs` options.
 * Owns:    struct logread owns its descriptor.
 * Errors:  a file that is not there reads as empty; a torn last line is not shown; a line that is not of the format is skipped.
 */
#ifndef SUPERVISOR_LOGREAD_H
#define SUPERVISOR_LOGREAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/own.h"

struct logread_options {
	bool use_stdout, use_stderr;
	bool timestamps;  /* RFC 3339 with nine digits and a blank before each line */
	bool framed;	  /* {stream,0,0,0,length} before each piece; false with a terminal */
	int64_t since_ns; /* inclusive; CLOCK_NEVER: from the start */
	int64_t until_ns; /* inclusive; CLOCK_NEVER: to the end */
	int64_t tail;	  /* last n lines; < 0: all */
	bool live;	  /* go on past the end that the file had when it was opened */
};

struct logread;

/* "all", "" and NULL are -1; digits are that many; anything else is all, as docker has it. */
int64_t logread_parse_tail(const char *text);
int logread_open(const char *path, const struct logread_options *o, struct logread **out, struct err *e);
/* Appends the next piece to out: 1 there may be more (out may have got nothing yet), 0 that was all, -errno. */
int logread_next(struct logread *r, struct buf *out, struct err *e);
void logread_free(struct logread *r);

OWN_DEFINE_PTR(logread, struct logread, logread_free)

#endif
