/*
 * archive_int - what the files of archive share. Not for anybody else.
 */
#ifndef RUNTIME_ARCHIVE_INT_H
#define RUNTIME_ARCHIVE_INT_H

#include <sys/types.h>

#include "runtime/archive.h"

#define ARCHIVE_MAGIC 0x62617263U

/* The plan: this, the descriptors of the mounts, the id maps (uids, gids), then the strings: path, user, the mounts' targets.
 * Written and read by the same program. */
struct archive_record {
	uint32_t magic;
	int32_t op, data_fd, keep_fd, answer_fd, init_pidfd, mntns_fd, root_fd;
	int32_t parent;
	uint32_t n_mounts, n_uids, n_gids;
	uint8_t read_only_root, no_overwrite_dir_non_dir, has_user;
};

/* archive_enter.c: from the host to the container's root, which is / from then on; returns a descriptor of it. */
int archive_enter(const struct archive_args *a, struct err *e);
/* archive_confine.c: no right and no call but what packing and unpacking takes. */
int archive_confine(const struct archive_args *a, pid_t parent, struct err *e);
/* archive_work.c: what is asked for, below root_fd. */
int archive_work(const struct archive_args *a, int root_fd, struct err *e);

#endif
