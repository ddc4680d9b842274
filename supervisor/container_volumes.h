/*
 * container_volumes - a container's volumes: where they are for the spec, filled from the image once, removed with it.
 *
 * Context: container_volume_path() in the loop (it makes a directory at most); the other two in a launcher or worker.
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
/* The anonymous ones that nobody else uses. */
int container_volumes_remove(const struct container *c, struct err *e);

#endif
