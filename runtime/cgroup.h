/*
 * cgroup - a container's control groups: create, limit, join, freeze, kill, measure, remove.
 *
 * Source:  Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/ of the kernel; OCI config-linux.md for the limits.
 * Layouts: pure v2 (everything in one directory) and hybrid/v1 (limits per v1 hierarchy below the group we were started
 *          in; v2, where mounted, carries membership, freeze and kill). Nobody above this file knows which one it is.
 *          A controller is looked up where it lives, so that any mixture of the two works.
 * Names:   each component of a path is [A-Za-z0-9_+-][A-Za-z0-9_+.-]{0,127}; anything else is -EINVAL. A last component
 *          "berth.<n>" is an exec's group: it exists in v2 only, and its v1 groups are its container's own.
 * Units:   bytes, microseconds, as struct spec_resources has them.
 * Owns:    struct cgroup_root and struct cgroup own their directory descriptors. cgroup_close() forgets a group and
 *          leaves it in the kernel; cgroup_remove() deletes it.
 * Errors:  -ENOENT a controller that a limit needs is missing (the text names it); -EBUSY from remove: processes inside;
 *          -EOPNOTSUPP: neither v2 nor the v1 hierarchy that the call needs is mounted, or this one cannot do it.
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
	int dirfd;		     /* v2 directory, -1 where v2 is not mounted */
	int v1_dirfd[CGROUP_V1_MAX]; /* -1 where unused; indexes are struct cgroup_root's */
	int n_v1;
	bool v1_shared; /* an exec's group: the v1 directories are its container's */
	char path[256]; /* relative to the root: "ID" or "ID/berth.3" */
};

/* What this host's groups can do, for `info`, `check` and for defaults that must not be asked for in vain. */
enum cgroup_feature {
	CGROUP_HAS_CPU = 1 << 0,
	CGROUP_HAS_CPUSET = 1 << 1,
	CGROUP_HAS_MEMORY = 1 << 2,
	CGROUP_HAS_SWAP = 1 << 3, /* memory+swap is accounted */
	CGROUP_HAS_PIDS = 1 << 4,
	CGROUP_HAS_IO = 1 << 5,
	CGROUP_HAS_IO_WEIGHT = 1 << 6,
	CGROUP_HAS_DEVICES = 1 << 7,
	CGROUP_HAS_FREEZE = 1 << 8,
	CGROUP_HAS_KILL = 1 << 9, /* cgroup.kill, Linux 5.14; without it killing is a loop */
};

/* Pure v2 allows no processes in an inner group. Where the group we were started in is delegated to us (a unit with
 * Delegate=yes: the xattr that systemd sets; or the root of a cgroup namespace), move these processes (keeper and
 * supervisor, the only ones there) into its leaf NAME.supervisor, before cgroup_root_open(). Does nothing anywhere else,
 * nor a second time. Moves existing processes, so it is slow; a leaf stays behind until its processes have ended. */
int cgroup_enter_leaf(const char *name, const pid_t *pids, size_t n, struct err *e);

/* Find the mounts, make NAME's root in each hierarchy, enable controllers (v2). parent: a path below each hierarchy's
 * mount to live in instead of our own group, NULL normally. A process in NAME/launch or in the leaf finds the same root. */
int cgroup_root_open(const char *name, const char *parent, struct cgroup_root **out, struct err *e);
void cgroup_root_free(struct cgroup_root *r);
/* A descriptor that makes its holder the only one who uses this root, the caller's to close. The lock is on the group itself:
 * whoever finds the same root finds the lock, wherever its files are. -EBUSY: another holds it. */
int cgroup_root_lock(struct cgroup_root *r, struct err *e);
/* Delete NAME's root from every hierarchy: bottom-up, killing nothing. -EBUSY: processes are inside. */
int cgroup_root_remove(struct cgroup_root *r, struct err *e);
bool cgroup_root_is_v2(const struct cgroup_root *r);	    /* pure v2: limits live there */
unsigned cgroup_root_features(const struct cgroup_root *r); /* CGROUP_HAS_* */
/* Ids of all groups directly below NAME's root ("launch" too), in any hierarchy, sorted, without duplicates; malloc'd
 * NULL-terminated vector of malloc'd strings, for cgroup_list_free(). Returns the count. */
int cgroup_root_list(const struct cgroup_root *r, char ***out, struct err *e);
void cgroup_list_free(char **list);

/* Missing parents are made, but an exec's container must exist. An empty leftover of that name is replaced, -EBUSY when
 * there are processes in it. What failed half-way is removed again. */
int cgroup_create(struct cgroup_root *r, const char *path, struct cgroup *out, struct err *e);
/* The group berth.<n> of an open container's group, by that one's descriptors alone: no name from the root on is looked up. */
int cgroup_create_exec(const struct cgroup *container, const struct cgroup_root *r, unsigned n,
	struct cgroup *out, struct err *e);
/* Goes with what is below it, when nobody is inside: -EBUSY, and nothing is killed. A missing one is fine. */
int cgroup_remove_exec(const struct cgroup *container, const struct cgroup *exec, struct err *e);
/* What there is of the group: a descriptor is -1 where a hierarchy lacks it; -ENOENT when all do. */
int cgroup_open(struct cgroup_root *r, const char *path, struct cgroup *out, struct err *e);
void cgroup_close(struct cgroup *g);
/* Kill what is inside, then remove the group and whatever was made below it, bottom-up. Processes die asynchronously:
 * tries again with short sleeps up to timeout_ms (0: one pass), -EBUSY after that. Missing groups are fine. */
