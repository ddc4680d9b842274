/*
 * tar_pack - a file or a directory with all below it, as a tar archive.
 *
 * Entries come in the order of their names, a directory before what is in it. Of the extended attributes it has
 * security.capability, as docker's archives. Sockets are left out. What is removed while it is read is left out; a file that
 * became shorter is filled up with zeros, for its size is already said. Of kernel file systems (proc, sysfs, ...) it has the
 * mount point alone.
 *
 * Units:   bytes.
 * Owns:    nothing; .root_fd stays the caller's.
 * Errors:  those of the write function as they are; else with the name of the file.
 * Context: blocks. Symlinks on the way to .path are followed inside of the root when .in_root, as by the kernel else; below
 *          it none is followed.
 */
#ifndef BASE_TAR_PACK_H
#define BASE_TAR_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* A run of ids: those of the host's from .host on are the archive's from .inside on. */
struct tar_ids {
	uint32_t inside, host, count;
};

struct tar_id_maps {
	const struct tar_ids *uids, *gids;
	size_t n_uids, n_gids; /* 0: as they are */
};

/* UINT32_MAX: it has no other side. */
uint32_t tar_id_inside(const struct tar_ids *maps, size_t n, uint32_t host);
uint32_t tar_id_host(const struct tar_ids *maps, size_t n, uint32_t inside);

struct tar_pack {
	int root_fd;
	bool in_root;	  /* .path as if root_fd were / */
	const char *path; /* its last part may be a symlink, which is then what is archived */
	/* The name that it has in the archive; what is below it is NAME/... NULL: it has none, only what is below it is archived. */
	const char *name;
	struct tar_id_maps ids;
	/* Takes all of it, or -errno. */
	int (*write)(void *cookie, const void *data, size_t len);
	void *cookie;
};

/* Is this file one of the kernel's own file systems: proc, sysfs, cgroups, ...? */
bool tar_is_kernels(int fd);
int tar_pack(const struct tar_pack *p, struct err *e);

#endif
