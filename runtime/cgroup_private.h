/*
 * cgroup_private - what the files behind cgroup.h share; nobody else includes it.
 *
 * A controller has a home: an index into v1[], CG_HOME_V2 or CG_HOME_NONE. A group's directory for a controller is
 * cgroup_home()'s; membership, freeze and kill are v2's wherever it is mounted.
 */
#ifndef RUNTIME_CGROUP_PRIVATE_H
#define RUNTIME_CGROUP_PRIVATE_H

#include "runtime/cgroup.h"
#include "runtime/cgroup_layout.h"

#define CG_HOME_NONE (-1)
#define CG_HOME_V2   (-2)

struct cgroup_place {
	int dirfd;	  /* NAME's root, O_PATH */
	int parent_dirfd; /* where it was made */
	unsigned controllers;
};

struct cgroup_root {
	char name[160];
	bool has_v2;
	struct cgroup_place v2; /* controllers: those that groups below have */
	struct cgroup_place v1[CGROUP_V1_MAX];
	int n_v1;
	int home[CG_CONTROLLER_COUNT];
	unsigned features;
};

/* The group's directory where this controller is; -1: there is none. */
int cgroup_home(const struct cgroup *g, const struct cgroup_root *r, enum cgroup_controller c, bool *out_v2);
/* Each part a safe id, the whole shorter than room. */
int cgroup_check_path(const char *path, size_t room, struct err *e);
/* O_PATH descriptor of a group ("" is dirfd itself) or -errno. */
int cgroup_open_dir(int dirfd, const char *path);
/* Make each part of path below dirfd, ready to have groups with limits below it; a descriptor of the last. */
int cgroup_make_parents(int dirfd, const char *path, bool v2, unsigned controllers, struct err *e);

/* -- cgroup_tree.c: groups as directories. Directories are O_PATH descriptors. */

/* Calls fn for dirfd and each group below, parents first; stops at the first that is not 0 and returns that. Groups that
 * vanish meanwhile are skipped. */
int cgroup_tree_each(int dirfd, int (*fn)(int group_dirfd, void *cookie), void *cookie);
/* rmdir what is below dirfd/name, bottom-up, then itself: 0 (missing is fine) or -errno, -EBUSY for processes inside. */
int cgroup_tree_remove(int dirfd, const char *name);
/* Names of the groups directly below, appended to a malloc'd vector of malloc'd strings. */
int cgroup_tree_names(int dirfd, char ***names, size_t *n);
/* Is there any process inside or below (by cgroup.procs): 1, 0 or -errno. */
int cgroup_tree_has_processes(int dirfd);

/* -- limits. Both write only what res sets; `what` in errors is what a user asked for. */
int cgroup_v1_set(enum cgroup_controller c, int dirfd, const struct spec_resources *res, struct err *e);
int cgroup_v2_set(enum cgroup_controller c, int dirfd, const struct spec_resources *res, struct err *e);
int cgroup_v2_set_unified(int dirfd, char *const *unified, struct err *e);
int cgroup_v1_set_devices(int dirfd, const struct spec_device_rule *rules, size_t n, struct err *e);
/* Copy cpus and mems from the parent: a fresh cpuset group takes no process before. */
int cgroup_v1_init_cpuset(int parent_dirfd, int dirfd, struct err *e);
/* Enable what can be enabled of the controllers we use for the children of dirfd; the bits that are on then. */
unsigned cgroup_v2_enable(int dirfd);
/* Write one value; errors read "set memory limit: write '1' to memory.max: ...". */
int cgroup_write(int dirfd, const char *what, const char *file, struct err *e, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
bool cgroup_has_file(int dirfd, const char *file);
/* A decimal number, "max" and v1's page-rounded infinity being UINT64_MAX; UINT64_MAX when it cannot be read. */
uint64_t cgroup_read_number(int dirfd, const char *file);
/* The number behind `key ` in a flat-keyed file; UINT64_MAX when there is none. */
uint64_t cgroup_read_keyed(int dirfd, const char *file, const char *key);

#endif
