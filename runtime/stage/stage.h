/*
 * stage - the code on the container's side: a table of named steps, each small, run in order up to execve.
 *
 * Linked twice: into berth (a container's init, forked by the launcher: init.c) and into the stage program (exec and
 * in-container reaper: main.c, join.c, reap.c). process.c, identity.c, program.c and user.c serve both.
 *
 * A step returns 0 or -errno; on failure stage_fail() sends one struct stage_failure over the report socket (CLOEXEC) and
 * the process ends by _exit. EOF on that socket means success only once STAGE_AT_EXEC was reached.
 *
 * Context: freestanding: system calls and <string.h> functions of the libc only; no malloc, no stdio, no locale, no NSS.
 */
#ifndef RUNTIME_STAGE_STAGE_H
#define RUNTIME_STAGE_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "runtime/stage/plan.h"

#define STAGE_TEXT_MAX 200

/* Messages of the container's side on the SOCK_SEQPACKET report socket. */
enum stage_msg_type {
	STAGE_FAILED = 1, /* err, step, text */
	STAGE_CONSOLE,	  /* one descriptor rides along: the pty master */
	STAGE_READY,	  /* all is prepared; waits for one byte (STAGE_GO) before the last steps */
	STAGE_AT_EXEC,	  /* execve is next: EOF from here on means it succeeded */
	STAGE_MSG_COUNT
};

struct stage_msg {
	uint32_t type;
	int32_t err;	   /* positive errno */
	int32_t exit_code; /* what docker would exit with: 127 not found, 126 not runnable, 128 else */
	uint32_t whole;	   /* text is a whole sentence; else err's own words are still to follow it */
	char step[24];	   /* "mounts", "seccomp", "exec", ... */
	char text[STAGE_TEXT_MAX]; /* what failed, NUL-terminated: "open /dev/ptmx" */
};

struct stage_ctx {
	const struct plan *plan;
	int report_fd;
	int stdio[3];	/* descriptors to become 0, 1, 2; -1: the verified null device */
	int root_fd;	/* O_PATH of the container's root, as seen after pivot; user lookup and cwd use it */
	int proc_fd;	/* an own procfs (fsopen), -1 when not needed */
	int console_fd; /* slave of the pty, -1 without terminal */
	uint32_t uid, gid; /* as resolved */
	uint32_t n_groups, groups[PLAN_GROUPS];
	char home[256]; /* from passwd, "" unknown */
	int reaper_fd; /* PLAN_REAPER: the stage program to become pid 1 with; -1 in the stage program itself */
	int plan_fd;   /* PLAN_REAPER: the plan's bytes for it, made by the prepare steps */
	int gate_fd;   /* wait for the release here, and keep it open until then; -1: on report_fd */
	char text[STAGE_TEXT_MAX]; /* a failing step says here what it was doing */
	int exit_code;		   /* and with what the process would end, 0: 128 */
	bool whole;		   /* see struct stage_msg */
	bool joins; /* the process will be a child of ours, which makes its session and takes the terminal itself */
	void *priv; /* init.c's own */
};

struct stage_step {
	const char *name;
	int (*run)(struct stage_ctx *c);
};

/* All descriptors -1, nothing resolved. The plan has passed plan_check(). */
void stage_init(struct stage_ctx *c, const struct plan *plan, int report_fd);
/* Run the steps; on failure report and _exit. */
void stage_run(struct stage_ctx *c, const struct stage_step *steps, size_t n);
_Noreturn void stage_fail(struct stage_ctx *c, const char *step, int err);
/* "what path" into c->text, cut to fit; returns -err, so that a step can `return stage_say(c, errno, "open", path)`. */
int stage_say(struct stage_ctx *c, int err, const char *what, const char *path);
/* A whole sentence, put together of strings up to a NULL; returns -err. */
int stage_tell(struct stage_ctx *c, int err, int exit_code, ...) __attribute__((sentinel));
/* "no such file or directory": err in the words of the field's other programs; NULL when there is none at hand. */
const char *stage_errno_words(int err);
/* Decimal digits of a number. */
const char *stage_number(int64_t n, char out[24]);
/* One message; with fd >= 0 that descriptor rides along. 0 or -errno; a peer that has gone is not an error. */
int stage_send(struct stage_ctx *c, uint32_t type, int fd);

