/*
 * exec_session - one further process in a running container, as docker's exec instances are.
 *
 * Created with what it is to be, started once (on a stream or detached), inspectable for 5 to 10 minutes after its end.
 * The exit code is stored before the stream is closed: a client reads it once, right after the end of the stream.
 * The stream ends when the output does, at most 2 s after the process itself while others hold the pipe.
 *
 * Owns:    struct exec_session belongs to the engine; the pointer is good until the loop is returned to.
 * Errors:  -ENOENT "No such exec instance: X", -EBUSY for a container that cannot take one and for a second start,
 *          -EINVAL for a bad body (the text names the member).
 */
#ifndef SUPERVISOR_EXEC_SESSION_H
#define SUPERVISOR_EXEC_SESSION_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/text.h"
#include "supervisor/engine.h"

struct http_stream;
struct exec_run;

#define EXEC_NAME_MAX 128

struct exec_session {
	struct list link;
	struct engine *engine;
	char id[TEXT_ID_LEN + 1];
	struct container *container; /* its removal ends the session first */
	json_t *body;		     /* the create body: Cmd, Env, User, ... checked */
	const json_t *process; /* "Berth": {"Process"}: exactly this process of OCI's; NULL: the body says */
	const char
		*name; /* "Berth": {"Id"}: its id for libcontainerd's verbs, its container's own; else .id */
	bool tty, attach_stdin, attach_stdout, attach_stderr, privileged;
	uint16_t console_width, console_height; /* 0: not set */
	int64_t timeout_ns; /* "Berth": {"TimeoutNs"}: then all of it is killed; 0: none */

	bool started, running;
	bool has_exit_code;
	int exit_code;
	pid_t pid;
	int64_t ended_ns;     /* monotonic */
	struct exec_run *run; /* while it runs */
	/* For who has made it himself: called once, at its end, with the code, or -1 when it goes away without one. From inside
	 * what ends it: only to note it. */
	void (*ended)(void *cookie, int exit_code);
	void *ended_cookie;
};

struct exec_start_options {
	bool detach;
	bool tty; /* must agree with the create body's, as docker's clients send it */
	uint16_t console_width, console_height;
};

int exec_session_create(struct container *c, const json_t *body, struct exec_session **out, struct err *e);
struct exec_session *exec_session_find(struct engine *en, const char *id, struct err *e);
/* Could it be started now? Asked before the connection is taken over. */
int exec_session_check_start(struct exec_session *x, struct err *e);
/* stream: NULL when detached, else owned from here. done: running (r = 0), or why not; exit_code is then 126 or 127, the stream
 * has been told and closed. */
void exec_session_start(struct exec_session *x, const struct exec_start_options *o,
	struct http_stream *stream, done_fn done, void *cookie);
int exec_session_resize(struct exec_session *x, unsigned width, unsigned height, struct err *e);
/* Tells .ended. */
void exec_session_tell_end(struct exec_session *x, int exit_code);
/* An event whose action is the word and the command: "exec_start: ls -l". */
void exec_session_say(struct exec_session *x, const char *word);
/* From now on, or, before it runs, from then on: when the time is over all of it is killed. */
void exec_session_limit(struct exec_session *x, int64_t timeout_ns);
/* cgroup.kill of its own group. */
int exec_session_kill(struct exec_session *x, struct err *e);

/* Ids of the container's execs that run, newest last: a JSON array, or null when there are none. A new reference. */
json_t *exec_session_ids(const struct container *c);
/* The container is gone: so are its execs. */
void exec_session_container_ended(struct container *c);
void exec_session_forget_container(struct container *c);
/* After a supervisor's death: the ends of its execs that nobody was told of. */
void exec_session_recover(struct engine *en);
void exec_session_free_all(struct engine *en);
/* One has ended: the old ones are thrown away some minutes from now. */
void exec_session_collect_later(struct engine *en);

#endif
