/*
 * api - calls to the daemon: JSON in and out, errors as a person should read them.
 *
 * Owns:    json_t results are new references.
 * Errors:  -ECONNREFUSED and the like: "Cannot connect to the berth daemon at unix:///...";
 *          an answer of 400 and above: "Error response from daemon: ..." with -ENOENT for 404, -EEXIST for 409, else
 *          -EREMOTEIO.
 */
#ifndef CLI_API_H
#define CLI_API_H

#include <event2/event.h>
#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/http.h"
#include "cli/cli.h"

/* Blocking. body NULL: none. out NULL: the answer is not wanted. Returns the status (below 400) or -errno. */
int api_call(const struct cli *cli, const char *method, const char *target, const json_t *body, json_t **out,
	struct err *e);
/* printf for targets, each %s escaped by api_target itself: api_target(&b, "/containers/%s/stop", name). */
int api_target(struct buf *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Append "?key=value" or "&key=value", the value escaped. */
int api_query(struct buf *target, const char *key, const char *value);
/* The error of an answer with this status and body. */
int api_error(int status, const char *body, size_t len, struct err *e);
/* The error of a connection that failed. */
int api_connection_error(const struct cli *cli, struct err *e);

/* One request in the background of a loop. */
struct remote {
	const struct cli *cli;
	struct event_base *base;
	struct http_client *client;
	struct http_stream *stream; /* granted, not set up yet; the taker sets it to NULL */
	int status;		    /* 0: no answer yet */
	struct buf body;
	bool ended;	/* the answer is complete, or it failed, or it became a stream */
	struct err err; /* .code != 0: the connection failed */
	void (*on_data)(struct remote *r, const char *data, size_t len); /* NULL: gathered in body */
	void (*changed)(struct remote *r); /* after any of the above changed; may be NULL */
	void *cookie;
};
int remote_start(struct remote *r, const struct cli *cli, struct event_base *base, const char *method,
	const char *target, const json_t *body, bool upgrade, struct err *e);
void remote_done(struct remote *r);
/* Run the loop until the answer's head is here (or it failed): the status or -errno. */
int remote_wait_head(struct remote *r, struct err *e);
/* Until all of it is here; a status of 400 and above is an error. Returns the status. */
int remote_wait_end(struct remote *r, struct err *e);

OWN_DEFINE(remote, struct remote, remote_done)

/* A loop with a clock fine enough for us. */
struct event_base *api_loop_new(void);

#endif
