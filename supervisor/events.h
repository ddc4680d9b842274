/*
 * events - what happened to the daemon's objects: numbered, written down, then told to everybody who subscribed.
 *
 * An event is made after the state has changed and is written. Its attributes are docker's: those of the action, over them
 * the container's labels, over those "image" and "name". It is in the ring (event_ring.h) before anybody is told, so a
 * client that knows a number can go on behind it with the next supervisor.
 *
 * What starts or ends something is announced exactly once, whoever dies when: the record says by actual.unsaid (EVENTS_* bits)
 * what belongs to the present generation and is not announced as far as the record knows; the state is saved with the bit
 * set, then events_announce() makes the event and clears it in memory, in this order. The next supervisor asks the ring about every bit
 * that it finds, and announces what is not there. For a removal, whose record goes, events_will_destroy() leaves a note in
 * the container's directory of the run root that goes last.
 *
 * Source:  docker's events: create start restart stop pause unpause attach detach resize rename update kill die oom destroy
 *          top exec_create exec_start exec_die exec_detach prune; of volumes create destroy prune.
 * Owns:    struct engine_event and what it points to live until the subscriber returns.
 * Context: the loop. A subscriber may end its own subscription, and no other's.
 */
#ifndef SUPERVISOR_EVENTS_H
#define SUPERVISOR_EVENTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"

struct container;
struct engine;
struct event_ring;

/* Bits of actual.unsaid, in the order in which they are announced. */
#define EVENTS_CREATE (1 << 0)
#define EVENTS_START  (1 << 1)
#define EVENTS_OOM    (1 << 2)
#define EVENTS_DIE    (1 << 3)

struct engine_event {
	uint64_t seq;
	int64_t time_ns;	  /* real time */
	const char *type;	  /* "container" */
	const char *action;	  /* "die"; an exec's with what follows the word: "exec_create: sh -c ls" */
	const char *id;		  /* the actor's */
	const json_t *attributes; /* strings */
	struct container *container; /* NULL: it is no container's, or the container is gone */
	const char *json;	     /* as docker's API has it (before 1.52), one line, without its end */
	size_t len;
};
typedef void (*engine_event_fn)(void *cookie, const struct engine_event *ev);

struct engine_subscriber {
	struct list link;
	engine_event_fn fn;
	void *cookie;
};

void events_subscribe(struct engine *en, struct engine_subscriber *s);
void events_unsubscribe(struct engine_subscriber *s);

/* Something happened to c: action, then names and values of its attributes, ends with NULL. Those whose names begin with a dot
 * are for libcontainerd's face alone: they stand in a member "Berth", without the dot, beside "container", its id there. */
void events_emit(struct container *c, const char *action, ...) __attribute__((sentinel));
/* The same of an object that is no container ("volume"; id "" for what happened to several): its attributes alone. */
void events_emit_object(struct engine *en, const char *type, const char *action, const char *id, ...)
	__attribute__((sentinel));
/* Everything that c->actual.unsaid says, and then nothing is unsaid any more. */
void events_announce(struct container *c);

/* Before the record of a container is taken away: afterwards events_destroyed() is sure to be made up for. */
int events_will_destroy(struct container *c, struct err *e);
void events_destroyed(struct container *c);
/* The rest of a removal that a death has cut short: id's directory is there, its record is not. */
void events_finish_destroy(struct engine *en, const char *id);

struct events_end {
	int code;
	char error[ERR_TEXT_MAX]; /* why its start failed; "": it did not */
};

/* How a container ended, for who waited for it when a supervisor died, or comes when it is no more. ref: its id, a beginning of
 * that (12 or more) or its name. removal: only a removal counts, else a die as well. The first behind the event after; with
 * since_ns (CLOCK_NEVER: none) the last of those that are not older than that. */
bool events_find_end(struct engine *en, const char *ref, bool removal, uint64_t after, int64_t since_ns,
	struct events_end *out);

/* For engine.c, daemon.c and recover.c. */
int events_open(struct engine *en, struct err *e);
void events_close(struct engine *en);
/* At the daemon's end: no file is left. */
void events_remove(struct engine *en);
/* After the records were read, before anything is done with them. */
void events_recover(struct engine *en);

/* The text of an event in docker's form. A new reference; NULL: out of memory. */
json_t *events_to_json(
	const char *type, const char *action, const char *id, const json_t *attributes, int64_t time_ns);

#endif