/* The steps every process goes through. Split where a container's init waits for its release:
 *
 *   prepare  user, terminal, stdio, cwd, program (is it there?), oom score, reaper, rlimits: what can fail for the user's
 *            fault. After it .console_fd is still open (for /dev/console), and so is .root_fd.
 *   exec     reaper, descriptors (all closed but 0, 1, 2 and the report), bounding set, groups, seccomp, ids, capabilities,
 *            no_new_privs, exec; never returns. A filter is loaded last where no_new_privs lets us, otherwise just before
 *            the user changes, while CAP_SYS_ADMIN still counts; STAGE_AT_EXEC is sent before it in either case, since the
 *            filter may forbid sending.
 *
 * A process that has entered a user namespace can neither raise a hard limit nor lower its oom score: whoever put it there
 * did both before (stage_raise_limits() and stage_set_oom_score()); the steps then have nothing left to change. */
extern const struct stage_step stage_prepare_steps[];
extern const size_t stage_prepare_count;
/* From the release on: descriptors, ids, capabilities, filter. Afterwards nothing is left that the container does not have. */
extern const struct stage_step stage_become_steps[];
extern const size_t stage_become_count;
/* The last ones, up to execve. */
extern const struct stage_step stage_exec_steps[];
extern const size_t stage_exec_count;

/* For who joins: the payload's session, always one of its own, and its terminal. */
int stage_new_session(struct stage_ctx *c);
/* Until the supervisor's byte, or that of whoever opens the gate; the supervisor's end ends who has no gate. */
/* Does not return when nobody is there any more: exits with PLAN_EXIT_UNRELEASED. */
void stage_wait_for_release(struct stage_ctx *c);

/* Steps with a file of their own. */
int stage_resolve_user(struct stage_ctx *c);   /* user.c */
int stage_find_program(struct stage_ctx *c);   /* program.c */
int stage_exec_program(struct stage_ctx *c);   /* program.c */
int stage_prepare_reaper(struct stage_ctx *c); /* reap.c; nothing without PLAN_REAPER */
int stage_exec_reaper(struct stage_ctx *c);    /* reap.c */
int stage_drop_bounding(struct stage_ctx *c);  /* identity.c, and so on */
int stage_set_groups(struct stage_ctx *c);
int stage_load_seccomp_early(struct stage_ctx *c);
int stage_set_ids(struct stage_ctx *c);
int stage_set_caps(struct stage_ctx *c);
int stage_set_no_new_privs(struct stage_ctx *c);
int stage_load_seccomp_late(struct stage_ctx *c);

/* Hard limits that the plan wants higher than ours are raised; nothing is lowered. */
int stage_raise_limits(struct stage_ctx *c);
/* Through this procfs' "self"; does nothing without PLAN_OOM_SCORE. */
int stage_set_oom_score(struct stage_ctx *c, int proc_fd);

/* user.c: the user, group and supplementary groups of the plan, out of the bytes of etc/passwd and etc/group (NULL: no such
 * file). The rules are docker's "user[:group]": digits are always an id, unknown ids are fine and have group 0; -1 and
 * anything past PLAN_ID_MAX is refused; without an explicit group the user gets all groups that list it.
 * stage_resolve_user() reads the files below root_fd and calls it: regular files of at most 1 MiB, opened O_NONBLOCK and
 * inside the root (an image may well have a symlink there, and it leads to where the container itself would see it). */
struct stage_file {
	const char *text; /* NULL: missing */
	size_t len;
};
int stage_match_user(struct stage_ctx *c, struct stage_file passwd, struct stage_file group);

/* reap.c: we are pid 1 with the container's identity. Runs the program as a child, forwards signals to it, reaps whatever
 * is orphaned, ends as it ended. Returns in the child alone. */
int stage_become_reaper(struct stage_ctx *c);

/* Entries of the stage program (main.c), with its descriptors at fixed places. */
enum stage_fd {
	STAGE_FD_PLAN = 3,
	STAGE_FD_REPORT = 4,
	STAGE_FD_INIT = 5,
	STAGE_FD_GROUP = 6,
	STAGE_FD_TASKS = 7
};
_Noreturn void stage_join_main(void); /* join.c: enter a container and run the plan's process there */
/* join.c: the same by a sibling made in STAGE_FD_GROUP, whose pid goes into the plan; ends at once, with 0 or an errno. */
_Noreturn void stage_enter_main(void);
_Noreturn void stage_reap_main(
	void); /* reap.c: become the in-container reaper; STAGE_FD_PLAN and _REPORT only */
/* The plan in one read, checked. NULL: it is no plan. */
const struct plan *stage_read_plan(int fd);

#endif
