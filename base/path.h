/*
 * path - reaching files below a directory that somebody else may be changing.
 *
 * Source:  openat2(2), path_resolution(7).
 * "In root" means: resolved as if rootfd were /, symlinks included, magic links refused
 * (RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS), so nothing an image or a container puts in
 * the way can lead outside.
 * Owns:    returned descriptors belong to the caller, CLOEXEC.
 * Errors:  -errno; -ELOOP for a magic link, -EAGAIN after repeated races (retried 64 times here).
 */
#ifndef BASE_PATH_H
#define BASE_PATH_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

/* open(2) in root; flags as open(2), O_CLOEXEC implied. Returns a descriptor. */
int path_open_in_root(int rootfd, const char *path, int flags, mode_t mode);
/* mkdir -p in root, component by component. Returns an O_PATH descriptor of the directory. */
int path_mkdirs_in_root(int rootfd, const char *path, mode_t mode, struct err *e);
/* As above for the parents, then an empty regular file unless something is there. Returns O_PATH of the file. */
int path_mkfile_in_root(int rootfd, const char *path, mode_t mode, struct err *e);
/* mkdir -p of a plain path of ours; an existing directory is fine. */
int path_mkdirs(const char *path, mode_t mode, struct err *e);
/* Remove name below dirfd and all that is in it, not crossing into mounts, not following symlinks. Missing is fine. */
int path_remove_tree(int dirfd, const char *name, struct err *e);
/* Is this lexically free of "..", empty and absolute parts (a name that may be joined below a directory)? */
bool path_is_clean_relative(const char *path);
/* Lexical clean: duplicate slashes, "." and ".." resolved without touching the file system. out holds PATH_MAX. */
int path_clean(const char *path, char *out, size_t room);

#endif
