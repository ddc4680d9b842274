/*
 * archive - files into and out of a container, streamed: cp and export for one client.
 *
 * A worker prepares what the container's root is made of when it does not run, and runs runtime/archive.h's process; a pipe
 * carries the archive between that and us. What the client does not take stays in the pipe, so neither side gets ahead.
 * A container that is just being started, or just ends, is waited for.
 *
 * A root that does not run is only looked at through a view of its own, beside whatever starts meanwhile. It is written to
 * through its real overlay, of which the kernel allows one at a time: archives into it and starts take turns (container_root.h).
 *
 * Owns:    a job frees itself when done() has returned, or after archive_cancel() when its processes have ended.
 * Errors:  -ENOENT with docker's text, -EINVAL: not a directory, or read-only; -EBUSY: it is being removed, or is busy; else
 *          those of runtime/archive.h.
 * Context: the loop. No callback comes from inside a call.
 */
#ifndef SUPERVISOR_ARCHIVE_H
#define SUPERVISOR_ARCHIVE_H

#include "runtime/archive.h"
#include "supervisor/container.h"

struct archive_job;

struct archive_request {
	enum archive_op op;
	const char *path; /* as the client wrote it; NULL for an export */
	const char *ref;  /* the container, as the client named it */
	/* ARCHIVE_PUT; the ids are those of the container's own user, if it names one, else the archive's. */
	bool no_overwrite_dir_non_dir, copy_ids;
};

struct archive_ops {
	/* Once, before any data; not for ARCHIVE_PUT. Its strings are terminated. */
	void (*on_stat)(void *cookie, const struct archive_stat *st);
	void (*on_data)(void *cookie, const char *data, size_t len);
	/* All that was fed is on its way. */
	void (*on_drain)(void *cookie);
	/* The end: all has been told. */
	void (*done)(void *cookie, int r, const struct err *e);
};

/* ops must outlive the job. */
int archive_start(struct container *c, const struct archive_request *rq, const struct archive_ops *ops,
	void *cookie, struct archive_job **out, struct err *e);
/* Until archive_resume() no data comes. */
void archive_pause(struct archive_job *job);
void archive_resume(struct archive_job *job);
/* ARCHIVE_PUT: more of the archive. False: feed no more before on_drain(). */
bool archive_feed(struct archive_job *job, const void *data, size_t len);
void archive_feed_end(struct archive_job *job);
/* No callback comes any more. */
void archive_cancel(struct archive_job *job);

#endif
