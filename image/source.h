/*
 * source - where a container's root filesystem comes from: the local forms of an image's name.
 *
 *     dir:/srv/web               a root filesystem
 *     oci-bundle:/srv/bundle     a bundle: config.json, and the root that it names
 *
 * Source:  OCI runtime-spec, bundle.md and config.md (root).
 * Owns:    struct image_source owns its strings; image_source_done(). {0} is none.
 * Errors:  -EINVAL: not of this form; -ENOENT, -ENOTDIR, ...: named rightly, but it is not there. The text names the image.
 * Context: reads the file system; the paths are the user's own, so symlinks in them are followed.
 * Not:     names ("web:1") are looked up by whoever keeps them.
 */
#ifndef IMAGE_SOURCE_H
#define IMAGE_SOURCE_H

#include <stdbool.h>

#include "base/err.h"
#include "base/own.h"

enum image_kind { IMAGE_DIR, IMAGE_OCI_BUNDLE, IMAGE_KIND_COUNT };

struct image_source {
	enum image_kind kind;
	char *root;   /* absolute path of the root filesystem */
	char *bundle; /* the bundle's directory, absolute; NULL for IMAGE_DIR */
};

/* Does the name start with one of the forms above (and so is no name to look up)? */
bool image_source_is_local(const char *image);
/* Parse and look: the paths are absolute, lexically clean, and directories. */
int image_source_resolve(const char *image, struct image_source *out, struct err *e);
void image_source_done(struct image_source *s);
/* The form again, its path as resolved: what identifies it. The caller frees; NULL: out of memory. */
char *image_source_format(const struct image_source *s);

OWN_DEFINE(image_source, struct image_source, image_source_done)

#endif
