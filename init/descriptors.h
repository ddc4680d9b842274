/*
 * descriptors - the table of what must outlive a supervisor: name -> descriptor.
 *
 * Statically sized; only what was ever in use takes memory. A name is looked up by its hash in a row of its own, so that
 * a search through a full table reads 64 KiB, not all the names.
 *
 * Owns:    every descriptor in it, CLOEXEC.
 * Errors:  -EINVAL not a name, -ENOENT no such name, -ENOSPC the table is full.
 */
#ifndef INIT_DESCRIPTORS_H
#define INIT_DESCRIPTORS_H

#include <stdbool.h>
#include <stdint.h>

#include "init/protocol.h"

/* A name is read up to its end or KEEPER_NAME_MAX + 1 bytes: without an end in these it is none.
 * limit: how many there may be, at most KEEPER_DESCRIPTORS. */
void descriptors_init(uint32_t limit);
/* Takes fd on success, in place of one of the same name, which is closed. */
int descriptors_put(const char *name, int fd);
/* The descriptor; it stays the table's. */
int descriptors_get(const char *name);
int descriptors_drop(const char *name);
/* The first name at or behind *cursor; *cursor is then behind it. */
bool descriptors_next(uint32_t *cursor, char name[KEEPER_NAME_MAX + 1]);
uint32_t descriptors_limit(void);

#endif
