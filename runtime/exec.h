/*
 * exec - run a further process in a running container, by the stage program.
 *
 * exec_begin() vforks and executes the stage program in the caller's own groups; there it clones itself into the exec's
 * cgroup, as its own sibling, and is over. The sibling joins the namespaces by the pidfd of the container's init, clones the
 * payload with CLONE_PARENT, writes its pid back and exits. Nothing of the caller's memory is ever inside the container, and
 * what the caller waits for is in none of its groups: whoever freezes one of those holds up his exec alone.
 *
 *     begin -> [EXEC_CONSOLE] -> EXEC_RUNNING {pid} or EXEC_FAILED
 *
 * Source:  setns(2), clone(2), pidfd_open(2), cgroups(7).
 * Owns:    struct exec owns .report_fd and .plan_fd; exec_done() closes them.
 * Reaping: stage program and payload are children of the caller: it reaps both, the payload at once when it ends (an
 *          unreaped one holds back its container's own death), but not before EXEC_RUNNING or EXEC_FAILED named its pid:
 *          a pid that was reaped earlier may be another's by then. A caller that reaps with waitpid(-1) notes the ends of
 *          pids it does not know yet, until no exec of its is under way.
 * Errors:  -EOPNOTSUPP from begin: the group takes no process (a threaded subtree): use the init's group instead.
 *          EXEC_FAILED comes with e and docker's exit code (126, 127, 128).
 * Deadlines are the caller's. A container with SYS_PTRACE can hold the report socket open or stop the payload before its
 *          execve: on a deadline exec_look() tells whether it runs all the same, else the caller kills the cgroup. Nothing
 *          read from the socket is believed beyond what it may do to this one exec.
 */
#ifndef RUNTIME_EXEC_H
#define RUNTIME_EXEC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "runtime/cgroup.h"
#include "runtime/seccomp.h"
#include "runtime/spec.h"

struct exec_args {
	const struct spec_process *process;
	const struct seccomp_prog *seccomp;
	uint32_t join_ns; /* CLONE_NEW* bits: what of the container's init differs from ours */
	int init_pidfd;
	const struct cgroup *cgroup; /* the exec's own group, already made; NULL: the caller's own */
	int stdio[3];		     /* -1: null; not used with a terminal */
	bool chown_pipes;	     /* the pipes among them were made by us: give them to the user */
};

struct exec {
	pid_t stage_pid;
	int report_fd; /* watch for reading */
	int plan_fd;
	unsigned phase; /* private */
};

enum exec_event { EXEC_CONSOLE, EXEC_RUNNING, EXEC_FAILED };

struct exec_result {
	enum exec_event event;
	pid_t pid; /* EXEC_RUNNING; EXEC_FAILED: to be reaped, 0 if there never was one. Our pid namespace's */
	int pidfd;	/* EXEC_RUNNING, the caller's from here */
	int console_fd; /* EXEC_CONSOLE, the caller's from here */
	int exit_code;	/* EXEC_FAILED */
};

int exec_begin(const struct exec_args *args, struct exec *out, struct err *e);
/* Reads one event; -EAGAIN: nothing there. */
int exec_receive(struct exec *x, struct exec_result *out, struct err *e);
/* Without an event: EXEC_RUNNING when the payload is seen past its execve, else -EAGAIN. */
int exec_look(struct exec *x, struct exec_result *out, struct err *e);
void exec_done(struct exec *x);

/* Has this process executed a program that is neither the stage's nor our own? A dead one counts as past. Through the
 * caller's /proc, which must be the host's. 1, 0 or -errno. */
int exec_past_execve(pid_t pid);

/* The stage program: sealed (runtime/sealed.h), made at first use and kept for the life of the process; launch uses it for init: true. */
int exec_stage_fd(struct err *e);
/* Another one, the caller's. */
int exec_stage_copy(struct err *e);

#endif
