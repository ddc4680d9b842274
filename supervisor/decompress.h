/*
 * decompress - a compressed archive on its way to who reads plain tar: by the host's own program for it.
 *
 * The program (gzip, bzip2, xz, zstd: by the first bytes) runs as nobody, without a way to more rights, between two pipes.
 *
 * Source:  RFC 1952, the magic numbers of the others.
 * Owns:    struct decompress owns .fd and its process; decompress_end() gives both back.
 * Errors:  -EOPNOTSUPP: the host does not have that program; -EINVAL from end: it says that its input is damaged.
 * Context: blocks until the first bytes are there: a worker's. The process dies with its caller.
 */
#ifndef SUPERVISOR_DECOMPRESS_H
#define SUPERVISOR_DECOMPRESS_H

#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

struct decompress {
	int fd; /* to be read in place of the pipe; -1: that is plain already */
	pid_t pid;
	const char *program;
};

/* "gzip" and the like, or NULL: nothing known. */
const char *decompress_program(const void *head, size_t len);
/* in_fd is a pipe; nothing is taken from it here. */
int decompress_begin(int in_fd, struct decompress *out, struct err *e);
/* r: what reading came to, which counts before anything that is said here. Returns it, or the program's failure. */
int decompress_end(struct decompress *d, int r, struct err *e);

#endif
