/*
 * logfile - a container's output as lines in its log.
 *
 * Source:  the CRI log format: "<RFC 3339 time> <stdout|stderr> <P|F> <text>\n". F ends a line, P does not: lines are split
 *          at 16 KiB, the pieces carry the time of the first one; what an ended stream left without a newline is a P. What
 *          could not be written is said in a record of its own, in the place where it is missing, as soon as there is
 *          room: "<time> stderr F:lost berth: 123 bytes of stdout dropped: No space left on device".
 * Owns:    the file; the slot (logbatch.h) and the buffer are borrowed. logfile_close() writes nothing: logfile_end() each
 *          stream before it.
 * Errors:  from logfile_write() when the log takes no more (a full disk): whole records are dropped, the file ends with the
 *          last whole one, the bytes are counted. The container is never held up by that.
 */
#ifndef SUPERVISOR_LOGFILE_H
#define SUPERVISOR_LOGFILE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "supervisor/logbatch.h"
#include "supervisor/logset.h"

#define LOGFILE_LOST ":lost" /* behind the F of a record that says what is missing */

struct logfile {
	struct logset set; /* .fd -1: the output goes to nobody's file, and counts as lost unless .discards */
	bool discards;	   /* the driver is none: nothing is meant to be kept */
	struct logbatch *batch;
	struct logslot *slot;
	struct buf *out; /* records on their way; empty between calls, all logs of one loop share it */
	int64_t head_ns; /* the time that .head says; the same for all lines of a batch */
	char head[CLOCK_TEXT_MAX];
	size_t head_len;
};

/* The log of a run that begins (or goes on after a death): the slot's state is made to fit the files. Without limits nothing
 * is kept. The slot must have been added for this run. On failure out is usable all the same: what comes is lost. */
int logfile_open(const struct logplace *place, const struct logset_limits *limits, struct logbatch *batch,
	struct logslot *slot, struct buf *out, struct logfile *f, struct err *e);
/* What a former supervisor had read and not brought to its end. */
int logfile_finish_batch(struct logfile *f, struct err *e);
void logfile_close(struct logfile *f);

/* data: a read's bytes; in the batch's block or anywhere. */
int logfile_write(struct logfile *f, enum log_stream stream, const char *data, size_t len, int64_t now_ns,
	struct err *e);
/* The stream has ended: an unfinished line is written as it is. */
int logfile_end(struct logfile *f, enum log_stream stream, int64_t now_ns, struct err *e);
/* Bytes that are in no file, and not said there yet. */
uint64_t logfile_lost(const struct logfile *f);

#endif
