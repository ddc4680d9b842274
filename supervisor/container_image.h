/*
 * container_image - what a container's image stands for: looked up once, when the container is made, and kept with it.
 *
 * Errors:  -ENOENT: no such name; -EINVAL: what the name stands for is not there or cannot be read; those of rootfs_resolve().
 * Context: the loop; an image that is named by its path is read at once, as its directory is looked at.
 */
#ifndef SUPERVISOR_CONTAINER_IMAGE_H
#define SUPERVISOR_CONTAINER_IMAGE_H

#include "supervisor/container.h"

/* config_complete() with what the image says. */
int container_image_complete(struct container *c, struct err *e);
/* Where its root is: "dir:PATH" or "oci-bundle:PATH". */
const char *container_image_source(const struct container *c);
/* What docker shows for it: the name that it was made by or, when that stands for another image by now, the id. */
const char *container_image_shown(const struct container *c);
/* Does the name that it was made by stand for another image by now? */
bool container_image_moved(const struct container *c);
/* "sha256:...", or what it was made by. */
const char *container_image_id(const struct container *c);

#endif
