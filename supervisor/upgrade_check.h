/*
 * upgrade_check - is a file a berth that this machine can run? In a worker: all of it may block.
 *
 * It is copied first, so that what is looked at is what will run: a regular executable file, an ELF image of our own class
 * and machine, which answers to --version as berth does within five seconds. It is run for that with nothing but three
 * standard descriptors and an empty environment, in a session of its own.
 *
 * Owns:    *out_fd, a sealed memfd, is the caller's.
 * Errors:  -ENOENT, -EACCES (not executable), -EINVAL (not a regular file, not a program, not a berth), -ETIMEDOUT; each names
 *          the file.
 */
#ifndef SUPERVISOR_UPGRADE_CHECK_H
#define SUPERVISOR_UPGRADE_CHECK_H

#include "base/err.h"

#define UPGRADE_VERSION_MAX 64

int upgrade_check(const char *path, int *out_fd, char version[UPGRADE_VERSION_MAX], struct err *e);

#endif
