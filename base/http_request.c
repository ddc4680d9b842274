#include "base/http_conn.h"

#include <errno.h>
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---------------------------------------------------------------- life */

static void on_late(evutil_socket_t fd, short what, void *arg);

struct http_request *http_request_new(struct event_base *base)
{
	struct http_request *rq = calloc(1, sizeof(*rq));
	if (rq)
		(void)event_assign(&rq->late, base, -1, 0, on_late, rq);
	return rq;
}

void http_request_free(struct http_request *rq)
{
	if (rq->late_set)
		(void)event_del(&rq->late);
	http_head_done(&rq->head);
	buf_done(&rq->body);
	free(rq->path);
	free(rq->query);
	free(rq);
}

/* Ended by the handler: the connection goes on without it. */
static void request_end(struct http_request *rq)
{
	struct conn *c = rq->conn;
	rq->ended = true;
	rq->conn = NULL;
	if (c)
		conn_request_ended(c);
	if (!rq->busy)
		http_request_free(rq);
}

static void request_leave(struct http_request *rq)
{
	if (--rq->busy == 0 && rq->ended)
		http_request_free(rq);
}

void http_request_lose(struct http_request *rq, int r)
{
	rq->conn = NULL;
	if (!rq->handed) {
		http_request_free(rq);
		return;
	}
	if (rq->reader != READ_NONE && !rq->body_done) {
		rq->body_done = true;
		rq->busy++;
		if (rq->reader == READ_GATHER)
			rq->done(rq, NULL, 0, r, rq->body_cookie);
		else
			rq->on_body_end(rq, r, rq->body_cookie);
		rq->ended = true;
		request_leave(rq);
	} else if (rq->on_close) {
		rq->on_close(rq, rq->close_cookie);
	}
}

void http_request_tell_drain(struct http_request *rq)
{
	if (!rq->above || http_pending(rq) > rq->low_water)
		return;
	rq->above = false;
	if (rq->on_drain)
		rq->on_drain(rq, rq->drain_cookie);
}

/* ---------------------------------------------------------------- what was asked */

/* "k=v&k=v" to "k\0v\0k\0v\0". */
static int split_query(struct http_request *rq, char *text)
{
	size_t len = strlen(text);
	rq->query = malloc(2 * len + 3);
	if (!rq->query)
		return 500;
	char *to = rq->query;
	for (char *part = text; part;) {
		char *next = strchr(part, '&');
		if (next)
			*next++ = '\0';
		char *value = strchr(part, '=');
		if (value)
			*value++ = '\0';
		if (http_unescape(part, true) < 0 || (value && http_unescape(value, true) < 0))
			return 400;
		if (*part) {
			to = stpcpy(to, part) + 1;
			to = stpcpy(to, value ? value : "") + 1;
		}
		part = next;
	}
	rq->query_len = (size_t)(to - rq->query);
	return 0;
}

int http_request_set_target(struct http_request *rq, char *url)
{
	if (strncasecmp(url, "http://", 7) == 0) {
		url += 7 + strcspn(url + 7, "/?#");
		if (*url != '/')
			return 400;
	}
	if (*url != '/')
		return 400;
	url[strcspn(url, "#")] = '\0';
	char *query = strchr(url, '?');
	if (query)
		*query++ = '\0';
	if (http_unescape(url, false) < 0)
		return 400;
	rq->path = strdup(url);
	if (!rq->path)
		return 500;
	return query ? split_query(rq, query) : 0;
}

const char *http_method(const struct http_request *rq)
{
	return rq->method;
}

const char *http_path(const struct http_request *rq)
{
	return rq->path;
}

static const char *find_query(const struct http_request *rq, const char *key, const char *p)
{
	const char *end = p ? rq->query + rq->query_len : NULL;
	while (p < end) {
		const char *value = p + strlen(p) + 1;
		if (strcmp(p, key) == 0)
			return value;
		p = value + strlen(value) + 1;
	}
	return NULL;
}

const char *http_query(const struct http_request *rq, const char *key)
{
	return find_query(rq, key, rq->query);
}

const char *http_query_next(const struct http_request *rq, const char *key, const char *value)
{
	return find_query(rq, key, value + strlen(value) + 1);
}

const char *http_header(const struct http_request *rq, const char *name)
{
	return http_head_get(&rq->head, name);
}

