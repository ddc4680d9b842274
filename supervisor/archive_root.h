/*
 * archive_root - the root of a container that does not run, for the process that works in it (runtime/archive.h).
 *
 * Owns:    archive_root_done() frees all; .lock_fd is held while the root is written to.
 * Context: open, ids and done in the loop; fill in the worker, whose descriptors end with it.
 */
#ifndef SUPERVISOR_ARCHIVE_ROOT_H
#define SUPERVISOR_ARCHIVE_ROOT_H

#include "runtime/archive.h"
#include "supervisor/container_root.h"

struct archive_root {
	bool used; /* false: the container runs, and only .ids counts */
	struct container_root root;
	int lock_fd;
	struct tar_ids *uids, *gids;
	struct tar_id_maps ids;
};
#define ARCHIVE_ROOT_NONE                                                                                    \
	{                                                                                                    \
		.lock_fd = -1                                                                                \
	}

int archive_root_open(struct archive_root *r, const struct container *c, enum archive_op op, struct err *e);
/* The container's id maps. Where memory is out they are missing, and archive_root_fill() says so. */
void archive_root_ids(struct archive_root *r, const struct container *c);
/* What of the arguments this root is about. */
int archive_root_fill(struct archive_root *r, struct archive_args *a, struct err *e);
void archive_root_done(struct archive_root *r);

#endif
