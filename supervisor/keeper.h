/*
 * keeper - the supervisor's side of the keeper's protocol: how children ended, and descriptors that outlive us.
 *
 * A request is sent and its answer waited for, which takes some tens of microseconds; exits that arrive meanwhile are
 * queued and told from the loop, never from inside a call. The order for a fresh supervisor:
 *
 *     keeper_env_fd -> keeper_open -> keeper_slots (exits of former supervisors' children) -> ... -> keeper_ready
 *
 * Every exit is told exactly once: by keeper_slots() or by on_exit. It stays recorded, for the next supervisor too, until
 * keeper_ack(). SIGTERM and SIGINT come as signals that the keeper relays; they are blocked when the supervisor starts, so
 * a signalfd misses none. A supervisor that ends on purpose says keeper_stopping() last of all, or it is started again.
 *
 * Source:  init/protocol.h.
 * Units:   start_ticks as base/proc.h; real and monotonic nanoseconds as base/clock.h, taken by the keeper.
 * Owns:    struct keeper owns the socket; keeper_free() closes it. Descriptors that are put stay the caller's (the keeper
 *          gets a copy); one that is got is the caller's, CLOEXEC.
 * Errors:  -EPIPE the keeper is gone (on_gone follows, once); -ETIMEDOUT no answer within two seconds; -EPROTO an answer
 *          that makes no sense; -EINVAL a name that is too long or has other bytes than [A-Za-z0-9._:@+-]; and those of
 *          the requests below.
 * Context: the loop's thread; not in forked children (they do not have the socket).
 */
#ifndef SUPERVISOR_KEEPER_H
#define SUPERVISOR_KEEPER_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/own.h"

struct keeper;

struct keeper_exit {
	pid_t pid;
	uint64_t start_ticks;
	bool exited; /* in keeper_slots(): false is "still running", and the rest is 0 */
	int code;    /* CLD_EXITED, CLD_KILLED, CLD_DUMPED */
	int value;   /* exit code, or the signal */
	int64_t real_ns, mono_ns;
};

struct keeper_limits {
	uint64_t nofile_soft, nofile_hard; /* as the keeper found them: what payloads get back */
	unsigned slots, descriptors;	   /* room */
	unsigned starts;      /* supervisors started so far; 1: we are the first of this keeper */
	unsigned rolled_back; /* replaced binaries that did not come up */
	int stop_signal;      /* SIGTERM or SIGINT that a former supervisor did not carry out; 0: none */
	bool trial;	      /* we are the first of a replaced binary */
	/* How our predecessor ended; code 0: there was none, or the keeper is too old to say. */
	int last_code, last_value;
	unsigned last_lived_ms;
	bool last_late; /* killed for not being ready in time */
};

typedef void (*keeper_exit_fn)(void *cookie, const struct keeper_exit *exit);
typedef void (*keeper_gone_fn)(void *cookie);

/* Docker's exit code for an exit: the code, or 128 + the signal. */
int keeper_exit_code(const struct keeper_exit *exit);

/* The protocol's descriptor as the environment names it, made CLOEXEC; the variable is removed. -ENOENT: not started by a
 * keeper. */
int keeper_env_fd(struct err *e);

/* Takes sock_fd (on failure too). Without a base there are requests only: nothing is told. */
int keeper_open(int sock_fd, struct event_base *base, keeper_exit_fn on_exit, keeper_gone_fn on_gone,
	void *cookie, struct keeper **out, struct err *e);
void keeper_free(struct keeper *k);
const struct keeper_limits *keeper_limits(const struct keeper *k);

/* We are up. A replaced binary is kept when it has been so for KEEPER_TRIAL_S. */
int keeper_ready(struct keeper *k, struct err *e);
/* All is done but to exit with this status: the keeper ends with us. */
int keeper_stopping(struct keeper *k, int status, struct err *e);
/* A sealed memfd (io_memfd_sealed_copy) to be run when we end, on trial until it is ready. -EINVAL: not sealed;
 * -ENOEXEC: not a program; -EBUSY: we were not ready ourselves. */
int keeper_replace(struct keeper *k, int image_fd, struct err *e);

/* Name a child before it is released. -ESRCH: no such process, nor among the last dead; -ECHILD: not the keeper's child;
 * -ENOSPC: all slots are in use. One that is dead already is told by on_exit. */
int keeper_watch(struct keeper *k, pid_t pid, uint64_t start_ticks, struct err *e);
/* Free the slot, of a dead or of a running child. -ENOENT: there is none. */
int keeper_ack(struct keeper *k, pid_t pid, uint64_t start_ticks, struct err *e);
/* All slots in use; malloc'd, the caller's. */
int keeper_slots(struct keeper *k, struct keeper_exit **out, size_t *out_n, struct err *e);
/* How a watched child ended that is dead and not told yet. It is told by on_exit all the same.
 * -ETIMEDOUT: the keeper says nothing of its end for two seconds. */
int keeper_await_exit(
	struct keeper *k, pid_t pid, uint64_t start_ticks, struct keeper_exit *out, struct err *e);
/* Make the keeper look for dead children now. SIGCHLD tells it by itself; this is for when one must be gone for sure. */
int keeper_reap_hint(struct keeper *k, struct err *e);

/* -ENOSPC: the table is full. A descriptor of the same name is replaced. */
int keeper_put_fd(struct keeper *k, const char *name, int fd, struct err *e);
/* Returns the descriptor; -ENOENT: no such name. */
int keeper_get_fd(struct keeper *k, const char *name, struct err *e);
/* Take all of these (NULL-terminated) at once: keeper_get_fd() then gives each of them, once, without asking, until
 * keeper_fetch_end() closes what nobody wanted. A name that the keeper does not have is no error here. */
int keeper_fetch(struct keeper *k, char *const *names, struct err *e);
void keeper_fetch_end(struct keeper *k);
int keeper_drop_fd(struct keeper *k, const char *name, struct err *e);
/* All names, a NULL-terminated vector: keeper_names_free(). */
int keeper_list_fds(struct keeper *k, char ***out, struct err *e);
void keeper_names_free(char **names);

OWN_DEFINE_PTR(keeper, struct keeper, keeper_free)
OWN_DEFINE_PTR(keeper_names, char *, keeper_names_free)

#endif
