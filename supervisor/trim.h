/*
 * trim - what a burst of work left free in the heap goes back to the kernel.
 *
 * glibc gives back the heap's end alone; what starts, removals and a recovery leave free lies between what stays. So a
 * second after the last start, end or removal (execs do not count: a probe leaves nothing) the heap is trimmed, once.
 *
 * Source:  malloc_trim(3).
 * Context: the loop.
 */
#ifndef SUPERVISOR_TRIM_H
#define SUPERVISOR_TRIM_H

#include "base/own.h"
#include "supervisor/engine.h"

struct trim;

/* The first time is a second from now. NULL without memory: then the heap stays as it is. */
struct trim *trim_new(struct engine *en);
/* Before the engine. */
void trim_free(struct trim *t);

#endif
