/*
 * event_ring - the last events of a daemon, in files of the run root, so that a supervisor which dies takes none with it.
 *
 *     events, events.old    "berth-events 1 INSTANCE FIRST\n", then one line per event: "SEQ GENERATION CODE ID ACTION JSON\n"
 *
 * Sequence numbers begin with 1 and have no gaps; they go on across supervisors, for as long as the run root is there. INSTANCE
 * is random and tells one such life from another. At EVENT_RING_ENTRIES lines or EVENT_RING_BYTES the file becomes
 * events.old, so that between one and two times as much is there to be read again; a single event may be larger than that.
 *
 * A line that was cut short by a death is taken off at the next opening: nobody was told of it. A file that is not of this
 * form is renamed to events.damaged, and a new instance begins.
 *
 * Owns:    the ring its descriptor, a reader its own: it reads on in a file that has been replaced.
 * Errors:  -errno with the file's name. A failed event_ring_add() has used up its number all the same: readers will see a gap.
 * Context: a tmpfs; the loop calls all of it.
 */
#ifndef SUPERVISOR_EVENT_RING_H
#define SUPERVISOR_EVENT_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/own.h"

#define EVENT_RING_ENTRIES	1024
#define EVENT_RING_BYTES	(512 * 1024)
#define EVENT_RING_INSTANCE_LEN 16

struct event_ring;
struct event_reader;

/* One line, pointing into the reader: good until its next call. */
struct event_line {
	uint64_t seq, generation;
	int code;		 /* exit code of what died or was destroyed */
	const char *id, *action; /* NUL-terminated; action is the first word: "exec_create" */
	const char *json;	 /* NUL-terminated behind len */
	size_t len;
};

/* dirfd is the run root's and stays the caller's; it must stay open. before_drop (may be NULL) is called before the older file
 * goes: what stands there will not be found again. */
int event_ring_open(
	int dirfd, void (*before_drop)(void *cookie), void *cookie, struct event_ring **out, struct err *e);
void event_ring_free(struct event_ring *r);
/* Deletes the files. */
void event_ring_remove(struct event_ring *r);

const char *event_ring_instance(const struct event_ring *r);
/* What the next event will get. */
uint64_t event_ring_next(const struct event_ring *r);
/* The first that can be read still; event_ring_next() when there is none. */
uint64_t event_ring_oldest(const struct event_ring *r);
/* id and action without blanks, json without line ends. *seq is set in any case. */
int event_ring_add(struct event_ring *r, uint64_t generation, int code, const char *id, const char *action,
	const char *json, size_t len, uint64_t *seq, struct err *e);

/* A place behind an event, for clients: "INSTANCE-SEQ". Parsing: 1 and the number; 0 for a place that is not of this instance;
 * -EINVAL. */
#define EVENT_CURSOR_MAX (EVENT_RING_INSTANCE_LEN + 24)
char *event_ring_format_cursor(const struct event_ring *r, uint64_t seq, char out[EVENT_CURSOR_MAX]);
int event_ring_parse_cursor(const struct event_ring *r, const char *text, uint64_t *seq, struct err *e);
/* Where a client goes on that names the place text (NULL or "": now). 1 for a place that is not of this instance: *next is the
 * oldest event there is then. */
int event_ring_find_place(const struct event_ring *r, const char *text, uint64_t *next, struct err *e);

/* Begins at number from, or at the first that is there. */
int event_reader_new(struct event_ring *r, uint64_t from, struct event_reader **out, struct err *e);
void event_reader_free(struct event_reader *rd);
/* 1: the next one; a number that is higher than one more than the last says how many were dropped meanwhile. 0: there are no
 * more for now. */
int event_reader_next(struct event_reader *rd, struct event_line *out, struct err *e);

OWN_DEFINE_PTR(event_ring, struct event_ring, event_ring_free)
OWN_DEFINE_PTR(event_reader, struct event_reader, event_reader_free)

#endif
