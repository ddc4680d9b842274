/*
 * cgroup - a container's control groups: create, limit, join, freeze, kill, measure, remove.
 *
 * Source:  Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/ of the kernel; OCI config-linux.md for the limits.
 * Layouts: pure v2 (everything in one directory) and hybrid/v1 (limits per v1 hierarchy below the group we were started
 *          in; v2, where mounted, carries membership, freeze and kill). Nobody above this file knows which one it is.
 * Units:   bytes, microseconds, as struct spec_resources has them.
 * Owns:    struct cgroup_root and struct cgroup own their directory descriptors. cgroup_close() forgets a group and
 *          leaves it in the kernel; cgroup_remove() deletes it.
 * Errors:  -ENOENT a controller that a limit needs is missing (the text names it); -EBUSY from remove: processes inside;
 *          -EOPNOTSUPP: neither v2 nor the v1 hierarchy that the call needs is mounted.
 * Context: everything here answers at once but cgroup_remove() of a group whose processes are still dying (see there).
 *          None of it allocates on behalf of a forked child, so launchers may call it.
 */
#ifndef RUNTIME_CGROUP_H
#define RUNTIME_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "runtime/spec.h"

#define CGROUP_V1_MAX 16 /* hierarchies of one host */

struct cgroup_root; /* NAME's own root: <mount>/<our own group>/NAME per hierarchy */

/* One container's (or one exec's) groups. {.dirfd = -1} is none. */
struct cgroup {
	int dirfd;                      /* v2 directory, -1 where v2 is not mounted */
	int v1_dirfd[CGROUP_V1_MAX];    /* -1 where unused; indexes are struct cgroup_root's */
	int n_v1;
	char path[256];                 /* relative to the root: "ID" or "ID/berth.3" */
};

/* Find the mounts, make NAME's root in each hierarchy, enable controllers (v2). parent: a path below each hierarchy's
 * mount to live in instead of our own group, NULL normally. */
int cgroup_root_open(const char *name, const char *parent, struct cgroup_root **out, struct err *e);
void cgroup_root_free(struct cgroup_root *r);
/* Delete NAME's root from every hierarchy: bottom-up, killing nothing. */
int cgroup_root_remove(struct cgroup_root *r, struct err *e);
bool cgroup_root_is_v2(const struct cgroup_root *r); /* pure v2: limits live there */
/* Ids of all groups directly below NAME's root, in any hierarchy, without duplicates; malloc'd NULL-terminated vector. */
int cgroup_root_list(const struct cgroup_root *r, char ***out, struct err *e);

int cgroup_create(struct cgroup_root *r, const char *path, struct cgroup *out, struct err *e);
int cgroup_open(struct cgroup_root *r, const char *path, struct cgroup *out, struct err *e);
void cgroup_close(struct cgroup *g);
/* Kill what is inside, then remove the group and whatever was made below it, bottom-up. Processes die asynchronously:
 * waits for populated 0 up to timeout_ms (0: one try), -EBUSY after that. Missing groups are fine. */
int cgroup_remove(struct cgroup_root *r, const char *path, int timeout_ms, struct err *e);

int cgroup_set_resources(struct cgroup *g, struct cgroup_root *r, const struct spec_resources *res, struct err *e);
/* Device access: bpf program on v2, devices controller on v1. */
int cgroup_set_devices(struct cgroup *g, struct cgroup_root *r, const struct spec_device_rule *rules, size_t n, struct err *e);

/* Descriptors a new process writes "0" to in order to join the v1 groups (v2 is joined by CLONE_INTO_CGROUP and .dirfd).
 * Opened for writing, CLOEXEC, the caller closes them. Returns the count. */
int cgroup_open_tasks(const struct cgroup *g, int fds[CGROUP_V1_MAX], struct err *e);
/* Move an existing process, slow (see targets: 5-15 ms); for ourselves at start only. */
int cgroup_attach(const struct cgroup *g, pid_t pid, struct err *e);

int cgroup_freeze(const struct cgroup *g, const struct cgroup_root *r, bool frozen, struct err *e);
/* Is it frozen by us: 1, 0 or -errno. */
int cgroup_is_frozen(const struct cgroup *g, const struct cgroup_root *r);
/* SIGKILL to every process inside and below: cgroup.kill, else (before 5.14, or no v2) freeze and kill in a loop. */
int cgroup_kill(const struct cgroup *g, const struct cgroup_root *r, struct err *e);
/* Are there processes inside or below: 1, 0 or -errno. */
int cgroup_is_populated(const struct cgroup *g, const struct cgroup_root *r);
/* Pids inside and below, malloc'd; returns the count. */
int cgroup_pids(const struct cgroup *g, const struct cgroup_root *r, pid_t **out, struct err *e);

/* How often the kernel killed for memory here (memory.events oom_kill; v1 memory.oom_control oom_kill). */
int cgroup_oom_kills(const struct cgroup *g, const struct cgroup_root *r, uint64_t *out);

struct cgroup_io_stat {
	uint32_t major, minor;
	uint64_t rbytes, wbytes, rios, wios;
};

struct cgroup_stats { /* UINT64_MAX: not known on this host */
	uint64_t cpu_usage_ns, cpu_user_ns, cpu_system_ns;
	uint64_t cpu_periods, cpu_throttled_periods, cpu_throttled_ns;
	uint64_t memory_usage, memory_limit, memory_max_usage, memory_inactive_file, memory_anon, memory_file, memory_swap;
	uint64_t pids_current, pids_limit; /* limit UINT64_MAX: none */
	struct cgroup_io_stat io[32];
	size_t n_io;
};
int cgroup_read_stats(const struct cgroup *g, const struct cgroup_root *r, struct cgroup_stats *out, struct err *e);

#endif
