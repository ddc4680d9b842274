/*
 * worker - forked children for anything that may block; they answer by a pipe and the answer is told from the loop.
 *
 * The job runs in the child with the caller's memory as it was: no serialisation. It has no descriptors but 0-2, those
 * listed, and the one its answer's bytes go to; signals are at their defaults, unblocked; it must not touch the loop, and
 * it dies with the supervisor's process. What it returns (and the error text) comes back with the bytes it wrote.
 *
 * Source:  clone3(2), close_range(2).
 * Units:   milliseconds; 0 is "no deadline".
 * Owns:    struct worker frees itself after done(). The pool's descriptors (cgroup, keep) stay the caller's.
 * Errors:  done() gets what the job returned, or -ECANCELED (worker_cancel), -ETIMEDOUT (deadline), -EFBIG (wrote more than
 *          WORKER_OUTPUT_MAX), -ECHILD (it died without an answer: "worker NAME died: signal 11").
 * Context: the loop's thread. done() is called from the loop exactly once, never from inside a call; not after
 *          worker_pool_free(). A worker that a kill does not end within a second (uninterruptible sleep) is answered for
 *          and left to end in its own time.
 */
#ifndef SUPERVISOR_WORKER_H
#define SUPERVISOR_WORKER_H

#include <event2/event.h>
#include <stdint.h>

#include "base/err.h"
#include "base/own.h"

#define WORKER_OUTPUT_MAX (16 << 20)
#define WORKER_KEEP_MAX	  16

struct worker_pool;
struct worker;

/* In the child: r is 0 or -errno with e filled. out_fd takes bytes for done(). */
typedef int (*worker_job_fn)(void *cookie, int out_fd, struct err *e);
/* r is 0 or -errno, e then says why; out is NUL-terminated behind len and lives until the callback returns. */
typedef void (*worker_done_fn)(void *cookie, int r, const struct err *e, const char *out, size_t out_len);

struct worker_args {
	const char *what; /* for error texts: "copy-up of data"; copied */
	worker_job_fn job;
	worker_done_fn done;
	void *cookie; /* for both; the child has its own copy of what it points to */
	int64_t deadline_ms;
	const int *keep_fds; /* stay open in the child, under the same numbers */
	size_t n_keep_fds;   /* at most WORKER_KEEP_MAX */
};

/* cgroup_dirfd: v2 directory that workers are cloned into; leftovers_fd: what each holds open until it ends. -1: none. */
int worker_pool_open(
	struct event_base *base, int cgroup_dirfd, int leftovers_fd, struct worker_pool **out, struct err *e);
/* Kills what runs, without calling done(). */
void worker_pool_free(struct worker_pool *p);
/* How many have not been answered. */
size_t worker_pool_busy(const struct worker_pool *p);

/* out may be NULL. */
int worker_start(struct worker_pool *p, const struct worker_args *args, struct worker **out, struct err *e);
/* done() follows with -ECANCELED, unless the answer is there already. */
void worker_cancel(struct worker *w);

OWN_DEFINE_PTR(worker_pool, struct worker_pool, worker_pool_free)

#endif
