/*
 * plan - what the stage is to do for one process, as one flat run of bytes.
 *
 * The host's side builds it (runtime/plan.c), the container's side only reads it: from a memfd in one read (exec), or
 * from the memory it was forked with (a container's init). All references are offsets from the first byte, so the bytes
 * mean the same everywhere; plan_check() proves every offset before anything is used.
 *
 * Context: readable by freestanding code: no allocation, no stdio.
 */
#ifndef RUNTIME_STAGE_PLAN_H
#define RUNTIME_STAGE_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLAN_MAGIC 0x62706c6eU
#define PLAN_MAX                                                                                             \
	(4U << 20) /* bytes of one plan: arguments and environment are bounded by the kernel's own 128 KiB * 32 */
/* What an init ends with that finds its starter gone before it was released. */
#define PLAN_EXIT_UNRELEASED 213

#define PLAN_RLIMITS 16
#define PLAN_GROUPS  256
#define PLAN_ID_MAX  4294967294U /* (uid_t)-1 means "leave it" to the kernel, and is never an id */

enum plan_flag {
	PLAN_TERMINAL = 1u
		<< 0, /* open a pty in the container, hand its master out, make it the controlling terminal */
	PLAN_NO_NEW_PRIVS = 1u << 1,
	PLAN_OOM_SCORE = 1u << 2,   /* .oom_score_adj counts */
	PLAN_REAPER = 1u << 3,	    /* stay as pid 1 and reap; the process is our child (init: true) */
	PLAN_LOOKUP_USER = 1u << 4, /* .user_off is "user[:group]" to be looked up inside the root */
	PLAN_SET_HOME = 1u << 5,    /* set HOME from passwd unless the environment has it */
	PLAN_CHOWN_PIPES =
		1u << 6, /* the pipes among stdio are ours: give them to the user, for /dev/stdout's sake */
	PLAN_FLAGS = (1u << 7) - 1,
};

struct plan_rlimit {
	uint32_t resource, pad;
	uint64_t soft, hard;
};

/* A list of strings: count at .count, count uint32_t offsets at .off. */
struct plan_strings {
	uint32_t off, count;
};

struct plan {
	uint32_t magic, size;
	uint32_t flags; /* enum plan_flag */
	uint32_t uid, gid, umask;
	uint32_t user_off; /* PLAN_LOOKUP_USER */
	uint32_t cwd_off;
	struct plan_strings args, env, group_add;
	uint32_t n_groups, groups[PLAN_GROUPS];
	uint64_t cap_bounding, cap_effective, cap_inheritable, cap_permitted, cap_ambient;
	uint32_t n_rlimits;
	int32_t oom_score_adj;
	struct plan_rlimit rlimits[PLAN_RLIMITS];
	uint32_t seccomp_off, seccomp_count, seccomp_flags; /* struct sock_filter[count], 8-byte aligned */
	uint16_t console_width, console_height;
	/* exec only (join.c) */
	uint32_t join_ns;     /* CLONE_NEW* bits to setns() by the pidfd of the container's init */
	uint32_t n_tasks;     /* v1 tasks descriptors handed over */
	uint32_t stdio_given; /* bit n: descriptor n was handed over, else it becomes the null device */
	/* Written back through the memfd: pids in the caller's pid namespace. */
	int32_t out_stage; /* of the stage program in the exec's group, when another put it there */
	int32_t out_pid;   /* of the payload */
};

/* Every offset, count and string terminator lies inside size bytes, ids are ids, there is a program. 0 or -EBADMSG. */
int plan_check(const void *bytes, size_t size);

static inline const char *plan_string(const struct plan *p, uint32_t off)
{
	return off ? (const char *)p + off : NULL;
}

static inline const char *plan_string_at(const struct plan *p, struct plan_strings s, uint32_t i)
{
	return (const char *)p + ((const uint32_t *)((const char *)p + s.off))[i];
}

#endif
