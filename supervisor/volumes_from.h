/*
 * volumes_from - HostConfig.VolumesFrom: the binds and volumes of other containers, as they are when ours is made.
 *
 * Source:  Docker Engine API; daemon/volumes.go of moby. What the container mounts itself wins; a tmpfs is nobody else's.
 * Errors:  -ENOENT: no such container; -EINVAL: not CONTAINER[:ro|rw].
 * Context: the loop.
 */
#ifndef SUPERVISOR_VOLUMES_FROM_H
#define SUPERVISOR_VOLUMES_FROM_H

#include <jansson.h>

#include "supervisor/engine.h"

/* A copy of the create body with what it asks for in "Berth": {"MountsFrom"}; *out NULL: it asks for nothing. */
int volumes_from_resolve(struct engine *en, const json_t *body, json_t **out, struct err *e);

#endif
