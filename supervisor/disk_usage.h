/*
 * disk_usage - how many bytes lie below directories, counted by a worker.
 *
 * The sizes of all that is no directory, as people's programs see them (st_size, a sparse file as a whole); a file with several
 * names once; not what is mounted below. What goes or comes meanwhile counts or does not.
 *
 * Units:   bytes; -1: could not be counted (deeper than DISK_USAGE_DEPTH_MAX, or the file system said no).
 * Owns:    a struct disk_usage frees itself after done().
 * Context: disk_usage_of() blocks, and opens one descriptor for each level; the rest is the loop's.
 */
#ifndef SUPERVISOR_DISK_USAGE_H
#define SUPERVISOR_DISK_USAGE_H

#include <stdint.h>

#include "supervisor/engine.h"

#define DISK_USAGE_DEPTH_MAX 256

/* A directory that is not there has 0 bytes. */
int64_t disk_usage_of(const char *path);

struct disk_usage;
/* NULL: out of memory. */
struct disk_usage *disk_usage_new(struct engine *en);
/* Count this one too, as the next number. path is copied; NULL is 0 bytes. */
void disk_usage_add(struct disk_usage *u, const char *path);
/* bytes are in the order of disk_usage_add(), until done returns; all are -1 when the worker fails. */
typedef void (*disk_usage_fn)(void *cookie, const int64_t *bytes, size_t n);
void disk_usage_count(struct disk_usage *u, disk_usage_fn done, void *cookie);
void disk_usage_free(struct disk_usage *u);

#endif
