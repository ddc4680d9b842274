/*
 * reap - takes every dead child: first its record, then the zombie.
 *
 * Source:  waitid(2), proc(5) field 22. A supervisor clones containers with CLONE_PARENT and exit_signal 0; such a child
 *          takes over the exit signal of the one that cloned it, so SIGCHLD comes for all of ours (a test holds this).
 * Context: never blocks.
 */
#ifndef INIT_REAP_H
#define INIT_REAP_H

#include <stdbool.h>
#include <stdint.h>

#include "init/protocol.h"

/* Takes one dead child, which is recorded (slots_record) unless it is the supervisor. False: none is dead now. */
bool reap_one(int32_t supervisor, struct keeper_msg_slot *out);

/* Parent and start time of a process, zombies included: 0, -ESRCH, or -errno. */
int reap_look_at(int32_t pid, int32_t *out_parent, uint64_t *out_start_ticks);
/* The same from the text of /proc/PID/stat. */
int reap_parse_stat(const char *stat, int32_t *out_parent, uint64_t *out_start_ticks);

/* SIGKILL to all children there are now. Returns false when there was none. */
bool reap_kill_children(void);

#endif
