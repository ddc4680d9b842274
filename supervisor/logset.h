/*
 * logset - the files of one container's log: the one that is written and those that were rotated out of the way.
 *
 * The live file is 0.log. A rotated one is 0.log.POSITION, twenty digits: where its first byte stands in the whole log. So
 * every byte ever logged has one position, which rotation does not change, and what the directory holds says all there is
 * to know: the live file begins where the last rotated one ends. Whatever dies between the steps of a rotation, the next
 * logset_open() finds a log without a gap.
 *
 * Where one file is all that may be kept, an empty rotated file keeps the position.
 *
 * Units:   bytes.
 * Owns:    the live file's descriptor; a place borrows its directory.
 * Errors:  -errno; -EINVAL: there is something in the way that is no regular file.
 * Context: the loop: nothing reads while something is written.
 */
#ifndef SUPERVISOR_LOGSET_H
#define SUPERVISOR_LOGSET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

#define LOGSET_LIVE "0.log"

struct logplace {
	int dirfd;		   /* not ours */
	char dir[TEXT_ID_LEN + 8]; /* the log's directory below it */
};

struct logset {
	struct logplace place;
	int fd;		    /* -1: closed */
	int64_t base, size; /* the live file's first byte, and how much is in it */
	int64_t max_bytes;  /* of one file; 0: it is never rotated */
	int max_files;	    /* with the live one, >= 1 */
};

struct logset_limits {
	int64_t max_bytes;
	int max_files;
};

/* Makes what is missing. A record without an end is cut off when mend says so: only what nobody will mend later. */
int logset_open(const struct logplace *place, const struct logset_limits *limits, bool mend,
	struct logset *out, struct err *e);
void logset_close(struct logset *s);
static inline int64_t logset_end(const struct logset *s)
{
	return s->base + s->size;
}

/* Whole or not at all: what a full disk takes must never be half a record. */
int logset_append(struct logset *s, const char *data, size_t len);
/* What stands behind pos is forgotten; pos is in the live file. -ERANGE: it is not. */
int logset_truncate(struct logset *s, int64_t pos);
/* A new live file; the oldest ones go. After an error the log goes on in the file it has, if there is one. */
int logset_rotate(struct logset *s, struct err *e);

/* For readers. */
struct logset_file {
	int64_t base, size;
	bool live;
};
/* All files, oldest first; malloc'd, the caller's. Returns how many, 0 when there is no log. */
int logset_list(const struct logplace *place, struct logset_file **out, struct err *e);
/* Returns a descriptor to read it by. */
int logset_open_file(const struct logplace *place, const struct logset_file *file, struct err *e);

#endif
