/*
 * copy - one directory's contents into another: what a named volume starts with (copy-up).
 *
 * Everything is kept: owner, mode (setuid too), times, extended attributes (capabilities, ACLs), symbolic links as they
 * are, device nodes, FIFOs, sockets, holes in files, hard links within the tree; and the top directory's own attributes.
 * What is mounted below the source is left out, its directory is copied empty.
 *
 * The source belongs to an image, and the destination may be a volume that other containers write to meanwhile: nothing is
 * reached by more than one name at a time, no link is followed, no existing file is written to, and no FIFO or device is
 * ever opened.
 *
 * Source:  behaviour of Docker's volumes ("copy-up").
 * Owns:    nothing; both descriptors stay the caller's (any directory descriptor, O_PATH too; the source's own path is
 *          opened in root by the caller).
 * Errors:  -errno and the path within the tree; what was copied by then stays: copy beside the volume and rename, or
 *          remove. -EEXIST: the destination was not empty. -ELOOP: nested deeper than IMAGE_COPY_DEPTH.
 * Context: long: in a worker or launcher only. Needs /proc, and three descriptors per level.
 */
#ifndef IMAGE_COPY_H
#define IMAGE_COPY_H

#include "base/err.h"

#define IMAGE_COPY_DEPTH 200

int image_copy_tree(int src_dirfd, int dst_dirfd, struct err *e);
/* Is there nothing in the directory (so that copy-up is due): 1, 0 or -errno. */
int image_is_empty(int dirfd);

#endif