struct ucred http_peer(const struct http_request *rq)
{
	struct ucred cred = { 0 };
	socklen_t len = sizeof(cred);
	if (!rq->conn || getsockopt(rq->conn->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		cred = (struct ucred){ .pid = 0, .uid = (uid_t)-1, .gid = (gid_t)-1 };
	return cred;
}

bool http_wants_upgrade(const struct http_request *rq)
{
	return rq->upgrade;
}

bool http_closed(const struct http_request *rq)
{
	return !rq->conn;
}

void http_set_data(struct http_request *rq, void *data)
{
	rq->data = data;
}

void *http_data(const struct http_request *rq)
{
	return rq->data;
}

/* ---------------------------------------------------------------- its body */

static void on_late(evutil_socket_t fd, short what, void *arg)
{
	struct http_request *rq = arg;
	(void)fd;
	(void)what;
	rq->late_set = false;
	if (rq->reader != READ_NONE && !rq->body_done)
		http_request_lose(rq, -ECONNRESET);
	else if (rq->on_close)
		rq->on_close(rq, rq->close_cookie);
}

/* The client went before this was asked: tell it from the loop all the same. */
static void tell_late(struct http_request *rq)
{
	struct timeval now = { 0, 0 };
	if (rq->late_set)
		return;
	rq->late_set = true;
	(void)event_add(&rq->late, &now);
}

static void wake(struct http_request *rq)
{
	if (rq->conn)
		conn_kick(rq->conn);
	else
		tell_late(rq);
}

void http_read_body(struct http_request *rq, size_t max_bytes, http_body_fn done, void *cookie)
{
	rq->reader = READ_GATHER;
	rq->max_bytes = max_bytes;
	rq->done = done;
	rq->body_cookie = cookie;
	wake(rq);
}

void http_stream_body(struct http_request *rq,
	void (*on_data)(struct http_request *rq, const char *data, size_t len, void *cookie),
	void (*on_end)(struct http_request *rq, int r, void *cookie), void *cookie)
{
	rq->reader = READ_STREAM;
	rq->on_body = on_data;
	rq->on_body_end = on_end;
	rq->body_cookie = cookie;
	wake(rq);
}

void http_pause_body(struct http_request *rq)
{
	rq->paused = true;
	wake(rq); /* so that the body's deadline is stopped */
}

void http_resume_body(struct http_request *rq)
{
	rq->paused = false;
	wake(rq);
}

/* ---------------------------------------------------------------- the answer */

static void out_add(struct http_request *rq, const void *data, size_t len)
{
	/* Out of memory here would tear the framing: give the connection up instead. */
	if (len > 0 && evbuffer_add(bufferevent_get_output(rq->conn->bev), data, len) < 0)
		conn_close(rq->conn);
}

static bool status_has_no_body(int status)
{
	return status == 204 || status == 304 || (status >= 100 && status < 200);
}

/* len < 0: unknown, the body comes in pieces. */
static int add_head(struct http_request *rq, struct buf *out, int status, const char *content_type,
	const char *const *headers, int64_t len)
{
	struct conn *c = rq->conn;
	if (c->phase != CONN_WAIT)
		c->keep = false; /* the body's rest would be taken for the next request */
	rq->bodyless = rq->is_head || status_has_no_body(status);
	rq->chunked = len < 0 && !rq->http10 && !rq->bodyless;
	if (len < 0 && !rq->chunked && !rq->bodyless)
		c->keep = false; /* HTTP/1.0: the end of the connection is the end of the body */

	int r = buf_printf(out, "HTTP/1.1 %d %s\r\n", status, http_reason(status));
	if (r == 0)
		r = buf_add(out, c->server->headers.data, c->server->headers.len);
	if (r == 0 && content_type)
		r = http_add_headers(out, (const char *[]){ "Content-Type", content_type, NULL });
	if (r == 0)
		r = http_add_headers(out, headers);
	if (r == 0 && rq->chunked)
		r = buf_puts(out, "Transfer-Encoding: chunked\r\n");
	if (r == 0 && len >= 0 && !status_has_no_body(status))
		r = buf_printf(out, "Content-Length: %lld\r\n", (long long)len);
	if (r == 0 && !c->keep)
		r = buf_puts(out, "Connection: close\r\n");
	else if (r == 0 && rq->http10)
		r = buf_puts(out, "Connection: keep-alive\r\n");
	return r < 0 ? r : buf_puts(out, "\r\n");
}

static bool send_head(struct http_request *rq, int status, const char *content_type,
	const char *const *headers, int64_t len)
{
	auto_(buf) struct buf head = { 0 };
	rq->begun = true;
	if (len >= 0 || rq->reader == READ_NONE)
		(void)conn_skip_body(rq->conn);
	if (add_head(rq, &head, status, content_type, headers, len) < 0) {
		/* A header that would break the framing, or no memory: no answer is better than a torn one. */
		rq->conn->keep = false;
		conn_close(rq->conn);
		return false;
	}
	out_add(rq, head.data, head.len);
	return true;
}

void http_reply_headers(struct http_request *rq, int status, const char *content_type,
	const char *const *headers, const void *body, size_t len)
{
	if (rq->conn && send_head(rq, status, content_type, headers, (int64_t)len) && !rq->bodyless)
		out_add(rq, body, len);
	request_end(rq);
}

void http_reply(struct http_request *rq, int status, const char *content_type, const void *body, size_t len)
{
	http_reply_headers(rq, status, content_type, NULL, body, len);
}

void http_reply_begin(
	struct http_request *rq, int status, const char *content_type, const char *const *headers)
{
	if (rq->conn)
		(void)send_head(rq, status, content_type, headers, -1);
}

void http_reply_write(struct http_request *rq, const void *data, size_t len)
{
	if (!rq->conn || rq->bodyless || len == 0)
		return;
	if (rq->chunked) {
		char size[32];
		int n = snprintf(size, sizeof(size), "%zx\r\n", len);
		out_add(rq, size, (size_t)n);
	}
	out_add(rq, data, len);
	if (rq->chunked)
		out_add(rq, "\r\n", 2);
	if (http_pending(rq) > rq->low_water)
		rq->above = true;
}

void http_reply_end(struct http_request *rq)
{
	if (rq->conn && rq->chunked)
		out_add(rq, "0\r\n\r\n", 5);
	request_end(rq);
}

bool http_replying(const struct http_request *rq)
{
	return rq->begun;
}

void http_drop(struct http_request *rq)
{
	if (rq->conn)
		rq->conn->keep = false;
	request_end(rq);
}

size_t http_pending(const struct http_request *rq)
{
	return rq->conn ? evbuffer_get_length(bufferevent_get_output(rq->conn->bev)) : 0;
}

void http_on_drain(struct http_request *rq, size_t low_water,
	void (*fn)(struct http_request *rq, void *cookie), void *cookie)
{
	rq->low_water = low_water;
	rq->on_drain = fn;
	rq->drain_cookie = cookie;
	if (!rq->conn)
		return;
	bufferevent_setwatermark(rq->conn->bev, EV_WRITE, low_water, 0);
	if (http_pending(rq) > low_water)
		rq->above = true;
}

void http_on_close(struct http_request *rq, void (*fn)(struct http_request *rq, void *cookie), void *cookie)
{
	rq->on_close = fn;
	rq->close_cookie = cookie;
	if (!rq->conn && fn)
		tell_late(rq);
}

/* ---------------------------------------------------------------- taking over */

/* Our own client reads a raw stream from its first byte on, so nothing need be held back for it. */
static bool client_loses_bytes(const struct http_request *rq)
{
	const char *agent = http_header(rq, "User-Agent");
	return !agent || strncmp(agent, "berth/", 6) != 0;
}

static void stream_released(void *owner)
{
	struct http_server *s = owner;
	s->count--;
}

struct http_stream *http_hijack(struct http_request *rq, const char *content_type)
{
	struct conn *c = rq->conn;
	struct http_stream *stream = NULL;
	if (!c) {
		request_end(rq);
		return NULL;
	}
	uint64_t left = 0;
	if (!conn_skip_body(c)) {
		if ((c->parser.flags & F_CHUNKED) || c->in_parser) {
			static const char why[] =
				"{\"message\":\"the request's body must come before the stream\"}";
			http_reply(rq, 400, "application/json", why, sizeof(why) - 1);
			return NULL;
		}
		left = c->parser.content_length;
	}
	auto_(buf) struct buf head = { 0 };
	int r = buf_printf(&head, "HTTP/1.1 %s\r\n%s", rq->upgrade ? "101 UPGRADED" : "200 OK",
		c->server->headers.data ? c->server->headers.data : "");
	if (r == 0 && content_type)
		r = http_add_headers(&head, (const char *[]){ "Content-Type", content_type, NULL });
	if (r == 0 && rq->upgrade)
		r = buf_puts(&head, "Connection: Upgrade\r\nUpgrade: tcp\r\n");
	if (r == 0)
		r = buf_puts(&head, "\r\n");
	struct http_stream_setup setup = {
		.base = c->server->base,
		.bev = c->bev,
		.hold = client_loses_bytes(rq),
		.skip = left,
		.peer_eof = c->eof,
		.stall_ms = c->server->limits.stall_ms,
		.high_water = c->server->limits.high_water,
		.owner_list = &c->server->streams,
		.released = stream_released,
		.owner = c->server,
	};
	if (r < 0 || bufferevent_write(c->bev, head.data, head.len) < 0 ||
		http_stream_new(&setup, &stream) < 0) {
		http_drop(rq);
		return NULL;
	}
	c->server->count++;
	conn_give_away(c);
	rq->conn = NULL;
	request_end(rq);
	return stream;
}
