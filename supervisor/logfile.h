/*
 * logfile - a container's output as lines in a file.
 *
 * Source:  the CRI log format: "<RFC 3339 time> <stdout|stderr> <P|F> <text>\n". F ends a line, P does not: lines are split
 *          at 16 KiB, the pieces carry the time of the first one; what an ended stream left without a newline is a P.
 * Owns:    the descriptor. logfile_close() writes nothing: logfile_end() each stream before it.
 * Errors:  from logfile_write() when the file takes no more (a full disk): the batch is dropped whole, the file ends with the
 *          last whole record, the bytes are counted. The container is never held up by that.
 */
#ifndef SUPERVISOR_LOGFILE_H
#define SUPERVISOR_LOGFILE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"

#define LOG_PIECE_MAX (16 * 1024)

enum log_stream { LOG_STDOUT, LOG_STDERR, LOG_STREAM_COUNT };

struct logfile {
	int fd;
	int64_t size;
	struct buf *batch; /* empty between calls; all files of one loop share it */
	int error;	   /* -errno of this call's first write that failed */
	struct logfile_line {
		struct buf text; /* the unfinished line's bytes since its last P */
		int64_t time_ns; /* of its first byte that was cut off as a P; 0: none was */
	} line[LOG_STREAM_COUNT];
	int64_t prefix_ns; /* the time that .prefix says; the same for all lines of a batch */
	char prefix[CLOCK_TEXT_MAX];
	uint64_t dropped_bytes; /* since the last time somebody took it */
};

/* Appends to the file; a torn last line of a crash is cut off first. */
int logfile_open(int dirfd, const char *name, struct buf *batch, struct logfile *out, struct err *e);
void logfile_close(struct logfile *f);
int logfile_write(struct logfile *f, enum log_stream stream, const char *data, size_t len, int64_t now_ns,
	struct err *e);
/* The stream has ended: an unfinished line is written as it is. */
int logfile_end(struct logfile *f, enum log_stream stream, int64_t now_ns, struct err *e);

#endif
