/*
 * answers - the callers that wait for one act: several may ask for the same stop or removal, each is answered once.
 *
 * Owns:    a list node for each.
 */
#ifndef SUPERVISOR_ANSWERS_H
#define SUPERVISOR_ANSWERS_H

#include "supervisor/engine.h"

struct answers {
	struct list callers; /* zeroed is empty too */
};

/* done may be NULL: nobody waits. */
void answers_add(struct answers *a, done_fn done, void *cookie);
/* from is empty after; it may be freed. */
void answers_move(struct answers *to, struct answers *from);
/* The same behind those that to has. */
void answers_append(struct answers *to, struct answers *from);
/* From the loop, in order; the list is empty after. */
void answers_give(struct answers *a, struct engine *en, int r, const struct err *e);
/* Nobody is answered. */
void answers_drop(struct answers *a);

#endif
