/*
 * exec - run a further process in a running container, by the stage program.
 *
 * exec_begin() vforks and executes the stage program straight into the exec's own cgroup; it joins the namespaces by the
 * pidfd of the container's init, clones the payload with CLONE_PARENT, writes its pid back and exits. Nothing of the
 * caller's memory is ever inside the container.
 *
 *     begin -> [EXEC_CONSOLE] -> EXEC_RUNNING {pid} or EXEC_FAILED
 *
 * Source:  setns(2), clone(2), pidfd_open(2), cgroups(7).
 * Owns:    struct exec owns .report_fd and .plan_fd; exec_done() closes them.
 * Reaping: stage program and payload are children of the caller: it reaps both, the payload at once when it ends (an
 *          unreaped one holds back its container's own death).
 * Errors:  EXEC_FAILED comes with e and docker's exit code (126, 127). Deadlines are the caller's: it kills the cgroup.
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
	uint32_t join_ns;       /* CLONE_NEW* bits: what of the container's init differs from ours */
	int init_pidfd;
	const struct cgroup *cgroup; /* the exec's own group, already made */
	int stdio[3];           /* -1: null; not used with a terminal */
};

struct exec {
	pid_t stage_pid;
	int report_fd;          /* watch for reading */
	int plan_fd;
	unsigned phase;         /* private */
};

enum exec_event { EXEC_CONSOLE, EXEC_RUNNING, EXEC_FAILED };

struct exec_result {
	enum exec_event event;
	pid_t pid;              /* EXEC_RUNNING, in the caller's pid namespace */
	int pidfd;              /* EXEC_RUNNING, the caller's from here */
	int console_fd;         /* EXEC_CONSOLE, the caller's from here */
	int exit_code;          /* EXEC_FAILED */
};

int exec_begin(const struct exec_args *args, struct exec *out, struct err *e);
/* Reads one event; -EAGAIN: nothing there. */
int exec_receive(struct exec *x, struct exec_result *out, struct err *e);
void exec_done(struct exec *x);

/* The stage program: a sealed memfd made at first use and kept for the life of the process; launch uses it for init: true. */
int exec_stage_fd(struct err *e);

#endif
