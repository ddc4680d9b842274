/*
 * launch_int - what the files of launch share: the environment of all launches, the messages on the socket.
 *
 * Not for anybody outside of runtime/launch*.c.
 */
#ifndef RUNTIME_LAUNCH_INT_H
#define RUNTIME_LAUNCH_INT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/own.h"
#include "runtime/launch.h"
#include "runtime/stage/init.h"

struct launch_env {
	int mntns_fd;	      /* the small mount namespace that launches copy */
	int proc_fd;	      /* our own procfs, whole, mounted nowhere */
	int null_fd;	      /* the host's null device, verified */
	uint64_t nofile_soft; /* what payloads get back, 0: as it is */
	struct init_hierarchy hierarchies[CGROUP_V1_MAX + 1];
	size_t n_hierarchies; /* 0 on a pure v2 host */
};

/* Messages of the launcher, beside enum stage_msg_type of the init on the same socket. */
enum launch_msg_type { LAUNCH_MSG_INIT = 64, LAUNCH_MSG_FAILED, LAUNCH_MSG_HELPER };

struct launch_init_msg { /* the pidfd rides along */
	uint32_t type;
	int32_t pid;
	uint64_t start_ticks, netns_inode;
};

struct launch_helper_msg {
	uint32_t type;
	int32_t pid;
};

struct launch_failed_msg {
	uint32_t type;
	int32_t err, exit_code;
	int32_t pid; /* an init to reap, 0: none */
	char text[ERR_TEXT_MAX];
};

/* What goes over from the part of a launch that prepares on the host's side to the part that makes the container. The
 * second is a process afresh where the container could look into it (launch_exec.h), so there is nothing here but
 * numbers, descriptors and the documents that .init points to. */
struct launch_state {
	struct init_job init; /* its report_fd is our socket */
	int cgroup_dirfd;     /* v2, -1 */
	int mntns_fd;	      /* to be copied or, when it is a joined one, entered */
	int keep_fd;	      /* never the init's */
	int join_fds[SPEC_NS_COUNT];
	bool clone_parent;
	bool outside;	  /* the init is made by a process outside of the pid namespace that it joins */
	pid_t pid;	  /* of a live init, 0: none yet; outside: first of the one that makes it */
	pid_t helper_pid; /* the same, for good */
	int pidfd;
};

/* launcher.c: the launcher process. */
_Noreturn void launcher_run(const struct launch_args *args, int stage_fd, int sock);
/* launcher_clone.c: from the prepared state to the end: namespaces, clone3, the record. */
_Noreturn void launcher_make_container(struct launch_state *s);
/* Kill the init if there is one, tell the caller, end. */
_Noreturn void launcher_fail(struct launch_state *s, int r, const struct err *e);

/* Close everything but these (any order, -1 ignored); 0, 1 and 2 become the null device. Those among the kept that are
 * below 3 are moved up first: the values in fds change. */
int launcher_close_others(int null_fd, int *const *fds, size_t n, struct err *e);

#endif
