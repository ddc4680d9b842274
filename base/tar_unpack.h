/*
 * tar_unpack - the files of a tar archive, made below a directory.
 *
 * No name leads out of it: ".." that would is an error, and so is one of a hard link's target. With .in_root symlinks on
 * the way are followed as if root_fd were /, links of the container's own among them; without, none is. What is there is
 * replaced, but directories are merged. Missing directories on the way are made, 0755. Directories get their times last.
 *
 * Units:   bytes.
 * Owns:    nothing; .root_fd stays the caller's.
 * Errors:  -EINVAL: a name that leads out, or an id that the container does not have; -EISDIR, -ENOTDIR:
 *          .no_overwrite_dir_non_dir; those of tar.h; else with the file's name. What was made until then stays.
 * Context: blocks. The umask is to be 0.
 */
#ifndef BASE_TAR_UNPACK_H
#define BASE_TAR_UNPACK_H

#include "base/tar.h"
#include "base/tar_pack.h"

struct tar_unpack {
	int root_fd;
	bool in_root;
	const char *dir; /* in root, absolute; else "" */
	bool no_overwrite_dir_non_dir;
	bool no_owner;	/* what is made is the caller's own */
	bool has_owner; /* all becomes .uid's and .gid's, as the container counts */
	uint32_t uid, gid;
	struct tar_id_maps ids;
	const char *from, *to; /* names that begin with one begin with the other; NULL: as they are */
};

int tar_unpack(const struct tar_unpack *u, struct tar_reader *r, struct err *e);

#endif
