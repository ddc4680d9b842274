/*
 * init - the container's init from clone3 to execve: namespaces, mounts, devices, names, then the process.
 *
 * The launcher fills struct init_job (descriptors of what was made on the host's side, and the spec it was forked with)
 * and calls init_run() in the new process, which is inside its namespaces but still sees the launcher's small mount
 * namespace: a tmpfs of ours with INIT_ROOT (where the container's root is attached), INIT_NULL (a null device),
 * INIT_EMPTY (an empty directory, mode 555), a whole /proc and a whole /sys. That mount is read-only.
 *
 * Two sockets: report_fd carries struct stage_msg to the supervisor and STAGE_GO back, sync_fd talks to the launcher. EOF
 * on either ends the process, but for one that is held: it waits at its gate, and lives without anybody.
 *
 * With pid_ns_fd the process is not the container's init itself: it makes everything outside of that namespace, then clones
 * the init into it with the payload's rights, and ends (init_outside.c). The launcher says READY for it.
 *
 * Source:  pivot_root(2), move_mount(2), mount_setattr(2), openat2(2), config-linux.md of the OCI runtime specification.
 * Context: freestanding, as stage.h says.
 */
#ifndef RUNTIME_STAGE_INIT_H
#define RUNTIME_STAGE_INIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/cgroup.h"
#include "runtime/spec.h"
#include "runtime/stage/stage.h"

#define INIT_ROOT  "/root"
#define INIT_NULL  "/null"
#define INIT_EMPTY "/empty"

/* Bytes on sync_fd, from the launcher. */
#define INIT_SYNC_MAPPED 'm' /* the id maps are written */
#define INIT_SYNC_RECORDED                                                                                   \
	'r' /* the supervisor has been told who we are; outside: the caller, whose child we are */

/* To the launcher: the late user namespace is there (inode 0); the rest is, with the inode of our network namespace. */
struct init_sync {
	uint64_t netns_inode;
};

/* A cgroup hierarchy to show below /sys/fs/cgroup. */
struct init_hierarchy {
	char name[64];	   /* directory: "cpu,cpuacct" */
	char options[128]; /* mount options that select it: "cpu,cpuacct", "name=systemd"; "" for v2 */
	bool v2;
};

enum { INIT_DEVICE_COUNT = 6 }; /* null, zero, full, random, urandom, tty */
enum { INIT_PROC_MAX = 8 };

struct init_device {
	const char *name;
	unsigned major, minor;
};
extern const struct init_device init_devices[INIT_DEVICE_COUNT];

struct init_job {
	const struct spec *spec;
	const struct plan *plan;
	int report_fd, sync_fd;
	int root_fd;	       /* detached root, -1 when a mount namespace is joined */
	int proc_fd;	       /* our own procfs */
	int stage_fd, plan_fd; /* spec->init: the reaper's program and its plan, else -1 */
	int gate_fd;	       /* wait here for the start, -1: for a byte on report_fd */
	int stdio[3];
	int tasks[CGROUP_V1_MAX];
	int n_tasks;
	const int *mount_fds; /* detached tree for each of spec->mounts, -1: made inside */
	const int *
		device_fds; /* detached host devices for init_devices, then spec->devices; NULL: made by mknod */
	const struct init_hierarchy
		*hierarchies; /* of a hybrid or v1 host; none: /sys/fs/cgroup is cgroup2 itself */
	size_t n_hierarchies;
	uint32_t new_ns;  /* CLONE_NEW* made for this container, by clone3 or below */
	uint32_t late_ns; /* of these, what we unshare ourselves; CLONE_NEWUSER comes first and alone */
	bool user_ns;	  /* inside a user namespace, new or joined: become its root */
	bool wait_maps;
	bool tell_netns; /* send struct init_sync when the namespaces are there: the launcher cannot look by itself */
	int pid_ns_fd;	  /* a pid namespace to be joined by the payload alone, -1: we are where we belong */
	int user_ns_fd;	  /* with pid_ns_fd: the user namespace to join, -1 */
	int32_t *out_pid; /* with pid_ns_fd: a shared page, for the pid of the payload as seen from here */
	bool cgroup_ns_late;  /* unshare it after tasks were joined */
	int cgroup_ns_fd;     /* or join this one, -1 */
	uint64_t nofile_soft; /* RLIMIT_NOFILE to restore, 0: leave */
};

/* The steps' own view: stage_ctx.priv. */
struct init {
	const struct init_job *job;
	bool dev_done;		     /* the default nodes exist */
	int proc_fds[INIT_PROC_MAX]; /* file systems opened for the proc mounts, in their order */
	size_t n_proc, used_proc;
};

_Noreturn void init_run(const struct init_job *job);

/* init_mount.c */
int init_attach_root(struct stage_ctx *c);
int init_mounts(struct stage_ctx *c);
int init_hide_paths(struct stage_ctx *c);
int init_pivot(struct stage_ctx *c);
int init_root_flags(struct stage_ctx *c);
/* Open where something is to be mounted, making it where it is missing. mode 0: a regular file. */
int init_open_target(struct stage_ctx *c, const char *path, bool directory, bool ordinary);
/* MS_* into MOUNT_ATTR_*. */
uint64_t init_mount_attr(unsigned long flags);
int init_move_mount(int tree_fd, int target_fd);

/* init_dev.c */
int init_populate_dev(struct stage_ctx *c);
int init_devices_step(struct stage_ctx *c);
int init_bind_console(struct stage_ctx *c);

/* init_outside.c; both do with pid_ns_fd only */
int init_outside_enter(struct stage_ctx *c);
_Noreturn void init_outside_become(struct stage_ctx *c);

/* init_cgroup.c */
int init_join_cgroups(struct stage_ctx *c);
int init_mount_cgroup(struct stage_ctx *c, const struct spec_mount *m, int target_fd);
int init_new_fs(struct stage_ctx *c, const char *type, const char *source, const char *data, uint64_t attr);

#endif
