/*
 * http_conn - one connection of the server and the request on it, as http_server.c and http_request.c share them.
 *
 * A connection goes IDLE → HEAD → BODY → WAIT (for the handler's end) → IDLE …, or to CLOSE (flush what is queued) →
 * LINGER (read the peer's rest away) → freed. Its memory stays while a frame of ours is on the stack (busy).
 *
 * Internal to base/http_*.c.
 */
#ifndef BASE_HTTP_CONN_H
#define BASE_HTTP_CONN_H

#include "base/http_wire.h"

struct http_server {
	struct event_base *base;
	int fd;
	struct event accept_ev, retry_ev;
	http_handler handler;
	void *cookie;
	struct http_limits limits;
	struct buf headers; /* rendered */
	struct list conns, streams;
	unsigned count;
	unsigned busy;
	bool ended;
};

enum conn_phase { CONN_IDLE, CONN_HEAD, CONN_BODY, CONN_WAIT, CONN_CLOSE, CONN_LINGER };

struct conn {
	struct list link;
	struct http_server *server;
	struct bufferevent *bev;
	int fd;
	http_parser parser;
	enum conn_phase phase;
	struct http_request *rq; /* not ended yet */
	struct event kick, timer;
	struct http_watch watch;
	unsigned busy;
	bool dead;	/* free when not busy */
	bool eof;	/* the peer ended its sending direction */
	bool keep;	/* another request may follow */
	bool in_parser; /* http_parser_execute is on the stack */
	bool fresh;	/* the headers are complete, the handler was not called yet */
	int refuse;	/* a status to refuse the message with, found by a parser's callback */
};

enum body_reader { READ_NONE, READ_GATHER, READ_STREAM };

struct http_request {
	struct conn *conn; /* NULL: the client has gone */
	struct http_head head;
	const char *method;
	char *path;
	char *query; /* "k\0v\0k\0v\0", decoded; query_len bytes */
	size_t query_len;
	void *data;
	bool handed; /* to the handler; before that it is the connection's */
	bool upgrade, http10, is_head;
	bool expect; /* the client waits for "100 Continue" */

	enum body_reader reader;
	bool paused, body_done;
	size_t max_bytes;
	struct buf body;
	http_body_fn done;
	void (*on_body)(struct http_request *rq, const char *data, size_t len, void *cookie);
	void (*on_body_end)(struct http_request *rq, int r, void *cookie);
	void *body_cookie;

	bool begun, chunked, bodyless;
	bool above;
	size_t low_water;
	void (*on_drain)(struct http_request *rq, void *cookie);
	void *drain_cookie;
	void (*on_close)(struct http_request *rq, void *cookie);
	void *close_cookie;
	struct event late; /* tells on_close when it was set after the client had gone */
	bool late_set;
	unsigned busy;
	bool ended;
};

/* http_request.c */
struct http_request *http_request_new(struct event_base *base);
void http_request_free(struct http_request *rq);
/* Split the target into path and query: 0, or the status to refuse it with. */
int http_request_set_target(struct http_request *rq, char *url);
void http_request_tell_drain(struct http_request *rq);
/* The client has gone: rq loses its connection; a body being read fails with r, else on_close is told. */
void http_request_lose(struct http_request *rq, int r);

/* http_server.c */
void conn_kick(struct conn *c);
/* Let the connection go on after its request has ended. */
void conn_request_ended(struct conn *c);
/* Read away a body nobody wants, as far as it is here: true when the message is complete now. */
bool conn_skip_body(struct conn *c);
void conn_close(struct conn *c);
/* Its bufferevent is somebody else's now. */
void conn_give_away(struct conn *c);

#endif
