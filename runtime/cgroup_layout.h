/*
 * cgroup_layout - which control group hierarchies this host has, and where in them we are.
 *
 * Source:  proc(5): /proc/PID/mountinfo; cgroups(7): /proc/PID/cgroup.
 * Owns:    nothing. Pure: text in, a struct out.
 * Errors:  -EOPNOTSUPP: no cgroup file system that we could use is mounted.
 */
#ifndef RUNTIME_CGROUP_LAYOUT_H
#define RUNTIME_CGROUP_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "runtime/cgroup.h"

/* The controllers that we use; v2's io is v1's blkio. */
enum cgroup_controller {
	CG_CPU,
	CG_CPUACCT,
	CG_CPUSET,
	CG_MEMORY,
	CG_DEVICES,
	CG_FREEZER,
	CG_IO,
	CG_PIDS,
	CG_CONTROLLER_COUNT
};

/* "blkio" on v1, "io" on v2; NULL where v2 has no such controller (it is built in, or bpf's). */
const char *cgroup_controller_name(enum cgroup_controller c, bool v2);
/* The bits of the controllers named in a list ("cpu,cpuacct", "cpu io pids"); unknown names are skipped. */
unsigned cgroup_controller_bits(const char *list, bool v2);

struct cgroup_mount {
	bool v2;
	unsigned
		controllers; /* bit per enum cgroup_controller; 0 on v2, whose set differs from group to group */
	char dir[256];	     /* where it is mounted */
	char own[768];	     /* our own group below it, "" at its top, no slash at either end */
};

struct cgroup_layout {
	struct cgroup_mount mounts[CGROUP_V1_MAX + 1];
	int n;
};

/* Each hierarchy once, by the first of its mounts. v1 hierarchies without a controller of ours
 * (name=systemd) are left out. */
int cgroup_layout_parse(
	const char *mountinfo, const char *self_cgroup, struct cgroup_layout *out, struct err *e);

/* Our own group is that of a supervisor NAME or of one of its launchers: cut what berth itself added to it (NAME/launch,
 * NAME.supervisor), so that each of them finds the same root. */
void cgroup_layout_strip(char *own, const char *name);

#endif
