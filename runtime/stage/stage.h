/*
 * stage - the code on the container's side: a table of named steps, each small, run in order up to execve.
 *
 * Linked twice: into berth (a container's init, forked by the launcher: init.c) and into the stage program (exec and
 * in-container reaper: main.c, join.c, reap.c). process.c and user.c serve both.
 *
 * A step returns 0 or -errno; on failure stage_fail() sends one struct stage_failure over the report socket (CLOEXEC) and
 * the process ends by _exit. EOF on that socket means success only once STAGE_AT_EXEC was reached.
 *
 * Context: freestanding: system calls and <string.h> functions of the libc only; no malloc, no stdio, no locale, no NSS.
 */
#ifndef RUNTIME_STAGE_STAGE_H
#define RUNTIME_STAGE_STAGE_H

#include <stdint.h>
#include <sys/types.h>

#include "runtime/stage/plan.h"

#define STAGE_TEXT_MAX 200

/* Messages of the container's side on the SOCK_SEQPACKET report socket. */
enum stage_msg_type {
	STAGE_FAILED = 1, /* err, step, text */
	STAGE_CONSOLE,    /* one descriptor rides along: the pty master */
	STAGE_READY,      /* all is prepared; waits for one byte (STAGE_GO) before the last steps */
	STAGE_AT_EXEC,    /* execve is next: EOF from here on means it succeeded */
	STAGE_MSG_COUNT
};

struct stage_msg {
	uint32_t type;
	int32_t err;                  /* positive errno */
	int32_t exit_code;            /* what docker would exit with: 127 not found, 126 not runnable, 128 else */
	char step[24];                /* "mounts", "seccomp", "exec", ... */
	char text[STAGE_TEXT_MAX];    /* what failed, NUL-terminated: "open /dev/ptmx" */
};

struct stage_ctx {
	const struct plan *plan;
	int report_fd;
	int stdio[3];        /* descriptors to become 0, 1, 2; -1: the verified null device */
	int root_fd;         /* O_PATH of the container's root, as seen after pivot; user lookup and cwd use it */
	int proc_fd;         /* an own procfs (fsopen), -1 when not needed */
	int console_fd;      /* slave of the pty, -1 without terminal */
	uint32_t uid, gid;   /* as resolved */
	uint32_t n_groups, groups[PLAN_GROUPS];
	char home[256];      /* from passwd, "" unknown */
	char text[STAGE_TEXT_MAX]; /* a failing step says here what it was doing */
	void *priv;          /* init.c's own */
};

struct stage_step {
	const char *name;
	int (*run)(struct stage_ctx *c);
};

/* Run the steps; on failure report and _exit. */
void stage_run(struct stage_ctx *c, const struct stage_step *steps, size_t n);
_Noreturn void stage_fail(struct stage_ctx *c, const char *step, int err);
/* "what path" into c->text, cut to fit; returns -err, so that a step can `return stage_say(c, errno, "open", path)`. */
int stage_say(struct stage_ctx *c, int err, const char *what, const char *path);
int stage_send(struct stage_ctx *c, uint32_t type, int fd);

/* The steps every process goes through, in order (process.c): user (lookup), terminal, rlimits, oom score, stdio, cwd,
 * bounding set, groups, ids, capabilities, no_new_privs, seccomp, exec. Split where init.c waits for its release. */
extern const struct stage_step stage_prepare_steps[]; /* up to STAGE_READY: everything that can fail for the user's fault */
extern const size_t stage_prepare_count;
extern const struct stage_step stage_exec_steps[];    /* from the release to execve; never returns */
extern const size_t stage_exec_count;

/* user.c: resolve plan's user, group and supplementary groups against etc/passwd and etc/group below root_fd into c.
 * Only regular files of at most 1 MiB are read, opened O_NONBLOCK | O_NOFOLLOW; digits are always an id; -1 and
 * anything past 2^32-2 is refused. */
int stage_resolve_user(struct stage_ctx *c);

#endif
