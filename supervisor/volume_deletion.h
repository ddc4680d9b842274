/*
 * volume_deletion - what removed volumes held is deleted by a worker, all of one list.
 *
 * Owns:    a struct volume_deletion frees itself when it is through; dirfd, of <data-root>/volumes, stays the caller's.
 * Errors:  what cannot be deleted is logged; it is out of sight, and the next start tries again. Who waits is answered by 0.
 * Context: the loop.
 */
#ifndef SUPERVISOR_VOLUME_DELETION_H
#define SUPERVISOR_VOLUME_DELETION_H

#include "supervisor/answers.h"
#include "supervisor/engine.h"

struct volume_deletion;

struct volume_deletion *volume_deletion_new(struct engine *en, int dirfd);
/* name as volume_trash_name() has made it; answers are moved, NULL: nobody waits. */
void volume_deletion_add(struct volume_deletion *d, const char *name, struct answers *answers);
void volume_deletion_start(struct volume_deletion *d);

#endif
