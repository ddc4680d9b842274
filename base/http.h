/*
 * http - HTTP/1.1 over Unix sockets, server and client, bodies streaming both ways with back-pressure.
 *
 * Source:  RFC 9110, RFC 9112; Docker's hijack ("101 UPGRADED", Engine API: attach). libevent's bufferevent
 *          carries the bytes, libhttp-parser reads them.
 * Units:   bytes; milliseconds.
 * Context: the thread of the event_base. No callback of this module runs from inside one of its own calls,
 *          all come from the loop (http_server_free is the exception). So a callback may end or free
 *          anything, itself included. Make the base with EVENT_BASE_FLAG_PRECISE_TIMER: libevent's coarse
 *          clock turns a millisecond into four. SIGPIPE gets an empty handler unless the program has set it
 *          (a handler, unlike SIG_IGN, does not reach a child past execve or CLONE_CLEAR_SIGHAND).
 * Owns:    A request (struct http_request) belongs to its handler until the handler ends it, by exactly one
 *          of http_reply, http_reply_end, http_hijack, http_drop; from then on it must not be touched. It
 *          stays valid until that call even when the client has gone (http_on_close tells): replying is then
 *          a harmless no-op. The one exception is a body that fails: after the body callback was told r < 0
 *          the request is ended.
 *          A stream (struct http_stream) belongs to who got it until http_stream_finish, http_stream_abort,
 *          or until its on_close has returned; after any of them no callback comes.
 * Errors:  -errno. What is wrong with a request's form is answered by the server itself (400, 413, 417, 431,
 *          408, 501, 503, 505) with {"message":"..."}.
 */
#ifndef BASE_HTTP_H
#define BASE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/err.h"

struct event_base;
struct http_server;
struct http_request;
struct http_stream;
struct http_client;

/* ---------------------------------------------------------------- server */

/* Called when a request's headers are complete (its body may not be here yet). */
typedef void (*http_handler)(struct http_request *rq, void *cookie);

struct http_limits {
	unsigned max_connections; /* 1024; more are answered 503 and closed */
	unsigned header_ms;	  /* 10 s: from the first byte of a request to the end of its headers */
	unsigned idle_ms;	  /* 60 s: a kept connection without a request */
	unsigned body_ms;	  /* 30 s: no byte of a body that somebody reads */
	unsigned stall_ms;	  /* 30 s: more than high_water queued and the client takes nothing */
	size_t high_water;	  /* 1 MiB */
};

/* listen_fd is taken, also on failure. */
int http_server_new(struct event_base *base, int listen_fd, http_handler fn, void *cookie,
	struct http_server **out, struct err *e);
/* Closes the listener and every connection; each unfinished request or stream is told as if its client had
 * gone. */
void http_server_free(struct http_server *s);
/* Fields that are zero keep their value. */
void http_server_set_limits(struct http_server *s, const struct http_limits *limits);
/* Headers on every answer: name, value, name, value, ..., NULL; copied. */
int http_server_set_headers(struct http_server *s, const char *const *pairs);
unsigned http_server_connections(const struct http_server *s);

const char *http_method(const struct http_request *rq);
/* Decoded, without the query; begins with '/'. */
const char *http_path(const struct http_request *rq);
/* The first such key's decoded value ("" for a bare key), or NULL. */
const char *http_query(const struct http_request *rq, const char *key);
/* The next of that key behind value, which one of the two has returned. */
const char *http_query_next(const struct http_request *rq, const char *key, const char *value);
/* Any case; NULL when missing. */
const char *http_header(const struct http_request *rq, const char *name);
/* SO_PEERCRED of the connection (pid 0 when unknown). */
struct ucred http_peer(const struct http_request *rq);
bool http_wants_upgrade(const struct http_request *rq);
/* The client has gone; what is written goes nowhere. */
bool http_closed(const struct http_request *rq);
/* A pointer of the handler's own. */
void http_set_data(struct http_request *rq, void *data);
void *http_data(const struct http_request *rq);

/* Gather the whole body, NUL-terminated behind len, valid during the call. r < 0: -EFBIG (answered 413),
 * -ECONNRESET, -ETIMEDOUT (answered 408), -EPROTO (answered 400), -ENOMEM; data is NULL and the request is
 * ended: forget it. */
typedef void (*http_body_fn)(struct http_request *rq, const char *data, size_t len, int r, void *cookie);
void http_read_body(struct http_request *rq, size_t max_bytes, http_body_fn done, void *cookie);
/* The body in pieces, then on_end(r = 0) once; or on_end(r < 0) as above. Ending the request earlier stops
 * both. */
void http_stream_body(struct http_request *rq,
	void (*on_data)(struct http_request *rq, const char *data, size_t len, void *cookie),
	void (*on_end)(struct http_request *rq, int r, void *cookie), void *cookie);
void http_pause_body(struct http_request *rq);
void http_resume_body(struct http_request *rq);

/* A whole answer. content_type NULL: none. HEAD, 204 and 304 go without a body. */
void http_reply(struct http_request *rq, int status, const char *content_type, const void *body, size_t len);
/* The same with headers: name, value, ..., NULL. */
void http_reply_headers(struct http_request *rq, int status, const char *content_type,
	const char *const *headers, const void *body, size_t len);
/* An answer in pieces (chunked; until close for HTTP/1.0). The headers leave at once. headers may be NULL. */
void http_reply_begin(
	struct http_request *rq, int status, const char *content_type, const char *const *headers);
