/*
 * container_volumes - a container's volumes: made with it, where they are for the spec, filled from the image once, removed with it.
 *
 * Context: the loop (container_volume_path() makes a directory at most); container_volumes_copy_up() in a launcher,
 *          container_volumes_remove() in a worker.
 */
#ifndef SUPERVISOR_CONTAINER_VOLUMES_H
#define SUPERVISOR_CONTAINER_VOLUMES_H

#include "base/arena.h"
#include "supervisor/config.h"
#include "supervisor/engine.h"

/* spec_build's callback; the cookie is the engine. A subpath must exist in its volume. */
int container_volume_path(
	void *engine, const struct config_mount *m, struct arena *a, const char **out, struct err *e);
/* What the image (root_fd) has at the targets of volumes that are still empty is copied into them. */
int container_volumes_copy_up(const struct engine *en, const struct config *c, int root_fd, struct err *e);

bool container_volumes_are_there(const struct container *c);
/* Those that are missing; done is answered when all of them are durable, or by what the first failure said. */
void container_volumes_make(const struct container *c, done_fn done, void *cookie);
/* It failed: the anonymous ones go again. */
void container_volumes_unmake(const struct container *c);

/* The anonymous ones that nobody else uses are to go with it: volumes_taken() follows when its removal is over. */
void container_volumes_take_along(const struct container *c);
/* The worker's part of that. */
int container_volumes_remove(const struct container *c, struct err *e);

#endif
