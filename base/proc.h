/*
 * proc - naming a process so that a recycled pid is never taken for it.
 *
 * Source:  proc(5), /proc/PID/stat field 22 (start time, clock ticks since boot), random(4) boot_id.
 * Errors:  -ESRCH: no such process (any more).
 */
#ifndef BASE_PROC_H
#define BASE_PROC_H

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define BOOT_ID_LEN 36

/* Start time in clock ticks since boot. */
int proc_start_time(pid_t pid, uint64_t *out_ticks);
/* The same from a /proc/PID/stat line; exposed for tests. */
int proc_parse_start_time(const char *stat, uint64_t *out_ticks);
/* Open a pidfd of exactly this process: -ESRCH when the pid now belongs to another. */
int proc_open(pid_t pid, uint64_t start_ticks);
/* The kernel's boot id, NUL-terminated. */
int proc_boot_id(char out[BOOT_ID_LEN + 1]);

#endif
