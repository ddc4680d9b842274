/*
 * rootfs - the root filesystem that a container's image names, and what a bundle says about the programs in it.
 *
 * Owns:    rootfs_done() frees both.
 * Errors:  those of image_source_resolve(); -ENOENT for a name that is no local form, with how to name one.
 * Context: looks at the file system.
 */
#ifndef SUPERVISOR_ROOTFS_H
#define SUPERVISOR_ROOTFS_H

#include "base/err.h"
#include "base/own.h"
#include "image/source.h"
#include "runtime/spec.h"

struct rootfs {
	struct image_source source; /* .root is the directory */
	struct spec *bundle;	    /* NULL for a plain directory */
};

int rootfs_resolve(const char *image, struct rootfs *out, struct err *e);
void rootfs_done(struct rootfs *r);

OWN_DEFINE(rootfs, struct rootfs, rootfs_done)

#endif
