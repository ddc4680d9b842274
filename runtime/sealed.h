/*
 * sealed - a program of ours as a file that nobody can write to, nor open for writing.
 *
 * A sealed memfd cannot be written to, but whoever gets at its name by /proc/PID/exe may open it for writing all the same,
 * and as long as he does nobody can execute it (ETXTBSY): one container could stop every exec of the host. So the file lies
 * on a read-only file system of its own, whose only mount is read-only and belongs to no namespace: there is no way to
 * change that.
 *
 * Source:  fsmount(2), fspick(2), mount_setattr(2), memfd_create(2).
 * Owns:    the descriptor is the caller's: O_RDONLY, CLOEXEC; the file is gone with the last one.
 * Errors:  where we may not mount (no CAP_SYS_ADMIN) it is a sealed memfd.
 */
#ifndef RUNTIME_SEALED_H
#define RUNTIME_SEALED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Can nobody who gets at it by /proc/PID/exe change its owner, mode or attributes? Else only a copy of his own should be in a
 * stranger's reach: a set-user-id bit would be there for all. */
bool sealed_is_unchangeable(int fd);
int sealed_program(const char *name, const void *data, size_t len, struct err *e);

#endif
