/*
 * http_wire - what the server's and the client's side of base/http.h share: message heads, the watch for a peer
 * that is gone altogether, SIGPIPE, and the making of raw streams.
 *
 * Internal to base/http_*.c.
 */
#ifndef BASE_HTTP_WIRE_H
#define BASE_HTTP_WIRE_H

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <http_parser.h>

#include "base/buf.h"
#include "base/http.h"
#include "base/list.h"

#define HTTP_HEAD_MAX	(64 * 1024)
#define HTTP_READ_WATER (64 * 1024)

/* A message's target and headers, gathered by the parser's callbacks. */
struct http_head {
	struct buf url;
	struct buf text; /* name NUL value NUL name NUL value NUL ... */
	enum { HEAD_NONE, HEAD_NAME, HEAD_VALUE } last;
};

void http_head_done(struct http_head *h);
int http_head_add_name(struct http_head *h, const char *at, size_t len);
int http_head_add_value(struct http_head *h, const char *at, size_t len);
int http_head_close(struct http_head *h);
const char *http_head_get(const struct http_head *h, const char *name);
/* Is word in the comma-separated header? Any case. */
bool http_head_has_word(const struct http_head *h, const char *name, const char *word);

const char *http_reason(int status);
/* Append "Name: value\r\n" pairs; -EINVAL when one holds CR, LF or NUL-like control bytes. */
int http_add_headers(struct buf *out, const char *const *pairs);
/* Once per program: header limit of the parser, a handler for SIGPIPE. */
void http_wire_init(void);
/* Read on while wanted and less than HTTP_READ_WATER is waiting. libevent's own high-water mark would not do: at the
 * mark it calls the read callback again and again (2.1's bufferevent_inbuf_wm_check). */
void http_regulate_input(struct bufferevent *bev, bool wanted);

/* A peer that has ended its sending direction only may still close altogether, and epoll would report its half-close
 * for ever. An edge-triggered event on a duplicate of the descriptor wakes us for changes only. */
struct http_watch {
	struct event ev;
	int fd; /* the duplicate; -1: not watching */
};
void http_watch_init(struct http_watch *w);
/* fn runs from the loop at every change of fd. */
int http_watch_start(struct http_watch *w, struct event_base *base, int fd, event_callback_fn fn, void *arg);
void http_watch_stop(struct http_watch *w);
/* Both directions are closed. */
bool http_hung_up(int fd);

struct http_stream_setup {
	struct event_base *base;
	struct bufferevent *bev; /* taken on success */
	bool hold;		 /* hold first bytes back until the header is taken */
	uint64_t skip;		 /* bytes of input that belong to a body nobody read */
	bool peer_eof;		 /* EOF was already seen */
	bool read_past_error;	 /* a failed write is no end: first read what the peer has sent */
	unsigned stall_ms;	 /* 0: never */
	size_t high_water;
	struct list *owner_list;       /* or NULL */
	void (*released)(void *owner); /* the stream has ended, whoever ended it; or NULL */
	void *owner;
};
int http_stream_new(const struct http_stream_setup *setup, struct http_stream **out);
/* The owner ends: on_close(-ECANCELED), then freed. item is a link in owner_list. */
void http_stream_cancel(struct list *item);

#endif
