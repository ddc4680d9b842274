/*
 * mount - what of a container's mounts is made on the host's side: detached trees, attached later by the container's init.
 *
 * A detached tree belongs to no mount namespace that anybody sees; it is gone with its last descriptor. So a launch that
 * dies half way leaves no mount behind, and the host's table never shows one.
 *
 * Source:  open_tree(2), fsmount(2), mount_setattr(2).
 * Owns:    returned descriptors are the caller's, CLOEXEC.
 * Errors:  -errno with the mount's destination and the source's name.
 * Context: these call the file system and may block; the launcher only.
 */
#ifndef RUNTIME_MOUNT_H
#define RUNTIME_MOUNT_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "runtime/spec.h"

/* A private (or slave, as propagation has it) copy of the tree at path, to become the root. */
int mount_open_root(const char *path, unsigned long propagation, struct err *e);
/* Private or slave, recursively, for a root that somebody else made. */
int mount_settle_root(int root_fd, unsigned long propagation, struct err *e);
/* Is it a mount whose tree comes from the host's side: a bind, or a tmpfs with tmpcopyup? */
bool mount_is_prepared(const struct spec_mount *m);
/* The tree of such a mount, with its flags and propagation set. root_fd is the detached root (copy-up reads it). */
int mount_prepare(const struct spec_mount *m, int root_fd, struct err *e);
/* All of the host's cgroup tree with these flags, for containers without a cgroup namespace of their own that they could
 * mount it in. */
int mount_prepare_cgroup(const struct spec_mount *m, struct err *e);
/* The host's node of a device, verified. name is the path in the container, tried first. */
int mount_prepare_device(const char *name, char type, unsigned major, unsigned minor, struct err *e);
/* Make the mount points that lie in the root itself (not below another mount): by the host's right, for an init that has
 * less. What cannot be made here is left to the init and its error. */
void mount_make_points(const struct spec *spec, const int *trees, int root_fd);

/* Copy what is in directory from (open for reading) into directory to: files, directories, links, FIFOs and nodes with
 * their owners, modes, times and extended attributes. No symlink is followed, other mounts are not entered. */
int mount_copy_tree(int from, int to, struct err *e);

#endif