int cgroup_remove(struct cgroup_root *r, const char *path, int timeout_ms, struct err *e);

/* Everything in res but its device rules; on a running group as well as on a new one. Unset members are left alone, and so
 * is a memory, swap, cpu or weight value of 0 (as runc has it). Where v2 has no counterpart (swappiness,
 * oom_kill_disable) nothing is done, as docker does. */
int cgroup_set_resources(
	struct cgroup *g, struct cgroup_root *r, const struct spec_resources *res, struct err *e);
/* The same for a group in which processes run: all of it or, after an error, none. -EBUSY: more memory is in use than is to be
 * allowed. */
int cgroup_update_resources(
	struct cgroup *g, struct cgroup_root *r, const struct spec_resources *res, struct err *e);
/* Device access: bpf program on v2, devices controller on v1. What no rule allows is denied; the last matching rule wins.
 * A second call replaces the first's rules. -EOPNOTSUPP on v1 for a denial that takes away part of a wider rule. */
int cgroup_set_devices(struct cgroup *g, struct cgroup_root *r, const struct spec_device_rule *rules,
	size_t n, struct err *e);

/* Descriptors a new process writes "0" to in order to join the v1 groups (v2 is joined by CLONE_INTO_CGROUP and .dirfd).
 * Opened for writing, CLOEXEC, the caller closes them. Returns the count. */
int cgroup_open_tasks(const struct cgroup *g, int fds[CGROUP_V1_MAX], struct err *e);
/* Move an existing process, slow (see targets: 5-15 ms); for ourselves at start only. */
int cgroup_attach(const struct cgroup *g, pid_t pid, struct err *e);

/* Asks only: the kernel freezes each process when it next leaves the kernel. cgroup_is_frozen() tells when all are. */
int cgroup_freeze(const struct cgroup *g, const struct cgroup_root *r, bool frozen, struct err *e);
/* Are all processes in it frozen: 1, 0 or -errno. */
int cgroup_is_frozen(const struct cgroup *g, const struct cgroup_root *r);
/* Is it to be frozen, of itself and not for a group above it: 1, 0 or -errno. A process that joins a frozen group runs for a
 * moment; this does not change then. */
int cgroup_is_freeze_asked(const struct cgroup *g, const struct cgroup_root *r);

/* To be told of freezes and thaws by whomsoever. The descriptor becomes readable when something about a watched group may have
 * changed (also when its first process comes or its last one goes): read it, then ask again. A watch ends with
 * its group. v2 only: -EOPNOTSUPP. */
#define CGROUP_WATCH_ALL (-1)	      /* too much changed: ask all */
int cgroup_watch_open(struct err *e); /* the caller closes it */
/* Returns the watch's number, which is never used again. */
int cgroup_watch_add(int watch_fd, const struct cgroup *g, struct err *e);
void cgroup_watch_drop(int watch_fd, int watch);
/* The numbers of those that changed, at most room; 0: no more for now. */
int cgroup_watch_read(int watch_fd, int *out, size_t room);
/* SIGKILL to every process inside and below: cgroup.kill, else (before 5.14, or no v2) freeze and kill in a loop, by
 * pidfd. They die a moment later: see cgroup_is_populated(). */
int cgroup_kill(const struct cgroup *g, const struct cgroup_root *r, struct err *e);
/* Are there processes inside or below: 1, 0 or -errno. */
int cgroup_is_populated(const struct cgroup *g, const struct cgroup_root *r);
/* Pids inside and below, malloc'd; returns the count. */
int cgroup_pids(const struct cgroup *g, const struct cgroup_root *r, pid_t **out, struct err *e);

/* How often the kernel killed for memory here (memory.events oom_kill; v1 memory.oom_control oom_kill). */
int cgroup_oom_kills(const struct cgroup *g, const struct cgroup_root *r, uint64_t *out);

/* To be told of memory events at once: .fd becomes readable (an ordinary POLLIN, for any event loop) when the counter may
 * have moved; drain it, then ask cgroup_oom_kills(). It may wake without cause, when the group goes away for instance. */
struct cgroup_oom {
	int fd;	       /* v1: an eventfd; v2: an epoll set around memory.events */
	int source_fd; /* private */
};
int cgroup_oom_open(
	const struct cgroup *g, const struct cgroup_root *r, struct cgroup_oom *out, struct err *e);
void cgroup_oom_drain(const struct cgroup_oom *o);
void cgroup_oom_close(struct cgroup_oom *o);

struct cgroup_io_stat {
	uint32_t major, minor;
	uint64_t rbytes, wbytes, rios, wios;
};

#define CGROUP_IO_MAX 32

struct cgroup_stats { /* UINT64_MAX: not known on this host, or no limit */
	uint64_t cpu_usage_ns, cpu_user_ns, cpu_system_ns;
	uint64_t cpu_periods, cpu_throttled_periods, cpu_throttled_ns;
	uint64_t memory_usage, memory_limit, memory_max_usage, memory_inactive_file, memory_anon, memory_file,
		memory_swap;
	uint64_t pids_current, pids_limit;
	struct cgroup_io_stat io[CGROUP_IO_MAX]; /* devices past that many are left out */
	size_t n_io;
};
int cgroup_read_stats(
	const struct cgroup *g, const struct cgroup_root *r, struct cgroup_stats *out, struct err *e);

#endif
