/*
 * io - descriptors: whole reads and writes, sealed memfds, descriptor passing, small files.
 *
 * Units:   bytes.
 * Owns:    every descriptor returned belongs to the caller and is CLOEXEC.
 * Errors:  -errno; io_read_full answers -EPIPE when the stream ends early, the *_file readers
 *          -EFBIG past their limit. Files are reached by dirfd + name (AT_FDCWD for a plain path).
 * Context: these block; the loop uses them only on memory files, /proc, /sys and sockets that answer at once.
 */
#ifndef BASE_IO_H
#define BASE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

int io_read_full(int fd, void *data, size_t len);
int io_write_full(int fd, const void *data, size_t len);
int io_set_nonblock(int fd, bool on);
int io_set_cloexec(int fd, bool on);

/* Append a file's contents to out. Only a regular file is read: a FIFO or device is -EINVAL, a directory -EISDIR. */
int io_read_file(int dirfd, const char *path, size_t max, struct buf *out, struct err *e);
/* Does the error of reading a record (a positive errno) say that the file is none? Else it may be read another time. */
bool io_is_damage(int code);
/* Read a small kernel file (/proc, /sys, cgroupfs) into text, NUL-terminated, trailing newline cut. Returns its length. */
int io_read_text(int dirfd, const char *path, char *text, size_t room);
/* One write(2) to an existing file, as kernel files want it. */
int io_write_text(int dirfd, const char *path, const char *text);
/* Replace a file: temporary file, fsync when durable, rename, fsync of the directory when durable. */
int io_replace_file(
	int dirfd, const char *name, const void *data, size_t len, mode_t mode, bool durable, struct err *e);
/* The temporary files (.NAME.new) that a death in the middle of that has left in a directory of which we are the one writer. */
void io_remove_unreplaced(int dirfd);

/* A memfd with these contents, sealed against every change (F_SEAL_WRITE, GROW, SHRINK, SEAL, and EXEC where it exists), its
 * metadata too where the kernel and our rights allow it. */
int io_memfd_sealed(const char *name, const void *data, size_t len, bool executable, struct err *e);
/* The same from a descriptor's contents. */
int io_memfd_sealed_copy(const char *name, int from_fd, bool executable, struct err *e);

/* May nobody change its owner, mode or attributes? Else only a copy of his own should be in a stranger's reach. */
bool io_memfd_is_immutable(int fd);

/* One datagram with up to n descriptors (n <= IO_PASS_MAX) over a Unix socket. */
#define IO_PASS_MAX 16
int io_send(int sock, const void *data, size_t len, const int *fds, size_t n);
/* Receives one datagram: returns its length (0: peer closed), *n is the room in and the count out. Descriptors arrive
 * CLOEXEC. A datagram or descriptor list that does not fit is -EMSGSIZE and what came is closed. */
ssize_t io_recv(int sock, void *data, size_t room, int *fds, size_t *n, int flags);

#endif
