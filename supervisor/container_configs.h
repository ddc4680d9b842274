/*
 * container_configs - the files that a create body brings along (compose's configs and secrets that are more than a bind):
 * written for each start to <data-root>/containers/ID/configs/N, with their owner and mode, and bound read-only by the spec.
 * What is there already is not written again.
 *
 * Owns:    nothing; the directory goes with the container's.
 * Errors:  -ENOENT and the like: a source cannot be read; -EFBIG: it is above CONTAINER_CONFIG_MAX.
 * Context: write in the launcher: a source may be on a file system that does not answer.
 */
#ifndef SUPERVISOR_CONTAINER_CONFIGS_H
#define SUPERVISOR_CONTAINER_CONFIGS_H

#include "supervisor/container.h"

#define CONTAINER_CONFIG_MAX (1 << 20) /* bytes of one */

int container_configs_write(const struct container *c, struct err *e);
/* Where they will be: absolute, to be freed; NULL when memory is out. */
char *container_configs_dir(const struct container *c);

#endif
