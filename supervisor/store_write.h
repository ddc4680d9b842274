/*
 * store_write - one batch of durable writes: the worker's side of the store, on descriptors and text alone.
 *
 * Order: all temporary files written and synced; renamed; their directories synced; directories of removed containers moved to
 * the trash; trash and container directory synced. So after a power cut at any point each file is the old or the new one, and
 * what an item with r == 0 says is there when store_write() has returned.
 *
 * Source:  fsync(2), rename(2): an entry of a directory is durable when that directory was synced, contents when the file was.
 * Errors:  per item. An item that failed has its old files, or new ones that may not be durable; one that was fresh is gone again.
 * Context: blocks; a worker.
 */
#ifndef SUPERVISOR_STORE_WRITE_H
#define SUPERVISOR_STORE_WRITE_H

#include "supervisor/store.h"

#define STORE_FILES 3 /* config, desired, result: bits 0 to 2 of enum store_what */

struct store_dirs {
	int containers_fd, trash_fd;
	const char *path; /* of containers_fd, for error texts */
};

struct store_item {
	const char *id;
	char *text[STORE_FILES]; /* NULL: not to be written */
	bool fresh;		 /* its directory is to be made */
	bool gone;
	bool volumes; /* with gone: its anonymous volumes go too */
	int r;	      /* out */
	struct err e;
	int dirfd, fds[STORE_FILES]; /* between the phases */
};

const char *store_file_name(int file);
/* The trash's name of it. */
void store_trash_name(const char *id, bool volumes, char out[TEXT_ID_LEN + 3]);
void store_write(const struct store_dirs *dirs, struct store_item *items, size_t n);

#endif
