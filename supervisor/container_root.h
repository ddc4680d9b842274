/*
 * container_root - a container's root for one start: its image's directory under the container's own writable layer.
 *
 * The layer is <data-root>/containers/ID/{upper,work}, or a tmpfs that ends with the run.
 *
 * An overlay that is mounted a second time takes the first one's work directory away. So who writes to the root of a container
 * that does not run holds a lock (flock) on the layer's directory until its mount is gone, and a start waits for that.
 *
 * Owns:    the resolved image, until container_root_done().
 * Context: open and done in the loop; make and prepare are the launch's callbacks, in the launcher.
 */
#ifndef SUPERVISOR_CONTAINER_ROOT_H
#define SUPERVISOR_CONTAINER_ROOT_H

#include "supervisor/container.h"
#include "supervisor/rootfs.h"

struct container_root {
	const struct container *c;
	struct rootfs image;
	char *upper, *work; /* NULL: tmpfs, or no layer */
	bool locked;	    /* the directory of the layer is locked by the caller: nobody else mounts it */
};

int container_root_open(const struct container *c, struct container_root *out, struct err *e);
void container_root_done(struct container_root *r);
/* Where its layer is on the disk (the directory may be missing still); the caller's. NULL: it has none there, or no memory. */
char *container_layer_path(const struct container *c);
/* struct launch_args.make_root and .prepare; the cookie is the struct. */
int container_root_make(void *cookie, struct err *e);
int container_root_prepare(void *cookie, int root_fd, struct err *e);
/* The same root to be looked at, beside a start of it or another view; what is changed in it is lost. Returns the mount. */
int container_root_view(const struct container_root *r, struct err *e);

#endif
