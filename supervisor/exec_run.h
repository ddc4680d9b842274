/*
 * exec_run - one exec while it runs: its process, its group, and its stream. For exec_session.c and exec_io.c.
 *
 * Life: begin -> running -> exited (code stored) -> drained -> over. The process is reaped by its pidfd the moment it ends.
 */
#ifndef SUPERVISOR_EXEC_RUN_H
#define SUPERVISOR_EXEC_RUN_H

#include "runtime/exec.h"
#include "supervisor/detach.h"
#include "supervisor/exec_session.h"

struct input;

struct exec_out {
	struct exec_run *run;
	int fd; /* -1: ended */
	struct event *readable;
};

struct exec_run {
	struct exec_session *x;
	struct engine *engine;
	done_fn done; /* until the start is answered */
	void *cookie;

	struct exec exec;
	bool begun;
	struct cgroup group; /* its own; .path "" when it had to join the container's */
	int stage_pidfd, pidfd;
	int64_t until_ns; /* of the start */
	struct event *report, *deadline, *timeout, *stage_ended, *ended, *over;

	/* exec_io.c */
	struct http_stream *stream; /* NULL: detached, or the client has gone */
	struct exec_out out[2];
	struct input *input;
	int console_fd;
	struct detach detach;
	bool input_paused, stalled;
};

/* Makes the pipes that were asked for; ends are the process's, -1 for null. */
int exec_io_open(struct exec_run *run, int ends[3], struct err *e);
int exec_io_set_console(struct exec_run *run, int console_fd, struct err *e);
/* The process runs: read it, and the client. */
void exec_io_start(struct exec_run *run);
bool exec_io_is_drained(const struct exec_run *run);
bool exec_io_is_stalled(const struct exec_run *run);
/* Tell the client why there is nothing. */
void exec_io_say(struct exec_run *run, const char *text);
/* Everything closed; what is queued for the client still goes out. */
void exec_io_close(struct exec_run *run);
int exec_io_resize(struct exec_run *run, unsigned width, unsigned height, struct err *e);

/* For exec_io.c: all output was read. */
void exec_run_drained(struct exec_run *run);
/* The session goes: kill what runs, forget it. */
void exec_run_free(struct exec_run *run);

#endif
