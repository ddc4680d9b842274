/*
 * session - a container's or exec's streams on our standard streams: terminal, detach keys, signals, end of input.
 *
 * A container's stream goes on after a supervisor's death where it broke off (supervisor/attach.h); what was typed and had not
 * left the dead one is lost.
 *
 * Our output is written as the readers take it: when they are slow the stream from the daemon is paused, so memory
 * stays flat. A reader that has gone (SIGPIPE) ends the program as it would end any filter.
 *
 * Owns:    session_free() gives back everything, the stream and the terminal's settings included.
 */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include <stdbool.h>

#include "base/http.h"
#include "cli/api.h"
#include "cli/frames.h"
#include "cli/outlet.h"

/* Where decoded output goes: also used where there is no session (logs). */
struct display {
	struct outlet out, err;
	struct frames frames;
	bool tty; /* one stream, no frames */
};

int display_init(struct display *d, struct event_base *base, bool tty, void (*moved)(void *cookie),
	void *cookie, struct err *e);
void display_done(struct display *d);
void display_feed(struct display *d, const char *data, size_t len);
/* A piece of a frame that somebody else has decoded. */
void display_show(struct display *d, enum frame_stream stream, const char *data, size_t len);
/* The larger of what waits for the two readers. */
size_t display_queued(const struct display *d);
/* Ends the program by SIGPIPE when a reader has gone; -errno of another failure. */
int display_check(struct display *d, struct err *e);

struct session;

struct session_setup {
	const struct cli *cli;
	struct event_base *base;
	bool tty; /* the container has a terminal */
	bool with_stdin;
	bool sig_proxy; /* without a terminal: signals go to kill_target */
	const char *detach_keys;
	const char *kill_target;   /* "/containers/ID/kill", or NULL */
	const char *resize_target; /* "/containers/ID/resize", or NULL */
};

/* "the input device is not a TTY" as an error of its own, before anything is made. */
int session_check_tty(bool tty, bool with_stdin, struct err *e);
int session_new(const struct session_setup *setup, struct session **out, struct err *e);
void session_free(struct session *s);
/* The stream was asked for by this request, with berth_resume: when it breaks, ask for the rest. Borrowed. */
void session_resume_by(struct session *s, const char *target);
/* Take the stream and begin: raw mode when it is a terminal's. */
int session_begin(struct session *s, struct http_stream *stream, struct err *e);
/* Tell the daemon our terminal's size, now and at every change. */
void session_resize(struct session *s);
/* Run the loop until the stream has ended and everything is written; or *also is set, if given, and nothing has
 * come for 10 s after. -errno when our output failed. */
int session_wait(struct session *s, const bool *also, struct err *e);
bool session_detached(const struct session *s);

OWN_DEFINE_PTR(session, struct session, session_free)

#endif
