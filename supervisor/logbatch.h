/*
 * logbatch - what was read from containers and is in no file yet, in memory that outlives us.
 *
 * A memfd that the keeper holds as `logbatch`. Pipes and terminals are read straight into its one block, and the lines that
 * have no end yet are kept in it, so that a supervisor that dies between any two instructions loses nothing: the next one
 * finds the block, finishes it and goes on.
 *
 *     header    whose block this is, which stream, when, how much was read (or not known: it was being read)
 *     block     64 KiB, filled with 0xFF before each read: what is known to be read when the length is not, is all up to the
 *               last byte that is not 0xFF. Bytes 0xFF at the end of such a block are lost; UTF-8 has none
 *     table     a slot for each container that runs: where its log ends, how much of the block is in the log, the unfinished
 *               lines' lengths. There are two of these states, and one word says which counts: it changes in one store
 *     texts     the unfinished lines, 16 KiB for each stream of each slot; pages that nothing was ever written to take none
 *
 * A state is made by who writes the log (logfile.h):
 *     read -> records to the file -> state: log ends behind them, that much of the block used -> ... -> block done
 * Dead before a state counts: the file is cut to where the state that does count says, and the records are written again.
 *
 * Units:   bytes.
 * Owns:    the memfd and its mapping, which forked children do not have. logbatch_free() gives back ours; the keeper's stays.
 * Errors:  -ENOSPC: all slots are in use; -EPROTO: not a memory file of ours, or of another form.
 * Context: the loop.
 */
#ifndef SUPERVISOR_LOGBATCH_H
#define SUPERVISOR_LOGBATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/own.h"
#include "base/text.h"

#define LOG_PIECE_MAX (16 * 1024)
#define LOGBATCH_NAME "logbatch"
#define LOGBATCH_MAX  (64 * 1024)

enum log_stream { LOG_STDOUT, LOG_STDERR, LOG_STREAM_COUNT };

#define LOGSTATE_NEW (-1)

/* All that has to change at once. */
struct logstate {
	int64_t pos;			 /* where the log ends; LOGSTATE_NEW: nobody has looked yet */
	uint64_t raw[LOG_STREAM_COUNT];	 /* bytes of this run that were taken from the block */
	uint64_t lost[LOG_STREAM_COUNT]; /* of these in no file, and not said in it yet */
	int32_t lost_errno;
	uint32_t used; /* bytes of the block in hand that this state has seen */
	struct {
		uint32_t len;	 /* of the unfinished line, in the slot's text */
		int64_t time_ns; /* of its first byte that was cut off as a P; 0: none was */
	} line[LOG_STREAM_COUNT];
};

struct logbatch;
struct logslot;

/* fd is taken; -1: make one. What it holds from before is there still. */
int logbatch_open(int fd, struct logbatch **out, struct err *e);
void logbatch_free(struct logbatch *b);
/* For the keeper; stays ours. */
int logbatch_fd(const struct logbatch *b);

/* A new slot, or the one that this id has. */
int logbatch_add(struct logbatch *b, const char *id, struct logslot **out, struct err *e);
/* NULL: it has none. */
struct logslot *logbatch_find(struct logbatch *b, const char *id);
void logbatch_drop(struct logbatch *b, struct logslot *slot);
/* Slots of whoever keep() does not know are dropped. */
void logbatch_sweep(struct logbatch *b, bool (*keep)(void *cookie, const char *id), void *cookie);

/* The state that counts. */
struct logstate logslot_state(const struct logslot *slot);
/* From now on this one counts. */
void logslot_set_state(struct logslot *slot, const struct logstate *s);
char *logslot_text(struct logbatch *b, struct logslot *slot, enum log_stream stream);

/* One read(2) into the block. Whatever was in it before and was never done is forgotten (its container is gone). Returns what
 * read(2) did, or -errno. */
ssize_t logbatch_read(
	struct logbatch *b, struct logslot *slot, enum log_stream stream, int fd, int64_t now_ns);
/* What the slot's container has in the block that is not all in its log: false, there is none. */
bool logbatch_pending(struct logbatch *b, const struct logslot *slot, enum log_stream *stream, size_t *len,
	int64_t *now_ns);
char *logbatch_block(struct logbatch *b);
/* All of the block is in the log and in the clients' hands. */
void logbatch_done(struct logbatch *b);

OWN_DEFINE_PTR(logbatch, struct logbatch, logbatch_free)

#endif
