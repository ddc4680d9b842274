/*
 * archive - files go into and out of a container: by a process of its own, which works within the container's mounts.
 *
 * archive_run() executes this very program afresh, with a plan in a memfd: no copy of the caller's memory is ever in a
 * container's namespaces. That process enters the mount namespace of the container's init (by its pidfd) or, for one that
 * does not run, mounts what it is given in a small namespace of its own; makes that its root; gives up what it does not
 * need (capabilities, system calls, descriptors); and only then looks at a path or at an archive.
 *
 * On data_fd it first writes a struct archive_stat, but for ARCHIVE_PUT, then the archive. ARCHIVE_PUT reads from it.
 *
 * Source:  setns(2), pidfd_open(2), openat2(2), seccomp(2); docker's archive endpoints for what a path means.
 * Owns:    descriptors stay the caller's.
 * Errors:  -ENOENT: there is nothing at .path; -ENOTDIR; -EROFS: it is read-only, the text is docker's; -ESRCH: the container
 *          has ended; -ECHILD: the process died; others with what they were about.
 * Context: blocks: a worker's. The process dies with its caller, and is where its caller is among the cgroups.
 */
#ifndef RUNTIME_ARCHIVE_H
#define RUNTIME_ARCHIVE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/tar_pack.h"

#define ARCHIVE_VERB "archive-work"

enum archive_op {
	ARCHIVE_STAT,	/* of the path itself */
	ARCHIVE_GET,	/* the path and all below it */
	ARCHIVE_EXPORT, /* the root without what is mounted on it */
	ARCHIVE_PUT,
	ARCHIVE_OP_COUNT
};

#define ARCHIVE_STAT_MAGIC 0x62737431U

struct archive_stat {
	uint32_t magic, mode; /* st_mode */
	int64_t size, mtime_ns;
	char name[NAME_MAX + 1];
	char link_target[PATH_MAX]; /* of a symlink: where it leads to in the end; "" else */
};

/* A detached tree and where it belongs. */
struct archive_mount {
	int fd;
	const char *target;
};

struct archive_args {
	enum archive_op op;
	const char *path; /* absolute; a slash or "/." at its end counts */
	int data_fd;
	int keep_fd; /* held until it ends; -1: none */
	/* Of a running one; -1: it does not run, and the next four count. */
	int init_pidfd;
	int mntns_fd; /* of launch_env_mntns(), which is copied */
	int root_fd;  /* the detached root */
	const struct archive_mount *mounts;
	size_t n_mounts;
	struct tar_id_maps ids;
	/* ARCHIVE_PUT */
	bool read_only_root, no_overwrite_dir_non_dir;
	const char *
		user; /* whose all files become, as the container's own passwd has it; NULL: as the archive says */
};

int archive_run(const struct archive_args *a, struct err *e);
/* The program's entry for `PROGRAM archive-work FD`; argv[0] is the verb. */
int archive_main(int argc, char **argv);

#endif
