/*
 * volumes - the volumes of a daemon: which there are, made and removed, who uses them.
 *
 * What is durable is in memory too, so a list costs no disk. One worker at a time makes and removes what waits, with one sync
 * of the directory for all of it; what a removed one held is deleted after, by another worker. A removal that a death cuts short
 * has either not happened or is finished by the next supervisor.
 *
 * Events follow what they tell of: a supervisor that dies in between takes that one along.
 *
 * A container uses a volume from its creation to the end of its removal, whether it runs or not.
 *
 * Source:  Docker Engine API, Volume; its texts.
 * Owns:    the list and what is in it, until volumes_close(). A struct volume is good until the loop has its next turn.
 * Errors:  done() gets -ENOENT "get NAME: no such volume", -EBUSY "remove NAME: volume is in use - [ID, ...]", or what the disk says.
 * Context: the loop; volumes_open() blocks, at the start. An engine in which it was not called has no volumes.
 */
#ifndef SUPERVISOR_VOLUMES_H
#define SUPERVISOR_VOLUMES_H

#include <jansson.h>
#include <stdbool.h>

#include "supervisor/answers.h"
#include "supervisor/engine.h"
#include "supervisor/volume.h"

struct container;

struct volume {
	struct list link; /* by name */
	char *name;
	struct volume_record record;

	/* of volumes.c alone */
	enum volume_state { VOLUME_NEW, VOLUME_READY, VOLUME_GOING } state;
	bool unwritten;			   /* it is there, its record is not yet */
	bool flying;			   /* a worker is at it */
	const struct container *container; /* whose removal takes it along */
	char trash[VOLUME_TRASH_MAX];	   /* its name when it is out of sight */
	struct answers answers;		   /* of who waits for what state says */
};

int volumes_open(struct engine *en, struct err *e);
/* Who waits is not answered any more. */
void volumes_close(struct engine *en);

/* NULL: there is none, or it is being made or removed. */
struct volume *volumes_find(const struct engine *en, const char *name);
/* The one behind v that is there, the first for NULL; NULL: no more. In order of names. */
struct volume *volumes_next(const struct engine *en, const struct volume *v);
bool volumes_is_anonymous(const struct volume *v);
/* How many containers use it. */
size_t volumes_users(const struct engine *en, const char *name);

/* -EINVAL with docker's text when name is none for a volume. */
int volumes_check_name(const char *name, struct err *e);
/* Objects of strings, taken; NULL: none. One that exists already is fine as it is. name must have been checked. */
void volumes_create(
	struct engine *en, const char *name, json_t *labels, json_t *options, done_fn done, void *cookie);
void volumes_remove(struct engine *en, const char *name, done_fn done, void *cookie);
/* A container needs one that is not there: it has a directory now; its record is written in the background. */
void volumes_note(struct engine *en, const char *name, bool anonymous);

/* c does not come about, and nobody else uses this one: it goes. */
void volumes_discard(const struct container *c, const char *name);
/* A container's removal takes this one along, by its own worker (which asks volumes_goes_with()), unless somebody else uses it. */
void volumes_take_along(const struct container *c, const char *name);
bool volumes_goes_with(const struct container *c, const char *name);
/* The removal is over: what went along is gone, or is there still. */
void volumes_taken(const struct container *c, bool gone);

#endif
