/*
 * tar - the archive format of cp and export: one entry at a time, written and read.
 *
 * Written is POSIX ustar, with a pax header before an entry that it has no room for (long names, large sizes and ids, times
 * before 1970, attributes). Read are both, the original format of V7, and GNU's long names and binary numbers. Sparse files
 * and volumes of several parts are refused.
 *
 * Source:  pax(1) of POSIX.1-2008, "ustar Interchange Format" and "pax Header Block"; GNU tar, "Basic Tar Format";
 *          SCHILY.xattr.* of star for extended attributes.
 * Units:   bytes; seconds.
 * Owns:    tar_entry_done() frees what tar_next() filled in; a writer's entry borrows all it points to.
 * Errors:  -EBADMSG with what is wrong in the archive; -EPIPE: it ends in the middle; those of the read function; -ENOMEM.
 * Context: pure but for that function.
 */
#ifndef BASE_TAR_H
#define BASE_TAR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

#define TAR_BLOCK     512
#define TAR_NAME_MAX  (64 * 1024)
#define TAR_PAX_MAX   (1 << 20)
#define TAR_XATTR_MAX 64

enum tar_type {
	TAR_FILE = '0',
	TAR_LINK = '1', /* to .link, an earlier entry's name */
	TAR_SYMLINK = '2',
	TAR_CHAR = '3',
	TAR_BLOCKDEV = '4',
	TAR_DIR = '5',
	TAR_FIFO = '6'
};

struct tar_xattr {
	char *name, *value;
	size_t len;
};

struct tar_entry {
	enum tar_type type;
	char *name; /* never empty */
	char *link; /* NULL: none */
	uint32_t mode, uid, gid;
	int64_t size, mtime_s; /* size: 0 but for files */
	uint32_t major, minor;
	struct tar_xattr *xattrs;
	size_t n_xattrs;
};

void tar_entry_done(struct tar_entry *t);
OWN_DEFINE(tar_entry, struct tar_entry, tar_entry_done)

/* ---- writing */

/* Appends the entry's header. Its .size bytes follow, and tar_padding() zeros. */
int tar_put_header(struct buf *out, const struct tar_entry *t);
size_t tar_padding(int64_t size);
/* Appends the archive's end. */
int tar_put_end(struct buf *out);

/* ---- reading */

/* 1 to len bytes, 0 at the end, or -errno. */
typedef ssize_t (*tar_read_fn)(void *cookie, void *data, size_t len);

struct tar_reader {
	tar_read_fn read;
	void *cookie;
	int64_t left; /* of the present entry's bytes */
	size_t padding;
	bool over;
};

/* 1: the next entry is in *out, whatever was not read of the one before; 0: that was the last. */
int tar_next(struct tar_reader *r, struct tar_entry *out, struct err *e);
/* Bytes of the present entry; 0 at its end. */
ssize_t tar_read(struct tar_reader *r, void *data, size_t len, struct err *e);
/* Reads up to the end of what comes, so that who writes it is not cut off. */
int tar_drain(struct tar_reader *r, struct err *e);

#endif
