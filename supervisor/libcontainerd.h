/*
 * libcontainerd - the verbs by which an engine above drives containers: an OCI spec made, started, looked at and taken away.
 *
 *     create -> created -> start -> running <-> paused -> stopped -> delete task -> unknown -> delete
 *
 * Create makes the real thing: groups, namespaces, mounts and an init that waits before its execve (container_hold.h); the spec
 * is run as it stands, with nothing of docker's added. What is so made is a container of the engine like any other: listed,
 * inspected, logged, attached to, taken up after a supervisor's death. And docker's containers can be driven by these verbs.
 *
 * Handles: lc_find() and lc_process() look an id up, once; all verbs take what those gave, and reach the process, its groups
 *          and its pipes by the descriptors in there. A container's handle is good until its "destroy" event, a process's until
 *          its end was told and the loop returned to.
 * Source:  moby's libcontainerd/types (Client, EventInfo, Status); config.json of the OCI runtime specification.
 * Errors:  -EEXIST and -EBUSY: conflict (the id is in use; not in that state); -ENOENT: no such container, process or task;
 *          -EINVAL: what was asked for makes no sense, the text names the member; -ENOSYS: checkpoints.
 * Events:  libcontainerd_event.h.
 * Context: the loop. JSON answers are new references, NULL when memory is out.
 */
#ifndef SUPERVISOR_LIBCONTAINERD_H
#define SUPERVISOR_LIBCONTAINERD_H

#include <jansson.h>
#include <stdbool.h>

#include "supervisor/container.h"
#include "supervisor/engine.h"

struct exec_session;
struct http_stream;

enum lc_status { LC_UNKNOWN, LC_CREATED, LC_RUNNING, LC_PAUSED, LC_PAUSING, LC_STOPPED, LC_STATUS_COUNT };

/* {"Version", "OciVersion", "Events": [types], "Statuses": [words]} */
json_t *lc_version(void);

/* By the id that it was created with, or the engine's own; whole, not a prefix. */
struct container *lc_find(struct engine *en, const char *id, struct err *e);
/* What the others know it by. */
const char *lc_id(const struct container *c);
/* A process of exec; *out NULL: the container's own init, whose id is "" or the container's. */
int lc_process(struct container *c, const char *id, struct exec_session **out, struct err *e);

/* body: {"Bundle": "/path"} or {"Spec": {config.json}}, and "Stdin": true for an input that stays open, "Name", "Labels". An
 * id of 64 hex digits becomes the engine's own id. found: NULL with r < 0: then nothing is left of it. */
typedef void (*lc_created_fn)(void *cookie, struct container *c, int r, const struct err *e);
void lc_create(struct engine *en, const char *id, const json_t *body, lc_created_fn done, void *cookie);
/* Is there a process of it, which one? {"Alive", "Pid"}, and of a dead one "ExitCode", "ExitedAt". */
json_t *lc_restore(const struct container *c);
/* Let go what create has made or, when the last task was deleted, both halves at once. .actual.pid was the pid. */
void lc_start(struct container *c, done_fn done, void *cookie);
int lc_signal(struct container *c, struct exec_session *x, int sig, struct err *e);
/* process: OCI's process object. stream: takes its output, and its input with use_stdin; owned from here; NULL: none. done: it
 * runs, or why not; *out at once. */
int lc_exec(struct container *c, const char *id, const json_t *process, bool use_stdin, bool use_output,
	struct exec_session **out, struct err *e);
void lc_exec_start(struct exec_session *x, struct http_stream *stream, done_fn done, void *cookie);
int lc_resize(struct container *c, struct exec_session *x, unsigned width, unsigned height, struct err *e);
int lc_close_stdin(struct container *c, struct exec_session *x, struct err *e);
/* Of the whole group, exec and all. */
void lc_pause(struct container *c, done_fn done, void *cookie);
void lc_resume(struct container *c, done_fn done, void *cookie);
/* What its groups have used; a number that this host does not know is null. */
int lc_stats(const struct container *c, json_t **out, struct err *e);
/* All processes in it, of exec too: [1, 2]. */
int lc_pids(const struct container *c, json_t **out, struct err *e);
/* [{"ProcessID", "Name", "State", "UserTimeNs", "KernelTimeNs", "MemoryBytes"}] */
int lc_summary(const struct container *c, json_t **out, struct err *e);
/* resources: linux.resources, but devices. Holds for this task. */
int lc_update(struct container *c, const json_t *resources, struct err *e);
/* The code and time of its end, which were to be fetched. -EBUSY: it has a process. */
int lc_delete_task(struct container *c, json_t **out, struct err *e);
/* Without force only what has no process any more. */
void lc_delete(struct container *c, bool force, done_fn done, void *cookie);
enum lc_status lc_status(const struct container *c);
const char *lc_status_name(enum lc_status s);
int lc_status_from_name(const char *word); /* -EINVAL */
/* {"ID", "EngineID", "Status", "Pid", ...} */
json_t *lc_describe(const struct container *c);

#endif
