/*
 * launch - start one container: a launcher process that does the intricate part, and the container's init.
 *
 * The caller forks a launcher (launch_begin), which makes the cgroup, the root and the mounts' sources, clones the
 * container's init and exits. Both talk over one SOCK_SEQPACKET socket, whose other end the caller watches and reads with
 * launch_receive(). The container runs nothing of its user's before launch_release().
 *
 *     begin -> LAUNCH_INIT {pid, start time, ...; pidfd} -> [LAUNCH_CONSOLE] -> LAUNCH_READY -> release -> LAUNCH_RUNNING
 *     With .hold the init waits after LAUNCH_READY until somebody opens its gate (launch_gate.h), however long and whoever dies
 *     meanwhile; launch_gone_through() tells the launch that this was done.
 *
 *     any of them may be LAUNCH_FAILED instead: everything that the launch made is gone by then but the cgroup, which the
 *     caller removes as after any exit.
 *
 * Source:  clone(2), pivot_root(2), mount_setattr(2), fsmount(2), user_namespaces(7), cgroup_namespaces(7).
 * Owns:    struct launch owns its socket and the launcher's pidfd; launch_done() closes both and, when the launch did not
 *          come to its end, makes it end (EOF on the socket) - it does not wait.
 * Errors:  launch_receive() returns the failing side's error with its step: "mounts: attach /data: No such file or
 *          directory". Deadlines are the caller's: on one it kills the cgroup and calls launch_done().
 * Parent:  with clone_parent all processes become children of the caller's parent (the keeper), which reaps them;
 *          without it they are the caller's own (berth-oci): the launcher, the init, and the helper where there is one.
 * Joining: what enters a pid namespace that others are in already may be stopped and rewritten by them. So the init is made
 *          by a helper process outside, and has no more rights than its program from its first instant on.
 */
#ifndef RUNTIME_LAUNCH_H
#define RUNTIME_LAUNCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "runtime/cgroup.h"
#include "runtime/seccomp.h"
#include "runtime/spec.h"

/* What all launches of one process share, made once: the small mount namespace, the verified null device, the caller's
 * own rlimits to restore in payloads. */
struct launch_env;
int launch_env_open(struct launch_env **out, struct err *e);
void launch_env_free(struct launch_env *env);
/* Payloads get this soft RLIMIT_NOFILE back (unless their spec has one): what was in force before ours was raised. Without
 * the call it is the one of launch_env_open(). */
void launch_env_set_nofile(struct launch_env *env, uint64_t soft);
/* The small mount namespace, to be copied (setns, unshare) by whoever needs one with nothing of the host's; stays env's. */
int launch_env_mntns(const struct launch_env *env);

struct launch_args {
	const struct launch_env *env;
	const struct spec *spec;
	const char *id;
	struct cgroup_root *cgroups;
	const char *cgroup_path;	    /* below the root: normally the id */
	int launcher_cgroup_fd;		    /* v2 directory the launcher itself is cloned into, -1: none */
	const struct seccomp_prog *seccomp; /* NULL: none */
	int stdio[3];	/* the container's ends, -1: null device; not used with a terminal */
	bool own_pipes; /* pipes among stdio were made for this container: they become its user's */
	int keep_fd;	/* held by the launcher alone, until it ends (the leftovers' pipe); -1: none */
	bool clone_parent;
	bool hold;   /* start in two: see above */
	int gate_fd; /* with .hold: of launch_gate_make() */
	/* Makes the root: returns a detached mount (fsmount, open_tree) to become /. Runs in the launcher. NULL: bind of
	 * spec->root_path. */
	int (*make_root)(void *cookie, struct err *e);
	/* Runs in the launcher before clone, after the root exists: create what must be there (volumes' copy-up). root_fd is
	 * the detached root. May be NULL. */
	int (*prepare)(void *cookie, int root_fd, struct err *e);
	void *cookie;
	const int *cookie_fds; /* what else the two callbacks use; all other descriptors are closed by then */
	size_t n_cookie_fds;
	/* The processes that spec's namespaces to join are named by (/proc/PID/ns/...): refused when one has been reaped by
	 * the time they are open, for then the pid may have been another's. At most SPEC_NS_COUNT. */
	const int *joined_pidfds;
	size_t n_joined;
};

struct launch {
	int sock; /* watch for reading */
	int launcher_pidfd;
	pid_t launcher_pid;
	pid_t helper_pid; /* to be reaped as the launcher is, from LAUNCH_INIT or LAUNCH_FAILED on; 0: none */
	unsigned phase;	  /* private, as are the next */
	bool wants_console, filtered;
};

enum launch_event { LAUNCH_INIT, LAUNCH_CONSOLE, LAUNCH_READY, LAUNCH_RUNNING, LAUNCH_FAILED };

struct launch_result {
	enum launch_event event;
	/* LAUNCH_INIT */
	pid_t pid; /* in the caller's pid namespace */
	uint64_t start_ticks;
	uint64_t netns_inode; /* 0: shares the host's */
	int pidfd;	      /* the caller's from here */
	/* LAUNCH_CONSOLE */
	int console_fd; /* pty master, the caller's from here */
	/* LAUNCH_FAILED */
	int exit_code; /* docker's: 127, 126, 128 */
};

int launch_begin(const struct launch_args *args, struct launch *out, struct err *e);
/* Reads one event. -EAGAIN: nothing there (the socket is non-blocking). LAUNCH_FAILED returns 0 with e filled. */
int launch_receive(struct launch *l, struct launch_result *out, struct err *e);
int launch_release(struct launch *l, struct err *e);
/* Of a held one: its gate was opened, by whomever. */
void launch_gone_through(struct launch *l);
/* A held launch out of its socket alone, which another process has kept (taken); it is ready, and has no launcher any more. */
void launch_take_up(int sock, struct launch *out);
void launch_done(struct launch *l);

#endif