void http_reply_write(struct http_request *rq, const void *data, size_t len);
void http_reply_end(struct http_request *rq);
/* Has http_reply_begin been called? */
bool http_replying(const struct http_request *rq);
/* End without an answer or in the middle of one: the connection is closed. */
void http_drop(struct http_request *rq);
/* Bytes written that the kernel has not taken yet. */
size_t http_pending(const struct http_request *rq);
/* Called whenever http_pending falls to low_water or below after having been above it. */
void http_on_drain(struct http_request *rq, size_t low_water,
	void (*fn)(struct http_request *rq, void *cookie), void *cookie);
/* The client went away before the request was ended (not called while a body is being read: that fails
 * instead). The handler still owes the end, http_drop as a rule, now or later. */
void http_on_close(struct http_request *rq, void (*fn)(struct http_request *rq, void *cookie), void *cookie);

/* Take the connection over: 101 UPGRADED when the client asked for an upgrade, else 200, then raw bytes both
 * ways. Ends the request. An unread body is skipped. NULL when the client has gone. */
struct http_stream *http_hijack(struct http_request *rq, const char *content_type);

/* ---------------------------------------------------------------- streams, either side */

struct http_stream_ops {
	void (*on_data)(struct http_stream *s, const char *data, size_t len, void *cookie);
	/* The peer has ended its sending direction; ours goes on. At most once. */
	void (*on_eof)(struct http_stream *s, void *cookie);
	/* http_stream_pending fell to the low-water mark (64 KiB) after having been above it. */
	void (*on_drain)(struct http_stream *s, void *cookie);
	/* The peer is gone altogether (or took nothing for stall_ms: -ETIMEDOUT). The stream ends with this
	 * call. */
	void (*on_close)(struct http_stream *s, int r, void *cookie);
};

#define HTTP_STREAM_LOW_WATER (64 * 1024)

/* Until this is called nothing is read. ops may have NULL members and must outlive the stream. */
void http_stream_set(struct http_stream *s, const struct http_stream_ops *ops, void *cookie);
/* -ENOMEM; -EPIPE when the peer is known to be gone (on_close follows). Queues without bound: watch pending.
 *
 * Some clients lose what arrives together with the 101 header, so the first bytes of a hijacked stream are
 * held back until the header has been taken (at most 100 ms). They count as pending. */
int http_stream_write(struct http_stream *s, const void *data, size_t len);
size_t http_stream_pending(const struct http_stream *s);
void http_stream_pause_read(struct http_stream *s);
/* For a pause that may last: on_close comes all the same when the peer goes altogether and has left nothing unread.
 * Until reading is resumed. */
void http_stream_watch_paused(struct http_stream *s);
void http_stream_resume_read(struct http_stream *s);
/* End our sending direction after what is queued; reading goes on (a client's end of stdin). */
void http_stream_shutdown(struct http_stream *s);
/* Flush, shut down, close; the stream is no longer the caller's. A client that takes nothing is dropped after
 * stall_ms. */
void http_stream_finish(struct http_stream *s);
/* Close at once. */
void http_stream_abort(struct http_stream *s);

/* ---------------------------------------------------------------- client */

struct http_client_request {
	const char *socket_path;
	const char *method;
	const char *target; /* path?query, already escaped */
	const char *content_type;
	const void *body; /* copied; or NULL */
	size_t body_len;
	const char *const *headers; /* name, value, ..., NULL; or NULL */
	bool stream_body;	    /* chunked body by http_client_write */
	bool upgrade;		    /* ask for a raw stream */
};

struct http_client_ops {
	void (*on_reply)(struct http_client *c, int status, void *cookie);
	void (*on_data)(struct http_client *c, const char *data, size_t len, void *cookie);
	void (*on_end)(struct http_client *c, void *cookie);
	/* The connection could not be made, broke (-ECONNRESET, -EPIPE), or spoke no HTTP (-EPROTO). Nothing follows. */
	void (*on_error)(struct http_client *c, const struct err *e, void *cookie);
	/* In place of on_data and on_end when an upgrade was granted; s is the callee's. Called after
	 * on_reply. */
	void (*on_stream)(struct http_client *c, struct http_stream *s, void *cookie);
	/* http_client_pending fell to 64 KiB. */
	void (*on_drain)(struct http_client *c, void *cookie);
};

/* ops must outlive the call. *out is the caller's; http_client_free at any time (in a callback too) cancels.
 */
int http_client_start(struct event_base *base, const struct http_client_request *rq,
	const struct http_client_ops *ops, void *cookie, struct http_client **out, struct err *e);
void http_client_free(struct http_client *c);
/* A header of the answer; NULL when missing or not here yet. */
const char *http_client_header(const struct http_client *c, const char *name);
int http_client_write(struct http_client *c, const void *data, size_t len);
void http_client_write_end(struct http_client *c);
size_t http_client_pending(const struct http_client *c);
void http_client_pause(struct http_client *c);
void http_client_resume(struct http_client *c);

/* One request from start to end, blocking, with an event_base of its own; JSON in (body NULL: none), the
 * answer's body appended to out. A connection that cannot be made is the connect's errno. */
int http_call(const char *socket_path, const char *method, const char *target, const char *body,
	size_t body_len, int *out_status, struct buf *out, struct err *e);

/* Append s with everything but RFC 3986's unreserved characters %-escaped. */
int http_escape(struct buf *out, const char *s);
/* Decode %XX in place, '+' as blank when asked. -EINVAL: a bad escape or %00. */
int http_unescape(char *s, bool plus_is_blank);

#endif
