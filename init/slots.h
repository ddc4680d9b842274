/*
 * slots - how children ended: a slot for each that was named, a ring of the last ones that were not.
 *
 * A slot is free, running (named) or exited. An exited slot stays until it is acknowledged, over any number of
 * supervisors; "told" says that the present one knows it. Statically sized; only what was ever in use takes memory.
 *
 * Errors:  -ENOSPC all slots are in use, -ENOENT no such slot.
 * It knows no processes: who is alive, and how one ended, is given in.
 */
#ifndef INIT_SLOTS_H
#define INIT_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "init/protocol.h"

/* Is this child named already? */
bool slots_has(int32_t pid, uint64_t start_ticks);
/* Takes the exit of {pid, start} from the ring into a new slot. -ESRCH: it is not there. */
int slots_watch_dead(int32_t pid, uint64_t start_ticks);
/* A new slot for a child that is alive. */
int slots_watch(int32_t pid, uint64_t start_ticks);
int slots_ack(int32_t pid, uint64_t start_ticks);

/* A child ended: into its slot when it has one, else into the ring. A slot keeps its own start
 * time: without /proc the keeper may not know it. */
void slots_record(const struct keeper_msg_slot *ended);

/* The first slot in use at or behind *cursor; *cursor is then behind it and the slot counts as told. */
bool slots_next(uint32_t *cursor, struct keeper_msg_slot *out);

/* The first exit that the present supervisor has not been told; NULL: none. */
const struct keeper_msg_slot *slots_untold(void);
void slots_set_told(const struct keeper_msg_slot *slot);
/* A new supervisor starts: it reads all slots itself. */
void slots_set_all_told(void);

#endif
