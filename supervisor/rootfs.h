/*
 * rootfs - the root filesystem that a container's image names, and what it or its bundle says about the programs in it.
 *
 * Owns:    rootfs_done() frees all of it.
 * Errors:  those of image_source_resolve(); -ENOENT for a name that is no local form, with how to name one.
 * Context: looks at the file system.
 */
#ifndef SUPERVISOR_ROOTFS_H
#define SUPERVISOR_ROOTFS_H

#include "base/err.h"
#include "base/own.h"
#include "image/config.h"
#include "image/source.h"
#include "runtime/spec.h"

struct rootfs {
	struct image_source source; /* .root is the directory */
	struct spec *bundle;	    /* NULL for a plain directory */
	/* Filled by rootfs_describe(); NULL and "" until then. */
	char *name;	/* "dir:/srv/web" */
	json_t *config; /* as image/config.h has it */
	char id[IMAGE_ID_LEN + 1];
};

int rootfs_resolve(const char *image, struct rootfs *out, struct err *e);
/* What the image says about itself: the root's own file, or the bundle's config.json. */
int rootfs_describe(struct rootfs *r, struct err *e);
void rootfs_done(struct rootfs *r);

OWN_DEFINE(rootfs, struct rootfs, rootfs_done)

#endif
